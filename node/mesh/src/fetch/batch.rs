//! Small files move together: one request for many of them, rather than one round trip each.
//!
//! A batch takes one of its peer's places, and each of its files is a range on its way like any other: it is
//! cancelled, freed and counted by itself.

use std::ops::Bound;

use super::{Fetch, assign::Pick, flights::Flight};
use crate::{
    config::{MAX_BATCH_BYTES, MAX_BATCH_FILES, SMALL_FILE_BYTES},
    desk::Cx,
    ids::{NodeId, RequestId},
    inventory::FileIx,
    io::{FetchFailure, Output, Priority, WantedFile},
    peers::Claim,
    spread::Ask,
};

/// Batches on their way at one time: bounds the files that are begun. Further small files come one by one.
const MAX_BATCHES: usize = 8;
/// A batch takes about so many times the bytes that its peer gives in a second.
const SECONDS: u64 = 1;
/// Bytes of a batch for slow peers and those of unknown rate.
const MIN_BATCH_BYTES: u64 = 512 * 1024;
/// Queued small files looked at for one batch.
const MAX_WALK: usize = 1_024;

impl Fetch {
    /// Starts what was picked, and with a small file as many others as go into one request.
    pub(super) fn launch_with_others(&mut self, cx: &mut Cx<'_>, peer: NodeId, pick: Pick) {
        let others = self.others_for(cx, peer, &pick);
        if others.is_empty() {
            self.launch(cx, peer, pick);
            return;
        }
        let mut files = Vec::with_capacity(others.len() + 1);
        let mut batch = None;
        for ix in std::iter::once(pick.file).chain(others) {
            let file = self.inventory.file(ix);
            let (hash, length) = (file.hash, file.length);
            let pick = Pick {
                file: ix,
                range: 0..length,
                duplicate: false,
                ask: Ask::Any,
            };
            let (request, _) = self.begin_flight(cx, peer, pick, Some(batch));
            batch.get_or_insert(request);
            files.push(WantedFile {
                request,
                hash,
                length,
            });
        }
        cx.desk.push(Output::FetchFiles { peer, files });
    }

    /// Files of a batch ended: what still comes of it is not stalled.
    pub(crate) fn files_arrived(
        &mut self,
        cx: &mut Cx<'_>,
        ended: Vec<(RequestId, Result<(), FetchFailure>)>,
    ) {
        let batch = ended
            .first()
            .and_then(|(request, _)| self.flights.get(request)?.batch);
        let now = cx.now.mono;
        let rest = self.flights.values_mut();
        for flight in rest.filter(|flight| batch.is_some() && flight.batch == batch) {
            flight.last_byte = now;
        }
        for (request, result) in ended {
            self.finished(cx, request, result, Vec::new());
        }
    }

    /// A flight takes a place; one of a batch takes it for all of them.
    pub(super) fn take_place(&mut self, cx: &mut Cx<'_>, flight: &Flight) {
        self.living += 1;
        if let Some(batch) = flight.batch {
            let living = self.batches.entry(batch).or_insert(0);
            *living += 1;
            if *living > 1 {
                return;
            }
        }
        if self.flying == 0 {
            self.pace.starts(cx.now.mono);
        }
        self.flying += 1;
        if let Some(state) = self.peers.get_mut(&flight.peer) {
            state.link.flights += 1;
            if state.link.flights == 1 {
                cx.ledger.account(flight.peer).transfer_starts(cx.now.mono);
            }
        }
    }

    /// A flight gives its place back; a batch does with its last file.
    pub(super) fn leave_place(&mut self, peer: NodeId, batch: Option<RequestId>) {
        self.living -= 1;
        if let Some(batch) = batch
            && let Some(living) = self.batches.get_mut(&batch)
        {
            *living -= 1;
            if *living > 0 {
                return;
            }
            self.batches.remove(&batch);
        }
        self.flying -= 1;
        if let Some(state) = self.peers.get_mut(&peer) {
            state.link.flights -= 1;
        }
    }

    /// Small files that this peer has whole, to come with the one that was picked; they are active.
    fn others_for(&mut self, cx: &mut Cx<'_>, peer: NodeId, pick: &Pick) -> Vec<FileIx> {
        let alone = pick.duplicate || pick.ask != Ask::Any || self.batches.len() >= MAX_BATCHES;
        let want = self.inventory.file(pick.file).want;
        let Some(want) = want.filter(|_| !alone && self.comes_whole(pick.file, peer)) else {
            return Vec::new();
        };
        let mut left = Left {
            files: MAX_BATCH_FILES - 1,
            bytes: batch_bytes(cx.ledger.account(peer).rate),
        };
        left.bytes = left
            .bytes
            .saturating_sub(self.inventory.file(pick.file).length);
        let mut others = self.others_begun(peer, pick.file, want, &mut left);
        self.others_queued(cx, peer, want, &mut left, &mut others);
        others
    }

    /// Of those that were begun before and are not on their way.
    fn others_begun(
        &self,
        peer: NodeId,
        picked: FileIx,
        want: Priority,
        left: &mut Left,
    ) -> Vec<FileIx> {
        let mut others = Vec::new();
        let open = self.open.range((want, 0, FileIx::FIRST)..);
        for &(wanted, _, ix) in open.take(MAX_WALK) {
            if wanted != want || left.files == 0 {
                break;
            }
            let free =
                |active: &super::Active| active.free.covers(0..self.inventory.file(ix).length);
            let free = self.active.get(&ix).is_some_and(free);
            if ix != picked && free && self.comes_whole(ix, peer) {
                if !left.take(self.inventory.file(ix).length) {
                    break;
                }
                others.push(ix);
            }
        }
        others
    }

    fn others_queued(
        &mut self,
        cx: &mut Cx<'_>,
        peer: NodeId,
        want: Priority,
        left: &mut Left,
        others: &mut Vec<FileIx>,
    ) {
        let mut at = Bound::Included((want, 0, 0, FileIx::FIRST));
        for _ in 0..MAX_WALK {
            let next = self.small.range((at, Bound::Unbounded)).next().copied();
            let Some(key) = next.filter(|key| key.0 == want && left.files > 0) else {
                return;
            };
            at = Bound::Excluded(key);
            let ix = key.3;
            if !self.comes_whole(ix, peer) {
                continue;
            }
            // What has no room now leaves none for those behind it either.
            if !left.take(self.inventory.file(ix).length) || !self.activate(cx, ix) {
                return;
            }
            others.push(ix);
        }
    }

    /// Is this a small file of which nothing is here and which this peer has whole?
    fn comes_whole(&self, ix: FileIx, peer: NodeId) -> bool {
        let file = self.inventory.file(ix);
        let claims = |peer: &crate::peers::Peer| {
            let put_off = peer.link.put_off.touches(ix, &(0..file.length));
            matches!(peer.claim(&self.inventory, ix), Claim::Whole) && !put_off
        };
        is_small(file.length)
            && file.damaged == 0
            && file.missing_bytes() == file.length
            && self.peers.get(&peer).is_some_and(claims)
    }
}

/// May a file of this length come in a batch?
pub(super) fn is_small(length: u64) -> bool {
    (1..=SMALL_FILE_BYTES).contains(&length)
}

/// What still goes into a batch.
struct Left {
    files: usize,
    bytes: u64,
}

impl Left {
    fn take(&mut self, bytes: u64) -> bool {
        let fits = self.files > 0 && self.bytes >= bytes;
        if fits {
            self.files -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}

fn batch_bytes(rate: u64) -> u64 {
    rate.saturating_mul(SECONDS)
        .clamp(MIN_BATCH_BYTES, MAX_BATCH_BYTES)
}
