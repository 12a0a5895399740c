//! Counting opened records once and merging their events, inside one transaction.

use std::collections::BTreeMap;

use pishtar_mesh::learner::{DeviceId, LearnerEvent, LearnerId, LessonProgress, LessonRef};
use pishtar_signing::record::LogKey;

use super::{
    CollectError,
    content::Content,
    delta::{CountedRecord, Delta, ProgressDelta},
    guide::Guide,
    names::{Effects, Gate, Letter, NameTables, Names},
    open::OpenedRecord,
    sinks::Feed,
    state::{Progress, State, Tables},
    statements::{Change, Vocabulary},
    withheld::Withheld,
};

/// What counting came to.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) new: usize,
    pub(super) duplicate: usize,
    pub(super) withheld: usize,
    pub(super) statements: usize,
    /// For each log seen: up to where it is counted without a gap.
    pub(super) contiguous: BTreeMap<LogKey, u64>,
    /// For each sink's queue the number that its next item gets: below it lies all that these records cause.
    pub(super) heads: BTreeMap<u32, u64>,
}

/// What decides how a record counts.
pub(super) struct Rules<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) guide: &'a Guide,
    /// Who learners are; without it every event counts as it comes.
    pub(super) names: Option<&'a Names>,
    /// The collector's clock, Unix seconds.
    pub(super) now: i64,
}

/// One learner's work on one lesson while a transaction changes it.
struct Changing {
    before: Progress,
    after: Progress,
    /// What this transaction adds.
    added: LessonProgress,
}

/// All that a transaction changes; kinds of content add their own part here.
struct Changes<'a> {
    progress: BTreeMap<(LearnerId, LessonRef), Changing>,
    names: Option<NameTables<'a>>,
}

impl<'a> Changes<'a> {
    fn begin(tables: &Tables<'a>, rules: &Rules<'a>) -> Result<Self, redb::Error> {
        let names = rules.names;
        let names = names.map(|names| NameTables::open(names, tables.transaction()));
        Ok(Self {
            progress: BTreeMap::new(),
            names: names.transpose()?,
        })
    }
}

impl State {
    /// Counts, merges, and queues what follows for the sinks; durable on return.
    pub(super) fn count(
        &self,
        records: &[OpenedRecord],
        rules: &Rules<'_>,
    ) -> Result<Counted, CollectError> {
        if records.is_empty() {
            return Ok(Counted::default());
        }
        let mut logs: BTreeMap<LogKey, Vec<&OpenedRecord>> = BTreeMap::new();
        for record in records {
            logs.entry(record.header.log_key).or_default().push(record);
        }
        self.write(|tables| {
            let (mut counted, mut changes) = (Counted::default(), Changes::begin(tables, rules)?);
            let mut new = Vec::new();
            for (log, mut of_log) in logs {
                of_log.sort_by_key(|record| record.header.sequence);
                count_log(tables, &log, &of_log, &mut counted, &mut new)?;
            }
            for record in &new {
                if rules
                    .guide
                    .counts(&record.device, record.header.hour, rules.now)
                {
                    take_in(tables, record, rules, &mut changes)?;
                } else {
                    counted.withheld += 1;
                    tables.withhold(&Withheld::of(record))?;
                }
            }
            if !new.is_empty() && tables.queues.feeds(Feed::Deltas) {
                let rows = new.iter().map(|record| counted_record(record)).collect();
                tables
                    .queues
                    .push(Feed::Deltas, &Delta::Records(rows).to_bytes())?;
            }
            counted.statements = settle(tables, changes, rules)?;
            counted.heads = tables.queues.heads().collect();
            Ok(counted)
        })
    }

    /// Takes in what was withheld from devices that are not revoked any more; returns how many records.
    pub(super) fn release_withheld(&self, rules: &Rules<'_>) -> Result<usize, CollectError> {
        let released = |held: &Withheld| rules.guide.counts(&held.device, held.hour, rules.now);
        if !self.withheld()?.iter().any(|(_, held)| released(held)) {
            return Ok(0);
        }
        self.write(|tables| {
            let (mut count, mut changes) = (0, Changes::begin(tables, rules)?);
            for (at, held) in tables.all_withheld()? {
                if !released(&held) {
                    continue;
                }
                if let Ok(content) = Content::read(&held.payload) {
                    let what = (&content, held.device, held.hour);
                    dispatch(tables, what, rules, &mut changes)?;
                }
                tables.drop_withheld(at)?;
                count += 1;
            }
            settle(tables, changes, rules)?;
            Ok(count)
        })
    }

    /// Takes in what waited for keys of schools that are known now. Returns the queues' heads, as counting does.
    pub(super) fn retry_pending(&self, rules: &Rules<'_>) -> Result<Counted, CollectError> {
        self.write(|tables| {
            let mut changes = Changes::begin(tables, rules)?;
            let mut effects = Effects::default();
            if let Some(names) = &mut changes.names {
                names.retry_pending(&mut effects)?;
            }
            apply(tables, effects, rules, &mut changes)?;
            Ok(Counted {
                statements: settle(tables, changes, rules)?,
                heads: tables.queues.heads().collect(),
                ..Counted::default()
            })
        })
    }

    /// Answers that can be sealed now.
    pub(super) fn letters(&self, names: &Names) -> Result<Vec<Letter>, CollectError> {
        self.write(|tables| NameTables::open(names, tables.transaction())?.letters())
    }

    /// These answers are sealed and on the disk.
    pub(super) fn answered(&self, names: &Names, numbers: &[u64]) -> Result<(), CollectError> {
        self.write(|tables| NameTables::open(names, tables.transaction())?.answered(numbers))
    }

    /// Notes that a collector with the same key holds all records of the log up to there.
    pub(super) fn learn_counted(&self, logs: &BTreeMap<LogKey, u64>) -> Result<(), CollectError> {
        let known = self.contiguous(logs.keys())?;
        let further = |(log, up_to): &(&LogKey, &u64)| known.get(log).is_none_or(|at| at < up_to);
        let news: BTreeMap<_, _> = logs.iter().filter(further).collect();
        if news.is_empty() {
            return Ok(());
        }
        self.write(|tables| {
            for (log, up_to) in news {
                tables.raise_contiguous(log, *up_to)?;
            }
            Ok(())
        })
    }
}

fn counted_record(record: &OpenedRecord) -> CountedRecord {
    CountedRecord {
        id: record.id.0,
        log_key: record.header.log_key.0,
        sequence: record.header.sequence,
        epoch: record.header.epoch,
        hour: record.header.hour,
    }
}

/// Counts the records of one log, which are in order of sequence. Rows are kept only beyond its first gap.
fn count_log<'r>(
    tables: &mut Tables<'_>,
    log: &LogKey,
    records: &[&'r OpenedRecord],
    counted: &mut Counted,
    new: &mut Vec<&'r OpenedRecord>,
) -> Result<(), redb::Error> {
    let begun = tables.contiguous(log)?;
    let mut up_to = begun;
    let mut gaps = tables.has_gaps(log)?;
    for record in records {
        let sequence = record.header.sequence;
        let is_new = if sequence <= up_to {
            false
        } else if sequence == up_to + 1 && !gaps {
            up_to = sequence;
            true
        } else {
            gaps = true;
            let is_new = tables.mark_counted(log, sequence, &record.id)?;
            while tables.take_counted(log, up_to + 1)? {
                up_to += 1;
            }
            is_new
        };
        match is_new {
            true => new.push(record),
            false => counted.duplicate += 1,
        }
    }
    if up_to > begun {
        tables.set_contiguous(log, up_to)?;
    }
    if up_to > 0 {
        counted.contiguous.insert(*log, up_to);
    }
    counted.new = new.len();
    Ok(())
}

fn take_in(
    tables: &mut Tables<'_>,
    record: &OpenedRecord,
    rules: &Rules<'_>,
    changes: &mut Changes<'_>,
) -> Result<(), redb::Error> {
    let what = (&record.content, record.device, record.header.hour);
    dispatch(tables, what, rules, changes)
}

/// Does what the content of a new record asks for; every kind of content is dispatched here.
fn dispatch(
    tables: &mut Tables<'_>,
    (content, device, hour): (&Content, [u8; 32], u32),
    rules: &Rules<'_>,
    changes: &mut Changes<'_>,
) -> Result<(), redb::Error> {
    match content {
        Content::Events(events) => {
            let now_hour = u32::try_from(rules.now.max(0) / 3600).unwrap_or(u32::MAX);
            let hour = if hour <= now_hour { hour } else { 0 };
            for event in events {
                gated(tables, event, DeviceId(device), hour, changes)?;
            }
            Ok(())
        }
        Content::People(messages) => {
            let mut effects = Effects::default();
            if let Some(names) = &mut changes.names {
                names.take(DeviceId(device), messages, &mut effects)?;
            }
            apply(tables, effects, rules, changes)
        }
        Content::Nothing => Ok(()),
    }
}

/// Merges an event that counts; one that lacks its proof is kept aside.
fn gated(
    tables: &mut Tables<'_>,
    event: &LearnerEvent,
    device: DeviceId,
    hour: u32,
    changes: &mut Changes<'_>,
) -> Result<(), redb::Error> {
    let gate = match &mut changes.names {
        Some(names) => names.gate(device, hour, event)?,
        None => Gate::Counts(event.learner.clone()),
    };
    match gate {
        Gate::No => Ok(()),
        Gate::Counts(learner) if learner == event.learner => {
            merge(tables, std::slice::from_ref(event), device, hour, changes)
        }
        Gate::Counts(learner) => {
            let event = LearnerEvent {
                learner,
                ..event.clone()
            };
            merge(tables, &[event], device, hour, changes)
        }
    }
}

/// Does what messages about people ask for.
fn apply(
    tables: &mut Tables<'_>,
    effects: Effects,
    rules: &Rules<'_>,
    changes: &mut Changes<'_>,
) -> Result<(), redb::Error> {
    for (device, hour, event) in effects.released {
        merge(tables, &[event], device, hour, changes)?;
    }
    for learner in effects.erased {
        changes.progress.retain(|(of, _), _| *of != learner);
        tables.erase(&learner, &rules.vocabulary.pseudonym(&learner))?;
    }
    Ok(())
}

fn merge(
    tables: &mut Tables<'_>,
    events: &[LearnerEvent],
    device: DeviceId,
    hour: u32,
    changes: &mut Changes<'_>,
) -> Result<(), redb::Error> {
    for event in events {
        let key = (event.learner.clone(), event.lesson.clone());
        if !changes.progress.contains_key(&key) {
            if tables.is_erased(&key.0)? {
                continue;
            }
            let held = tables.progress(&key)?;
            let changing = Changing {
                before: held.clone(),
                after: held,
                added: LessonProgress::default(),
            };
            changes.progress.insert(key.clone(), changing);
        }
        let changing = changes
            .progress
            .get_mut(&key)
            .expect("it was put there if it was missing");
        changing.after.lesson.apply(device, event);
        changing.added.apply(device, event);
        changing.after.hour = changing.after.hour.max(hour);
    }
    Ok(())
}

/// Writes what changed and queues what the sinks must hear of it; returns the number of statements.
fn settle(
    tables: &mut Tables<'_>,
    changes: Changes<'_>,
    rules: &Rules<'_>,
) -> Result<usize, redb::Error> {
    let mut count = 0;
    if !changes.progress.is_empty() {
        tables.changed()?;
    }
    let states = tables.queues.feeds(Feed::Statements);
    let deltas = tables.queues.feeds(Feed::Deltas);
    for (key, mut changing) in changes.progress {
        if states {
            let change = Change {
                learner: &key.0,
                lesson: &key.1,
                before: &changing.before,
                known: rules.guide.lesson(key.1.as_str()),
                now: rules.now,
            };
            for statement in rules.vocabulary.statements(&change, &mut changing.after) {
                tables.queues.push(Feed::Statements, statement.as_bytes())?;
                count += 1;
            }
        }
        changing.after.stated();
        tables.put_progress(&key, &changing.after)?;
        if deltas {
            let delta = ProgressDelta {
                learner: key.0,
                lesson: key.1,
                progress: changing.added,
                hour: changing.after.hour,
            };
            let delta = Delta::Progress(Box::new(delta));
            tables.queues.push(Feed::Deltas, &delta.to_bytes())?;
        }
    }
    Ok(count)
}
