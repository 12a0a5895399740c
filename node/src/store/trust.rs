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
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use pishtar_signing::client::{MetaFile, MetaRole};
use sha2::{Digest, Sha256};

mod disk;
mod error;
mod manifest;

pub use disk::replace_file;
pub use error::{TrustStoreError, how_to_seed};

use disk::{make_folder, sync_folder, write_files};
use manifest::{Entry, Found, MANIFEST, Manifest, Unreadable};

/// Longest metadata file name that becomes part of a stored name, in bytes; file systems allow 255 in all.
const MAX_SHOWN_NAME: usize = 200;

/// All publishers' trust state of one node.
#[derive(Debug)]
pub struct TrustStore {
    folder: PathBuf,
}

impl TrustStore {
    /// Opens or makes the store in `folder`, and removes what a stop in the middle of an install left behind.
    ///
    /// # Errors
    /// [`TrustStoreError::Io`] where the folder cannot be made or listed.
    pub fn open(folder: PathBuf) -> Result<Self, TrustStoreError> {
        make_folder(&folder)?;
        let store = Self { folder };
        for publisher in store.publishers()? {
            // Damaged state is reported where it is read, and nothing of it is touched.
            if let Ok(Found::Manifest(manifest)) = Manifest::read(&store.folder.join(&publisher)) {
                sweep(&store.folder.join(&publisher), &manifest);
            }
        }
        Ok(store)
    }

    /// Ids of the publishers that have state here, in order.
    ///
    /// # Errors
    /// [`TrustStoreError::Io`] where the folder cannot be listed.
    pub fn publishers(&self) -> Result<Vec<String>, TrustStoreError> {
        let cannot = |cause| TrustStoreError::io("list", &self.folder, cause);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(cannot)? {
            let Ok(name) = entry.map_err(cannot)?.file_name().into_string() else {
                continue;
            };
            // A folder whose first pin was cut short is as if it were not there.
            let folder = self.folder.join(&name);
            if folder.is_dir() && !matches!(Manifest::read(&folder), Ok(Found::Nothing)) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Pins `first_root` for `publisher`. Pinning the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`TrustStoreError::PinnedOtherwise`] where other bytes are pinned; Io and Damaged as everywhere.
    pub fn pin(&self, publisher: &str, first_root: &[u8]) -> Result<(), TrustStoreError> {
        if self.found(publisher)?.is_none() {
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
        let Some(manifest) = self.found(publisher)? else {
            return Ok(None);
        };
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
        let Some(manifest) = self.found(publisher)? else {
            return Ok(None);
        };
        // The name comes from a peer: it is compared with names we made, never joined to a path.
        let held = manifest
            .files
            .iter()
            .find(|entry| entry.meta_file().file_name() == name);
        held.map(|entry| self.read_entry(publisher, entry))
            .transpose()
    }

    /// Every metadata file held for `publisher`.
    ///
    /// # Errors
    /// [`TrustStoreError::Damaged`] where the manifest does not read back.
    pub fn held(&self, publisher: &str) -> Result<Vec<MetaFile>, TrustStoreError> {
        let manifest = self.manifest(publisher)?;
        Ok(manifest.files.iter().map(Entry::meta_file).collect())
    }

    /// Deletes everything of a publisher; nothing there is fine.
    ///
    /// # Errors
    /// [`TrustStoreError::Io`] where the disk refuses; then the state may be there in part, and this is to be repeated
    /// before anything is installed for the same publisher.
    pub fn forget(&self, publisher: &str) -> Result<(), TrustStoreError> {
        let folder = self.folder.join(publisher);
        match fs::remove_dir_all(&folder) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(TrustStoreError::io("remove", &folder, cause))
            }
            _ => sync_folder(&self.folder),
        }
    }

    /// Makes `new` current and forgets `removed`; durable when it returns.
    ///
    /// All roots are kept, because an older node needs the whole chain; of every other role the newest stays.
    ///
    /// # Errors
    /// Io where the disk refuses (the old catalogue stays current, or the new one is current and not yet known to be
    /// durable: install the same again); Damaged where the old state does not read.
    pub fn install(
        &self,
        publisher: &str,
        new: &[(MetaFile, Vec<u8>)],
        removed: &[MetaFile],
    ) -> Result<(), TrustStoreError> {
        let folder = self.folder.join(publisher);
        let before = self.found(publisher)?;
        make_folder(&folder)?;
        let entries = before.into_iter().flat_map(|manifest| manifest.files);
        let mut files: BTreeMap<(MetaRole, Option<u64>), Entry> =
            entries.map(|entry| (key(&entry), entry)).collect();
        for gone in removed {
            files.retain(|_, entry| entry.role != gone.role);
        }
        let entries: Vec<Entry> = new.iter().map(|(file, bytes)| entry(file, bytes)).collect();
        let written: Vec<(PathBuf, &[u8])> = entries
            .iter()
            .zip(new)
            .map(|(entry, (_, bytes))| (folder.join(&entry.file), bytes.as_slice()))
            .collect();
        write_files(&written)?;
        for ((file, _), entry) in new.iter().zip(entries) {
            if file.role != MetaRole::Root {
                files.retain(|_, held| held.role != file.role);
            }
            files.insert(key(&entry), entry);
        }
        sync_folder(&folder)?;
        let manifest = Manifest::new(files.into_values().collect());
        replace_file(&folder.join(MANIFEST), &manifest.to_bytes())?;
        // The new state is durable; what the sweep leaves behind costs space only.
        sweep(&folder, &manifest);
        Ok(())
    }

    /// The manifest of a publisher that must have one.
    fn manifest(&self, publisher: &str) -> Result<Manifest, TrustStoreError> {
        self.found(publisher)?
            .ok_or_else(|| self.damaged(publisher, "manifest.json is missing"))
    }

    /// The manifest, or `None` where nothing was ever committed.
    fn found(&self, publisher: &str) -> Result<Option<Manifest>, TrustStoreError> {
        let folder = self.folder.join(publisher);
        match Manifest::read(&folder) {
            Ok(Found::Manifest(manifest)) => Ok(Some(manifest)),
            Ok(Found::Nothing) => Ok(None),
            Err(Unreadable::Io(cause)) => {
                Err(TrustStoreError::io("read", &folder.join(MANIFEST), cause))
            }
            Err(Unreadable::Damaged(detail)) => Err(self.damaged(publisher, &detail)),
        }
    }

    fn read_entry(&self, publisher: &str, entry: &Entry) -> Result<Vec<u8>, TrustStoreError> {
        let path = self.folder.join(publisher).join(&entry.file);
        let bytes = fs::read(&path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => {
                self.damaged(publisher, &format!("{} is missing", entry.file))
            }
            _ => TrustStoreError::io("read", &path, cause),
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

fn entry(file: &MetaFile, bytes: &[u8]) -> Entry {
    let sha256 = hex::encode(Sha256::digest(bytes));
    Entry {
        role: file.role.clone(),
        version: file.version,
        file: stored_name(&sha256, &file.file_name()),
        sha256,
    }
}

/// A name that says to people what the file is. The longest role names, percent-encoded, would not fit a file system.
fn stored_name(sha256: &str, name: &str) -> String {
    match name.len() <= MAX_SHOWN_NAME {
        true => format!("{}.{name}", &sha256[..16]),
        false => format!("{sha256}.json"),
    }
}

/// Removes what the manifest does not name: replaced files, and what a stop left half written.
fn sweep(folder: &Path, manifest: &Manifest) {
    let named = manifest.names();
    let Ok(listing) = fs::read_dir(folder) else {
        return;
    };
    for entry in listing.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| !named.contains(name)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
