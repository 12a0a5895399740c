//! Collection keys, one for each term, of the ministry and of schools alike: what learners' records are sealed to.
//!
//! `keys/collection.json` is the newest secret, `keys/retired/collection.N.json` are earlier ones. The public halves stand in
//! the signed target `<publisher>/collection.json`: the newest to seal to, earlier ones only to know acknowledgements by.
//! A secret that is destroyed opens nothing any more, for its owner as for a thief.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use pishtar_signing::UnixSeconds;
use pishtar_signing::metadata::{RoleName, TargetFile, TargetPath};
use pishtar_signing::record::{CollectionKeys, CollectionSecret};

use super::error::MinistryError;
use super::inline;
use super::keys::{self, COLLECTION, PassphraseArgs, Passphrases};
use super::roles::Staged;
use super::rotate::retire;
use super::workshop::{Workshop, sync_dir};

/// File and member of the signed target.
const NAME: &str = "collection.json";
const MEMBER: &str = "collection";

/// What a clerk does with the keys that open learners' records.
#[derive(Debug, Clone, Subcommand)]
pub enum CollectionCommand {
    /// Which terms' keys lie here
    List {
        /// The folder of the workshop
        dir: PathBuf,
    },
    /// Destroy the secret of an earlier term: nobody can open records sealed to it any more
    Destroy {
        /// The folder of the workshop
        dir: PathBuf,
        /// Which term, as `list` counts them
        #[arg(long, value_name = "N")]
        epoch: u32,
    },
}

pub(super) fn run(command: CollectionCommand) -> Result<String, MinistryError> {
    match command {
        CollectionCommand::List { dir } => list(&dir),
        CollectionCommand::Destroy { dir, epoch } => destroy(&dir, epoch),
    }
}

/// How new key files are locked.
pub(super) struct Lock<'a> {
    /// Lock the new one also where the old one was not.
    pub(super) always: bool,
    /// How the passphrase is given.
    pub(super) passphrase: &'a PassphraseArgs,
}

/// Stores the keys' public halves: a target that any TUF client can fetch, its text repeated inline for nodes.
pub(super) fn store(
    workshop: &Workshop,
    public: &CollectionKeys,
) -> Result<(TargetPath, TargetFile), MinistryError> {
    inline::store(workshop, NAME, MEMBER, public)
}

/// A new term: a new secret, the old one retired, both public halves staged. Returns the new epoch.
pub(super) fn renew(
    staged: &mut Staged<'_>,
    lock: &Lock<'_>,
    now: UnixSeconds,
) -> Result<u32, MinistryError> {
    let workshop = staged.workshop;
    let named = named(staged);
    let held = files(&workshop.keys())?;
    let newest = held.iter().map(|file| file.epoch);
    let newest = newest
        .chain(named.iter().map(|keys| keys.current().epoch))
        .max();
    let present = workshop.keys().join(COLLECTION);
    let was_locked = present.exists() && keys::is_locked(&present)?;
    let passphrase = match lock.always || was_locked {
        true => Some(Passphrases::new(lock.passphrase)?.choose()?),
        false => None,
    };
    retire(workshop, MEMBER)?;
    let epoch = newest.unwrap_or(0) + 1;
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    let secret = keys::create_collection(&workshop.keys(), epoch, passphrase)?;
    let public = match named {
        Some(keys) => keys.followed_by(secret.public()),
        None => CollectionKeys::first(secret.public()),
    };
    let value = serde_json::json!(public);
    inline::stage(staged, NAME, MEMBER, &value, now)?;
    Ok(epoch)
}

/// Makes the first key where the signed list has none: workshops of schools made by an earlier Pishtar.
pub(super) fn ensure(dir: &Path, now: UnixSeconds) -> Result<(), MinistryError> {
    let workshop = Workshop::open(dir)?;
    let mut staged = Staged::load(&workshop)?;
    if named(&staged).is_none() {
        let lock = Lock {
            always: false,
            passphrase: &PassphraseArgs::default(),
        };
        renew(&mut staged, &lock, now)?;
    }
    Ok(())
}

/// Every secret that lies unlocked in a workshop's key folder, newest first; none where there is no folder.
///
/// # Errors
/// [`MinistryError::Key`] for a file that is damaged.
pub(crate) fn secrets(keys_dir: &Path) -> Result<Vec<CollectionSecret>, MinistryError> {
    let open = files(keys_dir)?.into_iter().filter(|file| !file.locked);
    open.map(|file| keys::open_collection(&file.path, &PassphraseArgs::default()))
        .collect()
}

struct SecretFile {
    path: PathBuf,
    epoch: u32,
    locked: bool,
}

/// The secrets' files, newest first.
fn files(keys_dir: &Path) -> Result<Vec<SecretFile>, MinistryError> {
    let retired = keys_dir.join("retired");
    let mut paths: Vec<PathBuf> = vec![keys_dir.join(COLLECTION)];
    if let Ok(entries) = fs::read_dir(&retired) {
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("collection.") && name.ends_with(".json")
        };
        paths.extend(entries.flatten().map(|entry| entry.path()).filter(is_ours));
    }
    let mut found = Vec::new();
    for path in paths.into_iter().filter(|path| path.exists()) {
        found.push(SecretFile {
            epoch: keys::collection_epoch(&path)?,
            locked: keys::is_locked(&path)?,
            path,
        });
    }
    found.sort_by_key(|file| std::cmp::Reverse(file.epoch));
    Ok(found)
}

/// What the staged top-level role says.
fn named(staged: &Staged<'_>) -> Option<CollectionKeys> {
    serde_json::from_value(inline::load(staged, NAME, MEMBER)?).ok()
}

pub(super) fn list(dir: &Path) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let staged = Staged::load(&workshop)?;
    let Some(named) = named(&staged) else {
        return Ok("No key for learners' records is here.".into());
    };
    let held = files(&workshop.keys())?;
    let mut epochs: Vec<u32> = held.iter().map(|file| file.epoch).collect();
    epochs.push(named.current().epoch);
    epochs.extend(named.earlier().iter().map(|key| key.epoch));
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    epochs.dedup();
    let line = |epoch: &u32| {
        let what = match *epoch == named.current().epoch {
            true => "records are sealed to it",
            false => "an earlier term",
        };
        let secret = match held.iter().find(|file| file.epoch == *epoch) {
            Some(file) if file.locked => "its secret is here, locked",
            Some(_) => "its secret is here",
            None => "its secret is not here",
        };
        format!("epoch {epoch}: {what}; {secret}\n")
    };
    Ok(epochs.iter().map(line).collect())
}

pub(super) fn destroy(dir: &Path, epoch: u32) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let staged = Staged::load(&workshop)?;
    let held = files(&workshop.keys())?;
    let doomed: Vec<_> = held.iter().filter(|file| file.epoch == epoch).collect();
    if doomed.is_empty() {
        return Err(MinistryError::NoEpoch { epoch });
    }
    // Until the newer key is published, devices seal to the older one.
    if named(&staged).is_none_or(|keys| keys.current().epoch <= epoch) || !is_published(&staged) {
        return Err(MinistryError::EpochInUse { epoch });
    }
    for file in &doomed {
        wipe(&file.path).map_err(MinistryError::io("destroying", &file.path))?;
    }
    sync_dir(&workshop.keys())?;
    Ok(format!(
        "The secret of epoch {epoch} is destroyed: no record that is sealed to it can be opened any more, also not one that is still \
         on its way. Destroy its copies too, on sticks and in backups; what was on a flash card may be recovered from it with \
         effort, so break cards that are thrown away."
    ))
}

/// Is the newest text of the top-level role in the published folder?
fn is_published(staged: &Staged<'_>) -> bool {
    let top = staged.repository.targets(&RoleName::targets());
    let published = staged.workshop.about.published.get("targets");
    top.is_some_and(|top| published.is_some_and(|published| published.version == top.version))
}

/// Overwrites a file, makes that durable, and removes it.
fn wipe(path: &Path) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&vec![0; length.min(1 << 20)])?;
    file.sync_all()?;
    fs::remove_file(path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// [`renew`] as `pishtar ministry rotate --role collection` has it.
pub(super) fn rotate(
    workshop: &Workshop,
    lock: &Lock<'_>,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let mut staged = Staged::load(workshop)?;
    let epoch = renew(&mut staged, lock, now)?;
    let dir = workshop.shown();
    Ok(format!(
        "The collection key is new: epoch {epoch}. The old one lies in {dir}/keys/retired: keep it until no school sends records sealed \
         to it, then: pishtar ministry collection destroy {dir} --epoch {}\n\
         Next: pishtar ministry sign {dir}, then pishtar ministry publish {dir}",
        epoch - 1
    ))
}

#[cfg(test)]
mod tests {
    use pishtar_signing::record::{LogSigner, OpenError, Recipients, Record, Slot, seal};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
    use serde_json::Value;

    use super::super::small;
    use super::*;

    const NOW: UnixSeconds = 1_795_464_000;

    /// What the newest published top-level role says.
    fn published(dir: &Path) -> CollectionKeys {
        let metadata = dir.join("published/metadata");
        let version = |path: &Path| -> Option<u64> {
            let name = path.file_name()?.to_str()?;
            name.strip_suffix(".targets.json")?.parse().ok()
        };
        let entries = fs::read_dir(metadata).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let newest = paths.max_by_key(|path| version(path)).unwrap();
        let text: Value = serde_json::from_slice(&fs::read(newest).unwrap()).unwrap();
        let custom = &text["signed"]["targets"]["shkolla-1/collection.json"]["custom"];
        serde_json::from_value(custom["collection"].clone()).unwrap()
    }

    fn record(to: &CollectionKeys) -> Record {
        let signer = LogSigner::new(&ed25519_dalek::SigningKey::from_bytes(&[1; 32]), &[2; 32]);
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let to = Recipients {
            ministry: CollectionSecret::generate(1, &mut rng).public(),
            school: Some(to.current().seal),
        };
        seal(b"five of five", &signer, 1, 498_000, &to, &mut rng).unwrap()
    }

    fn open(dir: &Path, record: &Record) -> Option<Vec<u8>> {
        let secrets = secrets(&dir.join("keys")).unwrap();
        let opened = secrets.iter().find_map(|secret| {
            let opened = record.open(Slot::School, secret.seal_secret());
            assert!(matches!(opened, Ok(_) | Err(OpenError::NotForUs)));
            opened.ok()
        });
        opened.map(|opened| opened.events)
    }

    fn holds(dir: &Path, needle: &str) -> bool {
        fs::read_dir(dir).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => holds(&path, needle),
                false => String::from_utf8_lossy(&fs::read(path).unwrap()).contains(needle),
            }
        })
    }

    #[test]
    fn a_new_term_seals_to_a_new_key_and_a_destroyed_secret_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("school");
        small::init(&dir, "shkolla-1", &["x".to_owned()], None, NOW).unwrap();
        let first = published(&dir);
        assert_eq!((first.current().epoch, first.earlier().len()), (1, 0));
        let old = record(&first);

        small::rotate_collection(&dir, NOW).unwrap();
        let second = published(&dir);
        assert_eq!(second.current().epoch, 2);
        assert_ne!(second.current().seal, first.current().seal);
        assert_eq!(second.ack_keys().nth(1), Some(first.current().ack));
        let new = record(&second);
        let read = Some(b"five of five".to_vec());
        assert_eq!(
            (open(&dir, &old), open(&dir, &new)),
            (read.clone(), read.clone())
        );

        let secret = secrets(&dir.join("keys")).unwrap().pop().unwrap();
        assert_eq!(secret.epoch(), 1);
        let text: Value = serde_json::from_str(&secret.to_json()).unwrap();
        let hidden = text["seal_secret"].as_str().unwrap().to_owned();
        assert!(holds(&dir, &hidden), "the search finds what is there");
        let refused = |epoch| {
            small::destroy_collection(&dir, epoch)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(2).contains("still sealed to epoch 2"));
        assert!(refused(7).contains("no secret of epoch 7"));
        small::destroy_collection(&dir, 1).unwrap();
        assert!(!holds(&dir, &hidden));
        assert_eq!((open(&dir, &old), open(&dir, &new)), (None, read));
        let list = small::list_collection(&dir).unwrap();
        assert_eq!(
            list,
            "epoch 2: records are sealed to it; its secret is here\n\
             epoch 1: an earlier term; its secret is not here\n"
        );
    }

    #[test]
    fn a_secret_is_kept_until_the_next_key_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("school");
        small::init(&dir, "shkolla-1", &["x".to_owned()], None, NOW).unwrap();
        let workshop = Workshop::open(&dir).unwrap();
        let lock = Lock {
            always: false,
            passphrase: &PassphraseArgs::default(),
        };
        renew(&mut Staged::load(&workshop).unwrap(), &lock, NOW).unwrap();
        drop(workshop);
        assert!(matches!(
            destroy(&dir, 1),
            Err(MinistryError::EpochInUse { epoch: 1 })
        ));
        assert_eq!(secrets(&dir.join("keys")).unwrap().len(), 2);
    }
}
