//! `/pishtar/meta/1`: TUF files by publisher and name, packed as small as both sides can. One question and one answer
//! per stream. The bytes as signed come out; whether to trust them is for the mesh to decide.

mod packer;
mod packing;

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use pishtar_mesh::{
    MetaAnswer, MetaFailure, NodeId, PublisherId,
    wire::{MAX_HELD_VERSIONS, MetaReply, MetaRequest},
};

pub use self::packer::Packer;
use self::packing::UnpackError;
use super::{
    deadline::Idle,
    frame::{self, FrameError},
    serve::{SERVING_IDLE, Serve},
    streams::OpenError,
};

/// How long a peer may be silent.
const ASKING_IDLE: Duration = Duration::from_secs(10);
/// The largest file that is served.
const MAX_SERVED_BYTES: usize = 64 * 1024 * 1024;

/// Versions of one role with their bytes, the most useful first.
pub type Bases = Vec<(u64, Vec<u8>)>;

/// One file to ask for.
#[derive(Debug, Clone)]
pub struct FileAsk {
    /// The publisher.
    pub publisher: PublisherId,
    /// Name of the file as in the `metadata` folder.
    pub file_name: String,
    /// What this node has of the same role; at most [`MAX_HELD_VERSIONS`] are named to the peer.
    pub bases: Bases,
    /// Largest acceptable file in bytes.
    pub max_bytes: u64,
}

/// Why an asker has no answer.
#[derive(Debug, PartialEq, Eq)]
enum AskError {
    /// The peer packed against other bytes than are held here under that version: nobody's fault.
    OtherBase,
    /// Everything else.
    Failed(MetaFailure),
}

impl From<MetaFailure> for AskError {
    fn from(failure: MetaFailure) -> AskError {
        AskError::Failed(failure)
    }
}

/// Asks a peer which publishers it has, over a stream of its own.
///
/// # Errors
/// Says whose fault it is, see [`MetaFailure`].
pub async fn ask_versions<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
) -> Result<MetaAnswer, MetaFailure> {
    let mut stream = Idle::new(stream, ASKING_IDLE).steady();
    match exchange(&mut stream, &MetaRequest::Versions).await? {
        MetaReply::Busy => Err(MetaFailure::Busy),
        MetaReply::Versions(versions) => Ok(MetaAnswer::Versions(versions)),
        MetaReply::Absent | MetaReply::File { .. } => {
            Err(protocol("an answer to another question"))
        }
    }
}

/// Asks a peer for a file over streams that `open` opens. Where the peer packed it against other bytes than are held
/// here under the same version, it is asked once more, without naming any: that is no fault of the peer.
///
/// # Errors
/// Says whose fault it is, see [`MetaFailure`].
pub async fn ask_file<S, F>(
    open: impl Fn() -> F,
    mut ask: FileAsk,
) -> Result<MetaAnswer, MetaFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<S, OpenError>>,
{
    ask.bases.truncate(MAX_HELD_VERSIONS);
    loop {
        tracing::debug!(file = ask.file_name, "asks for metadata");
        let stream = open().await.map_err(|_| MetaFailure::Disconnected)?;
        match ask_once(stream, &ask).await {
            Ok(answer) => return Ok(answer),
            Err(AskError::Failed(failure)) => return Err(failure),
            Err(AskError::OtherBase) => {
                tracing::debug!(
                    file = ask.file_name,
                    "a peer holds other bytes under a version that is held here"
                );
                // Without bases there is no such error: this is the last turn.
                ask.bases.clear();
            }
        }
    }
}

async fn ask_once<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    ask: &FileAsk,
) -> Result<MetaAnswer, AskError> {
    let mut stream = Idle::new(stream, ASKING_IDLE).steady();
    let request = MetaRequest::File {
        publisher: ask.publisher.clone(),
        file_name: ask.file_name.clone(),
        held_versions: ask.bases.iter().map(|(version, _)| *version).collect(),
        max_bytes: ask.max_bytes,
    };
    let (packing, packed_bytes, bytes) = match exchange(&mut stream, &request).await? {
        MetaReply::Busy => return Err(MetaFailure::Busy.into()),
        MetaReply::Absent => return Ok(MetaAnswer::Absent),
        MetaReply::Versions(_) => return Err(protocol("an answer to another question").into()),
        MetaReply::File {
            packing,
            packed_bytes,
            bytes,
        } => (packing, packed_bytes, bytes),
    };
    if bytes > ask.max_bytes || packed_bytes > ask.max_bytes {
        return Err(protocol("a file larger than asked for").into());
    }
    let packed = read_packed(&mut stream, packed_bytes).await?;
    let bytes = usize::try_from(bytes).map_err(|_| protocol("a huge file"))?;
    match packing::unpack(packed, packing, bytes, &ask.bases) {
        Ok(file) => Ok(MetaAnswer::Bytes(file)),
        Err(UnpackError::OtherBase) => Err(AskError::OtherBase),
        Err(error) => Err(protocol(&error.to_string()).into()),
    }
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &MetaRequest,
) -> Result<MetaReply, MetaFailure> {
    frame::send(stream, request).await.map_err(failure)?;
    stream.flush().await.map_err(stream_failure)?;
    frame::receive(stream).await.map_err(failure)
}

/// Reads in steps, so that a claim alone allocates little.
async fn read_packed(
    stream: &mut (impl AsyncRead + Unpin),
    packed_bytes: u64,
) -> Result<Vec<u8>, MetaFailure> {
    let mut packed = Vec::new();
    let read = stream.take(packed_bytes).read_to_end(&mut packed).await;
    read.map_err(stream_failure)?;
    match packed.len() as u64 == packed_bytes {
        true => Ok(packed),
        false => Err(MetaFailure::Disconnected),
    }
}

/// Answers a peer's question.
///
/// # Errors
/// When the stream fails or the peer breaks the protocol.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: NodeId,
    serve: &dyn Serve,
    packer: &Packer,
) -> Result<(), FrameError> {
    let mut stream = Idle::new(stream, SERVING_IDLE).steady();
    match frame::receive(&mut stream).await? {
        MetaRequest::Versions => {
            let versions = serve.versions(peer).await;
            frame::send(&mut stream, &MetaReply::Versions(versions)).await?;
        }
        MetaRequest::File {
            publisher,
            file_name,
            held_versions,
            max_bytes,
        } => {
            let found = serve
                .meta_file(peer, &publisher, &file_name, held_versions)
                .await;
            match found {
                Some(found)
                    if found.bytes.len() as u64 <= max_bytes
                        && found.bytes.len() <= MAX_SERVED_BYTES =>
                {
                    let packed = packer.pack(found.bytes, found.base).await?;
                    let reply = MetaReply::File {
                        packing: packed.packing,
                        packed_bytes: packed.packed.len() as u64,
                        bytes: packed.bytes,
                    };
                    frame::send(&mut stream, &reply).await?;
                    stream.write_all(&packed.packed).await?;
                }
                _ => frame::send(&mut stream, &MetaReply::Absent).await?,
            }
        }
    }
    Ok(stream.close().await?)
}

fn failure(error: FrameError) -> MetaFailure {
    match error {
        FrameError::Stream(error) => stream_failure(error),
        FrameError::Message(error) => MetaFailure::Protocol(error.to_string()),
    }
}

fn stream_failure(error: io::Error) -> MetaFailure {
    match error.kind() {
        io::ErrorKind::TimedOut => MetaFailure::Stalled,
        _ => MetaFailure::Disconnected,
    }
}

fn protocol(what: &str) -> MetaFailure {
    MetaFailure::Protocol(what.to_owned())
}

#[cfg(test)]
mod tests;
