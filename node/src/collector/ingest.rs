//! Counting opened records once and merging their events, inside one transaction.

use std::collections::BTreeMap;

use pishtar_mesh::learner::{DeviceId, LearnerEvent, LearnerId, LessonRef};
use pishtar_signing::record::LogKey;

use super::{
    CollectError,
    content::Content,
    open::OpenedRecord,
    state::{Progress, State, Tables},
    statements::{Change, Vocabulary},
};

/// What counting came to.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) new: usize,
    pub(super) duplicate: usize,
    pub(super) statements: usize,
    /// For each log seen: up to where it is counted without a gap.
    pub(super) contiguous: BTreeMap<LogKey, u64>,
}

/// Progress that changes in this transaction: before and after.
type Changes = BTreeMap<(LearnerId, LessonRef), (Progress, Progress)>;

impl State {
    /// Counts, merges, and writes the statements that follow to the outbox; durable on return.
    pub(super) fn count(
        &self,
        records: &[OpenedRecord],
        vocabulary: &Vocabulary,
        now: i64,
    ) -> Result<Counted, CollectError> {
        if records.is_empty() {
            return Ok(Counted::default());
        }
        self.write(|tables| {
            let now_hour = u32::try_from(now.max(0) / 3600).unwrap_or(u32::MAX);
            let (mut counted, mut changes) = (Counted::default(), Changes::new());
            for record in records {
                if count_one(tables, record, &mut counted)? {
                    take_in(tables, record, now_hour, &mut changes)?;
                }
            }
            for (key, (before, mut after)) in changes {
                let change = Change {
                    learner: &key.0,
                    lesson: &key.1,
                    before: &before,
                    now,
                };
                for statement in vocabulary.statements(&change, &mut after) {
                    tables.queue(&statement)?;
                    counted.statements += 1;
                }
                tables.put_progress(&key, &after)?;
            }
            Ok(counted)
        })
    }
}

/// Whether the record is new. Rows are kept only beyond the first gap of a log.
fn count_one(
    tables: &mut Tables<'_>,
    record: &OpenedRecord,
    counted: &mut Counted,
) -> Result<bool, redb::Error> {
    let (log, sequence) = (record.header.log_key, record.header.sequence);
    let mut up_to = tables.contiguous(&log)?;
    let new = sequence > up_to && tables.mark_counted(&log, sequence, &record.id)?;
    if new {
        counted.new += 1;
        while tables.take_counted(&log, up_to + 1)? {
            up_to += 1;
        }
        tables.set_contiguous(&log, up_to)?;
    } else {
        counted.duplicate += 1;
    }
    if up_to > 0 {
        counted.contiguous.insert(log, up_to);
    }
    Ok(new)
}

/// Does what a new record's content asks for; every kind of content is dispatched here.
fn take_in(
    tables: &mut Tables<'_>,
    record: &OpenedRecord,
    now_hour: u32,
    changes: &mut Changes,
) -> Result<(), redb::Error> {
    match &record.content {
        Content::Events(events) => merge(tables, record, events, now_hour, changes),
        Content::Nothing => Ok(()),
    }
}

fn merge(
    tables: &mut Tables<'_>,
    record: &OpenedRecord,
    events: &[LearnerEvent],
    now_hour: u32,
    changes: &mut Changes,
) -> Result<(), redb::Error> {
    for event in events {
        let key = (event.learner.clone(), event.lesson.clone());
        if !changes.contains_key(&key) {
            let held = tables.progress(&key)?;
            changes.insert(key.clone(), (held.clone(), held));
        }
        let (_, after) = changes
            .get_mut(&key)
            .expect("it was put there if it was missing");
        after.lesson.apply(DeviceId(record.device), event);
        if record.header.hour <= now_hour {
            after.hour = after.hour.max(record.header.hour);
        }
    }
    Ok(())
}
