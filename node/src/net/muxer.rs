//! Yamux with bounds of our own.
//!
//! `libp2p-yamux` sets nothing but the number of streams: one connection may then buffer 1 GiB of what
//! a peer sends, and sends frames of 16 KiB, which costs a hand-over between tasks for each.

use std::{
    collections::VecDeque,
    future::{Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::{
    muxing::{StreamMuxer, StreamMuxerEvent},
    upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
};
use yamux::{Connection, ConnectionError, Mode};

/// Bytes of a data frame at most.
const FRAME_BYTES: usize = 64 * 1024;
/// What yamux lets a peer send on a fresh stream before it is read.
const FIRST_WINDOW_BYTES: usize = 256 * 1024;
/// What all streams of a connection may grow by on fast and long links.
const WINDOW_GROWTH_BYTES: usize = 32 * 1024 * 1024;
/// Streams that a peer has opened and nobody has taken yet; further ones are reset. As many as a
/// well-behaved yamux opens without an acknowledgement.
const MAX_WAITING: usize = 256;

/// The upgrade of a connection to many streams, `/yamux/1.0.0`.
#[derive(Debug, Clone)]
pub(super) struct Config(yamux::Config);

impl Config {
    /// At most `max_streams` streams per connection.
    pub(super) fn new(max_streams: usize) -> Config {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(max_streams);
        let window = max_streams * FIRST_WINDOW_BYTES + WINDOW_GROWTH_BYTES;
        config.set_max_connection_receive_window(Some(window));
        config.set_split_send_size(FRAME_BYTES);
        Config(config)
    }
}

impl UpgradeInfo for Config {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Config {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<Result<Muxer<C>, io::Error>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(socket, self.0, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C> for Config {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<Result<Muxer<C>, io::Error>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(socket, self.0, Mode::Client)))
    }
}

/// A connection of many streams.
///
/// yamux moves data only while it is asked for inbound streams, libp2p asks for those separately:
/// `waiting` holds what comes meanwhile, never more than [`MAX_WAITING`].
pub(super) struct Muxer<C> {
    connection: Connection<C>,
    waiting: VecDeque<yamux::Stream>,
    waker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(socket: C, config: yamux::Config, mode: Mode) -> Muxer<C> {
        Muxer {
            connection: Connection::new(socket, config, mode),
            waiting: VecDeque::new(),
            waker: None,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, ConnectionError>> {
        let next = self.connection.poll_next_inbound(cx);
        next.map(|next| next.unwrap_or(Err(ConnectionError::Closed)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = ConnectionError;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        if let Poll::Ready(next) = self.poll_next(cx) {
            return Poll::Ready(next);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        self.connection.poll_new_outbound(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection.poll_close(cx)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        let stream = std::task::ready!(self.poll_next(cx))?;
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(stream);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
        // More may be there already.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    const DATA: u8 = 0;
    const WINDOW_UPDATE: u8 = 1;
    const GO_AWAY: u8 = 3;
    const HEADER_BYTES: usize = 12;
    const NO_FLAG: u16 = 0;
    const SYN: u16 = 1;
    /// The first stream that a client opens.
    const STREAM: u32 = 1;
    const MAX_STREAMS: usize = 8;
    const WINDOW: usize = FIRST_WINDOW_BYTES;

    /// A frame as the yamux specification draws it, with as many bytes as it says.
    fn frame(kind: u8, flags: u16, stream: u32, length: u32) -> Vec<u8> {
        let mut frame = vec![0, kind];
        frame.extend(flags.to_be_bytes());
        frame.extend(stream.to_be_bytes());
        frame.extend(length.to_be_bytes());
        if kind == DATA {
            frame.resize(frame.len() + length as usize, 7);
        }
        frame
    }

    fn data(flags: u16, bytes: usize) -> Vec<u8> {
        frame(
            DATA,
            flags,
            STREAM,
            u32::try_from(bytes).expect("a small frame"),
        )
    }

    /// What a listener that reads no stream does with what a peer sends: does it refuse the peer, by a go-away frame or by an
    /// end, and how many streams were there?
    async fn after(sent: Vec<u8>) -> (bool, usize) {
        let (mut peer, socket) = tokio::io::duplex(2 << 20);
        let mut muxer = Muxer::new(socket.compat(), Config::new(MAX_STREAMS).0, Mode::Server);
        peer.write_all(&sent).await.expect("it fits the pipe");
        let mut streams = Vec::new();
        let ending = poll_fn(|cx| {
            loop {
                match Pin::new(&mut muxer).poll_inbound(cx) {
                    Poll::Ready(Ok(stream)) => streams.push(stream),
                    Poll::Ready(Err(error)) => return Poll::Ready(error),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        // The clock stands still until nothing moves any more.
        let end = tokio::time::timeout(Duration::from_secs(1), ending).await;
        drop(muxer);
        let mut answers = Vec::new();
        peer.read_to_end(&mut answers).await.expect("a pipe");
        let (streams, mut refused) = (streams.len(), end.is_ok());
        for header in answers.chunks(HEADER_BYTES) {
            assert_ne!(header[1], DATA, "frames without a body only: {answers:?}");
            refused |= header[1] == GO_AWAY;
        }
        (refused, streams)
    }

    #[tokio::test(start_paused = true)]
    async fn what_fits_the_windows_is_taken() {
        assert_eq!(after(data(SYN, WINDOW)).await, (false, 1));
    }

    // CVE-2026-32314: a first frame beyond the window made its reader panic.
    #[tokio::test(start_paused = true)]
    async fn what_breaks_a_window_ends_the_connection() {
        let most = u32::MAX;
        let cases = [
            ("a first frame", data(SYN, WINDOW + 1)),
            (
                "a second frame",
                [data(SYN, WINDOW), data(NO_FLAG, 1)].concat(),
            ),
            (
                "a length of 4 GiB",
                frame(DATA, SYN, STREAM, 0)
                    .into_iter()
                    .take(8)
                    .chain([0xff; 64])
                    .collect(),
            ),
            (
                "credit beyond 4 GiB",
                [SYN, NO_FLAG, NO_FLAG]
                    .map(|flag| frame(WINDOW_UPDATE, flag, STREAM, most))
                    .concat(),
            ),
            ("an unknown kind", frame(9, NO_FLAG, STREAM, 0)),
            ("a stream of ours", frame(DATA, SYN, 2, 0)),
            ("a stream twice", [data(SYN, 1), data(SYN, 1)].concat()),
        ];
        for (case, sent) in cases {
            let (refused, streams) = after(sent).await;
            assert!(
                refused && streams <= 1,
                "{case}: {refused}, {streams} streams"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn streams_beyond_the_bound_are_not_opened() {
        let sent = (0..64)
            .flat_map(|n| frame(WINDOW_UPDATE, SYN, 1 + 2 * n, 0))
            .collect();
        let (_, streams) = after(sent).await;
        assert_eq!(streams, MAX_STREAMS);
    }
}
