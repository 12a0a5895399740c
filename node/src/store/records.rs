//! Sealed records and acknowledgements: redb, fsync on commit.
//!
//! A dedicated thread owns all writing. Whoever saves puts a job into its queue; the thread takes all jobs
//! that wait, applies them in one transaction, commits once with fsync, and only then answers. Thirty
//! browsers that post at the same moment share one fsync.
//!
//! Always true: an answered save is on disk; a record of this device is deleted only by an acknowledgement
//! that the ministry's collector signed; sequences of a log have no gap; what is carried for others stays
//! within the quota, shared fairly between the peers it came from.

mod batch;
mod index;
mod tables;
mod writer;

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, RwLock},
};

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent, PayloadError, pack_events},
    records::{SetDigest, SetKind, Snapshot, Stored},
};
use pishtar_signing::{
    ack::AckKey,
    record::{Recipients, RecordId, SealError},
};
use redb::Database;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    index::Index,
    writer::{Job, Writer},
};

/// Most jobs waiting for the writer; beyond it savers wait, so a stalled disk cannot fill memory.
const QUEUE_JOBS: usize = 256;

/// Most own records that wait to be pushed to neighbours; older ones travel when sets are compared.
const MAX_FRESH: usize = 64;

/// How much is carried for others and how long.
#[derive(Debug, Clone, Copy)]
pub struct RecordOptions {
    /// Bytes of other devices' records, default 64 MiB. Less: couriers lose work. More: the disk fills.
    pub carry_quota_bytes: u64,
    /// Days after which a carried record is dropped, default 60 (the promise to learners, P8).
    pub carry_days: u32,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            carry_quota_bytes: 64 << 20,
            carry_days: 60,
        }
    }
}

/// Why the record store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file or its folder cannot be made or read.
    #[error("cannot open {path}: {source}; check that the disk is there and writable")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds it.
    #[error("{path} is in use by another process; stop that node first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "{path} is damaged ({reason}); it holds unsent learner records, so keep a copy of it and ask for help before removing it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What redb said.
        reason: String,
    },
}

/// The store could not make something durable; nothing was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "learner records cannot be written ({0}); free space or replace the disk, they are tried again with the next save"
)]
pub struct StoreFault(pub(crate) String);

/// Why events were not saved. The caller still has them and may try again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SaveError {
    /// An event that fits no record.
    #[error(transparent)]
    Events(#[from] PayloadError),
    /// A recipient's key is unusable.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The disk failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Proof that events are on disk, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The records that hold them.
    pub records: Vec<RecordId>,
}

/// A record that waits for the reader: id and bytes.
pub type Unread = ([u8; 32], Vec<u8>);

/// For `status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// This device's records that nobody has acknowledged yet.
    pub own_unacked: u64,
    /// Other devices' records held for them.
    pub carried: u64,
    /// This device's records that the collector has acknowledged, since the store was made.
    pub acked: u64,
}

/// The node's records and acknowledgements. Clones share one store.
///
/// The file stays locked until [`RecordStore::close`] or, a moment later, until the last clone is gone.
#[derive(Debug, Clone)]
pub struct RecordStore {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    options: RecordOptions,
    /// `None` while the writer reopens it after a failed commit.
    database: RwLock<Option<Database>>,
    index: Mutex<Index>,
    ack_keys: Mutex<Vec<AckKey>>,
    /// This device, as its records name it inside the seal.
    device: DeviceId,
    changed: watch::Sender<u64>,
    /// Own records that were just saved.
    fresh: Mutex<VecDeque<RecordId>>,
}

impl RecordStore {
    /// Opens or makes the store at `path` (`D/records.redb`), readable by its owner only.
    ///
    /// # Errors
    /// [`OpenError`]; a damaged file is never replaced by an empty one.
    pub fn open(path: &Path, options: RecordOptions) -> Result<Self, OpenError> {
        make_private(path).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        let database = tables::open(path)?;
        let damaged = |error: redb::Error| OpenError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let own = tables::prepare(&database, &mut writer::system_rng()).map_err(damaged)?;
        let index = tables::load_index(&database, &own).map_err(damaged)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            options,
            database: RwLock::new(Some(database)),
            index: Mutex::new(index),
            ack_keys: Mutex::new(Vec::new()),
            device: own.device(),
            changed: watch::Sender::new(0),
            fresh: Mutex::default(),
        });
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
        let writer = Writer::new(shared.clone(), own);
        std::thread::Builder::new()
            .name("records".into())
            .spawn(move || writer.run(queue))
            .map_err(|source| OpenError::Io {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self { shared, jobs })
    }

    /// This device, as its records name it inside the seal and nowhere else.
    pub fn device(&self) -> DeviceId {
        self.shared.device
    }

    /// Acknowledgements count only when one of these keys signed them; from verified metadata.
    pub fn set_ack_keys(&self, keys: Vec<AckKey>) {
        *self.shared.ack_keys.lock().expect("no holder panics") = keys;
    }

    /// Seals events of this device and returns when they are on disk. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`SaveError`]; nothing is saved then.
    pub async fn append(
        &self,
        events: Vec<LearnerEvent>,
        to: Recipients,
        now: i64,
    ) -> Result<Saved, SaveError> {
        self.append_payloads(pack_events(&events)?, to, now).await
    }

    /// Seals contents that are packed already, one record for each, and returns when they are on disk. A content that
    /// fits no record is refused by [`SaveError::Seal`].
    ///
    /// # Errors
    /// [`SaveError`]; nothing is saved then.
    pub async fn append_payloads(
        &self,
        payloads: Vec<Vec<u8>>,
        to: Recipients,
        now: i64,
    ) -> Result<Saved, SaveError> {
        let (job, answer) = append_job(payloads, to, now);
        self.jobs.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// [`RecordStore::append`] for callers outside an async runtime.
    ///
    /// # Errors
    /// [`SaveError`]; nothing is saved then.
    ///
    /// # Panics
    /// Inside an async runtime, where it would block other tasks.
    pub fn append_blocking(
        &self,
        events: &[LearnerEvent],
        to: Recipients,
        now: i64,
    ) -> Result<Saved, SaveError> {
        let (job, answer) = append_job(pack_events(events)?, to, now);
        self.jobs.blocking_send(job).map_err(|_| closed())?;
        answer.blocking_recv().map_err(|_| closed())?
    }

    /// Checks and keeps what a peer gave; returns when it is on disk. `source` is the peer's node id, whose
    /// share of the quota it uses. Forged or malformed items are refused, one by one.
    ///
    /// # Errors
    /// [`StoreFault`] when the disk failed; nothing was kept then.
    pub async fn store(
        &self,
        kind: SetKind,
        items: Vec<Vec<u8>>,
        source: [u8; 32],
        now: i64,
    ) -> Result<Stored, StoreFault> {
        let keys = self
            .shared
            .ack_keys
            .lock()
            .expect("no holder panics")
            .clone();
        let (reply, answer) = oneshot::channel();
        let job = Job::checked(kind, items, source, now, &keys, reply);
        self.ask(job, answer).await
    }

    /// Drops what was carried too long. Call it daily or so.
    ///
    /// # Errors
    /// [`StoreFault`] when the disk failed.
    pub async fn expire(&self, now: i64) -> Result<usize, StoreFault> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Expire { now, reply }, answer).await
    }

    /// From now on keeps each record, own or carried, until a reader on this node says that it read it; those that are
    /// held are the first. Remembered; asking again changes nothing.
    ///
    /// # Errors
    /// [`StoreFault`] when the disk failed.
    pub async fn begin_reading(&self) -> Result<(), StoreFault> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::BeginReading { reply }, answer).await
    }

    /// At most `limit` records that wait for the reader, with their ids.
    ///
    /// # Errors
    /// [`StoreFault`] when the disk cannot be read.
    pub fn unread(&self, limit: usize) -> Result<Vec<Unread>, StoreFault> {
        self.reading(|database| tables::read_unread(database, limit))
    }

    /// The reader has made durable what it wanted of these.
    ///
    /// # Errors
    /// [`StoreFault`] when the disk failed; they will be read again.
    pub async fn mark_read(&self, ids: Vec<[u8; 32]>) -> Result<(), StoreFault> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Read { ids, reply }, answer).await
    }

    /// Counts for `status`.
    pub fn counts(&self) -> RecordCounts {
        self.index().counts()
    }

    /// The set at this moment.
    pub fn snapshot(&self, kind: SetKind) -> Snapshot {
        self.index().snapshot(kind)
    }

    /// Ids of all records that are held at this moment, those of one log one after the other and in order of sequence.
    pub fn in_log_order(&self) -> Vec<[u8; 32]> {
        self.index().in_log_order()
    }

    /// The digest of the set at this moment.
    pub fn digest(&self, kind: SetKind) -> SetDigest {
        self.index().digest(kind)
    }

    /// The bytes of those of the items that are still held.
    ///
    /// # Errors
    /// [`StoreFault`] when the disk cannot be read.
    pub fn load(&self, kind: SetKind, ids: &[[u8; 32]]) -> Result<Vec<Vec<u8>>, StoreFault> {
        let logs = match kind {
            SetKind::Acks => self.index().logs_of_acks(ids),
            SetKind::Records => Vec::new(),
        };
        self.reading(|database| match kind {
            SetKind::Acks => tables::read_acks(database, &logs),
            SetKind::Records => tables::read_records(database, ids),
        })
    }

    fn reading<T>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreFault> {
        let database = self.shared.database.read().expect("no holder panics");
        let database = database
            .as_ref()
            .ok_or_else(|| StoreFault("the file is closed".into()))?;
        read(database).map_err(|error| StoreFault(error.to_string()))
    }

    async fn ask<T>(
        &self,
        job: Job,
        answer: oneshot::Receiver<Result<T, StoreFault>>,
    ) -> Result<T, StoreFault> {
        self.jobs.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Finishes what waits and closes the file, for all clones; another may open it on return.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.jobs.send(Job::Close { reply }).await.is_ok() {
            // The writer answers by dropping the sender.
            drop(closed.await);
        }
    }

    /// Own records saved since the last call, the newest few: for pushing them to neighbours at once.
    pub fn take_fresh(&self) -> Vec<RecordId> {
        let mut fresh = self.shared.fresh.lock().expect("no holder panics");
        fresh.drain(..).collect()
    }

    /// Says when records or acknowledgements were added or deleted; the number only counts changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.shared.index.lock().expect("no holder panics")
    }
}

fn append_job(
    payloads: Vec<Vec<u8>>,
    to: Recipients,
    now: i64,
) -> (Job, oneshot::Receiver<Result<Saved, SaveError>>) {
    let (reply, answer) = oneshot::channel();
    let job = Job::Append {
        payloads,
        to: Box::new(to),
        now,
        reply,
    };
    (job, answer)
}

fn closed() -> StoreFault {
    StoreFault("the record writer has stopped".into())
}

/// Makes the file with owner-only rights before redb opens it, and its folder durable.
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if path.exists() {
        return Ok(());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
