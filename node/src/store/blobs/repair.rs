//! Writing verified bytes over damaged ones, where they lie.
//!
//! The store ignores what is imported into a complete blob. Its files are plain: the bytes in
//! `HASH.data`, the hash pairs of 64 bytes in `HASH.obao4` in pre-order.

use std::{
    fs::{File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::FileExt,
};

use bao_tree::{BaoTree, io::Parent};
use futures::AsyncRead;
use iroh_blobs::Hash;

use super::{
    BlobStore, Pace, ReceiveError, chunk_ranges,
    receive::{read_exact, read_length},
    verify::{BLOCK_SIZE, Expected, GROUP_BYTES, PAIR_BYTES, Verifier},
};

/// The files of a complete blob, open for writing.
struct Files {
    data: File,
    /// Small blobs keep their hash pairs in the store's table.
    pairs: Option<File>,
    tree: BaoTree,
}

impl BlobStore {
    /// Receives `range` of a complete blob and writes what verifies over what is there. What is
    /// whole again then is read back before it counts as held.
    pub(super) async fn repair<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        hash: Hash,
        length: u64,
        range: &Range<u64>,
    ) -> Result<(), ReceiveError> {
        read_length(reader, length).await?;
        let files = self.open_for_repair(hash, length).map_err(refused)?;
        let mut end = range.start;
        let written = write_parts(reader, *hash.as_bytes(), length, range, &files, &mut end).await;
        let synced = tokio::task::spawn_blocking(move || files.sync()).await;
        synced
            .map_err(|e| ReceiveError::Store(e.to_string()))?
            .map_err(refused)?;
        if end > range.start {
            self.count_repaired(hash, length, range.start..end).await;
        }
        written
    }

    fn open_for_repair(&self, hash: Hash, length: u64) -> io::Result<Files> {
        let file = |extension: &str| {
            self.inner
                .data
                .join(format!("{}.{extension}", hash.to_hex()))
        };
        let open = |extension| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(file(extension))
        };
        let pairs = match open("obao4") {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            pairs => Some(pairs?),
        };
        Ok(Files {
            data: open("data")?,
            pairs,
            tree: BaoTree::new(length, BLOCK_SIZE),
        })
    }

    /// What reads back well is no longer damaged.
    async fn count_repaired(&self, hash: Hash, length: u64, range: Range<u64>) {
        let chunks = chunk_ranges(&range, length);
        let still_bad = self.examine(hash, &mut Pace::default()).await & chunks.clone();
        if still_bad.is_empty() {
            self.inner.damage.repaired(&hash, &chunks);
            return;
        }
        self.inner.damage.repaired(&hash, &(chunks - still_bad));
    }
}

impl Files {
    fn write_pair(&self, parent: &Parent) -> io::Result<()> {
        let (Some(pairs), Some(place)) = (&self.pairs, self.tree.pre_order_offset(parent.node))
        else {
            return Ok(());
        };
        let mut bytes = [0; PAIR_BYTES];
        bytes[..32].copy_from_slice(parent.pair.0.as_bytes());
        bytes[32..].copy_from_slice(parent.pair.1.as_bytes());
        pairs.write_all_at(&bytes, place * PAIR_BYTES as u64)
    }

    fn sync(&self) -> io::Result<()> {
        self.data.sync_all()?;
        self.pairs.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// Writes as it verifies; `end` is where the verified bytes end.
async fn write_parts<R: AsyncRead + Unpin>(
    reader: &mut R,
    hash: [u8; 32],
    length: u64,
    range: &Range<u64>,
    files: &Files,
    end: &mut u64,
) -> Result<(), ReceiveError> {
    let mut verifier = Verifier::new(hash, length, range);
    let mut group = vec![0; GROUP_BYTES as usize];
    while let Some(part) = verifier.next() {
        match part {
            Expected::Pair(chunk) => {
                let mut pair = [0; PAIR_BYTES];
                read_exact(reader, &mut pair).await?;
                let parent = verifier.pair(&chunk, &pair)?;
                files.write_pair(&parent).map_err(refused)?;
            }
            Expected::Group {
                offset,
                length,
                chunk,
            } => {
                let group = &mut group[..length];
                read_exact(reader, group).await?;
                verifier.group(&chunk, group)?;
                files.data.write_all_at(group, offset).map_err(refused)?;
                *end = offset + length as u64;
            }
        }
    }
    Ok(())
}

fn refused(error: io::Error) -> ReceiveError {
    ReceiveError::Store(error.to_string())
}
