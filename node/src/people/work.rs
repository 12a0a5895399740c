//! What learners did, as their teachers see it, and who needs help.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_mesh::{
    learner::{LearnerId, LessonProgress, LessonRef, Merge},
    people::ClassName,
};

use super::{
    People, PeopleError,
    book::{Book, WorkRow},
    types::{Assignment, Help, LearnerView, LearnerWork, LessonWork},
};
use crate::collector::COMPLETION_PERMILLE;

/// Answers to one exercise after which somebody should look, when none had half the points.
const STUCK_TRIES: usize = 3;
/// Days without anything new after which a lesson that was begun counts as given up.
const STOPPED_DAYS: i64 = 7;
const DAY: i64 = 86_400;

impl People {
    /// Every learner of a class with their work; those who need help first, then by surname. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoClass`].
    pub fn class_progress(
        &self,
        class: &ClassName,
        now: i64,
    ) -> Result<Vec<LearnerWork>, PeopleError> {
        let learners = self.learners_of(class)?;
        let assigned = self.assignments_of(class)?;
        let state = self.read()?;
        let work = |learner: LearnerView| state.book.learner_work(learner, &assigned, now);
        let mut rows: Vec<LearnerWork> = learners.into_iter().map(work).collect();
        rows.sort_by_key(|row| !row.needs_help);
        Ok(rows)
    }

    /// One learner's work.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoLearner`].
    pub fn learner_progress(&self, id: &LearnerId, now: i64) -> Result<LearnerWork, PeopleError> {
        let learner = self.learner(id)?;
        let assigned = self.assignments_for(id)?;
        Ok(self.read()?.book.learner_work(learner, &assigned, now))
    }
}

impl Book {
    fn learner_work(&self, learner: LearnerView, assigned: &[Assignment], now: i64) -> LearnerWork {
        let merged = self.merged(&learner.id);
        let mut lessons: BTreeSet<LessonRef> = merged.keys().cloned().collect();
        lessons.extend(assigned.iter().map(|assignment| assignment.lesson.clone()));
        let lessons: Vec<LessonWork> = lessons
            .into_iter()
            .map(|lesson| {
                let assignment = assigned.iter().find(|held| held.lesson == lesson);
                let row = merged.get(&lesson).cloned().unwrap_or_default();
                lesson_work(lesson, &row, assignment, now)
            })
            .collect();
        LearnerWork {
            needs_help: lessons.iter().any(|lesson| lesson.help.is_some()),
            learner,
            lessons,
        }
    }

    /// What counts of a learner's work, over all devices that may speak for them and all ids that are the same learner.
    pub(super) fn merged(&self, learner: &LearnerId) -> BTreeMap<LessonRef, WorkRow> {
        let mut merged: BTreeMap<LessonRef, WorkRow> = BTreeMap::new();
        for id in self.same(learner) {
            let counted = self
                .work_of(&id)
                .filter(|(_, device, _)| self.counts(&id, device));
            for (lesson, _, row) in counted {
                let sum = merged.entry(lesson.clone()).or_default();
                sum.progress.merge(&row.progress);
                sum.at = sum.at.max(row.at);
            }
        }
        merged
    }
}

fn lesson_work(
    lesson: LessonRef,
    row: &WorkRow,
    assignment: Option<&Assignment>,
    now: i64,
) -> LessonWork {
    let progress = &row.progress;
    let results = progress.best_results();
    let completed = progress.is_completed(COMPLETION_PERMILLE);
    LessonWork {
        lesson,
        progress_permille: match completed && progress.duration_ms == 0 {
            true => 1000,
            false => progress.progress_permille(),
        },
        completed,
        attempts: progress.attempts.len(),
        points: results
            .values()
            .fold(0, |sum, (raw, _)| sum.saturating_add(*raw)),
        points_of: results
            .values()
            .fold(0, |sum, (_, max)| sum.saturating_add(*max)),
        last_activity: (row.at > 0).then_some(row.at),
        assigned: assignment.is_some(),
        help: help(row, completed, assignment, now),
    }
}

/// The rules, first that fits: stuck at an exercise, past the day, begun and given up. They are told to teachers in
/// `docs/src/start/school.md`.
fn help(row: &WorkRow, completed: bool, assignment: Option<&Assignment>, now: i64) -> Option<Help> {
    if let Some(stuck) = stuck(&row.progress) {
        return Some(stuck);
    }
    if completed {
        return None;
    }
    let assignment = assignment?;
    let today = jiff::Timestamp::from_second(now).ok()?;
    let today = jiff::tz::Offset::UTC.to_datetime(today).date().to_string();
    if let Some(due) = assignment.due.as_ref().filter(|due| **due < today) {
        return Some(Help::Overdue { due: due.clone() });
    }
    let days = (now - row.at) / DAY;
    (row.at > 0 && days >= STOPPED_DAYS).then_some(Help::Stopped { days })
}

fn stuck(progress: &LessonProgress) -> Option<Help> {
    let mut tries: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in progress.attempts.values() {
        *tries.entry(&attempt.item).or_default() += 1;
    }
    let best = progress.best_results();
    let mut worst: Vec<Help> = tries
        .into_iter()
        .filter(|(_, tries)| *tries >= STUCK_TRIES)
        .filter_map(|(item, tries)| {
            let (best, of) = *best.get(item)?;
            let below_half = u64::from(best) * 2 < u64::from(of);
            below_half.then_some(Help::Stuck { tries, best, of })
        })
        .collect();
    worst.pop()
}
