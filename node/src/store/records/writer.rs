//! The thread that writes: takes all waiting jobs, one transaction, one fsync, then the answers.

use std::sync::Arc;

use pishtar_mesh::records::{SetKind, Stored};
use pishtar_signing::{
    ack::{Ack, AckKey},
    record::{Recipients, Record},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use crate::cores::on_all_cores;

use super::{
    MAX_FRESH, SaveError, Saved, Shared, StoreFault,
    batch::Batch,
    tables::{self, Own, Tables},
};

/// Most jobs that share one fsync.
const BATCH_JOBS: usize = 128;

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
    /// Keeps records for a reader from now on.
    BeginReading {
        reply: oneshot::Sender<Result<(), StoreFault>>,
    },
    /// The reader is done with these.
    Read {
        ids: Vec<[u8; 32]>,
        reply: oneshot::Sender<Result<(), StoreFault>>,
    },
    /// Ends the writer; answered by dropping the sender after the file is closed.
    Close { reply: oneshot::Sender<()> },
}

impl Job {
    /// Checks signatures here, on the caller's thread and the other cores, so that a flood of items does not hold up saves.
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
        match kind {
            SetKind::Records => {
                let parse = |item: &Vec<u8>| Record::parse(item.clone());
                records = on_all_cores(&items, |part| part.iter().flat_map(parse).collect());
            }
            SetKind::Acks => {
                let signed = |ack: &Ack| keys.iter().any(|key| ack.verify(key).is_ok());
                let parse = |item: &Vec<u8>| Ack::parse(item).ok().filter(signed);
                acks = on_all_cores(&items, |part| part.iter().filter_map(parse).collect());
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
            Self::BeginReading { reply } | Self::Read { reply, .. } => {
                drop(reply.send(Err(fault)));
            }
            Self::Close { reply } => drop(reply),
        }
    }
}

/// What a job came to, kept back until the commit.
pub(super) enum Outcome {
    Append(Result<Saved, SaveError>),
    Keep(Stored),
    Expire(usize),
    Done,
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
                self.note_fresh(&outcomes);
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

    fn note_fresh(&self, outcomes: &[Outcome]) {
        let mut fresh = self.shared.fresh.lock().expect("no holder panics");
        for outcome in outcomes {
            if let Outcome::Append(Ok(saved)) = outcome {
                fresh.extend(&saved.records);
            }
        }
        let surplus = fresh.len().saturating_sub(MAX_FRESH);
        fresh.drain(..surplus);
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
        (Job::BeginReading { reply } | Job::Read { reply, .. }, Outcome::Done) => {
            drop(reply.send(Ok(())));
        }
        _ => unreachable!("outcomes are made from the jobs, in order"),
    }
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
