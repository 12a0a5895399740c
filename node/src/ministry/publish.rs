//! `pishtar ministry publish`: snapshot, timestamp, and a folder as any TUF client expects it.
//!
//! Costs what changed: a course whose metadata file lies in the folder already is neither read nor are its files looked
//! at, because a course's files are written before its metadata. [`Extent::Everything`] looks at all of them again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{MetaFile, MetaRole};
use pishtar_signing::metadata::{RoleName, TargetFile, TargetPath, Targets};

use super::error::MinistryError;
use super::files;
use super::keys::{PassphraseArgs, Passphrases, Ring};
use super::roles::{SNAPSHOT_LIFETIME, Staged, TIMESTAMP_LIFETIME};
use super::sign::Signer;
use super::status::waiting;
use super::tidy;
use super::workshop::{
    About, Published, Workshop, create_dir, read_if_there, sync_dir, write_all, write_atomic,
};

const TIMESTAMP: &str = "timestamp.json";

/// How much of the published folder is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What changed since it was written.
    Changes,
    /// All of it: what is missing or damaged is written again, what nothing names is deleted.
    Everything,
}

pub(super) fn publish(
    dir: &Path,
    to: Option<&Path>,
    extent: Extent,
    passphrase: &PassphraseArgs,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let mut workshop = Workshop::open(dir)?;
    let ring = Ring::load(&workshop)?;
    let mut staged = Staged::load(&workshop)?;
    let missing = waiting(&staged, &staged.signed_roles(), &ring);
    if !missing.is_empty() {
        return Err(MinistryError::Unsigned(missing));
    }
    let out = to.map_or_else(|| workshop.published(), Path::to_owned);
    seal(&mut staged, &ring, passphrase, now)?;
    refuse_foreign(&out, &staged)?;
    // Saved before it is shown to anyone: a version number is never given to two contents.
    staged.save()?;
    let changed = changed_roles(&mut staged, &out, extent)?;
    let metadata = staged.repository.publish()?;
    let new_files = write_targets(&staged, &changed, &out)?;
    write_metadata(&out, metadata)?;

    let published = published(&staged);
    let summary = summary(&staged, &published, &out, new_files);
    let about = About {
        published,
        ..workshop.about.clone()
    };
    drop(staged);
    workshop.set_about(about)?;
    tidy::tidy(&out, &changed, extent)?;
    Ok(summary)
}

/// Builds and signs snapshot and timestamp.
///
/// What lists the same as before and has half its life before it stays, so that publishing again makes no new version.
fn seal(
    staged: &mut Staged<'_>,
    ring: &Ring,
    passphrase: &PassphraseArgs,
    now: UnixSeconds,
) -> Result<(), MinistryError> {
    let mut signer = Signer::all(ring, Passphrases::new(passphrase)?);
    let stays = |staged: &Staged<'_>, role: &MetaRole, lifetime: UnixSeconds| {
        let long = staged
            .expires(role)
            .is_some_and(|end| end - now > lifetime / 2);
        // A draft keeps the signatures that it has; a published version without enough of them needs a successor.
        long && (staged.repository.is_complete(role) || !staged.is_published(role))
    };
    let role = MetaRole::Snapshot;
    if !staged.repository.is_snapshot_current() || !stays(staged, &role, SNAPSHOT_LIFETIME) {
        staged.repository.build_snapshot(now + SNAPSHOT_LIFETIME)?;
    }
    sign_online(staged, &role, ring, &mut signer)?;
    let role = MetaRole::Timestamp;
    if !staged.repository.is_timestamp_current() || !stays(staged, &role, TIMESTAMP_LIFETIME) {
        staged
            .repository
            .build_timestamp(now + TIMESTAMP_LIFETIME)?;
    }
    sign_online(staged, &role, ring, &mut signer)
}

/// What cannot be signed here is kept, to be signed elsewhere.
fn sign_online(
    staged: &mut Staged<'_>,
    role: &MetaRole,
    ring: &Ring,
    signer: &mut Signer<'_>,
) -> Result<(), MinistryError> {
    signer.add(staged, role)?;
    if staged.repository.is_complete(role) {
        return Ok(());
    }
    staged.save()?;
    let missing = waiting(staged, std::slice::from_ref(role), ring) + &signer.skipped_words();
    Err(MinistryError::Unsealed {
        missing,
        role: role.to_string(),
        dir: staged.workshop.shown().to_string(),
    })
}

/// Another publisher's folder is never overwritten.
fn refuse_foreign(out: &Path, staged: &Staged<'_>) -> Result<(), MinistryError> {
    let name = "1.root.json";
    let ours = read_if_there(&staged.workshop.staged().join(name))?;
    match read_if_there(&out.join("metadata").join(name))? {
        Some(there) if ours.is_none_or(|ours| ours != there) => {
            Err(MinistryError::ForeignOut(out.display().to_string()))
        }
        _ => Ok(()),
    }
}

/// The top-level role and the courses whose metadata the folder lacks, each of them loaded.
fn changed_roles(
    staged: &mut Staged<'_>,
    out: &Path,
    extent: Extent,
) -> Result<Vec<RoleName>, MinistryError> {
    let folder = out.join("metadata");
    let is_there = |file: &MetaFile, length: Option<u64>| {
        let about = fs::metadata(folder.join(file.file_name()));
        about.is_ok_and(|about| length.is_none_or(|length| length == about.len()))
    };
    let kept = staged.repository.kept();
    let lacking: Vec<RoleName> = kept
        .filter(|(file, meta)| extent == Extent::Everything || !is_there(file, meta.length))
        .filter_map(|(file, _)| file.role.targets_role())
        .collect();
    for role in &lacking {
        staged.need(role)?;
    }
    let all = staged.signed_roles();
    let loaded = all.iter().filter_map(MetaRole::targets_role);
    Ok(loaded
        .filter(|role| staged.repository.targets(role).is_some())
        .collect())
}

/// Where a target lies below `targets/` (TUF 6.2 consistent snapshots).
pub(super) fn target_place(path: &TargetPath, file: &TargetFile) -> PathBuf {
    let sha256 = file.hashes.sha256().map(hex::encode).unwrap_or_default();
    let (folder, name) = path
        .as_str()
        .rsplit_once('/')
        .unwrap_or(("", path.as_str()));
    Path::new(folder).join(format!("{sha256}.{name}"))
}

/// Links the files of these roles into the folder; tells how many are new there.
fn write_targets(
    staged: &Staged<'_>,
    roles: &[RoleName],
    out: &Path,
) -> Result<usize, MinistryError> {
    let root = out.join("targets");
    let mut new = 0;
    let mut folders = std::collections::BTreeSet::new();
    let targets = roles
        .iter()
        .filter_map(|role| staged.repository.targets(role));
    for (path, file) in targets.flat_map(|targets| &targets.targets) {
        let place = root.join(target_place(path, file));
        if fs::metadata(&place).is_ok_and(|about| about.len() == file.length) {
            continue;
        }
        let sha256 = file.hashes.sha256().map(hex::encode).unwrap_or_default();
        let stored = files::path_of(staged.workshop, &sha256);
        if !stored.exists() {
            return Err(MinistryError::LostFile {
                target: path.to_string(),
                path: stored.display().to_string(),
            });
        }
        let folder = place.parent().unwrap_or(&root).to_owned();
        create_dir(&folder)?;
        link_or_copy(&stored, &place)?;
        folders.insert(folder);
        new += 1;
    }
    sync_folders(&root, &folders)?;
    Ok(new)
}

/// Makes new names survive a power cut, with one flush where many folders have some.
fn sync_folders(
    root: &Path,
    folders: &std::collections::BTreeSet<PathBuf>,
) -> Result<(), MinistryError> {
    const FEW: usize = 4;
    if folders.len() > FEW
        && fs::File::open(root).is_ok_and(|root| rustix::fs::syncfs(&root).is_ok())
    {
        return Ok(());
    }
    folders.iter().try_for_each(|folder| sync_dir(folder))
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
    let mut changed = Vec::new();
    for (name, bytes) in &metadata {
        if read_if_there(&folder.join(name))?.is_none_or(|there| there != *bytes) {
            changed.push((name.as_str(), bytes.as_slice()));
        }
    }
    let (last, first): (Vec<_>, Vec<_>) = changed
        .into_iter()
        .partition(|(name, _)| *name == TIMESTAMP);
    write_all(&folder, &first)?;
    last.iter()
        .try_for_each(|(name, bytes)| write_atomic(&folder.join(name), bytes))
}

/// What the next command remembers: for roles that were not loaded, what is remembered of them already.
fn published(staged: &Staged<'_>) -> BTreeMap<String, Published> {
    let roles = staged.signed_roles().into_iter();
    let roles = roles.chain([MetaRole::Snapshot, MetaRole::Timestamp]);
    let note = |role: MetaRole| {
        let targets = role
            .targets_role()
            .and_then(|name| staged.repository.targets(&name));
        let note = Published {
            version: staged.repository.version(&role)?,
            expires: staged.expires(&role)?,
            lessons: match targets {
                Some(targets) => lessons(targets),
                None => staged.note(&role).map_or(0, |note| note.lessons),
            },
        };
        Some((role.to_string(), note))
    };
    roles.filter_map(note).collect()
}

fn lessons(targets: &Targets) -> usize {
    let folders = targets
        .targets
        .keys()
        .filter_map(|path| path.as_str().rsplit_once('/'));
    let mut lessons: Vec<&str> = folders.map(|(folder, _)| folder).collect();
    lessons.dedup();
    // `ministry/collection.json` lies in no lesson's folder.
    lessons
        .iter()
        .filter(|folder| folder.matches('/').count() == 2)
        .count()
}

fn summary(
    staged: &Staged<'_>,
    published: &BTreeMap<String, Published>,
    out: &Path,
    new_files: usize,
) -> String {
    let version = staged.repository.version(&MetaRole::Timestamp).unwrap_or(0);
    let courses = staged.repository.roles().count();
    let lessons: usize = published.values().map(|note| note.lessons).sum();
    let out = out.display();
    format!(
        "Version {version} is published in {out}: {lessons} lessons in {courses} courses, {new_files} new files.\n\
         Check it: pishtar ministry verify {out}\n\
         Schools are given once: {out}/metadata/1.root.json\n\
         Seed the mesh: pishtar run --data DATA --root {out}/metadata/1.root.json --publish {out}"
    )
}
