//! `pishtar ministry clean`: stored lesson bytes that nothing names any more leave the workshop.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pishtar_signing::client::MetaRole;

use super::error::MinistryError;
use super::roles::{Staged, file_names};
use super::tidy;
use super::workshop::Workshop;

/// Deletes what neither the staged roles name nor what the workshop's own published folder still serves.
pub(super) fn clean(dir: &Path) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let mut staged = Staged::load(&workshop)?;
    staged.need_all()?;
    let roles = staged.signed_roles();
    let targets = roles
        .iter()
        .filter_map(MetaRole::targets_role)
        .filter_map(|role| staged.repository.targets(&role));
    let mut named: BTreeSet<String> = targets
        .flat_map(|targets| targets.targets.values())
        .filter_map(|file| Some(hex::encode(file.hashes.sha256()?)))
        .collect();
    let published = workshop.published();
    if published.join("metadata").is_dir() {
        named.extend(tidy::served_hashes(&published)?);
    }
    let (mut files, mut bytes) = (0, 0);
    let folder = workshop.files();
    for name in file_names(&folder)? {
        let part = folder.join(name);
        let stored = if part.is_dir() {
            file_names(&part)?
        } else {
            Vec::new()
        };
        for name in stored.into_iter().filter(|name| !named.contains(name)) {
            let path = part.join(name);
            bytes += fs::metadata(&path).map_or(0, |about| about.len());
            fs::remove_file(&path).map_err(MinistryError::io("removing", &path))?;
            files += 1;
        }
    }
    Ok(format!(
        "{files} files that no lesson names any more are deleted: {} MB. To bring such a lesson back, add it from its folder",
        bytes / 1_000_000
    ))
}
