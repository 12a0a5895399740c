//! Small lists that the ministry signs: a target that any TUF client can fetch, its text repeated inline for nodes.

use pishtar_catalog::BlobHash;
use pishtar_signing::UnixSeconds;
use pishtar_signing::metadata::{Hashes, RoleName, TargetFile, TargetPath};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::error::MinistryError;
use super::files;
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::workshop::Workshop;

/// Stores `value` as the target `<publisher>/<name>`, repeated in its `custom` under `member`.
pub(super) fn store(
    workshop: &Workshop,
    name: &str,
    member: &str,
    value: &impl Serialize,
) -> Result<(TargetPath, TargetFile), MinistryError> {
    let mut bytes = serde_json::to_vec(value).expect("strings, numbers and lists of them are JSON");
    bytes.push(b'\n');
    let hashes = Hashes::of(&bytes);
    files::store_bytes(workshop, &hashes, &bytes)?;
    let mut custom = Map::new();
    custom.insert(member.into(), json!(value));
    custom.insert("blake3".into(), json!(BlobHash::of(&bytes)));
    Ok((
        path(workshop, name),
        TargetFile {
            length: bytes.len() as u64,
            hashes,
            custom,
            extra: Map::new(),
        },
    ))
}

/// What the staged top-level role says under `member` of `<publisher>/<name>`.
pub(super) fn load(staged: &Staged<'_>, name: &str, member: &str) -> Option<Value> {
    let top = staged.repository.targets(&RoleName::targets())?;
    let file = top.targets.get(&path(staged.workshop, name))?;
    file.custom.get(member).cloned()
}

/// Puts `value` into the staged top-level role.
pub(super) fn stage(
    staged: &mut Staged<'_>,
    name: &str,
    member: &str,
    value: &Value,
    now: UnixSeconds,
) -> Result<(), MinistryError> {
    let (path, file) = store(staged.workshop, name, member, value)?;
    staged
        .repository
        .edit_targets(now + OFFLINE_LIFETIME, |targets| {
            drop(targets.insert(path, file));
        })?;
    staged.save()
}

fn path(workshop: &Workshop, name: &str) -> TargetPath {
    TargetPath::new(format!("{}/{name}", workshop.about.publisher))
        .expect("a publisher id and a short name are a short path")
}
