//! The manifest: which stored file is current for each role. Replacing it is the one commit point.

use std::{collections::BTreeSet, fs, io, path::Path};

use pishtar_signing::client::{MetaFile, MetaRole};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk::is_temporary;

/// Its name in a publisher's folder.
pub(super) const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// One stored metadata file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) role: MetaRole,
    pub(super) version: Option<u64>,
    /// Its name in the folder.
    pub(super) file: String,
    pub(super) sha256: String,
}

/// What is current for one publisher.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    pub(super) files: Vec<Entry>,
    /// SHA-256 of `files` as written: a flipped bit in a version must not pass for a lower floor. Absent in what
    /// version 0.1.0 wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<String>,
}

/// What a publisher's folder holds.
pub(super) enum Found {
    /// Nothing that was ever committed: no folder, or what a stop in the middle of the first pin left.
    Nothing,
    /// A manifest that reads back.
    Manifest(Manifest),
}

/// Why there is no manifest to be had.
pub(super) enum Unreadable {
    /// The disk said no.
    Io(io::Error),
    /// It is not what was written; the sentence says how.
    Damaged(String),
}

impl Entry {
    /// What of the publisher this is.
    pub(super) fn meta_file(&self) -> MetaFile {
        MetaFile {
            role: self.role.clone(),
            version: self.version,
        }
    }
}

impl Manifest {
    pub(super) fn new(files: Vec<Entry>) -> Self {
        let check = Some(digest(&files));
        Self {
            format: FORMAT,
            files,
            check,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest holds only strings and numbers")
    }

    /// Reads the manifest in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Found, Unreadable> {
        let bytes = match fs::read(folder.join(MANIFEST)) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return without(folder),
            Err(cause) => return Err(Unreadable::Io(cause)),
        };
        let damaged = |what: String| Unreadable::Damaged(format!("{MANIFEST} {what}"));
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("does not read: {error}")))?;
        if manifest.format != FORMAT {
            let found = manifest.format;
            return Err(damaged(format!(
                "has format {found}, this program knows {FORMAT}"
            )));
        }
        match &manifest.check {
            Some(check) if *check != digest(&manifest.files) => {
                Err(damaged("is not what was written".to_owned()))
            }
            _ => Ok(Found::Manifest(manifest)),
        }
    }

    /// Names in the folder that belong to this state.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let files = self.files.iter().map(|entry| entry.file.as_str());
        files.chain([MANIFEST]).collect()
    }
}

/// No manifest is "no state" only where nothing was ever committed: a lost manifest must not pass for no floor.
fn without(folder: &Path) -> Result<Found, Unreadable> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(cause) => return Err(Unreadable::Io(cause)),
    };
    for entry in listing {
        let name = entry.map_err(Unreadable::Io)?.file_name();
        let name = name.to_string_lossy();
        if !is_temporary(&name) && !name.ends_with(".1.root.json") {
            return Err(Unreadable::Damaged(format!("{MANIFEST} is missing")));
        }
    }
    Ok(Found::Nothing)
}

fn digest(files: &[Entry]) -> String {
    let bytes = serde_json::to_vec(files).expect("entries hold only strings and numbers");
    hex::encode(Sha256::digest(bytes))
}
