//! The last events of a node, in plain sentences.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::status::EventRow;

/// Events kept; older ones are forgotten.
const MAX_EVENTS: usize = 2048;

/// What always holds: numbers rise by one without a gap, and no more than `MAX_EVENTS` rows are kept.
#[derive(Debug, Default)]
pub struct EventLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: VecDeque<EventRow>,
    next: u64,
}

impl EventLog {
    /// Adds an event. `text` is a sentence without names of learners.
    pub fn push(&self, at_ms: u64, kind: &str, text: String) {
        let mut inner = self.lock();
        let row = EventRow {
            number: inner.next,
            at_ms,
            kind: kind.to_owned(),
            text,
        };
        inner.next += 1;
        if inner.rows.len() == MAX_EVENTS {
            inner.rows.pop_front();
        }
        inner.rows.push_back(row);
    }

    /// Events numbered `since` and later, oldest first.
    pub fn since(&self, since: u64) -> Vec<EventRow> {
        self.lock()
            .rows
            .iter()
            .filter(|row| row.number >= since)
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_events_go_and_numbers_stay() {
        let log = EventLog::default();
        for n in 0..=MAX_EVENTS as u64 {
            log.push(n, "test", format!("event {n}"));
        }
        let rows = log.since(0);
        assert_eq!(rows.len(), MAX_EVENTS);
        assert_eq!(rows[0].number, 1);
        assert_eq!(log.since(MAX_EVENTS as u64).len(), 1);
    }
}
