//! Every number that shapes the mesh's behaviour, with its unit, default and what goes wrong on
//! either side of it.

use std::time::Duration;

use crate::ids::{Attachment, NodeId, UnixSeconds};

/// Bytes of one chunk group: the smallest unit that is verified, stored and asked for.
pub const GROUP_BYTES: u64 = 16 * 1024;

/// Files up to this length, in bytes, move in batches. A wrong byte in one costs all of it; larger ones move in ranges.
pub const SMALL_FILE_BYTES: u64 = 64 * 1024;
/// Most files of one batch.
pub const MAX_BATCH_FILES: usize = 256;
/// Most bytes of the files of one batch.
pub const MAX_BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// Most hashes in one holdings query. Fewer cost more round trips, more cost a larger message.
pub const MAX_QUERY_HASHES: usize = 1_024;

/// Shape of a mesh. Fields may be changed before `Mesh::new` only.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node.
    pub me: NodeId,
    /// Seed of all chance in the mesh: start points, jitter. One seed gives one history.
    pub seed: [u8; 32],
    /// When this program was built, Unix seconds: the time that is known without clock or catalogue. Default 0. Too
    /// early: a wrong clock is noticed later; too late: a right one is called wrong.
    pub built: UnixSeconds,
    /// How this node hangs on its network. Default unknown: all neighbours count alike. Wrongly on the air: neighbours
    /// on the air are left alone while one by cable gives; wrongly by cable: a cell carries bytes twice.
    pub attachment: Attachment,
    /// Bytes of lesson files that may be held, `None` for no limit. Hard.
    pub quota_bytes: Option<u64>,
    /// Most connected peers that are tracked. Default 128. Too low: neighbours are ignored;
    /// too high: a flood of identities costs memory.
    pub max_peers: usize,
    /// Ranges in flight per fast peer, three quarters of it for slow ones. Default 4. One leaves the link idle between ranges; many
    /// starve other receivers of the same provider.
    pub ranges_per_peer: usize,
    /// Further ranges per peer for playback alone. Default 2.
    pub playback_extra_ranges: usize,
    /// Ranges in flight altogether. Default 64: bounds memory and open files.
    pub max_ranges: usize,
    /// Smallest range in bytes for slow peers. Default 128 KiB. Smaller: more round trips and work
    /// for each byte; larger: a slow peer blocks a part of a file for long, and a class waits longer for what it can give.
    pub min_range_bytes: u64,
    /// Range in bytes for peers of unknown rate. Default 128 KiB: a class that begins at once can soon give.
    pub first_range_bytes: u64,
    /// Largest range in bytes, for fast peers. Default 8 MiB.
    pub max_range_bytes: u64,
    /// How long a range should take at the peer's measured rate. Default 40 ms.
    pub range_time: Duration,
    /// What is in flight altogether should take no longer than this at the rate of all peers together. Default 2 s. Shorter: a
    /// link with much delay is not filled; longer: on a crowded cell everything is begun and nothing ends.
    pub flight_time: Duration,
    /// A range without a verified byte for this long is stalled. Default 10 s.
    pub stall_after: Duration,
    /// While ranges are in flight, slow ones are looked at this often. Default 500 ms. Longer: the end of a lesson waits for its
    /// slowest source; shorter: more work while nothing changes.
    pub review_interval: Duration,
    /// A metadata request without an answer for this long failed. Default 15 s.
    pub meta_timeout: Duration,
    /// Every peer's catalogue versions are asked again after about this long. Default 30 s.
    pub versions_interval: Duration,
    /// Longest wait that a holdings query asks of a peer. Default 20 s.
    pub holdings_wait: Duration,
    /// Own holdings are announced at most this often. Default 100 ms. Shorter spreads parts
    /// sooner, longer sends fewer messages.
    pub holdings_interval: Duration,
    /// Further bytes of files are announced when there are so many of them for each neighbour. Default 32 KiB: asking and answering
    /// cost some 1 KiB for each neighbour. Fewer: thirty devices on a slow cell fill it with questions; more: they have nothing to give each other yet.
    pub announce_bytes: u64,
    /// Fewer bytes than that are announced after this long. Default 3 s.
    pub holdings_patience: Duration,
    /// `announce_bytes` for a node on the air, where every question and answer between stations is sent twice. Default 256 KiB.
    pub announce_bytes_on_air: u64,
    /// `holdings_patience` for a node on the air. Default 15 s.
    pub holdings_patience_on_air: Duration,
    /// Records are exchanged with every peer after about this long. Default 60 s.
    pub records_interval: Duration,
    /// Own news of records is gossiped at most this often. Default 200 ms.
    pub records_hint_interval: Duration,
    /// Peers that did not come by themselves when there is news of records are visited after about this long. Default 2 s.
    pub records_visit_after: Duration,
    /// A record exchange without an answer for this long failed. Default 120 s.
    pub records_timeout: Duration,
    /// Bytes of metadata that a publisher other than the ministry may have. Default 8 MiB: some 5,000 lessons. More fills
    /// small devices at one school's whim; less keeps a town's lessons out.
    pub max_publisher_bytes: u64,
    /// Events kept for `why` and the pages. Default 512.
    pub event_ring: usize,
}

impl Config {
    /// The defaults for node `me`, with `seed` for all chance.
    pub fn new(me: NodeId, seed: [u8; 32]) -> Self {
        Config {
            me,
            seed,
            built: 0,
            attachment: Attachment::Unknown,
            quota_bytes: None,
            max_peers: 128,
            ranges_per_peer: 4,
            playback_extra_ranges: 2,
            max_ranges: 64,
            min_range_bytes: 128 * 1024,
            first_range_bytes: 128 * 1024,
            max_range_bytes: 8 * 1024 * 1024,
            range_time: Duration::from_millis(40),
            flight_time: Duration::from_secs(2),
            stall_after: Duration::from_secs(10),
            review_interval: Duration::from_millis(500),
            meta_timeout: Duration::from_secs(15),
            versions_interval: Duration::from_secs(30),
            holdings_wait: Duration::from_secs(20),
            holdings_interval: Duration::from_millis(100),
            announce_bytes: 32 * 1024,
            holdings_patience: Duration::from_secs(3),
            announce_bytes_on_air: 256 * 1024,
            holdings_patience_on_air: Duration::from_secs(15),
            records_interval: Duration::from_secs(60),
            records_hint_interval: Duration::from_millis(200),
            records_visit_after: Duration::from_secs(2),
            records_timeout: Duration::from_secs(120),
            max_publisher_bytes: 8 << 20,
            event_ring: 512,
        }
    }
}
