//! The gate: what small scenarios gave when somebody last accepted it, and whether a change makes that worse.
//!
//! A kept result lies in `simulations/baselines/SCENARIO.json` and names its scenario and seed. A change that makes
//! coverage or a delay worse by more than [`TOLERANCE`] does not pass; whoever wants it all the same writes the kept
//! file anew (`pishtar-sim accept`) in the same commit, where everybody sees it.

mod check;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::check::{Checked, check, measure};
use super::{
    RunError,
    compare::{coverage_at_end, coverage_over_time, within},
    outcome::Outcome,
    report::{duration, percent},
    scenario::ScenarioError,
};

/// By how much a result may get worse, as a share of the kept one.
pub const TOLERANCE: f64 = 0.05;
/// Delays that differ by less are not worse: it is the grain of the records' and lessons' own clocks.
const GRAIN_S: f64 = 2.0;

/// What of a run is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Name of the scenario's file in `simulations/scenarios`, without `.toml`.
    pub scenario: String,
    /// Seed of all chance.
    pub seed: u64,
    /// Mean coverage over all municipalities and the whole time.
    pub coverage: Option<f64>,
    /// The same at the end.
    pub coverage_at_end: Option<f64>,
    /// Seconds within which so many arrived, by name; `None` for "never".
    pub delays_s: Vec<(String, Option<f64>)>,
}

/// Why a kept result cannot be used.
#[derive(Debug, Error)]
pub enum GateError {
    /// The folder or a file in it cannot be read or written.
    #[error(
        "cannot use {path}: {source}; run from the repository's root or name the folder with --baselines"
    )]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a kept result.
    #[error("{path} is not a kept result: {source}; write it anew with `pishtar-sim accept`")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// Its scenario cannot be run.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The run ended early.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Kept {
    /// What is kept of a run of this scenario file.
    pub fn of(scenario: &str, outcome: &Outcome) -> Kept {
        let (lessons, progress) = (&outcome.lesson_delay_s, &outcome.progress_delay_s);
        let delays = [
            ("lesson at a school, half", within(lessons, 0.5)),
            ("lesson at a school, nine of ten", within(lessons, 0.9)),
            ("progress at the ministry, half", within(progress, 0.5)),
            (
                "progress at the ministry, nine of ten",
                within(progress, 0.9),
            ),
        ];
        let known = delays
            .into_iter()
            .filter_map(|(name, delay)| Some((name.to_owned(), delay?)));
        Kept {
            scenario: scenario.to_owned(),
            seed: outcome.seed,
            coverage: coverage_over_time(outcome),
            coverage_at_end: coverage_at_end(outcome),
            delays_s: known
                .map(|(name, delay)| (name, delay.is_finite().then_some(delay)))
                .collect(),
        }
    }

    /// Sentences about what is worse now than it was kept.
    pub fn worse(&self, now: &Kept) -> Vec<String> {
        let mut worse = Vec::new();
        for (what, kept, new) in [
            ("coverage over the whole time", self.coverage, now.coverage),
            (
                "coverage at the end",
                self.coverage_at_end,
                now.coverage_at_end,
            ),
        ] {
            let (kept, new) = (kept.unwrap_or(0.0), new.unwrap_or(0.0));
            if new < kept * (1.0 - TOLERANCE) {
                worse.push(format!(
                    "{what} was {} and is {}",
                    percent(kept),
                    percent(new)
                ));
            }
        }
        for (what, kept) in &self.delays_s {
            let new = now.delays_s.iter().find(|(name, _)| name == what);
            let new = new.and_then(|(_, new)| *new).unwrap_or(f64::INFINITY);
            let Some(kept) = *kept else { continue };
            if new > (kept * (1.0 + TOLERANCE)).max(kept + GRAIN_S) {
                let said = if new.is_finite() {
                    duration(new)
                } else {
                    "never".to_owned()
                };
                worse.push(format!(
                    "{what} was within {} and is {said}",
                    duration(kept)
                ));
            }
        }
        worse
    }

    /// Reads every kept result of a folder, in the order of their names.
    ///
    /// # Errors
    /// [`GateError`]: the folder is missing, or a file is not a kept result.
    pub fn read_all(folder: &Path) -> Result<Vec<Kept>, GateError> {
        let file = |source| GateError::File {
            path: folder.to_owned(),
            source,
        };
        let entries = fs::read_dir(folder).map_err(file)?;
        let paths: Result<Vec<PathBuf>, _> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect();
        let mut paths = paths.map_err(file)?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        paths.iter().map(|path| Kept::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Kept, GateError> {
        let text = fs::read_to_string(path).map_err(|source| GateError::File {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| GateError::Parse {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes this result as the accepted one.
    ///
    /// # Errors
    /// [`GateError::File`]: the folder cannot be written.
    pub fn accept(&self, folder: &Path) -> Result<PathBuf, GateError> {
        let path = folder.join(format!("{}.json", self.scenario));
        let text = serde_json::to_string_pretty(self).expect("plain numbers and text") + "\n";
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|source| GateError::File {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            scenario: "class".to_owned(),
            seed: 1,
            coverage: Some(0.8),
            coverage_at_end: Some(1.0),
            delays_s: vec![
                ("lesson".to_owned(), Some(100.0)),
                ("progress".to_owned(), None),
            ],
        }
    }

    #[test]
    fn a_little_worse_passes_and_more_does_not() {
        let mut now = kept();
        now.coverage = Some(0.77);
        now.delays_s[0].1 = Some(104.0);
        assert_eq!(kept().worse(&now), Vec::<String>::new());
        now.coverage = Some(0.75);
        now.delays_s[0].1 = Some(106.0);
        assert_eq!(
            kept().worse(&now),
            [
                "coverage over the whole time was 80 % and is 75 %",
                "lesson was within 1.7 minutes and is 1.8 minutes"
            ]
        );
    }

    #[test]
    fn what_is_missing_or_never_arrives_is_worse_and_better_is_fine() {
        let mut now = kept();
        (now.coverage, now.coverage_at_end) = (Some(1.0), None);
        now.delays_s = vec![("lesson".to_owned(), None)];
        assert_eq!(
            kept().worse(&now),
            [
                "coverage at the end was 100 % and is 0 %",
                "lesson was within 1.7 minutes and is never"
            ]
        );
        now = kept();
        now.delays_s[0].1 = Some(10.0);
        now.delays_s[1].1 = Some(10.0);
        assert_eq!(kept().worse(&now), Vec::<String>::new());
    }

    #[test]
    fn what_was_accepted_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = kept().accept(folder.path()).expect("written");
        assert_eq!(Kept::read_all(folder.path()).expect("read"), [kept()]);
        fs::write(&path, "{}").expect("written");
        let error = Kept::read_all(folder.path())
            .expect_err("no result")
            .to_string();
        assert!(error.contains("pishtar-sim accept"), "{error}");
    }
}
