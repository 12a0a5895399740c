//! The rebuildable index, in sled: when each catalogue was checked, which lessons were withdrawn, which published
//! files were hashed already.
//!
//! Nothing in here is the only copy of anything. A store that does not open is moved aside and begun anew.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use pishtar_catalog::BlobHash;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// sled's page cache: its default of 1 GiB would fill a small board.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How long the lock of a closed index may outlive it. sled gives it back by closing the file, and a
/// child process that is just being started holds a copy of every open file for a moment. Without
/// patience a sound index would be moved aside as damaged.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Withdrawn lessons remembered for their page's answer.
const MAX_WITHDRAWN: usize = 4096;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Neither the old store opens nor a new one can be made.
    #[error(
        "cannot open the index in {folder}: {cause}; check that the disk is writable and has room"
    )]
    Open {
        /// The folder of the index.
        folder: PathBuf,
        /// What sled said.
        cause: sled::Error,
    },
    /// A damaged store cannot be moved out of the way.
    #[error(
        "the index in {folder} is damaged and cannot be moved aside: {cause}; remove that folder by hand, it is rebuilt"
    )]
    MoveAside {
        /// The folder of the index.
        folder: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// What is known of a published file since it was last hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashedFile {
    /// Bytes.
    pub length: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified_ns: u128,
    /// BLAKE3 of the content at that time.
    pub blake3: [u8; 32],
}

impl HashedFile {
    /// Describes a file by its metadata and the hash that was just computed.
    pub fn new(metadata: &fs::Metadata, blake3: BlobHash) -> Self {
        Self {
            length: metadata.len(),
            modified_ns: modified_ns(metadata),
            blake3: blake3.0,
        }
    }

    /// Whether the file still looks as it did when it was hashed.
    pub fn still_describes(&self, metadata: &fs::Metadata) -> bool {
        self.length == metadata.len() && self.modified_ns == modified_ns(metadata)
    }
}

/// sled says it in words only: the kind of its error is `Other`.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(cause) if cause.to_string().contains("could not acquire lock"))
}

fn modified_ns(metadata: &fs::Metadata) -> u128 {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    modified.map_or(0, |since| since.as_nanos())
}

/// The index of one node.
#[derive(Debug, Clone)]
pub struct Index {
    db: sled::Db,
    checked: sled::Tree,
    hashed: sled::Tree,
    withdrawn: sled::Tree,
}

impl Index {
    /// Opens the index in `folder`; a damaged one is moved to `<folder>.damaged` and begun anew.
    ///
    /// # Errors
    /// [`IndexError`] where the disk allows neither.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        match Self::try_open(folder) {
            Ok(index) => Ok(index),
            Err(sled::Error::Io(cause)) if cause.kind() == io::ErrorKind::PermissionDenied => {
                Err(IndexError::Open {
                    folder: folder.to_owned(),
                    cause: cause.into(),
                })
            }
            Err(error) => {
                let aside = folder.with_extension("damaged");
                tracing::warn!(%error, aside = %aside.display(), "the index does not open; it is moved aside and rebuilt");
                let _ = fs::remove_dir_all(&aside);
                fs::rename(folder, &aside).map_err(|cause| IndexError::MoveAside {
                    folder: folder.to_owned(),
                    cause,
                })?;
                Self::try_open(folder).map_err(|cause| IndexError::Open {
                    folder: folder.to_owned(),
                    cause,
                })
            }
        }
    }

    fn try_open(folder: &Path) -> Result<Self, sled::Error> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            // sled's own flusher holds up the closing of the store for as long as its period.
            .flush_every_ms(None);
        let give_up = Instant::now() + LOCK_PATIENCE;
        let db = loop {
            match config.open() {
                Err(error) if is_locked(&error) && Instant::now() < give_up => {
                    thread::sleep(Duration::from_millis(5));
                }
                opened => break opened?,
            }
        };
        Ok(Self {
            checked: db.open_tree("checked")?,
            hashed: db.open_tree("hashed")?,
            withdrawn: db.open_tree("withdrawn")?,
            db,
        })
    }

    /// When some source last confirmed `publisher`'s catalogue, Unix seconds.
    pub fn checked_at(&self, publisher: &str) -> Option<i64> {
        get(&self.checked, publisher.as_bytes())
    }

    /// Notes that `publisher`'s catalogue was confirmed at `at`, Unix seconds.
    pub fn set_checked_at(&self, publisher: &str, at: i64) {
        put(&self.checked, publisher.as_bytes(), &at);
    }

    /// Remembers that lessons were withdrawn, so that their pages can say so. Blocks on the disk.
    pub fn note_withdrawn<'a>(&self, lessons: impl Iterator<Item = &'a str>) {
        for lesson in lessons {
            put(&self.withdrawn, lesson.as_bytes(), &());
        }
        for _ in MAX_WITHDRAWN..self.withdrawn.len() {
            let _ = self.withdrawn.pop_min();
        }
        self.flush();
    }

    /// Whether the lesson was withdrawn from a catalogue that this node held.
    pub fn was_withdrawn(&self, lesson: &str) -> bool {
        self.withdrawn
            .contains_key(lesson.as_bytes())
            .unwrap_or(false)
    }

    /// What was known of the published file at `path` when it was last hashed.
    pub fn hashed_file(&self, path: &Path) -> Option<HashedFile> {
        get(&self.hashed, path.as_os_str().as_encoded_bytes())
    }

    /// Notes the hash of the published file at `path`.
    pub fn set_hashed_file(&self, path: &Path, file: &HashedFile) {
        put(&self.hashed, path.as_os_str().as_encoded_bytes(), file);
    }

    /// Hands everything to the operating system; called now and then and at shutdown. Blocks on the disk.
    pub fn flush(&self) {
        if let Err(error) = self.db.flush() {
            tracing::warn!(%error, "the index was not flushed; it is rebuilt where it lags behind");
        }
    }
}

/// A row that does not read is a row that is not there: the index is rebuildable.
fn get<T: DeserializeOwned>(tree: &sled::Tree, key: &[u8]) -> Option<T> {
    serde_json::from_slice(&tree.get(key).ok()??).ok()
}

fn put<T: Serialize>(tree: &sled::Tree, key: &[u8], value: &T) {
    let bytes =
        serde_json::to_vec(value).expect("index rows hold only numbers, strings and lists of them");
    if let Err(error) = tree.insert(key, bytes) {
        tracing::warn!(%error, "an index row was not written; it is rebuilt when needed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index.sled");
        let index = Index::open(&folder).unwrap();
        index.set_checked_at("ministry", 42);
        index.flush();
        drop(index);
        let index = Index::open(&folder).unwrap();
        assert_eq!(index.checked_at("ministry"), Some(42));
    }

    #[test]
    fn a_lock_that_lives_on_for_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index.sled");
        let index = Index::open(&folder).unwrap();
        index.set_checked_at("ministry", 42);
        index.flush();
        // What a child between fork and exec does with the lock: it outlives the owner's closing.
        let together = std::sync::Arc::new(std::sync::Barrier::new(2));
        let theirs = together.clone();
        let closer = thread::spawn(move || {
            theirs.wait();
            drop(index);
        });
        together.wait();
        let again = Index::open(&folder).unwrap();
        assert_eq!(again.checked_at("ministry"), Some(42));
        assert!(!dir.path().join("index.damaged").exists());
        closer.join().unwrap();
    }

    #[test]
    fn a_damaged_index_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index.sled");
        drop(Index::open(&folder).unwrap());
        fs::write(folder.join("conf"), b"not a configuration").unwrap();
        let index = Index::open(&folder).unwrap();
        assert_eq!(index.checked_at("ministry"), None);
        assert!(dir.path().join("index.damaged").exists());
    }

    #[test]
    fn withdrawn_lessons_are_remembered_over_a_restart_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index.sled");
        let names: Vec<String> = (0..MAX_WITHDRAWN + 3)
            .map(|n| format!("m/c/{n:05}"))
            .collect();
        {
            let index = Index::open(&folder).unwrap();
            index.note_withdrawn(names.iter().map(String::as_str));
        }
        let index = Index::open(&folder).unwrap();
        assert!(index.was_withdrawn(names.last().unwrap()));
        assert!(!index.was_withdrawn("m/c/other"));
        assert_eq!(index.withdrawn.len(), MAX_WITHDRAWN);
    }
}
