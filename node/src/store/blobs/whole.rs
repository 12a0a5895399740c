//! Small files that arrived whole: stored together, made durable together.
//!
//! A range at a time a small file costs a dozen system calls, an entry kept awake, and three fsyncs of its own.

use std::{path::Path, sync::atomic::Ordering, time::Duration};

use bao_tree::ChunkRanges;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use iroh_blobs::{Hash, api::blobs::BlobStatus};
use pishtar_catalog::BlobHash;

use super::{BlobError, BlobStore, to_hash};

/// Files that the store takes at the same time.
const AT_ONCE: usize = 16;
/// Batches that end within this time are made durable together. Shorter: while the disk syncs, others wait for it, and
/// the line stands still; longer: a power cut costs more.
const SETTLE_AFTER: Duration = Duration::from_secs(1);

impl BlobStore {
    /// Stores files whose bytes are those of their hashes; they count as held when this returns. They survive a kill
    /// then or some moments later, and a power cut after the next [`settle_files`](BlobStore::settle_files).
    ///
    /// # Errors
    /// When the store fails; some of them may be held all the same.
    pub async fn add_files(&self, files: Vec<(BlobHash, Bytes)>) -> Result<(), BlobError> {
        let hashes: Vec<Hash> = files.iter().map(|(hash, _)| to_hash(*hash)).collect();
        let begun = self.inner.remover.starting_all(&hashes).await;
        let adding = stream::iter(files).map(|(hash, bytes)| async move {
            let added = self.fs().add_bytes(bytes).temp_tag().await;
            let added = added.map_err(BlobError::store)?.hash();
            match added == to_hash(hash) {
                true => Ok(()),
                false => Err(BlobError::Store(format!("{hash} came out as {added}"))),
            }
        });
        adding.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        drop(begun);
        for hash in &hashes {
            if !self.inner.damage.of(hash).is_empty() {
                self.inner.damage.repaired(hash, &ChunkRanges::all());
            }
        }
        Ok(())
    }

    /// Makes what [`add_files`](BlobStore::add_files) took survive a power cut, in the background: one sync of the file
    /// system for all of it, however many batches end meanwhile. The store commits its rows by itself, twice a second.
    /// Until both are done a power cut may lose or damage such a file, which the next start or reading finds out.
    pub fn settle_files(&self) {
        if self.inner.unsettled.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = self.clone();
        self.inner.settling.spawn(async move {
            tokio::time::sleep(SETTLE_AFTER).await;
            store.inner.unsettled.store(false, Ordering::Release);
            if let Err(error) = store.with_files(sync_all).await {
                tracing::error!(%error, "files may not survive a power cut: check the disk");
            }
        });
    }

    /// All bytes of a blob that is held whole and is at most `max_bytes` long, verified as they are read.
    pub async fn read_file(&self, hash: BlobHash, max_bytes: u64) -> Option<Vec<u8>> {
        let status = self.fs().status(to_hash(hash)).await.ok()?;
        let BlobStatus::Complete { size } = status else {
            return None;
        };
        if size > max_bytes || self.is_damaged(hash, &ChunkRanges::all()) {
            return None;
        }
        self.read_to_vec(hash, size, 0..size).await.ok()
    }
}

fn sync_all(folder: &Path) -> std::io::Result<()> {
    let folder = std::fs::File::open(folder)?;
    rustix::fs::syncfs(&folder).map_err(Into::into)
}
