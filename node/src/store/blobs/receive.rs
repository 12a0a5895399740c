//! Receiving a range of a blob: every group is verified before it reaches the store.

use std::{
    collections::VecDeque,
    io,
    num::NonZeroU64,
    ops::Range,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bao_tree::io::{BaoContentItem, Leaf};
use bytes::{Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt};
use iroh_blobs::{Hash, api::blobs::ImportBaoHandle};
use thiserror::Error;

use super::{
    BlobStore,
    arriving::Entry,
    verify::{Expected, PAIR_BYTES, Verifier, WrongBytes},
};

/// Neighbouring groups are handed to the store in pieces of this size: the store makes three system
/// calls per piece beside one pair of small ones per hash pair, and in 16 KiB pieces they would cost
/// as much as the copying. What is not handed over yet is lost in a crash (see `arriving`).
const PIECE_BYTES: usize = 256 * 1024;

/// The same while somebody watches, who gets to see nothing that the store does not have.
const SMALL_PIECE_BYTES: usize = 32 * 1024;

/// How often progress is told, in verified bytes.
const PROGRESS_BYTES: u64 = 256 * 1024;
/// The same while somebody watches: what it needs next is asked for before this range has ended.
const SMALL_PROGRESS_BYTES: u64 = 64 * 1024;

/// On slow lines it is told this often, so that what comes slowly does not look like nothing.
const PROGRESS_TIME: Duration = Duration::from_secs(1);

/// Pieces and hash pairs that may wait for the disk, per range.
const QUEUE: usize = 32;
/// Pieces kept for the next range.
const SPARE_PIECES: usize = 16;

/// Log target of each chunk group that arrived or was played back; a test counts how often each did.
const VERIFIED: &str = "pishtar::verified";

/// In which steps an arriving range is stored and told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Few system calls.
    Large,
    /// Every byte soon: somebody watches.
    Small,
}

/// Why a range did not arrive in full. What arrived before is stored.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The sender's bytes are not those of the blob: its fault.
    #[error("the bytes do not belong to the file")]
    WrongBytes,
    /// The sender ended the stream early: it does not have the bytes.
    #[error("the sender does not have all of the range")]
    Ended,
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Stream(io::Error),
    /// This machine's store failed; nobody else's fault.
    #[error("this machine's store refused the bytes: {0}")]
    Store(String),
}

impl From<WrongBytes> for ReceiveError {
    fn from(_: WrongBytes) -> ReceiveError {
        ReceiveError::WrongBytes
    }
}

impl BlobStore {
    /// Reads `range` (group-aligned bytes) of a blob of signed `length` from a stream in the form of
    /// the iroh-blobs protocol (8 bytes length, then bao) and stores what verifies.
    ///
    /// `progress` gets the verified bytes so far, every [`PROGRESS_BYTES`] or, in small steps, [`SMALL_PROGRESS_BYTES`].
    pub(super) async fn receive<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        hash: Hash,
        length: u64,
        range: &Range<u64>,
        steps: Steps,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ReceiveError> {
        let entry = Entry {
            hash,
            length,
            range: range.clone(),
        };
        let Some(arriving) = self.arriving() else {
            // What is played back did not arrive again.
            let mut teller = Teller::new(steps, progress, false);
            return self.receive_entry(reader, &entry, steps, &mut teller).await;
        };
        let mut teller = Teller::new(steps, progress, true);
        let _noted = arriving.note(&entry);
        let mut kept = arriving.keep(&entry, reader);
        self.receive_entry(&mut kept, &entry, steps, &mut teller)
            .await
    }

    async fn receive_entry<R: AsyncRead + Unpin>(
        &self,
        reader: &mut R,
        entry: &Entry,
        steps: Steps,
        teller: &mut Teller<'_>,
    ) -> Result<(), ReceiveError> {
        let size = read_length(reader, entry.length).await?;
        let import = self.fs().import_bao(entry.hash, size, QUEUE).await;
        let mut verifier = Verifier::new(*entry.hash.as_bytes(), entry.length, &entry.range);
        let mut sink = Sink::new(import.map_err(store_error)?, steps, self.pieces());
        let received = receive_parts(reader, &mut verifier, &mut sink, teller).await;
        // What verified before an error is stored all the same.
        let stored = sink.finish().await;
        // A failing disk matters more than the sender's faults: what was counted may not be stored.
        stored.and(received)
    }
}

/// Reads the sender's word about the length, which must be the signed one.
pub(super) async fn read_length<R: AsyncRead + Unpin>(
    reader: &mut R,
    length: u64,
) -> Result<NonZeroU64, ReceiveError> {
    let mut claimed = [0; 8];
    read_exact(reader, &mut claimed).await?;
    match NonZeroU64::new(length) {
        Some(size) if u64::from_le_bytes(claimed) == length => Ok(size),
        _ => Err(ReceiveError::WrongBytes),
    }
}

/// When to say how much has arrived.
struct Teller<'a> {
    progress: &'a mut (dyn FnMut(u64) + Send),
    step: u64,
    verified: u64,
    told: u64,
    told_at: Instant,
    arrives: bool,
}

impl<'a> Teller<'a> {
    fn new(steps: Steps, progress: &'a mut (dyn FnMut(u64) + Send), arrives: bool) -> Teller<'a> {
        let step = match steps {
            Steps::Large => PROGRESS_BYTES,
            Steps::Small => SMALL_PROGRESS_BYTES,
        };
        Teller {
            progress,
            step,
            verified: 0,
            told: 0,
            told_at: Instant::now(),
            arrives,
        }
    }

    fn is_due(&self) -> bool {
        let news = self.verified - self.told;
        news >= self.step || self.told_at.elapsed() >= PROGRESS_TIME
    }

    fn tell(&mut self) {
        (self.told, self.told_at) = (self.verified, Instant::now());
        (self.progress)(self.verified);
    }
}

/// Receives a range to its end.
async fn receive_parts<R: AsyncRead + Unpin>(
    reader: &mut R,
    verifier: &mut Verifier,
    sink: &mut Sink<'_>,
    teller: &mut Teller<'_>,
) -> Result<(), ReceiveError> {
    while let Some(part) = verifier.next() {
        match part {
            Expected::Pair(chunk) => {
                let mut pair = [0; PAIR_BYTES];
                read_exact(reader, &mut pair).await?;
                let parent = verifier.pair(&chunk, &pair)?;
                sink.pairs.push(BaoContentItem::Parent(parent));
            }
            Expected::Group {
                offset,
                length,
                chunk,
            } => {
                let space = sink.space(offset, length).await?;
                read_exact(reader, space).await?;
                verifier.group(&chunk, space)?;
                match teller.arrives {
                    true => tracing::trace!(target: VERIFIED, offset),
                    false => tracing::trace!(target: VERIFIED, offset, "played back"),
                }
                sink.keep(length);
                teller.verified += length as u64;
                if teller.is_due() {
                    // Others ask for what they hear of: it has to be on its way to the disk.
                    sink.flush().await?;
                    teller.tell();
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn read_exact<R: AsyncRead + Unpin>(
    reader: &mut R,
    bytes: &mut [u8],
) -> Result<(), ReceiveError> {
    reader.read_exact(bytes).await.map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => ReceiveError::Ended,
        _ => ReceiveError::Stream(e),
    })
}

/// Memory of pieces that the store may be done with: clearing fresh memory costs as much as hashing it.
#[derive(Debug, Default)]
pub(super) struct Pieces(Mutex<VecDeque<Bytes>>);

impl Pieces {
    /// A whole piece. What is in it is left over: every byte is overwritten before it counts.
    fn take(&self) -> BytesMut {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..spare.len() {
            match spare.pop_front().map(Bytes::try_into_mut) {
                Some(Ok(piece)) => return piece,
                Some(Err(in_use)) => spare.push_back(in_use),
                None => break,
            }
        }
        drop(spare);
        BytesMut::zeroed(PIECE_BYTES)
    }

    /// A whole piece that goes to the store; its memory is taken again once that has let go of it.
    fn lend(&self, piece: &Bytes) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_PIECES {
            spare.push_back(piece.clone());
        }
    }
}

/// Gathers verified parts into pieces for the store.
///
/// Always true: the first `filled` bytes of `piece` are neighbouring verified groups from `start` on,
/// and `pairs` holds the verified hash pairs above them that the store does not have yet.
struct Sink<'a> {
    import: ImportBaoHandle,
    steps: Steps,
    pairs: Vec<BaoContentItem>,
    piece: BytesMut,
    filled: usize,
    start: u64,
    pieces: &'a Pieces,
}

impl<'a> Sink<'a> {
    fn new(import: ImportBaoHandle, steps: Steps, pieces: &'a Pieces) -> Sink<'a> {
        Sink {
            import,
            steps,
            pairs: Vec::new(),
            piece: BytesMut::new(),
            filled: 0,
            start: 0,
            pieces,
        }
    }

    fn piece_bytes(&self) -> usize {
        match self.steps {
            Steps::Large => PIECE_BYTES,
            Steps::Small => SMALL_PIECE_BYTES,
        }
    }

    /// Room for the group at `offset`. It counts when [`keep`](Sink::keep) says that it is verified.
    async fn space(&mut self, offset: u64, length: usize) -> Result<&mut [u8], ReceiveError> {
        let follows = self.start + self.filled as u64 == offset;
        if !follows || self.filled + length > self.piece_bytes() {
            self.flush().await?;
            self.start = offset;
        }
        if self.piece.is_empty() {
            self.piece = self.fresh_piece();
        }
        Ok(&mut self.piece[self.filled..self.filled + length])
    }

    fn keep(&mut self, length: usize) {
        self.filled += length;
    }

    fn fresh_piece(&mut self) -> BytesMut {
        match self.steps {
            Steps::Large => self.pieces.take(),
            Steps::Small => BytesMut::zeroed(self.piece_bytes()),
        }
    }

    /// The store takes the pairs first: it writes whenever a pair follows a group.
    async fn flush(&mut self) -> Result<(), ReceiveError> {
        if self.filled == 0 {
            return Ok(());
        }
        for pair in self.pairs.drain(..) {
            self.import.tx.send(pair).await.map_err(store_error)?;
        }
        let mut data = std::mem::take(&mut self.piece).freeze();
        if self.steps == Steps::Large {
            self.pieces.lend(&data);
        }
        data.truncate(self.filled);
        let offset = self.start;
        self.start += self.filled as u64;
        self.filled = 0;
        let leaf = BaoContentItem::Leaf(Leaf { offset, data });
        self.import.tx.send(leaf).await.map_err(store_error)
    }

    async fn finish(mut self) -> Result<(), ReceiveError> {
        let flushed = self.flush().await;
        drop(self.import.tx);
        // The store's own error says more than that it stopped listening.
        let stored = self.import.rx.await.map_err(store_error)?;
        stored.map_err(store_error)?;
        flushed
    }
}

fn store_error(error: impl std::fmt::Display) -> ReceiveError {
    // The other form of iroh-blobs' errors names the cause.
    ReceiveError::Store(format!("{error:#}"))
}
