//! `/pishtar/holdings/1`: which files a peer has. One question and one answer per stream; the
//! answerer may wait for news first (long poll).

use std::time::Duration;

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use pishtar_mesh::{
    NodeId,
    wire::{HoldingsAnswer, HoldingsQuery},
};
use tokio::time;

use super::{
    deadline::Idle,
    frame::{self, FrameError},
    serve::{SERVING_IDLE, Serve},
};

/// How long an answerer waits at most, whatever the asker allows.
pub const MAX_WAIT: Duration = Duration::from_secs(60);
/// What an answer may take beyond the waiting.
const GRACE: Duration = Duration::from_secs(10);

/// Asks a peer what it holds.
///
/// # Errors
/// When the stream fails, the peer stays silent or breaks the protocol.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    query: &HoldingsQuery,
) -> Result<HoldingsAnswer, FrameError> {
    let wait = Duration::from_millis(query.wait_ms.into()).min(MAX_WAIT);
    let mut stream = Idle::new(stream, wait + GRACE);
    let asking = async {
        frame::send(&mut stream, query).await?;
        stream.flush().await?;
        frame::receive(&mut stream).await
    };
    // An answer that drips in for longer than that is asked for anew by then.
    let answer = time::timeout(wait + 3 * GRACE, asking).await;
    answer.map_err(|_| FrameError::Stream(std::io::ErrorKind::TimedOut.into()))?
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
    let mut stream = Idle::new(stream, SERVING_IDLE).steady();
    let query: HoldingsQuery = frame::receive(&mut stream).await?;
    let answering = serve.holdings(peer, query);
    // Only an engine that waits longer than it was asked to runs into this.
    let answer = time::timeout(MAX_WAIT + GRACE, answering).await;
    let answer = answer.map_err(|_| FrameError::Stream(std::io::ErrorKind::TimedOut.into()))?;
    frame::send(&mut stream, &answer).await?;
    Ok(stream.close().await?)
}
