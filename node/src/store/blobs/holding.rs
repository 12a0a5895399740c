//! What the store holds.

use std::collections::BTreeMap;

use bao_tree::ChunkRanges;
use iroh_blobs::{Hash, api::blobs::BlobStatus};
use pishtar_catalog::BlobHash;

use super::{BlobError, BlobStore, Holding, chunk_ranges, settle::file_of, to_hash, verify};

/// Blobs up to this length live in the store's table (its default).
const MAX_INLINE_BYTES: u64 = 16 * 1024;

impl BlobStore {
    /// What is held of a blob of signed `length` bytes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn state(&self, hash: BlobHash, length: u64) -> Result<Holding, BlobError> {
        let hash = to_hash(hash);
        let held = self.stored(hash, length).await?;
        let bad = self.inner.damage.of(&hash);
        if bad.is_empty() {
            return Ok(held);
        }
        let chunks = match held {
            Holding::Absent => return Ok(Holding::Absent),
            Holding::Complete => ChunkRanges::all(),
            Holding::Partial(ranges) => {
                let chunks = ranges.iter().map(|range| chunk_ranges(range, length));
                chunks.fold(ChunkRanges::empty(), |all, chunks| all | chunks)
            }
        };
        Ok(match verify::byte_ranges(&(chunks - bad), length) {
            ranges if ranges.is_empty() => Holding::Absent,
            ranges => Holding::Partial(ranges),
        })
    }

    /// What the store says that it holds, damaged or not.
    async fn stored(&self, hash: Hash, length: u64) -> Result<Holding, BlobError> {
        match self.fs().status(hash).await.map_err(BlobError::store)? {
            BlobStatus::NotFound if length == 0 && hash == Hash::EMPTY => Ok(Holding::Complete),
            BlobStatus::NotFound => Ok(Holding::Absent),
            BlobStatus::Complete { size } if size == length => Ok(Holding::Complete),
            BlobStatus::Complete { .. } => Ok(Holding::Absent),
            BlobStatus::Partial { .. } => Ok(self.holding_of_partial(hash, length).await),
        }
    }

    /// What is held of every blob that is in the store at all, by the lengths of the catalogue.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn states(
        &self,
        length: impl Fn(&BlobHash) -> Option<u64>,
    ) -> Result<BTreeMap<BlobHash, Holding>, BlobError> {
        let mut states = BTreeMap::new();
        for hash in self.hashes().await? {
            if let Some(length) = length(&hash) {
                states.insert(hash, self.state(hash, length).await?);
            }
        }
        Ok(states)
    }

    /// Every blob of which anything is held.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn hashes(&self) -> Result<Vec<BlobHash>, BlobError> {
        let hashes = self.fs().list().hashes().await.map_err(BlobError::store)?;
        Ok(hashes
            .iter()
            .map(|hash| BlobHash(*hash.as_bytes()))
            .collect())
    }

    /// Does a complete blob of this length lie outside the store, in a published folder?
    pub fn is_elsewhere(&self, hash: BlobHash, length: u64) -> bool {
        let own = file_of(&self.inner.data, &to_hash(hash), "data");
        length > MAX_INLINE_BYTES && !own.exists()
    }

    /// Blobs that are not `named`, with the bytes that they take on the disk at most.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unnamed(
        &self,
        named: impl Fn(&BlobHash) -> bool,
    ) -> Result<Vec<(BlobHash, u64)>, BlobError> {
        let mut unnamed = Vec::new();
        for hash in self.hashes().await?.into_iter().filter(|hash| !named(hash)) {
            let status = self.fs().status(to_hash(hash)).await;
            let bytes = match status.map_err(BlobError::store)? {
                BlobStatus::NotFound => 0,
                BlobStatus::Complete { size } => size,
                BlobStatus::Partial { size } => size.unwrap_or(0),
            };
            unnamed.push((hash, bytes));
        }
        Ok(unnamed)
    }

    async fn holding_of_partial(&self, hash: Hash, length: u64) -> Holding {
        let _awake = self.hold(hash);
        match self.bits(hash).await {
            Some(bits) if bits.is_complete() => Holding::Complete,
            Some(bits) => match verify::byte_ranges(&bits.ranges, length) {
                ranges if ranges.is_empty() => Holding::Absent,
                ranges => Holding::Partial(ranges),
            },
            None => Holding::Absent,
        }
    }
}
