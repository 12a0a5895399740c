//! `/pishtar/meta/1`: TUF files by publisher and name, packed with zstd. One question and one answer
//! per stream. The bytes as signed come out; whether to trust them is for the mesh to decide.

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use pishtar_mesh::{
    MetaAnswer, MetaFailure, NodeId,
    wire::{MetaReply, MetaRequest, Packing},
};

use super::{
    deadline::Idle,
    frame::{self, FrameError},
    serve::{SERVING_IDLE, Serve},
};

/// How long a peer may be silent.
const ASKING_IDLE: Duration = Duration::from_secs(10);
/// zstd's effort: course files are packed for each asker, so that speed matters.
const LEVEL: i32 = 3;
/// Files below this are sent as they are.
const WORTH_PACKING_BYTES: usize = 256;
/// The largest file that is served.
const MAX_SERVED_BYTES: usize = 64 * 1024 * 1024;

/// Asks a peer. `held` is the file that the request's `held_version` names, when it is at hand.
///
/// # Errors
/// Says whose fault it is, see [`MetaFailure`].
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &MetaRequest,
    held: Option<&[u8]>,
) -> Result<MetaAnswer, MetaFailure> {
    let mut stream = Idle::new(stream, ASKING_IDLE);
    frame::send(&mut stream, request).await.map_err(failure)?;
    stream.flush().await.map_err(stream_failure)?;
    let reply = frame::receive(&mut stream).await.map_err(failure)?;
    match (reply, request) {
        (MetaReply::Busy, _) => Err(MetaFailure::Busy),
        (MetaReply::Absent, _) => Ok(MetaAnswer::Absent),
        (MetaReply::Versions(versions), MetaRequest::Versions) => {
            Ok(MetaAnswer::Versions(versions))
        }
        (
            MetaReply::File {
                packing,
                packed_bytes,
                bytes,
            },
            MetaRequest::File { max_bytes, .. },
        ) => {
            if bytes > *max_bytes || packed_bytes > *max_bytes {
                return Err(protocol("a file larger than asked for"));
            }
            let packed = read_packed(&mut stream, packed_bytes).await?;
            let bytes = usize::try_from(bytes).map_err(|_| protocol("a huge file"))?;
            unpack(packed, packing, bytes, held).map(MetaAnswer::Bytes)
        }
        _ => Err(protocol("an answer to another question")),
    }
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

/// Unpacks to exactly `bytes`, which bounds the memory before anything is unpacked.
fn unpack(
    packed: Vec<u8>,
    packing: Packing,
    bytes: usize,
    held: Option<&[u8]>,
) -> Result<Vec<u8>, MetaFailure> {
    let unpacked = match (packing, held) {
        (Packing::Plain, _) => Ok(packed),
        (Packing::Zstd, _) => zstd::bulk::decompress(&packed, bytes),
        (Packing::ZstdAgainstHeld, Some(held)) => zstd::bulk::Decompressor::with_dictionary(held)
            .and_then(|mut unpacker| unpacker.decompress(&packed, bytes)),
        (Packing::ZstdAgainstHeld, None) => return Err(protocol("a packing not asked for")),
    };
    match unpacked {
        Ok(unpacked) if unpacked.len() == bytes => Ok(unpacked),
        Ok(_) => Err(protocol("a file of another length than announced")),
        Err(_) => Err(protocol("a file that cannot be unpacked")),
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
) -> Result<(), FrameError> {
    let mut stream = Idle::new(stream, SERVING_IDLE);
    let (reply, packed) = match frame::receive(&mut stream).await? {
        MetaRequest::Versions => (MetaReply::Versions(serve.versions(peer).await), Vec::new()),
        MetaRequest::File {
            publisher,
            file_name,
            max_bytes,
            ..
        } => match serve.meta_file(peer, &publisher, &file_name).await {
            Some(file) if file.len() as u64 <= max_bytes && file.len() <= MAX_SERVED_BYTES => {
                pack(file)?
            }
            _ => (MetaReply::Absent, Vec::new()),
        },
    };
    frame::send(&mut stream, &reply).await?;
    stream.write_all(&packed).await?;
    Ok(stream.close().await?)
}

fn pack(file: Vec<u8>) -> io::Result<(MetaReply, Vec<u8>)> {
    let bytes = file.len() as u64;
    let (packing, packed) = match file.len() < WORTH_PACKING_BYTES {
        true => (Packing::Plain, file),
        false => match zstd::bulk::compress(&file, LEVEL)? {
            packed if packed.len() < file.len() => (Packing::Zstd, packed),
            _ => (Packing::Plain, file),
        },
    };
    let packed_bytes = packed.len() as u64;
    let reply = MetaReply::File {
        packing,
        packed_bytes,
        bytes,
    };
    Ok((reply, packed))
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
mod tests {
    use super::*;
    use crate::net::testing::{PEER, Tables, pipe};

    const MAX: u64 = 1_000_000;

    fn request(file_name: &str, max_bytes: u64) -> MetaRequest {
        MetaRequest::File {
            publisher: "ministry".to_owned(),
            file_name: file_name.to_owned(),
            held_version: None,
            max_bytes,
        }
    }

    async fn ask_tables(request: &MetaRequest, file: Vec<u8>) -> Result<MetaAnswer, MetaFailure> {
        let key = ("ministry".to_owned(), "7.math-6-sq.json".to_owned());
        let tables = Tables {
            files: [(key, file)].into(),
            ..Tables::default()
        };
        let (near, far) = pipe();
        let (answer, served) = tokio::join!(ask(near, request, None), serve(far, PEER, &tables));
        served.expect("served");
        answer
    }

    #[tokio::test]
    async fn files_come_out_as_signed_whether_packed_or_not() {
        for file in [b"{}".to_vec(), br#"{"targets":"#.repeat(9_000)] {
            let answer = ask_tables(&request("7.math-6-sq.json", MAX), file.clone()).await;
            assert_eq!(answer, Ok(MetaAnswer::Bytes(file)));
        }
        let absent = ask_tables(&request("8.math-6-sq.json", MAX), vec![1]).await;
        assert_eq!(absent, Ok(MetaAnswer::Absent));
        let too_large = ask_tables(&request("7.math-6-sq.json", 10), vec![1; 11]).await;
        assert_eq!(too_large, Ok(MetaAnswer::Absent));
        let versions = ask_tables(&MetaRequest::Versions, vec![]).await;
        assert_eq!(
            versions,
            Ok(MetaAnswer::Versions(vec![("ministry".to_owned(), 7)]))
        );
    }

    /// The asker's verdict on an answer that a peer made up.
    async fn verdict(reply: MetaReply, packed: Vec<u8>) -> Result<MetaAnswer, MetaFailure> {
        let (near, mut far) = pipe();
        let answering = async {
            let _asked: MetaRequest = frame::receive(&mut far).await?;
            frame::send(&mut far, &reply).await?;
            far.write_all(&packed).await?;
            far.close().await?;
            Ok::<(), FrameError>(())
        };
        let question = request("7.math-6-sq.json", MAX);
        let asking = ask(near, &question, None);
        // A peer that is hung up on fails too.
        let (verdict, _answered) = tokio::join!(asking, answering);
        verdict
    }

    #[tokio::test]
    async fn a_bomb_is_refused_by_its_announced_size_and_by_its_real_size() {
        let bomb = zstd::bulk::compress(&vec![0; 50_000_000], LEVEL).expect("in memory");
        let packed_bytes = bomb.len() as u64;
        for bytes in [50_000_000, 1_000] {
            let reply = MetaReply::File {
                packing: Packing::Zstd,
                packed_bytes,
                bytes,
            };
            let verdict = verdict(reply, bomb.clone()).await;
            assert!(
                matches!(verdict, Err(MetaFailure::Protocol(_))),
                "{verdict:?}"
            );
        }
    }

    #[tokio::test]
    async fn answers_that_do_not_fit_are_the_peers_fault() {
        let file = |packing, packed_bytes, bytes| MetaReply::File {
            packing,
            packed_bytes,
            bytes,
        };
        let short = verdict(file(Packing::Plain, 10, 10), vec![1; 9]).await;
        assert_eq!(short, Err(MetaFailure::Disconnected));
        let longer = verdict(file(Packing::Plain, 10, 11), vec![1; 10]).await;
        assert!(matches!(longer, Err(MetaFailure::Protocol(_))));
        let against = verdict(file(Packing::ZstdAgainstHeld, 1, 1), vec![1]).await;
        assert!(matches!(against, Err(MetaFailure::Protocol(_))));
        let other = verdict(MetaReply::Versions(vec![]), vec![]).await;
        assert!(matches!(other, Err(MetaFailure::Protocol(_))));
    }

    #[test]
    fn a_held_version_serves_as_dictionary() {
        let old = br#"{"a":1,"path":"ministry/math-6-sq/"}"#.repeat(50);
        let mut new = old.clone();
        new.extend_from_slice(b"x");
        let mut packer = zstd::bulk::Compressor::with_dictionary(LEVEL, &old).expect("valid");
        let packed = packer.compress(&new).expect("in memory");
        let unpacked = unpack(packed, Packing::ZstdAgainstHeld, new.len(), Some(&old));
        assert_eq!(unpacked, Ok(new));
    }
}
