//! Finds the next range for every peer with a free slot.

use std::{
    borrow::Cow,
    ops::{Bound, Range},
    time::Duration,
};

use super::{
    Fetch,
    active::{cut, first_run},
};
use crate::{
    desk::Cx,
    ids::{DemandId, NodeId, RequestId},
    inventory::{FileIx, QueueKey},
    io::Priority,
    peers::{Claim, Peer},
    spread::Ask,
};

/// Queue entries looked at per peer and event; the walk goes on at once in a further event.
const MAX_WALK: usize = 2_048;
/// A walk shorter than this starts over next time, so that new rare files are not passed by.
const SHORT_WALK: usize = 256;
/// A flight is only duplicated when it is expected to last longer than this.
const MIN_WORTH_DUPLICATING: Duration = Duration::from_millis(300);
/// A peer of this rate keeps all its slots busy.
const FAST_BYTES_PER_SECOND: u64 = 8_000_000;
/// With more flights than this a file of a batch is not worth looking for a second source.
const MANY_FLIGHTS: usize = 128;
/// Most peers that fetch the same bytes at one time.
pub(super) const MAX_COPIES: usize = 2;

/// A decision: this range of this file from this peer.
pub(super) struct Pick {
    pub(super) file: FileIx,
    pub(super) range: Range<u64>,
    /// Others fetch these bytes already.
    pub(super) duplicate: bool,
    /// How to ask, as far as the file's demands say.
    pub(super) ask: Ask,
}

/// What a look at a peer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// New work.
    New,
    /// Ranges at which others are slow.
    Slow,
}

impl Fetch {
    /// Gives every peer with a free slot something to do, one range per peer and round.
    pub(crate) fn plan(&mut self, cx: &mut Cx<'_>) {
        self.end_stalled(cx);
        self.keep_within(cx);
        let now = cx.mono();
        for (_, peer) in self.peers.iter_mut() {
            if peer.link.put_off.expire(now) {
                peer.link.idle_epoch = 0;
            }
        }
        self.unfinished = false;
        if self.paused_until > now || self.disk_is_full() {
            return;
        }
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        // Most inputs change nothing that a peer could be asked for.
        if self.peers.iter().any(|(_, peer)| !self.is_idle(peer)) {
            let mut peers = self.peers.ids();
            let first = turn % peers.len().max(1);
            peers.rotate_left(first);
            while !peers.is_empty() {
                peers.retain(|peer| self.plan_one(cx, *peer, Look::New));
            }
        }
        if self.next_review <= now {
            self.next_review = now.plus(cx.config.review_interval);
            if self.flights.is_empty() && self.demands.is_empty() {
                return;
            }
            for peer in self.peers.ids() {
                self.plan_one(cx, peer, Look::Slow);
            }
        }
    }

    /// Was nothing found for this peer, and did nothing change since?
    fn is_idle(&self, peer: &Peer) -> bool {
        peer.link.idle_epoch == self.epoch
    }

    /// Starts one range from `peer`; false when it is full or nothing fits it.
    fn plan_one(&mut self, cx: &mut Cx<'_>, peer: NodeId, look: Look) -> bool {
        if self.flying >= cx.config.max_ranges {
            return false;
        }
        let Some(state) = self.peers.get(&peer) else {
            return false;
        };
        if look == Look::New && self.is_idle(state) {
            return false;
        }
        let flights = state.link.flights;
        let account = cx.ledger.account(peer);
        if account.is_paused(cx.now.mono) {
            return false;
        }
        let rate = account.rate;
        let slots = slots(cx.config, rate);
        if flights >= slots && self.demands.is_empty() {
            return false;
        }
        let room = flights < slots && self.may_begin(cx.config, cx.mono());
        let playback_room = flights < slots + cx.config.playback_extra_ranges;
        if !playback_room {
            return false;
        }
        let size = range_size(cx.config, rate);
        let pick = match look {
            Look::New => self.pick(cx, peer, size, room),
            Look::Slow => self.pick_slow(cx, peer, size, room),
        };
        let Some(pick) = pick else { return false };
        self.launch_with_others(cx, peer, pick);
        true
    }

    fn pick(&mut self, cx: &mut Cx<'_>, peer: NodeId, size: u64, room: bool) -> Option<Pick> {
        let urgent = self.pick_for_demands(cx, peer, size, Priority::Playback..=Priority::Playback);
        if urgent.is_some() || !room || self.player_waits(cx.now.mono) {
            return urgent;
        }
        let found = self.pick_for_demands(cx, peer, size, Priority::Assigned..=Priority::Followed);
        let found = found.or_else(|| self.pick_of_active(cx, peer, size));
        let found = found.or_else(|| self.pick_of_queue(cx, peer, size));
        let found = found.or_else(|| {
            self.pick_for_demands(cx, peer, size, Priority::Prefetch..=Priority::Prefetch)
        });
        let found = found.or_else(|| self.end_game(cx, peer));
        if found.is_none() && !self.unfinished_for(peer) && !self.held_back(peer) {
            let epoch = self.epoch;
            if let Some(state) = self.peers.get_mut(&peer) {
                state.link.idle_epoch = epoch;
            }
        }
        found
    }

    /// Help with what others are slow at; nothing new to walk through.
    fn pick_slow(&mut self, cx: &mut Cx<'_>, peer: NodeId, size: u64, room: bool) -> Option<Pick> {
        let urgent = self.pick_for_demands(cx, peer, size, Priority::Playback..=Priority::Playback);
        let room = room && !self.player_waits(cx.now.mono);
        urgent.or_else(|| if room { self.end_game(cx, peer) } else { None })
    }

    fn pick_for_demands(
        &mut self,
        cx: &mut Cx<'_>,
        peer: NodeId,
        size: u64,
        priorities: std::ops::RangeInclusive<Priority>,
    ) -> Option<Pick> {
        let (first, last) = (*priorities.start(), *priorities.end());
        let span = (first, DemandId(0))..=(last, DemandId(u64::MAX));
        let mut ids: Vec<DemandId> = self.urgency.range(span).map(|(_, id)| *id).collect();
        if first == Priority::Playback {
            self.driest_first(&mut ids);
        }
        ids.into_iter()
            .find_map(|id| self.pick_for_demand(cx, peer, size, id))
    }

    fn pick_for_demand(
        &mut self,
        cx: &mut Cx<'_>,
        peer: NodeId,
        size: u64,
        id: DemandId,
    ) -> Option<Pick> {
        let demand = self.demands.get(&id)?.clone();
        if self.inventory.file(demand.file).is_complete() {
            return None;
        }
        if matches!(
            self.peers.get(&peer)?.claim(&self.inventory, demand.file),
            Claim::Nothing
        ) {
            return None;
        }
        let waits = demand.priority != Priority::Playback && self.spares_air(cx, peer, demand.file);
        if waits || !self.activate(cx, demand.file) {
            return None;
        }
        if demand.priority == Priority::Playback
            && let Some(pick) = self.rescue(cx, peer, &demand)
        {
            return Some(pick);
        }
        let state = self.peers.get(&peer)?;
        let part = match state.claim(&self.inventory, demand.file) {
            Claim::Part(ranges) => Some(ranges),
            _ => None,
        };
        let active = self.active.get(&demand.file)?;
        let (free, size, ask) = match demand.priority {
            Priority::Playback => (
                Cow::Borrowed(&active.free),
                self.playback_size(peer, cx.ledger.account(peer).rate, cx.now.mono, &demand)?,
                Ask::Playback,
            ),
            _ => (
                state.link.put_off.without(demand.file, &active.free),
                size,
                Ask::Any,
            ),
        };
        if let Some(run) = first_run(&free, part, demand.window.clone()) {
            return Some(Pick {
                file: demand.file,
                range: cut(run, size),
                duplicate: false,
                ask,
            });
        }
        if demand.priority != Priority::Playback {
            return None;
        }
        let in_window =
            |range: &Range<u64>| range.start < demand.window.end && range.end > demand.window.start;
        let pick = self.duplicate(cx, peer, demand.file, in_window)?;
        Some(Pick {
            ask: Ask::Playback,
            ..pick
        })
    }

    fn pick_of_active(&self, cx: &Cx<'_>, peer: NodeId, size: u64) -> Option<Pick> {
        let state = self.peers.get(&peer)?;
        self.open.iter().find_map(|&(_, _, file)| {
            if self.spares_air(cx, peer, file) {
                return None;
            }
            let range = self.choose(file, state, size)?;
            Some(Pick {
                file,
                range,
                duplicate: false,
                ask: Ask::Any,
            })
        })
    }

    /// Walks the queue in its order until a file that this peer has and the quota has room for.
    fn pick_of_queue(&mut self, cx: &mut Cx<'_>, peer: NodeId, size: u64) -> Option<Pick> {
        let link = &self.peers.get(&peer)?.link;
        let (mut at, began) = match link.walk {
            Some((key, began)) => (Some(key), began),
            None => (None, self.epoch),
        };
        for step in 0..MAX_WALK {
            let Some(key) = self.next_queued(at) else {
                self.set_walk(peer, None);
                return None;
            };
            at = Some(key);
            let file = key.3;
            let state = self.peers.get(&peer)?;
            if matches!(state.claim(&self.inventory, file), Claim::Nothing)
                || self.spares_air(cx, peer, file)
                || !self.activate(cx, file)
            {
                continue;
            }
            self.set_walk(peer, (step >= SHORT_WALK).then_some((key, began)));
            let range = self.choose(file, self.peers.get(&peer)?, size);
            if let Some(range) = range {
                return Some(Pick {
                    file,
                    range,
                    duplicate: false,
                    ask: Ask::Any,
                });
            }
        }
        self.set_walk(peer, at.map(|key| (key, began)));
        self.unfinished = true;
        None
    }

    fn next_queued(&self, after: Option<QueueKey>) -> Option<QueueKey> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.queue.range((from, Bound::Unbounded)).next().copied()
    }

    fn set_walk(&mut self, peer: NodeId, walk: Option<(QueueKey, u64)>) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.link.walk = walk;
        }
    }

    fn unfinished_for(&self, peer: NodeId) -> bool {
        self.unfinished
            && self
                .peers
                .get(&peer)
                .is_some_and(|state| state.link.walk.is_some())
    }

    /// Nothing is left to hand out to this peer: it helps with a slow range of a file that is
    /// otherwise all on its way.
    fn end_game(&self, cx: &mut Cx<'_>, peer: NodeId) -> Option<Pick> {
        let many = self.flights.len() > MANY_FLIGHTS;
        let flights = self.flights.values();
        let flights = flights.filter(|flight| !many || flight.batch.is_none());
        let mut files: Vec<FileIx> = flights.map(|flight| flight.file).collect();
        files.dedup();
        files.into_iter().find_map(|file| {
            let last = self.active.get(&file)?.free.is_empty();
            if last && !self.spares_air(cx, peer, file) {
                self.duplicate(cx, peer, file, |_| true)
            } else {
                None
            }
        })
    }

    /// A second source for a flight of `file` that this peer would end sooner.
    pub(super) fn duplicate(
        &self,
        cx: &mut Cx<'_>,
        peer: NodeId,
        file: FileIx,
        matters: impl Fn(&Range<u64>) -> bool,
    ) -> Option<Pick> {
        let state = self.peers.get(&peer)?;
        let mine = cx.ledger.account(peer).rate;
        let part = match state.claim(&self.inventory, file) {
            Claim::Whole => None,
            Claim::Part(ranges) => Some(ranges),
            Claim::Nothing => return None,
        };
        let flights = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.file == file && !flight.cancelled);
        flights
            .filter(|(_, flight)| flight.peer != peer)
            .find_map(|(&request, flight)| {
                let rest = flight.rest();
                if state.link.put_off.touches(file, &rest) {
                    return None;
                }
                if rest.is_empty() || !matters(&rest) || self.copies(request) >= MAX_COPIES {
                    return None;
                }
                let theirs = cx.ledger.account(flight.peer).rate;
                let quiet = cx.now.mono.since(flight.last_byte);
                let bytes = rest.end - rest.start;
                let left = expected(bytes, theirs).max(quiet);
                if left < MIN_WORTH_DUPLICATING || left < expected(bytes, mine) * 2 {
                    return None;
                }
                if part.is_some_and(|part| !part.covers(rest.clone())) {
                    return None;
                }
                Some(Pick {
                    file,
                    range: rest,
                    duplicate: true,
                    ask: Ask::Any,
                })
            })
    }

    /// Number of flights that fetch bytes of this flight's rest, itself included.
    fn copies(&self, request: RequestId) -> usize {
        let Some(flight) = self.flights.get(&request) else {
            return 0;
        };
        let rest = flight.rest();
        let same = |other: &&super::Flight| {
            let theirs = other.rest();
            !other.cancelled
                && other.file == flight.file
                && theirs.start < rest.end
                && rest.start < theirs.end
        };
        self.flights.values().filter(same).count()
    }
}

/// Ranges in flight for a peer of this rate. What is asked of a slow or unknown one waits in its
/// line; what is not asked of it yet can still be asked of others, and is less often what they ask for too.
fn slots(config: &crate::Config, rate: u64) -> usize {
    if rate < FAST_BYTES_PER_SECOND {
        (config.ranges_per_peer * 3).div_ceil(4)
    } else {
        config.ranges_per_peer
    }
}

/// Bytes of a range for a peer of this rate: about `range_time` long.
fn range_size(config: &crate::Config, rate: u64) -> u64 {
    if rate == 0 {
        return config.first_range_bytes;
    }
    let millis = u64::try_from(config.range_time.as_millis()).unwrap_or(u64::MAX);
    let bytes = rate.saturating_mul(millis) / 1_000;
    // A peer of middling rate still gets whole pieces: rarity is weighed in these.
    let floor = if rate < config.min_range_bytes * 4 {
        config.min_range_bytes
    } else {
        config.first_range_bytes
    };
    bytes.clamp(floor.min(config.max_range_bytes), config.max_range_bytes)
}

/// How long `bytes` take at `rate` bytes per second; an unknown rate counts as 1 MB/s.
fn expected(bytes: u64, rate: u64) -> Duration {
    let rate = if rate == 0 { 1_000_000 } else { rate };
    Duration::from_micros(bytes.saturating_mul(1_000_000) / rate)
}
