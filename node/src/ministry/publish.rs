//! `pishtar ministry publish`: snapshot, timestamp, and a folder as any TUF client expects it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::metadata::{TargetFile, TargetPath};

use super::error::MinistryError;
use super::files;
use super::keys::{self, NamedKey};
use super::roles::{SNAPSHOT_LIFETIME, Staged, TIMESTAMP_LIFETIME};
use super::sign::add_signatures;
use super::status::waiting;
use super::workshop::{About, Workshop, create_dir, read_if_there, sync_dir, write_atomic};

const TIMESTAMP: &str = "timestamp.json";

pub(super) fn publish(
    dir: &Path,
    to: Option<&Path>,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let mut workshop = Workshop::open(dir)?;
    let known = keys::load_all(&workshop.keys())?;
    let mut staged = Staged::load(&workshop)?;
    let missing = waiting(&staged, &staged.signed_roles(), &known);
    if !missing.is_empty() {
        return Err(MinistryError::Unsigned(missing));
    }
    let out = to.map_or_else(|| workshop.published(), Path::to_owned);
    let keys: Vec<NamedKey> = known.into_values().collect();
    let expires = seal(&mut staged, &keys, now)?;
    let metadata = staged.repository.publish()?;
    refuse_foreign(&out, &metadata)?;
    // Saved before it is shown to anyone: a version number is never given to two contents.
    staged.save()?;
    let files = write_targets(&staged, &out)?;
    write_metadata(&out, metadata)?;

    let published = published(&staged);
    let summary = summary(&staged, &out, files);
    drop(staged);
    let about = About {
        published,
        expires,
        ..workshop.about.clone()
    };
    workshop.set_about(about)?;
    Ok(summary)
}

/// Builds and signs snapshot and timestamp; tells when they expire.
///
/// What did not change and has half its life before it stays, so that publishing again makes no new version.
fn seal(
    staged: &mut Staged<'_>,
    keys: &[NamedKey],
    now: UnixSeconds,
) -> Result<BTreeMap<String, UnixSeconds>, MinistryError> {
    let before = staged.workshop.about.expires.clone();
    let half_left = |name: &str, lifetime| {
        before
            .get(name)
            .copied()
            .filter(|expires| expires - now > lifetime / 2)
    };

    let mut snapshot = now + SNAPSHOT_LIFETIME;
    if let Some(old) = half_left("snapshot", SNAPSHOT_LIFETIME)
        && !staged.repository.clone().build_snapshot(old)?
    {
        snapshot = old;
    }
    staged.repository.build_snapshot(snapshot)?;
    sign_online(staged, &MetaRole::Snapshot, keys)?;

    let mut timestamp = now + TIMESTAMP_LIFETIME;
    if let Some(old) = half_left("timestamp", TIMESTAMP_LIFETIME)
        && !staged.repository.clone().build_timestamp(old)?
    {
        timestamp = old;
    }
    staged.repository.build_timestamp(timestamp)?;
    sign_online(staged, &MetaRole::Timestamp, keys)?;
    Ok([
        ("snapshot".to_owned(), snapshot),
        ("timestamp".to_owned(), timestamp),
    ]
    .into())
}

fn sign_online(
    staged: &mut Staged<'_>,
    role: &MetaRole,
    keys: &[NamedKey],
) -> Result<(), MinistryError> {
    add_signatures(staged, role, keys)?;
    if staged.repository.is_complete(role) {
        return Ok(());
    }
    let keys = staged.workshop.keys().display().to_string();
    Err(MinistryError::MissingKey {
        role: role.to_string(),
        name: format!("{role}.json"),
        keys,
    })
}

/// Another publisher's folder is never overwritten.
fn refuse_foreign(out: &Path, metadata: &[(String, Vec<u8>)]) -> Result<(), MinistryError> {
    let first = metadata.iter().find(|(name, _)| name == "1.root.json");
    let there = read_if_there(&out.join("metadata/1.root.json"))?;
    match (there, first) {
        (Some(there), Some((_, ours))) if there != *ours => {
            Err(MinistryError::ForeignOut(out.display().to_string()))
        }
        _ => Ok(()),
    }
}

/// Every target of every role, top-level one included.
fn all_targets<'s>(
    staged: &'s Staged<'_>,
) -> impl Iterator<Item = (&'s TargetPath, &'s TargetFile)> {
    let roles = staged
        .signed_roles()
        .into_iter()
        .filter_map(|role| role.targets_role());
    roles
        .filter_map(|role| staged.repository.targets(&role))
        .flat_map(|targets| &targets.targets)
}

/// Links every file to `targets/<dir>/<sha256>.<file>` (TUF 6.2 consistent snapshots); tells how many are new there.
fn write_targets(staged: &Staged<'_>, out: &Path) -> Result<usize, MinistryError> {
    let root = out.join("targets");
    let mut new = 0;
    let mut folders = std::collections::BTreeSet::new();
    for (path, file) in all_targets(staged) {
        let sha256 = file.hashes.sha256().map(hex::encode).unwrap_or_default();
        let (folder, name) = path
            .as_str()
            .rsplit_once('/')
            .unwrap_or(("", path.as_str()));
        let folder = root.join(folder);
        let place = folder.join(format!("{sha256}.{name}"));
        if fs::metadata(&place).is_ok_and(|about| about.len() == file.length) {
            continue;
        }
        let stored = files::path_of(staged.workshop, &sha256);
        if !stored.exists() {
            return Err(MinistryError::LostFile {
                target: path.to_string(),
                path: stored.display().to_string(),
            });
        }
        create_dir(&folder)?;
        link_or_copy(&stored, &place)?;
        folders.insert(folder);
        new += 1;
    }
    folders.iter().try_for_each(|folder| sync_dir(folder))?;
    Ok(new)
}

/// One file under two names where the disk can, else a copy (another disk, a stick without links).
fn link_or_copy(from: &Path, to: &Path) -> Result<(), MinistryError> {
    let failed = |error| MinistryError::io("writing", to)(error);
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut source = fs::File::open(from).map_err(MinistryError::io("reading", from))?;
    io::copy(&mut source, temporary.as_file_mut()).map_err(failed)?;
    super::workshop::make_readable(temporary.as_file())
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(failed)?;
    temporary.persist(to).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Everything that the timestamp leads to is on disk before the timestamp is.
fn write_metadata(out: &Path, metadata: Vec<(String, Vec<u8>)>) -> Result<(), MinistryError> {
    let folder = out.join("metadata");
    create_dir(&folder)?;
    let (last, first): (Vec<_>, Vec<_>) = metadata
        .into_iter()
        .partition(|(name, _)| name == TIMESTAMP);
    for (name, bytes) in first.into_iter().chain(last) {
        let path = folder.join(name);
        if read_if_there(&path)?.is_none_or(|there| there != bytes) {
            write_atomic(&path, &bytes)?;
        }
    }
    Ok(())
}

fn published(staged: &Staged<'_>) -> BTreeMap<String, u64> {
    let roles = staged.signed_roles();
    roles
        .iter()
        .filter_map(|role| Some((role.to_string(), staged.repository.version(role)?)))
        .collect()
}

fn summary(staged: &Staged<'_>, out: &Path, new_files: usize) -> String {
    let version = staged.repository.version(&MetaRole::Timestamp).unwrap_or(0);
    let courses = staged.repository.roles().count();
    let mut lessons: Vec<&str> = all_targets(staged)
        .filter_map(|(path, _)| Some(path.as_str().rsplit_once('/')?.0))
        .collect();
    lessons.dedup();
    // `ministry/collection.json` lies in no lesson's folder.
    let lessons = lessons
        .iter()
        .filter(|folder| folder.matches('/').count() == 2)
        .count();
    let out = out.display();
    format!(
        "Version {version} is published in {out}: {lessons} lessons in {courses} courses, {new_files} new files.\n\
         Check it: pishtar ministry verify {out}\n\
         Schools are given once: {out}/metadata/1.root.json\n\
         Seed the mesh: pishtar run --data DATA --root {out}/metadata/1.root.json --publish {out}"
    )
}
