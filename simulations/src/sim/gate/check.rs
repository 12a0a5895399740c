//! Runs what is kept again: twice, because one seed gives one history, and beside what was accepted.

use std::path::Path;

use super::{GateError, Kept};
use crate::sim::{self, outcome::Outcome, scenario::Scenario, world::Options};

/// What came of one kept scenario.
#[derive(Debug)]
pub struct Checked {
    /// The scenario's name.
    pub scenario: String,
    /// Of the first run.
    pub outcome: Outcome,
    /// Sentences about what is not as it must be; empty when all is well.
    pub problems: Vec<String>,
}

/// Runs one kept scenario, whose file lies in `scenarios`, twice.
///
/// # Errors
/// [`GateError`]: the scenario's file, or a bug that ended the run.
pub fn check(kept: &Kept, scenarios: &Path) -> Result<Checked, GateError> {
    let [outcome, again] = [run(kept, scenarios)?, run(kept, scenarios)?];
    let mut problems = kept.worse(&Kept::of(&kept.scenario, &outcome));
    if outcome.digest != again.digest {
        problems.push(format!(
            "seed {} gave two histories: digests {} and {}",
            kept.seed, outcome.digest, again.digest
        ));
    }
    for violation in &outcome.violations {
        let what = violation.trace.first().map_or("", String::as_str);
        problems.push(format!(
            "{} at {} after {} s: {what}",
            violation.invariant, violation.node, violation.time_s
        ));
    }
    Ok(Checked {
        scenario: kept.scenario.clone(),
        outcome,
        problems,
    })
}

/// Runs a scenario and gives what would be kept of it.
///
/// # Errors
/// [`GateError`]: the scenario's file, or a bug that ended the run.
pub fn measure(scenario: &str, seed: u64, scenarios: &Path) -> Result<Kept, GateError> {
    let wanted = Kept {
        scenario: scenario.to_owned(),
        seed,
        coverage: None,
        coverage_at_end: None,
        delays_s: Vec::new(),
    };
    Ok(Kept::of(scenario, &run(&wanted, scenarios)?))
}

fn run(kept: &Kept, scenarios: &Path) -> Result<Outcome, GateError> {
    let file = scenarios.join(&kept.scenario).with_extension("toml");
    let scenario = Scenario::load(&file)?;
    Ok(sim::run(&scenario, kept.seed, &Options::default())?)
}
