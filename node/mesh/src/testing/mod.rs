//! A small world: meshes on virtual time, joined by modelled links, with named faults.
//!
//! Lesson bytes are symbolic: a store knows ranges, not contents, and a transfer of a lying node
//! ends as wrong bytes do. Metadata is real and really signed. The same seed and script give the
//! same [`World::digest`].

mod actions;
mod ministry;
mod node;
mod theft;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pishtar_catalog::{BlobHash, Selection};

pub use self::{
    ministry::{Ministry, blob_of},
    node::{Node, Store},
};
use crate::{
    Attachment, Config, Event, FetchFailure, FolderId, Input, Mono, NodeId, Now, RequestId,
    Restored, wire::HoldingsQuery,
};

/// Wall clock at the start of the world.
pub const WORLD_START: i64 = 1_795_464_000;
/// A transfer reports progress this often; on slow lines sooner.
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
    /// It claims a newer catalogue and serves the old one that lies in its folder.
    Replay,
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
    /// Bytes of a cancelled transfer that the disk still takes before its end is told of.
    pub late_bytes: u64,
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
    /// A blob that is off the disk by then.
    Removal {
        hash: BlobHash,
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
            late_bytes: 0,
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
            publishers: vec![(ministry.id().to_owned(), ministry.pinned())],
            blobs: Some(Vec::new()),
            ..Restored::default()
        };
        self.nodes.push(Node::new(config, self.clock(), restored));
        self.input(at, Input::SetFollow(vec![Selection::all()]));
        at
    }

    /// Kills a node that is connected to nobody and starts it anew with what is on its disk; it
    /// pins `ministry` again and learns the catalogue again.
    pub fn restart(&mut self, at: At, ministry: &Ministry) {
        let restored = Restored {
            publishers: vec![("ministry".to_owned(), ministry.pinned())],
            ..Restored::default()
        };
        let config = self.nodes[at].config.clone();
        let clock = self.clock();
        let fresh = Node::new(config, clock, restored);
        let old = std::mem::replace(&mut self.nodes[at], fresh);
        self.nodes[at].store = old.store;
        self.nodes[at].repeated_bytes = old.repeated_bytes;
        self.pending.retain(|_, (whose, _)| *whose != at);
        self.input(at, Input::SetFollow(vec![Selection::all()]));
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

    /// The clocks of one node, whose date may be wrong.
    pub fn clock_of(&self, at: At) -> Now {
        let clock = self.clock();
        Now {
            wall: clock.wall.saturating_add(self.nodes[at].clock_ahead),
            ..clock
        }
    }

    /// Sets the date of one node; it runs on from there.
    pub fn set_clock(&mut self, at: At, wall: i64) {
        self.nodes[at].clock_ahead = wall.saturating_sub(self.clock().wall);
    }

    /// Lets time pass, with all that happens in it.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now.0.saturating_add(time);
        self.run_until(until, |_| false);
        self.now = Mono(until);
    }

    /// Digest of every input and output so far: equal histories, equal digests.
    pub fn digest(&self) -> blake3::Hash {
        self.history.finalize()
    }

    /// Lets a node seed from a published folder, or shows it a new version there.
    pub fn publish_to(&mut self, at: At, ministry: &Ministry) {
        self.nodes[at].folder = ministry.files();
        self.nodes[at].folder_of = ministry.id().to_owned();
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
            for (at, peer, of) in [(a, id_b, b), (b, id_a, a)] {
                let attachment = self.nodes[of].config.attachment;
                if attachment != Attachment::Unknown {
                    self.input(at, Input::PeerAttached { peer, attachment });
                }
            }
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
        let now = self.clock_of(at);
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
