//! Checking a bao stream as it arrives: BLAKE3 verified streaming with 16 KiB chunk groups.
//!
//! The stream is what `iroh-blobs` sends: hash pairs and chunk groups in pre-order, only those that
//! the asked range needs. Everything is checked against the blob's hash before it is handed on, so
//! that one wrong bit costs at most one group.

use std::ops::Range;

use bao_tree::{
    BaoTree, BlockSize, ChunkNum, ChunkRanges,
    blake3::{
        self, Hash, Hasher,
        hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root},
    },
    io::Parent,
    iter::{BaoChunk, ResponseIter},
};

/// A chunk group: 16 chunks of 1 KiB, the unit of verification.
pub const GROUP_BYTES: u64 = 16 * 1024;
const CHUNK_BYTES: u64 = 1024;
pub(super) const BLOCK_SIZE: BlockSize = BlockSize::from_chunk_log(4);

/// Bytes of a hash pair.
pub(super) const PAIR_BYTES: usize = 64;

/// What was received is not part of the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongBytes;

/// What the sender must send next.
pub(super) enum Expected {
    /// A pair of hashes, [`PAIR_BYTES`] long.
    Pair(BaoChunk),
    /// A chunk group.
    Group {
        /// Where it lies in the blob, in bytes.
        offset: u64,
        /// How long it is: [`GROUP_BYTES`], or less at the end of the blob.
        length: usize,
        chunk: BaoChunk,
    },
}

/// Always true: `stack` holds the hashes that the parts still to come must have, the next on top.
pub(super) struct Verifier {
    parts: ResponseIter,
    stack: Vec<Hash>,
}

impl Verifier {
    /// Checks `range` (group-aligned bytes) of the blob with this hash and signed length.
    pub(super) fn new(hash: [u8; 32], length: u64, range: &Range<u64>) -> Verifier {
        Verifier::of_chunks(hash, length, chunk_ranges(range, length))
    }

    /// The same for chunks.
    pub(super) fn of_chunks(hash: [u8; 32], length: u64, chunks: ChunkRanges) -> Verifier {
        let tree = BaoTree::new(length, BLOCK_SIZE);
        Verifier {
            parts: ResponseIter::new(tree, chunks),
            stack: vec![Hash::from_bytes(hash)],
        }
    }

    /// The next part, or `None` when the range is complete.
    pub(super) fn next(&mut self) -> Option<Expected> {
        let chunk = self.parts.next()?;
        Some(match chunk {
            BaoChunk::Parent { .. } => Expected::Pair(chunk),
            BaoChunk::Leaf {
                start_chunk, size, ..
            } => Expected::Group {
                offset: start_chunk.to_bytes(),
                length: size,
                chunk,
            },
        })
    }

    /// Checks a pair and gives it in the form that the store keeps.
    pub(super) fn pair(
        &mut self,
        chunk: &BaoChunk,
        bytes: &[u8; PAIR_BYTES],
    ) -> Result<Parent, WrongBytes> {
        let BaoChunk::Parent {
            node,
            is_root,
            left,
            right,
            ..
        } = *chunk
        else {
            return Err(WrongBytes);
        };
        let (l, r) = bytes.split_at(32);
        let l: [u8; 32] = l.try_into().map_err(|_| WrongBytes)?;
        let r: [u8; 32] = r.try_into().map_err(|_| WrongBytes)?;
        let actual = match is_root {
            true => merge_subtrees_root(&l, &r, Mode::Hash),
            false => Hash::from_bytes(merge_subtrees_non_root(&l, &r, Mode::Hash)),
        };
        self.expect(actual)?;
        let pair = (Hash::from_bytes(l), Hash::from_bytes(r));
        // The left child comes first, so it goes on top.
        if right {
            self.stack.push(pair.1);
        }
        if left {
            self.stack.push(pair.0);
        }
        Ok(Parent { node, pair })
    }

    /// Checks a chunk group.
    pub(super) fn group(&mut self, chunk: &BaoChunk, bytes: &[u8]) -> Result<(), WrongBytes> {
        let BaoChunk::Leaf {
            start_chunk,
            is_root,
            ..
        } = *chunk
        else {
            return Err(WrongBytes);
        };
        let actual = match is_root {
            true => blake3::hash(bytes),
            false => {
                let mut hasher = Hasher::new();
                hasher.set_input_offset(start_chunk.to_bytes());
                hasher.update(bytes);
                Hash::from_bytes(hasher.finalize_non_root())
            }
        };
        self.expect(actual)
    }

    fn expect(&mut self, actual: Hash) -> Result<(), WrongBytes> {
        match self.stack.pop() {
            Some(expected) if expected == actual => Ok(()),
            _ => Err(WrongBytes),
        }
    }
}

/// The chunks of a byte range; open towards the end when the range reaches the end of the blob,
/// which is how both ends of the iroh-blobs protocol spell "and the last chunk".
pub fn chunk_ranges(range: &Range<u64>, length: u64) -> ChunkRanges {
    let start = ChunkNum(range.start / CHUNK_BYTES);
    match range.end >= length {
        true => ChunkRanges::from(start..),
        false => ChunkRanges::from(start..ChunkNum(range.end.div_ceil(CHUNK_BYTES))),
    }
}

/// The byte ranges that `chunks` cover of a blob of `length` bytes.
pub(super) fn byte_ranges(chunks: &ChunkRanges, length: u64) -> Vec<Range<u64>> {
    let bounds = chunks.boundaries();
    let pairs = bounds.chunks(2).map(|pair| {
        let end = pair
            .get(1)
            .map_or(u64::MAX, |end| end.0.saturating_mul(CHUNK_BYTES));
        pair[0].0.saturating_mul(CHUNK_BYTES).min(length)..end.min(length)
    });
    pairs.filter(|range| !range.is_empty()).collect()
}

/// `range` widened to whole groups.
pub(super) fn align(range: &Range<u64>, length: u64) -> Range<u64> {
    let start = range.start / GROUP_BYTES * GROUP_BYTES;
    let end = range.end.div_ceil(GROUP_BYTES).saturating_mul(GROUP_BYTES);
    start..end.min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_round_trip() {
        let length = 100_000;
        for range in [0..length, 16_384..32_768, 81_920..length] {
            let chunks = chunk_ranges(&range, length);
            assert_eq!(byte_ranges(&chunks, length), vec![range]);
        }
        assert_eq!(byte_ranges(&ChunkRanges::all(), 5), vec![0..5]);
        assert_eq!(byte_ranges(&ChunkRanges::empty(), 5), vec![]);
    }

    #[test]
    fn alignment_widens_to_groups() {
        assert_eq!(align(&(1..2), 100_000), 0..16_384);
        assert_eq!(align(&(16_384..16_385), 100_000), 16_384..32_768);
        assert_eq!(align(&(99_999..100_000), 100_000), 98_304..100_000);
    }
}
