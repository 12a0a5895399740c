//! The key that the book of people is sealed under: `people.key`, a file of the owner alone.
//!
//! What it protects: copies and backups of `people.redb`, and a disk from which the key was erased. It does not protect
//! against whoever can read both files; a passphrase (`PISHTAR_PEOPLE_PASSPHRASE`) locks the key itself with Argon2id.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use pishtar_signing::{
    locked::{Cost, Locked},
    rest::RestKey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::store::StoreError;

/// What the locked key is authenticated with.
const CONTEXT: &[u8] = b"pishtar people.key 1";
/// The passphrase's variable.
pub const PASSPHRASE: &str = "PISHTAR_PEOPLE_PASSPHRASE";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnDisk {
    Key(#[serde(with = "hex::serde")] [u8; 32]),
    Locked(Locked),
}

/// Where the key lies and how it is locked.
#[derive(Debug, Clone)]
pub(super) struct KeyFile {
    path: PathBuf,
    passphrase: Option<Zeroizing<String>>,
    cost: Cost,
}

impl KeyFile {
    pub(super) fn new(folder: &Path, passphrase: Option<String>) -> Self {
        Self {
            path: folder.join("people.key"),
            passphrase: passphrase.map(Zeroizing::new),
            cost: Cost::KEY_FILE,
        }
    }

    /// The same, with another cost of guessing the passphrase.
    #[cfg(test)]
    pub(super) fn cheap(self) -> Self {
        let cost = Cost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        };
        Self { cost, ..self }
    }

    /// The key of a folder, made if there is none.
    pub(super) fn read_or_make(&self) -> Result<RestKey, StoreError> {
        if let (Some(key), _) | (None, Some(key)) = self.read()? {
            return Ok(key);
        }
        if self.path.exists() {
            return Err(StoreError::Key(self.path.clone()));
        }
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| self.failed(io::Error::other(error)))?;
        let key = RestKey::new(bytes);
        self.write_next(&key)?;
        self.promote()?;
        Ok(key)
    }

    /// The key, and the one that was to follow it when a change was cut short.
    pub(super) fn read(&self) -> Result<(Option<RestKey>, Option<RestKey>), StoreError> {
        Ok((self.read_one(&self.path)?, self.read_one(&self.next())?))
    }

    /// Writes the key that is to follow; it counts once the book is sealed under it.
    pub(super) fn write_next(&self, key: &RestKey) -> Result<(), StoreError> {
        let on_disk = match &self.passphrase {
            None => OnDisk::Key(*key.as_bytes()),
            Some(passphrase) => {
                let mut salt = [0; 16];
                getrandom::fill(&mut salt).map_err(|error| self.failed(io::Error::other(error)))?;
                let locked = Locked::lock(key.as_bytes(), passphrase, CONTEXT, salt, self.cost)
                    .map_err(|error| self.failed(io::Error::other(error)))?;
                OnDisk::Locked(locked)
            }
        };
        let bytes = Zeroizing::new(serde_json::to_vec(&on_disk).expect("hex and numbers are JSON"));
        self.write(&bytes).map_err(|error| self.failed(error))
    }

    /// The key that was to follow is the key; the old one is overwritten and gone.
    pub(super) fn promote(&self) -> Result<(), StoreError> {
        let run = || -> io::Result<()> {
            if let Ok(mut old) = OpenOptions::new().write(true).open(&self.path) {
                let length = usize::try_from(old.metadata()?.len()).unwrap_or(0);
                old.write_all(&vec![0; length])?;
                old.sync_all()?;
            }
            fs::rename(self.next(), &self.path)?;
            self.sync_folder()
        };
        run().map_err(|error| self.failed(error))
    }

    fn next(&self) -> PathBuf {
        self.path.with_extension("key.next")
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(self.next())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn read_one(&self, path: &Path) -> Result<Option<RestKey>, StoreError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        // A write that was cut short, or a key that a finished change overwrote.
        let Ok(on_disk) = serde_json::from_slice::<OnDisk>(&bytes) else {
            return Ok(None);
        };
        let key = match on_disk {
            OnDisk::Key(key) => key,
            OnDisk::Locked(locked) => {
                let passphrase = self.passphrase.as_ref().ok_or(StoreError::Passphrase)?;
                let key = locked
                    .unlock(passphrase, CONTEXT)
                    .map_err(|_| StoreError::Passphrase)?;
                <[u8; 32]>::try_from(key.as_slice()).map_err(|_| StoreError::Passphrase)?
            }
        };
        Ok(Some(RestKey::new(key)))
    }

    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::Io {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}
