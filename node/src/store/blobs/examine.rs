//! Verifying every stored byte of a blob again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bao_tree::{ChunkNum, ChunkRanges};
use futures::StreamExt;
use iroh_blobs::{
    Hash,
    api::blobs::{Bitfield, EncodedItem},
};
use pishtar_catalog::BlobHash;
use tokio::time::Instant;

use super::{BlobStore, damage::failed_chunks, hold::Hold, to_hash, verify};

/// Damaged places after which the rest of a blob is given up: reading on costs more than fetching.
const MAX_PLACES: usize = 256;

/// Times that an entry is tried to be opened.
const MAX_WAKES: u32 = 4;
const BETWEEN_WAKES: Duration = Duration::from_millis(100);

/// How fast stored bytes are read again, and how many were.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// Most bytes per second; `None` is as fast as the disk gives them.
    pub bytes_per_second: Option<u64>,
    /// Bytes read so far.
    pub read: Arc<AtomicU64>,
    /// When the bytes so far should have been read at that rate.
    due: Option<Instant>,
}

impl Pace {
    /// As fast as it goes, counted in `read`.
    pub fn new(bytes_per_second: Option<u64>, read: Arc<AtomicU64>) -> Pace {
        Pace {
            bytes_per_second: bytes_per_second.filter(|rate| *rate > 0),
            read,
            due: None,
        }
    }

    async fn after(&mut self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let now = Instant::now();
        let took = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate);
        // What a slow disk missed is not made up for.
        let due = self.due.map_or(now, |due| due.max(now - took)) + took;
        self.due = Some(due);
        tokio::time::sleep_until(due).await;
    }
}

impl BlobStore {
    /// Reads everything that is held of a blob and verifies it; notes what is damaged and gives its
    /// bytes.
    pub async fn verify_again(&self, hash: BlobHash, length: u64, pace: &mut Pace) -> u64 {
        let id = to_hash(hash);
        let found = self.examine(id, pace).await;
        if !found.is_empty() {
            self.inner.damage.add(id, &found);
        }
        let ranges = verify::byte_ranges(&found, length);
        ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// Damaged chunks among those that are held.
    pub(super) async fn examine(&self, hash: Hash, pace: &mut Pace) -> ChunkRanges {
        let Some((_awake, bits)) = self.wake(hash).await else {
            // The entry cannot even be opened.
            return ChunkRanges::all();
        };
        let mut rest = match bits.is_complete() {
            true => ChunkRanges::all(),
            false => bits.ranges,
        };
        let mut bad = ChunkRanges::empty();
        let mut places = 0;
        while !rest.is_empty() {
            let Some((chunks, good_until)) = self.first_bad(hash, &rest, pace).await else {
                break;
            };
            places += 1;
            rest -= ChunkRanges::from(..good_until);
            let chunks = match places < MAX_PLACES {
                true => chunks.unwrap_or_else(|| group_at(good_until)),
                false => rest.clone(),
            };
            bad |= &chunks & &rest;
            rest -= chunks;
        }
        bad
    }

    /// The entry and what it says that it holds. One that failed in the middle of a write is opened
    /// anew when its last user has left.
    pub(super) async fn wake(&self, hash: Hash) -> Option<(Arc<Hold>, Bitfield)> {
        for _ in 0..MAX_WAKES {
            let hold = self.hold(hash);
            if let Some(bits) = self.bits(hash).await {
                return Some((hold, bits));
            }
            drop(hold);
            self.inner.holds.release(&hash);
            tokio::time::sleep(BETWEEN_WAKES).await;
        }
        None
    }

    /// Reads `chunks` up to the first that does not verify: which those are (if the store says), and
    /// where the good ones end.
    async fn first_bad(
        &self,
        hash: Hash,
        chunks: &ChunkRanges,
        pace: &mut Pace,
    ) -> Option<(Option<ChunkRanges>, ChunkNum)> {
        let from = chunks.boundaries().first().copied().unwrap_or_default();
        let mut good_until = from;
        let items = self.fs().export_bao(hash, chunks.clone()).stream();
        let mut items = std::pin::pin!(items);
        while let Some(item) = items.next().await {
            match item {
                EncodedItem::Leaf(leaf) => {
                    let length = leaf.data.len() as u64;
                    good_until = ChunkNum((leaf.offset + length).div_ceil(1024));
                    pace.after(length).await;
                }
                EncodedItem::Error(error) => return Some((failed_chunks(&error), good_until)),
                EncodedItem::Done => return None,
                EncodedItem::Size(_) | EncodedItem::Parent(_) => {}
            }
        }
        None
    }
}

/// The chunks of the group that this one is in.
pub(super) fn group_at(chunk: ChunkNum) -> ChunkRanges {
    let start = chunk.0 / 16 * 16;
    ChunkRanges::from(ChunkNum(start)..ChunkNum(start + 16))
}
