//! Stored bytes that turned out to be damaged: they count as not held until they are repaired.
//!
//! iroh-blobs 0.104 has no call that validates or downgrades a complete blob. So what is damaged is
//! kept here, taken off from what the store says that it holds, and written over in place when it
//! arrives again (see `repair.rs`). A marker file for each damaged blob makes a restart look at it
//! again before anything of it is served.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bao_tree::{ChunkNum, ChunkRanges, io::EncodeError};
use iroh_blobs::Hash;
use pishtar_catalog::BlobHash;
use tokio::sync::{mpsc, watch};

use super::{BlobStore, Holding, Pace, to_hash, verify};

/// What is damaged. Always true: no blob stands here with an empty range.
pub(super) struct Damage {
    bad: Mutex<BTreeMap<Hash, ChunkRanges>>,
    /// Blobs that are being looked through because something of them was damaged.
    examined: Mutex<BTreeSet<Hash>>,
    /// Changes whenever something was repaired or removed.
    repaired: watch::Sender<u64>,
    reports: mpsc::UnboundedSender<BlobHash>,
    listener: Mutex<Option<mpsc::UnboundedReceiver<BlobHash>>>,
    markers: PathBuf,
}

impl Damage {
    /// Nothing is damaged, as far as is known; markers are kept in `markers`.
    pub(super) fn new(markers: PathBuf) -> Damage {
        let (reports, listener) = mpsc::unbounded_channel();
        Damage {
            bad: Mutex::default(),
            examined: Mutex::default(),
            repaired: watch::channel(0).0,
            reports,
            listener: Mutex::new(Some(listener)),
            markers,
        }
    }

    /// Damaged chunks of a blob; empty for nearly all.
    pub(super) fn of(&self, hash: &Hash) -> ChunkRanges {
        self.bad().get(hash).cloned().unwrap_or_default()
    }

    /// Blobs that were damaged when the node stopped.
    pub(super) fn marked(&self) -> io::Result<Vec<Hash>> {
        let entries = match fs::read_dir(&self.markers) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut hashes = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            hashes.extend(name.to_str().and_then(|name| name.parse::<Hash>().ok()));
        }
        Ok(hashes)
    }

    /// Adds damaged chunks; true when that is news.
    pub(super) fn add(&self, hash: Hash, chunks: &ChunkRanges) -> bool {
        let news = {
            let mut all = self.bad();
            let bad = all.entry(hash).or_default();
            let more = &*bad | chunks;
            let news = more != *bad;
            *bad = more;
            if bad.is_empty() {
                all.remove(&hash);
            }
            news
        };
        if news {
            self.mark(&hash);
            // Nobody listens in tests and when no node runs.
            let _ = self.reports.send(BlobHash(*hash.as_bytes()));
        }
        news
    }

    /// Takes chunks off that were repaired. Several ranges may be repaired at once: none may bring back what another took off.
    pub(super) fn repaired(&self, hash: &Hash, chunks: &ChunkRanges) {
        let whole = {
            let mut all = self.bad();
            let Some(bad) = all.get_mut(hash) else {
                return;
            };
            *bad -= chunks.clone();
            let whole = bad.is_empty();
            if whole {
                all.remove(hash);
            }
            whole
        };
        if whole {
            self.unmark(hash);
        }
        self.repaired.send_modify(|count| *count += 1);
    }

    /// The blob is whole again or gone.
    pub(super) fn forget(&self, hash: &Hash) {
        if self.bad().remove(hash).is_none() {
            return;
        }
        self.unmark(hash);
        self.repaired.send_modify(|count| *count += 1);
    }

    fn unmark(&self, hash: &Hash) {
        let marker = self.markers.join(hash.to_hex());
        if let Err(error) = fs::remove_file(marker)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a marker of a repaired file stays; the file is looked at again at the next start");
        }
    }

    /// Waits until none of these chunks is damaged.
    pub(super) async fn until_good(&self, hash: &Hash, chunks: &ChunkRanges) {
        let mut repaired = self.repaired.subscribe();
        while self.of(hash).intersects(chunks) {
            if repaired.changed().await.is_err() {
                return;
            }
        }
    }

    fn mark(&self, hash: &Hash) {
        let marked = fs::create_dir_all(&self.markers)
            .and_then(|()| fs::write(self.markers.join(hash.to_hex()), b""));
        if let Err(error) = marked {
            tracing::warn!(%error, "a damaged file could not be marked; a restart forgets it until it is read again");
        }
    }

    fn examined(&self) -> MutexGuard<'_, BTreeSet<Hash>> {
        self.examined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bad(&self) -> MutexGuard<'_, BTreeMap<Hash, ChunkRanges>> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobStore {
    /// Blobs as they turn out to be damaged; for one listener.
    pub fn damage_reports(&self) -> Option<mpsc::UnboundedReceiver<BlobHash>> {
        let mut listener = match self.inner.damage.listener.lock() {
            Ok(listener) => listener,
            Err(poisoned) => poisoned.into_inner(),
        };
        listener.take()
    }

    /// What of a damaged blob is good, when the rest can be repaired where it lies; `None` when the
    /// blob has to be removed and fetched anew: small ones live in the store's table, published
    /// ones are not ours to write to.
    pub async fn repairable(&self, hash: BlobHash, length: u64) -> Option<Holding> {
        let state = self.state(hash, length).await.ok()?;
        let id = to_hash(hash);
        let is_complete = self.bits(id).await.is_some_and(|bits| bits.is_complete());
        let data = self.inner.data.join(format!("{}.data", id.to_hex()));
        let owned = fs::symlink_metadata(&data).is_ok_and(|found| found.is_file());
        if is_complete && !owned {
            return None;
        }
        match state {
            Holding::Partial(ranges) => Some(Holding::Partial(ranges)),
            // Nothing is left, or nothing is wrong any more.
            Holding::Absent => None,
            Holding::Complete => Some(Holding::Complete),
        }
    }

    /// Is any of these chunks known to be damaged?
    pub(crate) fn is_damaged(&self, hash: BlobHash, chunks: &ChunkRanges) -> bool {
        self.inner.damage.of(&to_hash(hash)).intersects(chunks)
    }

    /// Bytes of blobs that are damaged now, by blob.
    pub fn damaged(&self, length: impl Fn(&BlobHash) -> Option<u64>) -> BTreeMap<BlobHash, u64> {
        let bad = self.inner.damage.bad();
        let row = |(hash, chunks): (&Hash, &ChunkRanges)| {
            let hash = BlobHash(*hash.as_bytes());
            let ranges = verify::byte_ranges(chunks, length(&hash)?);
            Some((
                hash,
                ranges.iter().map(|range| range.end - range.start).sum(),
            ))
        };
        bad.iter().filter_map(row).collect()
    }

    /// Reading a blob failed: notes what of it is damaged, if that is why.
    pub(super) async fn note_failure(&self, hash: Hash, after: u64, error: &EncodeError) {
        let chunks = match failed_chunks(error) {
            Some(chunks) => chunks,
            None if is_disk_error(error) => {
                let chunk = ChunkNum(after / 1024);
                ChunkRanges::from(chunk..ChunkNum(chunk.0 + 16))
            }
            None => return,
        };
        // A hole of a partial blob reads as damage; so does a blob that was removed meanwhile.
        let held = self.bits(hash).await.map(|bits| bits.ranges);
        let bad = held.unwrap_or_default() & chunks;
        if bad.is_empty() {
            return;
        }
        if self.inner.damage.add(hash, &bad) {
            tracing::warn!(blob = %hash.to_hex(), "a stored file is damaged");
            self.examine_soon(hash);
        }
    }

    /// Where one group is damaged others often are: looks at all of the blob, beside everything else.
    fn examine_soon(&self, hash: Hash) {
        let damage = &self.inner.damage;
        if !damage.examined().insert(hash) {
            return;
        }
        let store = self.clone();
        self.inner.settling.spawn(async move {
            let found = store.examine(hash, &mut Pace::default()).await;
            let damage = &store.inner.damage;
            if !found.is_empty() {
                damage.add(hash, &found);
            }
            damage.examined().remove(&hash);
        });
    }

    /// Looks at blobs that were damaged when the node stopped, before anything of them is used.
    pub(super) async fn recall_damage(&self) -> io::Result<()> {
        for hash in self.inner.damage.marked()? {
            let found = self.examine(hash, &mut Pace::default()).await;
            self.inner.damage.bad().insert(hash, ChunkRanges::all());
            match found.is_empty() {
                true => self.inner.damage.forget(&hash),
                false => {
                    self.inner.damage.bad().remove(&hash);
                    self.inner.damage.add(hash, &found);
                }
            }
        }
        Ok(())
    }
}

/// The chunks that an error of the store's reader is about.
pub(super) fn failed_chunks(error: &EncodeError) -> Option<ChunkRanges> {
    match error {
        EncodeError::ParentHashMismatch(node) => Some(ChunkRanges::from(node.chunk_range())),
        EncodeError::LeafHashMismatch(chunk) => {
            Some(ChunkRanges::from(*chunk..ChunkNum(chunk.0 + 16)))
        }
        _ => None,
    }
}

/// Did the disk fail at it, or is the file shorter than it was?
fn is_disk_error(error: &EncodeError) -> bool {
    match error {
        EncodeError::Io(error) => error.kind() != io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Where markers of damaged blobs lie.
pub(super) fn markers(root: &Path) -> PathBuf {
    root.join("damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_are_repaired_at_once_leave_nothing_damaged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let damage = Damage::new(folder.path().join("damaged"));
        let hash = Hash::new(b"a lesson");
        for _ in 0..200 {
            damage.add(hash, &ChunkRanges::from(..ChunkNum(64 * 16)));
            std::thread::scope(|scope| {
                for part in 0..4_u64 {
                    let damage = &damage;
                    scope.spawn(move || {
                        for group in 0..16 {
                            let start = ChunkNum((group * 4 + part) * 16);
                            let group = ChunkRanges::from(start..ChunkNum(start.0 + 16));
                            damage.repaired(&hash, &group);
                        }
                    });
                }
            });
            assert!(damage.of(&hash).is_empty());
        }
        assert_eq!(damage.marked().expect("a folder"), Vec::new());
    }
}
