//! Reading verified bytes: for learners in any range, for peers in the form of the protocol.

use std::{io, ops::Range};

use bao_tree::{ChunkRanges, io::EncodeError};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use iroh_blobs::api::blobs::EncodedItem;
use pishtar_catalog::BlobHash;

use super::{
    BlobStore, to_hash,
    verify::{align, chunk_ranges},
};

impl BlobStore {
    /// The bytes of `range` of a blob of signed `length`, each group verified as it is read.
    ///
    /// The range must be held, see [`wait_for`](BlobStore::wait_for): a hole or damage on disk is an
    /// error of the stream, never wrong bytes.
    pub fn read_verified(
        &self,
        hash: BlobHash,
        length: u64,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        let range = range.start.min(length)..range.end.min(length);
        let mut at = range.start;
        let wanted = match range.is_empty() {
            true => ChunkRanges::empty(),
            false => chunk_ranges(&align(&range, length), length),
        };
        let items = self.encoded(hash, wanted);
        items.filter_map(move |item| {
            let piece = match item {
                Ok(Encoded::Group { offset, data }) => trim(offset, &data, &range),
                Ok(Encoded::Size(size)) if size != length => {
                    Some(Err(damaged("another length than the signed one")))
                }
                Ok(Encoded::End) if at != range.end => Some(Err(damaged("a part is missing"))),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            };
            if let Some(Ok(bytes)) = &piece {
                at += bytes.len() as u64;
            }
            std::future::ready(piece)
        })
    }

    /// The bytes of `range` in one piece; for small ranges.
    ///
    /// # Errors
    /// When the range is not held or damaged.
    pub async fn read_to_vec(
        &self,
        hash: BlobHash,
        length: u64,
        range: Range<u64>,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut pieces = std::pin::pin!(self.read_verified(hash, length, range));
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    /// The parts of a blob in the order of the iroh-blobs protocol, verified as they are read. What does
    /// not verify is noted as damaged.
    pub(crate) fn encoded(
        &self,
        hash: BlobHash,
        chunks: ChunkRanges,
    ) -> impl Stream<Item = io::Result<Encoded>> + Send + use<> {
        let hash = to_hash(hash);
        let store = self.clone();
        let mut at = chunks
            .boundaries()
            .first()
            .map_or(0, |chunk| chunk.to_bytes());
        let items = self.fs().export_bao(hash, chunks).stream();
        items.then(move |item| {
            if let EncodedItem::Leaf(leaf) = &item {
                at = leaf.offset + leaf.data.len() as u64;
            }
            // Only an error needs the store.
            let failed = matches!(item, EncodedItem::Error(_)).then(|| (store.clone(), at));
            async move {
                if let (EncodedItem::Error(error), Some((store, at))) = (&item, failed) {
                    store.note_failure(hash, at, error).await;
                }
                part(item)
            }
        })
    }
}

fn part(item: EncodedItem) -> io::Result<Encoded> {
    match item {
        EncodedItem::Size(size) => Ok(Encoded::Size(size)),
        EncodedItem::Parent(parent) => {
            let mut pair = [0; 64];
            pair[..32].copy_from_slice(parent.pair.0.as_bytes());
            pair[32..].copy_from_slice(parent.pair.1.as_bytes());
            Ok(Encoded::Pair(pair))
        }
        EncodedItem::Leaf(leaf) => Ok(Encoded::Group {
            offset: leaf.offset,
            data: leaf.data,
        }),
        EncodedItem::Done => Ok(Encoded::End),
        EncodedItem::Error(EncodeError::Io(error)) => Err(error),
        EncodedItem::Error(error) => Err(damaged(&error.to_string())),
    }
}

/// A part of a blob on its way to a peer.
pub(crate) enum Encoded {
    /// The length of the blob; first.
    Size(u64),
    /// Two hashes.
    Pair([u8; 64]),
    /// A chunk group.
    Group { offset: u64, data: Bytes },
    /// Nothing follows.
    End,
}

fn trim(offset: u64, data: &Bytes, range: &Range<u64>) -> Option<io::Result<Bytes>> {
    let end = offset + data.len() as u64;
    let from = range.start.clamp(offset, end) - offset;
    let to = range.end.clamp(offset, end) - offset;
    // Both are at most the length of a group.
    (from < to).then(|| Ok(data.slice(from as usize..to as usize)))
}

pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a stored file is damaged: {what}"),
    )
}
