//! `pishtar ministry init`: keys, the first root and an empty catalogue.

use std::collections::BTreeMap;
use std::path::Path;

use pishtar_catalog::{MINISTRY, PathPrefix};
use pishtar_signing::UnixSeconds;
use pishtar_signing::key::SigningKey;
use pishtar_signing::record::CollectionKeys;
use pishtar_signing::repository::{NewRepository, Repository, Signatories};

use super::collection;
use super::error::MinistryError;
use super::keys::{self, PassphraseArgs, Passphrases};
use super::publisher::PublisherError;
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::workshop::{CourseKeys, Workshop, create_dir};

/// How many root keys there are, and how many must sign: one may be lost, one may be stolen.
const ROOT_KEYS: usize = 3;
const ROOT_THRESHOLD: u64 = 2;

/// Whether new keys are locked.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NewKeysArgs {
    /// Lock the new key files with a passphrase
    #[arg(long)]
    pub encrypt_keys: bool,
    /// How passphrases of locked keys are given
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

pub(super) fn init(
    dir: &Path,
    publisher: &str,
    new_keys: &NewKeysArgs,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    PathPrefix::whole(publisher).map_err(PublisherError::Bad)?;
    create_dir(dir)?;
    let mut entries = std::fs::read_dir(dir).map_err(MinistryError::io("reading", dir))?;
    if entries.next().is_some() {
        return Err(MinistryError::NotEmpty(dir.display().to_string()));
    }
    let lock = match new_keys.encrypt_keys {
        true => Some(Passphrases::new(&new_keys.passphrase)?.choose()?),
        false => None,
    };
    let lock = lock.as_ref().map(|text| text.as_str());
    let keys_dir = dir.join("keys");
    create_dir(&keys_dir)?;
    let mut names = BTreeMap::new();
    let mut make = |name: &str| -> Result<SigningKey, MinistryError> {
        let key = keys::create(&keys_dir.join(format!("{name}.json")), lock)?;
        names.insert(key.public().id(), name.to_owned());
        Ok(key)
    };
    let roots = (1..=ROOT_KEYS)
        .map(|number| make(&format!("root-{number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let (targets, snapshot, timestamp) = (make("targets")?, make("snapshot")?, make("timestamp")?);
    let courses = make("courses")?;

    let courses = CourseKeys::of(&Signatories::one(courses.public()));
    let workshop = Workshop::create(dir, publisher, courses, names)?;
    let expires = now + OFFLINE_LIFETIME;
    let new = NewRepository {
        root: Signatories {
            keys: roots.iter().map(SigningKey::public).collect(),
            threshold: ROOT_THRESHOLD,
        },
        targets: Signatories::one(targets.public()),
        snapshot: Signatories::one(snapshot.public()),
        timestamp: Signatories::one(timestamp.public()),
        root_expires: expires,
        targets_expires: expires,
    };
    let mut repository = Repository::create_at(new, now)?;
    if publisher == MINISTRY {
        let secret = keys::create_collection(&keys_dir, 1, lock)?;
        let keys = CollectionKeys::first(secret.public());
        let (path, file) = collection::store(&workshop, &keys)?;
        repository.edit_targets(expires, |targets| drop(targets.insert(path, file)))?;
    }
    Staged::new(&workshop, repository).save()?;
    Ok(words(&workshop))
}

fn words(workshop: &Workshop) -> String {
    let dir = workshop.shown();
    let (collection, note) = match &*workshop.about.publisher {
        MINISTRY => (
            "\x20 collection               opens learners' records: only the collector needs it, keep a copy in a safe\n",
            String::new(),
        ),
        publisher => (
            "",
            format!(
                "\nAfter the first publication bring {dir}/published/metadata/1.root.json to the ministry, \
                 which lists it with: pishtar ministry publisher add … --id {publisher} --root 1.root.json"
            ),
        ),
    };
    format!(
        "The workshop {dir} of {} is ready.\n\
         Secret keys are in {dir}/keys:\n\
         \x20 root-1, root-2, root-3   any two sign the root. After the first publication move them to three sticks in three safes\n\
         \x20 targets                  signs the list of courses. Keep it offline too\n\
         \x20 courses                  signs lessons\n\
         \x20 snapshot, timestamp      needed at every publication\n\
         {collection}\
         Next: pishtar ministry add {dir} --from FOLDER --csv FILE, then sign {dir}, then publish {dir}{note}",
        workshop.about.publisher
    )
}
