//! The TUF client (specification 1.0.34, section 5), without any I/O: it says which file it wants next and judges the answer.
//!
//! ```text
//! let mut update = trusted.begin_update(now, Policy::Offline);
//! loop {
//!     match update.next() {
//!         Step::Fetch { file, max_bytes } => update.provide(&file, fetch_somehow(&file, max_bytes))?,
//!         Step::Done(outcome) => break install(outcome),
//!         Step::Over => break,
//!     }
//! }
//! ```
//!
//! One [`Update`] talks to one source: what two sources give is never mixed. Network, USB stick and own disk go
//! through the same checks. Every file that the newest snapshot needs is asked for, and only what changed moves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metadata::{RoleName, TargetPath, Targets};

mod delegated;
mod error;
mod reload;
mod restore;
mod search;
mod set;
mod time;
mod update;
mod verify;
mod walk;

pub use error::{Fault, TrustError};
pub use reload::Stored;
pub use search::{Found, MAX_SEARCHED_ROLES, Search, SearchStep};
pub use set::TrustedSet;
pub use time::{CLOCK_AHEAD, CLOCK_BEHIND, Clock, Freshness, MAX_ONLINE_ADVANCE, TrustedTime};
pub use update::Update;

/// Most new root versions one update follows; a repository that is further ahead needs several updates.
pub const MAX_ROOTS: u64 = 256;
/// Most delegations one update follows, over all roles.
pub const MAX_DELEGATIONS: usize = 16_384;
/// Deepest chain of delegations below the top-level targets role.
pub const MAX_DELEGATION_DEPTH: usize = 8;
/// Largest root file in bytes.
pub const MAX_ROOT_BYTES: u64 = 512 << 10;
/// Largest timestamp file in bytes.
pub const MAX_TIMESTAMP_BYTES: u64 = 16 << 10;
/// Largest snapshot file in bytes: about 20,000 roles.
pub const MAX_SNAPSHOT_BYTES: u64 = 4 << 20;
/// Largest targets file in bytes, where the snapshot does not say the length.
pub const MAX_TARGETS_BYTES: u64 = 16 << 20;

/// A role by what its file is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MetaRole {
    /// `N.root.json`
    Root,
    /// `timestamp.json`
    Timestamp,
    /// `N.snapshot.json`
    Snapshot,
    /// `N.targets.json`
    Targets,
    /// `N.ROLE.json`
    Delegated(RoleName),
}

/// One metadata file of a publisher.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetaFile {
    /// Whose file.
    pub role: MetaRole,
    /// Which version; `None` for the timestamp only, whose newest version is always meant.
    pub version: Option<u64>,
}

/// How expiry is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// AUTHENTIC and NEWER decide; age is for the page to show. The departure from TUF 5.3.10, 5.4.4, 5.5.6 and 5.6.5
    /// that lets a school offline for a term, or with a wrong clock, go on learning.
    Offline,
    /// The specification to the letter: an expired file is refused.
    Strict,
}

/// What an [`Update`] wants.
#[derive(Debug)]
pub enum Step {
    /// Fetch this file and give the answer to [`Update::provide`].
    Fetch {
        /// Which.
        file: MetaFile,
        /// Read no more than this many bytes of it.
        max_bytes: u64,
    },
    /// All verified. Returned once.
    Done(Box<Outcome>),
    /// Nothing more: the update failed before, or its outcome was already taken.
    Over,
}

/// The source's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The file's bytes.
    Bytes(Vec<u8>),
    /// The source says that it has no such file.
    Absent,
}

/// What a finished update found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The new state; to be used once `new_files` are safely on disk.
    pub set: TrustedSet,
    /// Whether any file is new.
    pub changed: bool,
    /// Verified files to store, in the order in which they were verified.
    pub new_files: Vec<(MetaFile, Vec<u8>)>,
    /// Roles no longer delegated to: their files and lessons go.
    pub removed_roles: Vec<RoleName>,
}

/// A targets role whose content was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedRole {
    /// Its name.
    pub role: RoleName,
    /// Its content, without targets outside what was delegated to it.
    pub targets: Targets,
    /// Targets left out because no delegation covers them. Worth a line in the log: the publisher made a mistake.
    pub outside: Vec<TargetPath>,
}

impl Outcome {
    /// The targets roles that changed, one at a time so that a large catalogue is never in memory as a whole.
    pub fn targets(&self) -> impl Iterator<Item = AcceptedRole> + '_ {
        self.new_files
            .iter()
            .filter_map(|(file, bytes)| self.set.accept(&file.role.targets_role()?, bytes))
    }
}

impl MetaRole {
    /// The role as a targets role, when it is one.
    pub fn targets_role(&self) -> Option<RoleName> {
        match self {
            MetaRole::Targets => Some(RoleName::targets()),
            MetaRole::Delegated(name) => Some(name.clone()),
            MetaRole::Root | MetaRole::Timestamp | MetaRole::Snapshot => None,
        }
    }

    /// The role's name as file names carry it.
    fn encoded(&self) -> String {
        match self {
            MetaRole::Root => "root".to_owned(),
            MetaRole::Timestamp => "timestamp".to_owned(),
            MetaRole::Snapshot => "snapshot".to_owned(),
            MetaRole::Targets => "targets".to_owned(),
            MetaRole::Delegated(name) => name.encoded(),
        }
    }
}

impl From<&RoleName> for MetaRole {
    fn from(name: &RoleName) -> MetaRole {
        if name.is_top() {
            MetaRole::Targets
        } else {
            MetaRole::Delegated(name.clone())
        }
    }
}

impl fmt::Display for MetaRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetaRole::Delegated(name) => fmt::Display::fmt(name, f),
            role => f.write_str(&role.encoded()),
        }
    }
}

impl MetaFile {
    /// The file of `role` at `version`.
    pub fn new(role: MetaRole, version: u64) -> MetaFile {
        MetaFile {
            role,
            version: Some(version),
        }
    }

    /// The newest timestamp.
    pub fn timestamp() -> MetaFile {
        MetaFile {
            role: MetaRole::Timestamp,
            version: None,
        }
    }

    /// Name in a published folder, such as `3.root.json`, `timestamp.json`, `7.math-6-sq.json`.
    pub fn file_name(&self) -> String {
        match self.version {
            Some(version) => format!("{version}.{}.json", self.role.encoded()),
            None => format!("{}.json", self.role.encoded()),
        }
    }

    /// Name without the version: in a folder that holds the newest file of each role, or of a publisher without
    /// consistent snapshots. Roots are published under [`MetaFile::file_name`] in any case.
    pub fn plain_name(&self) -> String {
        format!("{}.json", self.role.encoded())
    }

    /// Reads a published file name; `None` for anything that is not one.
    pub fn parse(file_name: &str) -> Option<MetaFile> {
        let stem = file_name.strip_suffix(".json")?;
        if stem == "timestamp" {
            return Some(MetaFile::timestamp());
        }
        let (version, name) = stem.split_once('.')?;
        let version: u64 = version.parse().ok()?;
        let role = match name {
            "root" => MetaRole::Root,
            "snapshot" => MetaRole::Snapshot,
            "targets" => MetaRole::Targets,
            name => MetaRole::Delegated(RoleName::decode(name)?),
        };
        let file = MetaFile::new(role, version);
        (file.file_name() == file_name).then_some(file)
    }
}

impl fmt::Display for MetaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file_name())
    }
}

#[cfg(test)]
mod tests;
