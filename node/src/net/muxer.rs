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
