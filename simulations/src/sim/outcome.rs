//! What a run of the simulator has to say: the types of `report.json`.
//!
//! Times of series are seconds since the start of the simulated world. Floats appear here only: the simulation
//! itself counts in whole microseconds and bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run, as `report.json` has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Name of the scenario.
    pub scenario: String,
    /// How lessons and records travelled: `mesh`, or the baseline `central`, `sticks` or `single-source`.
    #[serde(default)]
    pub variant: String,
    /// Seed of all chance.
    pub seed: u64,
    /// Digest of all events, in hexadecimal digits: equal histories, equal digests.
    pub digest: String,
    /// Events that were carried out.
    pub events: u64,
    /// Seconds that the run took on this machine.
    pub wall_s: f64,
    /// Days that passed in the simulated world.
    pub simulated_days: f64,
    /// Nodes, those that move and the ministry's included.
    pub hosts: u64,
    /// Learners.
    pub learners: u64,
    /// Lessons in the last catalogue.
    pub lessons: u64,
    /// Invariants that were broken; empty after a good run.
    pub violations: Vec<Violation>,
    /// Age of the catalogue at the nodes over time: seconds since the ministry published the first version that a node
    /// does not have, 0 where it has the newest.
    pub catalogue_age: Bands,
    /// Share of the followed lessons that schools hold whole, by municipality.
    pub coverage: Coverage,
    /// Seconds from the publication of a lesson until a school that follows it holds it whole: one for each school and
    /// lesson.
    #[serde(default)]
    pub lesson_delay_s: Delay,
    /// The same for lessons alone that were published after the start.
    #[serde(default)]
    pub new_lesson_delay_s: Delay,
    /// Editions of the ministry's catalogue, oldest first.
    #[serde(default)]
    pub editions: Vec<Edition>,
    /// Seconds from a learner's "saved" to the ministry's collector.
    pub progress_delay_s: Delay,
    /// Bytes by kind of link: `wan`, `lan`, `stick`, …
    pub bytes_by_link_kind: BTreeMap<String, u64>,
    /// Bytes of lessons on the nodes' disks over time.
    pub storage: Storage,
    /// Those who carry sticks.
    pub couriers: Vec<Courier>,
    /// What a reader must know beside the numbers, one sentence each.
    pub notes: Vec<String>,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which one; a name from `invariants`.
    pub invariant: String,
    /// When, in seconds since the start.
    pub time_s: u64,
    /// At which node.
    pub node: String,
    /// Seed of the run.
    pub seed: u64,
    /// What was found, then the last events of the node, newest last.
    pub trace: Vec<String>,
}

/// One edition of the catalogue. Times are seconds since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Version of its timestamp.
    pub version: u64,
    /// When the ministry published it.
    pub published_s: u64,
    /// When the last school had this catalogue or a later one; `None` when that did not happen.
    pub known_everywhere_s: Option<u64>,
    /// When the last school held all that it follows of this edition; `None` when that did not happen.
    pub held_everywhere_s: Option<u64>,
}

/// A quantity over all nodes and time; all vectors have the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// Times in seconds.
    pub t_s: Vec<u64>,
    /// Tenth percentile.
    pub p10: Vec<f64>,
    /// Median.
    pub p50: Vec<f64>,
    /// Ninetieth percentile.
    pub p90: Vec<f64>,
    /// Largest.
    pub max: Vec<f64>,
}

/// A share over time for each municipality; all vectors have the length of `t_s`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Times in seconds.
    pub t_s: Vec<u64>,
    /// Municipality to shares between 0 and 1.
    pub municipalities: BTreeMap<String, Vec<f64>>,
}

/// How late things arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// How many arrived.
    pub count: u64,
    /// How many had not arrived at the end.
    pub pending: u64,
    /// Median in seconds.
    pub p50: u64,
    /// Ninetieth percentile in seconds.
    pub p90: u64,
    /// Ninety-ninth percentile in seconds.
    pub p99: u64,
    /// The latest in seconds.
    pub max: u64,
    /// Upper bounds in seconds, rising, with the number of those that took at most so long and more than the bound before.
    pub histogram: Vec<(u64, u64)>,
}

/// Bytes on disks over time; all vectors have the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// Times in seconds.
    pub t_s: Vec<u64>,
    /// Median.
    pub p50: Vec<u64>,
    /// Ninetieth percentile.
    pub p90: Vec<u64>,
    /// Largest.
    pub max: Vec<u64>,
}

/// What one courier did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Courier {
    /// Its name.
    pub id: String,
    /// Visits.
    pub trips: u64,
    /// Bytes put on and taken off sticks.
    pub bytes: u64,
}
