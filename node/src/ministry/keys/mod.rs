//! Keys: files that only their owner reads, locked with a passphrase or not, and the names that people know them by.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pishtar_signing::key::{KeyId, PublicKey, SigningKey};
use zeroize::Zeroizing;

mod command;
mod file;
mod passphrase;

pub use command::KeyCommand;
pub use file::open_collection;
pub use passphrase::PassphraseArgs;

pub(super) use command::run;
pub(super) use file::{
    COLLECTION, KeyFile, collection_epoch, create, create_collection, is_locked,
};
pub(super) use passphrase::Passphrases;

use super::error::MinistryError;
use super::roles::file_names;
use super::workshop::Workshop;

/// What names of keys that were replaced start with.
pub(super) const OLD: &str = "old ";

/// 32 bytes from the operating system.
pub(super) fn seed() -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .expect("the operating system gives random bytes; without them no key may be made");
    seed
}

/// A secret key file that was found; what it hides is read when it signs.
#[derive(Debug)]
pub(super) struct FoundKey {
    pub(super) name: String,
    pub(super) public: PublicKey,
    file: KeyFile,
    path: PathBuf,
}

impl FoundKey {
    /// Reads a key file, without asking for a passphrase.
    pub(super) fn read(path: &Path) -> Result<FoundKey, MinistryError> {
        let file = KeyFile::read(path)?;
        let name = path.file_stem().unwrap_or_default();
        Ok(FoundKey {
            name: name.to_string_lossy().into_owned(),
            public: file.public_key(path)?,
            file,
            path: path.to_owned(),
        })
    }

    /// Does it take a passphrase to sign with it?
    pub(super) fn is_locked(&self) -> bool {
        self.file.is_locked()
    }

    /// The secret half.
    pub(super) fn open(&self, passphrases: &mut Passphrases) -> Result<SigningKey, MinistryError> {
        self.file.signing_key(&self.path, passphrases)
    }
}

/// The workshop's keys: secret ones that lie in it, and the names of all that it ever knew.
#[derive(Debug)]
pub(super) struct Ring {
    found: BTreeMap<KeyId, FoundKey>,
    names: BTreeMap<KeyId, String>,
}

impl Ring {
    /// Reads the key files of a workshop, replaced ones included: those may still have to sign that they are replaced.
    pub(super) fn load(workshop: &Workshop) -> Result<Ring, MinistryError> {
        let folder = workshop.keys();
        let mut found = BTreeMap::new();
        let retired = folder.join("retired");
        for (folder, old) in [(&retired, true), (&folder, false)] {
            let names = if folder.is_dir() {
                file_names(folder)?
            } else {
                Vec::new()
            };
            for name in names.iter().filter(|name| is_key_file(name)) {
                let mut key = FoundKey::read(&folder.join(name))?;
                if old {
                    let name = key.name.split('.').next().unwrap_or_default();
                    key.name = format!("{OLD}{name}");
                }
                found.insert(key.public.id(), key);
            }
        }
        Ok(Ring {
            found,
            names: workshop.about.names.clone(),
        })
    }

    /// The secret keys at hand, in the order of their names.
    pub(super) fn keys(&self) -> Vec<&FoundKey> {
        let mut keys: Vec<&FoundKey> = self.found.values().collect();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        keys
    }

    /// Is the secret half of a key here?
    pub(super) fn has(&self, id: &KeyId) -> bool {
        self.found.contains_key(id)
    }

    /// How messages name a key: its file, else the name it had or was added under, else the beginning of its id.
    pub(super) fn shown(&self, id: &KeyId) -> String {
        let file = self.found.get(id).map(|key| &key.name);
        match file.or_else(|| self.names.get(id)) {
            Some(name) => name.clone(),
            None => format!("key {}…", id.0.chars().take(12).collect::<String>()),
        }
    }

    /// Several keys as people read a choice.
    pub(super) fn list<'k>(&self, ids: impl IntoIterator<Item = &'k KeyId>) -> Vec<String> {
        let mut names: Vec<String> = ids.into_iter().map(|id| self.shown(id)).collect();
        names.sort();
        names
    }

    /// The key among `keys` that people call `name`: by its name, its id or the beginning of its id.
    pub(super) fn find<'k>(&self, keys: &'k [PublicKey], name: &str) -> Option<&'k PublicKey> {
        const SHORTEST_ID: usize = 8;
        let by_name = keys.iter().find(|key| self.shown(&key.id()) == name);
        by_name.or_else(|| {
            let mut alike = keys.iter().filter(|key| key.id().0.starts_with(name));
            let found = alike.next().filter(|_| name.len() >= SHORTEST_ID);
            found.filter(|_| alike.next().is_none())
        })
    }
}

fn is_key_file(name: &str) -> bool {
    name.ends_with(".json") && !name.starts_with("collection.")
}

#[cfg(test)]
mod tests;
