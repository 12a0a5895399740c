//! Connected peers and what they hold, as they told us. Claims only: a range that does not come
//! costs the peer its claim.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};

use pishtar_catalog::BlobHash;

use crate::{
    ids::{Attachment, Mono, NodeId, RequestId},
    inventory::{FileIx, Inventory, RoleIx},
    ranges::RangeSet,
    wire::Bitmap,
};

/// Most single files that are remembered per peer beyond role bitmaps.
const MAX_EXTRAS: usize = 65_536;

/// A connected peer.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// Whole files by role, for roles that both sides have in the same version.
    roles: BTreeMap<RoleIx, Bitmap>,
    /// Further whole files, found by asking for hashes.
    extras: BTreeSet<FileIx>,
    /// Files that it holds in part.
    partials: BTreeMap<FileIx, RangeSet>,
    /// How it hangs on its network.
    pub(crate) attachment: Attachment,
    /// State of the conversation about holdings.
    pub(crate) talk: Talk,
    /// State of the planner for this peer.
    pub(crate) link: Link,
}

/// The conversation about holdings with one peer: one question at a time.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) instance: u64,
    pub(crate) since: u64,
    /// Open question: its id, hashes asked in it, and when it counts as lost.
    pub(crate) open: Option<(RequestId, Vec<BlobHash>, Mono)>,
    /// When the next question may be asked.
    pub(crate) next_at: Mono,
    pub(crate) failures: u32,
    /// Hashes still to be asked.
    pub(crate) to_ask: VecDeque<BlobHash>,
}

/// What the planner knows about its work with one peer.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Ranges in flight, cancelled ones not counted.
    pub(crate) flights: usize,
    /// Nothing was found for this peer in this epoch of the planner.
    pub(crate) idle_epoch: u64,
    /// Where the bounded walk through the queue stopped, and the epoch in which it began.
    pub(crate) walk: Option<(crate::inventory::QueueKey, u64)>,
    /// Ranges that it would rather not give now.
    pub(crate) put_off: crate::fetch::PutOff,
}

/// What a peer has of a file.
pub(crate) enum Claim<'a> {
    Whole,
    Part(&'a RangeSet),
    Nothing,
}

/// All connected peers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    peers: BTreeMap<NodeId, Peer>,
}

impl Peer {
    pub(crate) fn claim(&self, inventory: &Inventory, ix: FileIx) -> Claim<'_> {
        if self.has_whole(inventory, ix) {
            return Claim::Whole;
        }
        self.partials.get(&ix).map_or(Claim::Nothing, Claim::Part)
    }

    fn has_whole(&self, inventory: &Inventory, ix: FileIx) -> bool {
        let places = inventory.file(ix).places();
        let in_role = |&(role, at): &(RoleIx, u32)| {
            self.roles
                .get(&role)
                .is_some_and(|files| files.get(at as usize))
        };
        places.iter().any(in_role) || self.extras.contains(&ix)
    }

    pub(crate) fn has_any(&self, inventory: &Inventory, ix: FileIx) -> bool {
        !matches!(self.claim(inventory, ix), Claim::Nothing)
    }

    pub(crate) fn part(&self, ix: FileIx) -> Option<&RangeSet> {
        self.partials.get(&ix)
    }

    /// Replaces one role's bitmap; returns files whose bits changed.
    pub(crate) fn set_role(
        &mut self,
        inventory: &Inventory,
        role: RoleIx,
        files: Bitmap,
    ) -> Vec<FileIx> {
        let Some(known) = inventory.role(role) else {
            return Vec::new();
        };
        let old = self
            .roles
            .insert(role, Bitmap::default())
            .unwrap_or_default();
        let mut cut = Bitmap::default();
        let mut changed = Vec::new();
        for (at, file) in known.files.iter().enumerate() {
            let Some(ix) = file else { continue };
            cut.set(at, files.get(at));
            let was_extra = self.extras.remove(ix);
            if was_extra || old.get(at) != files.get(at) {
                changed.push(*ix);
            }
        }
        self.roles.insert(role, cut);
        changed
    }

    /// The role's order is about to change: keeps its bits as single files.
    pub(crate) fn loosen_role(&mut self, inventory: &Inventory, role: RoleIx) {
        let Some(files) = self.roles.remove(&role) else {
            return;
        };
        let Some(known) = inventory.role(role) else {
            return;
        };
        let held = files
            .ones()
            .filter_map(|at| known.files.get(at).copied().flatten());
        let room = MAX_EXTRAS.saturating_sub(self.extras.len());
        self.extras.extend(held.take(room));
    }

    /// Learns whether it holds one whole file; true when that is news.
    pub(crate) fn set_extra(&mut self, ix: FileIx, held: bool) -> bool {
        if held {
            self.extras.len() < MAX_EXTRAS && self.extras.insert(ix)
        } else {
            self.extras.remove(&ix)
        }
    }

    /// Replaces all its partial files; returns files for which something changed.
    pub(crate) fn set_partials(&mut self, partials: BTreeMap<FileIx, RangeSet>) -> Vec<FileIx> {
        let old = std::mem::replace(&mut self.partials, partials);
        let gone = old.keys().filter(|ix| !self.partials.contains_key(ix));
        let new = self
            .partials
            .iter()
            .filter(|(ix, ranges)| old.get(ix) != Some(ranges));
        gone.copied().chain(new.map(|(ix, _)| *ix)).collect()
    }

    /// It turned out not to have this file.
    pub(crate) fn drop_claim(&mut self, inventory: &Inventory, ix: FileIx) {
        for &(role, at) in inventory.file(ix).places() {
            if let Some(files) = self.roles.get_mut(&role) {
                files.set(at as usize, false);
            }
        }
        self.forget(ix);
    }

    /// The file leaves the inventory.
    pub(crate) fn forget(&mut self, ix: FileIx) {
        self.extras.remove(&ix);
        self.partials.remove(&ix);
        self.link.put_off.forget(ix);
    }

    /// Every file that it claims something of, each once or more.
    pub(crate) fn claimed(&self, inventory: &Inventory) -> Vec<FileIx> {
        let mut all: Vec<FileIx> = self.extras.iter().copied().collect();
        all.extend(self.partials.keys());
        for (role, files) in &self.roles {
            let Some(known) = inventory.role(*role) else {
                continue;
            };
            all.extend(
                files
                    .ones()
                    .filter_map(|at| known.files.get(at).copied().flatten()),
            );
        }
        all
    }
}

impl Peers {
    pub(crate) fn get(&self, peer: &NodeId) -> Option<&Peer> {
        self.peers.get(peer)
    }

    pub(crate) fn get_mut(&mut self, peer: &NodeId) -> Option<&mut Peer> {
        self.peers.get_mut(peer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Peer)> {
        self.peers.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&NodeId, &mut Peer)> {
        self.peers.iter_mut()
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.peers.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Adds a peer; false when it is known already.
    pub(crate) fn connect(&mut self, peer: NodeId) -> bool {
        if self.peers.contains_key(&peer) {
            return false;
        }
        self.peers.insert(peer, Peer::default());
        true
    }

    pub(crate) fn disconnect(&mut self, peer: &NodeId) -> Option<Peer> {
        self.peers.remove(peer)
    }

    /// Number of peers that claim something of a file.
    pub(crate) fn providers(&self, inventory: &Inventory, ix: FileIx) -> u32 {
        let count = self
            .peers
            .values()
            .filter(|peer| peer.has_any(inventory, ix))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Does a peer other than `but` have this range of a file that it is still filling?
    pub(crate) fn has_in_part(&self, ix: FileIx, range: &Range<u64>, but: NodeId) -> bool {
        let others = self.peers.iter().filter(|(id, _)| **id != but);
        let mut parts = others.filter_map(|(_, peer)| peer.part(ix));
        parts.any(|part| part.covers(range.clone()))
    }

    /// Peers with a part of a file.
    pub(crate) fn parts(&self, ix: FileIx) -> impl Iterator<Item = &RangeSet> {
        self.peers.values().filter_map(move |peer| peer.part(ix))
    }
}
