//! Many seeds with random faults; a failure is made short, and kept.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    editions::Editions,
    outcome::{Outcome, Violation},
    scenario::Scenario,
    world::{Options, Part, World},
};

/// Most faults of one random plan.
pub const MAX_FAULTS: usize = 40;

/// One run with random faults, made short where it failed; a line of the file of kept seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Name of the scenario's file without `.toml`.
    pub scenario: String,
    /// Seed.
    pub seed: u64,
    /// Home devices, when fewer than the scenario's.
    pub homes: Option<u64>,
    /// Seconds after which the run may stop.
    pub until_s: Option<u64>,
    /// Faults of the plan that are not needed.
    pub spared: Vec<usize>,
}

/// A line that is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a kept seed: {0:?}; a line is `school seed=7 homes=3 until=9000 spared=1,2`")]
pub struct BadCase(String);

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seed={}", self.scenario, self.seed)?;
        if let Some(homes) = self.homes {
            write!(f, " homes={homes}")?;
        }
        if let Some(until) = self.until_s {
            write!(f, " until={until}")?;
        }
        if !self.spared.is_empty() {
            let spared: Vec<String> = self.spared.iter().map(usize::to_string).collect();
            write!(f, " spared={}", spared.join(","))?;
        }
        Ok(())
    }
}

impl FromStr for Case {
    type Err = BadCase;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let bad = || BadCase(line.to_owned());
        let mut words = line.split_whitespace();
        let mut case = Case {
            scenario: words.next().ok_or_else(bad)?.to_owned(),
            seed: 0,
            homes: None,
            until_s: None,
            spared: Vec::new(),
        };
        let mut seeded = false;
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(bad)?;
            let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
            match key {
                "seed" => {
                    case.seed = number(value)?;
                    seeded = true;
                }
                "homes" => case.homes = Some(number(value)?),
                "until" => case.until_s = Some(number(value)?),
                "spared" => {
                    let numbers = value.split(',').map(|one| one.parse().map_err(|_| bad()));
                    case.spared = numbers.collect::<Result<_, _>>()?;
                }
                _ => return Err(bad()),
            }
        }
        if seeded { Ok(case) } else { Err(bad()) }
    }
}

/// A failure, made short.
#[derive(Debug, Clone)]
pub struct Failure {
    /// How to see it again.
    pub case: Case,
    /// What is violated, with the trace of the node.
    pub violation: Violation,
}

/// What a swarm found.
#[derive(Debug)]
pub struct Found {
    /// Seeds that were run.
    pub seeds: u64,
    /// Events of all.
    pub events: u64,
    /// Failures in order of seeds, at most a few.
    pub failures: Vec<Failure>,
}

/// Most failures after which a swarm stops.
const ENOUGH: usize = 3;

/// Runs seeds `first` to below `first + count` with random faults, in as many threads as there are cores.
pub fn swarm(scenario: &Scenario, name: &str, first: u64, count: u64) -> Found {
    let scenario = Arc::new(scenario.clone().at_scale());
    // Editions are the same for all seeds: what is published is not what is tried here.
    let editions = Arc::new(Editions::new(&scenario, 0));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let (next, events) = (AtomicU64::new(first), AtomicU64::new(0));
    let failed: Mutex<BTreeMap<u64, Failure>> = Mutex::new(BTreeMap::new());
    let enough = || failed.lock().expect("no holder panics").len() >= ENOUGH;
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || enough() {
                        break;
                    }
                    let case = Case {
                        scenario: name.to_owned(),
                        seed,
                        homes: None,
                        until_s: None,
                        spared: Vec::new(),
                    };
                    let outcome = play(&scenario, &editions, &case, false);
                    events.fetch_add(outcome.events, Ordering::Relaxed);
                    if let Some(violation) = outcome.violations.into_iter().next() {
                        let failure = shrink(&scenario, &editions, case, violation);
                        failed
                            .lock()
                            .expect("no holder panics")
                            .insert(seed, failure);
                    }
                }
            });
        }
    });
    Found {
        seeds: next.load(Ordering::Relaxed).min(first + count) - first,
        events: events.load(Ordering::Relaxed),
        failures: failed
            .into_inner()
            .expect("all threads ended")
            .into_values()
            .collect(),
    }
}

/// Runs one case, with the last events of every node in words where `trace` says so.
pub fn replay(scenario: &Scenario, case: &Case, trace: bool) -> Outcome {
    let scenario = Arc::new(scenario.clone().at_scale());
    let editions = Arc::new(Editions::new(&scenario, 0));
    play(&scenario, &editions, case, trace)
}

fn play(scenario: &Arc<Scenario>, editions: &Arc<Editions>, case: &Case, trace: bool) -> Outcome {
    let mut smaller = (**scenario).clone();
    if let Some(homes) = case.homes {
        smaller
            .municipality
            .iter_mut()
            .for_each(|place| place.homes = homes);
    }
    let part = Part {
        municipalities: (0..smaller.municipality.len()).collect(),
        share_per_mille: 1_000,
    };
    let options = Options {
        trace,
        stop_at_violation: true,
        spared: case.spared.clone(),
        random_faults: true,
        until_s: case.until_s,
        ..Options::default()
    };
    World::new(&Arc::new(smaller), editions, &part, case.seed, options).run()
}

/// Fewer nodes, fewer faults, a shorter time, as long as the same invariant fails.
fn shrink(
    scenario: &Arc<Scenario>,
    editions: &Arc<Editions>,
    mut case: Case,
    mut violation: Violation,
) -> Failure {
    let fails = |case: &Case, invariant: &str| {
        let outcome = play(scenario, editions, case, false);
        let mut found = outcome.violations.into_iter();
        found.find(|violation| violation.invariant == invariant)
    };
    let mut homes = scenario
        .municipality
        .iter()
        .map(|place| place.homes)
        .max()
        .unwrap_or(0);
    while homes > 0 {
        let fewer = Case {
            homes: Some(homes / 2),
            ..case.clone()
        };
        let Some(found) = fails(&fewer, &violation.invariant) else {
            break;
        };
        (case, violation, homes) = (fewer, found, homes / 2);
    }
    let mut step = MAX_FAULTS / 2;
    while step > 0 {
        for from in (0..MAX_FAULTS).step_by(step) {
            let mut spared = case.spared.clone();
            spared.extend((from..from + step).filter(|at| !case.spared.contains(at)));
            spared.sort_unstable();
            let fewer = Case {
                spared,
                ..case.clone()
            };
            if fewer.spared.len() > case.spared.len()
                && let Some(found) = fails(&fewer, &violation.invariant)
            {
                (case, violation) = (fewer, found);
            }
        }
        step /= 2;
    }
    // Violations of the end have no earlier end.
    if violation.time_s + 1 < scenario.seconds() {
        case.until_s = Some(violation.time_s + 1);
    }
    let traced = play(scenario, editions, &case, true).violations.into_iter();
    let mut traced = traced.filter(|found| found.invariant == violation.invariant);
    let violation = traced.next().unwrap_or(violation);
    Failure { case, violation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_reads_back_as_it_is_written() {
        let case = Case {
            scenario: "school".to_owned(),
            seed: 7,
            homes: Some(3),
            until_s: Some(9_000),
            spared: vec![1, 2],
        };
        let line = case.to_string();
        assert_eq!(line, "school seed=7 homes=3 until=9000 spared=1,2");
        assert_eq!(line.parse(), Ok(case));
        assert_eq!(
            "school seed=x".parse::<Case>(),
            Err(BadCase("school seed=x".to_owned()))
        );
        assert!("school homes=1".parse::<Case>().is_err());
    }
}
