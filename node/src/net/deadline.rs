//! Deadlines on byte streams.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails with [`io::ErrorKind::TimedOut`] when neither end moves a byte for `limit`.
pub struct Idle<S> {
    inner: S,
    limit: Duration,
    alarm: Pin<Box<Sleep>>,
    /// Bytes moved since the alarm was set.
    moved: bool,
}

impl<S> Idle<S> {
    /// Bounds the silence on `inner`.
    pub fn new(inner: S, limit: Duration) -> Idle<S> {
        Idle {
            inner,
            limit,
            alarm: Box::pin(sleep(limit)),
            moved: true,
        }
    }

    /// Setting the alarm only when a call has to wait keeps it off the fast path.
    fn check<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.moved = true;
            return poll;
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
}
