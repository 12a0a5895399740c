//! Items of one batch, merged as far as they can be before they are sent, and sent in one transaction.

use std::{collections::BTreeMap, io::Write};

use pishtar_mesh::learner::{LearnerId, LessonProgress, LessonRef, Merge};
use postgres::{
    Client, Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use super::statements::{
    COPY_ATTEMPTS, COPY_PROGRESS, COPY_RECORDS, ERASE, ERASE_LOCK, MERGE_ATTEMPTS, MERGE_PROGRESS,
    MERGE_RECORDS,
};
use crate::collector::delta::{CountedRecord, Delta};

/// What a batch says, each thing once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<CountedRecord>,
    progress: BTreeMap<(LearnerId, LessonRef), (LessonProgress, u32)>,
    erased: Vec<LearnerId>,
    foreign: bool,
}

impl Batch {
    pub(super) fn of(items: &[Vec<u8>]) -> Self {
        let mut batch = Self::default();
        for item in items {
            match Delta::parse(item) {
                Some(Delta::Records(records)) => batch.records.extend(records),
                Some(Delta::Progress(delta)) => {
                    let key = (delta.learner, delta.lesson);
                    let (held, hour) = batch.progress.entry(key).or_default();
                    held.merge(&delta.progress);
                    *hour = delta.hour.max(*hour);
                }
                Some(Delta::Erased(learner)) => {
                    batch.progress.retain(|(held, _), _| *held != learner);
                    batch.erased.push(learner);
                }
                None => batch.foreign = true,
            }
        }
        batch
    }

    /// Why an item of this batch can never be written.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        self.foreign
            .then_some("the queue holds something that this version does not read")
    }

    /// All or nothing.
    pub(super) fn write(&self, client: &mut Client) -> Result<(), postgres::Error> {
        let mut txn = client.transaction()?;
        self.erase(&mut txn)?;
        self.copy_records(&mut txn)?;
        self.copy_progress(&mut txn)?;
        let attempts = self.copy_attempts(&mut txn)?;
        for (wanted, sql) in [
            (!self.records.is_empty(), MERGE_RECORDS),
            (!self.progress.is_empty(), MERGE_PROGRESS),
            (attempts, MERGE_ATTEMPTS),
        ] {
            if wanted {
                txn.execute(sql, &[])?;
            }
        }
        txn.commit()
    }

    fn erase(&self, txn: &mut Transaction<'_>) -> Result<(), postgres::Error> {
        if !self.erased.is_empty() {
            txn.batch_execute(ERASE_LOCK)?;
        }
        for learner in &self.erased {
            for sql in ERASE {
                txn.execute(sql, &[&learner.as_str()])?;
            }
        }
        Ok(())
    }

    fn copy_records(&self, txn: &mut Transaction<'_>) -> Result<(), postgres::Error> {
        if self.records.is_empty() {
            return Ok(());
        }
        let types = [Type::BYTEA, Type::BYTEA, Type::INT8, Type::INT8, Type::INT8];
        let mut rows = BinaryCopyInWriter::new(txn.copy_in(COPY_RECORDS)?, &types);
        for record in &self.records {
            rows.write(&[
                &record.id.as_slice(),
                &record.log_key.as_slice(),
                &record.sequence.cast_signed(),
                &i64::from(record.epoch),
                &i64::from(record.hour),
            ])?;
        }
        finish(rows)
    }

    fn copy_progress(&self, txn: &mut Transaction<'_>) -> Result<(), postgres::Error> {
        if self.progress.is_empty() {
            return Ok(());
        }
        let types = [
            Type::TEXT,
            Type::TEXT,
            Type::TEXT_ARRAY,
            Type::TEXT,
            Type::INT4,
            Type::INT4,
            Type::BOOL,
            Type::INT4,
        ];
        let mut rows = BinaryCopyInWriter::new(txn.copy_in(COPY_PROGRESS)?, &types);
        for ((learner, lesson), (progress, hour)) in &self.progress {
            let names: Vec<&str> = progress.names.iter().map(|name| name.as_str()).collect();
            rows.write(&[
                &learner.as_str(),
                &lesson.as_str(),
                &names,
                &multirange(progress),
                &int4(progress.furthest_ms),
                &int4(progress.duration_ms),
                &progress.completed,
                &int4(*hour),
            ])?;
        }
        finish(rows)
    }

    /// Whether there were any.
    fn copy_attempts(&self, txn: &mut Transaction<'_>) -> Result<bool, postgres::Error> {
        if self
            .progress
            .values()
            .all(|(progress, _)| progress.attempts.is_empty())
        {
            return Ok(false);
        }
        let types = [
            Type::TEXT,
            Type::TEXT,
            Type::BYTEA,
            Type::INT8,
            Type::TEXT,
            Type::INT8,
            Type::INT8,
        ];
        let mut rows = BinaryCopyInWriter::new(txn.copy_in(COPY_ATTEMPTS)?, &types);
        for ((learner, lesson), (progress, _)) in &self.progress {
            for (key, attempt) in &progress.attempts {
                let cells: [&(dyn ToSql + Sync); 7] = [
                    &learner.as_str(),
                    &lesson.as_str(),
                    &key.device.0.as_slice(),
                    &key.counter.cast_signed(),
                    // The database holds every character but this one.
                    &attempt.item.replace('\0', "\u{fffd}"),
                    &i64::from(attempt.raw),
                    &i64::from(attempt.max),
                ];
                rows.write(&cells)?;
            }
        }
        finish(rows)?;
        Ok(true)
    }
}

fn finish(rows: BinaryCopyInWriter<'_>) -> Result<(), postgres::Error> {
    rows.finish().map(drop)
}

/// The played intervals in milliseconds as PostgreSQL writes a multirange.
fn multirange(progress: &LessonProgress) -> String {
    let mut text = Vec::from(b"{");
    for (at, (start, end)) in progress.played.intervals().iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(text, "{comma}[{},{})", int4(*start), int4(*end)).expect("a vector takes all bytes");
    }
    text.push(b'}');
    String::from_utf8(text).expect("digits and brackets are text")
}

/// Milliseconds up to 24 days; a video that claims more is cut there.
fn int4(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use pishtar_mesh::learner::PlayedSegments;

    use super::*;

    #[test]
    fn intervals_are_written_as_a_multirange() {
        let mut progress = LessonProgress::default();
        assert_eq!(multirange(&progress), "{}");
        progress.played = PlayedSegments::from_intervals([(0, 5), (7, u32::MAX)]).unwrap();
        assert_eq!(multirange(&progress), "{[0,5),[7,2147483647)}");
    }
}
