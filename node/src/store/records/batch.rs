//! The rules of the store: what one job changes, inside the transaction of its batch.

use pishtar_mesh::records::Stored;
use pishtar_signing::{
    ack::Ack,
    record::{Recipients, Record, seal},
};
use rand_chacha::ChaCha20Rng;

use super::{
    SaveError, Saved, Shared,
    index::{Index, Info},
    tables::{Own, Tables, held_ack},
    writer::{Job, Outcome},
};

/// A log key lives one week.
const LOG_SECONDS: i64 = 7 * 86_400;
/// Acknowledgements older than this are forgotten; the collector signs again when an old record returns.
const ACK_HOURS: u32 = 120 * 24;

/// One transaction with the memory that goes with it.
pub(super) struct Batch<'txn, 'a> {
    pub(super) tables: Tables<'txn>,
    pub(super) index: &'a mut Index,
    pub(super) own: &'a mut Own,
    pub(super) rng: &'a mut ChaCha20Rng,
    pub(super) shared: &'a Shared,
}

impl Batch<'_, '_> {
    /// Carries out one job; its outcome counts only once the transaction is committed.
    pub(super) fn apply(&mut self, job: &Job) -> Result<Outcome, redb::Error> {
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
                let source = self.own.source(source);
                for record in records {
                    self.keep(record, source, &mut stored)?;
                }
                let mut freed = Vec::new();
                for ack in acks {
                    self.acknowledge(ack, hour(*now), &mut stored, &mut freed)?;
                }
                // In the tables' own order: thousands of records lie on pages that are then touched once.
                freed.sort_unstable();
                for id in &freed {
                    self.tables.delete_record(id)?;
                }
                Ok(Outcome::Keep(stored))
            }
            Job::Expire { now, .. } => Ok(Outcome::Expire(self.expire(*now)?)),
            Job::BeginReading { .. } => {
                self.tables.begin_reading()?;
                self.index.reading = true;
                Ok(Outcome::Done)
            }
            Job::Read { ids, .. } => {
                for id in ids {
                    self.tables.delete_unread(id)?;
                }
                Ok(Outcome::Done)
            }
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
        if self.index.reading {
            self.tables.put_unread(&record.id().0, record.as_bytes())?;
        }
        self.index.add(record.id().0, info);
        Ok(())
    }

    /// A later acknowledgement replaces an earlier one; equal ones are told apart by hour, so that two
    /// carriers end with the same. Records that it frees are off the index and still in the tables.
    fn acknowledge(
        &mut self,
        ack: &Ack,
        now_hour: u32,
        stored: &mut Stored,
        freed: &mut Vec<[u8; 32]>,
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
            freed.push(id);
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
