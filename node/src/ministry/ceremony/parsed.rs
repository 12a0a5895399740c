//! A metadata file of any type, read for its bytes and its words.

use pishtar_signing::client::{
    MAX_ROOT_BYTES, MAX_SNAPSHOT_BYTES, MAX_TARGETS_BYTES, MAX_TIMESTAMP_BYTES, MetaRole,
};
use pishtar_signing::key::Signature;
use pishtar_signing::metadata::{
    Document, Envelope, MetadataError, Root, Snapshot, Targets, Timestamp,
};

/// A file by its type.
#[derive(Debug)]
pub(super) enum Parsed {
    Root(Envelope<Root>),
    Timestamp(Envelope<Timestamp>),
    Snapshot(Envelope<Snapshot>),
    Targets(Envelope<Targets>),
}

impl Parsed {
    pub(super) fn read(role: &MetaRole, bytes: &[u8]) -> Result<Parsed, MetadataError> {
        Ok(match role {
            MetaRole::Root => Parsed::Root(Envelope::parse(bytes, MAX_ROOT_BYTES)?),
            MetaRole::Timestamp => Parsed::Timestamp(Envelope::parse(bytes, MAX_TIMESTAMP_BYTES)?),
            MetaRole::Snapshot => Parsed::Snapshot(Envelope::parse(bytes, MAX_SNAPSHOT_BYTES)?),
            MetaRole::Targets | MetaRole::Delegated(_) => {
                Parsed::Targets(Envelope::parse(bytes, MAX_TARGETS_BYTES)?)
            }
        })
    }

    /// The bytes that are signed.
    pub(super) fn message(&self) -> &[u8] {
        match self {
            Parsed::Root(file) => &file.canonical,
            Parsed::Timestamp(file) => &file.canonical,
            Parsed::Snapshot(file) => &file.canonical,
            Parsed::Targets(file) => &file.canonical,
        }
    }

    pub(super) fn signatures(&self) -> &[Signature] {
        match self {
            Parsed::Root(file) => &file.signatures,
            Parsed::Timestamp(file) => &file.signatures,
            Parsed::Snapshot(file) => &file.signatures,
            Parsed::Targets(file) => &file.signatures,
        }
    }

    /// Version and expiry.
    pub(super) fn header(&self) -> (u64, i64) {
        let header = match self {
            Parsed::Root(file) => file.document.header(),
            Parsed::Timestamp(file) => file.document.header(),
            Parsed::Snapshot(file) => file.document.header(),
            Parsed::Targets(file) => file.document.header(),
        };
        (header.version, header.expires)
    }
}
