//! The thread that writes: takes all waiting jobs, one transaction, one fsync, then the answers.

use std::sync::Arc;

use pishtar_mesh::records::{SetKind, Stored};
use pishtar_signing::{
    ack::{Ack, AckKey},
    record::{Recipients, Record, seal},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::{
    SaveError, Saved, Shared, StoreFault,
    index::{Index, Info},
    tables::{self, Own, Tables, held_ack},
};

/// Most jobs that share one fsync.
const BATCH_JOBS: usize = 128;
/// A log key lives one week.
const LOG_SECONDS: i64 = 7 * 86_400;
/// Acknowledgements older than this are forgotten; the collector signs again when an old record returns.
const ACK_HOURS: u32 = 120 * 24;

/// One thing to make durable.
#[derive(Debug)]
pub(super) enum Job {
    Append {
        payloads: Vec<Vec<u8>>,
        to: Box<Recipients>,
        now: i64,
        reply: oneshot::Sender<Result<Saved, SaveError>>,
    },
    Keep {
        records: Vec<Record>,
        acks: Vec<Ack>,
        refused: usize,
        source: [u8; 32],
        now: i64,
        reply: oneshot::Sender<Result<Stored, StoreFault>>,
    },
    Expire {
        now: i64,
        reply: oneshot::Sender<Result<usize, StoreFault>>,
    },
    /// Ends the writer; answered by dropping the sender after the file is closed.
    Close { reply: oneshot::Sender<()> },
}

impl Job {
    /// Checks signatures here, on the caller's thread, so that a flood of items does not hold up saves.
    pub(super) fn checked(
        kind: SetKind,
        items: Vec<Vec<u8>>,
        source: [u8; 32],
        now: i64,
        keys: &[AckKey],
        reply: oneshot::Sender<Result<Stored, StoreFault>>,
    ) -> Self {
        let total = items.len();
        let (mut records, mut acks) = (Vec::new(), Vec::new());
        for item in items {
            match kind {
                SetKind::Records => records.extend(Record::parse(item)),
                SetKind::Acks => {
                    let signed = |ack: &Ack| keys.iter().any(|key| ack.verify(key).is_ok());
                    acks.extend(Ack::parse(&item).ok().filter(signed));
                }
            }
        }
        Self::Keep {
            refused: total - records.len() - acks.len(),
            records,
            acks,
            source,
            now,
            reply,
        }
    }

    fn fail(self, fault: StoreFault) {
        // A caller that no longer waits needs no answer.
        match self {
            Self::Append { reply, .. } => drop(reply.send(Err(fault.into()))),
            Self::Keep { reply, .. } => drop(reply.send(Err(fault))),
            Self::Expire { reply, .. } => drop(reply.send(Err(fault))),
            Self::Close { reply } => drop(reply),
        }
    }
}

/// What a job came to, kept back until the commit.
enum Outcome {
    Append(Result<Saved, SaveError>),
    Keep(Stored),
    Expire(usize),
}

/// Owns all writing to the store.
pub(super) struct Writer {
    shared: Arc<Shared>,
    own: Own,
    rng: ChaCha20Rng,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, own: Own) -> Self {
        Self {
            shared,
            own,
            rng: system_rng(),
        }
    }

    /// Works until the last handle of the store is gone.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.blocking_recv() {
            let mut jobs = vec![job];
            while jobs.len() < BATCH_JOBS
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            let closing = jobs.iter().position(|job| matches!(job, Job::Close { .. }));
            let late = closing.map(|at| jobs.split_off(at));
            if !jobs.is_empty() {
                self.commit(jobs);
            }
            if let Some(late) = late {
                *self.shared.database.write().expect("no holder panics") = None;
                for job in late {
                    job.fail(StoreFault("the record store is closed".into()));
                }
                return;
            }
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        match self.try_commit(&jobs) {
            Ok(outcomes) => {
                self.announce();
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    answer(job, outcome);
                }
            }
            Err(error) => {
                tracing::error!(%error, "learner records could not be written");
                let fault = StoreFault(error.to_string());
                for job in jobs {
                    job.fail(fault.clone());
                }
                self.reopen();
            }
        }
    }

    fn announce(&self) {
        let changes = self.shared.index.lock().expect("no holder panics").changes;
        self.shared.changed.send_if_modified(|told| {
            let new = *told != changes;
            *told = changes;
            new
        });
    }

    /// After a failed write neither the file handle nor the memory can be trusted: read all again.
    fn reopen(&mut self) {
        let mut database = self.shared.database.write().expect("no holder panics");
        *database = None;
        let Ok(fresh) = tables::open(&self.shared.path) else {
            return;
        };
        let Ok(own) = tables::prepare(&fresh, &mut self.rng) else {
            return;
        };
        let Ok(index) = tables::load_index(&fresh, &own) else {
            return;
        };
        {
            let mut held = self.shared.index.lock().expect("no holder panics");
            let changes = held.changes + index.changes + 1;
            *held = index;
            held.changes = changes;
        }
        self.own = own;
        *database = Some(fresh);
    }

    fn try_commit(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, redb::Error> {
        if self
            .shared
            .database
            .read()
            .expect("no holder panics")
            .is_none()
        {
            self.reopen();
        }
        let shared = self.shared.clone();
        let database = shared.database.read().expect("no holder panics");
        let database: &Database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let txn = tables::begin(database)?;
        let outcomes = {
            let mut index = shared.index.lock().expect("no holder panics");
            let mut batch = Batch {
                tables: Tables::open(&txn)?,
                index: &mut index,
                own: &mut self.own,
                rng: &mut self.rng,
                shared: &shared,
            };
            let outcomes: Result<Vec<_>, _> = jobs.iter().map(|job| batch.apply(job)).collect();
            let own = batch.own.clone();
            batch.tables.put_own(&own)?;
            outcomes?
        };
        txn.commit()?;
        Ok(outcomes)
    }
}

fn answer(job: Job, outcome: Outcome) {
    match (job, outcome) {
        (Job::Append { reply, .. }, Outcome::Append(result)) => drop(reply.send(result)),
        (Job::Keep { reply, .. }, Outcome::Keep(stored)) => drop(reply.send(Ok(stored))),
        (Job::Expire { reply, .. }, Outcome::Expire(count)) => drop(reply.send(Ok(count))),
        _ => unreachable!("outcomes are made from the jobs, in order"),
    }
}

/// One transaction with the memory that goes with it.
struct Batch<'txn, 'a> {
    tables: Tables<'txn>,
    index: &'a mut Index,
    own: &'a mut Own,
    rng: &'a mut ChaCha20Rng,
    shared: &'a Shared,
}

impl Batch<'_, '_> {
    fn apply(&mut self, job: &Job) -> Result<Outcome, redb::Error> {
        match job {
            Job::Append {
                payloads, to, now, ..
            } => Ok(Outcome::Append(self.append(payloads, to, *now)?)),
            Job::Keep {
                records,
                acks,
                refused,
                source,
                now,
                ..
            } => {
                let mut stored = Stored {
                    refused: *refused,
                    ..Stored::default()
                };
                self.own.age.advance(*now);
                for record in records {
                    self.keep(record, *source, &mut stored)?;
                }
                for ack in acks {
                    self.acknowledge(ack, hour(*now), &mut stored)?;
                }
                Ok(Outcome::Keep(stored))
            }
            Job::Expire { now, .. } => Ok(Outcome::Expire(self.expire(*now)?)),
            Job::Close { .. } => unreachable!("the writer ends before it applies this"),
        }
    }

    /// Seals all before it stores any, so that a failure leaves no gap in the log.
    fn append(
        &mut self,
        payloads: &[Vec<u8>],
        to: &Recipients,
        now: i64,
    ) -> Result<Result<Saved, SaveError>, redb::Error> {
        self.own.age.advance(now);
        self.rotate(now, to.ministry.epoch);
        let signer = self.own.signer();
        let mut sealed = Vec::with_capacity(payloads.len());
        for (sequence, payload) in (self.own.next_sequence..).zip(payloads) {
            match seal(payload, &signer, sequence, hour(now), to, self.rng) {
                Ok(record) => sealed.push(record),
                Err(error) => return Ok(Err(error.into())),
            }
        }
        self.own.next_sequence += sealed.len() as u64;
        for record in &sealed {
            self.insert(record, true, [0; 32])?;
        }
        let records = sealed.iter().map(Record::id).collect();
        Ok(Ok(Saved { records }))
    }

    /// A new log each week, and for each collection key: a collector that holds only the new key would
    /// wait for ever for the beginning of a log that it cannot open.
    fn rotate(&mut self, now: i64, epoch: u32) {
        let young = |started: i64| (0..LOG_SECONDS).contains(&now.saturating_sub(started));
        if self.own.log_epoch == epoch && self.own.log_started.is_some_and(young) {
            return;
        }
        rand_core::Rng::fill_bytes(self.rng, &mut self.own.log_seed);
        self.own.log_started = Some(now);
        self.own.log_epoch = epoch;
        self.own.next_sequence = 1;
    }

    fn keep(
        &mut self,
        record: &Record,
        source: [u8; 32],
        stored: &mut Stored,
    ) -> Result<(), redb::Error> {
        let header = record.header();
        if self
            .index
            .knows(&record.id().0, &header.log_key.0, header.sequence)
        {
            stored.known += 1;
        } else if self.make_room(header.class.bytes() as u64, &source)? {
            self.insert(record, false, source)?;
            stored.accepted += 1;
        } else {
            stored.refused += 1;
        }
        Ok(())
    }

    /// Whoever takes most room gives way: the newest records of the largest source go first, and a source
    /// that would itself become the largest is refused. A flood thus only displaces itself.
    fn make_room(&mut self, bytes: u64, source: &[u8; 32]) -> Result<bool, redb::Error> {
        let quota = self.shared.options.carry_quota_bytes;
        while self.index.carried_bytes() + bytes > quota {
            let Some((largest, used)) = self.index.largest_source() else {
                return Ok(false);
            };
            if self.index.used_by(source) + bytes >= used {
                return Ok(false);
            }
            let victim = self
                .index
                .newest_of(largest)
                .expect("a source with bytes has records");
            self.tables.delete_record(&victim)?;
            self.index.remove(&victim);
        }
        Ok(true)
    }

    fn insert(&mut self, record: &Record, own: bool, source: [u8; 32]) -> Result<(), redb::Error> {
        let header = record.header();
        let info = Info {
            own,
            source,
            arrived: self.own.age.seconds,
            hour: header.hour,
            log_key: header.log_key.0,
            sequence: header.sequence,
            bytes: u32::try_from(header.class.bytes()).expect("a record has at most 8 KiB"),
        };
        self.tables
            .put_record(&record.id().0, record.as_bytes(), &info)?;
        self.index.add(record.id().0, info);
        Ok(())
    }

    /// A later acknowledgement replaces an earlier one; equal ones are told apart by hour, so that two
    /// carriers end with the same.
    fn acknowledge(
        &mut self,
        ack: &Ack,
        now_hour: u32,
        stored: &mut Stored,
    ) -> Result<(), redb::Error> {
        let log_key = ack.log_key.0;
        let newer = self.index.ack(&log_key).is_none_or(|held| {
            (ack.up_to, ack.hour, held_ack(ack).id) > (held.up_to, held.hour, held.id)
        });
        if !newer || ack.hour.saturating_add(ACK_HOURS) < now_hour {
            stored.known += 1;
            return Ok(());
        }
        self.tables.put_ack(ack)?;
        self.index.set_ack(log_key, held_ack(ack));
        for id in self.index.covered(log_key, ack.up_to) {
            self.tables.delete_record(&id)?;
            if self.index.remove(&id).is_some_and(|info| info.own) {
                self.own.acked += 1;
                self.index.acked = self.own.acked;
            }
        }
        stored.accepted += 1;
        Ok(())
    }

    fn expire(&mut self, now: i64) -> Result<usize, redb::Error> {
        self.own.age.advance(now);
        let (age, days) = (
            self.own.age.seconds,
            i64::from(self.shared.options.carry_days),
        );
        let old = self.index.carried_before(age - days * 86_400);
        for id in &old {
            // Neighbours may hold it a little longer: do not take it back from them.
            let until = age + days * 86_400;
            self.tables.delete_record(id)?;
            self.tables.put_dropped(id, until)?;
            self.index.remove(id);
            self.index.drop_until(*id, until);
        }
        for id in self.index.dropped_before(age) {
            self.tables.delete_dropped(&id)?;
            self.index.forget_dropped(&id);
        }
        for log_key in self
            .index
            .acks_before_hour(hour(now).saturating_sub(ACK_HOURS))
        {
            self.tables.delete_ack(&log_key)?;
            self.index.remove_ack(&log_key);
        }
        Ok(old.len())
    }
}

/// Hours since 1970; a clock before it counts as 1970.
fn hour(now: i64) -> u32 {
    u32::try_from(now.max(0) / 3600).unwrap_or(u32::MAX)
}

/// A generator seeded by the system.
///
/// # Panics
/// When the system has no randomness, without which nothing can be sealed.
pub(super) fn system_rng() -> ChaCha20Rng {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the system gives randomness");
    ChaCha20Rng::from_seed(seed)
}
