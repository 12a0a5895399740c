//! The two sets that carriers compare, and their digests.

use negentropy::{Id, NegentropyStorageVector};
use serde::{Deserialize, Serialize};

/// Which set is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SetKind {
    /// Acknowledgements: the latest one of each log.
    Acks,
    /// Sealed records that nobody has acknowledged yet.
    Records,
}

/// One member of a set. Order is by stamp, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Puts related members side by side: a record's hour, 0 for acknowledgements.
    pub stamp: u64,
    /// BLAKE3 of the bytes.
    pub id: [u8; 32],
}

/// Says whether two sets are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDigest {
    /// Members.
    pub count: u64,
    /// BLAKE3 over the members in order.
    #[serde(with = "bytes_or_hex")]
    pub digest: [u8; 32],
}

/// 32 bytes on the wire, hexadecimal where people read.
mod bytes_or_hex {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => hex::serde::serialize(bytes, serializer),
            false => bytes.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        match deserializer.is_human_readable() {
            true => hex::serde::deserialize(deserializer),
            false => <[u8; 32]>::deserialize(deserializer),
        }
    }
}

/// A set at one moment, in order and without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(Vec<Entry>);

impl Snapshot {
    /// Puts the members in order.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        Self(entries)
    }

    /// The members in order.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The digest of the set.
    pub fn digest(&self) -> SetDigest {
        let mut hasher = blake3::Hasher::new_derive_key("pishtar record set 1");
        for entry in &self.0 {
            hasher.update(&entry.stamp.to_be_bytes());
            hasher.update(&entry.id);
        }
        SetDigest {
            count: self.0.len() as u64,
            digest: *hasher.finalize().as_bytes(),
        }
    }

    pub(super) fn storage(&self) -> NegentropyStorageVector {
        let mut storage = NegentropyStorageVector::with_capacity(self.0.len());
        for entry in &self.0 {
            storage
                .insert(entry.stamp, Id::from_byte_array(entry.id))
                .expect("a storage that is not sealed takes items");
        }
        storage.seal().expect("it is sealed once");
        storage
    }
}
