//! Runs a scenario: one world, or one for each municipality in as many threads as there are cores.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use thiserror::Error;

use super::{
    editions::Editions,
    outcome::{Bands, Delay, Edition, Outcome, Storage},
    scenario::Scenario,
    world::{Options, Part, World},
};

/// More hosts than this, and each municipality is a world of its own.
const ONE_WORLD_HOSTS: u64 = 400;

/// Why a run ended early.
#[derive(Debug, Error)]
pub enum RunError {
    /// A bug.
    #[error("the world of {part} panicked; this is a bug: keep the scenario and the seed {seed}")]
    Panicked {
        /// Its first municipality.
        part: String,
        /// The seed.
        seed: u64,
    },
}

/// Runs a scenario from a seed; the digest does not depend on the number of cores.
///
/// # Errors
/// [`RunError`]: a bug of the simulator or of the mesh.
pub fn run(scenario: &Scenario, seed: u64, options: &Options) -> Result<Outcome, RunError> {
    let began = Instant::now();
    let scenario = Arc::new(scenario.clone().at_scale());
    let editions = Arc::new(Editions::new(&scenario, seed));
    let parts = parts(&scenario);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Outcome>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..cores.min(parts.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(part) = parts.get(at) else { break };
                    let world = World::new(&scenario, &editions, part, seed, options.clone());
                    let outcome = world.run();
                    done.lock().expect("no holder panics").insert(at, outcome);
                }
            });
        }
    });
    let outcomes = done.into_inner().expect("all threads ended");
    let mut whole = join(&scenario, outcomes.into_values().collect());
    whole.wall_s = began.elapsed().as_secs_f64();
    whole.notes.splice(0..0, scenario.notes.iter().cloned());
    Ok(whole)
}

/// The worlds of a scenario.
fn parts(scenario: &Scenario) -> Vec<Part> {
    let places = &scenario.municipality;
    let hosts: u64 = places.iter().map(|place| place.schools + place.homes).sum();
    if hosts <= ONE_WORLD_HOSTS || places.len() == 1 {
        return vec![Part {
            municipalities: (0..places.len()).collect(),
            share_per_mille: 1_000,
        }];
    }
    // The ministry's line is shared out by schools: each world has its own end of it.
    let schools: u64 = places.iter().map(|place| place.schools).sum();
    let mut parts: Vec<Part> = (0..places.len())
        .map(|number| Part {
            municipalities: vec![number],
            share_per_mille: (places[number].schools * 1_000 / schools.max(1)).max(1),
        })
        .collect();
    // Largest first, so that no core ends up alone with the capital.
    parts.sort_by_key(|part| {
        let place = &places[part.municipalities[0]];
        (
            std::cmp::Reverse(place.schools + place.homes),
            part.municipalities[0],
        )
    });
    parts
}

/// One report of many worlds.
fn join(scenario: &Scenario, mut outcomes: Vec<Outcome>) -> Outcome {
    if outcomes.len() == 1 {
        return outcomes.remove(0);
    }
    let mut hasher = blake3::Hasher::new();
    let mut whole = Outcome {
        scenario: scenario.name.clone(),
        ..Outcome::default()
    };
    let weights: Vec<u64> = outcomes.iter().map(|outcome| outcome.hosts).collect();
    let ages: Vec<&Bands> = outcomes
        .iter()
        .map(|outcome| &outcome.catalogue_age)
        .collect();
    whole.catalogue_age = join_bands(&ages, &weights);
    let disks: Vec<&Storage> = outcomes.iter().map(|outcome| &outcome.storage).collect();
    whole.storage = join_storage(&disks, &weights);
    let delays: Vec<&Delay> = outcomes
        .iter()
        .map(|outcome| &outcome.progress_delay_s)
        .collect();
    whole.progress_delay_s = join_delays(&delays);
    let lessons: Vec<&Delay> = outcomes
        .iter()
        .map(|outcome| &outcome.lesson_delay_s)
        .collect();
    whole.lesson_delay_s = join_delays(&lessons);
    let new: Vec<&Delay> = outcomes
        .iter()
        .map(|outcome| &outcome.new_lesson_delay_s)
        .collect();
    whole.new_lesson_delay_s = join_delays(&new);
    let editions: Vec<&[Edition]> = outcomes
        .iter()
        .map(|outcome| outcome.editions.as_slice())
        .collect();
    whole.editions = join_editions(&editions);
    for outcome in outcomes {
        hasher.update(outcome.digest.as_bytes());
        whole.variant = outcome.variant;
        whole.seed = outcome.seed;
        whole.events += outcome.events;
        whole.simulated_days = outcome.simulated_days.max(whole.simulated_days);
        // Each world has the ministry's node.
        whole.hosts += outcome.hosts - 1;
        whole.learners += outcome.learners;
        whole.lessons = outcome.lessons;
        whole.violations.extend(outcome.violations);
        whole.coverage.t_s = outcome.coverage.t_s;
        whole
            .coverage
            .municipalities
            .extend(outcome.coverage.municipalities);
        for (link, bytes) in outcome.bytes_by_link_kind {
            *whole.bytes_by_link_kind.entry(link).or_default() += bytes;
        }
        whole.couriers.extend(outcome.couriers);
    }
    whole.hosts += 1;
    whole.digest = hasher.finalize().to_hex().to_string();
    whole.notes.push(
        "Each municipality is a world of its own with its share of the ministry's line; percentiles of the country are \
         taken from those of the municipalities, weighted by their nodes."
            .to_owned(),
    );
    whole
}

fn join_bands(parts: &[&Bands], weights: &[u64]) -> Bands {
    let points = parts.iter().map(|part| part.t_s.len()).min().unwrap_or(0);
    let mix = |of: fn(&Bands) -> &Vec<f64>| -> Vec<f64> {
        let at = |point: usize| {
            let values = parts.iter().zip(weights);
            let sum: f64 = values
                .map(|(part, weight)| of(part)[point] * *weight as f64)
                .sum();
            sum / weights.iter().sum::<u64>().max(1) as f64
        };
        (0..points).map(at).collect()
    };
    let most = |point: usize| parts.iter().map(|part| part.max[point]).fold(0.0, f64::max);
    Bands {
        t_s: parts
            .first()
            .map_or(Vec::new(), |part| part.t_s[..points].to_vec()),
        p10: mix(|part| &part.p10),
        p50: mix(|part| &part.p50),
        p90: mix(|part| &part.p90),
        max: (0..points).map(most).collect(),
    }
}

fn join_storage(parts: &[&Storage], weights: &[u64]) -> Storage {
    let points = parts.iter().map(|part| part.t_s.len()).min().unwrap_or(0);
    let mix = |of: fn(&Storage) -> &Vec<u64>| -> Vec<u64> {
        let at = |point: usize| {
            let values = parts.iter().zip(weights);
            let sum: u128 = values
                .map(|(part, weight)| u128::from(of(part)[point]) * u128::from(*weight))
                .sum();
            let mean = sum / u128::from(weights.iter().sum::<u64>().max(1));
            u64::try_from(mean).unwrap_or(u64::MAX)
        };
        (0..points).map(at).collect()
    };
    let most = |point: usize| parts.iter().map(|part| part.max[point]).max().unwrap_or(0);
    Storage {
        t_s: parts
            .first()
            .map_or(Vec::new(), |part| part.t_s[..points].to_vec()),
        p50: mix(|part| &part.p50),
        p90: mix(|part| &part.p90),
        max: (0..points).map(most).collect(),
    }
}

/// Something is everywhere when the last world has it.
fn join_editions(parts: &[&[Edition]]) -> Vec<Edition> {
    let Some((first, others)) = parts.split_first() else {
        return Vec::new();
    };
    let mut joint = first.to_vec();
    for part in others {
        for (edition, other) in joint.iter_mut().zip(part.iter()) {
            let later = |a: Option<u64>, b: Option<u64>| Some(a?.max(b?));
            edition.known_everywhere_s =
                later(edition.known_everywhere_s, other.known_everywhere_s);
            edition.held_everywhere_s = later(edition.held_everywhere_s, other.held_everywhere_s);
        }
    }
    joint
}

/// Counts are added; percentiles are read from the joint histogram, so they are upper bounds.
fn join_delays(parts: &[&Delay]) -> Delay {
    let mut histogram: BTreeMap<u64, u64> = BTreeMap::new();
    for (bound, count) in parts.iter().flat_map(|part| &part.histogram) {
        *histogram.entry(*bound).or_default() += count;
    }
    let count: u64 = parts.iter().map(|part| part.count).sum();
    let at = |per_mille: u64| {
        let mut below = 0;
        let wanted = (count * per_mille).div_ceil(1_000);
        let found = histogram.iter().find(|(_, here)| {
            below += **here;
            below >= wanted
        });
        found.map_or(0, |(bound, _)| *bound)
    };
    Delay {
        count,
        pending: parts.iter().map(|part| part.pending).sum(),
        p50: at(500),
        p90: at(900),
        p99: at(990),
        max: parts.iter().map(|part| part.max).max().unwrap_or(0),
        histogram: histogram.into_iter().collect(),
    }
}
