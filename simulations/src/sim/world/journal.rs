//! What nodes told and heard, with exact times, where somebody wants to know: calibration compares it with real logs.

use std::sync::{Arc, Mutex, PoisonError};

use pishtar_mesh::{Event, Hint};

use super::{World, host::HostIx};
use crate::sim::Micros;

/// Something that a node of the program writes into its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It gossiped a hint.
    Told(Hint),
    /// It heard one.
    Heard(Hint),
    /// It told people.
    Event(Event),
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Micros,
    /// Which node; 0 is the ministry's.
    pub host: HostIx,
    /// What.
    pub said: Said,
}

/// Lines of a run; clones write to the same journal.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<Line>>>);

impl Journal {
    /// What was written, in order.
    pub fn lines(&self) -> Vec<Line> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn write(&self, line: Line) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

impl World {
    pub(super) fn note_said(&self, host: HostIx, said: impl FnOnce() -> Said) {
        if let Some(journal) = &self.options.journal {
            journal.write(Line {
                at: self.now,
                host,
                said: said(),
            });
        }
    }
}
