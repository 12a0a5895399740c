//! The planner's invariants, asserted after every input of the small world.

use std::collections::BTreeMap;

use super::{Fetch, assign::MAX_COPIES, batch::is_small};
use crate::{
    Config,
    ids::{NodeId, RequestId},
    inventory::{FileIx, Holding},
    ranges::RangeSet,
};

impl Fetch {
    /// Asserts what the types' comments promise.
    pub(crate) fn check(&self, config: &Config) {
        self.check_queue();
        self.check_active();
        self.check_flights(config);
        self.check_inventory();
    }

    fn check_queue(&self) {
        let mut standing = 0;
        for (ix, file) in self.inventory.files() {
            let active = self.active.contains_key(&ix);
            let providers = self.peers.providers(&self.inventory, ix);
            let ready = file.is_known() && !file.is_complete() && !active && providers > 0;
            let key = file
                .want
                .filter(|_| ready)
                .map(|want| (want, providers, file.shuffle, ix));
            assert_eq!(file.queued, key, "the key of a file follows from its state");
            if let Some(key) = key {
                assert!(
                    self.queue.contains(&key),
                    "a ready file stands in the queue"
                );
                standing += 1;
            }
        }
        let small = self
            .queue
            .iter()
            .filter(|key| is_small(self.inventory.file(key.3).length));
        assert!(
            small.eq(self.small.iter()),
            "small files in the queue are known"
        );
        assert_eq!(
            self.queue.len(),
            standing,
            "only ready files stand in the queue"
        );
    }

    fn check_active(&self) {
        let mut reserved = 0;
        for (&ix, active) in &self.active {
            let file = self.inventory.file(ix);
            assert!(!file.is_complete(), "complete files are not active");
            reserved += file.missing_bytes();
            let mut covered = active.free.clone();
            let Holding::Partial(held) = &file.holding else {
                continue;
            };
            for range in held.iter() {
                assert!(
                    active.free.within(range.clone()).next().is_none(),
                    "free is not held"
                );
                covered.insert(range);
            }
            for flight in self.flights_for(ix) {
                assert!(
                    active.free.within(flight.range.clone()).next().is_none(),
                    "free is not in flight"
                );
                covered.insert(flight.range.clone());
            }
            assert!(
                covered.covers(0..file.length),
                "every wanted range is held, in flight or free"
            );
            let open = self.open.iter().filter(|(_, _, open)| *open == ix).count();
            assert_eq!(
                open,
                usize::from(file.want.is_some() && !active.free.is_empty()),
                "open files are listed once"
            );
        }
        assert!(
            self.open
                .iter()
                .all(|(_, _, ix)| self.active.contains_key(ix)),
            "open files are active"
        );
        assert_eq!(
            self.reserved, reserved,
            "reserved is what active files miss"
        );
        self.check_room();
    }

    fn check_flights(&self, config: &Config) {
        let mut per_peer: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut own: BTreeMap<FileIx, RangeSet> = BTreeMap::new();
        let (mut living, mut places) = (0, 0);
        let mut batches: BTreeMap<RequestId, usize> = BTreeMap::new();
        for flight in self.flights.values().filter(|flight| !flight.cancelled) {
            living += 1;
            let files = flight.batch.map(|batch| batches.entry(batch).or_default());
            let is_first = files.is_none_or(|files| {
                *files += 1;
                *files == 1
            });
            if is_first {
                places += 1;
                *per_peer.entry(flight.peer).or_default() += 1;
            }
            let copies = self.flights_for(flight.file).filter(|other| {
                let (a, b) = (other.rest(), flight.rest());
                a.start < b.end && b.start < a.end
            });
            assert!(
                copies.count() <= MAX_COPIES,
                "bytes are in flight at a bounded number of peers"
            );
            if !flight.duplicate {
                let seen = own.entry(flight.file).or_default();
                assert!(
                    seen.within(flight.range.clone()).next().is_none(),
                    "nothing twice outside the end game"
                );
                seen.insert(flight.range.clone());
            }
        }
        assert_eq!(self.living, living, "living flights are counted");
        assert_eq!(self.flying, places, "a batch takes one place");
        assert_eq!(self.batches, batches, "the files of batches are counted");
        assert!(places <= config.max_ranges, "ranges in flight are bounded");
        for (peer, state) in self.peers.iter() {
            let count = per_peer.remove(peer).unwrap_or(0);
            assert_eq!(state.link.flights, count, "a peer's flights are counted");
            let most = config.ranges_per_peer + config.playback_extra_ranges;
            assert!(count <= most, "a peer's ranges in flight are bounded");
        }
        assert!(per_peer.is_empty(), "flights are of connected peers");
    }

    fn check_inventory(&self) {
        let mut used = 0;
        for (ix, file) in self.inventory.files() {
            assert!(!file.places().is_empty(), "a file has a place");
            assert_eq!(
                self.inventory.find(&file.hash),
                Some(ix),
                "a file is found by its hash"
            );
            used += file.counted_bytes();
        }
        assert_eq!(
            self.inventory.used(),
            used,
            "used is the sum of what is held"
        );
        for role in self.inventory.roles() {
            for (at, ix) in role.files.iter().enumerate() {
                let complete = ix.is_some_and(|ix| self.inventory.file(ix).is_complete());
                assert_eq!(
                    role.ours.get(at),
                    complete,
                    "a role's bits are its complete files"
                );
            }
        }
    }
}
