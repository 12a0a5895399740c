//! What the people who run a node want on it: rules, single lessons, pins.

use std::collections::BTreeSet;

use pishtar_catalog::{Lesson, LessonId, Selection};

/// Which lessons a node keeps. A word about one lesson counts more than a rule.
///
/// Always true when changed through [`follow`](Choices::follow), [`unfollow`](Choices::unfollow),
/// [`pin`](Choices::pin) and [`unpin`](Choices::unpin): no lesson is left out and kept or pinned at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Every lesson that one of these matches is followed.
    pub rules: Vec<Selection>,
    /// Followed whatever the rules say.
    pub kept: BTreeSet<LessonId>,
    /// Not followed whatever the rules say.
    pub left_out: BTreeSet<LessonId>,
    /// Followed, and never removed to make room.
    pub pinned: BTreeSet<LessonId>,
    /// What teachers assigned: fetched before what is merely followed, and never removed to make room. The shell derives
    /// it from its book of people; [`Input::SetChoices`](crate::Input::SetChoices) leaves it as it is.
    pub assigned: BTreeSet<LessonId>,
}

impl Choices {
    /// Is the lesson to be kept here?
    pub fn follows(&self, lesson: &Lesson) -> bool {
        self.pinned.contains(&lesson.id)
            || self.assigned.contains(&lesson.id)
            || self.kept.contains(&lesson.id)
            || (!self.left_out.contains(&lesson.id)
                && self.rules.iter().any(|rule| rule.matches(lesson)))
    }

    /// Is the lesson safe from being removed to make room?
    pub fn pins(&self, lesson: &LessonId) -> bool {
        self.pinned.contains(lesson)
    }

    /// Keeps one lesson.
    pub fn follow(&mut self, lesson: LessonId) {
        self.left_out.remove(&lesson);
        self.kept.insert(lesson);
    }

    /// Leaves one lesson out, a pinned one too.
    pub fn unfollow(&mut self, lesson: LessonId) {
        self.kept.remove(&lesson);
        self.pinned.remove(&lesson);
        self.left_out.insert(lesson);
    }

    /// Keeps one lesson whatever room is needed.
    pub fn pin(&mut self, lesson: LessonId) {
        self.left_out.remove(&lesson);
        self.pinned.insert(lesson);
    }

    /// Ends a pin; the lesson stays followed if it was before.
    pub fn unpin(&mut self, lesson: &LessonId) {
        self.pinned.remove(lesson);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_a_lesson_counts() {
        let lesson = LessonId::new("ministry/math-6-sq/fractions").unwrap();
        let mut choices = Choices::default();
        choices.pin(lesson.clone());
        choices.unfollow(lesson.clone());
        assert!(!choices.pins(&lesson) && choices.left_out.contains(&lesson));
        choices.follow(lesson.clone());
        assert!(choices.kept.contains(&lesson) && choices.left_out.is_empty());
        choices.pin(lesson.clone());
        choices.unpin(&lesson);
        assert!(!choices.pins(&lesson) && choices.kept.contains(&lesson));
    }
}
