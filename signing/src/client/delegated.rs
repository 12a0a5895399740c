//! Where a targets role's file is listed, and whose keys it must satisfy.

use crate::metadata::{FileMeta, RoleName};

use super::set::TrustedSet;
use super::verify::Authority;
use super::{MAX_TARGETS_BYTES, MetaFile, MetaRole, TrustError};

/// The file of a role as the trusted snapshot lists it.
pub(super) fn listed(
    set: &TrustedSet,
    role: &RoleName,
) -> Result<(MetaFile, FileMeta), TrustError> {
    let meta = set
        .snapshot
        .as_ref()
        .and_then(|snapshot| snapshot.meta.get(role));
    let role = MetaRole::from(role);
    match meta {
        Some(meta) => Ok((MetaFile::new(role, meta.version), meta.clone())),
        None => {
            let version = set.version(&MetaRole::Snapshot);
            Err(TrustError::NotListed {
                file: MetaFile {
                    role: MetaRole::Snapshot,
                    version,
                },
                role,
            })
        }
    }
}

/// The keys that a role's file must satisfy, as its delegator names them. The delegator was visited before, so that its delegations are in the set.
pub(super) fn authority<'a>(
    set: &'a TrustedSet,
    role: &RoleName,
    delegator: Option<&RoleName>,
) -> Result<Authority<'a>, TrustError> {
    let Some(delegator) = delegator else {
        return Ok(set.targets_authority());
    };
    let delegations = set
        .targets
        .get(delegator)
        .and_then(|targets| targets.delegations.as_ref());
    let found = delegations.and_then(|delegations| {
        let keys = match &delegations.succinct {
            Some(succinct) => &succinct.keys,
            None => &delegations.role(role)?.keys,
        };
        Some(Authority {
            by: delegator.to_string(),
            keys: &delegations.keys,
            role: keys,
        })
    });
    let version = set.version(&MetaRole::from(delegator));
    found.ok_or_else(|| TrustError::NotListed {
        file: MetaFile {
            role: MetaRole::from(delegator),
            version,
        },
        role: MetaRole::from(role),
    })
}

/// How many bytes of a listed targets file to read (TUF 5.6.1).
pub(super) fn most_bytes(meta: &FileMeta) -> u64 {
    meta.length
        .map_or(MAX_TARGETS_BYTES, |length| length.min(MAX_TARGETS_BYTES))
}
