//! What a node says of itself: the fields of `status --json` and its siblings.
//!
//! These names are a contract: scripts and checks read them. Fields are added, never renamed.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

pub use crate::store::records::RecordCounts;

/// `pishtar status --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// libp2p peer id, base58.
    pub peer_id: String,
    /// Addresses that accept neighbours, as multiaddrs without the peer id.
    pub listen: Vec<String>,
    /// Address of the pages, as `http://IP:PORT`; absent while they do not run.
    pub web: Option<String>,
    /// Whether this node passes records on to the ministry.
    pub sync_point: bool,
    /// One row for each publisher.
    pub catalogs: Vec<CatalogStatus>,
    /// Lessons in numbers.
    pub lessons: LessonCounts,
    /// Stored files in numbers.
    pub blobs: BlobCounts,
    /// Neighbours, connected or known.
    pub peers: Vec<PeerStatus>,
    /// Learners' records in numbers.
    pub records: RecordCounts,
    /// Seconds since start.
    pub uptime_s: u64,
    /// Version of the program.
    pub version: String,
}

/// One publisher's catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogStatus {
    /// Publisher id.
    pub publisher: String,
    /// Version of the publisher's timestamp role; 0 before the first catalogue.
    pub version: u64,
    /// When some source last confirmed or renewed it, Unix seconds; absent if never since the data folder was made.
    pub checked_at: Option<i64>,
    /// Whether the timestamp role has not expired by the node's trusted time. Age is shown, never punished.
    pub fresh: bool,
}

/// Lessons in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonCounts {
    /// In the verified catalogues.
    pub known: u64,
    /// Chosen by `--follow` or on the pages.
    pub followed: u64,
    /// Followed, and every file is held.
    pub complete: u64,
}

/// Stored files in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobCounts {
    /// Files held whole.
    pub complete: u64,
    /// Files held in part.
    pub partial: u64,
    /// Verified bytes held.
    pub bytes: u64,
    /// Upper bound for `bytes`; absent where only the disk limits it.
    pub quota: Option<u64>,
    /// Bytes that lessons may still take on the disk; absent where the system does not tell.
    #[serde(default)]
    pub free: Option<u64>,
    /// Whether the disk is too full to fetch anything.
    #[serde(default)]
    pub disk_full: bool,
}

/// One neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// libp2p peer id, base58.
    pub peer_id: String,
    /// Whether a connection is open now.
    pub connected: bool,
    /// Address of the current or last connection.
    pub address: Option<String>,
    /// Bytes received from it since start.
    pub rx_bytes: u64,
    /// Bytes sent to it since start.
    pub tx_bytes: u64,
    /// What it did wrong, oldest first, bounded.
    pub faults: Vec<String>,
}

/// One followed lesson, as `pishtar lessons --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LessonRow {
    /// Lesson id, `<publisher>/<course>/<lesson>`.
    pub id: String,
    /// Title by language.
    pub title: std::collections::BTreeMap<String, String>,
    /// School grade.
    pub grade: u8,
    /// Subject.
    pub subject: String,
    /// Language of instruction.
    pub lang: String,
    /// Length in seconds; 0 where the lesson is not a video.
    pub duration_s: u32,
    /// Verified bytes held.
    pub held_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Whether every file is held.
    pub complete: bool,
    /// Whether a `--follow` rule or a choice on the pages wants it.
    pub followed: bool,
    /// Whether it is never removed to make room.
    #[serde(default)]
    pub pinned: bool,
    /// Its files.
    pub files: Vec<FileRow>,
}

/// One file of a lesson.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRow {
    /// Target path.
    pub path: String,
    /// What it is to the lesson: `main`, `captions`, …
    pub part: String,
    /// BLAKE3, hex.
    pub blake3: String,
    /// Bytes.
    pub length: u64,
    /// Media type.
    pub media_type: String,
    /// Path of the file on the node's pages.
    pub url: String,
}

/// The answer of `pishtar why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// What was asked about; absent for "what happened lately".
    pub subject: Option<String>,
    /// One plain sentence for each reason.
    pub sentences: Vec<String>,
}

/// Something that happened on the node, numbered from 0 at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Number; the next one has this plus one.
    pub number: u64,
    /// Milliseconds since start.
    pub at_ms: u64,
    /// Kind, for programs: `peer_connected`, `catalog_installed`, `refused`, …
    pub kind: String,
    /// One plain sentence.
    pub text: String,
}

impl Status {
    /// Addresses of the pages that another device can type: the pages' port on every address at which the node
    /// listens for neighbours. Loopback only when there is nothing else.
    pub fn page_addresses(&self) -> Vec<String> {
        let Some(web) = &self.web else {
            return Vec::new();
        };
        let bound = web.trim_start_matches("http://").trim_end_matches('/');
        let Ok(bound) = bound.parse::<SocketAddr>() else {
            return vec![web.clone()];
        };
        if !bound.ip().is_unspecified() {
            return vec![web.clone()];
        }
        let mut found: Vec<IpAddr> = self
            .listen
            .iter()
            .filter_map(|addr| reachable_ip(addr))
            .collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            found.push(IpAddr::from([127, 0, 0, 1]));
        }
        let address = |ip| format!("http://{}", SocketAddr::new(ip, bound.port()));
        found.into_iter().map(address).collect()
    }
}

/// The IPv4 address of a multiaddr, unless it is loopback or "any".
fn reachable_ip(multiaddr: &str) -> Option<IpAddr> {
    let ip: IpAddr = multiaddr
        .strip_prefix("/ip4/")?
        .split('/')
        .next()?
        .parse()
        .ok()?;
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}
