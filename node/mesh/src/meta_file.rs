//! Names of metadata files, in the shape of `pishtar_signing::client`.

use serde::{Deserialize, Serialize};

/// A role of a publisher's metadata.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MetaRole {
    /// Keys.
    Root,
    /// Version of the snapshot.
    Timestamp,
    /// Versions of all targets roles.
    Snapshot,
    /// The top-level targets role.
    Targets,
    /// A delegated targets role by name.
    Delegated(String),
}

/// One metadata file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetaFile {
    /// Its role.
    pub role: MetaRole,
    /// Its version; `None` for the timestamp, which has no version in its name.
    pub version: Option<u64>,
}
