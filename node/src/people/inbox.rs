//! What sealed records say about the school's learners: their work, and what other nodes, cards and the ministry state.

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent},
    people::is_registered_id,
};

use super::{
    People, PeopleError,
    book::{Book, Place},
};

/// Most rows of work of learners who are not (yet) known here: a stranger who seals junk to the school fills no disk.
const MAX_STRANGERS: usize = 20_000;

impl People {
    /// Takes in events that a record of `device` held, in any order and however often. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`], or the disk.
    pub async fn take_events(
        &self,
        device: DeviceId,
        events: Vec<LearnerEvent>,
        now: i64,
    ) -> Result<(), PeopleError> {
        self.update(move |book| {
            book.apply(device, &events, now);
            Ok(())
        })
        .await
    }
}

impl Book {
    /// Merges what a device reported. Whether it counts is asked when the work is looked at, because the proof may come
    /// after the work.
    pub(super) fn apply(&mut self, device: DeviceId, events: &[LearnerEvent], now: i64) {
        for event in events {
            let learner = &event.learner;
            if !is_registered_id(learner) || self.is_erased(learner) {
                continue;
            }
            let key = (learner.clone(), event.lesson.clone(), device);
            let known = self.learners.contains_key(learner) || self.work.contains_key(&key);
            if !known && self.work.len() >= MAX_STRANGERS {
                continue;
            }
            let row = self.work.entry(key.clone()).or_default();
            let before = row.progress.clone();
            row.progress.apply(device, event);
            if row.progress != before {
                row.at = row.at.max(now);
                self.touch(Place::Work(key.0, key.1, key.2));
            }
        }
    }
}
