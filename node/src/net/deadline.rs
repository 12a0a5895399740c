//! Deadlines on byte streams.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

/// So much has to move in [`PACE_TIME`] of waiting: a byte now and then is no use to anybody and holds a place. A device on
/// the most crowded cell gets several times that.
const PACE_BYTES: u64 = 8 * 1024;
/// Waiting for the other end, over which its pace is measured. What this node takes for itself does not count.
const PACE_TIME: Duration = Duration::from_secs(30);

/// A stream that fails with [`io::ErrorKind::TimedOut`] when neither end moves a byte for `limit`.
pub struct Idle<S> {
    inner: S,
    limit: Duration,
    alarm: Pin<Box<Sleep>>,
    /// Bytes moved since the alarm was set.
    moved: bool,
    pace: Option<Pace>,
}

/// How much moved, and how long that was waited for.
#[derive(Default)]
struct Pace {
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl Pace {
    fn moved(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// The other end is waited for; false when it has been too slow.
    fn waits(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.waited + since.elapsed() < PACE_TIME {
            return true;
        }
        let enough = self.bytes >= PACE_BYTES;
        *self = Pace::default();
        enough
    }
}

impl<S> Idle<S> {
    /// Bounds the silence on `inner`.
    pub fn new(inner: S, limit: Duration) -> Idle<S> {
        Idle {
            inner,
            limit,
            alarm: Box::pin(sleep(limit)),
            moved: true,
            pace: None,
        }
    }

    /// Bounds how slow the other end may be, too: one byte before each alarm would keep the stream for ever.
    pub fn steady(self) -> Idle<S> {
        Idle {
            pace: Some(Pace::default()),
            ..self
        }
    }

    /// Setting the alarm only when a call has to wait keeps it off the fast path.
    fn check<T: Moved>(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(moved) = &poll {
            self.moved = true;
            let bytes = moved.as_ref().map_or(0, Moved::bytes);
            self.pace.iter_mut().for_each(|pace| pace.moved(bytes));
            return poll;
        }
        if self.pace.as_mut().is_some_and(|pace| !pace.waits()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if std::mem::take(&mut self.moved) {
            self.alarm.as_mut().reset(Instant::now() + self.limit);
        }
        match self.alarm.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What a call moved.
trait Moved {
    fn bytes(&self) -> u64;
}

impl Moved for usize {
    fn bytes(&self) -> u64 {
        *self as u64
    }
}

impl Moved for () {
    fn bytes(&self) -> u64 {
        0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Idle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.check(cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Idle<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.check(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.check(cx, poll)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_close(cx);
        self.check(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use futures::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_stream_and_every_byte_starts_the_clock_again() {
        let (near, far) = tokio::io::duplex(64);
        let mut near = Idle::new(near.compat(), Duration::from_secs(10));
        let mut far = far.compat();
        let mut byte = [0];
        for _ in 0..3 {
            let (read, wrote) = tokio::join!(near.read_exact(&mut byte), async {
                sleep(Duration::from_secs(9)).await;
                far.write_all(b"x").await
            });
            assert!(read.is_ok() && wrote.is_ok());
        }
        let began = Instant::now();
        let error = near.read_exact(&mut byte).await.expect_err("silence");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    /// Reads what comes in pieces of `bytes` every nine seconds, up to `most` of them.
    async fn dripped(bytes: usize, most: usize) -> (usize, io::Result<()>) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let mut near = Idle::new(near.compat(), Duration::from_secs(10)).steady();
        let mut far = far.compat();
        let mut piece = vec![0; bytes];
        for at in 0..most {
            let (read, wrote) = tokio::join!(near.read_exact(&mut piece), async {
                sleep(Duration::from_secs(9)).await;
                far.write_all(&vec![7; bytes]).await
            });
            wrote.expect("there is room");
            if let Err(error) = read {
                return (at, Err(error));
            }
        }
        (most, Ok(()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_does_not_keep_a_steady_stream() {
        let (read, ended) = dripped(1, 100).await;
        let error = ended.expect_err("too slow");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((3..=4).contains(&read), "{read}");
        let (_, ended) = dripped(4_096, 100).await;
        ended.expect("a slow line is no crime");
    }

    #[tokio::test(start_paused = true)]
    async fn what_this_node_takes_for_itself_is_not_the_other_ends_slowness() {
        let (near, far) = tokio::io::duplex(64);
        let mut near = Idle::new(near.compat(), Duration::from_secs(10)).steady();
        let mut far = far.compat();
        let mut byte = [0];
        for _ in 0..20 {
            // An upload limit, a slow disk.
            sleep(Duration::from_secs(60)).await;
            far.write_all(b"x").await.expect("there is room");
            near.read_exact(&mut byte).await.expect("not its fault");
        }
    }
}
