//! `/pishtar/blobs/1`: one status byte, then the iroh-blobs protocol. One range per stream, or many small files
//! (`files`).
//!
//! The asker sends the length of its request (u32, little endian), one byte, how it asks ([`Ask`]), and a `Get` request
//! (postcard, as iroh-blobs does). It keeps its half open until it has what it wants: a stream that it gives up before is
//! reset then, and the provider stops at once. After a closed half yamux would say nothing, and the provider fill the
//! window and hold a place for ten seconds. The provider answers with a [`BlobStatus`] byte; when that is `Ok`, 8 bytes of length and the bao stream of
//! the range follow, when it is `Rather`, the range that the provider would rather give. Nothing else of iroh-blobs is served: no hash sequences, no push, no observe.

mod files;
mod provide;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_places;
mod throttle;
mod turns;

use std::{io, ops::Range, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use iroh_blobs::{
    Hash,
    protocol::{GetRequest, Request},
};
use pishtar_catalog::BlobHash;
use pishtar_mesh::{Ask, FetchFailure, wire::BlobStatus};

use super::deadline::Idle;
use crate::store::blobs::{BlobStore, ReceiveError, Received, Steps, chunk_ranges};

pub use self::{
    files::{BatchStop, Ended, all_failed, fetch_files},
    provide::{Provider, ProviderLimits},
    throttle::Throttle,
};

/// The largest request in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// How long a provider may be silent.
const FETCHING_IDLE: Duration = Duration::from_secs(10);

/// How a fetch ended.
#[derive(Debug)]
pub struct Fetched {
    /// Whether all of the range arrived, or whose fault it is that it did not.
    pub result: Result<(), FetchFailure>,
    /// What of the range is held now, in bytes; also after a failure.
    pub held: Vec<Range<u64>>,
    /// Whether the whole blob is held now.
    pub complete: bool,
}

/// Fetches `range` (bytes, aligned to 16 KiB except at the end) of a blob of signed `length` over a
/// fresh stream into the store; `ask` is whether another range would do. `progress` gets the verified bytes so far, every 256 KiB,
/// or every 64 KiB when somebody watches.
///
/// Dropping the future stops the transfer; what was verified by then stays.
pub async fn fetch<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    store: &BlobStore,
    hash: BlobHash,
    length: u64,
    range: Range<u64>,
    ask: Ask,
    progress: impl FnMut(u64) + Send,
) -> Fetched {
    let mut stream = Idle::new(stream, FETCHING_IDLE);
    if let Err(failure) = request(&mut stream, hash, length, &range, ask).await {
        return Fetched {
            result: Err(failure),
            held: Vec::new(),
            complete: false,
        };
    }
    let steps = match ask {
        Ask::Playback => Steps::Small,
        _ => Steps::Large,
    };
    let Received {
        result,
        held,
        complete,
    } = store
        .receive_range(&mut stream, hash, length, range, steps, progress)
        .await;
    if result.is_ok() {
        // The provider has sent all it had to; whether it hears so is no matter.
        let _ = stream.close().await;
    }
    Fetched {
        result: result.map_err(receive_failure),
        held,
        complete,
    }
}

/// Sends the request and reads the status.
async fn request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    hash: BlobHash,
    length: u64,
    range: &Range<u64>,
    ask: Ask,
) -> Result<(), FetchFailure> {
    let chunks = chunk_ranges(range, length);
    let request = Request::Get(GetRequest::blob_ranges(Hash::from_bytes(hash.0), chunks));
    let bytes =
        postcard::to_extend(&request, vec![ask.to_byte()]).expect("a request is plain data");
    send_request(stream, &bytes).await?;
    let mut status = [0];
    stream
        .read_exact(&mut status)
        .await
        .map_err(|e| match e.kind() {
            // A provider with too many streams drops further ones without a word.
            io::ErrorKind::UnexpectedEof => FetchFailure::Busy,
            _ => stream_failure(e),
        })?;
    match BlobStatus::from_byte(status[0]) {
        Some(BlobStatus::Ok) => Ok(()),
        Some(BlobStatus::Busy) => Err(FetchFailure::Busy),
        Some(BlobStatus::Denied) => Err(FetchFailure::Denied),
        Some(BlobStatus::Absent) => Err(FetchFailure::Absent),
        Some(BlobStatus::Rather) => Err(FetchFailure::Rather(read_advice(stream).await?)),
        None => Err(FetchFailure::WrongBytes),
    }
}

/// Sends a request with its length, and leaves the half open.
async fn send_request<S: AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
) -> Result<(), FetchFailure> {
    stream
        .write_all(&framed(request))
        .await
        .map_err(stream_failure)?;
    stream.flush().await.map_err(stream_failure)
}

/// A request as it goes over the wire.
fn framed(request: &[u8]) -> Vec<u8> {
    let length = u32::try_from(request.len()).expect("requests are short");
    [&length.to_le_bytes(), request].concat()
}

/// The range that the provider would rather give; what it says is checked by the planner.
async fn read_advice<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<Option<Range<u64>>, FetchFailure> {
    let mut start = [0; 8];
    let mut end = [0; 8];
    stream
        .read_exact(&mut start)
        .await
        .map_err(stream_failure)?;
    stream.read_exact(&mut end).await.map_err(stream_failure)?;
    let advice = u64::from_le_bytes(start)..u64::from_le_bytes(end);
    Ok((!advice.is_empty()).then_some(advice))
}

fn receive_failure(error: ReceiveError) -> FetchFailure {
    match error {
        ReceiveError::WrongBytes => FetchFailure::WrongBytes,
        ReceiveError::Ended => FetchFailure::Absent,
        ReceiveError::Stream(error) => stream_failure(error),
        ReceiveError::Store(reason) => FetchFailure::LocalDisk(reason),
    }
}

fn stream_failure(error: io::Error) -> FetchFailure {
    match error.kind() {
        io::ErrorKind::TimedOut => FetchFailure::Stalled,
        _ => FetchFailure::Disconnected,
    }
}
