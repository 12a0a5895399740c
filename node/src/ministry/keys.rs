//! Secret keys as files that only their owner reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pishtar_signing::key::{KeyId, SigningKey};
use pishtar_signing::record::CollectionSecret;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::error::MinistryError;

/// The name of the collection key's file, which is not a signing key of TUF.
pub(super) const COLLECTION: &str = "collection.json";

/// A key with the name of its file.
#[derive(Debug, Clone)]
pub(super) struct NamedKey {
    pub(super) name: String,
    pub(super) key: SigningKey,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    keytype: String,
    public: String,
    seed: String,
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

/// 32 bytes from the operating system.
pub(super) fn seed() -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .expect("the operating system gives random bytes; without them no key may be made");
    seed
}

/// The raw public half of a key.
pub(super) fn public_bytes(key: &SigningKey) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(&key.seed())
        .verifying_key()
        .to_bytes()
}

/// Makes a new key and writes it to `keys/<name>.json`, never over another.
pub(super) fn create(keys: &Path, name: &str) -> Result<SigningKey, MinistryError> {
    let key = SigningKey::from_seed(*seed());
    let file = KeyFile {
        keytype: "ed25519".into(),
        public: hex::encode(public_bytes(&key)),
        seed: hex::encode(*key.seed()),
    };
    let json = Zeroizing::new(serde_json::to_string_pretty(&file).expect("strings are JSON"));
    write_secret(&keys.join(format!("{name}.json")), json.as_bytes())?;
    Ok(key)
}

/// Makes the key that learner records are sealed to.
pub(super) fn create_collection(
    keys: &Path,
    epoch: u32,
) -> Result<CollectionSecret, MinistryError> {
    let (seal, ack) = (hex::encode(*seed()), hex::encode(*seed()));
    let json = Zeroizing::new(format!(
        r#"{{"epoch":{epoch},"seal_secret":"{seal}","ack_secret":"{ack}"}}"#
    ));
    let secret = CollectionSecret::from_json(json.as_bytes())
        .expect("the line above is the form that it reads");
    write_secret(&keys.join(COLLECTION), secret.to_json().as_bytes())?;
    Ok(secret)
}

fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), MinistryError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options
        .open(path)
        .map_err(MinistryError::io("making the key file", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(MinistryError::io("writing", path))
}

/// Reads one key file.
pub(super) fn load(path: &Path) -> Result<NamedKey, MinistryError> {
    let unusable = |reason: String| MinistryError::Key {
        path: path.display().to_string(),
        reason,
    };
    let bytes = Zeroizing::new(fs::read(path).map_err(|error| unusable(error.to_string()))?);
    let file: KeyFile =
        serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(&file.seed, &mut *seed)
        .map_err(|_| unusable("its seed is not 64 hex digits".into()))?;
    let key = SigningKey::from_seed(*seed);
    if hex::encode(public_bytes(&key)) != file.public {
        return Err(unusable(
            "its secret and public halves do not belong together".into(),
        ));
    }
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(NamedKey { name, key })
}

/// Reads the collection key's file.
pub(super) fn load_collection(keys: &Path) -> Result<CollectionSecret, MinistryError> {
    let path = keys.join(COLLECTION);
    let unusable = |reason: String| MinistryError::Key {
        path: path.display().to_string(),
        reason,
    };
    let bytes = Zeroizing::new(fs::read(&path).map_err(|error| unusable(error.to_string()))?);
    CollectionSecret::from_json(&bytes).map_err(|error| unusable(error.to_string()))
}

/// Every signing key in the folder, by id.
pub(super) fn load_all(keys: &Path) -> Result<BTreeMap<KeyId, NamedKey>, MinistryError> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(keys).map_err(MinistryError::io("reading", keys))? {
        let path = entry.map_err(MinistryError::io("reading", keys))?.path();
        let is_key = path.extension().is_some_and(|end| end == "json")
            && path.file_name().is_some_and(|n| n != COLLECTION);
        if is_key {
            let key = load(&path)?;
            found.insert(key.key.public().id(), key);
        }
    }
    Ok(found)
}

/// How messages name a key: its file where the workshop has it, else the beginning of its id.
pub(super) fn shown(id: &KeyId, known: &BTreeMap<KeyId, NamedKey>) -> String {
    match known.get(id) {
        Some(key) => key.name.clone(),
        None => format!("key {}…", id.0.chars().take(12).collect::<String>()),
    }
}
