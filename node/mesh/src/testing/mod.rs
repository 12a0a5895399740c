//! A small world: meshes on virtual time, joined by modelled links, with named faults.
//!
//! Lesson bytes are symbolic: a store knows ranges, not contents, and a transfer of a lying node
//! ends as wrong bytes do. Metadata is real and really signed. The same seed and script give the
//! same [`World::digest`].

mod ministry;
mod node;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use pishtar_catalog::{BlobHash, Selection};

pub use self::{
    ministry::{Ministry, blob_of},
    node::{Node, Store},
};
use crate::{
    Config, Event, ExchangeStats, FetchFailure, FolderId, Held, Input, MetaAnswer, MetaAsk,
    MetaFailure, Mono, NodeId, Now, Output, RequestId, Restored, Source, config::GROUP_BYTES,
    wire::HoldingsQuery,
};

/// Wall clock at the start of the world.
pub const WORLD_START: i64 = 1_795_464_000;
/// A transfer reports progress this often.
const PROGRESS_BYTES: u64 = 256 * 1024;

/// Number of a node in its world.
pub type At = usize;

/// What goes wrong at a node, from the side of those that ask it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Its lesson bytes are wrong.
    LieBlobs,
    /// Its metadata is garbled.
    LieMeta,
    /// It says busy to every range.
    Busy,
    /// It accepts ranges and never sends a byte.
    Stall,
    /// It does not answer questions for metadata and holdings.
    Mute,
}

/// One modelled direction of the world.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Time of one message.
    pub delay: Duration,
    /// Bytes per second that a node can send in all.
    pub up_rate: u64,
}

/// A world of nodes.
#[derive(Debug)]
pub struct World {
    now: Mono,
    seed: u64,
    serial: u64,
    link: Link,
    nodes: Vec<Node>,
    links: BTreeSet<(At, At)>,
    pending: BTreeMap<(Mono, u64), (At, Pending)>,
    /// Blob bytes sent per (from, to).
    pub sent: BTreeMap<(At, At), u64>,
    history: blake3::Hasher,
    /// Assert every node's invariants after every input; slow with many files.
    pub check: bool,
}

/// Something on its way to a node.
#[derive(Debug, Clone)]
enum Pending {
    Input(Input),
    /// A question for holdings that waits at the answerer.
    Question {
        asker: At,
        request: RequestId,
        query: HoldingsQuery,
    },
    /// A transfer whose next bytes arrive.
    Transfer {
        request: RequestId,
    },
}

impl World {
    /// An empty world; `seed` is for all nodes' chance.
    pub fn new(seed: u64, link: Link) -> Self {
        World {
            now: Mono::default(),
            seed,
            serial: 0,
            link,
            nodes: Vec::new(),
            links: BTreeSet::new(),
            pending: BTreeMap::new(),
            sent: BTreeMap::new(),
            history: blake3::Hasher::new(),
            check: true,
        }
    }

    /// Adds a node that pinned `ministry` and follows everything; `change` shapes its config.
    pub fn add(&mut self, ministry: &Ministry, change: impl FnOnce(&mut Config)) -> At {
        let at = self.nodes.len();
        let mut seed = [at as u8; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut config = Config::new(NodeId(*blake3::hash(&seed).as_bytes()), seed);
        change(&mut config);
        let restored = Restored {
            publishers: vec![("ministry".to_owned(), ministry.pinned())],
            blobs: Some(Vec::new()),
            ..Restored::default()
        };
        self.nodes.push(Node::new(config, self.clock(), restored));
        self.input(at, Input::SetFollow(vec![Selection::all()]));
        at
    }

    /// A node.
    pub fn node(&self, at: At) -> &Node {
        &self.nodes[at]
    }

    /// A node, to set its faults or store.
    pub fn node_mut(&mut self, at: At) -> &mut Node {
        &mut self.nodes[at]
    }

    /// Time since the start.
    pub fn time(&self) -> Duration {
        self.now.0
    }

    /// The clocks of this world.
    pub fn clock(&self) -> Now {
        Now {
            mono: self.now,
            wall: WORLD_START + self.now.0.as_secs() as i64,
        }
    }

    /// Digest of every input and output so far: equal histories, equal digests.
    pub fn digest(&self) -> blake3::Hash {
        self.history.finalize()
    }

    /// Lets a node seed from a published folder, or shows it a new version there.
    pub fn publish_to(&mut self, at: At, ministry: &Ministry) {
        self.nodes[at].folder = ministry.files();
        self.nodes[at].folder_blobs = ministry.blobs().into_iter().collect();
        self.input(
            at,
            Input::FolderChanged {
                folder: FolderId(0),
            },
        );
    }

    /// Connects two nodes.
    pub fn connect(&mut self, a: At, b: At) {
        if a != b && self.links.insert((a.min(b), a.max(b))) {
            let (id_a, id_b) = (self.nodes[a].id(), self.nodes[b].id());
            self.input(a, Input::PeerConnected { peer: id_b });
            self.input(b, Input::PeerConnected { peer: id_a });
        }
    }

    /// Disconnects two nodes; transfers between them break.
    pub fn disconnect(&mut self, a: At, b: At) {
        if self.links.remove(&(a.min(b), a.max(b))) {
            for (at, other) in [(a, b), (b, a)] {
                let peer = self.nodes[other].id();
                let broken = self.nodes[at].break_transfers(peer);
                for (request, held) in broken {
                    let result = Err(FetchFailure::Disconnected);
                    self.input(
                        at,
                        Input::RangeFinished {
                            request,
                            result,
                            held,
                        },
                    );
                }
                self.input(at, Input::PeerDisconnected { peer });
            }
        }
    }

    /// Gives a node an input now and carries out what it decides.
    pub fn input(&mut self, at: At, input: Input) {
        self.history
            .update(format!("{:?} {at} < {input:?}\n", self.now).as_bytes());
        let now = self.clock();
        self.nodes[at].mesh.handle(now, input);
        while let Some(output) = self.nodes[at].mesh.poll_output() {
            self.history
                .update(format!("{:?} {at} > {output:?}\n", self.now).as_bytes());
            self.output(at, output);
        }
        if self.check {
            self.nodes[at].mesh.check();
        }
    }

    /// Runs until `done` or until `limit` since the start; says whether `done` came true.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&World) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            let Some(next) = self.next_time() else {
                return false;
            };
            if next.0 > limit {
                self.now = Mono(limit);
                return done(self);
            }
            self.now = self.now.max(next);
            self.step();
        }
    }

    /// Do all these nodes hold these blobs?
    pub fn all_hold(&self, nodes: &[At], blobs: &[(BlobHash, u64)]) -> bool {
        let holds = |at: &At| {
            blobs
                .iter()
                .all(|(hash, length)| self.nodes[*at].mesh.held_bytes(hash) == *length)
        };
        nodes.iter().all(holds)
    }

    fn next_time(&self) -> Option<Mono> {
        let now = self.clock();
        let deadlines = self
            .nodes
            .iter()
            .filter_map(|node| node.mesh.next_deadline(now));
        let pending = self.pending.keys().next().map(|(at, _)| *at);
        deadlines.chain(pending).min()
    }

    fn step(&mut self) {
        if let Some(entry) = self.pending.first_entry()
            && entry.key().0 <= self.now
        {
            let (at, pending) = entry.remove();
            self.arrive(at, pending);
            return;
        }
        let now = self.clock();
        let due = |node: &Node| {
            node.mesh
                .next_deadline(now)
                .is_some_and(|at| at <= now.mono)
        };
        if let Some(at) = self.nodes.iter().position(due) {
            self.input(at, Input::Tick);
        }
    }

    fn later(&mut self, after: Duration, at: At, pending: Pending) {
        self.serial += 1;
        self.pending
            .insert((self.now.plus(after), self.serial), (at, pending));
    }

    fn find(&self, id: NodeId) -> Option<At> {
        self.nodes.iter().position(|node| node.id() == id)
    }

    fn linked(&self, a: At, b: At) -> bool {
        self.links.contains(&(a.min(b), a.max(b)))
    }

    fn output(&mut self, at: At, output: Output) {
        let (delay, soon) = (self.link.delay, Duration::from_millis(1));
        match output {
            Output::RequestMeta {
                request,
                source,
                ask,
                ..
            } => {
                if let Some((after, result)) = self.answer_meta(at, source, &ask) {
                    self.later(
                        after,
                        at,
                        Pending::Input(Input::MetaArrived { request, result }),
                    );
                }
            }
            Output::InstallCatalog {
                publisher,
                files,
                removed,
            } => {
                self.nodes[at].install(files, &removed);
                self.later(
                    soon,
                    at,
                    Pending::Input(Input::CatalogInstalled {
                        publisher,
                        result: Ok(()),
                    }),
                );
            }
            Output::CatalogChanged { diff, .. } => {
                self.nodes[at].withdrawn.extend(diff.withdrawn);
                for (hash, _) in self.nodes[at].folder_blobs.clone() {
                    let held = Held::Referenced;
                    self.later(soon, at, Pending::Input(Input::BlobState { hash, held }));
                }
            }
            Output::PublishHint(hint) => {
                let peer = self.nodes[at].id();
                for other in 0..self.nodes.len() {
                    if other != at && self.linked(at, other) {
                        let hint = hint.clone();
                        self.later(
                            delay,
                            other,
                            Pending::Input(Input::HintHeard { peer, hint }),
                        );
                    }
                }
            }
            Output::RequestHoldings {
                request,
                peer,
                query,
            } => self.ask_holdings(at, request, peer, query),
            Output::HoldingsChanged { .. } => self.answer_waiting(at),
            Output::InspectBlob { hash, length } => {
                let held = self.nodes[at].inspect(&hash, length);
                self.later(soon, at, Pending::Input(Input::BlobState { hash, held }));
            }
            Output::FetchRange {
                request,
                peer,
                hash,
                length,
                range,
            } => {
                self.start_transfer(at, request, peer, hash, length, range);
            }
            Output::CancelRange { request } => {
                if let Some(held) = self.nodes[at].end_transfer(request) {
                    let result = Err(FetchFailure::Cancelled);
                    self.later(
                        soon,
                        at,
                        Pending::Input(Input::RangeFinished {
                            request,
                            result,
                            held,
                        }),
                    );
                }
            }
            Output::RemoveBlob { hash } => self.nodes[at].store.remove(&hash),
            Output::ExchangeRecords { request, peer } => self.exchange(at, request, peer),
            Output::Event(event) => self.nodes[at].events.push(event),
        }
    }

    fn answer_meta(
        &mut self,
        at: At,
        source: Source,
        ask: &MetaAsk,
    ) -> Option<(Duration, Result<MetaAnswer, MetaFailure>)> {
        let peer = match source {
            Source::Folder(_) => {
                return Some((
                    Duration::from_millis(1),
                    Ok(self.nodes[at].folder_answer(ask)),
                ));
            }
            Source::Peer(peer) => peer,
        };
        let Some(other) = self.find(peer).filter(|other| self.linked(at, *other)) else {
            return Some((self.link.delay, Err(MetaFailure::Disconnected)));
        };
        if self.nodes[other].fault == Fault::Mute {
            return None;
        }
        Some((self.link.delay * 2, Ok(self.nodes[other].meta_answer(ask))))
    }

    fn ask_holdings(&mut self, at: At, request: RequestId, peer: NodeId, query: HoldingsQuery) {
        let linked = self.find(peer).filter(|other| self.linked(at, *other));
        match linked {
            Some(other) if self.nodes[other].fault != Fault::Mute => {
                self.later(
                    self.link.delay,
                    other,
                    Pending::Question {
                        asker: at,
                        request,
                        query,
                    },
                );
            }
            Some(_) => {}
            None => {
                let result = Err("the connection went away".to_owned());
                self.later(
                    self.link.delay,
                    at,
                    Pending::Input(Input::HoldingsArrived { request, result }),
                );
            }
        }
    }

    /// Answers at once, or keeps the question until there is news or its wait is over.
    fn question(&mut self, at: At, asker: At, request: RequestId, query: HoldingsQuery) {
        if self.nodes[at].mesh.holdings_must_wait(&query) && query.wait_ms > 0 {
            let wait = Duration::from_millis(u64::from(query.wait_ms));
            let again = HoldingsQuery {
                wait_ms: 0,
                ..query.clone()
            };
            self.later(
                wait,
                at,
                Pending::Question {
                    asker,
                    request,
                    query: again,
                },
            );
            self.nodes[at].waiting.push((asker, request, query));
            return;
        }
        self.nodes[at]
            .waiting
            .retain(|(_, waiting, _)| *waiting != request);
        let answer = self.nodes[at].mesh.answer_holdings(&query);
        if self.linked(at, asker) {
            let input = Input::HoldingsArrived {
                request,
                result: Ok(answer),
            };
            self.later(self.link.delay, asker, Pending::Input(input));
        }
    }

    fn answer_waiting(&mut self, at: At) {
        for (asker, request, query) in std::mem::take(&mut self.nodes[at].waiting) {
            let query = HoldingsQuery {
                wait_ms: 0,
                ..query
            };
            self.question(at, asker, request, query);
        }
    }

    fn start_transfer(
        &mut self,
        at: At,
        request: RequestId,
        peer: NodeId,
        hash: BlobHash,
        length: u64,
        range: Range<u64>,
    ) {
        assert!(
            range.start.is_multiple_of(GROUP_BYTES),
            "ranges start at groups"
        );
        assert!(
            range.end.is_multiple_of(GROUP_BYTES) || range.end == length,
            "ranges end at groups"
        );
        assert!(
            range.start < range.end && range.end <= length,
            "ranges lie in the file"
        );
        let provider = self.find(peer).filter(|other| self.linked(at, *other));
        let refusal = match provider {
            None => Some(FetchFailure::Disconnected),
            Some(other) => self.nodes[other].refusal(&hash, length, &range),
        };
        if let Some(refusal) = refusal {
            let input = Input::RangeFinished {
                request,
                result: Err(refusal),
                held: Vec::new(),
            };
            self.later(self.link.delay * 2, at, Pending::Input(input));
            return;
        }
        self.nodes[at].begin_transfer(request, peer, hash, length, range);
        self.next_bytes(at, request);
    }

    /// Books the sender's line for the next bytes of a transfer.
    fn next_bytes(&mut self, at: At, request: RequestId) {
        let Some((peer, bytes, first)) = self.nodes[at].next_bytes(request, PROGRESS_BYTES) else {
            return;
        };
        let Some(other) = self.find(peer) else { return };
        if self.nodes[other].fault == Fault::Stall {
            return;
        }
        let round_trip = if first {
            self.link.delay * 2
        } else {
            Duration::ZERO
        };
        let begin = self.nodes[other].line_free.max(self.now);
        let end = begin.plus(Duration::from_nanos(
            bytes.saturating_mul(1_000_000_000) / self.link.up_rate,
        ));
        self.nodes[other].line_free = end;
        *self.sent.entry((other, at)).or_default() += bytes;
        self.later(
            end.since(self.now) + round_trip,
            at,
            Pending::Transfer { request },
        );
    }

    fn transfer(&mut self, at: At, request: RequestId) {
        let Some((hash, done, ended)) = self.nodes[at].take_bytes(request, PROGRESS_BYTES) else {
            return;
        };
        if !ended {
            self.input(
                at,
                Input::RangeProgress {
                    request,
                    bytes: done,
                },
            );
            self.next_bytes(at, request);
            return;
        }
        let held = self.nodes[at].store.ranges(&hash);
        self.input(
            at,
            Input::RangeFinished {
                request,
                result: Ok(()),
                held,
            },
        );
    }

    fn exchange(&mut self, at: At, request: RequestId, peer: NodeId) {
        let Some(other) = self.find(peer).filter(|other| self.linked(at, *other)) else {
            let input = Input::RecordsExchanged {
                request,
                result: Err("the connection went away".to_owned()),
            };
            self.later(self.link.delay, at, Pending::Input(input));
            return;
        };
        let ours = self.nodes[at].records.clone();
        let theirs = self.nodes[other].records.clone();
        let stats = ExchangeStats {
            records_sent: ours.difference(&theirs).count() as u64,
            records_received: theirs.difference(&ours).count() as u64,
            ..ExchangeStats::default()
        };
        let input = Input::RecordsExchanged {
            request,
            result: Ok(stats),
        };
        self.later(self.link.delay * 4, at, Pending::Input(input));
        for (who, gained) in [(at, &theirs), (other, &ours)] {
            if self.nodes[who].add_records(gained.iter().copied()) {
                let changed = self.nodes[who].records_changed();
                self.later(self.link.delay * 4, who, Pending::Input(changed));
            }
        }
    }

    fn arrive(&mut self, at: At, pending: Pending) {
        match pending {
            Pending::Input(input) => self.input(at, input),
            Pending::Question {
                asker,
                request,
                query,
            } => self.question(at, asker, request, query),
            Pending::Transfer { request } => self.transfer(at, request),
        }
    }

    /// Adds a record at a node, as if a learner had worked there.
    pub fn add_record(&mut self, at: At, record: u64) {
        self.nodes[at].add_records([record].into_iter());
        let changed = self.nodes[at].records_changed();
        self.input(at, changed);
    }

    /// Events of a node so far.
    pub fn events(&self, at: At) -> &[Event] {
        &self.nodes[at].events
    }
}
