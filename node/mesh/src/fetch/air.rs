//! Sparing the air of a Wi-Fi cell: what goes from station to station crosses it twice, by way of the access point.
//!
//! A node on the air asks its neighbours on the air for nothing that one by cable gives. In a cell the air is what
//! limits everybody, so a second source there is no gain: it takes from all what it brings to one. When nobody by cable
//! has a file, or whoever has it is busy, silent or lies, everybody is asked. Who plays asks whom it can.

use super::Fetch;
use crate::{
    config::Config,
    desk::Cx,
    ids::{Attachment, NodeId},
    inventory::FileIx,
    peers::Claim,
};

impl Fetch {
    /// A peer said how it hangs on its network.
    pub(crate) fn attached(&mut self, peer: NodeId, attachment: Attachment) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.attachment = attachment;
            self.news();
        }
    }

    /// Is `peer` to be left alone about `file`, because a neighbour by cable gives it for half the air?
    pub(super) fn spares_air(&self, cx: &Cx<'_>, peer: NodeId, file: FileIx) -> bool {
        let on_air = |peer: &NodeId| self.attachment_of(peer) == Attachment::Air;
        if cx.config.attachment != Attachment::Air || !on_air(&peer) {
            return false;
        }
        let now = cx.now.mono;
        self.peers.iter().any(|(id, other)| {
            other.attachment == Attachment::Cable
                && matches!(other.claim(&self.inventory, file), Claim::Whole)
                && !cx
                    .ledger
                    .get(id)
                    .is_some_and(|account| account.is_paused(now))
        })
    }

    /// Would `peer` get elsewhere only for twice the air what we give it for once?
    pub(crate) fn costs_air_elsewhere(&self, config: &Config, peer: &NodeId) -> bool {
        config.attachment == Attachment::Cable && self.attachment_of(peer) == Attachment::Air
    }

    fn attachment_of(&self, peer: &NodeId) -> Attachment {
        self.peers
            .get(peer)
            .map_or(Attachment::Unknown, |state| state.attachment)
    }
}
