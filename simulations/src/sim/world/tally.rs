//! What is counted for the report.

use std::collections::BTreeMap;

use super::{World, arrivals::Arrivals, event::Event, host::Kind};
use crate::sim::{
    DAY, Micros, SECOND,
    outcome::{Bands, Courier, Coverage, Delay, Outcome, Storage},
};

/// Points of a series over the run.
const SAMPLES: u64 = 180;
/// Upper bounds of the delays of progress in seconds: a minute to a hundred days.
const DELAYS: [u64; 14] = [
    60, 300, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800, 1_209_600,
    2_592_000, 8_640_000,
];

/// Counters and series of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    bytes: BTreeMap<&'static str, u64>,
    delays: Vec<u32>,
    /// Bytes of lessons that came although they were held.
    pub(super) repeated: u64,
    pub(super) fetched: u64,
    pub(super) arrivals: Arrivals,
    age: Bands,
    coverage: Coverage,
    storage: Storage,
}

impl Tally {
    pub(super) fn moved(&mut self, link: &'static str, bytes: u64) {
        *self.bytes.entry(link).or_default() += bytes;
    }

    /// A record reached the collector after so many seconds.
    pub(super) fn collected(&mut self, after_s: u64) {
        self.delays.push(u32::try_from(after_s).unwrap_or(u32::MAX));
    }

    fn delay(&self, pending: u64) -> Delay {
        let mut times = BTreeMap::new();
        for delay in &self.delays {
            *times.entry(u64::from(*delay)).or_default() += 1;
        }
        delay_of(&times, pending)
    }
}

/// Percentiles and histogram of counted times in seconds.
fn delay_of(times: &BTreeMap<u64, u64>, pending: u64) -> Delay {
    let count: u64 = times.values().sum();
    let at = |per_mille: u64| {
        let last = count.saturating_sub(1) * per_mille / 1_000;
        let mut below = 0;
        let found = times.iter().find(|(_, here)| {
            below += **here;
            below > last
        });
        found.map_or(0, |(time, _)| *time)
    };
    let mut from = 0;
    let histogram = DELAYS.iter().map(|bound| {
        let here: u64 = times.range(from..=*bound).map(|(_, count)| *count).sum();
        from = bound + 1;
        (*bound, here)
    });
    Delay {
        count,
        pending,
        histogram: histogram.collect(),
        p50: at(500),
        p90: at(900),
        p99: at(990),
        max: at(1_000),
    }
}

impl World {
    /// Time between two looks.
    pub(super) fn sample_every(&self) -> Micros {
        (self.end / SAMPLES).max(60 * SECOND)
    }

    pub(super) fn sample(&mut self) {
        self.sweep();
        self.look_at_editions();
        let t_s = self.now / SECOND;
        let newest = self.edition;
        let mut ages = Vec::new();
        let mut bytes = Vec::new();
        let mut shares: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for host in &self.hosts {
            if !matches!(host.kind, Kind::School | Kind::Home) {
                continue;
            }
            let missing = host.has.map_or(0, |has| has + 1);
            let age = match missing > newest {
                true => 0,
                false => t_s.saturating_sub(self.editions.list[missing].at_s),
            };
            ages.push(age);
            bytes.push(host.disk.bytes());
            let schools = self.schools;
            if host.kind == Kind::School || schools == 0 {
                let name = self.scenario.municipality[host.municipality].name.clone();
                let (whole, wanted) = shares.entry(name).or_default();
                *whole += host.whole_wanted;
                *wanted += host.wanted;
            }
        }
        ages.sort_unstable();
        bytes.sort_unstable();
        let series = &mut self.tally.age;
        series.t_s.push(t_s);
        let of = |all: &[u64], per_mille: usize| {
            let last = all.len().saturating_sub(1);
            all.get(last * per_mille / 1_000).copied().unwrap_or(0)
        };
        series.p10.push(of(&ages, 100) as f64);
        series.p50.push(of(&ages, 500) as f64);
        series.p90.push(of(&ages, 900) as f64);
        series.max.push(of(&ages, 1_000) as f64);
        let disk = &mut self.tally.storage;
        disk.t_s.push(t_s);
        disk.p50.push(of(&bytes, 500));
        disk.p90.push(of(&bytes, 900));
        disk.max.push(of(&bytes, 1_000));
        self.tally.coverage.t_s.push(t_s);
        for (name, (whole, wanted)) in shares {
            let share = whole as f64 / wanted.max(1) as f64;
            let line = self.tally.coverage.municipalities.entry(name).or_default();
            line.push(share);
        }
        let every = self.sample_every();
        if self.now + every <= self.end {
            self.later(every, Event::Sample);
        }
    }

    pub(super) fn outcome(mut self) -> Outcome {
        self.look_at_editions();
        let editions = self.editions_told();
        let lessons = delay_of(&self.tally.arrivals.times, self.lessons_missing());
        let new = delay_of(&self.tally.arrivals.new_times, self.new_lessons_missing());
        let records = self.book.records.iter();
        let pending = records
            .filter(|record| record.counted.is_none() && !record.junk)
            .count() as u64;
        let couriers = self.couriers.iter().map(|courier| Courier {
            id: courier.name.clone(),
            trips: courier.trips,
            bytes: courier.bytes,
        });
        let bytes = self.tally.bytes.iter();
        Outcome {
            scenario: self.scenario.name.clone(),
            variant: self.options.variant.name().to_owned(),
            seed: self.seed,
            digest: self.history.digest().to_hex().to_string(),
            events: self.history.events,
            wall_s: 0.0,
            simulated_days: self.now as f64 / DAY as f64,
            hosts: self.hosts.len() as u64,
            learners: self.hosts.iter().map(|host| host.learners).sum(),
            lessons: self.editions.list[self.edition].blobs.len() as u64,
            violations: self.checks.take(),
            couriers: couriers.collect(),
            bytes_by_link_kind: bytes
                .map(|(link, bytes)| ((*link).to_owned(), *bytes))
                .collect(),
            lesson_delay_s: lessons,
            new_lesson_delay_s: new,
            editions,
            progress_delay_s: self.tally.delay(pending),
            catalogue_age: self.tally.age,
            coverage: self.tally.coverage,
            storage: self.tally.storage,
            notes: Vec::new(),
        }
    }
}
