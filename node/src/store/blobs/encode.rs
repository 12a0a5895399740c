//! Encoding a range for a peer straight from the files.
//!
//! iroh-blobs hands out one message for each chunk group, each in memory of its own; on a fast line that costs as much as
//! hashing. Here a buffer is filled from the files of a large blob and verified in it, with the same [`Verifier`] that a
//! receiver has. Blobs whose bytes or hash tree lie in the store's table, which are small, take iroh-blobs' way
//! ([`encoded`](BlobStore::encoded)).

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, IoSliceMut},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bao_tree::{BaoTree, ChunkNum, ChunkRanges, iter::BaoChunk};
use futures::StreamExt;
use iroh_blobs::Hash;
use pishtar_catalog::BlobHash;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{
    BlobStore,
    examine::group_at,
    hold::Hold,
    read::damaged,
    settle::file_of,
    to_hash,
    verify::{BLOCK_SIZE, Expected, GROUP_BYTES, PAIR_BYTES, Verifier},
};

/// Hash pairs read from the tree's file at once. Those of one range lie together, those above it apart.
const TREE_BYTES: usize = 64 * PAIR_BYTES;
/// The shortest blob whose tree does not lie in the store's table (16 KiB of it, a pair for each group).
const MIN_BYTES: u64 = 16 * 1024 / PAIR_BYTES as u64 * GROUP_BYTES;

/// Where the bytes of published files lie, of those that are large; the store's table knows it and does not tell.
#[derive(Debug, Default)]
pub(super) struct References(Mutex<BTreeMap<Hash, PathBuf>>);

impl References {
    pub(super) fn note(&self, hash: Hash, path: &Path, length: u64) {
        if length >= MIN_BYTES {
            self.paths().insert(hash, path.to_owned());
        }
    }

    fn of(&self, hash: &Hash) -> Option<PathBuf> {
        self.paths().get(hash).cloned()
    }

    /// What is there is not what the store knows: its own way decides.
    fn forget(&self, hash: &Hash) {
        self.paths().remove(hash);
    }

    fn paths(&self) -> std::sync::MutexGuard<'_, BTreeMap<Hash, PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A range of a blob on its way to a peer, in the form of the iroh-blobs protocol.
pub(crate) struct Encoder {
    store: BlobStore,
    hash: Hash,
    /// The files of an entry that is awake stay what they are.
    _awake: Arc<Hold>,
    data: File,
    tree: Tree,
    verifier: Verifier,
    length: u64,
    /// What did not fit into the last buffer.
    next: Option<Expected>,
    /// Behind the last verified group, in bytes.
    at: u64,
}

/// The hash pairs of a blob, in the order of the walk from the root (pre-order).
struct Tree {
    shape: BaoTree,
    file: File,
    window: Vec<u8>,
    window_at: u64,
}

impl Tree {
    fn pair(&mut self, chunk: &BaoChunk, patience: Patience) -> io::Result<[u8; PAIR_BYTES]> {
        let BaoChunk::Parent { node, .. } = chunk else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let number = self.shape.pre_order_offset(*node);
        let number = number.ok_or(io::ErrorKind::InvalidInput)?;
        let at = number * PAIR_BYTES as u64;
        let ahead = at.checked_sub(self.window_at);
        let there = ahead.and_then(|ahead| {
            let rest = self.window.get(usize::try_from(ahead).ok()?..)?;
            rest.first_chunk().copied()
        });
        if let Some(pair) = there {
            return Ok(pair);
        }
        self.window.resize(TREE_BYTES, 0);
        let read = read_at(&self.file, &mut self.window, at, patience);
        self.window.truncate(*read.as_ref().unwrap_or(&0));
        if read? < PAIR_BYTES {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.window_at = at;
        Ok(*self.window.first_chunk().expect("a pair was read"))
    }
}

impl BlobStore {
    /// Encodes `chunks` of a blob from its files; `None` when it has none, or nothing of it is held.
    pub(crate) async fn encoder(&self, hash: BlobHash, chunks: ChunkRanges) -> Option<Encoder> {
        let hash = to_hash(hash);
        let awake = self.hold(hash);
        let length = awake.wait_until(|_| true).await?.size();
        if length < MIN_BYTES {
            return None;
        }
        let own = |extension| file_of(&self.inner.data, &hash, extension);
        let path = self.inner.references.of(&hash);
        let path = path.unwrap_or_else(|| own("data"));
        let tree = own("obao4");
        let open = move || io::Result::Ok((File::open(path)?, File::open(tree)?));
        let (data, tree) = tokio::task::spawn_blocking(open).await.ok()?.ok()?;
        Some(Encoder {
            store: self.clone(),
            hash,
            _awake: awake,
            data,
            tree: Tree {
                shape: BaoTree::new(length, BLOCK_SIZE),
                file: tree,
                window: Vec::new(),
                window_at: 0,
            },
            verifier: Verifier::of_chunks(*hash.as_bytes(), length, chunks),
            length,
            next: None,
            at: 0,
        })
    }
}

impl Encoder {
    /// The length of the blob in bytes, which goes before everything else.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` with what comes next, verified, and gives how many bytes that is; 0 is the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing comes without waiting for the disk and there is no patience for that; the
    /// next call goes on. Otherwise the files cannot be read or do not hold the blob: [`failed`](Encoder::failed) comes next.
    ///
    /// # Panics
    /// When the buffer is shorter than a chunk group.
    pub(crate) fn fill(&mut self, buffer: &mut [u8], patience: Patience) -> io::Result<usize> {
        assert!(buffer.len() as u64 >= GROUP_BYTES, "a group must fit");
        let mut filled = 0;
        while let Some(part) = self.next.take().or_else(|| self.verifier.next()) {
            let bytes = match &part {
                Expected::Pair(_) => PAIR_BYTES,
                Expected::Group { length, .. } => *length,
            };
            let Some(room) = buffer.get_mut(filled..filled + bytes) else {
                self.next = Some(part);
                break;
            };
            if let Err(error) = self.read(&part, room, patience) {
                self.next = Some(part);
                if error.kind() == io::ErrorKind::WouldBlock && filled > 0 {
                    break;
                }
                return Err(error);
            }
            self.verify(&part, room)?;
            filled += bytes;
        }
        Ok(filled)
    }

    fn read(&mut self, part: &Expected, room: &mut [u8], patience: Patience) -> io::Result<()> {
        match part {
            Expected::Pair(chunk) => {
                room.copy_from_slice(&self.tree.pair(chunk, patience)?);
                Ok(())
            }
            Expected::Group { offset, .. } => {
                self.at = *offset;
                match read_at(&self.data, room, *offset, patience)? {
                    read if read == room.len() => Ok(()),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }

    fn verify(&mut self, part: &Expected, bytes: &[u8]) -> io::Result<()> {
        let verified = match part {
            Expected::Pair(chunk) => {
                let pair = bytes.first_chunk().expect("a pair was read");
                self.verifier.pair(chunk, pair).map(drop)
            }
            Expected::Group { chunk, .. } => self.verifier.group(chunk, bytes),
        };
        verified.map_err(|_| damaged("it does not hold what it should"))
    }

    /// Lets the store look for itself at what could not be read, so that it is noted as damaged if it is, and read from
    /// where the store knows it to be if it is not.
    pub(crate) async fn failed(self) {
        self.store.inner.references.forget(&self.hash);
        let chunks = group_at(ChunkNum::full_chunks(self.at));
        let hash = BlobHash(*self.hash.as_bytes());
        self.store
            .encoded(hash, chunks)
            .for_each(async |_| ())
            .await;
    }
}

/// Whether to wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Take what lies in memory.
    None,
    /// Block until it is there.
    Wait,
}

/// Reads until `room` is full or the file ends, and gives how much that is.
fn read_at(file: &File, room: &mut [u8], at: u64, patience: Patience) -> io::Result<usize> {
    let flags = match patience {
        Patience::None => ReadWriteFlags::NOWAIT,
        Patience::Wait => ReadWriteFlags::empty(),
    };
    let mut read = 0;
    while read < room.len() {
        let rest = IoSliceMut::new(&mut room[read..]);
        match preadv2(file, &mut [rest], at + read as u64, flags) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(Errno::INTR) => {}
            // Not every file system can say what lies in memory.
            Err(Errno::OPNOTSUPP) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}
