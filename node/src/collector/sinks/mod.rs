//! Where progress goes besides the collector's own file.
//!
//! A sink is fed from a durable queue: it takes a batch, makes it durable, and only then does the batch leave
//! the queue. A batch may come again after a crash; each sink recognises what it holds. What a sink refuses for
//! good is set aside with its reason and does not hold up the rest.

mod lrs;
#[cfg(test)]
mod lrs_tests;
mod postgres;
mod spec;
mod xapi_file;

use std::time::Duration;

use thiserror::Error;

pub use self::{
    lrs::{Lrs, LrsLogin},
    postgres::Postgres,
    spec::{Credentials, CredentialsError, SinkSpec, SpecError, Target},
    xapi_file::XapiFile,
};

/// What a sink is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// xAPI statements, one line of JSON each.
    Statements,
    /// [`super::Delta`]s.
    Deltas,
}

impl Feed {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Statements => 1,
            Self::Deltas => 2,
        }
    }

    pub(super) fn of_code(code: u8) -> Option<Self> {
        [Self::Statements, Self::Deltas]
            .into_iter()
            .find(|feed| feed.code() == code)
    }

    /// What waits, in words.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Statements => "statements",
            Self::Deltas => "changes",
        }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Given back with the next batch.
    pub mark: u64,
    /// Items that are refused for good: index in the batch, and why.
    pub refused: Vec<(usize, String)>,
}

/// Why a batch was not taken; all of it is offered again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{words}")]
pub struct SinkError {
    /// Names the sink, what it said, and the remedy when people must act.
    pub words: String,
    /// How long the sink asks to be left alone.
    pub after: Option<Duration>,
}

impl SinkError {
    /// Trouble that may pass by itself or by someone's act.
    pub fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            after: None,
        }
    }
}

/// Takes items, durably and each once.
pub trait Sink: Send {
    /// Names this sink among all that the collector has written to; holds no password.
    fn name(&self) -> String;

    /// What it takes.
    fn feed(&self) -> Feed;

    /// The largest batch: items and, roughly, bytes. Bounds memory and, over a network, a request.
    fn limits(&self) -> (usize, usize) {
        (10_000, 4 << 20)
    }

    /// Makes the items durable. `mark` is what the last completed write returned, 0 before the first; what
    /// the sink took after that may come again now.
    ///
    /// # Errors
    /// [`SinkError`]; the same items are given again later.
    fn write(&mut self, mark: u64, items: &[Vec<u8>]) -> Result<Written, SinkError>;
}
