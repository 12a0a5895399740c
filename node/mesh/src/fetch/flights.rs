//! Ranges on their way: launch, progress, ends and failures.

use std::{ops::Range, time::Duration};

use super::{Fetch, assign::Pick};
use crate::{
    desk::Cx,
    event::Event,
    ids::{Mono, NodeId, RequestId},
    inventory::{FileIx, Holding, whole_groups},
    io::{FetchFailure, Held, Output},
    ledger::{FaultKind, PauseReason},
    ranges::RangeSet,
    spread::Ask,
};

/// After our own disk refused, nothing is fetched for this long.
const DISK_PAUSE: Duration = Duration::from_secs(5);

/// A range on its way.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) peer: NodeId,
    pub(crate) file: FileIx,
    pub(super) range: Range<u64>,
    /// Verified bytes from the start of the range.
    pub(super) done: u64,
    pub(super) last_byte: Mono,
    /// Others fetch these bytes too, on purpose.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "read by the invariants that tests check")
    )]
    pub(super) duplicate: bool,
    pub(super) ask: Ask,
    /// The first file of the batch that it comes in.
    pub(super) batch: Option<RequestId>,
    /// We gave it up; its end is still to come.
    pub(super) cancelled: bool,
}

impl Flight {
    /// What has not arrived yet.
    pub(super) fn rest(&self) -> Range<u64> {
        (self.range.start + self.done).min(self.range.end)..self.range.end
    }

    pub(super) fn stalls_at(&self, after: Duration) -> Option<Mono> {
        (!self.cancelled).then(|| self.last_byte.plus(after))
    }
}

impl Fetch {
    /// Flights of a peer, cancelled ones included.
    pub(super) fn flights_of(&self, peer: NodeId) -> impl Iterator<Item = RequestId> + '_ {
        let of_peer = move |(_, flight): &(&RequestId, &Flight)| flight.peer == peer;
        self.flights.iter().filter(of_peer).map(|(id, _)| *id)
    }

    /// Living flights of a file.
    pub(crate) fn flights_for(&self, ix: FileIx) -> impl Iterator<Item = &Flight> {
        self.flights
            .values()
            .filter(move |flight| flight.file == ix && !flight.cancelled)
    }

    pub(super) fn launch(&mut self, cx: &mut Cx<'_>, peer: NodeId, pick: Pick) {
        let file = self.inventory.file(pick.file);
        let (hash, length) = (file.hash, file.length);
        let range = pick.range.clone();
        let (request, ask) = self.begin_flight(cx, peer, pick, None);
        cx.desk.push(Output::FetchRange {
            request,
            peer,
            hash,
            length,
            range,
            ask,
        });
    }

    /// Notes what is on its way from now on; `batch` is given for a file of one, with its first file if this is not it.
    pub(super) fn begin_flight(
        &mut self,
        cx: &mut Cx<'_>,
        peer: NodeId,
        pick: Pick,
        batch: Option<Option<RequestId>>,
    ) -> (RequestId, Ask) {
        let request = cx.desk.request();
        if !pick.duplicate
            && let Some(active) = self.active.get_mut(&pick.file)
        {
            active.free.remove(pick.range.clone());
            if active.free.is_empty() {
                self.reopen(pick.file);
            }
        }
        let ask = self.way_to_ask(peer, pick.file, &pick.range, pick.ask);
        let flight = Flight {
            peer,
            file: pick.file,
            range: pick.range,
            done: 0,
            last_byte: cx.now.mono,
            duplicate: pick.duplicate,
            ask,
            batch: batch.map(|first| first.unwrap_or(request)),
            cancelled: false,
        };
        self.take_place(cx, &flight);
        self.flights.insert(request, flight);
        (request, ask)
    }

    /// A range that the peer put off and that nobody else brought is insisted on.
    fn way_to_ask(&mut self, peer: NodeId, file: FileIx, range: &Range<u64>, ask: Ask) -> Ask {
        let Some(state) = self.peers.get_mut(&peer) else {
            return ask;
        };
        let put_off = &mut state.link.put_off;
        let waited = put_off.waited_for(file, range);
        put_off.asked(file, range);
        if ask == Ask::Any && waited {
            Ask::This
        } else {
            ask
        }
    }

    /// Verified bytes of a range arrived.
    pub(crate) fn progress(&mut self, cx: &mut Cx<'_>, request: RequestId, bytes: u64) {
        let Some(flight) = self.flights.get_mut(&request) else {
            return;
        };
        let bytes = bytes.min(flight.range.end - flight.range.start);
        if bytes <= flight.done {
            return;
        }
        let news = bytes - flight.done;
        flight.done = bytes;
        flight.last_byte = cx.now.mono;
        let (file, peer) = (flight.file, flight.peer);
        let arrived = flight.range.start..flight.range.start + bytes;
        cx.ledger.account(peer).received(cx.now.mono, news);
        self.pace.received(cx.now.mono, news);
        self.gain(file, arrived);
    }

    /// A range ended.
    pub(crate) fn finished(
        &mut self,
        cx: &mut Cx<'_>,
        request: RequestId,
        result: Result<(), FetchFailure>,
        held: Vec<Range<u64>>,
    ) {
        if result.is_ok() {
            self.progress(cx, request, u64::MAX);
        }
        let Some(flight) = self.flights.get(&request).cloned() else {
            return;
        };
        let was_complete = self.inventory.file(flight.file).missing_bytes() == 0;
        for range in held.iter().cloned() {
            self.gain(flight.file, range);
        }
        self.drop_flight(request);
        match result {
            Ok(()) => cx.ledger.account(flight.peer).succeeded(),
            // What was cancelled on our side says nothing about the peer.
            Err(FetchFailure::LocalDisk(reason)) => {
                self.disk_failed(cx, reason);
                self.not_stored(cx, &flight, &held);
                self.look_again(cx, flight.file);
            }
            Err(_) if flight.cancelled => {}
            Err(failure) => self.failed(cx, &flight, failure),
        }
        self.cancel_losers(cx, flight.file);
        let file = self.inventory.file(flight.file);
        if file.is_complete() && (!was_complete || self.active.contains_key(&flight.file)) {
            self.completed(cx, flight.file);
        }
    }

    /// Gives up flights without a verified byte for too long.
    pub(super) fn end_stalled(&mut self, cx: &mut Cx<'_>) {
        let limit = cx.config.stall_after;
        let now = cx.now.mono;
        let late = |flight: &Flight| flight.stalls_at(limit).is_some_and(|at| at <= now);
        let stalled: Vec<_> = self
            .flights
            .iter()
            .filter(|(_, flight)| late(flight))
            .map(|(id, flight)| (*id, flight.peer))
            .collect();
        // A disk that refused a moment ago holds up what comes: that is nobody's fault.
        let ours = self.paused_until > Mono::default() && self.paused_until.plus(limit) > now;
        for (request, peer) in stalled {
            self.cancel(cx, request);
            let account = cx.ledger.account(peer);
            if !ours && !account.is_paused(now) {
                account.pause(now, PauseReason::Stalled);
                cx.ledger.fault(cx.now, peer, FaultKind::Stalled);
            }
        }
    }

    /// Gives a flight up; its range is free again unless somebody else fetches it.
    pub(super) fn cancel(&mut self, cx: &mut Cx<'_>, request: RequestId) {
        let Some(flight) = self.flights.get_mut(&request) else {
            return;
        };
        if std::mem::replace(&mut flight.cancelled, true) {
            return;
        }
        let (file, peer, range) = (flight.file, flight.peer, flight.range.clone());
        let batch = flight.batch;
        cx.desk.push(Output::CancelRange { request });
        self.leave_place(peer, batch);
        self.free_again(file, range);
    }

    /// Forgets a flight whose end came or cannot come any more.
    pub(super) fn drop_flight(&mut self, request: RequestId) {
        let Some(flight) = self.flights.remove(&request) else {
            return;
        };
        if flight.cancelled {
            return;
        }
        self.leave_place(flight.peer, flight.batch);
        self.free_again(flight.file, flight.range);
    }

    /// Counts verified bytes as held.
    fn gain(&mut self, ix: FileIx, range: Range<u64>) {
        let range = whole_groups(range, self.inventory.file(ix).length);
        let gained = self.inventory.add_held(ix, range.clone());
        if gained == 0 {
            return;
        }
        self.room.arrived(gained);
        let Some(active) = self.active.get_mut(&ix) else {
            return;
        };
        self.reserved -= gained;
        active.free.remove(range);
        self.reopen(ix);
    }

    /// Gives the part of a range back that is neither held nor on its way.
    fn free_again(&mut self, ix: FileIx, range: Range<u64>) {
        if !self.active.contains_key(&ix) {
            return;
        }
        let mut rest = self.inventory.file(ix).missing_within(range);
        for flight in self
            .flights
            .values()
            .filter(|flight| flight.file == ix && !flight.cancelled)
        {
            rest.remove(flight.range.clone());
        }
        if rest.is_empty() {
            return;
        }
        if let Some(active) = self.active.get_mut(&ix) {
            for run in rest.iter() {
                active.free.insert(run);
            }
        }
        self.reopen(ix);
        self.wake(ix);
    }

    /// Cancels flights all of whose rest has arrived from somebody else.
    fn cancel_losers(&mut self, cx: &mut Cx<'_>, ix: FileIx) {
        let file = self.inventory.file(ix);
        let of_file = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.file == ix && !flight.cancelled);
        let lost = |flight: &Flight| match &file.holding {
            Holding::Partial(held) => held.covers(flight.rest()),
            _ => true,
        };
        let losers: Vec<RequestId> = of_file
            .filter(|(_, flight)| lost(flight))
            .map(|(id, _)| *id)
            .collect();
        for request in losers {
            self.cancel(cx, request);
        }
    }

    fn failed(&mut self, cx: &mut Cx<'_>, flight: &Flight, failure: FetchFailure) {
        let (now, peer) = (cx.now.mono, flight.peer);
        match failure {
            FetchFailure::Busy => cx.ledger.account(peer).pause(now, PauseReason::Busy),
            FetchFailure::Absent | FetchFailure::Denied => {
                if let Some(state) = self.peers.get_mut(&peer) {
                    state.drop_claim(&self.inventory, flight.file);
                }
                self.requeue(flight.file);
                cx.ledger.account(peer).pause(now, PauseReason::Refused);
            }
            FetchFailure::WrongBytes => self.lied(cx, flight),
            FetchFailure::Rather(advice) => self.put_off(cx, flight, advice),
            FetchFailure::Stalled | FetchFailure::Disconnected => {
                cx.ledger.account(peer).pause(now, PauseReason::Stalled);
                if failure == FetchFailure::Stalled {
                    cx.ledger.fault(cx.now, peer, FaultKind::Stalled);
                }
            }
            FetchFailure::Cancelled | FetchFailure::LocalDisk(_) => {}
        }
    }

    /// The peer would rather give something else. One that says so when we insist, or without end, is busy.
    fn put_off(&mut self, cx: &mut Cx<'_>, flight: &Flight, advice: Option<Range<u64>>) {
        let length = self.inventory.file(flight.file).length;
        let inside = |advice: Range<u64>| advice.start.min(length)..advice.end.min(length);
        let advice = advice.map(|advice| whole_groups(inside(advice), length));
        let advice = advice.filter(|advice| !advice.is_empty());
        let Some(state) = self.peers.get_mut(&flight.peer) else {
            return;
        };
        state.link.idle_epoch = 0;
        let put_off = &mut state.link.put_off;
        let now = cx.now.mono;
        let heard =
            flight.ask == Ask::Any && put_off.add(now, flight.file, flight.range.clone(), advice);
        if !heard {
            cx.ledger.account(flight.peer).pause(now, PauseReason::Busy);
        }
    }

    fn lied(&mut self, cx: &mut Cx<'_>, flight: &Flight) {
        let hash = self.inventory.file(flight.file).hash;
        let path = cx.path_of(&hash);
        let peer = flight.peer;
        cx.ledger.fault(
            cx.now,
            peer,
            FaultKind::WrongBytes {
                hash,
                path: path.clone(),
            },
        );
        cx.ledger
            .account(peer)
            .pause(cx.now.mono, PauseReason::WrongBytes);
        cx.tell(Event::WrongBytes { peer, hash, path });
        // Its other ranges are in doubt too: honest peers take them over now, not at the timeout.
        let others: Vec<RequestId> = self.flights_of(peer).collect();
        for request in others {
            self.cancel(cx, request);
        }
    }

    /// Verified bytes were counted as held that did not reach the disk: but for `held`, all of the range is missing.
    fn not_stored(&mut self, cx: &mut Cx<'_>, flight: &Flight, held: &[Range<u64>]) {
        let file = self.inventory.file(flight.file);
        let elsewhere = matches!(file.holding, Holding::Referenced);
        if elsewhere || !file.is_known() || self.inventory.is_leaving(&file.hash) {
            return;
        }
        let mut lost = RangeSet::default();
        lost.insert(flight.range.clone());
        held.iter().for_each(|range| lost.remove(range.clone()));
        let mut kept = RangeSet::default();
        kept.insert(0..file.length);
        for range in file.missing().iter().chain(lost.iter()) {
            kept.remove(range);
        }
        let hash = file.hash;
        let kept = Held::Partial(kept.iter().collect());
        self.blob_state(cx, hash, kept);
    }

    /// Other ranges may have lost bytes with it: the store says what it has.
    fn look_again(&mut self, cx: &mut Cx<'_>, ix: FileIx) {
        let file = self.inventory.file(ix);
        let (hash, length) = (file.hash, file.length);
        cx.desk.push(Output::InspectBlob { hash, length });
    }

    fn disk_failed(&mut self, cx: &mut Cx<'_>, reason: String) {
        if self.paused_until <= cx.now.mono {
            cx.tell(Event::DiskFailed { reason });
        }
        self.paused_until = cx.now.mono.plus(DISK_PAUSE);
    }
}
