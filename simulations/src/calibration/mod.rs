//! Calibration: the same small set-ups with real nodes in the lab and with modelled ones in the simulator.
//!
//! What is compared is decided by the links, which are slow on purpose, and not by this machine's processors: the time
//! from "the ministry's node has the new catalogue" until a receiver holds the lesson, for 1 to 16 receivers; how long
//! a hint, a catalogue and a record take where every frame takes a quarter of a second. A machine that is too busy even for that
//! is said to be so ([`Calm`]).

mod busy;
mod lab;
mod log;
mod ministry;
mod model;

use std::{collections::BTreeMap, time::Duration};

pub use self::{busy::Calm, lab::measure_lab, model::measure_model};

/// How far a model may be off, as a share of what real nodes do.
pub const TOLERANCE: f64 = 0.20;

/// One lesson to so many receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Receivers in the room.
    pub receivers: usize,
    /// Bytes of the lesson.
    pub lesson_bytes: u64,
}

/// What both sides build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Each in a room of its own with the ministry's node at its access point.
    pub transfers: Vec<Transfer>,
    /// The air of the room, Mbit/s of all together.
    pub air_mbit: u64,
    /// How long a frame takes: where lessons are measured, and where messages are.
    pub delay: [Duration; 2],
    /// Nodes beside the ministry's where messages are measured.
    pub far_receivers: usize,
}

impl Default for Setup {
    fn default() -> Self {
        let transfer = |(receivers, mib): (usize, u64)| Transfer {
            receivers,
            lesson_bytes: mib << 20,
        };
        Setup {
            transfers: [(1, 6), (2, 4), (4, 3), (8, 2), (16, 1)]
                .map(transfer)
                .into(),
            air_mbit: 20,
            delay: [Duration::from_millis(2), Duration::from_millis(250)],
            far_receivers: 3,
        }
    }
}

/// Measured quantities by name, in seconds.
pub type Measured = BTreeMap<String, f64>;

/// Name of the time until one lesson is at `receivers` receivers: the median of them.
pub fn transfer_name(receivers: usize) -> String {
    format!("lesson to {receivers:2} receivers")
}

/// Name of the time that a hint travels.
pub const HINT: &str = "hint by gossip";
/// Name of the time from the hint until the catalogue is in use elsewhere.
pub const CATALOGUE: &str = "catalogue of one course";
/// Name of the time from a saved record until the neighbour has it.
pub const RECORD: &str = "record to a neighbour";

/// One line of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// With real nodes, seconds.
    pub lab_s: f64,
    /// In the simulator, seconds.
    pub model_s: f64,
}

impl Row {
    /// How far the model is off as a share of the lab's time; positive where the model is slower.
    pub fn off(&self) -> f64 {
        self.model_s / self.lab_s - 1.0
    }

    /// Is the model near enough?
    pub fn holds(&self) -> bool {
        self.off().abs() <= TOLERANCE
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.holds() { "" } else { "  TOO FAR" };
        write!(
            f,
            "{:26} {:8.3} {:10.3} {:+6.1} %{verdict}",
            self.name,
            self.lab_s,
            self.model_s,
            self.off() * 100.0
        )
    }
}

/// What the columns of [`Row`]'s lines mean.
pub const HEAD: &str = "quantity                    nodes s    model s      off";

/// Puts both sides next to each other; a quantity that one of them lacks is an error with its name.
///
/// # Errors
/// The name that only one side has.
pub fn compare(lab: &Measured, model: &Measured) -> Result<Vec<Row>, String> {
    if let Some(name) = model.keys().find(|name| !lab.contains_key(*name)) {
        return Err(format!("the lab did not measure {name}"));
    }
    let row = |(name, &lab_s): (&String, &f64)| match model.get(name) {
        Some(&model_s) => Ok(Row {
            name: name.clone(),
            lab_s,
            model_s,
        }),
        None => Err(format!("the simulator did not measure {name}")),
    };
    lab.iter().map(row).collect()
}

/// The middle of these; of an even number the mean of both in the middle.
///
/// # Panics
/// When there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty(), "a median of nothing");
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len().is_multiple_of(2) {
        true => f64::midpoint(values[middle - 1], values[middle]),
        false => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lab_s: f64, model_s: f64) -> Row {
        Row {
            name: "x".to_owned(),
            lab_s,
            model_s,
        }
    }

    #[test]
    fn a_fifth_is_the_limit_on_both_sides() {
        assert!(row(10.0, 11.9).holds());
        assert!(row(10.0, 8.1).holds());
        assert!(!row(10.0, 12.1).holds());
        assert!(!row(10.0, 7.9).holds());
        assert!(!row(0.0, 1.0).holds());
    }

    #[test]
    fn what_one_side_lacks_is_named() {
        let one: Measured = [("a".to_owned(), 1.0)].into();
        let two: Measured = [("a".to_owned(), 1.0), ("b".to_owned(), 1.0)].into();
        assert_eq!(compare(&one, &one).map(|rows| rows.len()), Ok(1));
        assert_eq!(
            compare(&one, &two),
            Err("the lab did not measure b".to_owned())
        );
        assert_eq!(
            compare(&two, &one),
            Err("the simulator did not measure b".to_owned())
        );
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), 3.0);
    }
}
