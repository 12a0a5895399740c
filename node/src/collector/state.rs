//! The collector's own file: what was counted, everyone's progress, and statements on their way out.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use pishtar_mesh::learner::{LearnerId, LessonProgress, LessonRef};
use pishtar_signing::record::{LogKey, RecordId};
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::{COMPLETION_PERMILLE, CollectError, queue::Queues};

/// (log key, sequence) -> record id, only for sequences beyond the first gap.
const COUNTED: TableDefinition<'_, (&[u8; 32], u64), &[u8; 32]> = TableDefinition::new("counted");
/// Log key -> counted without a gap up to here.
const LOGS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("logs");
/// (learner, lesson) -> [`Progress`] as CBOR.
const PROGRESS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("progress");
/// `changes`: counts the transactions that changed progress.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
/// Number -> a withheld record as CBOR.
pub(super) const WITHHELD: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("withheld");
/// `salt` and `node_seed`, 32 random bytes each.
const SECRETS: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("secrets");

/// What the collector knows about one learner and one lesson.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The merged progress.
    pub(super) lesson: LessonProgress,
    /// Whether `initialized` was stated.
    pub(super) initialized: bool,
    /// Whether `completed` was stated; the video profile allows it once.
    pub(super) completed: bool,
    /// The latest hour since 1970 that a device named, not later than the collector's clock then.
    pub(super) hour: u32,
}

impl Progress {
    /// Notes what sinks of statements were told, and what a later one is told when it is introduced.
    pub(super) fn stated(&mut self) {
        self.initialized = true;
        self.completed |= self.lesson.is_completed(COMPLETION_PERMILLE);
    }
}

/// `collector.redb`.
pub(super) struct State {
    path: PathBuf,
    database: Database,
    salt: [u8; 32],
    node_seed: [u8; 32],
}

impl State {
    pub(super) fn open(path: &Path) -> Result<Self, CollectError> {
        let path = path.to_owned();
        let failed = |reason: String| CollectError::State {
            path: path.clone(),
            reason,
        };
        private_file(&path).map_err(|error| failed(error.to_string()))?;
        let database = match redb::Builder::new().set_cache_size(64 << 20).create(&path) {
            Ok(database) => database,
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
                return Err(CollectError::InUse { path });
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let mut state = Self {
            path,
            database,
            salt: [0; 32],
            node_seed: [0; 32],
        };
        (state.salt, state.node_seed) =
            state.write(|tables| Ok((tables.secret("salt")?, tables.secret("node_seed")?)))?;
        Ok(state)
    }

    /// Keys the pseudonyms, so that a sink cannot find a learner by trying ids.
    pub(super) fn salt(&self) -> [u8; 32] {
        self.salt
    }

    /// The collector's own network key.
    pub(super) fn node_seed(&self) -> [u8; 32] {
        self.node_seed
    }

    /// Runs one transaction; durable on return.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error>,
    ) -> Result<T, CollectError> {
        let run = || -> Result<T, redb::Error> {
            let mut txn = self.database.begin_write()?;
            txn.set_durability(Durability::Immediate)
                .expect("a fresh transaction has no savepoint that forbids it");
            let mut tables = Tables::open(&txn)?;
            let result = work(&mut tables)?;
            tables.finish()?;
            txn.commit()?;
            Ok(result)
        };
        run().map_err(|error| self.failed(&error))
    }

    /// Reads one consistent state.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, CollectError> {
        let run = || work(&self.database.begin_read()?);
        run().map_err(|error: redb::Error| self.failed(&error))
    }

    /// Up to where these logs are counted without a gap; logs that are not known are left out.
    pub(super) fn contiguous<'l>(
        &self,
        logs: impl Iterator<Item = &'l LogKey>,
    ) -> Result<BTreeMap<LogKey, u64>, CollectError> {
        self.read(|txn| {
            let table = txn.open_table(LOGS)?;
            let mut known = BTreeMap::new();
            for log in logs {
                if let Some(up_to) = table.get(&log.0)? {
                    known.insert(*log, up_to.value());
                }
            }
            Ok(known)
        })
    }

    /// Counts how often progress changed.
    pub(super) fn changes(&self) -> Result<u64, CollectError> {
        self.read(|txn| {
            let counted = txn.open_table(COUNTERS)?.get("changes")?;
            Ok(counted.map_or(0, |count| count.value()))
        })
    }

    /// Visits everyone's progress in order of learner and lesson.
    pub(super) fn for_each_progress(
        &self,
        mut visit: impl FnMut(&LearnerId, &LessonRef, &Progress),
    ) -> Result<(), CollectError> {
        self.read(|txn| {
            each_progress(
                &txn.open_table(PROGRESS)?,
                &mut |learner, lesson, progress| {
                    visit(&learner, &lesson, &progress);
                    Ok(())
                },
            )
        })
    }

    fn failed(&self, error: &redb::Error) -> CollectError {
        CollectError::State {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// All tables, open in one transaction.
pub(super) struct Tables<'txn> {
    txn: &'txn WriteTransaction,
    counted: Table<'txn, (&'static [u8; 32], u64), &'static [u8; 32]>,
    logs: Table<'txn, &'static [u8; 32], u64>,
    progress: Table<'txn, (&'static str, &'static str), &'static [u8]>,
    counters: Table<'txn, &'static str, u64>,
    pub(super) withheld: Table<'txn, u64, &'static [u8]>,
    /// What waits for the sinks.
    pub(super) queues: Queues<'txn>,
    secrets: Table<'txn, &'static str, &'static [u8; 32]>,
}

impl<'txn> Tables<'txn> {
    fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            txn,
            counted: txn.open_table(COUNTED)?,
            logs: txn.open_table(LOGS)?,
            progress: txn.open_table(PROGRESS)?,
            counters: txn.open_table(COUNTERS)?,
            withheld: txn.open_table(WITHHELD)?,
            queues: Queues::open(txn)?,
            secrets: txn.open_table(SECRETS)?,
        })
    }

    /// The transaction, for tables that another part of the collector owns.
    pub(super) fn transaction(&self) -> &'txn WriteTransaction {
        self.txn
    }

    /// 32 random bytes, made on first use.
    fn secret(&mut self, name: &str) -> Result<[u8; 32], redb::Error> {
        if let Some(held) = self.secrets.get(name)? {
            return Ok(*held.value());
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(corrupted)?;
        self.secrets.insert(name, &secret)?;
        Ok(secret)
    }

    pub(super) fn contiguous(&self, log: &LogKey) -> Result<u64, redb::Error> {
        Ok(self.logs.get(&log.0)?.map_or(0, |up_to| up_to.value()))
    }

    pub(super) fn set_contiguous(&mut self, log: &LogKey, up_to: u64) -> Result<(), redb::Error> {
        self.logs.insert(&log.0, up_to)?;
        Ok(())
    }

    /// Marks one sequence as counted; `false` when it was. A second record under the same sequence is not
    /// counted either.
    pub(super) fn mark_counted(
        &mut self,
        log: &LogKey,
        sequence: u64,
        id: &RecordId,
    ) -> Result<bool, redb::Error> {
        if self.counted.get((&log.0, sequence))?.is_some() {
            return Ok(false);
        }
        self.counted.insert((&log.0, sequence), &id.0)?;
        Ok(true)
    }

    /// Removes a mark; `false` when there is none.
    pub(super) fn take_counted(
        &mut self,
        log: &LogKey,
        sequence: u64,
    ) -> Result<bool, redb::Error> {
        Ok(self.counted.remove((&log.0, sequence))?.is_some())
    }

    pub(super) fn progress(&self, key: &(LearnerId, LessonRef)) -> Result<Progress, redb::Error> {
        match self.progress.get((key.0.as_str(), key.1.as_str()))? {
            Some(row) => decode(row.value()),
            None => Ok(Progress::default()),
        }
    }

    pub(super) fn put_progress(
        &mut self,
        key: &(LearnerId, LessonRef),
        progress: &Progress,
    ) -> Result<(), redb::Error> {
        let mut bytes = Vec::new();
        ciborium::into_writer(progress, &mut bytes).expect("a vector takes all bytes");
        self.progress
            .insert((key.0.as_str(), key.1.as_str()), bytes.as_slice())?;
        Ok(())
    }

    /// All records of the log up to there are counted, wherever.
    pub(super) fn raise_contiguous(
        &mut self,
        log: &LogKey,
        mut up_to: u64,
    ) -> Result<(), redb::Error> {
        if self.contiguous(log)? >= up_to {
            return Ok(());
        }
        self.counted
            .retain_in((&log.0, 0)..=(&log.0, up_to), |_, _| false)?;
        while self.take_counted(log, up_to + 1)? {
            up_to += 1;
        }
        self.set_contiguous(log, up_to)
    }

    /// Whether records of the log are counted beyond a gap.
    pub(super) fn has_gaps(&self, log: &LogKey) -> Result<bool, redb::Error> {
        let mut rows = self.counted.range((&log.0, 0)..=(&log.0, u64::MAX))?;
        Ok(rows.next().transpose()?.is_some())
    }

    /// Notes that progress changed.
    pub(super) fn changed(&mut self) -> Result<(), redb::Error> {
        let count = self
            .counters
            .get("changes")?
            .map_or(0, |count| count.value());
        self.counters.insert("changes", count + 1)?;
        Ok(())
    }

    /// All of one learner's progress, by lesson.
    pub(super) fn progress_of(
        &self,
        learner: &LearnerId,
    ) -> Result<Vec<(String, Progress)>, redb::Error> {
        let mut rows = Vec::new();
        for row in self.progress.range((learner.as_str(), "")..)? {
            let (key, value) = row?;
            let (of, lesson) = key.value();
            if of != learner.as_str() {
                break;
            }
            rows.push((lesson.to_owned(), decode(value.value())?));
        }
        Ok(rows)
    }

    pub(super) fn drop_progress(&mut self, learner: &LearnerId) -> Result<(), redb::Error> {
        for (lesson, _) in self.progress_of(learner)? {
            self.progress.remove((learner.as_str(), lesson.as_str()))?;
        }
        Ok(())
    }

    /// Tells a new sink all that is known: `items` makes what it is fed from one learner's work on one lesson.
    pub(super) fn introduce(
        &mut self,
        sink: u32,
        mut items: impl FnMut(&LearnerId, &LessonRef, &Progress) -> Vec<Vec<u8>>,
    ) -> Result<(), redb::Error> {
        let Self {
            progress, queues, ..
        } = self;
        each_progress(progress, &mut |learner, lesson, progress| {
            for item in items(&learner, &lesson, &progress) {
                queues.push_to(sink, &item)?;
            }
            Ok(())
        })
    }

    fn finish(self) -> Result<(), redb::Error> {
        self.queues.finish()
    }
}

fn each_progress(
    table: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    visit: &mut impl FnMut(LearnerId, LessonRef, Progress) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    for row in table.iter()? {
        let (key, value) = row?;
        let (learner, lesson) = key.value();
        let learner = LearnerId::new(learner).map_err(corrupted)?;
        let lesson = LessonRef::new(lesson).map_err(corrupted)?;
        visit(learner, lesson, decode(value.value())?)?;
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<Progress, redb::Error> {
    ciborium::from_reader(bytes).map_err(corrupted)
}

fn corrupted(error: impl std::fmt::Display) -> redb::Error {
    redb::Error::Corrupted(format!("a row does not parse: {error}"))
}

/// The file holds names of learners: owner-only rights from the first byte.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    Ok(())
}
