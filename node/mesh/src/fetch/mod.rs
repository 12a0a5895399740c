//! The fetch planner: which bytes of which file come from whom, and when.
//!
//! Goals: playback first and in order; everything else rarest first with a seeded random start,
//! so that many nodes filling from one take different parts and feed each other; a source that
//! leaves, stalls, lies or is busy is replaced in mid-file; nothing twice outside the end game.
//! Work per event does not grow with the number of files: the queue is walked in bounded steps.
//!
//! - `active` - files that are being fetched now, with the ranges nobody fetches yet
//! - `assign` - finds the next range for a peer with a free slot
//! - `batch` - small files, many in one request
//! - `flights` - ranges on their way, their ends and failures
//! - `put_off` - ranges that a peer would rather not give now
//! - `pace` - how much is in flight altogether
//! - `demand` - windows that somebody waits for
//! - `playing` - what a player gets that has little ahead, and what gives way to it
//! - `room`, `give_way` - the quota, the disk, and what goes when they are not enough
//! - `stored` - what the store says that it holds

mod active;
mod air;
mod assign;
mod batch;
#[cfg(any(test, feature = "testing"))]
mod check;
mod demand;
mod flights;
mod give_way;
mod pace;
mod playing;
mod put_off;
mod room;
mod stored;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pishtar_catalog::BlobHash;

pub(crate) use self::put_off::PutOff;
pub use self::room::Removal;
use self::{active::Active, demand::Demand, flights::Flight, pace::Pace, room::Room};
use crate::{
    choices::Choices,
    desk::Cx,
    event::Event,
    ids::{DemandId, Mono, NodeId, RequestId},
    inventory::{FileIx, Holding, Inventory, QueueKey},
    io::{Output, Priority},
    peers::Peers,
};

/// The planner with all that it plans on.
///
/// Always true between inputs: a file with `queued` stands in `queue` under that key and is
/// wanted, inspected, incomplete, not active, and claimed by a connected peer; every active
/// file's unassigned ranges, flights' ranges and held ranges together cover the file, and
/// unassigned ranges overlap neither of the other two; `reserved` is the sum of the missing bytes
/// of active files.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) inventory: Inventory,
    pub(crate) peers: Peers,
    pub(crate) room: Room,
    queue: BTreeSet<QueueKey>,
    /// The small files among those in `queue`.
    small: BTreeSet<QueueKey>,
    active: BTreeMap<FileIx, Active>,
    /// Active files that are wanted as a whole and have unassigned ranges.
    open: BTreeSet<(Priority, u64, FileIx)>,
    flights: BTreeMap<RequestId, Flight>,
    /// Flights that are not cancelled.
    living: usize,
    /// Places that they take: one for each range, one for each batch.
    flying: usize,
    /// Batches, by the id of their first file, with the number of their living flights.
    batches: BTreeMap<RequestId, usize>,
    pace: Pace,
    /// Raised with every plan: whose turn it is to be asked first.
    turn: usize,
    demands: BTreeMap<DemandId, Demand>,
    urgency: BTreeSet<(Priority, DemandId)>,
    reserved: u64,
    /// Raised when a peer for which nothing was found may find something now.
    epoch: u64,
    activations: u64,
    paused_until: Mono,
    quota_told: bool,
    inspect: VecDeque<FileIx>,
    inspecting: BTreeSet<BlobHash>,
    /// Some walk through the queue was cut short and goes on at once.
    unfinished: bool,
    next_review: Mono,
}

impl Fetch {
    pub(crate) fn new(quota: Option<u64>) -> Self {
        Fetch {
            inventory: Inventory::default(),
            peers: Peers::default(),
            room: Room::new(quota),
            queue: BTreeSet::new(),
            small: BTreeSet::new(),
            active: BTreeMap::new(),
            open: BTreeSet::new(),
            flights: BTreeMap::new(),
            living: 0,
            flying: 0,
            batches: BTreeMap::new(),
            pace: Pace::default(),
            turn: 0,
            demands: BTreeMap::new(),
            urgency: BTreeSet::new(),
            reserved: 0,
            epoch: 1,
            activations: 0,
            paused_until: Mono::default(),
            quota_told: false,
            inspect: VecDeque::new(),
            inspecting: BTreeSet::new(),
            unfinished: false,
            next_review: Mono::default(),
        }
    }

    /// Takes a changed or new role over from the catalogue; withdrawn files lose their demand,
    /// their flights and their bytes.
    pub(crate) fn role_changed(&mut self, cx: &mut Cx<'_>, publisher: &str, role: &str) {
        if let Some(ix) = self.inventory.find_role(publisher, role) {
            crate::holdings::loosen(&self.inventory, &mut self.peers, ix);
        }
        for ix in self.inventory.displace(cx.catalog, publisher, role) {
            self.withdraw(cx, ix);
        }
        let desk = &mut *cx.desk;
        let lost = self
            .inventory
            .replace_role(cx.catalog, publisher, role, || desk.random());
        for ix in lost {
            if self.inventory.is_live(ix) && self.inventory.file(ix).places().is_empty() {
                self.withdraw(cx, ix);
            }
        }
    }

    /// Marks what is followed: after a change of the choices or of the catalogue.
    pub(crate) fn follow(&mut self, cx: &mut Cx<'_>, choices: &Choices) {
        let mut wanted = BTreeSet::new();
        let mut pinned = BTreeSet::new();
        let mut assigned = BTreeSet::new();
        for lesson in cx
            .catalog
            .lessons()
            .filter(|lesson| choices.follows(lesson))
        {
            let known = lesson.files.iter();
            let files = known.filter_map(|file| self.inventory.find(&file.blake3));
            if choices.pins(&lesson.id) {
                pinned.extend(files.clone());
            }
            if choices.assigned.contains(&lesson.id) {
                assigned.extend(files.clone());
            }
            wanted.extend(files);
        }
        let all: Vec<FileIx> = self.inventory.files().map(|(ix, _)| ix).collect();
        for ix in all {
            let want = match wanted.contains(&ix) {
                true if assigned.contains(&ix) => Some(Priority::Assigned),
                true => Some(Priority::Followed),
                false => None,
            };
            if self.inventory.set_want(ix, want, pinned.contains(&ix)) {
                // It may have stood there with another urgency.
                if self.active.contains_key(&ix) {
                    self.open.retain(|(_, _, open)| *open != ix);
                }
                self.inspect_if_unknown(ix);
                self.reopen(ix);
            }
        }
        self.quota_told = false;
        self.news();
        self.retire_unwanted(cx);
    }

    /// Would the quota allow to begin with this file now?
    pub(crate) fn has_room_for(&self, ix: FileIx) -> bool {
        self.active.contains_key(&ix) || self.fits(ix)
    }

    /// Files in flight from a peer with their number of ranges.
    pub(crate) fn flights_from(&self, peer: NodeId) -> BTreeMap<FileIx, usize> {
        let mut files = BTreeMap::new();
        for flight in self
            .flights
            .values()
            .filter(|flight| flight.peer == peer && !flight.cancelled)
        {
            *files.entry(flight.file).or_insert(0) += 1;
        }
        files
    }

    /// A peer connected; what it holds is not known yet.
    pub(crate) fn connected(&mut self, peer: NodeId) -> bool {
        self.peers.connect(peer)
    }

    /// A peer is gone: its flights are lost and its claims with it.
    pub(crate) fn disconnected(&mut self, cx: &mut Cx<'_>, peer: NodeId) {
        // The shell still tells how they ended, and what of them it stored.
        let lost: Vec<RequestId> = self.flights_of(peer).collect();
        for request in lost {
            self.cancel(cx, request);
        }
        let Some(gone) = self.peers.disconnect(&peer) else {
            return;
        };
        for ix in gone.claimed(&self.inventory) {
            self.requeue(ix);
        }
    }

    /// Claims of a peer about these files changed.
    pub(crate) fn claims_changed(&mut self, peer: NodeId, files: Vec<FileIx>) {
        if files.is_empty() {
            return;
        }
        for ix in files {
            self.requeue(ix);
        }
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.link.idle_epoch = 0;
        }
    }

    /// When the planner has something to do without an input.
    pub(crate) fn next_deadline(
        &self,
        cx: &crate::Config,
        ledger: &crate::ledger::Ledger,
        now: Mono,
    ) -> Option<Mono> {
        let stalls = self
            .flights
            .values()
            .filter_map(|flight| flight.stalls_at(cx.stall_after));
        let pauses = self
            .peers
            .iter()
            .filter_map(|(peer, _)| ledger.get(peer)?.pause);
        let pauses = pauses.map(|(until, _)| until).filter(|until| *until > now);
        let put_off = self.peers.iter();
        let put_off = put_off.filter_map(|(_, peer)| peer.link.put_off.next_deadline());
        let paused = (self.paused_until > now).then_some(self.paused_until);
        let review = (self.flying > 0).then_some(self.next_review);
        let unfinished = self.unfinished.then_some(now);
        stalls
            .chain(pauses)
            .chain(put_off)
            .chain(paused)
            .chain(review)
            .chain(unfinished)
            .chain(self.room.next_deadline())
            .min()
    }

    /// Puts a file into or takes it out of the queue, as its state and the claims of its peers demand.
    pub(crate) fn requeue(&mut self, ix: FileIx) {
        let key = self.queue_key(ix);
        let file = self.inventory.file_mut(ix);
        let old = std::mem::replace(&mut file.queued, key);
        if old == key {
            return;
        }
        let small = batch::is_small(file.length);
        if let Some(old) = old {
            self.queue.remove(&old);
            self.small.remove(&old);
        }
        if let Some(key) = key {
            self.queue.insert(key);
            if small {
                self.small.insert(key);
            }
            if old.is_none() {
                self.wake(ix);
            }
        }
    }

    /// Where a file stands in the queue. Who has it is counted for those alone that could stand there: of most files
    /// nobody asks.
    fn queue_key(&self, ix: FileIx) -> Option<QueueKey> {
        let file = self.inventory.file(ix);
        let want = file.want?;
        if !file.is_known() || file.is_complete() || self.active.contains_key(&ix) {
            return None;
        }
        let providers = self.peers.providers(&self.inventory, ix);
        (providers > 0).then_some((want, providers, file.shuffle, ix))
    }

    fn inspect_if_unknown(&mut self, ix: FileIx) {
        if self.inventory.file(ix).holding == Holding::Unknown {
            self.inspect.push_back(ix);
        }
    }

    /// All peers for which nothing was found are looked at again.
    fn news(&mut self) {
        self.epoch += 1;
    }

    /// Peers that claim something of a file are looked at again.
    fn wake(&mut self, ix: FileIx) {
        let inventory = &self.inventory;
        for (_, peer) in self
            .peers
            .iter_mut()
            .filter(|(_, peer)| peer.has_any(inventory, ix))
        {
            peer.link.idle_epoch = 0;
        }
    }

    fn withdraw(&mut self, cx: &mut Cx<'_>, ix: FileIx) {
        let of_file = self.flights.iter().filter(|(_, flight)| flight.file == ix);
        let late = of_file.clone().map(|(_, flight)| flight.range.clone());
        let late: u64 = late.map(|range| range.end - range.start).sum();
        let lost: Vec<(RequestId, bool)> = of_file
            .map(|(id, flight)| (*id, flight.cancelled))
            .collect();
        for (request, cancelled) in lost {
            if !cancelled {
                cx.desk.push(Output::CancelRange { request });
            }
            self.drop_flight(request);
        }
        self.demands_of_file_end(ix);
        self.deactivate(ix);
        self.unbook(ix);
        if let Some(key) = self.inventory.file_mut(ix).queued.take() {
            self.queue.remove(&key);
            self.small.remove(&key);
        }
        for (_, peer) in self.peers.iter_mut() {
            peer.forget(ix);
        }
        let Some(file) = self.inventory.remove_if_unplaced(ix) else {
            return;
        };
        self.inspecting.remove(&file.hash);
        if self.inventory.is_leaving(&file.hash) {
            return;
        }
        // Unknown is not nothing: a restart may have left bytes of it.
        let bytes = match file.is_known() {
            true => (file.counted_bytes() + late).min(file.length),
            false => file.length,
        };
        if bytes > 0 || file.held_bytes() > 0 {
            self.inventory.leave(file.hash, bytes);
            cx.desk.push(Output::RemoveBlob { hash: file.hash });
        }
    }

    fn completed(&mut self, cx: &mut Cx<'_>, ix: FileIx) {
        self.deactivate(ix);
        self.requeue(ix);
        let hash = self.inventory.file(ix).hash;
        // Files whose last range still reports are counted when it has, so that the lesson is told of once.
        let has = |file: &pishtar_catalog::LessonFile| {
            let found = self.inventory.find(&file.blake3);
            found.is_some_and(|ix| {
                self.inventory.file(ix).is_complete() && !self.active.contains_key(&ix)
            })
        };
        let lessons = cx.catalog.files(&hash).map(|(lesson, _)| lesson);
        let complete: BTreeSet<_> = lessons
            .filter(|lesson| lesson.files.iter().all(has))
            .map(|lesson| lesson.id.clone())
            .collect();
        for lesson in complete {
            cx.tell(Event::LessonComplete { lesson });
        }
    }
}
