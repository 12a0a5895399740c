//! The bytes of lessons: an iroh-blobs store of BLAKE3 addressed blobs, complete and partial.
//!
//! Nothing enters unverified and nothing leaves unverified. What is lost here is fetched again.

mod arriving;
mod damage;
pub(crate) mod encode;
mod examine;
mod hold;
mod holding;
pub(crate) mod read;
mod rebuild;
mod receive;
mod remove;
mod repair;
mod settle;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_kills;
pub(crate) mod verify;
mod whole;

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use bao_tree::ChunkRanges;
use futures::AsyncRead;
use iroh_blobs::{
    BlobFormat, Hash,
    api::blobs::{AddPathOptions, Bitfield, ImportMode},
    store::fs::{FsStore, options::Options},
};
use pishtar_catalog::BlobHash;
use thiserror::Error;
use tokio::{task::JoinHandle, time};
use tokio_util::task::TaskTracker;

use self::{arriving::Arriving, damage::Damage, hold::Holds, remove::Remover};
pub use self::{
    examine::Pace,
    receive::{ReceiveError, Steps},
    verify::{GROUP_BYTES, chunk_ranges},
};

/// What the store holds of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    Absent,
    /// These verified byte ranges, rising.
    Partial(Vec<Range<u64>>),
    /// All of it.
    Complete,
}

/// Why the store failed. Except for `WrongFile` it is this machine's disk.
#[derive(Debug, Error)]
pub enum BlobError {
    /// The folder cannot be opened.
    #[error(
        "cannot open the lesson store {}: {reason}. Check that the disk is there, is writable and \
         has space, and that no other node uses this folder",
        .path.display()
    )]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The published file is not the one that its catalogue names.
    #[error("{} is not the file that the catalogue names; publish the folder again", .0.display())]
    WrongFile(PathBuf),
    /// The store failed while it worked.
    #[error("the lesson store failed: {0}")]
    Store(String),
}

impl BlobError {
    fn store(error: impl std::fmt::Display) -> BlobError {
        BlobError::Store(error.to_string())
    }
}

/// How receiving a range ended.
#[derive(Debug)]
pub struct Received {
    /// Whether all of the range arrived.
    pub result: Result<(), ReceiveError>,
    /// What of the range is held now, in bytes; also after an error.
    pub held: Vec<Range<u64>>,
    /// Whether the whole blob is held now.
    pub complete: bool,
}

/// The store of lesson bytes. Cheap to clone.
#[derive(Clone)]
pub struct BlobStore {
    inner: Arc<Inner>,
}

struct Inner {
    fs: FsStore,
    data: PathBuf,
    holds: Arc<Holds>,
    remover: Arc<Remover>,
    damage: Damage,
    pieces: receive::Pieces,
    references: encode::References,
    /// Set once what a kill left has been played back.
    arriving: OnceLock<Arriving>,
    settling: TaskTracker,
    /// Small files arrived that are not made durable yet, and somebody is about to do it.
    unsettled: AtomicBool,
    tidy: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tidy.abort();
    }
}

impl BlobStore {
    /// Opens or makes the store in `root`, on the current tokio runtime.
    ///
    /// # Errors
    /// When the folder cannot be written or is used by another node.
    pub async fn open(root: &Path) -> Result<BlobStore, BlobError> {
        let failed = |reason: String| BlobError::Open {
            path: root.to_owned(),
            reason,
        };
        // The store takes relative paths for relative to something else.
        let root = std::path::absolute(root).map_err(|e| failed(e.to_string()))?;
        let remover = Arc::new(Remover::default());
        let mut options = Options::new(&root);
        options.gc = Some(remover.clone().gc_config());
        let data = options.path.data_path.clone();
        settle::clear(&options.path.temp_path).map_err(|e| failed(e.to_string()))?;
        let table = root.join("blobs.db");
        rebuild::ensure(&table, &data).map_err(|e| failed(e.to_string()))?;
        let fs = FsStore::load_with_opts(table, options).await;
        let fs = fs.map_err(|e| failed(e.to_string()))?;
        let known = fs.list().hashes().await.map_err(BlobError::store)?;
        settle::sweep_orphans(&data, &known).map_err(|e| failed(e.to_string()))?;
        let holds = Arc::new(Holds::default());
        let tidy = tokio::spawn(hold::keep_tidy(holds.clone()));
        let inner = Inner {
            fs,
            data,
            holds,
            remover,
            damage: Damage::new(damage::markers(&root)),
            pieces: receive::Pieces::default(),
            references: encode::References::default(),
            arriving: OnceLock::new(),
            settling: TaskTracker::new(),
            unsettled: AtomicBool::new(false),
            tidy,
        };
        let store = BlobStore {
            inner: Arc::new(inner),
        };
        let recalled = store.recall_damage().await;
        recalled.map_err(|e| failed(e.to_string()))?;
        let known = known.into_iter().collect();
        store.begin_arriving(root.join("arriving"), &known).await;
        Ok(store)
    }

    /// Receives `range` (bytes, aligned to [`GROUP_BYTES`] except at the end) of a blob of signed
    /// `length` from a stream in the form of the iroh-blobs protocol, and stores what verifies.
    /// `progress` gets the verified bytes so far, every 256 KiB, or every 64 KiB in small steps.
    ///
    /// Any number of ranges of one blob may arrive at once. What was stored survives a kill of this
    /// process; a complete blob survives a power cut some moments later.
    pub async fn receive_range<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        hash: BlobHash,
        length: u64,
        range: Range<u64>,
        steps: Steps,
        mut progress: impl FnMut(u64) + Send,
    ) -> Received {
        let hash = to_hash(hash);
        let range = verify::align(&range, length);
        let begun = self.inner.remover.starting(hash).await;
        let hold = self.hold(hash);
        drop(begun);
        let received = self
            .receive_or_repair(reader, hash, length, &range, steps, &mut progress)
            .await;
        let (held, complete) = match self.bits(hash).await {
            Some(bits) => {
                let bad = self.inner.damage.of(&hash);
                let wanted = chunk_ranges(&range, length) - bad.clone();
                let held = verify::byte_ranges(&(&bits.ranges & &wanted), length);
                (held, bits.is_complete() && bad.is_empty())
            }
            None => (Vec::new(), false),
        };
        let durable = match complete {
            true if hold.must_settle() => {
                self.settle_soon(hash, hold);
                Ok(())
            }
            false if !held.is_empty() && hold.must_enter_index() => self.enter_index().await,
            _ => Ok(()),
        };
        let durable = durable.map_err(|e| ReceiveError::Store(e.to_string()));
        Received {
            result: received.and(durable),
            held,
            complete,
        }
    }

    async fn receive_or_repair<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        hash: Hash,
        length: u64,
        range: &Range<u64>,
        steps: Steps,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ReceiveError> {
        let bad = self.inner.damage.of(&hash);
        if bad.is_empty() {
            return self
                .receive(reader, hash, length, range, steps, progress)
                .await;
        }
        let complete = self.bits(hash).await.is_some_and(|bits| bits.is_complete());
        if complete {
            return self.repair(reader, hash, length, range).await;
        }
        // Into a partial blob everything is written, also over what it has.
        let received = self
            .receive(reader, hash, length, range, steps, progress)
            .await;
        if received.is_ok() {
            let chunks = chunk_ranges(range, length);
            self.inner.damage.repaired(&hash, &chunks);
        }
        received
    }

    /// Waits until all of `range` is held. A blob whose files are gone counts as damaged from then on.
    pub async fn wait_for(&self, hash: BlobHash, length: u64, range: &Range<u64>) {
        let wanted = chunk_ranges(&verify::align(range, length), length);
        let hash = to_hash(hash);
        let remover = &self.inner.remover;
        loop {
            // What waits must not keep a removal from ending.
            remover.stays(&hash).await;
            let hold = self.hold(hash);
            let arrived = async {
                let found = hold.wait_until(|bits| is_held(&bits.ranges, &wanted, length));
                if found.await.is_none() {
                    return false;
                }
                self.inner.damage.until_good(&hash, &wanted).await;
                true
            };
            let arrived = tokio::select! {
                arrived = arrived => arrived,
                () = remover.leaves(&hash) => continue,
            };
            if arrived {
                return;
            }
            drop(hold);
            if self.wake(hash).await.is_none() {
                // Its files are gone: nothing of it is held, and it is removed and fetched anew.
                self.inner.damage.add(hash, &ChunkRanges::all());
                remover.leaves(&hash).await;
            }
        }
    }

    /// How far `range` is held from its start on without a gap, in bytes; its start when its first group is not.
    pub async fn held_to(&self, hash: BlobHash, length: u64, range: &Range<u64>) -> u64 {
        let aligned = verify::align(range, length);
        let wanted = chunk_ranges(&aligned, length);
        let bad = self.inner.damage.of(&to_hash(hash));
        let hash = to_hash(hash);
        let _awake = self.hold(hash);
        let Some(bits) = self.bits(hash).await.filter(|bits| bits.size() == length) else {
            return range.start;
        };
        let held = verify::byte_ranges(&((&bits.ranges & &wanted) - bad), length);
        let first = held.first().filter(|held| held.start <= aligned.start);
        first.map_or(range.start, |held| held.end.clamp(range.start, range.end))
    }

    /// Whether all of these chunks are held, now or after so long; wakes the entry.
    pub(crate) async fn holds_chunks_within(
        &self,
        patience: Duration,
        hash: BlobHash,
        wanted: &ChunkRanges,
    ) -> bool {
        if self.is_damaged(hash, wanted) {
            return false;
        }
        let hold = self.hold(to_hash(hash));
        let held = hold.wait_until(|bits| is_held(&bits.ranges, wanted, bits.size()));
        matches!(time::timeout(patience, held).await, Ok(Some(_)))
    }

    /// Takes a published file into the store without copying it. It must never change after; if it
    /// does, reading finds out. Does nothing when the blob is held already and readable.
    ///
    /// # Errors
    /// [`BlobError::WrongFile`] when it is not the file that the catalogue names.
    pub async fn import_reference(
        &self,
        path: &Path,
        expected: BlobHash,
        length: u64,
    ) -> Result<(), BlobError> {
        let expected_hash = to_hash(expected);
        let path = std::path::absolute(path).map_err(BlobError::store)?;
        let known = || self.inner.references.note(expected_hash, &path, length);
        if self.is_readable(expected, length).await {
            known();
            return Ok(());
        }
        let wrong = || BlobError::WrongFile(path.clone());
        let metadata = tokio::fs::metadata(&path).await.map_err(BlobError::store)?;
        if metadata.len() != length {
            return Err(wrong());
        }
        let begun = self.inner.remover.starting(expected_hash).await;
        let options = AddPathOptions {
            path: path.clone(),
            format: BlobFormat::Raw,
            mode: ImportMode::TryReference,
        };
        let added = self.fs().add_path_with_opts(options).temp_tag().await;
        let added = added.map_err(BlobError::store)?.hash();
        if added != expected_hash {
            drop(begun);
            self.remove_hashes(vec![added]).await?;
            return Err(wrong());
        }
        known();
        self.enter_index().await
    }

    /// Removes blobs and their files, and gives those that are gone: the ones in use are left for
    /// another call. Stop the transfers of these blobs first.
    ///
    /// # Errors
    /// When the store fails or all of them stay in use.
    pub async fn remove(&self, hashes: &[BlobHash]) -> Result<Vec<BlobHash>, BlobError> {
        let hashes = hashes.iter().copied().map(to_hash).collect();
        let gone = self.remove_hashes(hashes).await?;
        Ok(gone.iter().map(|hash| BlobHash(*hash.as_bytes())).collect())
    }

    /// Writes everything out and closes the store; transfers must have been stopped.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn shutdown(&self) -> Result<(), BlobError> {
        self.inner.tidy.abort();
        self.inner.settling.close();
        self.inner.settling.wait().await;
        self.inner.holds.release_all();
        self.fs().wait_idle().await.map_err(BlobError::store)?;
        self.fs().sync_db().await.map_err(BlobError::store)?;
        self.fs().shutdown().await.map_err(BlobError::store)
    }

    fn pieces(&self) -> &receive::Pieces {
        &self.inner.pieces
    }

    pub(super) fn fs(&self) -> &FsStore {
        &self.inner.fs
    }

    fn hold(&self, hash: Hash) -> Arc<hold::Hold> {
        self.inner.holds.take(self.fs(), hash)
    }

    /// What is held at this moment; `None` when the entry cannot be read. Hold the entry meanwhile:
    /// what the hold itself has seen may be a moment old.
    async fn bits(&self, hash: Hash) -> Option<Bitfield> {
        self.fs().observe(hash).await.ok()
    }

    /// Whether the blob is complete and its last group (and with it its length) can be read.
    async fn is_readable(&self, hash: BlobHash, length: u64) -> bool {
        if !matches!(self.state(hash, length).await, Ok(Holding::Complete)) {
            return false;
        }
        let tail = length.saturating_sub(1)..length;
        self.read_to_vec(hash, length, tail).await.is_ok()
    }

    /// Makes the entries of all blobs survive a kill: without it the store forgets, up to half a
    /// second back, that a blob was begun, and would fetch it again.
    async fn enter_index(&self) -> Result<(), BlobError> {
        self.fs().sync_db().await.map_err(BlobError::store)
    }

    /// Settles in the background: flushing a large file takes as long as receiving it, and the next
    /// file need not wait for that. Until it is done a power cut may damage the file, which reading
    /// and scrubbing find out.
    fn settle_soon(&self, hash: Hash, hold: Arc<hold::Hold>) {
        let store = self.clone();
        self.inner.settling.spawn(async move {
            let _awake = hold;
            if let Err(error) = store.settle(hash).await {
                tracing::error!(%error, "a file may not survive a power cut: check the disk");
            }
        });
    }

    /// Makes a complete blob survive a power cut: the store says "complete" without an fsync of the
    /// bytes.
    async fn settle(&self, hash: Hash) -> Result<(), BlobError> {
        self.with_files(move |data| settle::sync_blob(data, &hash))
            .await?;
        self.enter_index().await?;
        self.with_files(move |data| settle::drop_scaffold(data, &hash))
            .await
    }

    /// Works on the folder of the data files, where blocking is allowed.
    async fn with_files(
        &self,
        work: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
    ) -> Result<(), BlobError> {
        let data = self.inner.data.clone();
        let done = tokio::task::spawn_blocking(move || work(&data)).await;
        done.map_err(BlobError::store)?.map_err(BlobError::store)
    }
}

fn is_held(held: &ChunkRanges, wanted: &ChunkRanges, size: u64) -> bool {
    // A complete blob's bits are open-ended, others end at a chunk: compare below the size.
    let end = bao_tree::ChunkNum::chunks(size);
    let wanted = wanted & &ChunkRanges::from(..end);
    size > 0 && held.is_superset(&wanted)
}

fn to_hash(hash: BlobHash) -> Hash {
    Hash::from_bytes(hash.0)
}
