//! What sealed records say about the school's learners: their work, and what other nodes, cards and the ministry state.

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent, Merge},
    people::{MatchKey, PeopleMessage, Statement, is_registered_id, statements},
};

use super::{
    People, PeopleError,
    book::{Book, LearnerRow, MINISTRY_SAYS, Place},
    post::Trusted,
};

/// Most rows of work and proofs of learners who are not (yet) known here: a stranger who seals junk to the school fills no
/// disk.
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

    /// Takes in what a record of `device` told. What is not signed by who may say it is left out.
    pub(super) fn hear(
        &mut self,
        device: DeviceId,
        messages: Vec<PeopleMessage>,
        trusted: &Trusted,
        now: i64,
    ) {
        for message in messages {
            match message {
                // A device speaks for itself alone.
                PeopleMessage::Adopted(of) if of.adoption.device == device.0 => {
                    let known = self.standings.contains_key(&of.learner);
                    let room = known || self.standings.len() < MAX_STRANGERS;
                    if room && is_registered_id(&of.learner) && !self.is_erased(&of.learner) {
                        let standing = self.standings.entry(of.learner.clone()).or_default();
                        standing.adopt(&of.learner, &of.adoption);
                        self.touch(Place::Standing(of.learner));
                    }
                }
                PeopleMessage::Adopted(_) => {}
                PeopleMessage::Said(said) => {
                    let (school, ministry) = (trusted.is_school(&said), trusted.is_ministry(&said));
                    let Ok(statements) = statements(&said.body) else {
                        continue;
                    };
                    for statement in statements {
                        if school {
                            self.hear_school(statement, now);
                        } else if ministry {
                            self.hear_ministry(statement, now);
                        }
                    }
                }
            }
        }
    }

    /// What another of the school's nodes stated; what this one stated comes back too and changes nothing.
    fn hear_school(&mut self, statement: Statement, now: i64) {
        match statement {
            Statement::Register {
                learner,
                registration,
                card,
            } => {
                if self.is_erased(&learner) {
                    return;
                }
                self.standings
                    .entry(learner.clone())
                    .or_default()
                    .card(card);
                self.touch(Place::Standing(learner.clone()));
                if !self.learners.contains_key(&learner)
                    && self.add_class(&registration.class).is_ok()
                {
                    let row = LearnerRow {
                        registration: *registration,
                        login: None,
                        same_as: None,
                        card_number: card.number,
                        card_secret: None,
                        registered: now,
                    };
                    let key = MatchKey::of(&row.registration, &self.meta.match_secret);
                    self.by_key.insert(key, learner.clone());
                    self.learners.insert(learner.clone(), row);
                    self.touch(Place::Learner(learner));
                }
            }
            Statement::NewCard { learner, card } if !self.is_erased(&learner) => {
                if self
                    .standings
                    .get(&learner)
                    .is_none_or(|held| held.number() < card.number)
                {
                    self.settle(&learner);
                }
                self.standings
                    .entry(learner.clone())
                    .or_default()
                    .card(card);
                self.touch(Place::Standing(learner.clone()));
                if let Some(row) = self.learners.get_mut(&learner)
                    && row.card_number < card.number
                {
                    (row.card_number, row.card_secret) = (card.number, None);
                    self.touch(Place::Learner(learner));
                }
            }
            Statement::Devices { devices, withdrawn } => {
                let before = (self.meta.devices.len(), self.meta.withdrawn.len());
                self.meta.devices.extend(devices);
                self.meta.withdrawn.extend(withdrawn);
                if before != (self.meta.devices.len(), self.meta.withdrawn.len()) {
                    self.touch(Place::Meta);
                }
            }
            Statement::Erase { learner } if !self.is_erased(&learner) => {
                for id in self.same(&learner) {
                    self.forget(&id);
                }
                self.meta.rekey = true;
                self.touch(Place::Meta);
            }
            _ => {}
        }
    }

    fn hear_ministry(&mut self, statement: Statement, now: i64) {
        match statement {
            Statement::Named {
                learner,
                login,
                same_as,
            } => {
                let same_as = same_as.filter(|first| *first != learner);
                if let Some(row) = self.learners.get_mut(&learner)
                    && (row.login.as_ref(), &row.same_as) != (Some(&login), &same_as)
                {
                    (row.login, row.same_as) = (Some(login), same_as);
                    self.touch(Place::Learner(learner));
                }
            }
            Statement::Progress {
                learner,
                lesson,
                progress,
            } if self.learners.contains_key(&learner) => {
                let key = (learner.clone(), lesson.clone(), MINISTRY_SAYS);
                let row = self.work.entry(key).or_default();
                let before = row.progress.clone();
                row.progress.merge(&progress);
                if row.progress != before {
                    row.at = row.at.max(now);
                    self.touch(Place::Work(learner, lesson, MINISTRY_SAYS));
                }
            }
            _ => {}
        }
    }
}
