//! Windows that somebody waits for: a player's next seconds, an assigned lesson.

use std::ops::Range;

use super::Fetch;
use crate::{
    config::GROUP_BYTES,
    desk::Cx,
    ids::DemandId,
    inventory::{FileIx, Holding},
    io::Priority,
};

/// Most demands at one time; further ones are not heard until others end.
const MAX_DEMANDS: usize = 1_024;

/// One window.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    pub(super) file: FileIx,
    /// Bytes, widened to whole groups and cut at the file's end.
    pub(super) window: Range<u64>,
    /// Where its reader began: after a seek anew, while the window only moves on the same.
    pub(super) from: u64,
    pub(super) priority: Priority,
}

impl Fetch {
    /// Sets or moves a window.
    pub(crate) fn demand(
        &mut self,
        cx: &mut Cx<'_>,
        id: DemandId,
        hash: &pishtar_catalog::BlobHash,
        window: Range<u64>,
        priority: Priority,
    ) {
        let Some(file) = self.inventory.find(hash) else {
            self.drop_demand(cx, id);
            return;
        };
        if !self.demands.contains_key(&id) && self.demands.len() >= MAX_DEMANDS {
            return;
        }
        let length = self.inventory.file(file).length;
        let start = window.start / GROUP_BYTES * GROUP_BYTES;
        let end = window
            .end
            .min(length)
            .div_ceil(GROUP_BYTES)
            .saturating_mul(GROUP_BYTES)
            .min(length);
        let goes_on = self
            .demands
            .get(&id)
            .filter(|old| old.file == file && (old.window.start..=old.window.end).contains(&start));
        let from = goes_on.map_or(start, |old| old.from);
        let jumped = goes_on.is_none();
        let demand = Demand {
            file,
            window: start..end.max(start),
            from,
            priority,
        };
        if let Some(old) = self.demands.insert(id, demand) {
            self.urgency.remove(&(old.priority, id));
            if old.file != file {
                self.retire_unwanted(cx);
            }
        }
        self.urgency.insert((priority, id));
        if jumped && priority == Priority::Playback {
            self.give_way_to_player(cx, id);
        }
        if self.inventory.file(file).holding == Holding::Unknown {
            // Ahead of what is merely followed: somebody waits.
            self.inspect.push_front(file);
        }
        self.wake(file);
    }

    /// Nobody waits for this window any more: ranges nobody else wants are cancelled.
    pub(crate) fn drop_demand(&mut self, cx: &mut Cx<'_>, id: DemandId) {
        let Some(demand) = self.demands.remove(&id) else {
            return;
        };
        self.urgency.remove(&(demand.priority, id));
        self.retire_unwanted(cx);
        self.player_left(cx, demand.file);
    }

    pub(super) fn demands_of_file_end(&mut self, ix: FileIx) {
        self.demands.retain(|_, demand| demand.file != ix);
        let demands = &self.demands;
        self.urgency.retain(|(_, id)| demands.contains_key(id));
    }
}
