//! What a node says of itself: the fields of `status --json` and its siblings.
//!
//! These names are a contract: scripts and checks read them. Fields are added, never renamed.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use pishtar_mesh::PublisherView;
use pishtar_signing::client::{CLOCK_BEHIND, Clock, Freshness, TrustedTime};
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
    /// What is made of the machine's clock.
    pub clock: ClockStatus,
    /// One row for each publisher.
    pub catalogs: Vec<CatalogStatus>,
    /// Publishers that the ministry revoked.
    #[serde(default)]
    pub revoked_publishers: Vec<RevokedPublisher>,
    /// Why the ministry revoked this very device, where it did; may be empty.
    #[serde(default)]
    pub revoked: Option<String>,
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
    /// When some source last confirmed or renewed it, Unix seconds; absent if never since the data folder was made. A
    /// lower bound where the clock was not believed.
    pub checked_at: Option<i64>,
    /// How long ago that was, seconds; absent if never, or where the clock does not allow to tell.
    pub checked_age_s: Option<u64>,
    /// Whether no top-level role has expired by the node's trusted time, for certain. Age is shown, never punished.
    pub fresh: bool,
    /// The same in three: "unknown" where the clock cannot be believed and nothing signed proves the expiry.
    pub freshness: FreshnessWord,
    /// It has expired, and no neighbour that is here gives a newer one: they are as old, or keep it back.
    #[serde(default)]
    pub no_fresh_source: bool,
    /// The publisher's name by language, as the ministry lists it; empty for the ministry.
    #[serde(default)]
    pub name: BTreeMap<String, String>,
    /// What is wrong with its catalogue: damaged state, entries that it may not publish or that nobody can read.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// A publisher that the ministry revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedPublisher {
    /// Publisher id.
    pub publisher: String,
    /// Its name by language.
    pub name: BTreeMap<String, String>,
    /// The ministry's reason.
    pub reason: String,
}

/// Whether a catalogue has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FreshnessWord {
    /// It has not.
    Fresh,
    /// It has. It is in use all the same.
    Stale,
    /// The clock does not allow to tell.
    Unknown,
}

/// The machine's clock, judged by what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// Whether it is believed.
    pub verdict: ClockWord,
    /// What it says, Unix seconds.
    pub says: i64,
    /// The time is at least this for certain: build time or signatures of the ministry. Unix seconds.
    pub at_least: i64,
}

/// What is thought of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockWord {
    /// Nothing speaks against it.
    Sane,
    /// Earlier than what was signed already.
    Behind,
    /// Absurdly late.
    Ahead,
}

/// How long ago a catalogue was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// So many seconds ago.
    Seconds(u64),
    /// It was, but the clock does not allow to tell when.
    Unknown,
    /// Never.
    Never,
}

impl CatalogStatus {
    /// `noted` is when an earlier run saw it confirmed, Unix seconds.
    pub(crate) fn new(
        publisher: &PublisherView<'_>,
        noted: Option<i64>,
        time: &TrustedTime,
    ) -> Self {
        let (checked_at, checked_age_s) = match (publisher.checked, noted) {
            (Some(checked), noted) => {
                let noted = noted.filter(|_| !checked.exact);
                (
                    Some(checked.at.max(noted.unwrap_or(checked.at))),
                    Some(checked.ago.as_secs()),
                )
            }
            (None, Some(at)) => (Some(at), age(at, time)),
            (None, None) => (None, None),
        };
        let freshness = match publisher.freshness {
            Freshness::Fresh => FreshnessWord::Fresh,
            Freshness::Stale => FreshnessWord::Stale,
            Freshness::Unknown => FreshnessWord::Unknown,
        };
        Self {
            publisher: publisher.id.to_owned(),
            version: publisher.version,
            checked_at,
            checked_age_s,
            fresh: freshness == FreshnessWord::Fresh,
            freshness,
            no_fresh_source: false,
            name: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// How long ago it was confirmed.
    pub fn age(&self) -> Age {
        match (self.checked_at, self.checked_age_s) {
            (None, _) => Age::Never,
            (Some(_), Some(seconds)) => Age::Seconds(seconds),
            (Some(_), None) => Age::Unknown,
        }
    }
}

/// Seconds since `at`; `None` where the clock is not believed, or where `at` lies ahead of it: then one of the two
/// readings was wrong.
fn age(at: i64, time: &TrustedTime) -> Option<u64> {
    let seconds = time.sane_clock()?.saturating_sub(at);
    (seconds >= -CLOCK_BEHIND).then(|| u64::try_from(seconds).unwrap_or(0))
}

impl ClockStatus {
    pub(crate) fn new(time: &TrustedTime, says: i64) -> Self {
        Self {
            verdict: match time.verdict() {
                Clock::Sane => ClockWord::Sane,
                Clock::Behind => ClockWord::Behind,
                Clock::Ahead => ClockWord::Ahead,
            },
            says,
            at_least: time.floor(),
        }
    }
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
    /// Why the ministry revoked this device, where it did; may be empty. No records are exchanged with it.
    #[serde(default)]
    pub revoked: Option<String>,
}

/// One followed lesson, as `pishtar lessons --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LessonRow {
    /// Lesson id, `<publisher>/<course>/<lesson>`.
    pub id: String,
    /// Id of its publisher.
    #[serde(default)]
    pub publisher: String,
    /// The publisher's name by language, as the ministry lists it; empty for the ministry.
    #[serde(default)]
    pub publisher_name: BTreeMap<String, String>,
    /// Title by language.
    pub title: BTreeMap<String, String>,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pishtar_mesh::Checked;

    use super::*;

    const FLOOR: i64 = 1_795_464_000;
    const DAY: i64 = 86_400;
    const EXPIRES: i64 = FLOOR + 30 * DAY;

    fn told(checked: Option<Checked>, noted: Option<i64>, clock: i64) -> CatalogStatus {
        let time = TrustedTime::new(FLOOR, clock);
        let view = PublisherView {
            id: "ministry",
            version: 7,
            expires: Some(EXPIRES),
            freshness: time.freshness(Some(EXPIRES)),
            checked,
        };
        CatalogStatus::new(&view, noted, &time)
    }

    #[test]
    fn a_restart_keeps_the_age_and_a_wrong_clock_makes_none_up() {
        let noted = Some(FLOOR + 5 * DAY);
        for (clock, age, freshness) in [
            (
                FLOOR + 11 * DAY,
                Age::Seconds(518_400),
                FreshnessWord::Fresh,
            ),
            (
                FLOOR + 121 * DAY,
                Age::Seconds(10_022_400),
                FreshnessWord::Stale,
            ),
            (0, Age::Unknown, FreshnessWord::Unknown),
            (4_102_444_800, Age::Unknown, FreshnessWord::Unknown),
            // Noted under a clock that was ahead, and set right since.
            (FLOOR - DAY / 2, Age::Unknown, FreshnessWord::Fresh),
        ] {
            let row = told(None, noted, clock);
            assert_eq!((row.age(), row.freshness), (age, freshness), "{clock}");
            assert_eq!(row.fresh, freshness == FreshnessWord::Fresh);
            assert_eq!(row.checked_at, noted);
        }
        assert_eq!(told(None, None, FLOOR).age(), Age::Never);
    }

    #[test]
    fn a_check_under_a_dead_clock_does_not_hide_a_better_date() {
        let checked = Checked {
            at: FLOOR,
            ago: Duration::from_secs(7),
            exact: false,
        };
        let row = told(Some(checked), Some(FLOOR + DAY), 0);
        assert_eq!(row.checked_at, Some(FLOOR + DAY));
        assert_eq!(row.age(), Age::Seconds(7));
    }
}
