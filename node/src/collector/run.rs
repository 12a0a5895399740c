//! Runs a collector: pull records from a sync point, count them, hand back acknowledgements.
//!
//! To a sync point the collector is a peer like any other on `/pishtar/records/1`. It keeps what it pulled
//! in a record store of its own until it is counted, so a broken connection costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::Multiaddr;
use pishtar_mesh::records::{ExchangeStats, SetKind};
use pishtar_signing::{ack::Ack, record::CollectionSecret};
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::compat::TokioAsyncReadCompatExt;

use super::{
    CollectError, Collector, CollectorOptions, Guide, GuideError, IngestReport, SchoolKeys,
    Schools, SinkStatus, Target,
    open::{OpenedRecord, Unreadable, open_bytes},
};
use crate::{
    control::{self, AskError},
    engine,
    net::{
        self, NetConfig, NetEvent, NetHandle, Network, NodeId, NodeKey, Protocol,
        records::{ExchangeError, ExchangeLimits, initiate, respond},
    },
    store::records::{OpenError, RecordOptions, RecordStore, SaveError, StoreFault},
};

/// Room for records that are not counted yet; far above what a sync point carries.
const STORE_BYTES: u64 = 16 << 30;
/// Records opened and counted in one transaction: more share an fsync, and take more memory.
const INGEST_BATCH: usize = 4096;
/// Exchanges in a row while the sync point has more, before what came is counted: parts of a log that come apart then count
/// together. Each brings at most 8,192 records.
const PULLS: usize = 16;
/// Records counted before the first of them are freed.
const FREED_TOGETHER: usize = 4 * INGEST_BATCH;
/// How long a round waits for sinks that are slow; what they have not got is acknowledged in a later round.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for the sync point with `--once`.
const CONNECT: Duration = Duration::from_secs(30);
/// Shortest time between two exchanges, however many hints come.
const HINT_PAUSE: Duration = Duration::from_secs(1);

/// Why a round of collecting failed. The next round goes on where this one stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// The key, the state or the sink.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The ministry's catalogue.
    #[error(transparent)]
    Guide(#[from] GuideError),
    /// With `--once`: a sink has not taken everything.
    #[error("{words}. {waiting} items wait; nothing is lost, the next run goes on")]
    Sink {
        /// What is wrong with the sink.
        words: String,
        /// Items that wait for it.
        waiting: u64,
    },
    /// The records on their way.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// An answer to a school.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The exchange with the sync point.
    #[error("the exchange with the sync point ended early: {0}")]
    Exchange(#[from] ExchangeError),
    /// The stream to the sync point.
    #[error("the sync point cannot be asked: {0}")]
    Stream(#[from] net::OpenError),
    /// The collector's own network.
    #[error(transparent)]
    Net(#[from] net::NetError),
    /// Nobody there.
    #[error(
        "no sync point answers at {0}; check the address (`pishtar status` there prints it) and --network"
    )]
    NoAnswer(Multiaddr),
    /// A folder without records.
    #[error(
        "{0} holds no records.redb; give the data folder of a node that is stopped, or a node's address"
    )]
    NoRecords(PathBuf),
}

/// What one round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Records pulled.
    pub pulled: usize,
    /// What became of them.
    pub report: IngestReport,
    /// Acknowledgements that the other side took.
    pub acks_given: usize,
}

/// A collector with its record store.
pub struct Worker {
    collector: Collector,
    store: RecordStore,
    /// Records in the store that were counted or cannot be: not opened again.
    seen: BTreeSet<[u8; 32]>,
    /// Acknowledgements in the store that were looked at.
    seen_acks: BTreeSet<[u8; 32]>,
    catalogue: Option<Catalogue>,
    /// The data folder of a node that knows the schools' keys.
    schools: Option<PathBuf>,
}

/// The schools' keys, from a running node or from the verified metadata of a stopped one.
fn known_schools(folder: &Path) -> Result<Vec<SchoolKeys>, String> {
    match control::ask(folder, &control::Request::Schools) {
        Err(AskError::NotRunning { .. }) => {
            engine::known_schools(folder).map_err(|error| error.to_string())
        }
        answer => answer.map_err(|error| error.to_string()),
    }
}

/// The ministry's published folder, and the timestamp that was read last.
struct Catalogue {
    folder: PathBuf,
    read: Vec<u8>,
}

impl Worker {
    /// Opens the collector and the record store in `dir`.
    ///
    /// # Errors
    /// [`RunError::Collect`] or [`RunError::Open`].
    pub fn open(
        dir: &Path,
        secret: CollectionSecret,
        targets: Vec<Target>,
        options: &CollectorOptions,
    ) -> Result<Self, RunError> {
        let store_options = RecordOptions {
            carry_quota_bytes: STORE_BYTES,
            ..RecordOptions::default()
        };
        let ack_key = secret.public().ack;
        let collector = Collector::open(dir, secret, targets, options)?;
        let store = RecordStore::open(&dir.join("records.redb"), store_options)?;
        store.set_ack_keys(vec![ack_key]);
        Ok(Self {
            collector,
            store,
            seen: BTreeSet::new(),
            seen_acks: BTreeSet::new(),
            catalogue: None,
            schools: None,
        })
    }

    /// Closes both stores; their folder can be opened again at once.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// Learns the schools' keys from the node with this data folder, running or stopped, before every round.
    pub fn follow_schools(&mut self, folder: &Path) {
        self.schools = Some(folder.to_owned());
    }

    /// From now on these schools' statements count; what waited for their keys is taken in.
    ///
    /// # Errors
    /// [`RunError::Collect`] when the state cannot be used.
    pub fn know_schools(&mut self, schools: Vec<SchoolKeys>, now: i64) -> Result<(), RunError> {
        Ok(self.collector.set_schools(Schools::new(schools), now)?)
    }

    /// Without the keys registrations wait, and everything else goes on.
    async fn refresh_schools(&mut self, now: i64) -> Result<(), RunError> {
        let Some(folder) = self.schools.clone() else {
            return Ok(());
        };
        match blocking(move || known_schools(&folder)).await {
            Ok(schools) => self.know_schools(schools, now)?,
            Err(reason) => {
                tracing::warn!(%reason, "schools' keys are not known; registrations wait")
            }
        }
        Ok(())
    }

    /// Seals the answers to schools as records of this collector; they leave with the next exchange. A crash in between
    /// repeats an answer, which changes nothing.
    async fn post_answers(&mut self, now: i64) -> Result<usize, RunError> {
        let letters = self.collector.letters()?;
        let count = letters.len();
        for letter in letters {
            let saved = self.store.append_payloads(letter.payloads, letter.to, now);
            self.seen.extend(saved.await?.records.iter().map(|id| id.0));
            self.collector.answered(&letter.numbers)?;
        }
        Ok(count)
    }

    /// Follows the ministry's published folder: lessons' names, and whose records count no more.
    pub fn follow_catalogue(&mut self, folder: &Path) {
        self.catalogue = Some(Catalogue {
            folder: folder.to_owned(),
            read: Vec::new(),
        });
    }

    /// The collector.
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Reads the catalogue when its timestamp is another than the one read last.
    fn refresh_guide(&mut self, now: i64) -> Result<(), RunError> {
        let Some(catalogue) = &mut self.catalogue else {
            return Ok(());
        };
        let timestamp = catalogue.folder.join("metadata/timestamp.json");
        // A missing file is reported by the reading below, with the remedy.
        let there = std::fs::read(timestamp).unwrap_or_default();
        if !there.is_empty() && there == catalogue.read {
            return Ok(());
        }
        let guide = Guide::read(&catalogue.folder, now)?;
        catalogue.read = there;
        self.collector.set_guide(Arc::new(guide), now)?;
        Ok(())
    }

    /// Waits while the sinks take what waits for them.
    ///
    /// # Errors
    /// [`RunError::Sink`] with the first sink that is in trouble.
    pub async fn drain(&mut self) -> Result<(), RunError> {
        let notices = self.collector.notices();
        blocking(move || notices.drain()).await;
        let in_trouble = |sink: SinkStatus| {
            let words = sink.trouble?;
            Some(RunError::Sink {
                words,
                waiting: sink.waiting,
            })
        };
        let sinks = self.collector.sinks();
        sinks.into_iter().find_map(in_trouble).map_or(Ok(()), Err)
    }

    /// Pulls all that a sync point has, counts it, and hands back acknowledgements. `open` gives a stream to
    /// it each time; `peer` is its node id.
    ///
    /// # Errors
    /// [`RunError`]; what was counted until then stays counted.
    pub async fn round<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        peer: [u8; 32],
        clock: impl Fn() -> i64,
        mut open: impl AsyncFnMut() -> Result<S, RunError>,
    ) -> Result<Round, RunError> {
        let mut round = Round::default();
        self.refresh_guide(clock())?;
        self.refresh_schools(clock()).await?;
        loop {
            let mut more = true;
            for _ in 0..PULLS {
                let stats = self.exchange(open().await?, peer, clock()).await?;
                round.pulled += stats.records_in;
                round.acks_given += stats.acks_out;
                more = stats.more;
                // Only what brings records may go on: acknowledgements are due before anything else.
                if !more || stats.records_in == 0 {
                    break;
                }
            }
            let acknowledged = self.count_held(&mut round.report, clock()).await?;
            let answered = self.post_answers(clock()).await?;
            if !more && acknowledged == 0 && answered == 0 {
                self.store.expire(clock()).await?;
                return Ok(round);
            }
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        peer: [u8; 32],
        now: i64,
    ) -> Result<ExchangeStats, RunError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Ok(initiate(stream, &self.store, peer, now, ExchangeLimits::default()).await?)
    }

    /// Counts what the collector's own record store holds and was not counted; returns how many acknowledgements
    /// are new. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`RunError`]; what was counted until then stays counted.
    pub async fn count_held(
        &mut self,
        report: &mut IngestReport,
        now: i64,
    ) -> Result<usize, RunError> {
        self.learn_acks()?;
        // Log by log: a device's word for its log is verified once, and a log grows without gaps to remember.
        let held = self.store.in_log_order();
        let fresh: Vec<_> = held
            .iter()
            .filter(|id| !self.seen.contains(*id))
            .copied()
            .collect();
        let held: BTreeSet<_> = held.into_iter().collect();
        self.seen.retain(|id| held.contains(id));
        // What the sinks have of one part frees its records while the next is opened.
        let mut freeing = Vec::new();
        for part in fresh.chunks(FREED_TOGETHER) {
            self.count(part, report, now)?;
            let acks = self.collector.acknowledge(now);
            freeing.push(self.free(acks, now));
        }
        let notices = self.collector.notices();
        blocking(move || notices.settle(PATIENCE)).await;
        let acks = self.collector.acknowledge(now);
        freeing.push(self.free(acks, now));
        let mut acknowledged = 0;
        for freed in freeing {
            acknowledged += freed
                .await
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        }
        Ok(acknowledged)
    }

    /// Stores acknowledgements, which frees what they cover, beside the work of the caller; tells how many are new.
    fn free(&self, acks: Vec<Ack>, now: i64) -> JoinHandle<Result<usize, StoreFault>> {
        let store = self.store.clone();
        tokio::spawn(async move {
            let mut accepted = 0;
            for acks in acks.chunks(INGEST_BATCH) {
                let acks = acks.iter().map(|ack| ack.to_bytes().to_vec()).collect();
                let stored = store.store(SetKind::Acks, acks, [0; 32], now).await?;
                accepted += stored.accepted;
            }
            Ok(accepted)
        })
    }

    /// Opens the next batch while the last one is committed.
    fn count(
        &mut self,
        fresh: &[[u8; 32]],
        report: &mut IngestReport,
        now: i64,
    ) -> Result<(), RunError> {
        type Batch = Result<Vec<Result<OpenedRecord, Unreadable>>, StoreFault>;
        let (secret, store) = (self.collector.secret.clone(), self.store.clone());
        std::thread::scope(|scope| {
            let (opened, batches) = std::sync::mpsc::sync_channel::<Batch>(1);
            scope.spawn(move || {
                for ids in fresh.chunks(INGEST_BATCH) {
                    let bytes = store.load(SetKind::Records, ids);
                    let batch = bytes.map(|bytes| open_bytes(&bytes, &secret));
                    // The other side stops listening when the state cannot be written.
                    if opened.send(batch).is_err() {
                        return;
                    }
                }
            });
            for ids in fresh.chunks(INGEST_BATCH) {
                let Ok(batch) = batches.recv() else { break };
                report.add(self.collector.count(batch?, now)?);
                self.seen.extend(ids);
            }
            Ok(())
        })
    }

    /// What another collector of this ministry acknowledged is counted; its records may never come here.
    fn learn_acks(&mut self) -> Result<(), RunError> {
        let snapshot = self.store.snapshot(SetKind::Acks);
        let held: BTreeSet<_> = snapshot.entries().iter().map(|entry| entry.id).collect();
        self.seen_acks.retain(|id| held.contains(id));
        let fresh: Vec<_> = held.difference(&self.seen_acks).copied().collect();
        for ids in fresh.chunks(INGEST_BATCH) {
            let mut logs = BTreeMap::new();
            for bytes in self.store.load(SetKind::Acks, ids)? {
                if let Ok(ack) = Ack::parse(&bytes) {
                    logs.insert(ack.log_key, ack.up_to);
                }
            }
            self.collector.state.learn_counted(&logs)?;
            self.seen_acks.extend(ids);
        }
        Ok(())
    }

    /// One round with the records in the data folder of a stopped node.
    ///
    /// # Errors
    /// [`RunError::NoRecords`] when it is no such folder, else as [`Worker::round`].
    pub async fn round_with_folder(
        &mut self,
        folder: &Path,
        clock: impl Fn() -> i64,
    ) -> Result<Round, RunError> {
        let path = folder.join("records.redb");
        if !path.exists() {
            return Err(RunError::NoRecords(folder.to_owned()));
        }
        let theirs = RecordStore::open(&path, RecordOptions::default())?;
        theirs.set_ack_keys(vec![self.collector.secret.public().ack]);
        let now = clock();
        let (streams, mut waiting) = mpsc::unbounded_channel::<tokio::io::DuplexStream>();
        let serving = async {
            while let Some(stream) = waiting.recv().await {
                // The collector's side reports what went wrong.
                drop(
                    respond(
                        stream.compat(),
                        &theirs,
                        [0; 32],
                        now,
                        ExchangeLimits::default(),
                    )
                    .await,
                );
            }
        };
        let rounds = async {
            let result = self
                .round([0; 32], clock, async || {
                    let (ours, other) = tokio::io::duplex(64 << 10);
                    drop(streams.send(other));
                    Ok(ours.compat())
                })
                .await;
            drop(streams);
            result
        };
        let (result, ()) = futures::join!(rounds, serving);
        theirs.close().await;
        result
    }

    /// Joins the mesh as a peer that only dials `sync_point`, and collects: once, or on every hint and
    /// every `period` until the future is dropped. `told` hears of each round.
    ///
    /// # Errors
    /// [`RunError`] when the network cannot start; with `once` also when the round fails. Without `once` a
    /// failed round is told and tried again.
    pub async fn run(
        &mut self,
        plan: &Plan,
        told: &mut dyn FnMut(Result<Round, RunError>),
    ) -> Result<(), RunError> {
        let (net, mut events) = Network::start(self.net_config(plan))?;
        let result = self.follow(plan, &net, &mut events, told).await;
        net.shutdown().await;
        result
    }

    fn net_config(&self, plan: &Plan) -> NetConfig {
        let mut config = NetConfig::new(NodeKey::from_seed(self.collector.state.node_seed()));
        config.listen = Vec::new();
        config.tag.clone_from(&plan.network);
        config.mdns = false;
        config.dial = vec![plan.sync_point.clone()];
        config
    }

    async fn follow(
        &mut self,
        plan: &Plan,
        net: &NetHandle,
        events: &mut mpsc::Receiver<NetEvent>,
        told: &mut dyn FnMut(Result<Round, RunError>),
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let (mut peer, mut last): (Option<NodeId>, Option<Instant>) = (None, None);
        let mut due = started + CONNECT;
        loop {
            match tokio::time::timeout_at(due, events.recv()).await {
                Ok(None) => return Err(RunError::NoAnswer(plan.sync_point.clone())),
                Ok(Some(NetEvent::Connected { peer: there, .. })) => {
                    peer = Some(there);
                    due = Instant::now();
                }
                Ok(Some(NetEvent::Disconnected { peer: gone })) if peer == Some(gone) => {
                    peer = None
                }
                Ok(Some(NetEvent::Hint { .. })) => {
                    due = due.min(last.unwrap_or(started) + HINT_PAUSE)
                }
                Ok(Some(NetEvent::Inbound {
                    peer: there,
                    protocol: Protocol::Records,
                    stream,
                })) => {
                    let limits = ExchangeLimits::default();
                    // The sync point asks as it asks any peer; what it pushed is counted next.
                    let answer = respond(stream, &self.store, there.0, unix_now(), limits).await;
                    if answer.is_ok_and(|stats| stats.records_in > 0) {
                        due = Instant::now();
                    }
                }
                Ok(Some(_)) => {}
                Err(_) => {
                    let round = match peer {
                        Some(peer) => {
                            self.round(peer.0, unix_now, async || {
                                Ok(net.open(peer, Protocol::Records).await?)
                            })
                            .await
                        }
                        None => Err(RunError::NoAnswer(plan.sync_point.clone())),
                    };
                    if plan.once {
                        return round.map(|round| told(Ok(round)));
                    }
                    told(round);
                    last = Some(Instant::now());
                    due = Instant::now() + plan.period;
                }
            }
        }
    }
}

/// How to collect from the mesh.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the sync point listens.
    pub sync_point: Multiaddr,
    /// The network's name.
    pub network: String,
    /// Time between rounds when nothing hints at new records.
    pub period: Duration,
    /// Whether to stop after one round.
    pub once: bool,
}

/// Waits without holding up the runtime.
async fn blocking<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(wait).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// The system clock in Unix seconds.
pub(super) fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
