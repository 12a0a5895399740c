//! Sealed records: padded buckets that only school and ministry can open.
//!
//! A record has one of three total lengths. Its bytes, integers big endian:
//!
//! | Bytes | What |
//! |---|---|
//! | 50 | header: version, size class, epoch u32, hour u32, sequence u64, log key |
//! | 80 | slot of the school: encapsulated key and the content key, HPKE base mode (RFC 9180) |
//! | 80 | slot of the ministry: the same for the collection key |
//! | rest | padded payload under the content key, ChaCha20-Poly1305 (RFC 8439) |
//! | 64 | ed25519 signature of the log key over all before it |
//!
//! The header is associated data of both slots and of the payload, so no slot or payload fits another
//! record. HPKE's base mode does not say who sealed: the payload therefore starts with the device's key
//! and its signature over the log key. A log key lives one week and means nothing outside the seal, so a
//! carrier sees no stable id. A record without a known school has a slot sealed to a throw-away key, and
//! looks like any other.

mod batch;
mod collection;
mod receive;
mod seal;

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::collection::{
    CollectionKey, CollectionKeys, CollectionSecret, EarlierAck, EarlierError, MAX_EARLIER,
    SealKey, SealSecret, SecretError,
};
pub use self::seal::{
    LogSigner, OpenError, Opened, Opener, Recipients, SealError, Slot, capacity, seal,
};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 50;
const SLOT_BYTES: usize = 80;
const TAG_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 64;

/// Before what a log key signs.
const SIGNED_DOMAIN: &[u8] = b"pishtar record 1\n";

/// Longest record in bytes.
pub const MAX_RECORD_BYTES: usize = SizeClass::Large.bytes();

/// The total lengths that a record may have: a carrier learns at most which of three buckets was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SizeClass {
    /// 512 bytes.
    Small,
    /// 2 KiB.
    Medium,
    /// 8 KiB.
    Large,
}

impl SizeClass {
    /// All classes, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Total length in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Small => 512,
            Self::Medium => 2048,
            Self::Large => 8192,
        }
    }

    const fn code(self) -> u8 {
        self as u8
    }
}

/// Public half of a weekly log key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogKey(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", hex::encode(&self.0[..4]))
    }
}

/// BLAKE3 of a record's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordId(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({})", hex::encode(&self.0[..4]))
    }
}

/// What a carrier can read of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Total length.
    pub class: SizeClass,
    /// Which collection key of the ministry it is sealed to.
    pub epoch: u32,
    /// Hours since 1970 by the device's clock, which may be wrong: only a hint that puts neighbouring
    /// records side by side when two carriers compare what they hold.
    pub hour: u32,
    /// Position in its log, from 1 without gaps.
    pub sequence: u64,
    /// The log.
    pub log_key: LogKey,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = VERSION;
        bytes[1] = self.class.code();
        bytes[2..6].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.hour.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[18..].copy_from_slice(&self.log_key.0);
        bytes
    }
}

/// Why bytes are not a record that may be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Not one of the three lengths, or not the one that the header names.
    #[error("a record has 512, 2048 or 8192 bytes as its header says, not {0}")]
    Length(usize),
    /// A version that this node does not know.
    #[error("record version {0} is unknown; a newer Pishtar is needed to carry it")]
    Version(u8),
    /// Sequences start at 1.
    #[error("a record with sequence 0 belongs to no log")]
    Sequence,
    /// Not signed by its log key.
    #[error("the record is not signed by its log key; it was changed or made up")]
    Signature,
}

/// A record of the right form, signed by its log key. Only [`Record::parse`] and [`seal`] make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    header: Header,
    id: RecordId,
    bytes: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({:?}, {:?})", self.id, self.header)
    }
}

impl Record {
    /// Reads a record from a peer or a disk and checks the signature of its log key.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes have another form or were not signed by the log key they name.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, RecordError> {
        let header = parse_header(&bytes)?;
        let signed = bytes.len() - SIGNATURE_BYTES;
        let key =
            VerifyingKey::from_bytes(&header.log_key.0).map_err(|_| RecordError::Signature)?;
        let signature = Signature::from_bytes(&array(&bytes[signed..]));
        key.verify_strict(&signed_message(&bytes[..signed]), &signature)
            .map_err(|_| RecordError::Signature)?;
        Ok(Self::trusted(header, bytes))
    }

    fn trusted(header: Header, bytes: Vec<u8>) -> Self {
        let id = RecordId(*blake3::hash(&bytes).as_bytes());
        Self { header, id, bytes }
    }

    /// What a carrier can read.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its id.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The bytes that travel.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes that travel, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn parse_header(bytes: &[u8]) -> Result<Header, RecordError> {
    let class = SizeClass::ALL
        .into_iter()
        .find(|class| class.bytes() == bytes.len())
        .ok_or(RecordError::Length(bytes.len()))?;
    if bytes[0] != VERSION {
        return Err(RecordError::Version(bytes[0]));
    }
    if bytes[1] != class.code() {
        return Err(RecordError::Length(bytes.len()));
    }
    let sequence = u64::from_be_bytes(array(&bytes[10..18]));
    if sequence == 0 {
        return Err(RecordError::Sequence);
    }
    Ok(Header {
        class,
        epoch: u32::from_be_bytes(array(&bytes[2..6])),
        hour: u32::from_be_bytes(array(&bytes[6..10])),
        sequence,
        log_key: LogKey(array(&bytes[18..HEADER_BYTES])),
    })
}

/// What the log key signs: a domain, so that no other signature of the key can pass for a record's.
fn signed_message(body: &[u8]) -> Vec<u8> {
    [SIGNED_DOMAIN, body].concat()
}

/// A fixed-size copy of a slice whose length the caller has fixed.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the caller cut exactly N bytes")
}

#[cfg(test)]
mod tests;
