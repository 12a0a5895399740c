//! Lessons that a class is to do.

use std::collections::BTreeSet;

use pishtar_catalog::LessonId;
use pishtar_mesh::{
    learner::{LearnerId, LessonRef},
    people::ClassName,
};

use super::{People, PeopleError, book::Place, types::Assignment};

/// Most assignments that are kept.
const MAX_ASSIGNMENTS: usize = 20_000;

impl People {
    /// Assigns a lesson to a class until `due` (a day, `2026-12-15`). The same lesson assigned again gets the new day.
    /// `by` is the teacher's account id, `now` in Unix seconds.
    ///
    /// # Errors
    /// [`PeopleError::NoClass`], [`PeopleError::BadLesson`], [`PeopleError::BadDay`], or the disk.
    pub async fn assign(
        &self,
        class: ClassName,
        lesson: LessonRef,
        by: String,
        due: Option<String>,
        now: i64,
    ) -> Result<Assignment, PeopleError> {
        if LessonId::new(lesson.as_str()).is_err() {
            return Err(PeopleError::BadLesson(lesson.as_str().to_owned()));
        }
        if let Some(day) = &due
            && day.parse::<jiff::civil::Date>().is_err()
        {
            return Err(PeopleError::BadDay(day.clone()));
        }
        self.update(move |book| {
            if !book.classes.contains_key(&class) {
                return Err(PeopleError::NoClass(class));
            }
            let held = book
                .assignments
                .values()
                .find(|held| held.class == class && held.lesson == lesson)
                .map(|held| held.id);
            if held.is_none() && book.assignments.len() >= MAX_ASSIGNMENTS {
                let (what, max) = ("assignments", MAX_ASSIGNMENTS);
                return Err(PeopleError::TooMany { what, max });
            }
            let id = held.unwrap_or_else(|| book.number());
            let assignment = Assignment {
                id,
                class,
                lesson,
                by,
                due,
                at: now,
            };
            book.assignments.insert(id, assignment.clone());
            book.touch(Place::Assignment(id));
            Ok(assignment)
        })
        .await
    }

    /// Takes an assignment back.
    ///
    /// # Errors
    /// [`PeopleError::NoAssignment`], or the disk.
    pub async fn unassign(&self, id: u64) -> Result<(), PeopleError> {
        self.update(move |book| {
            book.assignments
                .remove(&id)
                .ok_or(PeopleError::NoAssignment)?;
            book.touch(Place::Assignment(id));
            Ok(())
        })
        .await
    }

    /// The assignments of a class, newest first.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`].
    pub fn assignments_of(&self, class: &ClassName) -> Result<Vec<Assignment>, PeopleError> {
        let state = self.read()?;
        let mut of: Vec<Assignment> = state
            .book
            .assignments
            .values()
            .filter(|assignment| assignment.class == *class)
            .cloned()
            .collect();
        of.sort_by_key(|assignment| std::cmp::Reverse((assignment.at, assignment.id)));
        Ok(of)
    }

    /// The assignments of a learner's class, newest first.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], [`PeopleError::NoLearner`].
    pub fn assignments_for(&self, learner: &LearnerId) -> Result<Vec<Assignment>, PeopleError> {
        let class = self.learner(learner)?.registration.class;
        self.assignments_of(&class)
    }

    /// Every lesson that is assigned to any class: what the node fetches before all that it merely follows, and keeps.
    pub fn assigned_lessons(&self) -> BTreeSet<LessonId> {
        let state = self.lock();
        let lessons = state.book.assignments.values();
        lessons
            .filter_map(|assignment| LessonId::new(assignment.lesson.as_str()).ok())
            .collect()
    }
}
