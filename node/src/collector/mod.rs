//! The ministry's collector: opens sealed records, counts each once, writes to a sink.
//!
//! Ingesting is three steps, each safe to repeat after a crash at any point:
//! 1. one transaction counts the new records, merges their events and puts the statements that follow from
//!    them into an outbox;
//! 2. the outbox goes to the sink, durably, and is emptied;
//! 3. acknowledgements are signed for what is counted without a gap.
//!
//! Nothing is acknowledged before it is in the sink, and nothing is in the sink twice.

mod cli;
mod content;
mod export;
mod ingest;
mod open;
mod run;
mod sink;
mod state;
mod statements;

use std::{
    io,
    path::{Path, PathBuf},
};

use pishtar_signing::{
    ack::Ack,
    record::{CollectionSecret, Record},
};
use thiserror::Error;

pub use self::{
    cli::{CollectArgs, ProgressCommand, collect, progress},
    export::{ExportError, ExportFormat, export},
    run::{Plan, Round, RunError, Worker},
    sink::{Sink, XapiFile},
    statements::Vocabulary,
};
use self::{
    open::{Unreadable, open_all},
    state::State,
};

/// Played thousandths of a video from which a lesson counts as completed when no device said so.
pub const COMPLETION_PERMILLE: u32 = 900;

/// Why collecting stopped. Nothing was acknowledged that is not in the sink.
#[derive(Debug, Error)]
pub enum CollectError {
    /// The collector's own file.
    #[error("the collector's state {path} cannot be used: {reason}")]
    State {
        /// The file.
        path: PathBuf,
        /// What redb said.
        reason: String,
    },
    /// Another collector or export runs on the folder.
    #[error("{path} is in use by another collector; stop it or choose another --data folder")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The sink refused; everything waits in the outbox.
    #[error("the sink cannot be written ({0}); nothing is lost, it is tried again on the next run")]
    Sink(#[source] io::Error),
}

/// What one call of [`Collector::ingest`] came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Counted for the first time.
    pub counted: usize,
    /// Counted before.
    pub duplicate: usize,
    /// Sealed to another key, damaged, or without a device's proof; never acknowledged.
    pub unreadable: usize,
    /// Made by a newer Pishtar; they wait until the collector is updated.
    pub newer: usize,
    /// Statements written.
    pub statements: usize,
}

impl IngestReport {
    /// Adds another report.
    pub fn add(&mut self, other: Self) {
        self.counted += other.counted;
        self.duplicate += other.duplicate;
        self.unreadable += other.unreadable;
        self.newer += other.newer;
        self.statements += other.statements;
    }
}

/// Opens, counts and merges records; writes statements; signs acknowledgements.
pub struct Collector {
    secret: CollectionSecret,
    state: State,
    sink: Box<dyn Sink>,
    vocabulary: Vocabulary,
}

impl Collector {
    /// Opens the collector's state in `dir/collector.redb` and sends what a crash left in the outbox.
    ///
    /// # Errors
    /// [`CollectError`] when the state or the sink cannot be used.
    pub fn open(
        dir: &Path,
        secret: CollectionSecret,
        sink: Box<dyn Sink>,
        home_page: &str,
    ) -> Result<Self, CollectError> {
        let state = State::open(&dir.join("collector.redb"))?;
        let vocabulary = Vocabulary::new(home_page, state.salt());
        let mut collector = Self {
            secret,
            state,
            sink,
            vocabulary,
        };
        collector.flush()?;
        Ok(collector)
    }

    /// Counts records, in any order and however often they come, and acknowledges what is complete.
    /// `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`CollectError`]; calling again with the same records is safe.
    pub fn ingest(
        &mut self,
        records: &[Record],
        now: i64,
    ) -> Result<(Vec<Ack>, IngestReport), CollectError> {
        let mut report = IngestReport::default();
        let mut opened = Vec::with_capacity(records.len());
        for (record, result) in records.iter().zip(open_all(records, &self.secret)) {
            match result {
                Ok(record) => opened.push(record),
                Err(Unreadable::Newer) => report.newer += 1,
                Err(Unreadable::Never) => {
                    tracing::debug!(id = ?record.id(), "a record cannot be opened");
                    report.unreadable += 1;
                }
            }
        }
        let counted = self.state.count(&opened, &self.vocabulary, now)?;
        (report.counted, report.duplicate) = (counted.new, counted.duplicate);
        report.statements = counted.statements;
        self.flush()?;
        let hour = u32::try_from(now.max(0) / 3600).unwrap_or(u32::MAX);
        let acks = counted
            .contiguous
            .into_iter()
            .map(|(log, up_to)| self.secret.acknowledge(hour, log, up_to));
        Ok((acks.collect(), report))
    }

    /// Writes the outbox to the sink, then empties it. A crash in between repeats the write, which the
    /// sink recognises.
    fn flush(&mut self) -> Result<(), CollectError> {
        loop {
            let batch = self.state.outbox()?;
            let Some((last, _)) = batch.last() else {
                return Ok(());
            };
            let last = *last;
            let mark = self.state.sink_mark(&self.sink.name())?;
            let lines: Vec<String> = batch.into_iter().map(|(_, line)| line).collect();
            let mark = self.sink.write(mark, &lines).map_err(CollectError::Sink)?;
            self.state.sent(last, &self.sink.name(), mark)?;
        }
    }
}

#[cfg(test)]
mod tests;
