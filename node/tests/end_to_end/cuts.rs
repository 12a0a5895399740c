//! A connection that breaks at every single step, and both sides restarted there: each record is counted exactly once.

use std::{
    fs, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};
use pishtar_mesh::records::SetKind;
use pishtar_signing::record::Recipients;

use super::{NOW, attempt, collect, exchange, ministry, open, said};

const DAY: i64 = 86_400;
/// Never reached: an exchange that is not cut.
const WHOLE: usize = usize::MAX / 2;

/// One end of a stream that breaks, with the other end, after so many steps.
pub(crate) struct Cut<S> {
    inner: S,
    steps: Arc<AtomicUsize>,
}

impl<S> Cut<S> {
    pub(crate) fn both(ends: [S; 2], steps: usize) -> [Self; 2] {
        let steps = Arc::new(AtomicUsize::new(steps));
        ends.map(|inner| Self {
            inner,
            steps: steps.clone(),
        })
    }

    fn step(&self) -> io::Result<()> {
        let left = self.steps.load(Ordering::SeqCst);
        if left == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.steps.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cut<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.step()?;
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cut<S> {
    /// Of a write that breaks off, the first half has gone out: frames are truncated anywhere.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.steps.load(Ordering::SeqCst) == 1 {
            let half = &buf[..buf.len() / 2];
            if !half.is_empty() {
                ready!(Pin::new(&mut self.inner).poll_write(cx, half))?;
            }
            self.steps.store(0, Ordering::SeqCst);
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.step()?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[tokio::test]
async fn every_record_is_counted_once_wherever_the_connection_breaks() {
    let dir = tempfile::tempdir().unwrap();
    let ministry = ministry(dir.path());
    let to = Recipients {
        ministry: ministry.public(),
        school: None,
    };
    let (home, point) = (dir.path().join("home"), dir.path().join("point"));
    let (mut ours, mut theirs) = (open(&home, &ministry), open(&point, &ministry));
    // Each round a later week, so a new log, out of order for half of them: no clock decides.
    let (mut made, mut now) = (0, NOW);
    for cut in 1.. {
        now += if cut % 2 == 0 { 20 * DAY } else { -12 * DAY };
        for _ in 0..3 {
            made += 1;
            ours.append(vec![attempt(made, 2)], to, now).await.unwrap();
        }
        let broken = exchange(&ours, &theirs, cut).await;
        ours.close().await;
        theirs.close().await;
        (ours, theirs) = (open(&home, &ministry), open(&point, &ministry));
        assert_eq!(ours.counts().own_unacked, made, "cut after {cut}");
        // The other side begins this time, and again: what came is not taken twice.
        for _ in 0..2 {
            assert!(exchange(&theirs, &ours, WHOLE).await.unwrap().equal);
        }
        assert_eq!(theirs.counts().carried, made, "cut after {cut}");
        if broken.is_ok() {
            assert!(cut > 15, "only {cut} steps");
            break;
        }
    }
    let made = usize::try_from(made).unwrap();
    ours.close().await;
    theirs.close().await;

    let statements = collect(dir.path(), &point);
    assert_eq!(said(&statements, "answered"), made);
    assert_eq!(collect(dir.path(), &point), statements, "nothing again");
    acknowledgements_survive_every_cut(dir.path(), made as u64).await;
}

/// The way back: acknowledgements free exactly what was counted, wherever their exchange breaks.
async fn acknowledgements_survive_every_cut(dir: &std::path::Path, made: u64) {
    let ministry = ministry(dir);
    let point = open(&dir.join("point"), &ministry);
    assert_eq!(point.counts().carried, 0, "counted and freed");
    for cut in 1.. {
        let home = dir.join(format!("home-{cut}"));
        fs::create_dir(&home).unwrap();
        fs::copy(dir.join("home/records.redb"), home.join("records.redb")).unwrap();
        let ours = open(&home, &ministry);
        let broken = exchange(&ours, &point, cut).await;
        ours.close().await;
        let ours = open(&home, &ministry);
        let counts = ours.counts();
        assert_eq!(counts.own_unacked + counts.acked, made, "cut after {cut}");
        assert!(exchange(&ours, &point, WHOLE).await.unwrap().equal);
        let counts = ours.counts();
        assert_eq!(
            (counts.own_unacked, counts.acked),
            (0, made),
            "cut after {cut}"
        );
        assert_eq!(ours.digest(SetKind::Acks), point.digest(SetKind::Acks));
        ours.close().await;
        fs::remove_dir_all(home).unwrap();
        if broken.is_ok() {
            break;
        }
    }
}
