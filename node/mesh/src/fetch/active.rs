//! Files that are being fetched now.

use std::ops::Range;

use super::Fetch;
use crate::{
    config::GROUP_BYTES,
    desk::{Cx, mixed},
    inventory::FileIx,
    peers::{Claim, Peer},
    ranges::RangeSet,
};

/// Files active at one time beside those on their way; beyond it, files without flights go back to the queue.
const MAX_ACTIVE: usize = 256;
/// Unit in which rarity within a file is weighed.
const PIECE_BYTES: u64 = 1024 * 1024;
/// Pieces weighed per choice, so that a choice in a huge file stays cheap.
const MAX_PIECES_WEIGHED: usize = 512;

/// A file that is being fetched.
#[derive(Debug)]
pub(crate) struct Active {
    /// Ranges that are neither held nor on their way.
    pub(super) free: RangeSet,
    /// Where this node starts in the file: seeded chance, so that many nodes start apart.
    pub(super) start: u64,
    /// Seeded chance: orders equally rare pieces, differently at every node. In order of place
    /// all nodes would ask one seed for the same last pieces at the same time.
    pub(super) salt: u64,
    /// Order of activation: what was begun first is finished first.
    pub(super) since: u64,
}

impl Fetch {
    /// Makes a file active when the quota has room for all of it.
    pub(super) fn activate(&mut self, cx: &mut Cx<'_>, ix: FileIx) -> bool {
        if self.active.contains_key(&ix) {
            return true;
        }
        let file = self.inventory.file(ix);
        if !file.is_known() || file.is_complete() {
            return false;
        }
        let missing = file.missing_bytes();
        if !self.make_room(cx, ix) {
            return false;
        }
        self.unbook(ix);
        let file = self.inventory.file(ix);
        let pieces = file.length.div_ceil(PIECE_BYTES).max(1);
        let salt = cx.desk.random();
        let start = salt % pieces * PIECE_BYTES;
        self.activations += 1;
        let active = Active {
            free: file.missing(),
            start,
            salt,
            since: self.activations,
        };
        self.reserved += missing;
        self.active.insert(ix, active);
        self.requeue(ix);
        self.reopen(ix);
        self.shed_active(ix);
        true
    }

    /// Ends the activity of a file; what was in flight must have ended before.
    pub(super) fn deactivate(&mut self, ix: FileIx) {
        let Some(active) = self.active.remove(&ix) else {
            return;
        };
        let file = self.inventory.file(ix);
        self.reserved -= file.missing_bytes();
        if let Some(want) = file.want {
            self.open.remove(&(want, active.since, ix));
        }
        self.open.retain(|(_, _, open)| *open != ix);
    }

    /// Brings `open` in line with the state of a file.
    pub(super) fn reopen(&mut self, ix: FileIx) {
        let Some(active) = self.active.get(&ix) else {
            self.requeue(ix);
            return;
        };
        let since = active.since;
        let is_open = !active.free.is_empty();
        match self.inventory.file(ix).want {
            Some(want) if is_open => {
                self.open.insert((want, since, ix));
            }
            Some(want) => {
                self.open.remove(&(want, since, ix));
            }
            None => self.open.retain(|(_, _, open)| *open != ix),
        }
    }

    /// Takes a file's bytes out of the reservation before its holding is replaced.
    pub(super) fn release(&mut self, ix: FileIx) {
        if self.active.contains_key(&ix) {
            self.reserved -= self.inventory.file(ix).missing_bytes();
        }
    }

    /// Brings an active file in line with a holding that was replaced.
    pub(super) fn resume(&mut self, ix: FileIx) {
        if !self.active.contains_key(&ix) {
            return;
        }
        let file = self.inventory.file(ix);
        self.reserved += file.missing_bytes();
        let mut free = file.missing();
        for flight in self
            .flights
            .values()
            .filter(|flight| flight.file == ix && !flight.cancelled)
        {
            free.remove(flight.range.clone());
        }
        if let Some(active) = self.active.get_mut(&ix) {
            active.free = free;
        }
        self.reopen(ix);
    }

    /// Active files that nobody wants any more stop; their held bytes stay.
    pub(super) fn retire_unwanted(&mut self, cx: &mut Cx<'_>) {
        let idle: Vec<FileIx> = self
            .active
            .keys()
            .copied()
            .filter(|ix| !self.is_wanted(*ix))
            .collect();
        for ix in idle {
            self.stop(cx, ix);
        }
    }

    /// Chooses up to `max` bytes for a peer out of `free`: rarest piece first, from the file's
    /// own start point on.
    pub(super) fn choose(&self, ix: FileIx, peer: &Peer, max: u64) -> Option<Range<u64>> {
        let active = self.active.get(&ix)?;
        let length = self.inventory.file(ix).length;
        let part = match peer.claim(&self.inventory, ix) {
            Claim::Whole => None,
            Claim::Part(ranges) => Some(ranges),
            Claim::Nothing => return None,
        };
        let put_off = &peer.link.put_off;
        let free = put_off.without(ix, &active.free);
        let advised = put_off
            .advice(ix)
            .and_then(|window| first_run(&free, part, window));
        if let Some(run) = advised {
            return Some(cut(run, max));
        }
        let rivals: Vec<&RangeSet> = self.peers.parts(ix).collect();
        let from_start = runs(&free, part, active.start..length);
        let around = runs(&free, part, 0..active.start);
        let mut ordered = from_start.chain(around);
        if rivals.is_empty() {
            return ordered.next().map(|run| cut(run, max));
        }
        let pieces = ordered.flat_map(pieces).take(MAX_PIECES_WEIGHED);
        let copies = |at: u64| rivals.iter().filter(|ranges| ranges.contains(at)).count();
        let order = |at: u64| (copies(at), mixed((at / PIECE_BYTES) ^ active.salt));
        let rarest = pieces.min_by_key(|piece| order(piece.start))?;
        let run = first_run(&free, part, rarest.start..rarest.start + max)?;
        Some(cut(run, max))
    }

    fn is_wanted(&self, ix: FileIx) -> bool {
        self.inventory.file(ix).want.is_some()
            || self.demands.values().any(|demand| demand.file == ix)
    }

    /// Sends one idle file back to the queue when too many are active.
    fn shed_active(&mut self, keep: FileIx) {
        if self.active.len() <= MAX_ACTIVE + self.flights.len() {
            return;
        }
        let flying = |ix: FileIx| self.flights.values().any(|flight| flight.file == ix);
        let demanded = |ix: FileIx| self.demands.values().any(|demand| demand.file == ix);
        let idle = self
            .active
            .keys()
            .copied()
            .find(|ix| *ix != keep && !flying(*ix) && !demanded(*ix));
        if let Some(ix) = idle {
            self.deactivate(ix);
            self.requeue(ix);
        }
    }
}

/// Runs of `free` within `window` that the peer has, rising; `None` is a whole holder.
fn runs<'a>(
    free: &'a RangeSet,
    part: Option<&'a RangeSet>,
    window: Range<u64>,
) -> impl Iterator<Item = Range<u64>> + 'a {
    free.within(window)
        .flat_map(move |run| -> Box<dyn Iterator<Item = Range<u64>> + 'a> {
            match part {
                None => Box::new(std::iter::once(run)),
                Some(part) => Box::new(part.within(run)),
            }
        })
}

/// Splits a run at piece boundaries.
fn pieces(run: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = run.start;
    std::iter::from_fn(move || {
        if at >= run.end {
            return None;
        }
        let end = ((at / PIECE_BYTES + 1) * PIECE_BYTES).min(run.end);
        let piece = at..end;
        at = end;
        Some(piece)
    })
}

/// The first `max` bytes of a run, ending at a group boundary unless the run ends there.
pub(super) fn cut(run: Range<u64>, max: u64) -> Range<u64> {
    let end = run.start + (max / GROUP_BYTES * GROUP_BYTES).max(GROUP_BYTES);
    run.start..end.min(run.end)
}

/// First run within `window`, for windows that somebody waits for.
pub(super) fn first_run(
    free: &RangeSet,
    part: Option<&RangeSet>,
    window: Range<u64>,
) -> Option<Range<u64>> {
    runs(free, part, window).next()
}
