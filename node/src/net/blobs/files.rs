//! Many small files over one stream of `/pishtar/blobs/1`.
//!
//! The asker sends the length of its request (u32, little endian), the byte [`FILES`] and 32 bytes of hash for each file.
//! The provider answers
//! with a status byte for the request and, when that is `Ok`, for each file in turn with a status byte and, when that
//! is `Ok`, with the bytes of the file. Its length is the signed one, and its hash is checked when all of it is here.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt, stream};
use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    Ask, FetchFailure, MAX_BATCH_FILES, NodeId, RequestId, SMALL_FILE_BYTES, WantedFile,
    wire::BlobStatus,
};
use tokio_util::sync::CancellationToken;

use super::{FETCHING_IDLE, Provider, provide::WRITE_BYTES, send_request, stream_failure};
use crate::{net::deadline::Idle, store::blobs::BlobStore};

/// First byte of a request for files; those of requests for a range are smaller.
pub(super) const FILES: u8 = 3;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Files that arrived are stored and told of when they have so many bytes together. Fewer cost more hand-overs, more
/// are lost in a crash.
const STORED_TOGETHER_BYTES: usize = 512 * 1024;
/// Files that the provider reads ahead of what it sends.
const READ_AHEAD: usize = 8;

/// How files of a batch ended.
pub type Ended = Vec<(RequestId, Result<(), FetchFailure>)>;

/// Stops a batch once none of its files is wanted any more.
#[derive(Debug)]
pub struct BatchStop {
    token: CancellationToken,
    wanted: AtomicUsize,
}

impl BatchStop {
    /// Of a batch of so many files; `token` stops it.
    pub fn new(token: CancellationToken, files: usize) -> Arc<BatchStop> {
        Arc::new(BatchStop {
            token,
            wanted: AtomicUsize::new(files),
        })
    }

    /// One file has ended or is not wanted any more; to be called once for each.
    pub fn release_one(&self) {
        if self.wanted.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.token.cancel();
        }
    }

    /// Stops all of it.
    pub fn stop(&self) {
        self.token.cancel();
    }
}

/// Fetches small files whole over a fresh stream into the store; `ended` is told how each of them ended, some at a time.
pub async fn fetch_files<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    store: &BlobStore,
    files: Vec<WantedFile>,
    mut ended: impl FnMut(Ended) + Send,
) {
    let mut stream = Idle::new(stream, FETCHING_IDLE);
    let mut files = VecDeque::from(files);
    let mut received = request(&mut stream, &files).await;
    while received.is_ok() && !files.is_empty() {
        let (result, some) = receive_some(&mut stream, store, &mut files).await;
        received = result;
        ended(some);
    }
    store.settle_files();
    match received {
        // The provider has sent all it had to; whether it hears so is no matter.
        Ok(()) => drop(stream.close().await),
        Err(failure) => ended(all_failed(files, failure)),
    }
}

/// The first of these files failed, and the others came to nothing with it.
pub fn all_failed(files: impl IntoIterator<Item = WantedFile>, failure: FetchFailure) -> Ended {
    let failures = std::iter::once(failure).chain(std::iter::repeat(FetchFailure::Cancelled));
    let files = files.into_iter().zip(failures);
    files
        .map(|(file, failure)| (file.request, Err(failure)))
        .collect()
}

async fn request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    files: &VecDeque<WantedFile>,
) -> Result<(), FetchFailure> {
    let mut bytes = vec![FILES];
    bytes.extend(files.iter().flat_map(|file| file.hash.0));
    send_request(stream, &bytes).await?;
    match read_status(stream).await? {
        BlobStatus::Ok => Ok(()),
        BlobStatus::Absent => Err(FetchFailure::Absent),
        BlobStatus::Denied => Err(FetchFailure::Denied),
        BlobStatus::Busy | BlobStatus::Rather => Err(FetchFailure::Busy),
    }
}

async fn read_status<S: AsyncRead + Unpin>(stream: &mut S) -> Result<BlobStatus, FetchFailure> {
    let mut status = [0];
    let read = stream.read_exact(&mut status).await;
    read.map_err(|error| match error.kind() {
        // A provider with too many streams drops further ones without a word.
        io::ErrorKind::UnexpectedEof => FetchFailure::Busy,
        _ => stream_failure(error),
    })?;
    BlobStatus::from_byte(status[0]).ok_or(FetchFailure::WrongBytes)
}

/// Receives, checks and stores the next files, and says how those ended.
async fn receive_some<S: AsyncRead + Unpin>(
    stream: &mut S,
    store: &BlobStore,
    files: &mut VecDeque<WantedFile>,
) -> (Result<(), FetchFailure>, Ended) {
    let (mut arrived, mut ended, mut bytes) = (Vec::new(), Ended::new(), 0);
    let mut result = Ok(());
    while let Some(file) = files.front()
        && bytes < STORED_TOGETHER_BYTES
    {
        match receive_one(stream, file).await {
            Ok(Ok(file_bytes)) => {
                bytes += file_bytes.len();
                arrived.push((file.hash, file_bytes));
                ended.push((file.request, Ok(())));
            }
            Ok(Err(refused)) => ended.push((file.request, Err(refused))),
            Err(failure) => {
                result = Err(failure);
                break;
            }
        }
        files.pop_front();
    }
    if let Err(error) = store.add_files(arrived).await {
        let reason = error.to_string();
        for (_, result) in ended.iter_mut().filter(|(_, result)| result.is_ok()) {
            *result = Err(FetchFailure::LocalDisk(reason.clone()));
        }
    }
    (result, ended)
}

/// One file, or why the provider does not give it; the outer error ends the batch.
async fn receive_one<S: AsyncRead + Unpin>(
    stream: &mut S,
    file: &WantedFile,
) -> Result<Result<Bytes, FetchFailure>, FetchFailure> {
    match read_status(stream).await? {
        BlobStatus::Ok => {}
        BlobStatus::Denied => return Ok(Err(FetchFailure::Denied)),
        _ => return Ok(Err(FetchFailure::Absent)),
    }
    let length = usize::try_from(file.length.min(SMALL_FILE_BYTES)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let read = stream.read_exact(&mut bytes).await;
    read.map_err(stream_failure)?;
    match BlobHash::of(&bytes) == file.hash {
        true => Ok(Ok(bytes.into())),
        false => Err(FetchFailure::WrongBytes),
    }
}

/// The hashes of a request for files, after its first byte; `None` when it is malformed.
pub(super) fn parse(rest: &[u8]) -> Option<Vec<BlobHash>> {
    let (hashes, left) = rest.as_chunks::<HASH_BYTES>();
    let bounded = (1..=MAX_BATCH_FILES).contains(&hashes.len()) && left.is_empty();
    bounded.then(|| hashes.iter().copied().map(BlobHash).collect())
}

impl Provider {
    /// Serves a request for files.
    pub(super) async fn serve_files<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        peer: NodeId,
        hashes: Vec<BlobHash>,
    ) -> io::Result<()> {
        let Some(_turn) = self.turn(peer) else {
            return stream.write_all(&[BlobStatus::Busy.to_byte()]).await;
        };
        let mut buffer = vec![BlobStatus::Ok.to_byte()];
        let reading = stream::iter(hashes).map(|hash| self.read_for(peer, hash));
        let mut read = std::pin::pin!(reading.buffered(READ_AHEAD));
        while let Some(file) = read.next().await {
            match file {
                Ok(bytes) => {
                    buffer.push(BlobStatus::Ok.to_byte());
                    buffer.extend_from_slice(&bytes);
                }
                Err(status) => buffer.push(status.to_byte()),
            }
            if buffer.len() >= WRITE_BYTES {
                self.write(stream, peer, false, &buffer).await?;
                buffer.clear();
            }
        }
        self.write(stream, peer, false, &buffer).await
    }

    async fn read_for(&self, peer: NodeId, hash: BlobHash) -> Result<Vec<u8>, BlobStatus> {
        let given = self.serve.give(peer, hash, 0..u64::MAX, Ask::Any);
        given.ok_or(BlobStatus::Denied)?;
        let read = self.store.read_file(hash, SMALL_FILE_BYTES).await;
        read.ok_or(BlobStatus::Absent)
    }
}
