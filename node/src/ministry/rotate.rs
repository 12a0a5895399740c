//! `pishtar ministry rotate`: a new key in place of an old one, which moves to `keys/retired/`.

use std::fs;
use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::{KeyId, PublicKey};
use pishtar_signing::repository::Signatories;

use super::error::MinistryError;
use super::init::store_collection;
use super::keys;
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::workshop::{About, Workshop, create_dir};

/// What `--role` may name.
const ROLES: &str = "root, targets, snapshot, timestamp, courses or collection";

pub(super) fn rotate(
    dir: &Path,
    role: &str,
    replace: Option<&str>,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    match role {
        "root" => rotate_root(workshop, replace, now),
        "targets" => rotate_top(workshop, &MetaRole::Targets, now),
        "snapshot" => rotate_top(workshop, &MetaRole::Snapshot, now),
        "timestamp" => rotate_top(workshop, &MetaRole::Timestamp, now),
        "courses" => rotate_courses(workshop, now),
        "collection" => rotate_collection(workshop, now),
        other => Err(MinistryError::UnknownRole {
            role: other.into(),
            known: ROLES.into(),
        }),
    }
}

fn rotate_top(
    workshop: Workshop,
    role: &MetaRole,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let mut staged = Staged::load(&workshop)?;
    retire(&workshop, &role.to_string())?;
    let key = keys::create(&workshop.keys(), &role.to_string())?;
    staged.repository.rotate(
        role,
        &Signatories::one(key.public()),
        now + OFFLINE_LIFETIME,
    )?;
    staged.save()?;
    Ok(words(
        &workshop,
        &role.to_string(),
        "Two root keys must sign the change.",
    ))
}

/// One of the root keys; the others stay and must sign, with the new one, what they hand over.
fn rotate_root(
    workshop: Workshop,
    replace: Option<&str>,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let mut staged = Staged::load(&workshop)?;
    let known = keys::load_all(&workshop.keys())?;
    let root = staged.repository.root().clone();
    let names: Vec<String> = root
        .root
        .keyids
        .iter()
        .map(|id| keys::shown(id, &known))
        .collect();
    let unknown = |role: &str| MinistryError::UnknownRole {
        role: role.into(),
        known: names.join(", "),
    };
    let replace =
        replace.ok_or_else(|| unknown("root key without a name (write --replace NAME)"))?;
    let is_it = |id: &&KeyId| keys::shown(id, &known) == replace || id.0 == replace;
    let old = root
        .root
        .keyids
        .iter()
        .find(is_it)
        .ok_or_else(|| unknown(replace))?;
    let name = known
        .get(old)
        .map_or_else(|| free_name(&workshop), |key| key.name.clone());
    if known.contains_key(old) {
        retire(&workshop, &name)?;
    }
    let new = keys::create(&workshop.keys(), &name)?;
    let others = root
        .root
        .keyids
        .iter()
        .filter(|id| *id != old)
        .filter_map(|id| root.keys.get(id).cloned());
    let all: Vec<PublicKey> = others.chain([new.public()]).collect();
    let to = Signatories {
        keys: all,
        threshold: root.root.threshold,
    };
    staged
        .repository
        .rotate(&MetaRole::Root, &to, now + OFFLINE_LIFETIME)?;
    staged.save()?;
    Ok(words(
        &workshop,
        &name,
        "Two of the root keys from before must sign it, and two of the new ones.",
    ))
}

fn free_name(workshop: &Workshop) -> String {
    let names = (1..).map(|number| format!("root-{number}"));
    let mut free = names.filter(|name| !workshop.keys().join(format!("{name}.json")).exists());
    free.next().expect("numbers do not run out")
}

fn rotate_courses(mut workshop: Workshop, now: UnixSeconds) -> Result<String, MinistryError> {
    retire(&workshop, "courses")?;
    let key = keys::create(&workshop.keys(), "courses")?;
    let about = About {
        courses_key: keys::public_bytes(&key),
        ..workshop.about.clone()
    };
    workshop.set_about(about)?;
    let mut staged = Staged::load(&workshop)?;
    let roles: Vec<_> = staged.repository.roles().cloned().collect();
    for role in &roles {
        let files = staged.course(role)?;
        staged.set_course(role, files, now)?;
    }
    staged.save()?;
    Ok(words(
        &workshop,
        "courses",
        "The targets key must sign the change, the new key every course.",
    ))
}

fn rotate_collection(workshop: Workshop, now: UnixSeconds) -> Result<String, MinistryError> {
    let mut staged = Staged::load(&workshop)?;
    let epoch = keys::load_collection(&workshop.keys())?.epoch();
    retire(&workshop, "collection")?;
    let secret = keys::create_collection(&workshop.keys(), epoch + 1)?;
    let (path, file) = store_collection(&workshop, &secret.public())?;
    staged
        .repository
        .edit_targets(now + OFFLINE_LIFETIME, |targets| {
            drop(targets.insert(path, file))
        })?;
    staged.save()?;
    let note = "Keep the old one until no school sends records sealed to it.";
    Ok(words(&workshop, "collection", note))
}

/// Moves a key's file out of use without destroying it.
fn retire(workshop: &Workshop, name: &str) -> Result<(), MinistryError> {
    let path = workshop.keys().join(format!("{name}.json"));
    if !path.exists() {
        return Ok(());
    }
    let retired = workshop.keys().join("retired");
    create_dir(&retired)?;
    let places = (1..).map(|number| retired.join(format!("{name}.{number}.json")));
    let place = places
        .into_iter()
        .find(|place| !place.exists())
        .expect("numbers do not run out");
    fs::rename(&path, &place).map_err(MinistryError::io("moving", &path))
}

fn words(workshop: &Workshop, name: &str, note: &str) -> String {
    let dir = workshop.shown();
    format!(
        "The {name} key is new; the old one lies in {dir}/keys/retired and should be destroyed once nothing needs it.\n{note}\n\
         Next: pishtar ministry sign {dir}, then pishtar ministry publish {dir}"
    )
}
