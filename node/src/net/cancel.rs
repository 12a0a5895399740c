//! Streams that can be given up without losing what arrived.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream that fails with [`io::ErrorKind::ConnectionAborted`] once its token is cancelled. Dropping
/// the reader instead would leave bytes on their way to the disk that nobody accounts for.
pub struct Cancellable<S> {
    inner: S,
    token: CancellationToken,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Cancellable<S> {
    /// Binds `inner` to `token`.
    pub fn new(inner: S, token: CancellationToken) -> Cancellable<S> {
        let cancelled = Box::pin(token.clone().cancelled_owned());
        Cancellable {
            inner,
            token,
            cancelled,
        }
    }

    fn check<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let ended = match &poll {
            Poll::Ready(_) => self.token.is_cancelled(),
            Poll::Pending => self.cancelled.as_mut().poll(cx).is_ready(),
        };
        match ended {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            false => poll,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cancellable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.check(cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cancellable<S> {
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
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    #[tokio::test]
    async fn a_cancel_ends_a_read_that_waits_and_one_that_does_not() {
        let (near, far) = tokio::io::duplex(64);
        let token = CancellationToken::new();
        let mut near = Cancellable::new(near.compat(), token.clone());
        let mut far = far.compat();
        far.write_all(b"xy").await.expect("room");
        let mut byte = [0];
        near.read_exact(&mut byte).await.expect("not cancelled");
        let mut more = [0; 2];
        let waiting = near.read_exact(&mut more);
        let (read, ()) = tokio::join!(waiting, async { token.cancel() });
        let kind = |read: io::Result<()>| read.expect_err("cancelled").kind();
        assert_eq!(kind(read), io::ErrorKind::ConnectionAborted);
        far.write_all(b"z").await.expect("room");
        let read = near.read_exact(&mut byte).await;
        assert_eq!(kind(read), io::ErrorKind::ConnectionAborted);
    }
}
