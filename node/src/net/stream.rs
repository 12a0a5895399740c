//! A stream to a peer, which counts its bytes and gives its inbound slot back when dropped.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::swarm;

/// Payload bytes moved over the streams of one peer since the node started.
#[derive(Debug, Default)]
pub struct PeerCounters {
    rx: AtomicU64,
    tx: AtomicU64,
}

impl PeerCounters {
    /// Bytes received from the peer.
    pub fn rx_bytes(&self) -> u64 {
        self.rx.load(Ordering::Relaxed)
    }

    /// Bytes sent to the peer.
    pub fn tx_bytes(&self) -> u64 {
        self.tx.load(Ordering::Relaxed)
    }
}

/// One of the bounded number of inbound streams that a peer may have open. Freed on drop.
#[derive(Debug)]
pub(crate) struct InboundSlot(Arc<AtomicUsize>);

impl InboundSlot {
    /// Takes a slot, or `None` when `max` are taken.
    pub(crate) fn take(open: &Arc<AtomicUsize>, max: usize) -> Option<InboundSlot> {
        open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
            (n < max).then_some(n + 1)
        })
        .ok()
        .map(|_| InboundSlot(open.clone()))
    }
}

impl Drop for InboundSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A byte stream to one peer under one [`Protocol`](super::Protocol), read and written through
/// `futures::io`. Dropping it resets both directions.
#[derive(Debug)]
pub struct Stream {
    inner: swarm::Stream,
    counters: Arc<PeerCounters>,
    _slot: Option<InboundSlot>,
}

impl Stream {
    pub(crate) fn new(
        inner: swarm::Stream,
        counters: Arc<PeerCounters>,
        slot: Option<InboundSlot>,
    ) -> Stream {
        Stream {
            inner,
            counters,
            _slot: slot,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.counters.rx.fetch_add(n as u64, Ordering::Relaxed);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.counters.tx.fetch_add(n as u64, Ordering::Relaxed);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbound_slots_are_bounded_and_come_back() {
        let open = Arc::new(AtomicUsize::new(0));
        let first = InboundSlot::take(&open, 2).expect("free");
        let second = InboundSlot::take(&open, 2).expect("free");
        assert!(InboundSlot::take(&open, 2).is_none());
        drop(first);
        assert!(InboundSlot::take(&open, 2).is_some());
        drop(second);
        assert_eq!(open.load(Ordering::Acquire), 0);
    }
}
