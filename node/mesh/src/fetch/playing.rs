//! Somebody presses play, or seeks: little at first, in order, and nothing else on the line meanwhile.

use std::{ops::Range, time::Duration};

use super::{Fetch, active::first_run, assign::Pick, demand::Demand};
use crate::{
    desk::Cx,
    ids::{DemandId, Mono, NodeId, RequestId},
    inventory::{FileIx, Holding},
    io::Priority,
    spread::Ask,
};

/// Ranges for somebody who waits are about so long at the peer's rate: a seek leaves little behind, and what is needed
/// next does not share the line with much.
const RANGE_TIME: Duration = Duration::from_millis(200);
/// The shortest, in bytes: two of them are [`FLIGHT_BYTES`], so that one arrives while the next is asked for.
const MIN_RANGE_BYTES: u64 = 32 * 1024;
/// The longest, in bytes.
const MAX_RANGE_BYTES: u64 = 512 * 1024;
/// Those from a peer of unknown rate, in bytes; one at a time, as on a slow line they are all that waits there.
const FIRST_RANGE_BYTES: u64 = 128 * 1024;
/// Until a player has got this much, each peer gives it one range: several would share the line, and the first bytes
/// would come as late as the last ones.
const START_BYTES: u64 = 128 * 1024;
/// Until it has got this much, each peer gives it [`EARLY_RANGES`]; with less than this ahead of it nothing else is begun.
/// Four seconds of a video of 2 Mbit/s.
const COMFORT_BYTES: u64 = 1024 * 1024;
/// The second range is asked for while the first arrives.
const EARLY_RANGES: usize = 2;
/// While so much is on its way as arrives in this time, no further range is begun for a player: a seek waits behind what
/// is on its way, and so do the pictures and captions of the page.
const FLIGHT_TIME: Duration = Duration::from_millis(300);
/// So much may be, whatever the rate: on a line with a long delay the rate would sink with what is asked for.
const FLIGHT_BYTES: u64 = 64 * 1024;
/// A range without a byte for this long does not keep the rest waiting.
const QUIET: Duration = Duration::from_secs(2);

impl Fetch {
    /// Bytes of the next range of a window that somebody watches, from a peer of this rate; `None` while what that peer
    /// has on its way is enough.
    pub(super) fn playback_size(
        &self,
        peer: NodeId,
        rate: u64,
        now: Mono,
        demand: &Demand,
    ) -> Option<u64> {
        let got = demand.window.start - demand.from + self.ahead(demand);
        let most = match got {
            _ if got < START_BYTES || rate == 0 => 1,
            _ if !self.may_add(FLIGHT_TIME, FLIGHT_BYTES, now) => 0,
            _ if got < COMFORT_BYTES => EARLY_RANGES,
            _ => usize::MAX,
        };
        let own = self.flights_for(demand.file).filter(|flight| {
            flight.peer == peer
                && flight.ask == Ask::Playback
                && touch(&flight.rest(), &demand.window)
        });
        let millis = u64::try_from(RANGE_TIME.as_millis()).unwrap_or(u64::MAX);
        let size = match rate {
            0 => FIRST_RANGE_BYTES,
            rate => rate.saturating_mul(millis) / 1_000,
        };
        (own.count() < most).then_some(size.clamp(MIN_RANGE_BYTES, MAX_RANGE_BYTES))
    }

    /// Is there something for a player that this peer may have, and that is asked for when less is on its way?
    pub(super) fn held_back(&self, peer: NodeId) -> bool {
        let Some(peer) = self.peers.get(&peer) else {
            return false;
        };
        self.players().any(|(_, demand)| {
            let active = self.active.get(&demand.file);
            let run =
                active.and_then(|active| first_run(&active.free, None, demand.window.clone()));
            run.is_some() && peer.has_any(&self.inventory, demand.file)
        })
    }

    /// Who has least ahead is served first.
    pub(super) fn driest_first(&self, players: &mut [DemandId]) {
        let ahead = |id: &DemandId| {
            let demand = self.demands.get(id);
            demand.map_or(0, |demand| self.ahead(demand).min(COMFORT_BYTES))
        };
        players.sort_by_cached_key(ahead);
    }

    /// What a player needs next comes slowly or not at all: this peer gives it too, when it would be sooner.
    pub(super) fn rescue(&self, cx: &mut Cx<'_>, peer: NodeId, demand: &Demand) -> Option<Pick> {
        let ahead = self.ahead(demand);
        if ahead >= START_BYTES {
            return None;
        }
        let gap = demand.window.start + ahead;
        let next = gap..gap + START_BYTES;
        let pick = self.duplicate(cx, peer, demand.file, |rest| touch(rest, &next))?;
        Some(Pick {
            ask: Ask::Playback,
            ..pick
        })
    }

    /// Is something on its way for a player that has next to nothing ahead? Then all else can wait.
    pub(super) fn player_waits(&self, now: Mono) -> bool {
        self.players().any(|(_, demand)| {
            let near = near(&demand.window);
            let comes = |flight: &super::Flight| {
                touch(&flight.rest(), &near) && now.since(flight.last_byte) < QUIET
            };
            self.ahead(demand) < near.end - near.start && self.flights_for(demand.file).any(comes)
        })
    }

    /// A player begins or seeks: what is on its way elsewhere gives the line to it.
    pub(super) fn give_way_to_player(&mut self, cx: &mut Cx<'_>, id: DemandId) {
        let Some(demand) = self.demands.get(&id) else {
            return;
        };
        let has = |peer: &crate::peers::Peer| peer.has_any(&self.inventory, demand.file);
        let comes = self.peers.iter().any(|(_, peer)| has(peer));
        let lacks = self.ahead(demand) < START_BYTES.min(demand.window.end - demand.window.start);
        if !lacks || !comes {
            return;
        }
        let (file, near) = (demand.file, near(&demand.window));
        let helps = |flight: &super::Flight| {
            let rest = flight.rest();
            (flight.file == file && touch(&rest, &near))
                || self.players().any(|(other, demand)| {
                    *other != id && demand.file == flight.file && touch(&rest, &demand.window)
                })
        };
        let flights = self.flights.iter();
        let others: Vec<RequestId> = flights
            .filter(|(_, flight)| !flight.cancelled && !helps(flight))
            .map(|(request, _)| *request)
            .collect();
        for request in others {
            self.cancel(cx, request);
        }
    }

    /// A player is gone: ranges that were asked for its sake alone are not worth the line any more.
    pub(super) fn player_left(&mut self, cx: &mut Cx<'_>, file: FileIx) {
        let watched = |flight: &super::Flight| {
            self.players()
                .any(|(_, demand)| demand.file == file && touch(&flight.rest(), &demand.window))
        };
        let flights = self.flights.iter();
        let idle: Vec<RequestId> = flights
            .filter(|(_, flight)| {
                flight.file == file
                    && !flight.cancelled
                    && flight.ask == Ask::Playback
                    && !watched(flight)
            })
            .map(|(request, _)| *request)
            .collect();
        for request in idle {
            self.cancel(cx, request);
        }
    }

    fn players(&self) -> impl Iterator<Item = (&DemandId, &Demand)> {
        let first = (Priority::Playback, DemandId(0));
        let last = (Priority::Playback, DemandId(u64::MAX));
        let ids = self.urgency.range(first..=last);
        ids.filter_map(|(_, id)| self.demands.get_key_value(id))
    }

    /// Held bytes from the start of a window on, up to the first gap.
    fn ahead(&self, demand: &Demand) -> u64 {
        let window = demand.window.clone();
        let held = match &self.inventory.file(demand.file).holding {
            Holding::Partial(held) => held.gaps(window.clone()).next(),
            Holding::Complete | Holding::Referenced => None,
            _ => Some(window.clone()),
        };
        held.map_or(window.end, |gap| gap.start) - window.start
    }
}

/// The part of a window that is watched next.
fn near(window: &Range<u64>) -> Range<u64> {
    window.start..window.end.min(window.start + COMFORT_BYTES)
}

fn touch(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}
