//! Trust state: one folder for each publisher, the verified metadata as received, replaced atomically.
//!
//! ```text
//! trust/<publisher>/manifest.json      which file is current for each role: the one commit point
//! trust/<publisher>/<sha256/16>.<name> the bytes as received, never overwritten
//! ```
//! What always holds: every file that the manifest names was written and synced before the manifest was, so
//! a crash leaves the old catalogue or the new one, never a mixture, and no version floor goes down. A
//! manifest or file that does not read back fails closed: it is never "no floor".

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use pishtar_signing::client::{MetaFile, MetaRole};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// Why trust state cannot be used. Every variant fails closed.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// The disk said no.
    #[error("cannot {action} {path}: {cause}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A file is not what was written.
    #[error(
        "the trust state of publisher {publisher} is damaged ({detail}); nothing was changed. \
         Move {folder} aside and start once with --root and the ministry's first root file to seed it again"
    )]
    Damaged {
        /// Whose state.
        publisher: String,
        /// The folder to move aside.
        folder: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Another first root is pinned already.
    #[error(
        "publisher {publisher} is pinned here by another first root; this data folder stays with the ministry it was \
         made for. Use another --data folder for another ministry"
    )]
    PinnedOtherwise {
        /// Whose state.
        publisher: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    role: MetaRole,
    version: Option<u64>,
    file: String,
    sha256: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    files: Vec<Entry>,
}

/// All publishers' trust state of one node.
#[derive(Debug)]
pub struct TrustStore {
    folder: PathBuf,
}

impl TrustStore {
    /// Opens or makes the store in `folder`.
    ///
    /// # Errors
    /// [`TrustStoreError::Io`] where the folder cannot be made.
    pub fn open(folder: PathBuf) -> Result<Self, TrustStoreError> {
        fs::create_dir_all(&folder).map_err(|cause| io_error("make", &folder, cause))?;
        Ok(Self { folder })
    }

    /// Ids of the publishers that have state here, in order.
    ///
    /// # Errors
    /// [`TrustStoreError::Io`] where the folder cannot be listed.
    pub fn publishers(&self) -> Result<Vec<String>, TrustStoreError> {
        let listing =
            fs::read_dir(&self.folder).map_err(|cause| io_error("list", &self.folder, cause))?;
        let mut names: Vec<String> = listing
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| self.folder.join(name).is_dir())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Pins `first_root` for `publisher`. Pinning the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`TrustStoreError::PinnedOtherwise`] where other bytes are pinned; Io and Damaged as everywhere.
    pub fn pin(&self, publisher: &str, first_root: &[u8]) -> Result<(), TrustStoreError> {
        let folder = self.folder.join(publisher);
        if !folder.join(MANIFEST).exists() {
            let file = MetaFile {
                role: MetaRole::Root,
                version: Some(1),
            };
            return self.install(publisher, &[(file, first_root.to_vec())], &[]);
        }
        match self.first_root(publisher)? {
            held if held == first_root => Ok(()),
            _ => Err(TrustStoreError::PinnedOtherwise {
                publisher: publisher.to_owned(),
            }),
        }
    }

    /// The pinned first root, as received.
    ///
    /// # Errors
    /// [`TrustStoreError::Damaged`] where it is missing or changed.
    pub fn first_root(&self, publisher: &str) -> Result<Vec<u8>, TrustStoreError> {
        let manifest = self.manifest(publisher)?;
        let lowest = manifest
            .files
            .iter()
            .filter(|entry| entry.role == MetaRole::Root)
            .min_by_key(|entry| entry.version);
        let Some(entry) = lowest else {
            return Err(self.damaged(publisher, "no root file is listed"));
        };
        self.read_entry(publisher, entry)
    }

    /// The current bytes of one metadata file; `None` where this version is not held.
    ///
    /// # Errors
    /// [`TrustStoreError::Damaged`] where the file does not read back as written.
    pub fn read(
        &self,
        publisher: &str,
        file: &MetaFile,
    ) -> Result<Option<Vec<u8>>, TrustStoreError> {
        if !self.folder.join(publisher).join(MANIFEST).exists() {
            return Ok(None);
        }
        let manifest = self.manifest(publisher)?;
        let held = manifest
            .files
            .iter()
            .find(|entry| entry.role == file.role && entry.version == file.version);
        held.map(|entry| self.read_entry(publisher, entry))
            .transpose()
    }

    /// The current bytes of the file that is called `name` in a published folder, such as `7.math-6-sq.json`.
    ///
    /// # Errors
    /// [`TrustStoreError::Damaged`] where the state does not read back as written.
    pub fn read_named(
        &self,
        publisher: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, TrustStoreError> {
        if !self.folder.join(publisher).join(MANIFEST).exists() {
            return Ok(None);
        }
        // The name comes from a peer: it is compared with names we made, never joined to a path.
        let held = self
            .held(publisher)?
            .into_iter()
            .find(|file| file.file_name() == name);
        held.map_or(Ok(None), |file| self.read(publisher, &file))
    }

    /// Every metadata file held for `publisher`.
    ///
    /// # Errors
    /// [`TrustStoreError::Damaged`] where the manifest does not read back.
    pub fn held(&self, publisher: &str) -> Result<Vec<MetaFile>, TrustStoreError> {
        let manifest = self.manifest(publisher)?;
        Ok(manifest
            .files
            .into_iter()
            .map(|entry| MetaFile {
                role: entry.role,
                version: entry.version,
            })
            .collect())
    }

    /// Makes `new` current and forgets `removed`; durable when it returns.
    ///
    /// All roots are kept, because an older node needs the whole chain; of every other role the newest stays.
    ///
    /// # Errors
    /// Io where the disk refuses (the old catalogue stays current); Damaged where the old state does not read.
    pub fn install(
        &self,
        publisher: &str,
        new: &[(MetaFile, Vec<u8>)],
        removed: &[MetaFile],
    ) -> Result<(), TrustStoreError> {
        let folder = self.folder.join(publisher);
        fs::create_dir_all(&folder).map_err(|cause| io_error("make", &folder, cause))?;
        let mut files: BTreeMap<(MetaRole, Option<u64>), Entry> = BTreeMap::new();
        if folder.join(MANIFEST).exists() {
            files.extend(
                self.manifest(publisher)?
                    .files
                    .into_iter()
                    .map(|entry| (key(&entry), entry)),
            );
        }
        for gone in removed {
            files.retain(|_, entry| entry.role != gone.role);
        }
        for (file, bytes) in new {
            let entry = write_once(&folder, file, bytes)?;
            if file.role != MetaRole::Root {
                files.retain(|_, held| held.role != file.role);
            }
            files.insert(key(&entry), entry);
        }
        sync_folder(&folder)?;
        let manifest = Manifest {
            format: FORMAT,
            files: files.into_values().collect(),
        };
        let bytes =
            serde_json::to_vec(&manifest).expect("a manifest holds only strings and numbers");
        replace_file(&folder.join(MANIFEST), &bytes)?;
        // The new state is durable; what the sweep leaves behind costs space only.
        sweep(&folder, &manifest);
        Ok(())
    }

    fn manifest(&self, publisher: &str) -> Result<Manifest, TrustStoreError> {
        let path = self.folder.join(publisher).join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(self.damaged(publisher, "manifest.json is missing"));
            }
            Err(cause) => return Err(io_error("read", &path, cause)),
        };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
            self.damaged(publisher, &format!("manifest.json does not read: {error}"))
        })?;
        if manifest.format != FORMAT {
            return Err(self.damaged(
                publisher,
                &format!(
                    "manifest.json has format {}, this program knows {FORMAT}",
                    manifest.format
                ),
            ));
        }
        Ok(manifest)
    }

    fn read_entry(&self, publisher: &str, entry: &Entry) -> Result<Vec<u8>, TrustStoreError> {
        let path = self.folder.join(publisher).join(&entry.file);
        let bytes = fs::read(&path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => {
                self.damaged(publisher, &format!("{} is missing", entry.file))
            }
            _ => io_error("read", &path, cause),
        })?;
        if hex::encode(Sha256::digest(&bytes)) != entry.sha256 {
            return Err(self.damaged(
                publisher,
                &format!("{} is not what was written", entry.file),
            ));
        }
        Ok(bytes)
    }

    fn damaged(&self, publisher: &str, detail: &str) -> TrustStoreError {
        TrustStoreError::Damaged {
            publisher: publisher.to_owned(),
            folder: self.folder.join(publisher),
            detail: detail.to_owned(),
        }
    }
}

fn key(entry: &Entry) -> (MetaRole, Option<u64>) {
    (entry.role.clone(), entry.version)
}

fn write_once(folder: &Path, file: &MetaFile, bytes: &[u8]) -> Result<Entry, TrustStoreError> {
    let sha256 = hex::encode(Sha256::digest(bytes));
    let name = format!("{}.{}", &sha256[..16], file.file_name());
    replace_file(&folder.join(&name), bytes)?;
    Ok(Entry {
        role: file.role.clone(),
        version: file.version,
        file: name,
        sha256,
    })
}

/// Writes `bytes` so that `path` holds either what it held or all of them: temporary file, fsync, rename, fsync
/// of the folder.
///
/// # Errors
/// [`TrustStoreError::Io`] naming the step that failed; `path` is then untouched.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), TrustStoreError> {
    let temporary = path.with_extension("tmp");
    let write = || -> io::Result<()> {
        let mut out = File::create(&temporary)?;
        out.write_all(bytes)?;
        out.sync_all()
    };
    write().map_err(|cause| io_error("write", &temporary, cause))?;
    fs::rename(&temporary, path).map_err(|cause| io_error("replace", path, cause))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<(), TrustStoreError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(|cause| io_error("sync", folder, cause))
}

fn sweep(folder: &Path, manifest: &Manifest) {
    let named: BTreeSet<&str> = manifest
        .files
        .iter()
        .map(|entry| entry.file.as_str())
        .collect();
    let Ok(listing) = fs::read_dir(folder) else {
        return;
    };
    for entry in listing.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name != MANIFEST && !named.contains(name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn io_error(action: &'static str, path: &Path, cause: io::Error) -> TrustStoreError {
    TrustStoreError::Io {
        action,
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(role: MetaRole, version: Option<u64>) -> MetaFile {
        MetaFile { role, version }
    }

    fn store() -> (tempfile::TempDir, TrustStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = TrustStore::open(dir.path().join("trust")).unwrap();
        store.pin("ministry", b"root one").unwrap();
        (dir, store)
    }

    #[test]
    fn an_install_replaces_roles_and_keeps_every_root() {
        let (_dir, store) = store();
        let first = [
            (file(MetaRole::Timestamp, None), b"t1".to_vec()),
            (file(MetaRole::Snapshot, Some(1)), b"s1".to_vec()),
        ];
        store.install("ministry", &first, &[]).unwrap();
        let second = [
            (file(MetaRole::Root, Some(2)), b"root two".to_vec()),
            (file(MetaRole::Timestamp, None), b"t2".to_vec()),
            (file(MetaRole::Snapshot, Some(2)), b"s2".to_vec()),
        ];
        store.install("ministry", &second, &[]).unwrap();
        assert_eq!(store.first_root("ministry").unwrap(), b"root one");
        assert_eq!(
            store
                .read("ministry", &file(MetaRole::Root, Some(2)))
                .unwrap()
                .unwrap(),
            b"root two"
        );
        assert_eq!(
            store
                .read("ministry", &file(MetaRole::Timestamp, None))
                .unwrap()
                .unwrap(),
            b"t2"
        );
        assert_eq!(
            store
                .read("ministry", &file(MetaRole::Snapshot, Some(1)))
                .unwrap(),
            None
        );
        let left = fs::read_dir(store.folder.join("ministry")).unwrap().count();
        assert_eq!(left, 5, "manifest, two roots, timestamp, snapshot");
    }

    #[test]
    fn a_damaged_file_fails_closed_and_names_the_remedy() {
        let (_dir, store) = store();
        let entry = store.manifest("ministry").unwrap().files[0].file.clone();
        fs::write(store.folder.join("ministry").join(entry), b"root 0ne").unwrap();
        let error = store.first_root("ministry").unwrap_err();
        assert!(matches!(error, TrustStoreError::Damaged { .. }));
        assert!(error.to_string().contains("--root"), "{error}");
        for garbage in [&b""[..], b"{", b"null", b"{\"format\":9,\"files\":[]}"] {
            fs::write(store.folder.join("ministry").join(MANIFEST), garbage).unwrap();
            assert!(matches!(
                store.held("ministry"),
                Err(TrustStoreError::Damaged { .. })
            ));
            assert!(matches!(
                store.pin("ministry", b"root one"),
                Err(TrustStoreError::Damaged { .. })
            ));
        }
    }

    #[test]
    fn another_ministry_cannot_take_over_a_data_folder() {
        let (_dir, store) = store();
        store.pin("ministry", b"root one").unwrap();
        assert!(matches!(
            store.pin("ministry", b"other"),
            Err(TrustStoreError::PinnedOtherwise { .. })
        ));
    }
}
