//! Drives a record exchange over one stream: frames, deadlines, and the store.
//!
//! A frame is a length (u32, big endian, at most 64 KiB) and a postcard message. Every read and write has a
//! deadline, the whole exchange has one, and what a session may move is bounded by
//! [`Limits`].

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use pishtar_mesh::records::{
    ExchangeStats, Initiator, Input, Limits, MAX_FRAME_BYTES, Message, MessageError, Output,
    Responder, SessionError, SetKind,
};
use thiserror::Error;
use tokio::time::timeout;

use crate::store::records::{RecordStore, StoreFault};

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeLimits {
    /// What may move.
    pub session: Limits,
    /// Longest wait for one message of the peer, default 30 s. Shorter: a peer on a slow card is cut off
    /// while it stores. Longer: a silent peer holds a stream.
    pub idle: Duration,
    /// Longest exchange, default 10 min: bounds peers that send one byte a second.
    pub total: Duration,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self {
            session: Limits::default(),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        }
    }
}

/// Why an exchange ended early. What was stored until then stays; the next exchange goes on from there.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The stream broke; try again later.
    #[error("the connection to the peer broke: {0}")]
    Io(#[from] io::Error),
    /// The peer took too long; try again later.
    #[error("the peer was silent for too long")]
    Deadline,
    /// The peer sent bytes that are no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The peer broke the protocol.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// This node's disk failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Compares, pulls and pushes over a stream that this node opened. `peer` is whose share of the room the records take, `now`
/// is in Unix seconds.
///
/// # Errors
/// [`ExchangeError`], after which the stream is of no use.
pub async fn initiate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    store: &RecordStore,
    peer: [u8; 32],
    now: i64,
    limits: ExchangeLimits,
) -> Result<ExchangeStats, ExchangeError> {
    let session = Side::Initiator(Box::new(Initiator::new(limits.session)));
    drive(stream, store, peer, now, limits, session).await
}

/// Serves an exchange on a stream that the peer opened.
///
/// # Errors
/// [`ExchangeError`], after which the stream is of no use.
pub async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    store: &RecordStore,
    peer: [u8; 32],
    now: i64,
    limits: ExchangeLimits,
) -> Result<ExchangeStats, ExchangeError> {
    let session = Side::Responder(Box::new(Responder::new(limits.session)));
    drive(stream, store, peer, now, limits, session).await
}

enum Side {
    Initiator(Box<Initiator>),
    Responder(Box<Responder>),
}

impl Side {
    fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Initiator(session) => session.poll_output(),
            Self::Responder(session) => session.poll_output(),
        }
    }

    fn handle(&mut self, input: Input) -> Result<(), SessionError> {
        match self {
            Self::Initiator(session) => session.handle(input),
            Self::Responder(session) => session.handle(input),
        }
    }
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    store: &RecordStore,
    peer: [u8; 32],
    now: i64,
    limits: ExchangeLimits,
    session: Side,
) -> Result<ExchangeStats, ExchangeError> {
    let whole = run(stream, store, peer, now, limits.idle, session);
    timeout(limits.total, whole)
        .await
        .map_err(|_| ExchangeError::Deadline)?
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    store: &RecordStore,
    peer: [u8; 32],
    now: i64,
    idle: Duration,
    mut session: Side,
) -> Result<ExchangeStats, ExchangeError> {
    loop {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(message) => within(idle, send(&mut stream, &message)).await?,
                Output::Done(stats) => {
                    // Both sides have all they need; a peer that is gone already changes nothing.
                    within(idle, async { Ok(stream.close().await?) }).await.ok();
                    return Ok(stats);
                }
                asked => {
                    let answer = serve(store, asked, peer, now).await?;
                    session.handle(answer)?;
                }
            }
        }
        within(idle, async { Ok(stream.flush().await?) }).await?;
        let message = within(idle, receive(&mut stream)).await?;
        session.handle(Input::Received(message))?;
    }
}

async fn within<T>(
    idle: Duration,
    work: impl Future<Output = Result<T, ExchangeError>>,
) -> Result<T, ExchangeError> {
    timeout(idle, work)
        .await
        .map_err(|_| ExchangeError::Deadline)?
}

async fn serve(
    store: &RecordStore,
    asked: Output,
    peer: [u8; 32],
    now: i64,
) -> Result<Input, ExchangeError> {
    Ok(match asked {
        Output::Snapshot(kind) => Input::Snapshot(store.snapshot(kind)),
        Output::Load(kind, ids) => Input::Loaded(store.load(kind, &ids)?),
        Output::Store(kind, items) => Input::Stored(store.store(kind, items, peer, now).await?),
        Output::Digests => Input::Digests {
            acks: store.digest(SetKind::Acks),
            records: store.digest(SetKind::Records),
        },
        Output::Send(_) | Output::Done(_) => unreachable!("the caller handles both"),
    })
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &Message,
) -> Result<(), ExchangeError> {
    let bytes = message.encode()?;
    let length = u32::try_from(bytes.len()).expect("a frame has at most 64 KiB");
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&bytes).await?;
    Ok(())
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Result<Message, ExchangeError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(MessageError::TooLong(length).into());
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(Message::decode(&bytes)?)
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use pishtar_mesh::learner::{LearnerEvent, LearnerId, LessonRef, What};
    use pishtar_signing::record::{CollectionSecret, Recipients};
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{Rng, SeedableRng},
    };
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use crate::store::records::{RecordCounts, RecordOptions};

    use super::*;

    const NOW: i64 = 1_780_000_000;

    fn ministry() -> CollectionSecret {
        CollectionSecret::generate(1, &mut ChaCha20Rng::from_seed([8; 32]))
    }

    async fn store(dir: &Path, name: &str, own: usize) -> RecordStore {
        let store = RecordStore::open(&dir.join(name), RecordOptions::default()).unwrap();
        store.set_ack_keys(vec![ministry().public().ack]);
        let to = Recipients {
            ministry: ministry().public(),
            school: None,
        };
        let event = LearnerEvent {
            learner: LearnerId::new("arta").unwrap(),
            name: None,
            lesson: LessonRef::new("ministry/math-6-sq/thyesat").unwrap(),
            what: What::Completed,
        };
        let saves = (0..own).map(|_| store.append(vec![event.clone()], to, NOW));
        futures::future::try_join_all(saves).await.unwrap();
        store
    }

    async fn exchange(left: &RecordStore, right: &RecordStore) -> (ExchangeStats, ExchangeStats) {
        let (a, b) = tokio::io::duplex(8192);
        let limits = ExchangeLimits::default();
        let (ours, theirs) = tokio::join!(
            initiate(a.compat(), left, [2; 32], NOW, limits),
            respond(b.compat(), right, [1; 32], NOW, limits),
        );
        (ours.unwrap(), theirs.unwrap())
    }

    #[tokio::test]
    async fn records_travel_and_acknowledgements_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = store(dir.path(), "home", 150).await;
        let school = store(dir.path(), "school", 1).await;
        let (ours, theirs) = exchange(&home, &school).await;
        assert_eq!((ours.records_out, ours.records_in), (150, 1));
        assert!(ours.equal && theirs.equal);
        assert_eq!(
            home.digest(SetKind::Records),
            school.digest(SetKind::Records)
        );

        let snapshot = home.snapshot(SetKind::Records);
        let ids: Vec<_> = snapshot.entries().iter().map(|entry| entry.id).collect();
        let logs = home
            .load(SetKind::Records, &ids)
            .unwrap()
            .into_iter()
            .map(|bytes| {
                let record = pishtar_signing::record::Record::parse(bytes).unwrap();
                (record.header().log_key, record.header().sequence)
            });
        let (log, _) = logs.max_by_key(|(_, sequence)| *sequence).unwrap();
        let ack = ministry()
            .acknowledge(494_444, log, 150)
            .to_bytes()
            .to_vec();
        school
            .store(SetKind::Acks, vec![ack], [9; 32], NOW)
            .await
            .unwrap();
        let (ours, theirs) = exchange(&home, &school).await;
        assert!(ours.equal && theirs.equal);
        assert_eq!((ours.acks_in, ours.records_out, ours.records_in), (1, 0, 0));
        assert_eq!(
            home.counts(),
            RecordCounts {
                own_unacked: 0,
                carried: 1,
                acked: 150
            }
        );
    }

    /// A stream that breaks after so many bytes were read from it.
    struct Cut<S>(S, usize);

    impl<S: AsyncRead + Unpin> AsyncRead for Cut<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let room = buf.len().min(self.1);
            if room == 0 {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let read = ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf[..room]))?;
            self.1 -= read;
            Poll::Ready(Ok(read))
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Cut<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_close(cx)
        }
    }

    #[tokio::test]
    async fn a_stream_cut_anywhere_is_made_good_by_the_next_exchange() {
        let dir = tempfile::tempdir().unwrap();
        for (at, cut) in [3, 70, 200, 900, 4000, 20_000, 70_000]
            .into_iter()
            .enumerate()
        {
            let left = store(dir.path(), &format!("left{at}"), 40).await;
            let right = store(dir.path(), &format!("right{at}"), 30).await;
            let (a, b) = tokio::io::duplex(8192);
            let limits = ExchangeLimits::default();
            let broken = tokio::join!(
                initiate(Cut(a.compat(), cut), &left, [2; 32], NOW, limits),
                respond(Cut(b.compat(), cut), &right, [1; 32], NOW, limits),
            );
            assert!(cut > 60_000 || broken.0.is_err(), "{cut} bytes were enough");
            exchange(&left, &right).await;
            assert_eq!(
                left.digest(SetKind::Records),
                right.digest(SetKind::Records)
            );
            let counts = (left.counts(), right.counts());
            assert_eq!((counts.0.own_unacked, counts.0.carried), (40, 30));
            assert_eq!((counts.1.own_unacked, counts.1.carried), (30, 40));
        }
    }

    /// Decides in a test; kept, so that a failure comes again.
    struct Dice(ChaCha20Rng);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            usize::try_from(self.0.next_u64() % bound as u64).unwrap()
        }
    }

    /// One exchange over a line that breaks after so many bytes each way.
    async fn exchange_cut(left: &RecordStore, right: &RecordStore, cut: usize) {
        let (a, b) = tokio::io::duplex(8192);
        let limits = ExchangeLimits::default();
        let _broken_or_not = tokio::join!(
            initiate(Cut(a.compat(), cut), left, [2; 32], NOW, limits),
            respond(Cut(b.compat(), cut), right, [1; 32], NOW, limits),
        );
    }

    fn digests(stores: &[RecordStore]) -> std::collections::BTreeSet<(u64, [u8; 32])> {
        let digests = stores.iter().map(|store| store.digest(SetKind::Records));
        digests.map(|set| (set.count, set.digest)).collect()
    }

    /// Threat 36. Nine carriers fall into three parts, each goes on by itself, and then lines come back one by one, in any
    /// order, and break again in the middle of exchanges.
    #[tokio::test]
    async fn after_a_week_in_three_parts_all_hold_the_same_and_nothing_is_lost() {
        const CARRIERS: usize = 9;
        const OWN: usize = 20;
        let dir = tempfile::tempdir().unwrap();
        let mut dice = Dice(ChaCha20Rng::from_seed([36; 32]));
        let mut stores = Vec::new();
        for at in 0..CARRIERS {
            stores.push(store(dir.path(), &format!("carrier{at}"), OWN).await);
        }
        for part in 0..3 {
            for (one, other) in [(part, part + 3), (part + 3, part + 6), (part, part + 3)] {
                exchange(&stores[one], &stores[other]).await;
            }
        }
        assert_eq!(digests(&stores).len(), 3, "each part agrees within itself");
        for _ in 0..60 {
            let (one, other, cut) = (
                dice.below(CARRIERS),
                dice.below(CARRIERS),
                dice.below(80_000),
            );
            if one != other {
                exchange_cut(&stores[one], &stores[other], cut).await;
            }
        }
        let mut sent = 0;
        for (one, other) in (1..CARRIERS)
            .map(|at| (0, at))
            .chain((1..CARRIERS).map(|at| (at, 0)))
        {
            let (ours, theirs) = exchange(&stores[one], &stores[other]).await;
            assert!(ours.equal && theirs.equal);
            sent += ours.records_out + ours.records_in;
        }
        assert_eq!(digests(&stores).len(), 1);
        assert_eq!(
            stores[0].digest(SetKind::Records).count,
            (CARRIERS * OWN) as u64
        );
        assert!(
            sent <= CARRIERS * CARRIERS * OWN,
            "{sent}: nobody is sent a record that it has"
        );
    }

    #[tokio::test]
    async fn an_oversized_frame_is_refused_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let node = store(dir.path(), "node", 0).await;
        let (a, b) = tokio::io::duplex(64);
        let mut a = a.compat();
        let sending = async { a.write_all(&u32::MAX.to_be_bytes()).await };
        let limits = ExchangeLimits::default();
        let (_, got) = tokio::join!(sending, respond(b.compat(), &node, [1; 32], NOW, limits));
        assert!(matches!(
            got,
            Err(ExchangeError::Message(MessageError::TooLong(_)))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let node = store(dir.path(), "node", 0).await;
        let (_a, b) = tokio::io::duplex(64);
        let got = respond(b.compat(), &node, [1; 32], NOW, ExchangeLimits::default()).await;
        assert!(matches!(got, Err(ExchangeError::Deadline)));
    }

    #[tokio::test]
    async fn a_peer_that_hangs_up_in_the_middle_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let node = store(dir.path(), "node", 3).await;
        let (a, b) = tokio::io::duplex(64);
        drop(b);
        let got = initiate(a.compat(), &node, [1; 32], NOW, ExchangeLimits::default()).await;
        assert!(matches!(got, Err(ExchangeError::Io(_))));
        assert_eq!(node.counts().own_unacked, 3);
    }
}
