//! Why a repository cannot be edited, signed or published.

use crate::client::MetaRole;
use crate::key::KeyId;
use crate::metadata::{MetadataError, RoleName, TargetPath};

use super::SignatureStatus;

/// Why an operation on a [`super::Repository`] is refused. The repository is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    /// A file that does not parse, or content that cannot be signed.
    #[error("{file}: {problem}")]
    Metadata {
        /// Its name.
        file: String,
        /// What is wrong.
        problem: MetadataError,
    },
    /// A threshold that the keys can never reach, or zero.
    #[error("a threshold of {threshold} with {keys} keys can never be met; give 1 to {keys}")]
    Threshold {
        /// Asked for.
        threshold: u64,
        /// Distinct keys given.
        keys: u64,
    },
    /// No such role.
    #[error("there is no role {role} that this applies to")]
    UnknownRole {
        /// As asked for.
        role: MetaRole,
    },
    /// A role that the repository left unread.
    #[error("{role} is not loaded; give its file before it is edited")]
    NotLoaded {
        /// The role.
        role: RoleName,
    },
    /// A file of a role that is not the one that the snapshot lists.
    #[error(
        "{file} is not the file that the snapshot lists: it was changed or damaged after it was signed. Restore it from \
         the published folder or from a backup"
    )]
    NotListed {
        /// Its name.
        file: String,
    },
    /// A target that its role may not vouch for.
    #[error("{path} lies outside the paths delegated to {role}; clients would ignore it")]
    OutOfScope {
        /// The role.
        role: RoleName,
        /// The target.
        path: TargetPath,
    },
    /// A key that may not sign the role.
    #[error("key {key} may not sign {role}; its keys are {}", list(allowed))]
    NotASigner {
        /// The role.
        role: MetaRole,
        /// The key given.
        key: KeyId,
        /// Keys that may.
        allowed: Vec<KeyId>,
    },
    /// A signature made elsewhere that does not fit the role's present content.
    #[error("the signature of key {key} does not fit the present content of {role}; sign it again")]
    WrongSignature {
        /// The role.
        role: MetaRole,
        /// The key named.
        key: KeyId,
    },
    /// Signatures are missing.
    #[error("{0}")]
    Incomplete(SignatureStatus),
    /// A file that must exist does not, or is out of date.
    #[error("{what}")]
    Missing {
        /// What is missing and what makes it.
        what: String,
    },
}

fn list(ids: &[KeyId]) -> String {
    ids.iter()
        .map(|id| id.0.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
