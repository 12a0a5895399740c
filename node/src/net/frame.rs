//! Messages on streams: four bytes of length (big-endian), then the message.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use pishtar_mesh::wire::{self, Message, WireError};
use thiserror::Error;

/// Why a message did not arrive.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The stream failed or ended.
    #[error("the stream failed: {0}")]
    Stream(#[from] io::Error),
    /// The other end sent something else than the protocol says.
    #[error(transparent)]
    Message(#[from] WireError),
}

/// Sends one message. Does not flush.
///
/// # Errors
/// When the stream fails; a message beyond its own bounds is an error of this program.
pub(crate) async fn send<M: Message>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &M,
) -> Result<(), FrameError> {
    let body = wire::encode(message)?;
    let mut frame = Vec::with_capacity(4 + body.len());
    let length = u32::try_from(body.len()).expect("messages are bounded far below 4 GiB");
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&body);
    Ok(stream.write_all(&frame).await?)
}

/// Receives one message; nothing is allocated for a claim beyond its bound.
///
/// # Errors
/// When the stream fails, or the other end breaks the protocol.
pub(crate) async fn receive<M: Message>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<M, FrameError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    // Fits: usize is at least 32 bits wherever a node runs.
    let length = u32::from_be_bytes(length) as usize;
    if length > M::MAX_BYTES {
        let max = M::MAX_BYTES;
        return Err(WireError::TooLarge { bytes: length, max }.into());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(wire::decode(&body)?)
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;
    use pishtar_mesh::wire::MetaRequest;

    use super::*;

    #[tokio::test]
    async fn a_message_survives_and_a_huge_claim_is_refused() {
        let mut pipe = Cursor::new(Vec::new());
        send(&mut pipe, &MetaRequest::Versions).await.expect("fits");
        pipe.set_position(0);
        let received: MetaRequest = receive(&mut pipe).await.expect("well-formed");
        assert_eq!(received, MetaRequest::Versions);
        let huge = receive::<MetaRequest>(&mut Cursor::new(u32::MAX.to_be_bytes())).await;
        assert!(matches!(
            huge,
            Err(FrameError::Message(WireError::TooLarge { .. }))
        ));
    }
}
