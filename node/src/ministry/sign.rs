//! `pishtar ministry sign`: adds the signatures that waiting roles need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::KeyId;

use super::error::MinistryError;
use super::keys::{self, NamedKey};
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::status::waiting;
use super::workshop::Workshop;

pub(super) fn sign(
    dir: &Path,
    role: Option<&str>,
    key_files: &[PathBuf],
    renew: bool,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let in_workshop = keys::load_all(&workshop.keys())?;
    let keys: Vec<NamedKey> = match key_files {
        [] => in_workshop.values().cloned().collect(),
        files => files
            .iter()
            .map(|file| keys::load(file))
            .collect::<Result<_, _>>()?,
    };
    let roles = match role {
        Some(role) => vec![staged.find(role)?],
        None => staged.signed_roles(),
    };
    let mut out = String::new();
    for role in &roles {
        if renew {
            renew_role(&mut staged, role, now)?;
        }
        match add_signatures(&mut staged, role, &keys)? {
            0 => {}
            1 => out += &format!("{role}: 1 signature added\n"),
            added => out += &format!("{role}: {added} signatures added\n"),
        }
    }
    staged.save()?;
    let missing = waiting(&staged, &roles, &in_workshop);
    if out.is_empty() && !missing.is_empty() {
        return Err(MinistryError::NothingSigned(missing));
    }
    out += match (out.is_empty(), missing.is_empty()) {
        (true, _) => "Nothing waits for a signature.\n",
        (false, true) => "All signatures are there.\n",
        (false, false) => "Still missing:\n",
    };
    out += &missing;
    Ok(out)
}

/// Signs with every key whose signature the role asks for and lacks; tells how many were added.
pub(super) fn add_signatures(
    staged: &mut Staged<'_>,
    role: &MetaRole,
    keys: &[NamedKey],
) -> Result<usize, MinistryError> {
    let Some(status) = staged.repository.status(role) else {
        return Ok(0);
    };
    let wanted: BTreeSet<KeyId> = status
        .requirements
        .into_iter()
        .flat_map(|rule| rule.missing)
        .collect();
    let mut added = 0;
    for key in keys
        .iter()
        .filter(|key| wanted.contains(&key.key.public().id()))
    {
        staged.repository.sign(role, &key.key)?;
        added += 1;
    }
    Ok(added)
}

/// A new version with the same content that expires later.
fn renew_role(
    staged: &mut Staged<'_>,
    role: &MetaRole,
    now: UnixSeconds,
) -> Result<(), MinistryError> {
    let expires = now + OFFLINE_LIFETIME;
    match role.targets_role() {
        Some(name) => {
            staged.need(&name)?;
            staged.repository.renew(&name, expires)?;
        }
        None => staged.repository.edit_root(expires, |_| {})?,
    }
    Ok(())
}
