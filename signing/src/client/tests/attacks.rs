//! The attacks of TUF 1.5.2 and of our own list: one named test each, with the exact verdict.

use crate::fixture::*;
use crate::key::{KeyId, PublicKey, RoleKeys, Signature};
use crate::metadata::{
    DelegatedRole, Delegations, Document, Envelope, FileMeta, MetadataError, Root, Snapshot,
    Succinct, Timestamp,
};

use super::*;

mod age;
mod bounds;
mod signatures;

fn pinned(ministry: &Ministry) -> TrustedSet {
    TrustedSet::pin(&ministry.first_root()).unwrap()
}

fn file(name: &str) -> MetaFile {
    MetaFile::parse(name).unwrap()
}

fn threshold(name: &str, by: &str, valid: u64, needed: u64) -> TrustError {
    TrustError::Threshold {
        file: file(name),
        by: by.to_owned(),
        valid,
        needed,
    }
}

/// Replaces a file with what the given keys sign.
fn replace<T: Document>(files: &mut Files, name: &str, document: T, keys: &[&SigningKey]) {
    files.insert(name.to_owned(), forge(document, keys));
}

/// The holder of snapshot and timestamp keys lists whatever he likes.
fn list_snapshot(
    ministry: &Ministry,
    files: &mut Files,
    snapshot: Snapshot,
    timestamp_version: u64,
) {
    let version = snapshot.version;
    let bytes = forge(snapshot, &[&ministry.snapshot]);
    let mut timestamp: Timestamp = read(files, "timestamp.json");
    timestamp.version = timestamp_version;
    timestamp.snapshot = FileMeta::of(version, &bytes);
    files.insert(format!("{version}.snapshot.json"), bytes);
    replace(files, "timestamp.json", timestamp, &[&ministry.timestamp]);
}
