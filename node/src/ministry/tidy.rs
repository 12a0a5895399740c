//! What a published folder keeps, and for how long.
//!
//! - Every root, for ever: a school that was offline for years walks the whole chain.
//! - Of every other role its newest [`KEPT_VERSIONS`] files. The snapshot before the present one names only such files, so
//!   whoever read the old timestamp finds all that it leads to; the rest are what neighbours compress the next version against.
//! - Of the lessons' files those that the newest or the second newest version of their role names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pishtar_signing::client::{MAX_TARGETS_BYTES, MetaFile, MetaRole};
use pishtar_signing::metadata::{Envelope, RoleName, Targets};

use super::error::MinistryError;
use super::publish::{Extent, target_place};
use super::roles::file_names;

/// Files of one role that a published folder keeps.
pub(super) const KEPT_VERSIONS: usize = 8;
/// Versions of a role whose lesson files a published folder keeps: the newest, and the one before for who still reads it.
const SERVED_VERSIONS: usize = 2;
/// Below `targets/`: publisher, course, lesson.
const MAX_DEPTH: usize = 8;

/// Versions of a role's file, the newest first.
type Versions = BTreeMap<MetaRole, Vec<u64>>;

/// Deletes what the rule above no longer keeps. `changed` are the roles whose file was written now.
pub(super) fn tidy(out: &Path, changed: &[RoleName], extent: Extent) -> Result<(), MinistryError> {
    let folder = out.join("metadata");
    let versions = versions(&folder)?;
    match extent {
        Extent::Changes => drop_replaced(out, &versions, changed)?,
        Extent::Everything => drop_unnamed(out, &versions)?,
    }
    for (role, list) in versions.iter().filter(|(role, _)| **role != MetaRole::Root) {
        for version in list.iter().skip(KEPT_VERSIONS) {
            remove(&folder.join(MetaFile::new(role.clone(), *version).file_name()))?;
        }
    }
    Ok(())
}

/// SHA-256 of every lesson file that a published folder serves, hex.
pub(super) fn served_hashes(out: &Path) -> Result<BTreeSet<String>, MinistryError> {
    let mut hashes = BTreeSet::new();
    for (role, list) in versions(&out.join("metadata"))? {
        if role.targets_role().is_none() {
            continue;
        }
        for version in list.into_iter().take(SERVED_VERSIONS) {
            let places = places(out, &role, version)?.unwrap_or_default();
            let names = places
                .iter()
                .filter_map(|place| place.file_name()?.to_str());
            hashes.extend(names.filter_map(|name| Some(name.split_once('.')?.0.to_owned())));
        }
    }
    Ok(hashes)
}

fn versions(folder: &Path) -> Result<Versions, MinistryError> {
    let mut versions = Versions::new();
    for name in file_names(folder)? {
        let Some(file) = MetaFile::parse(&name) else {
            continue;
        };
        if let Some(version) = file.version {
            versions.entry(file.role).or_default().push(version);
        }
    }
    versions
        .values_mut()
        .for_each(|list| list.sort_unstable_by(|a, b| b.cmp(a)));
    Ok(versions)
}

/// The files that the third newest version of a changed role named last.
fn drop_replaced(
    out: &Path,
    versions: &Versions,
    changed: &[RoleName],
) -> Result<(), MinistryError> {
    for role in changed.iter().map(MetaRole::from) {
        let list = versions.get(&role).map_or(&[][..], Vec::as_slice);
        let Some(replaced) = list.get(SERVED_VERSIONS) else {
            continue;
        };
        let mut served = BTreeSet::new();
        for version in &list[..SERVED_VERSIONS] {
            served.extend(places(out, &role, *version)?.unwrap_or_default());
        }
        let replaced = places(out, &role, *replaced)?.unwrap_or_default();
        for place in replaced.difference(&served) {
            let place = out.join("targets").join(place);
            remove(&place)?;
            remove_empty_folder(place.parent());
        }
    }
    Ok(())
}

/// Every file below `targets/` that no served version names.
fn drop_unnamed(out: &Path, versions: &Versions) -> Result<(), MinistryError> {
    let mut served = BTreeSet::new();
    for (role, list) in versions
        .iter()
        .filter(|(role, _)| role.targets_role().is_some())
    {
        for version in list.iter().take(SERVED_VERSIONS) {
            match places(out, role, *version)? {
                Some(places) => served.extend(places),
                // What a version that cannot be read names is unknown: nothing may be judged unnamed.
                None => return Ok(()),
            }
        }
    }
    let root = out.join("targets");
    let mut folders = vec![(root.clone(), PathBuf::new(), 0)];
    while let Some((folder, below, depth)) = folders.pop() {
        let names = if folder.is_dir() {
            file_names(&folder)?
        } else {
            Vec::new()
        };
        for name in names {
            let (path, place) = (folder.join(&name), below.join(&name));
            if path.is_dir() && depth < MAX_DEPTH {
                folders.push((path, place, depth + 1));
            } else if path.is_file() && !served.contains(&place) {
                remove(&path)?;
                remove_empty_folder(path.parent());
            }
        }
    }
    Ok(())
}

/// Where the files of one version lie; `None` when its metadata cannot be read.
fn places(
    out: &Path,
    role: &MetaRole,
    version: u64,
) -> Result<Option<BTreeSet<PathBuf>>, MinistryError> {
    let path = out
        .join("metadata")
        .join(MetaFile::new(role.clone(), version).file_name());
    let bytes = fs::read(&path).map_err(MinistryError::io("reading", &path))?;
    let read: Result<Envelope<Targets>, _> = Envelope::parse(&bytes, MAX_TARGETS_BYTES);
    Ok(read.ok().map(|envelope| {
        let targets = envelope.document.targets.iter();
        targets
            .map(|(path, file)| target_place(path, file))
            .collect()
    }))
}

fn remove(path: &Path) -> Result<(), MinistryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(MinistryError::io("removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// A folder that still holds something stays: the system refuses to remove it.
fn remove_empty_folder(folder: Option<&Path>) {
    if let Some(folder) = folder {
        let _ = fs::remove_dir(folder);
    }
}
