//! The checks that every file goes through, whatever its role: size, form, signatures, listing, expiry.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256, Sha512};

use crate::UnixSeconds;
use crate::key::{KeyId, PublicKey, RoleKeys, Signers};
use crate::metadata::{Document, Envelope, FileMeta, Hashes, issued};

use super::{MetaFile, MetaRole, Policy, TrustError};

/// What stays in memory of a trusted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) version: u64,
    pub(super) length: u64,
    pub(super) sha256: [u8; 32],
    /// Taken only where the listing file gives one.
    pub(super) sha512: Option<[u8; 64]>,
    pub(super) expires: UnixSeconds,
    /// When the publisher says that it was made.
    pub(super) issued: Option<UnixSeconds>,
    /// Keys whose signatures were found valid: after a rotation they tell whether the file still stands.
    pub(super) signers: Signers,
}

/// The keys that must have signed a file.
pub(super) struct Authority<'a> {
    /// Named in errors.
    pub(super) by: String,
    pub(super) keys: &'a BTreeMap<KeyId, PublicKey>,
    pub(super) role: &'a RoleKeys,
}

impl Authority<'_> {
    /// Whether keys that signed a file earlier still reach the threshold.
    pub(super) fn is_met_by(&self, signers: &Signers) -> bool {
        self.role.is_met_by(self.keys, signers)
    }
}

pub(super) fn parse<T: Document>(
    file: &MetaFile,
    bytes: &[u8],
    max_bytes: u64,
) -> Result<Envelope<T>, TrustError> {
    Envelope::parse(bytes, max_bytes).map_err(|problem| TrustError::from_metadata(file, problem))
}

/// The one threshold rule (TUF 5.3.4, 5.4.2, 5.5.3, 5.6.3): enough distinct keys of `authority` signed.
pub(super) fn check_threshold<T>(
    file: &MetaFile,
    envelope: &Envelope<T>,
    authority: &Authority<'_>,
) -> Result<Signers, TrustError> {
    let signers =
        authority
            .role
            .valid_signers(authority.keys, &envelope.canonical, &envelope.signatures);
    if signers.count() < authority.role.threshold {
        return Err(TrustError::Threshold {
            file: file.clone(),
            by: authority.by.clone(),
            valid: signers.count(),
            needed: authority.role.threshold,
        });
    }
    Ok(signers)
}

/// What remains of a checked file.
pub(super) fn summary<T: Document>(envelope: &Envelope<T>, bytes: &[u8], signers: Signers) -> Held {
    let header = envelope.document.header();
    Held {
        version: header.version,
        length: bytes.len() as u64,
        sha256: Sha256::digest(bytes).into(),
        sha512: None,
        expires: header.expires,
        issued: issued(envelope.document.extra()),
        signers,
    }
}

/// The same for a file whose listing gives perhaps a SHA-512, which is then kept as well.
pub(super) fn listed_summary<T: Document>(
    envelope: &Envelope<T>,
    meta: &FileMeta,
    bytes: &[u8],
    signers: Signers,
) -> Held {
    let listed = meta.hashes.as_ref().is_some_and(Hashes::has_sha512);
    Held {
        sha512: listed.then(|| Sha512::digest(bytes).into()),
        ..summary(envelope, bytes, signers)
    }
}

/// TUF 5.5.2, 5.6.2, 5.7.3: the bytes are those that the listing file promises, as far as it promises any.
pub(super) fn check_listed(
    file: &MetaFile,
    listed_in: MetaRole,
    meta: &FileMeta,
    bytes: &[u8],
) -> Result<(), TrustError> {
    let length_fits = meta
        .length
        .is_none_or(|length| length == bytes.len() as u64);
    let hashes_fit = meta
        .hashes
        .as_ref()
        .is_none_or(|hashes| hashes.match_bytes(bytes));
    if length_fits && hashes_fit {
        Ok(())
    } else {
        Err(TrustError::Hash {
            file: file.clone(),
            listed_in,
        })
    }
}

/// Whether the file in hand is already the listed one.
pub(super) fn is_listed(held: &Held, meta: &FileMeta) -> bool {
    held.version == meta.version
        && meta.length.is_none_or(|length| length == held.length)
        && meta
            .hashes
            .as_ref()
            .is_none_or(|hashes| hashes.match_digests(&held.sha256, held.sha512.as_ref()))
}

/// TUF 5.5.4, 5.6.4: the version inside is the version promised.
pub(super) fn check_version(file: &MetaFile, expected: u64, found: u64) -> Result<(), TrustError> {
    if expected == found {
        Ok(())
    } else {
        Err(TrustError::Version {
            file: file.clone(),
            expected,
            found,
        })
    }
}

/// TUF 5.3.10, 5.4.4, 5.5.6, 5.6.5 under the strict policy; under the offline policy age is only shown.
pub(super) fn check_expiry(
    file: &MetaFile,
    expires: UnixSeconds,
    now: UnixSeconds,
    policy: Policy,
) -> Result<(), TrustError> {
    if policy == Policy::Strict && expires <= now {
        return Err(TrustError::Expired {
            file: file.clone(),
            expired: expires,
            now,
        });
    }
    Ok(())
}
