//! Names of things: nodes, folders, requests, demands, and the two kinds of time.

use std::{cmp::Ordering, fmt, time::Duration};

use serde::{Deserialize, Serialize};

pub use pishtar_signing::UnixSeconds;

/// Id of a publisher: ASCII `[a-z0-9-]{1,40}`; the ministry's is `ministry`.
pub type PublisherId = String;

/// Longest publisher id in bytes.
pub const MAX_PUBLISHER_ID_BYTES: usize = 40;

/// Longest name of a delegated role in bytes, as accepted from a peer.
pub const MAX_ROLE_NAME_BYTES: usize = 128;

/// Says whether `id` has the form of a publisher id.
pub fn is_publisher_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !id.is_empty() && id.len() <= MAX_PUBLISHER_ID_BYTES && id.bytes().all(allowed)
}

/// How a node hangs on its network. Two nodes on the air cost it two transmissions for each byte between them, by way
/// of the access point; one on a cable and one on the air cost it one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum Attachment {
    /// Nobody said.
    #[default]
    Unknown,
    /// By cable, or as the access point itself.
    Cable,
    /// By Wi-Fi, as a station.
    Air,
}

/// A node of the mesh: its ed25519 public key.
///
/// Displays as the libp2p peer id, because that is the name that people see everywhere else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeId(pub [u8; 32]);

/// The order of the bytes. Tables are looked up by it at every input, and the first eight bytes, compared as one number,
/// nearly always decide.
impl Ord for NodeId {
    fn cmp(&self, other: &Self) -> Ordering {
        let first = |id: &NodeId| id.0.first_chunk().copied().map(u64::from_be_bytes);
        first(self)
            .cmp(&first(other))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libp2p peer id specification: identity multihash (00, length 24) of the protobuf
        // `PublicKey { type: Ed25519 (08 01), data: 32 bytes (12 20 ..) }`, in base58btc.
        let mut multihash = [0u8; 38];
        multihash[..6].copy_from_slice(&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
        multihash[6..].copy_from_slice(&self.0);
        f.write_str(&base58(&multihash))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", hex::encode(&self.0[..4]))
    }
}

/// Base58 with the Bitcoin alphabet; quadratic, meant for ids only.
fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 138 / 100 + 1);
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|&&b| b == 0).count();
    let leading = std::iter::repeat_n('1', zeros);
    let rest = digits
        .iter()
        .rev()
        .map(|&d| char::from(ALPHABET[usize::from(d)]));
    leading.chain(rest).collect()
}

/// A published folder that this node reads (`--publish`), numbered by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FolderId(pub u32);

/// Where metadata comes from. A folder takes the very same verification as a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// A folder on this machine.
    Folder(FolderId),
    /// Another node.
    Peer(NodeId),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Folder(_) => f.write_str("the published folder"),
            Source::Peer(peer) => peer.fmt(f),
        }
    }
}

/// Ties an answer to its question. Never reused, so late and duplicate answers are harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// A demand of the shell (a player's window), numbered by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DemandId(pub u64);

/// Monotonic time since the start of the node. Deadlines and rates use this only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub Duration);

impl Mono {
    /// This instant plus `later`, saturating.
    #[must_use]
    pub fn plus(self, later: Duration) -> Mono {
        Mono(self.0.saturating_add(later))
    }

    /// Time from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Mono) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The two clocks, read by the shell for every input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time.
    pub mono: Mono,
    /// What the machine believes the date to be; only for trust decisions and for people.
    pub wall: UnixSeconds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_displays_as_its_libp2p_peer_id() {
        let text = NodeId([0; 32]).to_string();
        assert_eq!(text, "12D3KooW9pNAk8aiBuGVQtWRdbkLmo5qVL3e2h5UxbN2Nz9ttwiw");
    }

    #[test]
    fn publisher_ids_are_short_and_plain() {
        assert!(is_publisher_id("ministry"));
        assert!(!is_publisher_id(""));
        assert!(!is_publisher_id("../x"));
        assert!(!is_publisher_id(&"a".repeat(41)));
    }
}
