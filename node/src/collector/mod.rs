//! The ministry's collector: opens sealed records, counts each once, and feeds sinks.
//!
//! Three steps, each safe to repeat after a crash at any point:
//! 1. one transaction counts the new records, merges their events and puts what follows from them into the queue
//!    of every sink;
//! 2. a courier for each sink hands over what waits, durably, and then empties the queue;
//! 3. acknowledgements are signed for what is counted without a gap and has reached every sink.
//!
//! Nothing is acknowledged before it is in the sinks, and nothing is in a sink twice.

mod about;
mod cli;
mod content;
mod couriers;
mod delta;
mod erasure;
mod export;
mod guide;
mod ingest;
mod names;
mod open;
mod queue;
mod run;
mod sinks;
mod state;
mod statements;
mod table;
mod withheld;

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pishtar_mesh::{learner::LessonProgress, people::Domain};
use pishtar_signing::{
    ack::Ack,
    record::{CollectionSecret, LogKey, Record},
};
use thiserror::Error;

pub use self::{
    about::{AboutError, about},
    cli::{CollectArgs, ProgressCommand, collect, progress},
    couriers::{Pauses, SinkStatus, Teller},
    delta::{CountedRecord, Delta, ProgressDelta},
    export::{ExportError, ExportFormat, export},
    guide::{Guide, GuideError},
    names::{Names, SchoolKeys, Schools},
    queue::Refused,
    run::{Plan, Round, RunError, Worker},
    sinks::{
        Credentials, CredentialsError, Feed, Lrs, LrsLogin, Postgres, Sink, SinkError, SinkSpec,
        SpecError, Target, Written, XapiFile,
    },
    statements::Vocabulary,
    table::{TableFile, TableFormat},
};
use self::{
    couriers::{Couriers, Notices, Route},
    ingest::{Counted, Rules},
    open::{OpenedRecord, Unreadable},
    queue::SinkRow,
    state::State,
};

/// Played thousandths of a video from which a lesson counts as completed when no device said so.
pub const COMPLETION_PERMILLE: u32 = 900;

/// What logins end with where nobody said.
pub(crate) const DEFAULT_DOMAIN: &str = "nxenes.pishtar.invalid";

/// Most batches that wait for their sinks one by one; more are taken together.
const WAITING_BATCHES: usize = 64;

/// Why collecting stopped. Nothing was acknowledged that is not in the sinks.
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
    /// The key of the rows about people.
    #[error(transparent)]
    People(#[from] crate::people::StoreError),
    /// The machine has no thread left.
    #[error("cannot start the thread of a sink: {0}")]
    Thread(String),
}

/// What counting came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Counted for the first time.
    pub counted: usize,
    /// Counted before.
    pub duplicate: usize,
    /// Counted, and set aside because their device was revoked.
    pub withheld: usize,
    /// Sealed to another key, damaged, or without a device's proof; never acknowledged.
    pub unreadable: usize,
    /// Made by a newer Pishtar; they wait until the collector is updated.
    pub newer: usize,
    /// Statements that follow.
    pub statements: usize,
}

impl IngestReport {
    /// Adds another report.
    pub fn add(&mut self, other: Self) {
        self.counted += other.counted;
        self.duplicate += other.duplicate;
        self.withheld += other.withheld;
        self.unreadable += other.unreadable;
        self.newer += other.newer;
        self.statements += other.statements;
    }
}

/// How to collect.
#[derive(Clone)]
pub struct CollectorOptions {
    /// Start of the ids of learners and lessons in statements, for example `https://lessons.example.org/`.
    pub home_page: String,
    /// Lessons' names and revoked devices.
    pub guide: Arc<Guide>,
    /// What learners' logins end with.
    pub domain: Domain,
    /// How often sinks in trouble are tried.
    pub pauses: Pauses,
    /// Hears about sinks.
    pub tell: Teller,
}

impl CollectorOptions {
    /// No catalogue, usual pauses, and trouble goes to the log.
    pub fn new(home_page: &str) -> Self {
        Self {
            home_page: home_page.to_owned(),
            guide: Arc::default(),
            domain: Domain::new(DEFAULT_DOMAIN).expect("it is a domain"),
            pauses: Pauses::default(),
            tell: Arc::new(|words| tracing::warn!("{words}")),
        }
    }
}

/// Opens, counts and merges records; feeds sinks; signs acknowledgements.
pub struct Collector {
    secret: CollectionSecret,
    state: Arc<State>,
    couriers: Couriers,
    vocabulary: Vocabulary,
    guide: Arc<Guide>,
    names: Names,
    /// What is counted and not acknowledged yet, oldest first.
    due: VecDeque<Due>,
}

/// Logs to acknowledge once every queue is delivered up to its number.
#[derive(Debug, Default)]
struct Due {
    heads: BTreeMap<u32, u64>,
    logs: BTreeMap<LogKey, u64>,
}

impl Collector {
    /// Opens the collector's state in `dir/collector.redb` and goes on feeding the sinks. A sink that is given
    /// for the first time is told all that is known.
    ///
    /// # Errors
    /// [`CollectError`] when the state cannot be used.
    pub fn open(
        dir: &Path,
        secret: CollectionSecret,
        targets: Vec<Target>,
        options: &CollectorOptions,
    ) -> Result<Self, CollectError> {
        let state = Arc::new(State::open(&dir.join("collector.redb"))?);
        let vocabulary = Vocabulary::new(&options.home_page, state.salt());
        let mut routes = Vec::new();
        for target in targets {
            match target {
                Target::Nothing => {}
                Target::Table(table) => {
                    routes.push(Route::Table(table.with_guide(options.guide.clone())));
                }
                Target::Queue(sink) => {
                    let row = register(&state, sink.as_ref(), &vocabulary, &options.guide)?;
                    routes.push(Route::Queue(row, sink));
                }
            }
        }
        let couriers = Couriers::start(&state, routes, options.pauses, &options.tell)?;
        let names = Names::open(dir, options.domain.clone(), secret.clone())?;
        Ok(Self {
            secret,
            state,
            couriers,
            vocabulary,
            guide: options.guide.clone(),
            names,
            due: VecDeque::new(),
        })
    }

    /// Counts records, in any order and however often they come; waits for the sinks, and acknowledges what they
    /// have. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`CollectError`]; calling again with the same records is safe.
    pub fn ingest(
        &mut self,
        records: &[Record],
        now: i64,
    ) -> Result<(Vec<Ack>, IngestReport), CollectError> {
        let report = self.count(open::open_all(records, &self.secret), now)?;
        self.settle(Duration::from_secs(60));
        Ok((self.acknowledge(now), report))
    }

    /// Counts opened records in one transaction, durable on return.
    fn count(
        &mut self,
        opened: Vec<Result<OpenedRecord, Unreadable>>,
        now: i64,
    ) -> Result<IngestReport, CollectError> {
        let mut report = IngestReport::default();
        let mut readable = Vec::with_capacity(opened.len());
        for result in opened {
            match result {
                Ok(record) => readable.push(record),
                Err(Unreadable::Answer) => {}
                Err(Unreadable::Newer) => report.newer += 1,
                Err(Unreadable::Never) => report.unreadable += 1,
            }
        }
        let counted = self.state.count(&readable, &self.rules(now))?;
        (report.counted, report.duplicate) = (counted.new, counted.duplicate);
        (report.withheld, report.statements) = (counted.withheld, counted.statements);
        self.owe(counted);
        Ok(report)
    }

    fn rules(&self, now: i64) -> Rules<'_> {
        Rules {
            vocabulary: &self.vocabulary,
            guide: &self.guide,
            names: Some(&self.names),
            now,
        }
    }

    /// From now on these schools' statements count; what waited for their keys is taken in.
    ///
    /// # Errors
    /// [`CollectError`] when the state cannot be used.
    pub fn set_schools(&mut self, schools: Schools, now: i64) -> Result<(), CollectError> {
        self.names.set_schools(schools);
        let counted = self.state.retry_pending(&self.rules(now))?;
        self.owe(counted);
        Ok(())
    }

    fn letters(&self) -> Result<Vec<names::Letter>, CollectError> {
        self.state.letters(&self.names)
    }

    fn answered(&self, numbers: &[u64]) -> Result<(), CollectError> {
        self.state.answered(&self.names, numbers)
    }

    fn owe(&mut self, counted: Counted) {
        let due = Due {
            heads: counted.heads,
            logs: counted.contiguous,
        };
        let full = self.due.len() >= WAITING_BATCHES;
        match self.due.back_mut().filter(|_| full) {
            Some(last) => {
                last.heads = due.heads;
                last.logs.extend(due.logs);
            }
            None => self.due.push_back(due),
        }
    }

    /// From now on this catalogue names lessons and revoked devices. Records that were withheld from a device
    /// that is restored are taken in; returns how many.
    ///
    /// # Errors
    /// [`CollectError`] when the state cannot be used.
    pub fn set_guide(&mut self, guide: Arc<Guide>, now: i64) -> Result<usize, CollectError> {
        self.guide = guide;
        self.state.release_withheld(&self.rules(now))
    }

    /// Waits until the sinks have everything or are in trouble, at most `patience`.
    pub fn settle(&self, patience: Duration) {
        self.couriers.notices.settle(patience);
    }

    /// Signs acknowledgements for what is counted without a gap and has reached every sink.
    pub fn acknowledge(&mut self, now: i64) -> Vec<Ack> {
        let mut logs = BTreeMap::new();
        while let Some(due) = self.due.front() {
            if !self.couriers.notices.has_passed(&due.heads) {
                break;
            }
            logs.append(&mut self.due.pop_front().unwrap_or_default().logs);
        }
        let hour = u32::try_from(now.max(0) / 3600).unwrap_or(u32::MAX);
        let logs: Vec<(LogKey, u64)> = logs.into_iter().collect();
        crate::cores::on_all_cores(&logs, |part| {
            part.iter()
                .map(|(log, up_to)| self.secret.acknowledge(hour, *log, *up_to))
                .collect()
        })
    }

    /// What each sink is like.
    pub fn sinks(&self) -> Vec<SinkStatus> {
        self.couriers.notices.statuses()
    }

    /// Names of sinks that were given once, are not given now, and for which things keep waiting.
    ///
    /// # Errors
    /// [`CollectError`] when the state cannot be read.
    pub fn absent_sinks(&self) -> Result<Vec<(String, u64)>, CollectError> {
        let here = self.sinks();
        let mut absent = Vec::new();
        for name in self.state.sinks()? {
            if !here.iter().any(|sink| sink.name == name) {
                let (waiting, _) = self.state.backlog(&name)?;
                absent.push((name, waiting));
            }
        }
        Ok(absent)
    }

    /// Drops a sink that was given once, with all that waits for it; `false` when there was none of this name.
    ///
    /// # Errors
    /// [`CollectError`] when the state cannot be written.
    pub fn forget_sink(&self, name: &str) -> Result<bool, CollectError> {
        self.state.forget(name)
    }

    fn notices(&self) -> Arc<Notices> {
        self.couriers.notices.clone()
    }
}

/// The sink's row; a new sink is told all that is known.
fn register(
    state: &State,
    sink: &dyn Sink,
    vocabulary: &Vocabulary,
    guide: &Guide,
) -> Result<SinkRow, CollectError> {
    let rules = Rules {
        vocabulary,
        guide,
        names: None,
        now: run::unix_now(),
    };
    state.write(|tables| {
        let (row, new) = tables.queues.register(&sink.name(), sink.feed());
        if new {
            tables.introduce(row.id, |learner, lesson, progress| match row.feed {
                Feed::Statements => {
                    let statements = vocabulary.summary(learner, lesson, progress, &rules);
                    statements.into_iter().map(String::into_bytes).collect()
                }
                Feed::Deltas => {
                    let delta = ProgressDelta {
                        learner: learner.clone(),
                        lesson: lesson.clone(),
                        progress: LessonProgress::clone(&progress.lesson),
                        hour: progress.hour,
                    };
                    vec![Delta::Progress(Box::new(delta)).to_bytes()]
                }
            })?;
        }
        Ok(row)
    })
}

#[cfg(test)]
mod tests;
