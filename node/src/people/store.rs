//! `people.redb`: rows that say nothing without the key, fsync on commit.
//!
//! A row's name is a keyed hash and its value is sealed with that name, so neither who is in the book nor how often
//! somebody is written about shows in the file. Always true: what [`SealedRows::write`] returned from is on the disk.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use pishtar_signing::rest::RestKey;
use redb::{Durability, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use zeroize::Zeroizing;

use super::key::KeyFile;
use crate::store::closable::Closable;

/// Hidden name -> sealed (name, value).
const ROWS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("rows");
const CACHE_BYTES: usize = 4 << 20;

/// Why the book of people cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file.
    #[error("cannot use {path}: {reason}; check that the disk is there, writable and has room")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Another process.
    #[error("{0} is in use by another process; stop it first")]
    InUse(PathBuf),
    /// The key is locked.
    #[error(
        "people.key is locked with a passphrase: give the right one in {}",
        super::key::PASSPHRASE
    )]
    Passphrase,
    /// The key is gone or another's.
    #[error(
        "{0} cannot be opened with the people.key beside it; bring back the key that belongs to it from a backup. Nothing was changed"
    )]
    Key(PathBuf),
}

/// The file with its key.
pub(super) struct SealedRows {
    path: PathBuf,
    database: Closable,
    keys: KeyFile,
    key: RestKey,
}

/// A row as it was read: its place and its value.
pub(super) type Row<P> = (P, Vec<u8>);

/// A row to be written: its place and its value, or nothing to remove it.
pub(super) type Write<P> = (P, Option<Vec<u8>>);

impl SealedRows {
    /// Opens or makes the file in `folder` and gives all rows.
    pub(super) fn open<P: Serialize + DeserializeOwned>(
        folder: &Path,
        keys: KeyFile,
    ) -> Result<(Self, Vec<Row<P>>), StoreError> {
        let path = folder.join("people.redb");
        let database = open_database(&path)?;
        let (key, next) = keys.read()?;
        let sealed = read_all(&database).map_err(|error| failed(&path, &error))?;
        let opens = |key: &RestKey| {
            let first = sealed.first();
            first.is_none_or(|(name, value)| key.open(name, value).is_ok())
        };
        let key = match (key, next) {
            (_, Some(next)) if !sealed.is_empty() && opens(&next) => {
                keys.promote()?;
                next
            }
            (Some(key), _) if opens(&key) => key,
            _ if sealed.is_empty() => {
                let key = fresh_key(&path)?;
                keys.write_next(&key)?;
                keys.promote()?;
                key
            }
            _ => return Err(StoreError::Key(path)),
        };
        let file = Self {
            path,
            database,
            keys,
            key,
        };
        let rows = file.unseal(&sealed)?;
        Ok((file, rows))
    }

    /// Closes the file: the node stops.
    pub(super) fn close(&self) {
        self.database.close();
    }

    /// All rows again, after a write that failed.
    pub(super) fn read<P: DeserializeOwned>(&self) -> Result<Vec<Row<P>>, StoreError> {
        let sealed = read_all(&self.database).map_err(|error| failed(&self.path, &error))?;
        self.unseal(&sealed)
    }

    fn unseal<P: DeserializeOwned>(&self, sealed: &Sealed) -> Result<Vec<Row<P>>, StoreError> {
        let open = |(name, value): &([u8; 32], Vec<u8>)| {
            let plain = self
                .key
                .open(name, value)
                .map_err(|_| StoreError::Key(self.path.clone()))?;
            ciborium::from_reader(plain.as_slice()).map_err(|error| failed(&self.path, &error))
        };
        sealed.iter().map(open).collect()
    }

    /// Writes and removes rows in one transaction; durable on return.
    pub(super) fn write<P: Serialize>(&self, writes: &[Write<P>]) -> Result<(), StoreError> {
        self.commit(&self.key, writes, false)
    }

    /// Seals the whole book anew under a fresh key and destroys the old one: what the disk still has of old pages
    /// can be read by nobody.
    pub(super) fn rekey<P: Serialize>(&mut self, all: &[Write<P>]) -> Result<(), StoreError> {
        let key = fresh_key(&self.path)?;
        self.keys.write_next(&key)?;
        self.commit(&key, all, true)?;
        self.keys.promote()?;
        self.key = key;
        Ok(())
    }

    fn commit<P: Serialize>(
        &self,
        key: &RestKey,
        writes: &[Write<P>],
        from_nothing: bool,
    ) -> Result<(), StoreError> {
        let run = || -> Result<(), redb::Error> {
            let mut txn = self.database.begin_write()?;
            txn.set_durability(Durability::Immediate)
                .expect("a fresh transaction has no savepoint that forbids it");
            {
                let mut table = txn.open_table(ROWS)?;
                if from_nothing {
                    table.retain(|_, _| false)?;
                }
                for (place, value) in writes {
                    let name = key.hidden(&encode(place));
                    match value {
                        None => drop(table.remove(&name)?),
                        Some(value) => {
                            let plain = Zeroizing::new(encode(&(place, value)));
                            let mut nonce = [0; 24];
                            getrandom::fill(&mut nonce)
                                .map_err(|error| redb::Error::Corrupted(error.to_string()))?;
                            table.insert(&name, key.seal(&name, &plain, nonce).as_slice())?;
                        }
                    }
                }
            }
            txn.commit()?;
            Ok(())
        };
        run().map_err(|error| failed(&self.path, &error))
    }
}

fn open_database(path: &Path) -> Result<Closable, StoreError> {
    // Owner-only rights from the first byte.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed(path, &error))?;
    match redb::Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create(path)
    {
        Ok(database) => Ok(Closable::new(database)),
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(StoreError::InUse(path.to_owned())),
        Err(error) => Err(failed(path, &error)),
    }
}

type Sealed = Vec<([u8; 32], Vec<u8>)>;

fn read_all(database: &Closable) -> Result<Sealed, redb::Error> {
    let txn = database.begin_read()?;
    let table = match txn.open_table(ROWS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (name, value) = row?;
        rows.push((*name.value(), value.value().to_vec()));
    }
    Ok(rows)
}

fn fresh_key(path: &Path) -> Result<RestKey, StoreError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| failed(path, &error))?;
    Ok(RestKey::new(bytes))
}

fn failed(path: &Path, error: &impl std::fmt::Display) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

pub(super) fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a vector takes all bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(
        folder: &Path,
        passphrase: Option<&str>,
    ) -> Result<(SealedRows, Vec<Row<String>>), StoreError> {
        SealedRows::open(folder, KeyFile::new(folder, passphrase.map(str::to_owned)))
    }

    fn row(name: &str) -> Write<String> {
        (name.to_owned(), Some(b"Arta Krasniqi".to_vec()))
    }

    #[test]
    fn rows_come_back_and_the_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (rows, none) = open(folder.path(), None).unwrap();
        assert!(none.is_empty());
        rows.write(&[row("learner/arta"), row("learner/besa")])
            .unwrap();
        rows.write(&[("learner/besa".to_owned(), None)]).unwrap();
        drop(rows);
        let bytes = std::fs::read(folder.path().join("people.redb")).unwrap();
        for canary in [&b"Arta"[..], b"learner", b"arta"] {
            assert!(!bytes.windows(canary.len()).any(|at| at == canary));
        }
        let (_, back) = open(folder.path(), None).unwrap();
        assert_eq!(
            back,
            [("learner/arta".to_owned(), b"Arta Krasniqi".to_vec())]
        );
    }

    #[test]
    fn another_key_opens_nothing_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), None)
            .unwrap()
            .0
            .write(&[row("a")])
            .unwrap();
        let key = folder.path().join("people.key");
        let kept = std::fs::read(&key).unwrap();
        std::fs::remove_file(&key).unwrap();
        assert!(matches!(open(folder.path(), None), Err(StoreError::Key(_))));
        std::fs::write(&key, kept).unwrap();
        assert_eq!(open(folder.path(), None).unwrap().1.len(), 1);
    }

    #[test]
    fn a_new_key_makes_old_copies_unreadable_wherever_it_is_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let (rows, _) = open(folder.path(), None).unwrap();
        rows.write(&[row("a"), row("b")]).unwrap();
        let old = folder.path().join("people.redb");
        std::fs::copy(&old, copy.path().join("people.redb")).unwrap();
        // Cut short before the book is sealed anew: the old key still counts.
        rows.keys.write_next(&RestKey::new([5; 32])).unwrap();
        drop(rows);
        let (mut rows, back) = open(folder.path(), None).unwrap();
        assert_eq!(back.len(), 2);
        rows.rekey(&[row("a")]).unwrap();
        drop(rows);
        assert_eq!(open(folder.path(), None).unwrap().1.len(), 1);
        std::fs::copy(
            folder.path().join("people.key"),
            copy.path().join("people.key"),
        )
        .unwrap();
        assert!(matches!(open(copy.path(), None), Err(StoreError::Key(_))));
    }

    #[test]
    fn cut_short_after_the_book_was_sealed_anew_the_next_key_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (rows, _) = open(folder.path(), None).unwrap();
        rows.write(&[row("a")]).unwrap();
        let key = RestKey::new([5; 32]);
        rows.keys.write_next(&key).unwrap();
        rows.commit(&key, &[row("b")], true).unwrap();
        drop(rows);
        let (_, back) = open(folder.path(), None).unwrap();
        assert_eq!(back[0].0, "b");
        assert!(!folder.path().join("people.key.next").exists());
    }

    #[test]
    fn a_passphrase_locks_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let cheap = |passphrase: Option<&str>| {
            KeyFile::new(folder.path(), passphrase.map(str::to_owned)).cheap()
        };
        let (rows, _) = SealedRows::open::<String>(folder.path(), cheap(Some("dielli"))).unwrap();
        rows.write(&[row("a")]).unwrap();
        drop(rows);
        for wrong in [None, Some("hena")] {
            let opened = SealedRows::open::<String>(folder.path(), cheap(wrong));
            assert!(matches!(opened, Err(StoreError::Passphrase)));
        }
        let (_, back) = SealedRows::open::<String>(folder.path(), cheap(Some("dielli"))).unwrap();
        assert_eq!(back.len(), 1);
    }
}
