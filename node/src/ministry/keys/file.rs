//! The forms of key files, and reading and writing them.
//!
//! A signing key is `{"keytype", "public", "seed"}` in hex, or locked `{"keytype", "public", "locked"}`; the public half is
//! there in both and is bound to the locked one. The collection key is the collector's own form, or locked
//! `{"keytype": "collection", "epoch", "public", "locked"}`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pishtar_signing::key::{PublicKey, SigningKey};
use pishtar_signing::locked::{Cost, Locked};
use pishtar_signing::record::CollectionSecret;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::super::error::MinistryError;
use super::super::workshop::sync_dir;
use super::passphrase::{PassphraseArgs, Passphrases};
use super::seed;

/// The name of the collection key's file, which is not a signing key of TUF.
pub(in super::super) const COLLECTION: &str = "collection.json";
const ED25519: &str = "ed25519";
const COLLECTION_TYPE: &str = "collection";
/// Key files are small; whatever is larger is something else.
const MAX_FILE_BYTES: u64 = 1 << 18;

/// A signing key's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct KeyFile {
    keytype: String,
    public: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locked: Option<Locked>,
}

/// A locked collection key's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedCollection {
    keytype: String,
    epoch: u32,
    public: serde_json::Value,
    locked: Locked,
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({})", self.public)
    }
}

impl KeyFile {
    /// Reads a signing key's file.
    pub(in super::super) fn read(path: &Path) -> Result<KeyFile, MinistryError> {
        let bytes = read_secret(path)?;
        if is_collection(&bytes) {
            return Err(unusable(
                path,
                "it is the collection key, which signs nothing".into(),
            ));
        }
        let file: KeyFile = serde_json::from_slice(&bytes).map_err(|_| {
            unusable(
                path,
                "it is not a key file that `pishtar ministry` wrote".into(),
            )
        })?;
        let known = file.keytype == ED25519 && (file.seed.is_some() != file.locked.is_some());
        known.then_some(file).ok_or_else(|| {
            unusable(
                path,
                "it is a key of a kind that this program does not know".into(),
            )
        })
    }

    fn of(key: &SigningKey, lock: Option<&str>) -> Result<KeyFile, MinistryError> {
        let mut file = KeyFile {
            keytype: ED25519.into(),
            public: hex::encode(public_of(key)),
            seed: None,
            locked: None,
        };
        match lock {
            None => file.seed = Some(hex::encode(*key.seed())),
            Some(passphrase) => {
                file.locked = Some(lock_with(&*key.seed(), passphrase, &file.context())?);
            }
        }
        Ok(file)
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked.is_some()
    }

    /// The public half, for which no passphrase is needed.
    pub(super) fn public_key(&self, path: &Path) -> Result<PublicKey, MinistryError> {
        let mut raw = [0; 32];
        hex::decode_to_slice(&self.public, &mut raw)
            .map_err(|_| unusable(path, "its public half is not 64 hex digits".into()))?;
        Ok(PublicKey::ed25519(raw))
    }

    /// The secret half, unlocked where it is locked.
    pub(super) fn signing_key(
        &self,
        path: &Path,
        passphrases: &mut Passphrases,
    ) -> Result<SigningKey, MinistryError> {
        let mut seed = Zeroizing::new([0; 32]);
        match (&self.seed, &self.locked) {
            (Some(text), _) => hex::decode_to_slice(text, &mut *seed)
                .map_err(|_| unusable(path, "its seed is not 64 hex digits".into()))?,
            (None, Some(locked)) => {
                let secret = passphrases.unlock(path, locked, &self.context())?;
                if secret.len() != seed.len() {
                    return Err(unusable(
                        path,
                        "it holds something other than a seed".into(),
                    ));
                }
                seed.copy_from_slice(&secret);
            }
            (None, None) => return Err(unusable(path, "it holds no secret".into())),
        }
        let key = SigningKey::from_seed(*seed);
        if hex::encode(public_of(&key)) != self.public {
            let reason = "its secret and public halves do not belong together";
            return Err(unusable(path, reason.into()));
        }
        Ok(key)
    }

    /// What is authenticated with the locked seed: another public half beside it is found out.
    fn context(&self) -> Vec<u8> {
        format!("pishtar key file\n{}\n{}", self.keytype, self.public).into_bytes()
    }

    fn to_json(&self) -> Zeroizing<Vec<u8>> {
        to_json(self)
    }
}

/// The raw public half of a key.
fn public_of(key: &SigningKey) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(&key.seed())
        .verifying_key()
        .to_bytes()
}

/// Makes a new key and writes it to `path`, never over another; locked when there is a passphrase.
pub(in super::super) fn create(
    path: &Path,
    lock: Option<&str>,
) -> Result<SigningKey, MinistryError> {
    let key = SigningKey::from_seed(*seed());
    write_new(path, &KeyFile::of(&key, lock)?.to_json())?;
    Ok(key)
}

/// Makes the key that learner records are sealed to.
pub(in super::super) fn create_collection(
    keys: &Path,
    epoch: u32,
    lock: Option<&str>,
) -> Result<CollectionSecret, MinistryError> {
    let (seal, ack) = (hex::encode(*seed()), hex::encode(*seed()));
    let json = Zeroizing::new(format!(
        r#"{{"epoch":{epoch},"seal_secret":"{seal}","ack_secret":"{ack}"}}"#
    ));
    let secret = CollectionSecret::from_json(json.as_bytes())
        .expect("the line above is the form that it reads");
    let bytes = match lock {
        None => Zeroizing::new(secret.to_json().as_bytes().to_vec()),
        Some(passphrase) => to_json(&lock_collection(&secret, passphrase)?),
    };
    write_new(&keys.join(COLLECTION), &bytes)?;
    Ok(secret)
}

/// Locks a key file of either form, or changes its passphrase.
pub(super) fn lock_file(
    path: &Path,
    old: &mut Passphrases,
    new: &str,
) -> Result<(), MinistryError> {
    let bytes = read_secret(path)?;
    let json = if is_collection(&bytes) {
        let secret = open_collection_with(path, old)?;
        to_json(&lock_collection(&secret, new)?)
    } else {
        let key = KeyFile::read(path)?.signing_key(path, old)?;
        KeyFile::of(&key, Some(new))?.to_json()
    };
    replace(path, &json)
}

/// Takes the lock off a key file of either form.
pub(super) fn unlock_file(path: &Path, passphrases: &mut Passphrases) -> Result<(), MinistryError> {
    let bytes = read_secret(path)?;
    let json = if is_collection(&bytes) {
        let secret = open_collection_with(path, passphrases)?;
        Zeroizing::new(secret.to_json().as_bytes().to_vec())
    } else {
        let key = KeyFile::read(path)?.signing_key(path, passphrases)?;
        KeyFile::of(&key, None)?.to_json()
    };
    replace(path, &json)
}

/// Can the file, of either form, be opened?
pub(super) fn check(path: &Path, passphrases: &mut Passphrases) -> Result<(), MinistryError> {
    let bytes = read_secret(path)?;
    match is_collection(&bytes) {
        true => open_collection_with(path, passphrases).map(drop),
        false => KeyFile::read(path)?
            .signing_key(path, passphrases)
            .map(drop),
    }
}

/// Is the file, of either form, locked?
pub(in super::super) fn is_locked(path: &Path) -> Result<bool, MinistryError> {
    let bytes = read_secret(path)?;
    if is_collection(&bytes) {
        return Ok(serde_json::from_slice::<LockedCollection>(&bytes).is_ok());
    }
    KeyFile::read(path).map(|file| file.is_locked())
}

/// Reads the collection key's file, asking for its passphrase where it is locked.
///
/// # Errors
/// [`MinistryError::Key`] for a file that is none; [`MinistryError::Passphrase`] when it cannot be unlocked.
pub fn open_collection(
    path: &Path,
    passphrases: &PassphraseArgs,
) -> Result<CollectionSecret, MinistryError> {
    open_collection_with(path, &mut Passphrases::new(passphrases)?)
}

fn open_collection_with(
    path: &Path,
    passphrases: &mut Passphrases,
) -> Result<CollectionSecret, MinistryError> {
    let bytes = read_secret(path)?;
    let Ok(file) = serde_json::from_slice::<LockedCollection>(&bytes) else {
        return CollectionSecret::from_json(&bytes).map_err(|e| unusable(path, e.to_string()));
    };
    let secret = passphrases.unlock(path, &file.locked, &collection_context(file.epoch))?;
    CollectionSecret::from_json(&secret).map_err(|e| unusable(path, e.to_string()))
}

/// The epoch of a collection key's file, for which no passphrase is needed.
pub(in super::super) fn collection_epoch(path: &Path) -> Result<u32, MinistryError> {
    let bytes = read_secret(path)?;
    if let Ok(file) = serde_json::from_slice::<LockedCollection>(&bytes) {
        return Ok(file.epoch);
    }
    let secret = CollectionSecret::from_json(&bytes).map_err(|e| unusable(path, e.to_string()))?;
    Ok(secret.epoch())
}

fn lock_collection(
    secret: &CollectionSecret,
    passphrase: &str,
) -> Result<LockedCollection, MinistryError> {
    let epoch = secret.epoch();
    let json = secret.to_json();
    Ok(LockedCollection {
        keytype: COLLECTION_TYPE.into(),
        epoch,
        public: serde_json::json!(secret.public()),
        locked: lock_with(json.as_bytes(), passphrase, &collection_context(epoch))?,
    })
}

fn collection_context(epoch: u32) -> Vec<u8> {
    format!("pishtar key file\n{COLLECTION_TYPE}\n{epoch}").into_bytes()
}

/// Both forms of the collection key have an epoch, which no signing key has.
fn is_collection(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(rename = "epoch")]
        _epoch: u32,
    }
    serde_json::from_slice::<Probe>(bytes).is_ok()
}

fn lock_with(secret: &[u8], passphrase: &str, context: &[u8]) -> Result<Locked, MinistryError> {
    let mut salt = [0; 16];
    salt.copy_from_slice(&seed()[..16]);
    let cost = if cfg!(test) { CHEAP } else { Cost::KEY_FILE };
    Locked::lock(secret, passphrase, context, salt, cost).map_err(MinistryError::Lock)
}

/// Unit tests lock many keys and guess none.
const CHEAP: Cost = Cost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

fn to_json(file: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let json = serde_json::to_vec_pretty(file).expect("strings and numbers are JSON");
    Zeroizing::new(json)
}

fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, MinistryError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read =
        fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| unusable(path, error.to_string()))?;
    Ok(bytes)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), MinistryError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options
        .open(path)
        .map_err(MinistryError::io("making the key file", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(MinistryError::io("writing", path))
}

/// The old form stays until the new one is whole; temporary files are made readable for their owner only.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), MinistryError> {
    let failed = |error| MinistryError::io("writing", path)(error);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    temporary
        .write_all(bytes)
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(failed)?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    sync_dir(folder)
}

fn unusable(path: &Path, reason: String) -> MinistryError {
    MinistryError::Key {
        path: path.display().to_string(),
        reason,
    }
}
