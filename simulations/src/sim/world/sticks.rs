//! Couriers: a stick travels from school to school and understands nothing of what it carries.

use std::{collections::BTreeSet, sync::Arc};

use pishtar_catalog::Selection;
use pishtar_mesh::{FolderId, Held, Input};

use super::{
    World,
    event::Event,
    host::{HostIx, Kind},
    lines::Load,
};
use crate::sim::{
    DAY, HOUR, SECOND,
    editions::{BlobIx, MetaFiles},
    records::{Carrier, Taken},
};

/// The stick's folder, as the shell numbers it.
const STICK: FolderId = FolderId(1);
/// A host reads the stick's catalogue before lessons are copied.
const READ_TIME: u64 = 20 * SECOND;
/// The working day of a courier begins.
const BEGINS: u64 = 8 * HOUR;
/// Source of records in the books of a host: sticks count as one.
const FROM_STICK: HostIx = HostIx::MAX - 1;

/// One courier.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) name: String,
    pub(super) route: Vec<HostIx>,
    pub(super) trips: u64,
    pub(super) bytes: u64,
    next: usize,
    pipe: u32,
    files: Arc<MetaFiles>,
    version: u64,
    blobs: BTreeSet<BlobIx>,
    /// An edition, and its files that schools of the route keep: the stick takes no others.
    kept: Option<(usize, BTreeSet<BlobIx>)>,
    stick: Carrier,
}

/// A stick at a host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    host: HostIx,
    boot: u32,
}

impl Courier {
    pub(super) fn new(name: String, route: Vec<HostIx>, pipe: u32) -> Self {
        Courier {
            name,
            route,
            trips: 0,
            bytes: 0,
            next: 0,
            pipe,
            files: Arc::default(),
            version: 0,
            blobs: BTreeSet::new(),
            kept: None,
            stick: Carrier::default(),
        }
    }
}

impl World {
    /// A courier arrives at the next stop: first the ministry, then schools, and back after some days.
    pub(super) fn courier_moves(&mut self, number: usize) {
        let plan = &self.scenario.couriers;
        let (visits, round) = (plan.visits_a_day, plan.round_days * plan.visits_a_day);
        let courier = &mut self.couriers[number];
        let stop = courier.next as u64;
        courier.next += 1;
        courier.trips += 1;
        let host = match stop % (round + 1) {
            0 => 0,
            _ => {
                let visited = stop - stop / (round + 1) - 1;
                courier.route[visited as usize % courier.route.len()]
            }
        };
        self.history.note(self.now, host, 34, number as u64);
        self.plug_in(number, host);
        let today = self.now / DAY;
        let apart = 10 * HOUR / (visits + 1);
        let next = self.now + apart;
        let next = match next < today * DAY + BEGINS + 9 * HOUR {
            true => next,
            // Saturdays and Sundays are free.
            false if today % 7 >= 4 => (today / 7 * 7 + 7) * DAY + BEGINS,
            false => (today + 1) * DAY + BEGINS,
        };
        self.later(next - self.now, Event::Courier(number));
    }

    fn plug_in(&mut self, number: usize, at: HostIx) {
        if !self.is_up(at) {
            return;
        }
        let courier = &self.couriers[number];
        let host = &mut self.hosts[at as usize];
        let visit = Visit {
            host: at,
            boot: host.boot,
        };
        if host.kind != Kind::Ministry && courier.version > 0 {
            host.folder = Some(courier.files.clone());
            self.input(at, Input::FolderChanged { folder: STICK });
        }
        self.swap_records(number, at);
        self.later(READ_TIME, Event::Stick(number, visit));
    }

    /// Records and acknowledgements, both ways: small beside lessons.
    fn swap_records(&mut self, number: usize, at: HostIx) {
        let hour = (self.now / HOUR) as u32;
        let quota = self.scenario.records.quota_kib * 1_024;
        let mut stick = std::mem::take(&mut self.couriers[number].stick);
        for (log, ack) in stick.acks().collect::<Vec<_>>() {
            self.hosts[at as usize]
                .carrier
                .acknowledge(&self.book, log, ack);
        }
        let (given, bytes) = stick.lacks(&self.book, &self.hosts[at as usize].carrier, usize::MAX);
        let mut new = Vec::new();
        for ix in given {
            let carrier = &mut self.hosts[at as usize].carrier;
            if carrier.take(&self.book, ix, FROM_STICK, hour, quota) == Taken::Kept {
                new.push(ix);
            }
        }
        self.collect(at, new);
        let host = &self.hosts[at as usize].carrier;
        let (back, more) = host.lacks(&self.book, &stick, usize::MAX);
        for (log, ack) in host.acks() {
            stick.acknowledge(&self.book, log, ack);
        }
        for ix in back {
            stick.take(&self.book, ix, at, hour, u64::MAX / 2);
        }
        self.couriers[number].stick = stick;
        self.couriers[number].bytes += bytes + more;
        self.tally.moved("stick", bytes + more);
        self.records_changed(at);
    }

    /// The host knows the stick's catalogue by now: lessons are copied, both ways.
    pub(super) fn stick_in(&mut self, number: usize, visit: Visit) {
        if !self.is_running(visit.host, visit.boot) {
            return;
        }
        let plan = &self.scenario.couriers;
        let most = plan.stick_mb_s * 1_000_000 * plan.visit_minutes * 60;
        let bytes = self.copy(number, visit.host, most, false);
        if bytes == 0 {
            return self.unplug(visit.host);
        }
        let pipe = self.couriers[number].pipe;
        self.start_flow((pipe, "stick"), bytes, Load::Stick(number, visit));
    }

    /// The copying is over: what came is on the disk.
    pub(super) fn stick_copied(&mut self, number: usize, visit: Visit) {
        if !self.is_running(visit.host, visit.boot) {
            return;
        }
        let plan = &self.scenario.couriers;
        let most = plan.stick_mb_s * 1_000_000 * plan.visit_minutes * 60;
        let bytes = self.copy(number, visit.host, most, true);
        self.couriers[number].bytes += bytes;
        self.unplug(visit.host);
    }

    fn unplug(&mut self, at: HostIx) {
        if self.hosts[at as usize].kind != Kind::Ministry {
            self.hosts[at as usize].folder = None;
        }
    }

    /// What is to be copied, in bytes; copies it where `really`.
    fn copy(&mut self, number: usize, at: HostIx, most: u64, really: bool) -> u64 {
        let mut left = most;
        let wanted = self.wanted_of(at, &self.couriers[number].blobs);
        for ix in wanted {
            let (hash, length) = self.editions.blobs[ix as usize];
            let host = &mut self.hosts[at as usize];
            let missing = length - host.disk.overlap(ix, 0..length);
            if length > left || host.disk.bytes() + missing > host.quota / 100 * 95 {
                continue;
            }
            left -= length;
            if really {
                host.disk.add(ix, length, 0..length);
                self.lesson_arrived(at, ix);
                let held = Held::Complete;
                self.input(at, Input::BlobState { hash, held });
            }
        }
        self.fill_stick(number, at, &mut left, really);
        most - left
    }

    /// Files of the stick that this node follows and lacks.
    fn wanted_of(&self, at: HostIx, blobs: &BTreeSet<BlobIx>) -> Vec<BlobIx> {
        let host = &self.hosts[at as usize];
        let Some(mesh) = host.mesh.as_ref().filter(|_| host.kind != Kind::Ministry) else {
            return Vec::new();
        };
        let busy: BTreeSet<BlobIx> = host.flights.values().map(|flight| flight.blob).collect();
        let wanted = |ix: &BlobIx| {
            let hash = self.editions.blobs[*ix as usize].0;
            let lesson = mesh.catalog().file(&hash);
            !host.disk.has_whole(*ix)
                && !busy.contains(ix)
                && !mesh.is_leaving(&hash)
                && lesson.is_some_and(|(lesson, _)| mesh.follows(lesson))
        };
        blobs.iter().copied().filter(wanted).collect()
    }

    /// Files of the newest edition that schools of the route keep, as `pishtar bundle export --follow` takes them.
    fn look_what_is_kept(&mut self, number: usize) {
        let courier = &self.couriers[number];
        if courier
            .kept
            .as_ref()
            .is_some_and(|(edition, _)| *edition == self.edition)
        {
            return;
        }
        let newest = &self.editions.list[self.edition];
        let Ok((_, catalog)) = self.editions.restore(&newest.files) else {
            return;
        };
        let mut rules: Vec<&Selection> = Vec::new();
        for rule in courier
            .route
            .iter()
            .flat_map(|at| &self.hosts[*at as usize].follow)
        {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        let is_kept = |ix: &&BlobIx| {
            let lesson = catalog.file(&self.editions.blobs[**ix as usize].0);
            lesson.is_some_and(|(lesson, _)| rules.iter().any(|rule| rule.matches(lesson)))
        };
        let kept = newest.blobs.iter().filter(is_kept).copied().collect();
        self.couriers[number].kept = Some((self.edition, kept));
    }

    fn fill_stick(&mut self, number: usize, at: HostIx, left: &mut u64, really: bool) {
        self.look_what_is_kept(number);
        let room = self.scenario.couriers.stick_gb * 1_000_000_000;
        let host = &self.hosts[at as usize];
        let has: Vec<BlobIx> = match &host.disk.folder_blobs {
            Some(blobs) => blobs.to_vec(),
            None => host.disk.whole().collect(),
        };
        let meta = host.folder.as_ref().filter(|_| host.kind == Kind::Ministry);
        let meta = meta.unwrap_or(&host.disk.meta).clone();
        let version = meta
            .get("timestamp.json")
            .and_then(|bytes| super::act::version_of(bytes));
        let courier = &mut self.couriers[number];
        if really && version.is_some_and(|version| version > courier.version) {
            courier.version = version.unwrap_or(0);
            courier.files = meta;
            // What is no longer published makes room.
            let named = &self.editions.list[self.edition].blobs;
            courier.blobs.retain(|ix| named.binary_search(ix).is_ok());
        }
        let Some((_, kept)) = &courier.kept else {
            return;
        };
        // Newest lessons first: they are what the schools lack.
        for ix in has.into_iter().rev().filter(|ix| kept.contains(ix)) {
            let length = self.editions.blobs[ix as usize].1;
            let used = courier.blobs.len() as u64 * length;
            if length > *left || used + length > room {
                break;
            }
            if !courier.blobs.contains(&ix) {
                *left -= length;
                if really {
                    courier.blobs.insert(ix);
                }
            }
        }
    }
}
