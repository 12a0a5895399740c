//! Room for lesson bytes: what the quota and the disk allow, and what goes when it is not enough.
//!
//! A file is begun only when all of it fits beside what is held, reserved, still arriving and not
//! yet removed: so the quota holds at every instant, whatever ends early.

use std::{collections::BTreeMap, fmt, time::Duration};

use pishtar_catalog::BlobHash;

use super::Fetch;
use crate::{
    desk::Cx,
    event::Event,
    eviction::Need,
    ids::{Mono, UnixSeconds},
    inventory::FileIx,
    io::Priority,
    ranges::RangeSet,
};

/// After room could not be made, nothing is looked through for this long.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Why a file was removed from this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// To make room.
    Room(Need),
    /// Somebody asked for it.
    Asked,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Removal::Room(Need::Followed) => "to make room for a lesson that is followed",
            Removal::Room(Need::Watched) => "to make room for a lesson that somebody watches",
            Removal::Room(Need::Quota) => "because the quota was lowered",
            Removal::Asked => "because somebody asked for it",
        })
    }
}

/// Limits for lesson bytes, and what is promised of them.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) quota: Option<u64>,
    /// What the disk had left at the last look, less what arrived since.
    pub(super) disk: Option<u64>,
    /// Something that is wanted does not fit what the disk has left.
    pub(super) lacks_disk: bool,
    /// Room that is being made for files that somebody waits for; nobody else gets it.
    pub(super) booked: BTreeMap<FileIx, u64>,
    /// More was held or reserved than a new quota allows; it is being brought down.
    pub(super) over: bool,
    /// Nothing is looked through before.
    pub(super) look_again: Option<Mono>,
    /// The last removals, for `why`.
    pub(super) removed: BTreeMap<BlobHash, (UnixSeconds, Removal)>,
}

impl Room {
    pub(crate) fn new(quota: Option<u64>) -> Self {
        Room {
            quota,
            over: quota.is_some(),
            ..Room::default()
        }
    }

    /// When and why a file was removed, if that was lately.
    pub(crate) fn removal(&self, hash: &BlobHash) -> Option<(UnixSeconds, Removal)> {
        self.removed.get(hash).copied()
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.look_again
    }

    pub(super) fn arrived(&mut self, bytes: u64) {
        self.disk = self.disk.map(|left| left.saturating_sub(bytes));
    }
}

impl Fetch {
    /// Replaces the quota; what is above it goes.
    pub(crate) fn set_quota(&mut self, quota: Option<u64>) {
        self.room.quota = quota;
        self.room.over = true;
        self.room.look_again = None;
        self.quota_told = false;
        self.news();
    }

    /// The disk was looked at.
    pub(crate) fn set_disk_room(&mut self, left: Option<u64>) {
        let more = left.is_none() || left > self.room.disk;
        self.room.disk = left;
        if more {
            self.room.lacks_disk = false;
            self.quota_told = false;
            self.news();
        }
    }

    /// Is the disk too full to take anything?
    pub(crate) fn disk_is_full(&self) -> bool {
        self.room.disk == Some(0)
    }

    /// Does the disk lack room for something that is wanted?
    pub(crate) fn lacks_disk(&self) -> bool {
        self.disk_is_full() || self.room.lacks_disk
    }

    /// What the disk has left for all of this file, when that is not enough.
    pub(crate) fn disk_lacks_for(&self, ix: FileIx) -> Option<u64> {
        (self.disk_shortfall(ix) > 0).then(|| self.room.disk.unwrap_or(0))
    }

    /// A blob is off the disk: its room can be used, and it can be fetched anew.
    pub(crate) fn blob_removed(&mut self, hash: &BlobHash) {
        let Some(ix) = self.inventory.left(hash) else {
            self.news();
            return;
        };
        self.requeue(ix);
        self.news();
    }

    /// Removes the files of one lesson that nobody wants any more.
    pub(crate) fn remove_files(&mut self, cx: &mut Cx<'_>, files: &[BlobHash]) {
        for hash in files {
            let Some(ix) = self.inventory.find(hash) else {
                continue;
            };
            let file = self.inventory.file(ix);
            let unwanted = file.want.is_none() && !file.pinned && file.counted_bytes() > 0;
            if unwanted && self.may_be_removed(ix) {
                self.remove(cx, ix, Removal::Asked);
            }
        }
    }

    /// Could this file be begun now?
    pub(super) fn fits(&self, ix: FileIx) -> bool {
        self.shortfall(ix) == 0
    }

    /// Makes room for a file if it may; false when there is none now. Room that is being made is
    /// told of by [`blob_removed`](Fetch::blob_removed).
    pub(super) fn make_room(&mut self, cx: &mut Cx<'_>, ix: FileIx) -> bool {
        let short = self.shortfall(ix);
        if short == 0 {
            return true;
        }
        let Some(need) = self.need_of(ix) else {
            return false;
        };
        if need == Need::Watched {
            self.room
                .booked
                .insert(ix, self.inventory.file(ix).missing_bytes());
        }
        // What leaves already may be enough; for somebody who waits it is worth to look further.
        let coming = self.inventory.leaving_bytes() + self.late_bytes();
        if short <= coming {
            return false;
        }
        if need == Need::Followed && self.inventory.spare_bytes() < short - coming {
            self.tell_quota(cx, ix);
            return false;
        }
        if self.room.look_again.is_some() && need == Need::Watched {
            return false;
        }
        if !self.free(cx, short - coming, need, Some(ix)) {
            self.room.booked.remove(&ix);
            if need == Need::Watched {
                self.room.look_again = Some(cx.now.mono.plus(LOOK_AGAIN));
            }
            self.tell_quota(cx, ix);
        }
        self.fits(ix)
    }

    /// Brings down what is above a lowered quota, and forgets promises that nobody waits for.
    pub(super) fn keep_within(&mut self, cx: &mut Cx<'_>) {
        if self.room.look_again.is_some_and(|at| at <= cx.now.mono) {
            self.room.look_again = None;
            self.news();
        }
        let (demands, inventory) = (&self.demands, &self.inventory);
        self.room.booked.retain(|ix, _| {
            inventory.file(*ix).want == Some(Priority::Assigned)
                || demands
                    .values()
                    .any(|demand| demand.file == *ix && demand.priority <= Priority::Assigned)
        });
        if !self.room.over || self.room.look_again.is_some() {
            return;
        }
        let taken = self.inventory.used() + self.reserved;
        let above = self
            .room
            .quota
            .map_or(0, |quota| taken.saturating_sub(quota));
        if above > 0 {
            self.free(cx, above, Need::Quota, None);
            // What is left above it is pinned, or about to end.
            self.room.look_again = Some(cx.now.mono.plus(LOOK_AGAIN * 10));
        }
        let within = self.room.quota.is_none_or(|quota| self.planned() <= quota);
        self.room.over = !within;
    }

    /// Everything that is or may come to be on the disk.
    pub(super) fn planned(&self) -> u64 {
        // Damaged bytes of begun files are held as well as missing, and lie on the disk once.
        let active = self.active.keys();
        let twice: u64 = active.map(|ix| self.inventory.file(*ix).damaged).sum();
        let all = self.inventory.used() + self.reserved - twice;
        all + self.inventory.leaving_bytes() + self.late_bytes()
    }

    /// Bytes that lack for all of this file to fit.
    fn shortfall(&self, ix: FileIx) -> u64 {
        let file = self.inventory.file(ix);
        let others: u64 = self
            .room
            .booked
            .iter()
            .filter(|(booked, _)| **booked != ix)
            .map(|(_, bytes)| bytes)
            .sum();
        let needed = file.missing_bytes() + others;
        // Damaged bytes are written over where they lie.
        let planned = (self.planned() + needed).saturating_sub(file.damaged);
        let above = self
            .room
            .quota
            .map_or(0, |quota| planned.saturating_sub(quota));
        above.max(self.disk_shortfall(ix))
    }

    /// Bytes that the disk lacks for all of this file and what was begun.
    fn disk_shortfall(&self, ix: FileIx) -> u64 {
        let booked = self.room.booked.iter();
        let others: u64 = booked.filter(|(b, _)| **b != ix).map(|(_, n)| n).sum();
        let file = self.inventory.file(ix);
        let missing = file.missing_bytes().saturating_sub(file.damaged);
        let to_come = self.reserved + self.late_bytes() + missing + others;
        self.room
            .disk
            .map_or(0, |left| to_come.saturating_sub(left))
    }

    /// Bytes that may still be stored by cancelled ranges of files that are not active. What several of them
    /// cover lies on the disk once.
    fn late_bytes(&self) -> u64 {
        if self.flights.len() == self.living {
            return 0;
        }
        let mut late: BTreeMap<FileIx, RangeSet> = BTreeMap::new();
        for flight in self.flights.values() {
            if !flight.cancelled || self.active.contains_key(&flight.file) {
                continue;
            }
            let missing = self.inventory.file(flight.file);
            for range in missing.missing_within(flight.range.clone()).iter() {
                late.entry(flight.file).or_default().insert(range);
            }
        }
        // Damaged bytes count as held already.
        let late = late.iter();
        late.map(|(ix, late)| {
            late.total()
                .saturating_sub(self.inventory.file(*ix).damaged)
        })
        .sum()
    }

    /// For whose sake this file is fetched; `None` when nothing may give way to it.
    pub(super) fn need_of(&self, ix: FileIx) -> Option<Need> {
        let want = self.inventory.file(ix).want;
        let waited_for = want == Some(Priority::Assigned)
            || self
                .demands
                .values()
                .any(|demand| demand.file == ix && demand.priority <= Priority::Assigned);
        if waited_for {
            return Some(Need::Watched);
        }
        want.map(|_| Need::Followed)
    }

    /// Takes a file back out of the active ones; what it holds stays.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>, ix: FileIx) {
        let living = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.file == ix && !flight.cancelled);
        let requests: Vec<_> = living.map(|(id, _)| *id).collect();
        for request in requests {
            self.cancel(cx, request);
        }
        self.deactivate(ix);
        self.requeue(ix);
    }

    fn tell_quota(&mut self, cx: &mut Cx<'_>, ix: FileIx) {
        self.room.lacks_disk |= self.disk_shortfall(ix) > 0;
        if std::mem::replace(&mut self.quota_told, true) {
            return;
        }
        let file = self.inventory.file(ix);
        let left = self
            .room
            .quota
            .unwrap_or(u64::MAX)
            .saturating_sub(self.planned());
        let event = Event::QuotaFull {
            path: cx.path_of(&file.hash),
            needed: file.missing_bytes(),
            left: left.min(self.room.disk.unwrap_or(u64::MAX)),
        };
        cx.tell(event);
    }

    /// Room for these demands is no longer promised.
    pub(super) fn unbook(&mut self, ix: FileIx) {
        self.room.booked.remove(&ix);
    }

    /// What must hold of room between inputs.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn check_room(&self) {
        if let Some(quota) = self.room.quota {
            assert!(
                self.planned() <= quota || self.room.over,
                "the quota holds: {} of {quota}",
                self.planned()
            );
        }
        for (ix, file) in self.inventory.files() {
            let leaving = self.inventory.is_leaving(&file.hash);
            assert_eq!(
                file.holding == crate::inventory::Holding::Leaving,
                leaving,
                "a file leaves while its blob does"
            );
            assert!(
                !leaving || !self.active.contains_key(&ix),
                "nothing is fetched of it"
            );
        }
    }
}
