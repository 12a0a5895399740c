//! The provider's side: what is served to whom, how much at once, and how fast.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use iroh_blobs::protocol::{GetRequest, Request};
use pishtar_catalog::BlobHash;
use pishtar_mesh::{Ask, Give, NodeId, wire::BlobStatus};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    MAX_REQUEST_BYTES, Throttle,
    files::{FILES, parse},
};
use crate::{
    net::{
        deadline::Idle,
        serve::{SERVING_IDLE, Serve},
    },
    store::blobs::{
        BlobStore,
        encode::{Encoder, Patience},
        read::Encoded,
    },
};

/// Bytes gathered for one write: hash pairs and groups are too small to send one by one.
pub(super) const WRITE_BYTES: usize = 128 * 1024;

/// What the core counts as held may wait for the disk this long.
const WRITING: Duration = Duration::from_secs(2);

/// The last places, as a part of all, are for peers that have none, and not for those that were too slow lately; of the others
/// these get one.
const RESERVE: usize = 4;
/// How long one that was too slow counts as that.
const SLOWNESS: Duration = Duration::from_secs(60);
/// Slow peers remembered; more of them than there are places change nothing.
const MAX_SLOW: usize = 1_024;

/// How much a node provides at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderLimits {
    /// Ranges at once to one peer (default 8). Lower: a fast link is not filled. Higher: one peer
    /// takes the disk from the others.
    pub per_peer: usize,
    /// Ranges at once to all peers (default 64). Lower: a class waits for its turn. Higher: memory,
    /// some 700 KiB per range.
    pub total: usize,
    /// Upload rate in bytes per second; `None` is no limit.
    pub bytes_per_second: Option<u64>,
}

impl Default for ProviderLimits {
    fn default() -> ProviderLimits {
        ProviderLimits {
            per_peer: 8,
            total: 64,
            bytes_per_second: None,
        }
    }
}

/// Provides blobs to peers. Always true: never more than the limits' ranges are being served.
pub struct Provider {
    pub(super) serve: Arc<dyn Serve>,
    pub(super) store: BlobStore,
    limits: ProviderLimits,
    total: Arc<Semaphore>,
    per_peer: Mutex<BTreeMap<NodeId, Arc<Semaphore>>>,
    /// Peers that took what they asked for too slowly, and when.
    slow: Mutex<BTreeMap<NodeId, Instant>>,
    throttle: Throttle,
}

/// Why a range is not served.
enum Refusal {
    /// A status byte says it all.
    Plain(BlobStatus),
    /// Other bytes first.
    Rather(Option<Range<u64>>),
}

impl Refusal {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Refusal::Plain(status) => vec![status.to_byte()],
            Refusal::Rather(advice) => {
                let advice = advice.clone().unwrap_or(0..0);
                let mut bytes = vec![BlobStatus::Rather.to_byte()];
                bytes.extend(advice.start.to_le_bytes());
                bytes.extend(advice.end.to_le_bytes());
                bytes
            }
        }
    }
}

/// What a peer asks for.
enum Asked {
    Range(Ask, GetRequest),
    Files(Vec<BlobHash>),
    /// Anything that is not served.
    Other,
}

/// The right to serve one range.
pub(super) struct Turn {
    _of_peer: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Provider {
    /// Provides what `serve` allows out of `store`.
    pub fn new(serve: Arc<dyn Serve>, store: BlobStore, limits: ProviderLimits) -> Provider {
        Provider {
            serve,
            store,
            limits,
            total: Arc::new(Semaphore::new(limits.total)),
            per_peer: Mutex::default(),
            slow: Mutex::default(),
            throttle: Throttle::new(limits.bytes_per_second),
        }
    }

    #[cfg(test)]
    pub(super) fn store(&self) -> &BlobStore {
        &self.store
    }

    /// Serves one stream of a peer.
    ///
    /// # Errors
    /// When the stream or the store fails in the middle; the peer sees the stream end.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        peer: NodeId,
    ) -> io::Result<()> {
        let mut stream = Idle::new(stream, SERVING_IDLE).steady();
        match read_request(&mut stream).await? {
            Asked::Range(ask, request) => match self.decide(peer, ask, &request).await {
                Ok(_turn) => {
                    stream.write_all(&[BlobStatus::Ok.to_byte()]).await?;
                    let playback = ask == Ask::Playback;
                    let sent = self.send(&mut stream, peer, &request, playback).await;
                    sent.inspect_err(|error| self.note_slow(peer, error))?;
                }
                Err(refusal) => stream.write_all(&refusal.to_bytes()).await?,
            },
            Asked::Files(hashes) => {
                let sent = self.serve_files(&mut stream, peer, hashes).await;
                sent.inspect_err(|error| self.note_slow(peer, error))?;
            }
            Asked::Other => stream.write_all(&[BlobStatus::Denied.to_byte()]).await?,
        }
        stream.close().await
    }

    async fn decide(&self, peer: NodeId, ask: Ask, request: &GetRequest) -> Result<Turn, Refusal> {
        let hash = BlobHash(*request.hash.as_bytes());
        let chunks = root_ranges(request);
        let turn = self.turn(peer).ok_or(Refusal::Plain(BlobStatus::Busy))?;
        match self.serve.give(peer, hash, byte_range(&chunks), ask) {
            None => return Err(Refusal::Plain(BlobStatus::Denied)),
            Some(Give::Rather(advice)) => return Err(Refusal::Rather(advice)),
            Some(Give::Absent) => return Err(Refusal::Plain(BlobStatus::Absent)),
            Some(Give::This) => {}
        }
        match self.store.holds_chunks_within(WRITING, hash, &chunks).await {
            true => Ok(turn),
            false => Err(Refusal::Plain(BlobStatus::Absent)),
        }
    }

    /// A place for one range; `None` when the peer has its share, or when only the reserve is left and not for it. So neither
    /// one that asks for much nor many that take it slowly keep others out.
    pub(super) fn turn(&self, peer: NodeId) -> Option<Turn> {
        let scarce = self.total.available_permits() <= self.limits.total / RESERVE;
        let of_peer = {
            let mut per_peer = self.per_peer.lock().unwrap_or_else(PoisonError::into_inner);
            // A peer that is not being served needs no semaphore: all of its permits are free.
            per_peer.retain(|_, free| free.available_permits() < self.limits.per_peer);
            let free = per_peer.entry(peer);
            free.or_insert_with(|| Arc::new(Semaphore::new(self.limits.per_peer)))
                .clone()
        };
        let has_one = of_peer.available_permits() < self.limits.per_peer;
        let reserved = scarce && has_one;
        if reserved || ((scarce || has_one) && self.was_slow(peer)) {
            return None;
        }
        Some(Turn {
            _of_peer: of_peer.try_acquire_owned().ok()?,
            _of_all: self.total.clone().try_acquire_owned().ok()?,
        })
    }

    fn note_slow(&self, peer: NodeId, error: &io::Error) {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.retain(|_, at| at.elapsed() < SLOWNESS);
        if error.kind() == io::ErrorKind::TimedOut && slow.len() < MAX_SLOW {
            slow.insert(peer, Instant::now());
        }
    }

    fn was_slow(&self, peer: NodeId) -> bool {
        let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.get(&peer).is_some_and(|at| at.elapsed() < SLOWNESS)
    }

    async fn send<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        peer: NodeId,
        request: &GetRequest,
        playback: bool,
    ) -> io::Result<()> {
        let hash = BlobHash(*request.hash.as_bytes());
        let chunks = root_ranges(request);
        if let Some(encoder) = self.store.encoder(hash, chunks.clone()).await {
            return self.send_encoded(stream, peer, encoder, playback).await;
        }
        let mut parts = std::pin::pin!(self.store.encoded(hash, chunks));
        let mut buffer = Vec::with_capacity(WRITE_BYTES + 16 * 1024);
        while let Some(part) = parts.next().await {
            match part? {
                Encoded::Size(size) => buffer.extend_from_slice(&size.to_le_bytes()),
                Encoded::Pair(pair) => buffer.extend_from_slice(&pair),
                Encoded::Group { data, .. } => buffer.extend_from_slice(&data),
                Encoded::End => break,
            }
            if buffer.len() >= WRITE_BYTES {
                self.write(stream, peer, playback, &buffer).await?;
                buffer.clear();
            }
        }
        self.write(stream, peer, playback, &buffer).await
    }

    async fn send_encoded<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        peer: NodeId,
        mut encoder: Encoder,
        playback: bool,
    ) -> io::Result<()> {
        stream.write_all(&encoder.length().to_le_bytes()).await?;
        let mut buffer = vec![0; WRITE_BYTES];
        loop {
            // What lies in memory costs no change of threads.
            let mut filled = encoder.fill(&mut buffer, Patience::None);
            if matches!(&filled, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                let waiting = tokio::task::spawn_blocking(move || {
                    let filled = encoder.fill(&mut buffer, Patience::Wait);
                    (encoder, buffer, filled)
                });
                (encoder, buffer, filled) = waiting.await.map_err(io::Error::other)?;
            }
            match filled {
                Ok(0) => return Ok(()),
                Ok(filled) => {
                    self.write(stream, peer, playback, &buffer[..filled])
                        .await?
                }
                Err(error) => {
                    encoder.failed().await;
                    return Err(error);
                }
            }
        }
    }

    pub(super) async fn write<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        peer: NodeId,
        playback: bool,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.throttle.take(peer, playback, bytes.len()).await;
        stream.write_all(bytes).await?;
        self.serve.served(peer, bytes.len() as u64);
        Ok(())
    }
}

/// Reads a request. What is too large, malformed, or anything but a get of one raw blob or of files is not served.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Asked> {
    let mut length = [0; 4];
    if let Err(error) = stream.read_exact(&mut length).await {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(Asked::Other),
            _ => Err(error),
        };
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_REQUEST_BYTES {
        return Ok(Asked::Other);
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    let asked = bytes.split_first();
    let Some((first, rest)) = asked else {
        return Ok(Asked::Other);
    };
    if *first == FILES {
        return Ok(parse(rest).map_or(Asked::Other, Asked::Files));
    }
    Ok(match postcard::from_bytes(rest) {
        Ok(Request::Get(request)) if request.ranges.is_blob() => {
            Asked::Range(Ask::from_byte(*first), request)
        }
        _ => Asked::Other,
    })
}

/// The bytes from the first to the last chunk that is asked for.
fn byte_range(chunks: &bao_tree::ChunkRanges) -> Range<u64> {
    let bounds = chunks.boundaries();
    let start = bounds.first().map_or(0, |chunk| chunk.to_bytes());
    // Without an end it is all of the rest.
    let open = bounds.len() % 2 == 1;
    let end = bounds
        .last()
        .filter(|_| !open)
        .map_or(u64::MAX, |chunk| chunk.to_bytes());
    start..end
}

fn root_ranges(request: &GetRequest) -> bao_tree::ChunkRanges {
    let mut ranges = request.ranges.iter_infinite();
    ranges.next().cloned().unwrap_or_default()
}
