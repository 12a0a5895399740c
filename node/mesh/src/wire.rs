//! Messages between nodes: postcard behind one version byte, each with a bound.
//!
//! `decode` is the only way in: it refuses what is too large, of another version, malformed,
//! followed by further bytes, or beyond a message's own bounds.

use pishtar_catalog::BlobHash;
use pishtar_signing::record::Record;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::{GROUP_BYTES, MAX_QUERY_HASHES},
    ids::{MAX_ROLE_NAME_BYTES, PublisherId, is_publisher_id},
    io::Hint,
};

/// Version byte in front of every message.
pub const WIRE_VERSION: u8 = 1;

/// Most versions that a question for a file names as held.
pub const MAX_HELD_VERSIONS: usize = 5;
/// Most publishers in an answer about versions.
pub const MAX_VERSIONS: usize = 4_096;
/// Most roles in a holdings answer.
pub const MAX_ROLES: usize = 4_096;
/// Most files per role in a holdings answer.
pub const MAX_ROLE_FILES: usize = 65_536;
/// Most partial files in a holdings answer.
pub const MAX_PARTIALS: usize = 256;
/// Most records in one hint: as many of the smallest as fit.
pub const MAX_FRESH: usize = 7;
/// Most ranges of one partial file in a holdings answer.
pub const MAX_PARTIAL_RANGES: usize = 512;

/// A message with a bound and a check.
pub trait Message: Serialize + DeserializeOwned {
    /// Largest encoded size in bytes.
    const MAX_BYTES: usize;

    /// Checks what the type does not express.
    ///
    /// # Errors
    /// Says which bound the sender broke.
    fn check(&self) -> Result<(), WireError>;
}

/// Why a message was refused. Always the sender's fault, except `TooLarge` on encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// More bytes than the message may have.
    #[error("message of {bytes} bytes where {max} are allowed")]
    TooLarge {
        /// Bytes seen.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Another version of the protocol.
    #[error("message version {0} is not spoken here; update the older of the two nodes")]
    Version(u8),
    /// Not a message.
    #[error("malformed message")]
    Malformed,
    /// A bound of the message is broken.
    #[error("message breaks a bound: {0}")]
    Bound(&'static str),
}

/// Encodes a message.
///
/// # Errors
/// [`WireError`] when the message breaks its own bounds: a bug of the caller.
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, WireError> {
    message.check()?;
    let bytes =
        postcard::to_extend(message, vec![WIRE_VERSION]).map_err(|_| WireError::Malformed)?;
    if bytes.len() > M::MAX_BYTES {
        return Err(WireError::TooLarge {
            bytes: bytes.len(),
            max: M::MAX_BYTES,
        });
    }
    Ok(bytes)
}

/// Decodes a message.
///
/// # Errors
/// [`WireError`]: the sender's fault.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, WireError> {
    if bytes.len() > M::MAX_BYTES {
        return Err(WireError::TooLarge {
            bytes: bytes.len(),
            max: M::MAX_BYTES,
        });
    }
    let (&version, body) = bytes.split_first().ok_or(WireError::Malformed)?;
    if version != WIRE_VERSION {
        return Err(WireError::Version(version));
    }
    let (message, rest) = postcard::take_from_bytes::<M>(body).map_err(|_| WireError::Malformed)?;
    if !rest.is_empty() {
        return Err(WireError::Malformed);
    }
    message.check()?;
    Ok(message)
}

/// Question on `/pishtar/meta/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetaRequest {
    /// Which publishers with which timestamp versions.
    Versions,
    /// One file of a publisher.
    File {
        /// The publisher.
        publisher: PublisherId,
        /// Name of the file as in the `metadata` folder, such as `7.math-6-sq.json`.
        file_name: String,
        /// Versions of the same role that the asker has, the most useful first: each is a
        /// dictionary for packing, where the giver has it too.
        held_versions: Vec<u64>,
        /// Largest acceptable file in bytes, after decompression.
        max_bytes: u64,
    },
}

impl Message for MetaRequest {
    const MAX_BYTES: usize = 1_024;

    fn check(&self) -> Result<(), WireError> {
        match self {
            MetaRequest::Versions => Ok(()),
            MetaRequest::File {
                publisher,
                file_name,
                held_versions,
                ..
            } => {
                check_publisher(publisher)?;
                bound(held_versions.len() <= MAX_HELD_VERSIONS, "held versions")?;
                // A role name of 128 bytes, percent-encoded, with version and extension.
                let plain = !file_name.contains(['/', '\\', '\0']) && !file_name.starts_with('.');
                bound(
                    plain && file_name.len() <= 3 * MAX_ROLE_NAME_BYTES + 32,
                    "file name",
                )
            }
        }
    }
}

/// Head of an answer on `/pishtar/meta/1`; for `File` the bytes follow on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetaReply {
    /// The answerer has too much to do.
    Busy,
    /// It does not have that.
    Absent,
    /// Publishers and timestamp versions.
    Versions(Vec<(PublisherId, u64)>),
    /// A file follows.
    File {
        /// How the bytes on the stream are packed.
        packing: Packing,
        /// Bytes on the stream.
        packed_bytes: u64,
        /// Bytes of the file.
        bytes: u64,
    },
}

/// How the bytes of a metadata file are packed on the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packing {
    /// As they are.
    Plain,
    /// One zstd frame.
    Zstd,
    /// One zstd frame, with this version of the role as prefix dictionary: one of those that the
    /// asker named.
    ZstdAgainst {
        /// The version.
        version: u64,
    },
    /// One zstd frame of the text, then the digests that were taken out of it. In the text each of
    /// them, 64 lower-case hex digits in the file, is one byte 0xFF; here it is 32 bytes.
    Folded {
        /// How many digests.
        digests: u32,
    },
}

impl Message for MetaReply {
    const MAX_BYTES: usize = 256 * 1_024;

    fn check(&self) -> Result<(), WireError> {
        let MetaReply::Versions(versions) = self else {
            return Ok(());
        };
        bound(versions.len() <= MAX_VERSIONS, "publishers")?;
        versions
            .iter()
            .try_for_each(|(publisher, _)| check_publisher(publisher))
    }
}

/// Question on `/pishtar/holdings/1`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HoldingsQuery {
    /// The answerer's instance as the asker knows it; 0 when it does not.
    pub instance: u64,
    /// The generation of that instance that the asker has; 0 for everything.
    pub since: u64,
    /// How long the answerer may wait for news, in milliseconds. Answered at once when there
    /// are `hashes` or the instance differs.
    pub wait_ms: u32,
    /// Files to look up one by one, at most [`MAX_QUERY_HASHES`]: those of roles whose versions
    /// differ on both sides.
    pub hashes: Vec<BlobHash>,
}

impl Message for HoldingsQuery {
    const MAX_BYTES: usize = 64 + 33 * MAX_QUERY_HASHES;

    fn check(&self) -> Result<(), WireError> {
        bound(self.hashes.len() <= MAX_QUERY_HASHES, "hashes")
    }
}

/// Answer on `/pishtar/holdings/1`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HoldingsAnswer {
    /// Random id of the answerer's run; generations count within it.
    pub instance: u64,
    /// Generation that this answer describes.
    pub generation: u64,
    /// Roles whose holdings changed since the asked generation, complete.
    pub roles: Vec<RoleHoldings>,
    /// Partial files, always all of them.
    pub partials: Vec<PartialHolding>,
    /// One bit per asked hash: the answerer holds the whole file.
    pub hashes: Bitmap,
}

/// Files of one role that a node holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleHoldings {
    /// The publisher.
    pub publisher: PublisherId,
    /// Name of the role.
    pub role: String,
    /// Version of the role's metadata, which fixes the order of its files.
    pub version: u64,
    /// One bit per file in sorted path order.
    pub files: Bitmap,
}

/// Verified ranges of a file that is still arriving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialHolding {
    /// The file.
    pub hash: BlobHash,
    /// Ranges of 16 KiB chunk groups, as (groups skipped, groups held) from the start.
    pub groups: Vec<(u32, u32)>,
}

impl PartialHolding {
    /// Packs sorted, group-aligned byte ranges; at most [`MAX_PARTIAL_RANGES`] of them.
    pub fn pack(hash: BlobHash, ranges: impl Iterator<Item = std::ops::Range<u64>>) -> Self {
        let mut groups = Vec::new();
        let mut at = 0;
        for range in ranges.take(MAX_PARTIAL_RANGES) {
            let (start, end) = (range.start / GROUP_BYTES, range.end.div_ceil(GROUP_BYTES));
            let small = |groups: u64| u32::try_from(groups).unwrap_or(u32::MAX);
            groups.push((
                small(start.saturating_sub(at)),
                small(end.saturating_sub(start)),
            ));
            at = end;
        }
        PartialHolding { hash, groups }
    }

    /// The byte ranges, cut at `length`.
    pub fn ranges(&self, length: u64) -> impl Iterator<Item = std::ops::Range<u64>> + '_ {
        let mut at = 0u64;
        self.groups.iter().map_while(move |&(skip, held)| {
            let start = at + u64::from(skip);
            at = start + u64::from(held);
            let bytes = start * GROUP_BYTES..(at * GROUP_BYTES).min(length);
            (bytes.start < bytes.end).then_some(bytes)
        })
    }
}

impl Message for HoldingsAnswer {
    const MAX_BYTES: usize = 2 * 1_024 * 1_024;

    fn check(&self) -> Result<(), WireError> {
        bound(self.roles.len() <= MAX_ROLES, "roles")?;
        bound(self.partials.len() <= MAX_PARTIALS, "partial files")?;
        bound(self.hashes.byte_len() <= MAX_QUERY_HASHES / 8, "hash bits")?;
        for role in &self.roles {
            check_publisher(&role.publisher)?;
            bound(role.role.len() <= MAX_ROLE_NAME_BYTES, "role name")?;
            bound(role.files.byte_len() <= MAX_ROLE_FILES / 8, "file bits")?;
        }
        let few = |partial: &PartialHolding| partial.groups.len() <= MAX_PARTIAL_RANGES;
        bound(self.partials.iter().all(few), "partial ranges")
    }
}

/// Gossip on `pishtar/hint/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HintMessage {
    /// The hint.
    pub hint: Hint,
}

impl Message for HintMessage {
    const MAX_BYTES: usize = 4_096;

    fn check(&self) -> Result<(), WireError> {
        match &self.hint {
            Hint::Timestamp { publisher, .. } => check_publisher(publisher),
            Hint::Records { .. } => Ok(()),
            Hint::Fresh { records } => {
                bound((1..=MAX_FRESH).contains(&records.len()), "fresh records")?;
                let whole = |bytes: &Vec<u8>| Record::parse(bytes.clone()).is_ok();
                bound(records.iter().all(whole), "signature of a fresh record")
            }
        }
    }
}

/// First byte of an answer on `/pishtar/blobs/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobStatus {
    /// The iroh-blobs protocol follows.
    Ok,
    /// Too much to do.
    Busy,
    /// Not served.
    Denied,
    /// Not held.
    Absent,
    /// Rather other bytes: 16 bytes follow, start and end, little-endian; an empty range where there is no advice.
    Rather,
}

impl BlobStatus {
    /// The byte on the wire.
    pub fn to_byte(self) -> u8 {
        match self {
            BlobStatus::Ok => 0,
            BlobStatus::Busy => 1,
            BlobStatus::Denied => 2,
            BlobStatus::Absent => 3,
            BlobStatus::Rather => 4,
        }
    }

    /// The status of a byte; `None` for a byte that means nothing.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [
            BlobStatus::Ok,
            BlobStatus::Busy,
            BlobStatus::Denied,
            BlobStatus::Absent,
            BlobStatus::Rather,
        ]
        .into_iter()
        .find(|status| status.to_byte() == byte)
    }
}

/// A row of bits; trailing zero bytes are never stored, so equal sets are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bitmap(Vec<u8>);

impl Bitmap {
    /// The bit at `index`; false beyond the end.
    pub fn get(&self, index: usize) -> bool {
        self.0
            .get(index / 8)
            .is_some_and(|byte| byte & (1 << (index % 8)) != 0)
    }

    /// Sets the bit at `index`.
    pub fn set(&mut self, index: usize, value: bool) {
        if value && self.0.len() <= index / 8 {
            self.0.resize(index / 8 + 1, 0);
        }
        let Some(byte) = self.0.get_mut(index / 8) else {
            return;
        };
        if value {
            *byte |= 1 << (index % 8);
            return;
        }
        *byte &= !(1 << (index % 8));
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Indexes of the bits that are set, rising.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        let of_byte = |(at, &byte): (usize, &u8)| {
            (0..8)
                .filter(move |bit| byte & (1 << bit) != 0)
                .map(move |bit| at * 8 + bit)
        };
        self.0
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != 0)
            .flat_map(of_byte)
    }

    /// Number of bits that are set.
    pub fn count(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Stored bytes.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }
}

fn check_publisher(publisher: &str) -> Result<(), WireError> {
    bound(is_publisher_id(publisher), "publisher id")
}

fn bound(holds: bool, what: &'static str) -> Result<(), WireError> {
    if holds {
        Ok(())
    } else {
        Err(WireError::Bound(what))
    }
}
