//! Why a file was refused, and at whose door it lies.

use crate::UnixSeconds;
use crate::metadata::{MetadataError, format_utc};

use super::{MAX_DELEGATION_DEPTH, MAX_DELEGATIONS, MetaFile, MetaRole};

/// Why an update or a restore stopped. Nothing of a stopped update may be installed but [`super::Update::salvage`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not a metadata file of the expected type.
    #[error("{file} is malformed: {problem}")]
    Malformed {
        /// Which file.
        file: MetaFile,
        /// What is wrong with it.
        problem: MetadataError,
    },
    /// Longer than allowed (endless data attack).
    #[error("{file} has {found} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Which file.
        file: MetaFile,
        /// Bound in bytes.
        limit: u64,
        /// Length found in bytes.
        found: u64,
    },
    /// The file follows another major version of the TUF specification.
    #[error("{file} follows TUF specification {found}; this program knows 1.x, update it")]
    SpecVersion {
        /// Which file.
        file: MetaFile,
        /// As written in the file.
        found: String,
    },
    /// Too few valid signatures by distinct keys (arbitrary software attack, or a forged delegation).
    #[error(
        "{file} has {valid} valid signatures of distinct keys that {by} names, {needed} are needed"
    )]
    Threshold {
        /// Which file.
        file: MetaFile,
        /// Whose key list was applied, such as `1.root.json` or `targets`.
        by: String,
        /// Distinct keys with a valid signature.
        valid: u64,
        /// The threshold.
        needed: u64,
    },
    /// Another version inside than the file's name or the listing file promises (mix-and-match, version skip).
    #[error("{file} says that it is version {found}, expected {expected}")]
    Version {
        /// Which file.
        file: MetaFile,
        /// Version promised.
        expected: u64,
        /// Version inside.
        found: u64,
    },
    /// Older than what is trusted already (rollback attack, or a source that is behind).
    #[error("{file} offers version {offered} of {role}, but version {trusted} is already trusted")]
    Rollback {
        /// Which file.
        file: MetaFile,
        /// Whose version would go back.
        role: MetaRole,
        /// Version trusted before.
        trusted: u64,
        /// Version offered.
        offered: u64,
    },
    /// Length or hash differ from what the listing file says (mix-and-match, corruption).
    #[error("{file} is not the file that {listed_in} lists: length or hash differ")]
    Hash {
        /// Which file.
        file: MetaFile,
        /// Which role's file lists it.
        listed_in: MetaRole,
    },
    /// Expired, under [`super::Policy::Strict`] only (freeze attack).
    #[error("{file} expired at {}, now is {}", format_utc(*expired), format_utc(*now))]
    Expired {
        /// Which file.
        file: MetaFile,
        /// Its expiry.
        expired: UnixSeconds,
        /// The time given.
        now: UnixSeconds,
    },
    /// A role that must be listed is not (mix-and-match, or a role that vanished from the snapshot).
    #[error("{file} does not list {role}")]
    NotListed {
        /// The listing file.
        file: MetaFile,
        /// What is missing from it.
        role: MetaRole,
    },
    /// The source does not have a file that must exist.
    #[error("the source has no {file}; try another source")]
    Missing {
        /// Which file.
        file: MetaFile,
    },
    /// More, or more deeply nested, delegations than are followed.
    #[error(
        "{delegator} leads beyond {MAX_DELEGATIONS} delegations or deeper than {MAX_DELEGATION_DEPTH}"
    )]
    TooManyDelegations {
        /// Role whose delegations passed the bound.
        delegator: MetaRole,
    },
    /// An answer to a question that is not open. The update goes on: late answers are harmless.
    #[error("{file} was not asked for")]
    Unexpected {
        /// Which file.
        file: MetaFile,
    },
}

/// Whose doing an error is, and so what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are wrong: charge the source (or the disk) and use another.
    Source,
    /// The source is honest but behind or incomplete: ask another, no charge.
    Behind,
    /// The caller answered something that was not asked.
    Caller,
}

impl TrustError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            TrustError::Rollback { .. }
            | TrustError::Expired { .. }
            | TrustError::Missing { .. } => Fault::Behind,
            TrustError::Unexpected { .. } => Fault::Caller,
            TrustError::Malformed { .. }
            | TrustError::TooLarge { .. }
            | TrustError::SpecVersion { .. }
            | TrustError::Threshold { .. }
            | TrustError::Version { .. }
            | TrustError::Hash { .. }
            | TrustError::NotListed { .. }
            | TrustError::TooManyDelegations { .. } => Fault::Source,
        }
    }

    pub(super) fn from_metadata(file: &MetaFile, problem: MetadataError) -> TrustError {
        use crate::canonical::ParseError;
        let file = file.clone();
        match problem {
            MetadataError::Parse(ParseError::TooLarge { limit, found }) => {
                TrustError::TooLarge { file, limit, found }
            }
            MetadataError::SpecVersion { found } => TrustError::SpecVersion { file, found },
            problem => TrustError::Malformed { file, problem },
        }
    }
}
