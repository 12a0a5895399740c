//! The collector's own file: what was counted, everyone's progress, and statements on their way out.

use std::path::{Path, PathBuf};

use pishtar_mesh::learner::{LearnerId, LessonProgress, LessonRef};
use pishtar_signing::record::{LogKey, RecordId};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::CollectError;

/// (log key, sequence) -> record id, only for sequences beyond the first gap.
const COUNTED: TableDefinition<'_, (&[u8; 32], u64), &[u8; 32]> = TableDefinition::new("counted");
/// Log key -> counted without a gap up to here.
const LOGS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("logs");
/// (learner, lesson) -> [`Progress`] as CBOR.
const PROGRESS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("progress");
/// Running number -> statement, one line of JSON.
const OUTBOX: TableDefinition<'_, u64, &str> = TableDefinition::new("outbox");
/// Sink name -> its own mark of how far it got.
const SINKS: TableDefinition<'_, &str, u64> = TableDefinition::new("sinks");
/// `salt` and `node_seed`, 32 random bytes each.
const SECRETS: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("secrets");

/// Most statements sent to the sink at once.
const OUTBOX_BATCH: usize = 10_000;

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
            let result = work(&mut Tables::open(&txn)?)?;
            txn.commit()?;
            Ok(result)
        };
        run().map_err(|error| self.failed(&error))
    }

    /// The oldest statements that wait, with their numbers.
    pub(super) fn outbox(&self) -> Result<Vec<(u64, String)>, CollectError> {
        let run = || -> Result<_, redb::Error> {
            let table = self.database.begin_read()?.open_table(OUTBOX)?;
            let rows = table.iter()?.take(OUTBOX_BATCH);
            rows.map(|row| {
                row.map(|(at, line)| (at.value(), line.value().to_owned()))
                    .map_err(Into::into)
            })
            .collect()
        };
        run().map_err(|error| self.failed(&error))
    }

    pub(super) fn sink_mark(&self, sink: &str) -> Result<u64, CollectError> {
        let run = || -> Result<_, redb::Error> {
            let table = self.database.begin_read()?.open_table(SINKS)?;
            Ok(table.get(sink)?.map_or(0, |mark| mark.value()))
        };
        run().map_err(|error| self.failed(&error))
    }

    /// The sink durably holds all statements up to this number.
    pub(super) fn sent(&self, last: u64, sink: &str, mark: u64) -> Result<(), CollectError> {
        self.write(|tables| {
            tables.outbox.retain_in(..=last, |_, _| false)?;
            tables.sinks.insert(sink, mark)?;
            Ok(())
        })
    }

    /// Visits everyone's progress in order of learner and lesson.
    pub(super) fn for_each_progress(
        &self,
        mut visit: impl FnMut(&LearnerId, &LessonRef, &Progress),
    ) -> Result<(), CollectError> {
        let mut run = || -> Result<_, redb::Error> {
            let table = self.database.begin_read()?.open_table(PROGRESS)?;
            for row in table.iter()? {
                let (key, value) = row?;
                let (learner, lesson) = key.value();
                let learner = LearnerId::new(learner).map_err(corrupted)?;
                let lesson = LessonRef::new(lesson).map_err(corrupted)?;
                visit(&learner, &lesson, &decode(value.value())?);
            }
            Ok(())
        };
        run().map_err(|error| self.failed(&error))
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
    outbox: Table<'txn, u64, &'static str>,
    sinks: Table<'txn, &'static str, u64>,
    secrets: Table<'txn, &'static str, &'static [u8; 32]>,
}

impl<'txn> Tables<'txn> {
    fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            txn,
            counted: txn.open_table(COUNTED)?,
            logs: txn.open_table(LOGS)?,
            progress: txn.open_table(PROGRESS)?,
            outbox: txn.open_table(OUTBOX)?,
            sinks: txn.open_table(SINKS)?,
            secrets: txn.open_table(SECRETS)?,
        })
    }

    /// The transaction, for tables that another part of the collector owns.
    #[expect(dead_code, reason = "names and erasures keep tables of their own")]
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

    /// Puts a statement at the end of the outbox.
    pub(super) fn queue(&mut self, line: &str) -> Result<(), redb::Error> {
        let next = self.outbox.last()?.map_or(0, |(at, _)| at.value() + 1);
        self.outbox.insert(next, line)?;
        Ok(())
    }
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
