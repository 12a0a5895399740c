//! What was on its way to the disk when this process was killed, so that a second kill does not lose it again.
//!
//! Verified groups are handed to the store in large pieces, and a kill loses the piece that is being filled and those
//! that wait. That costs each of them a second transfer and shall not cost a third. So the folder holds the ranges that
//! were being received; what is missing of them at the next start is *doubtful*, and a stream that brings doubtful groups
//! again is kept in a file of its own as it comes, before anything of it is verified. A start plays such files back
//! through the verification of the network.
//!
//! Nothing here is needed for what is held to be right, and a disk that refuses these files costs transfers only. So they
//! are not synced, and errors are logged and no more.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, io::AllowStdIo};
use iroh_blobs::Hash;
use pishtar_catalog::BlobHash;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    BlobStore, ReceiveError, Steps, chunk_ranges,
    verify::{GROUP_BYTES, PAIR_BYTES, byte_ranges},
};

/// Of what a range lacks, so much may have been verified and lost: more than what waits in memory at one time, the piece
/// being filled and what the queue to the store holds.
const DOUBTFUL_BYTES: u64 = 1024 * 1024;
/// Ranges that are remembered: those that arrive, then the last that did.
const SLOTS: usize = 512;
/// Bytes of streams that are kept at one time; the quota does not count them, and further streams are not kept.
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// Hash, length of the blob, start and end of the range, little endian.
const ENTRY_BYTES: usize = 32 + 3 * 8;
/// Hash pairs above the first group of the largest blob.
const MAX_DEPTH: u64 = 64;

const RANGES: &str = "ranges";
const STREAMS: &str = "stream";

/// A range of a blob that was being received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub hash: Hash,
    /// Of the blob, in bytes.
    pub length: u64,
    pub range: Range<u64>,
}

impl Entry {
    fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let (hash, numbers) = bytes.split_at_mut(32);
        hash.copy_from_slice(self.hash.as_bytes());
        let values = [self.length, self.range.start, self.range.end];
        for (place, value) in numbers.chunks_exact_mut(8).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// `None` for a slot that was never used, and for what a power cut left instead.
    fn from_bytes(bytes: &[u8]) -> Option<Entry> {
        let (hash, numbers) = bytes.split_first_chunk::<32>()?;
        let mut values = numbers.chunks_exact(8).map(|value| {
            let value = value.try_into().expect("eight bytes");
            u64::from_le_bytes(value)
        });
        let (length, start, end) = (values.next()?, values.next()?, values.next()?);
        (start < end && end <= length).then(|| Entry {
            hash: Hash::from_bytes(*hash),
            length,
            range: start..end,
        })
    }
}

/// The folder, and what is doubtful.
pub(super) struct Arriving {
    folder: PathBuf,
    doubtful: BTreeMap<Hash, Vec<Range<u64>>>,
    ranges: Option<Ranges>,
    streams: AtomicU64,
    /// A permit for each byte that may still be kept.
    room: Arc<Semaphore>,
}

/// The file of the ranges. Slots that are done are written over in the order in which they were left, so that what a
/// cancelled range had handed to the store is on the disk before it is forgotten.
struct Ranges {
    file: File,
    free: Mutex<VecDeque<usize>>,
}

/// What a killed process left.
struct Left {
    /// Ranges that were being received, or had been.
    entries: Vec<Entry>,
    /// Streams that brought doubtful groups, with their files.
    streams: Vec<(Entry, File)>,
}

impl Left {
    /// Reads the folder; what cannot be read counts as nothing.
    fn read(folder: &Path) -> Left {
        let entries = fs::read(folder.join(RANGES)).unwrap_or_default();
        let entries = entries.chunks_exact(ENTRY_BYTES);
        let streams = stream_files(folder).into_iter().filter_map(|path| {
            let mut file = File::open(path).ok()?;
            let mut entry = [0; ENTRY_BYTES];
            file.read_exact(&mut entry).ok()?;
            Some((Entry::from_bytes(&entry)?, file))
        });
        Left {
            streams: streams.collect(),
            entries: entries.filter_map(Entry::from_bytes).collect(),
        }
    }
}

fn stream_files(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = found.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|name| name == STREAMS))
        .collect()
}

impl BlobStore {
    /// Stores what arrived before a kill and never reached the store, and finds what is doubtful; `known` are the blobs
    /// that the store knew when it was opened.
    pub(super) async fn begin_arriving(&self, folder: PathBuf, known: &BTreeSet<Hash>) {
        let left = Left::read(&folder);
        for (entry, file) in left.streams {
            let mut stream = AllowStdIo::new(BufReader::new(file));
            let (hash, length) = (BlobHash(*entry.hash.as_bytes()), entry.length);
            let (range, steps) = (entry.range, Steps::Large);
            let received = self.receive_range(&mut stream, hash, length, range, steps, |_| {});
            if let Err(error @ ReceiveError::Store(_)) = received.await.result {
                tracing::warn!(%error, "what arrived before the last stop is fetched again");
            }
        }
        // A blob that was not known was killed before its entry was durable, and lost whole, or was removed since.
        let (known, unknown): (Vec<Entry>, Vec<Entry>) = left
            .entries
            .into_iter()
            .partition(|entry| known.contains(&entry.hash));
        let mut doubtful = Vec::new();
        for entry in known {
            doubtful.extend(self.doubtful(entry).await);
        }
        doubtful.extend(unknown);
        let arriving = Arriving::begin(folder, doubtful);
        assert!(self.inner.arriving.set(arriving).is_ok(), "begun once");
    }

    /// What of a range was not stored, though it may have been verified.
    async fn doubtful(&self, entry: Entry) -> Vec<Entry> {
        let _awake = self.hold(entry.hash);
        let bits = self.bits(entry.hash).await;
        let Some(bits) = bits.filter(|bits| bits.size() == entry.length) else {
            return Vec::new();
        };
        let missing = chunk_ranges(&entry.range, entry.length) - bits.ranges;
        let mut left = DOUBTFUL_BYTES;
        let parts = byte_ranges(&missing, entry.length).into_iter();
        let first = parts.map_while(|part| {
            let range = part.start..part.end.min(part.start + left);
            left -= range.end - range.start;
            (!range.is_empty()).then(|| Entry {
                range,
                ..entry.clone()
            })
        });
        first.collect()
    }

    /// `None` while what a kill left is played back.
    pub(super) fn arriving(&self) -> Option<&Arriving> {
        self.inner.arriving.get()
    }
}

impl Arriving {
    /// Begins anew with what is doubtful; the streams that were left are deleted, so play them back before.
    fn begin(folder: PathBuf, mut doubtful: Vec<Entry>) -> Arriving {
        // Half of the slots stay for what arrives.
        doubtful.truncate(SLOTS / 2);
        let ranges = Ranges::begin(&folder, &doubtful)
            .inspect_err(|error| tracing::debug!(%error, "arriving ranges are not remembered"));
        let mut by_hash = BTreeMap::<Hash, Vec<Range<u64>>>::new();
        for entry in doubtful {
            by_hash.entry(entry.hash).or_default().push(entry.range);
        }
        Arriving {
            folder,
            doubtful: by_hash,
            ranges: ranges.ok(),
            streams: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(KEPT_BYTES)),
        }
    }

    /// Remembers a range until what is given is dropped, and longer when it can.
    pub(super) fn note(&self, entry: &Entry) -> Noted<'_> {
        let slot = self.ranges.as_ref().and_then(|ranges| {
            let slot = ranges.free().pop_front()?;
            ranges.write(slot, entry).ok();
            Some((ranges, slot))
        });
        Noted { slot }
    }

    /// The reader of a range, which keeps what it brings up to the last doubtful group.
    pub(super) fn keep<'a, R>(&self, entry: &Entry, reader: &'a mut R) -> Kept<'a, R> {
        let stream = self.last_doubtful(entry).and_then(|end| {
            let left = most_bytes(end - entry.range.start);
            let permits = u32::try_from(left).ok()?;
            let room = self.room.clone().try_acquire_many_owned(permits).ok()?;
            self.begin_stream(entry, left, room)
                .inspect_err(|error| tracing::debug!(%error, "an arriving stream is not kept"))
                .ok()
        });
        Kept { reader, stream }
    }

    /// Where the last doubtful part of the range ends.
    fn last_doubtful(&self, entry: &Entry) -> Option<u64> {
        let (range, doubtful) = (&entry.range, self.doubtful.get(&entry.hash)?);
        let inside = doubtful
            .iter()
            .filter(|doubtful| doubtful.start < range.end && range.start < doubtful.end);
        inside.map(|doubtful| doubtful.end.min(range.end)).max()
    }

    fn begin_stream(
        &self,
        entry: &Entry,
        left: u64,
        room: OwnedSemaphorePermit,
    ) -> io::Result<Stream> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{number}.{STREAMS}"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let mut stream = Stream {
            file,
            path,
            left,
            _room: room,
        };
        stream.file.write_all(&entry.to_bytes())?;
        Ok(stream)
    }
}

/// The most bytes of a stream until so many of its range have come: length, groups, and the hash pairs above them.
fn most_bytes(of_range: u64) -> u64 {
    let pairs = of_range.div_ceil(GROUP_BYTES) + MAX_DEPTH;
    8 + of_range + pairs * PAIR_BYTES as u64
}

impl Ranges {
    fn begin(folder: &Path, doubtful: &[Entry]) -> io::Result<Ranges> {
        fs::create_dir_all(folder)?;
        let doubtful_bytes: Vec<u8> = doubtful.iter().flat_map(Entry::to_bytes).collect();
        let fresh = folder.join("ranges.new");
        fs::write(&fresh, doubtful_bytes)?;
        let file = OpenOptions::new().write(true).open(&fresh)?;
        // In one step: a kill now finds what was doubtful before or what is.
        fs::rename(fresh, folder.join(RANGES))?;
        for path in stream_files(folder) {
            fs::remove_file(path)?;
        }
        Ok(Ranges {
            file,
            free: Mutex::new((doubtful.len()..SLOTS).collect()),
        })
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, slot: usize, entry: &Entry) -> io::Result<()> {
        let at = (slot * ENTRY_BYTES) as u64;
        self.file.write_all_at(&entry.to_bytes(), at)
    }
}

/// A range that is remembered.
pub(super) struct Noted<'a> {
    slot: Option<(&'a Ranges, usize)>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if let Some((ranges, slot)) = self.slot {
            ranges.free().push_back(slot);
        }
    }
}

/// A stream's file. It is deleted when the range has ended: by then the store has what verified.
struct Stream {
    file: File,
    path: PathBuf,
    /// Bytes that are still kept.
    left: u64,
    _room: OwnedSemaphorePermit,
}

impl Stream {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(most)];
        self.left -= bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "an arriving stream's file stays until the next start");
        }
    }
}

/// A reader whose bytes are on the way to a file before anybody has seen them.
pub(super) struct Kept<'a, R> {
    reader: &'a mut R,
    stream: Option<Stream>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Kept<'_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut *self.reader).poll_read(cx, buffer))?;
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.left > 0)
            && let Err(error) = stream.keep(&buffer[..read])
        {
            tracing::debug!(%error, "an arriving stream is not kept");
            self.stream = None;
        }
        Poll::Ready(Ok(read))
    }
}
