//! TUF metadata as types (specification 1.0.34, section 4): parsed once, unknown fields kept, bytes kept by the caller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha512};

use crate::UnixSeconds;
use crate::key::{KeyId, PublicKey, RoleKeys};

mod delegation;
mod document;
mod envelope;
mod fields;
mod issued;
mod name;
mod time;

pub use delegation::{DelegatedRole, Delegations, MAX_PATTERNS, PathPattern, Scope, Succinct};
pub use envelope::{Document, Envelope, Header, MetadataError};
pub use issued::{ISSUED, issued, set_issued};
pub use name::{
    MAX_ENCODED_ROLE_NAME, MAX_ROLE_NAME, MAX_TARGET_PATH, NameError, RoleName, TargetPath,
};
pub use time::{format_utc, parse_utc};

/// The specification version that we write.
pub const SPEC_VERSION: &str = "1.0.34";

/// Who signs what: the trust anchor of a publisher (TUF 4.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// `spec_version` as written.
    pub spec_version: String,
    /// At least 1.
    pub version: u64,
    /// When a strict client stops trusting it.
    pub expires: UnixSeconds,
    /// Whether file names carry versions and hashes.
    pub consistent_snapshot: bool,
    /// Every key that a top-level role uses.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// Keys and threshold of the role `root`.
    pub root: RoleKeys,
    /// Keys and threshold of the role `timestamp`.
    pub timestamp: RoleKeys,
    /// Keys and threshold of the role `snapshot`.
    pub snapshot: RoleKeys,
    /// Keys and threshold of the top-level role `targets`.
    pub targets: RoleKeys,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// Version of another metadata file, and optionally what its bytes must be (TUF 4.4, 4.6 `METAFILES`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// At least 1.
    pub version: u64,
    /// Exact length in bytes.
    pub length: Option<u64>,
    /// Hashes of the bytes.
    pub hashes: Option<Hashes>,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// Which snapshot is the newest (TUF 4.6).
#[derive(Debug, Clone, PartialEq)]
pub struct Timestamp {
    /// `spec_version` as written.
    pub spec_version: String,
    /// At least 1.
    pub version: u64,
    /// When a strict client stops trusting it.
    pub expires: UnixSeconds,
    /// The `snapshot.json` entry.
    pub snapshot: FileMeta,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// Which versions of the targets roles belong together (TUF 4.4).
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// `spec_version` as written.
    pub spec_version: String,
    /// At least 1.
    pub version: u64,
    /// When a strict client stops trusting it.
    pub expires: UnixSeconds,
    /// By role: the top-level `targets` and every delegated role. An entry never disappears again (TUF 5.5.5).
    pub meta: BTreeMap<RoleName, FileMeta>,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// Files that a role vouches for, and roles it delegates to (TUF 4.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// `spec_version` as written.
    pub spec_version: String,
    /// At least 1.
    pub version: u64,
    /// When a strict client stops trusting it.
    pub expires: UnixSeconds,
    /// The files by path.
    pub targets: BTreeMap<TargetPath, TargetFile>,
    /// Whom else it trusts for which paths.
    pub delegations: Option<Delegations>,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// One published file.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetFile {
    /// Length in bytes.
    pub length: u64,
    /// Hashes of its bytes; `sha256` in everything we publish.
    pub hashes: Hashes,
    /// What the application says about it.
    pub custom: Map<String, Value>,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// Hashes of one byte string: algorithm name to lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashes(pub BTreeMap<String, String>);

impl Hashes {
    /// The `sha256` entry alone.
    pub fn from_sha256(digest: [u8; 32]) -> Hashes {
        Hashes(BTreeMap::from([("sha256".to_owned(), hex::encode(digest))]))
    }

    /// Hashes `bytes` with SHA-256.
    pub fn of(bytes: &[u8]) -> Hashes {
        Hashes::from_sha256(Sha256::digest(bytes).into())
    }

    /// The SHA-256, when there is one and it is well formed.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let mut digest = [0; 32];
        hex::decode_to_slice(self.0.get("sha256")?, &mut digest)
            .ok()
            .map(|()| digest)
    }

    /// Whether `bytes` have every hash listed here that we can compute, and at least one is such.
    pub fn match_bytes(&self, bytes: &[u8]) -> bool {
        let sha512 = self.has_sha512().then(|| Sha512::digest(bytes).into());
        self.match_digests(&Sha256::digest(bytes).into(), sha512.as_ref())
    }

    /// The same for bytes of which only the digests are at hand. A SHA-512 that is listed but not at hand does not match.
    pub fn match_digests(&self, sha256: &[u8; 32], sha512: Option<&[u8; 64]>) -> bool {
        let mut known = 0;
        for (algorithm, expected) in &self.0 {
            let found: Option<&[u8]> = match algorithm.as_str() {
                "sha256" => Some(sha256),
                "sha512" => sha512.map(|digest| &digest[..]),
                _ => continue,
            };
            if !hex::decode(expected).is_ok_and(|expected| Some(&expected[..]) == found) {
                return false;
            }
            known += 1;
        }
        known > 0
    }

    /// Whether a SHA-512 is listed, which costs a second pass over the bytes.
    pub(crate) fn has_sha512(&self) -> bool {
        self.0.contains_key("sha512")
    }
}

impl FileMeta {
    /// An entry for `bytes` at `version`, with length and SHA-256.
    pub fn of(version: u64, bytes: &[u8]) -> FileMeta {
        FileMeta {
            version,
            length: Some(bytes.len() as u64),
            hashes: Some(Hashes::of(bytes)),
            extra: Map::new(),
        }
    }
}

impl Targets {
    /// A role with no files and no delegations.
    pub fn empty(version: u64, expires: UnixSeconds) -> Targets {
        Targets {
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            targets: BTreeMap::new(),
            delegations: None,
            extra: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests;
