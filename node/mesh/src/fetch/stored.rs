//! What the store says that it holds, and what of it turned out to be damaged.

use pishtar_catalog::BlobHash;

use super::Fetch;
use crate::{
    desk::Cx,
    event::Event,
    inventory::Holding,
    io::{Held, Output},
};

/// Questions to the blob store that are open at one time.
const MAX_INSPECTIONS: usize = 64;

impl Fetch {
    /// The store told what it holds of a blob.
    pub(crate) fn blob_state(&mut self, cx: &mut Cx<'_>, hash: BlobHash, held: Held) {
        self.inspecting.remove(&hash);
        let Some(ix) = self.inventory.find(&hash) else {
            return;
        };
        if self.inventory.is_leaving(&hash) {
            if held != Held::Referenced {
                return;
            }
            // A published folder has it: there is nothing to remove any more.
            self.inventory.left(&hash);
        }
        let was_complete = self.inventory.file(ix).is_complete();
        self.release(ix);
        self.inventory.set_held(ix, held);
        // What the shell found by itself may be more than the quota allows.
        self.room.over |= self.room.quota.is_some();
        self.resume(ix);
        if self.inventory.file(ix).is_complete() && !was_complete {
            self.completed(cx, ix);
        }
        self.requeue(ix);
        self.wake(ix);
    }

    /// Stored bytes turned out to be damaged: they count as missing and are fetched again.
    pub(crate) fn blob_damaged(&mut self, cx: &mut Cx<'_>, hash: BlobHash, held: Held) {
        let Some(ix) = self.inventory.find(&hash) else {
            return;
        };
        if self.inventory.is_leaving(&hash) {
            return;
        }
        let before = self.inventory.file(ix).held_bytes();
        if held == Held::Absent {
            self.stop(cx, ix);
            let file = self.inventory.file(ix);
            let bytes = match file.holding {
                Holding::Referenced => 0,
                // The store may hold more than it says now that it is damaged.
                _ => file.length,
            };
            self.inventory.leave(hash, bytes);
            cx.desk.push(Output::RemoveBlob { hash });
        } else {
            self.release(ix);
            self.inventory.set_damaged(ix, held);
            self.resume(ix);
        }
        let bytes = before.saturating_sub(self.inventory.file(ix).held_bytes());
        if bytes > 0 {
            let path = cx.path_of(&hash);
            cx.tell(Event::Damaged { path, bytes });
        }
        self.requeue(ix);
        self.wake(ix);
    }

    /// Asks the store about files whose state is unknown, a few at a time.
    pub(crate) fn inspect_some(&mut self, cx: &mut Cx<'_>) {
        while self.inspecting.len() < MAX_INSPECTIONS
            && let Some(ix) = self.inspect.pop_front()
        {
            // A file index may have been reused since: it is looked at as it is now.
            if !self.inventory.is_live(ix) || self.inventory.file(ix).holding != Holding::Unknown {
                continue;
            }
            let file = self.inventory.file_mut(ix);
            file.holding = Holding::Inspecting;
            let (hash, length) = (file.hash, file.length);
            self.inspecting.insert(hash);
            cx.desk.push(Output::InspectBlob { hash, length });
        }
    }
}
