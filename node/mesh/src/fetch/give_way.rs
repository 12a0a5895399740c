//! What gives way when room is needed.

use super::{Fetch, room::Removal};
use crate::{
    desk::Cx,
    event::Event,
    eviction::{Candidate, Need, victims},
    inventory::FileIx,
    io::{Output, Priority},
    peers::Claim,
};

/// Removals that `why` remembers.
const MAX_REMEMBERED: usize = 1_024;

impl Fetch {
    /// Sets free what it can of `bytes`: first what is only reserved, then what is held.
    pub(super) fn free(
        &mut self,
        cx: &mut Cx<'_>,
        bytes: u64,
        need: Need,
        but: Option<FileIx>,
    ) -> bool {
        let mut idle = self.idle_reservations(need, but);
        let reserved: u64 = idle.iter().map(|(_, _, bytes)| bytes).sum();
        let rest = bytes.saturating_sub(reserved);
        let candidates = self.candidates(need);
        let Some(gone) = victims(candidates, rest, need) else {
            return false;
        };
        // What was begun last has the least to lose.
        idle.sort_unstable_by(|a, b| b.cmp(a));
        let mut freed = 0;
        for (_, ix, missing) in idle {
            if freed >= bytes {
                break;
            }
            freed += missing;
            self.stop(cx, ix);
        }
        for ix in gone {
            self.remove(cx, ix, Removal::Room(need));
        }
        true
    }

    /// Active files that can wait, with when they were begun and what they still reserve.
    pub(super) fn idle_reservations(
        &self,
        need: Need,
        but: Option<FileIx>,
    ) -> Vec<(u64, FileIx, u64)> {
        if need == Need::Followed {
            return Vec::new();
        }
        let can_wait = |ix: FileIx| {
            Some(ix) != but && (need == Need::Quota || self.need_of(ix) != Some(Need::Watched))
        };
        let active = self.active.iter().filter(|(ix, _)| can_wait(**ix));
        active
            .map(|(ix, active)| (active.since, *ix, self.inventory.file(*ix).missing_bytes()))
            .collect()
    }

    pub(super) fn candidates(&self, need: Need) -> Vec<Candidate> {
        let all: Vec<FileIx> = match need {
            Need::Followed => self.inventory.spare().collect(),
            Need::Watched | Need::Quota => self.inventory.files().map(|(ix, _)| ix).collect(),
        };
        let candidate = |ix: FileIx| {
            let file = self.inventory.file(ix);
            let whole =
                |peer: &crate::peers::Peer| matches!(peer.claim(&self.inventory, ix), Claim::Whole);
            let candidate = Candidate {
                file: ix,
                bytes: file.counted_bytes(),
                followed: file.want.is_some(),
                copies: 0,
                shuffle: file.shuffle,
            };
            let spared = file.pinned || file.want == Some(Priority::Assigned);
            if candidate.bytes == 0 || spared || !self.may_be_removed(ix) {
                return None;
            }
            let copies = self.peers.iter().filter(|(_, peer)| whole(peer)).count();
            Some(Candidate {
                copies: u32::try_from(copies).unwrap_or(u32::MAX),
                ..candidate
            })
        };
        all.into_iter().filter_map(candidate).collect()
    }

    /// Is nobody using this file at the moment?
    pub(super) fn may_be_removed(&self, ix: FileIx) -> bool {
        let flies = self.flights.values().any(|flight| flight.file == ix);
        !self.active.contains_key(&ix)
            && !flies
            && !self.demands.values().any(|demand| demand.file == ix)
    }

    pub(super) fn remove(&mut self, cx: &mut Cx<'_>, ix: FileIx, why: Removal) {
        let file = self.inventory.file(ix);
        let (hash, bytes) = (file.hash, file.counted_bytes());
        self.inventory.leave(hash, bytes);
        self.requeue(ix);
        cx.desk.push(Output::RemoveBlob { hash });
        if self.room.removed.len() >= MAX_REMEMBERED {
            let oldest = self.room.removed.iter().min_by_key(|(_, (at, _))| *at);
            let oldest = oldest.map(|(hash, _)| *hash);
            oldest.and_then(|oldest| self.room.removed.remove(&oldest));
        }
        self.room.removed.insert(hash, (cx.now.wall, why));
        let path = cx.path_of(&hash);
        cx.tell(Event::Removed { path, bytes, why });
    }
}
