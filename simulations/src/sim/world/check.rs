//! Invariants, checked while the world runs, and the planted faults that show that each check can fail.

use pishtar_catalog::MINISTRY;
use pishtar_mesh::RequestId;

use super::{
    World,
    host::{Flight, HostIx, Kind},
};
use crate::sim::{DAY, editions::BlobIx, outcome::Violation, records::RecIx, scenario::Variant};

/// What must hold in every run.
pub const INVARIANTS: [&str; 9] = [
    "unsigned-shown",
    "catalogue-back",
    "record-dropped",
    "counted-once",
    "acked-leaves",
    "quota",
    "carrier-reads",
    "double-fetch",
    "liveness",
];

/// Most peers from which one node fetches the same bytes at one time: the planner's bound for its end game.
const MAX_COPIES: usize = 2;
/// Most violations that are kept; the first tell enough.
const MAX_KEPT: usize = 20;

/// A fault of the simulated shell, each against one invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A node starts with a catalogue of another ministry.
    ShowUnsigned,
    /// A disk comes back from a power cut with its first catalogue.
    CatalogueBack,
    /// A power cut takes a saved record away.
    DropRecord,
    /// The collector counts twice.
    CountTwice,
    /// A carrier keeps what is acknowledged.
    KeepAcked,
    /// The disk takes more than the quota.
    OverQuota,
    /// Records leave the device unsealed.
    Plaintext,
    /// Every range is fetched from three peers.
    FetchTwice,
    /// Nobody finds anybody.
    Silence,
}

/// Violations so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    found: Vec<Violation>,
}

impl Checks {
    pub(super) fn any(&self) -> bool {
        !self.found.is_empty()
    }

    pub(super) fn add(&mut self, violation: Violation) {
        let same = |known: &Violation| {
            known.invariant == violation.invariant && known.node == violation.node
        };
        if self.found.len() < MAX_KEPT && !self.found.iter().any(same) {
            self.found.push(violation);
        }
    }

    pub(super) fn take(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.found)
    }
}

impl World {
    pub(super) fn plants(&self, plant: Plant) -> bool {
        self.options.plant == Some(plant)
    }

    /// After every input of a host.
    pub(super) fn check_host(&mut self, at: HostIx) {
        let host = &self.hosts[at as usize];
        let (held, quota) = (host.disk.bytes(), host.quota);
        if held > quota {
            self.violation(
                "quota",
                at,
                format!("{held} bytes are held, {quota} are allowed"),
            );
        }
    }

    /// After every installed catalogue: is all of it signed, and is it newer than what was shown before?
    pub(super) fn check_catalog(&mut self, at: HostIx) {
        let Some(mesh) = self.hosts[at as usize].mesh.as_ref() else {
            return;
        };
        let versions = mesh.answer_versions();
        let forged = self.editions.unsigned_role(mesh.catalog());
        let version = versions.iter().find(|(publisher, _)| publisher == MINISTRY);
        let version = version.map_or(0, |(_, version)| *version);
        if let Some(role) = forged {
            self.violation(
                "unsigned-shown",
                at,
                format!("it shows {role}, which was never published"),
            );
        }
        let roots = self.hosts[at as usize].disk.meta.keys();
        let root = roots.filter_map(|name| name.strip_suffix(".root.json")?.parse().ok());
        let shows = (root.max().unwrap_or(0), version);
        let shown = self.hosts[at as usize].shown;
        if shows < shown {
            let what = format!("it showed (root, timestamp) {shown:?} and now shows {shows:?}");
            self.violation("catalogue-back", at, what);
        }
        let editions = &self.editions.list;
        let has = editions
            .iter()
            .rposition(|edition| edition.version == version);
        let host = &mut self.hosts[at as usize];
        host.shown = shows.max(shown);
        host.has = has.or(host.has);
    }

    /// Before a range is asked for: nothing that is held, and nothing from more than two.
    pub(super) fn check_fetch(&mut self, at: HostIx, blob: BlobIx, range: &std::ops::Range<u64>) {
        self.tally.fetched += range.end - range.start;
        let host = &self.hosts[at as usize];
        let held = host.disk.overlap(blob, range.clone());
        let untold = host.untold.iter().filter(|(_, of, _)| *of == blob);
        let untold = untold.map(|(_, _, late)| {
            let (start, end) = (late.start.max(range.start), late.end.min(range.end));
            end.saturating_sub(start)
        });
        let held = held.saturating_sub(untold.sum());
        let of_blob = host.flights.values().filter(|flight| flight.blob == blob);
        let others: Vec<_> = of_blob
            .filter(|flight| flight.start < range.end && flight.end > range.start)
            .map(|flight| flight.start..flight.end)
            .collect();
        let covered = |point: u64| others.iter().filter(|other| other.contains(&point)).count();
        let points = others.iter().map(|other| other.start.max(range.start));
        let most = points.map(covered).max().unwrap_or(0) + 1;
        if held > 0 {
            let what =
                format!("{held} bytes of {range:?} of file {blob} are held and asked for again");
            self.violation("double-fetch", at, what);
        }
        if most > MAX_COPIES {
            let what =
                format!("bytes of {range:?} of file {blob} are asked of {most} peers at once");
            self.violation("double-fetch", at, what);
        }
    }

    /// The same range from two more peers, as a planted fault.
    pub(super) fn check_fetch_of_three(
        &mut self,
        at: HostIx,
        blob: BlobIx,
        hash: pishtar_catalog::BlobHash,
        range: &std::ops::Range<u64>,
    ) {
        for copy in 0..2 {
            let flight = Flight {
                from: at,
                blob,
                hash,
                start: range.start,
                end: range.end,
                ask: pishtar_mesh::Ask::Any,
                flow: None,
                done: 0,
            };
            let request = RequestId(u64::MAX - copy);
            self.hosts[at as usize].flights.insert(request, flight);
        }
        self.check_fetch(at, blob, range);
    }

    /// When the collector meets a record: `counts` says whether it counts it now.
    pub(super) fn check_counted(&mut self, ix: RecIx, counts: bool) {
        if !counts {
            return;
        }
        let counted = &mut self.counted[ix as usize];
        *counted += 1;
        if *counted > 1 {
            let of = self.book.records[ix as usize].log;
            let host = self.book.logs[of as usize].host;
            let sequence = self.book.records[ix as usize].sequence;
            self.violation(
                "counted-once",
                host,
                format!("record {sequence} of its log was counted twice"),
            );
        }
    }

    /// When records lie on a carrier: can it read a learner's name in them?
    pub(super) fn check_readable(
        &mut self,
        at: HostIx,
        kind: pishtar_mesh::records::SetKind,
        items: &[Vec<u8>],
    ) {
        if kind != pishtar_mesh::records::SetKind::Records || self.book.secret.is_none() {
            return;
        }
        let needle = super::day::NAME_MARK.as_bytes();
        let readable = |item: &Vec<u8>| item.windows(needle.len()).any(|part| part == needle);
        if items.iter().any(readable) {
            self.violation(
                "carrier-reads",
                at,
                "a learner's name lies open in a record".to_owned(),
            );
        }
    }

    /// From time to time, all hosts: records, and what the report wants to know.
    pub(super) fn sweep(&mut self) {
        for at in 0..self.hosts.len() as HostIx {
            self.plant_at(at);
            self.sweep_records(at);
            let host = &mut self.hosts[at as usize];
            if let Some(mesh) = host.mesh.as_ref()
                && (host.kind == Kind::School || (host.kind == Kind::Home && self.schools == 0))
            {
                // A lesson of a scenario is one file.
                (host.wanted, host.whole_wanted) = mesh.followed_files();
            }
        }
    }

    fn plant_at(&mut self, at: HostIx) {
        if self.plants(Plant::OverQuota) && at == 1 {
            let blobs = self.editions.blobs.clone();
            for (ix, (_, length)) in (0..).zip(blobs) {
                self.hosts[at as usize].disk.add(ix, length, 0..length);
            }
            self.check_host(at);
        }
        if self.plants(Plant::KeepAcked) && at == 1 {
            let records = self.book.records.iter().zip(0..);
            let acked = |record: &crate::sim::records::Rec| {
                self.hosts[1].carrier.acked(record.log) >= record.sequence
            };
            let mut acked = records.filter(|(record, _)| acked(record));
            if let Some((_, ix)) = acked.next() {
                self.hosts[1].carrier.add_own(&self.book, ix);
            }
        }
    }

    fn sweep_records(&mut self, at: HostIx) {
        let host = &mut self.hosts[at as usize];
        let book = &self.book;
        let record = |ix: &RecIx| &book.records[*ix as usize];
        let carrier = &host.carrier;
        let looks = (carrier.digest(), host.saved.len());
        if host.swept == Some(looks) {
            return;
        }
        host.saved
            .retain(|ix| carrier.acked(record(ix).log) < record(ix).sequence);
        let lost = host.saved.iter().find(|ix| !carrier.holds(**ix)).copied();
        let kept = carrier
            .records()
            .find(|ix| carrier.acked(record(ix).log) >= record(ix).sequence);
        let (carried, quota) = (
            carrier.carried_bytes(),
            self.scenario.records.quota_kib * 1_024,
        );
        host.swept = Some((looks.0, host.saved.len()));
        if let Some(ix) = lost {
            let sequence = record(&ix).sequence;
            let what =
                format!("record {sequence} of its log was saved, is not acknowledged, and is gone");
            self.violation("record-dropped", at, what);
        }
        if let Some(ix) = kept {
            let log = self.book.records[ix as usize].log;
            self.violation(
                "acked-leaves",
                at,
                format!("it keeps a record of log {log} that is acknowledged"),
            );
        }
        if carried > quota {
            self.violation(
                "quota",
                at,
                format!("{carried} bytes of records are carried, {quota} are allowed"),
            );
        }
    }

    /// After the calm: everybody who met somebody has everything.
    pub(super) fn check_end(&mut self) {
        if self.scenario.calm_hours == 0 || self.options.variant != Variant::Mesh {
            return;
        }
        let calm = self.calm_from();
        for at in 1..self.hosts.len() as HostIx {
            if self.meets_somebody(at) {
                self.check_alive(at, calm);
            }
        }
    }

    /// Does a host's timetable bring it together with what is new in the days of calm?
    fn meets_somebody(&self, at: HostIx) -> bool {
        let host = &self.hosts[at as usize];
        let of_school = |school: HostIx| {
            self.hosts[school as usize].line.is_some() || self.scenario.ministry.in_class
        };
        match host.kind {
            Kind::School => of_school(at),
            Kind::Home => {
                let cell = host.school_cell.map(|cell| &self.cells[cell as usize]);
                let school = cell.and_then(|cell| cell.school);
                let comes = self.scenario.home.stays || host.carried;
                comes && (self.scenario.ministry.in_class || school.is_some_and(of_school))
            }
            _ => false,
        }
    }

    fn check_alive(&mut self, at: HostIx, calm: u64) {
        let host = &self.hosts[at as usize];
        if host.has != Some(self.edition) {
            let what = format!(
                "after the calm it has edition {:?} of {}",
                host.has, self.edition
            );
            self.violation("liveness", at, what);
        }
        let host = &self.hosts[at as usize];
        let mut own = host.saved.iter().map(|ix| &self.book.records[*ix as usize]);
        if let Some(record) = own.find(|record| record.saved < calm && record.counted.is_none()) {
            let day = record.saved / DAY;
            self.violation(
                "liveness",
                at,
                format!("a record of day {day} has not arrived"),
            );
        }
        let host = &self.hosts[at as usize];
        let counts = host.mesh.as_ref().map(|mesh| mesh.counts());
        if let Some(counts) = counts.filter(|_| self.scenario.ministry.in_class)
            && counts.lessons_complete < counts.lessons_followed
        {
            let (has, wants) = (counts.lessons_complete, counts.lessons_followed);
            self.violation("liveness", at, format!("it has {has} of {wants} lessons"));
        }
    }
}
