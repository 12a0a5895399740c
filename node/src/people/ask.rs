//! Questions and orders about people, as commands give them: to the running node through its local socket, or to the
//! book itself while the node is stopped.

use pishtar_mesh::{
    learner::{DeviceId, LearnerId, LessonRef},
    people::{ClassName, RawRegistration},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    About, LearnerView, People, PeopleError,
    book::{Book, Place},
    print,
};

/// One question or order. The answer is JSON; see [`People::answer`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "people", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the members are those of the calls that they become"
)]
pub enum PeopleRequest {
    /// [`People::set_about`]; what is empty stays.
    About { about: About },
    /// [`People::register`].
    Enrol { raw: Box<RawRegistration> },
    /// [`People::register_csv`].
    EnrolTable { csv: String, class: Option<String> },
    /// [`People::classes`].
    Classes,
    /// [`People::learners_of`], or all.
    Learners { class: Option<String> },
    /// [`People::class_progress`].
    Progress { class: String },
    /// [`People::assign`].
    Assign {
        class: String,
        lesson: String,
        due: Option<String>,
    },
    /// [`People::card_for`], [`People::rotate_card`] with `new`; SVG of the first, or a page of all.
    Card { learner: String, new: bool },
    /// A page with the cards of a class.
    Cards { class: String },
    /// [`People::export`].
    Export { learner: String },
    /// [`People::erase`].
    Erase { learner: String },
    /// The school's own devices.
    Devices,
    /// [`People::add_device`], [`People::withdraw_device`].
    Device { key: String, withdraw: bool },
}

impl People {
    /// Answers one request. `now` is in Unix seconds.
    ///
    /// # Errors
    /// Those of the call that the request becomes.
    pub async fn answer(&self, request: PeopleRequest, now: i64) -> Result<Value, PeopleError> {
        Ok(match request {
            PeopleRequest::About { about } => {
                let held = self.about()?;
                let or = |new: String, old: String| if new.is_empty() { old } else { new };
                let about = About {
                    school: or(about.school, held.school),
                    municipality: or(about.municipality, held.municipality),
                };
                self.set_about(about.clone()).await?;
                json!(about)
            }
            PeopleRequest::Enrol { raw } => {
                let registered = self.register(*raw, now).await?;
                let learner = self.learner(&registered.id)?;
                json!({"new": registered.new, "learner": learner})
            }
            PeopleRequest::EnrolTable { csv, class } => {
                let class = class.as_deref().map(class_name).transpose()?;
                json!(self.register_csv(csv.into_bytes(), class, now).await?)
            }
            PeopleRequest::Classes => json!(self.classes()?),
            PeopleRequest::Learners { class: None } => json!(self.learners()?),
            PeopleRequest::Learners { class: Some(class) } => {
                json!(self.learners_of(&class_name(&class)?)?)
            }
            PeopleRequest::Progress { class } => {
                json!(self.class_progress(&class_name(&class)?, now)?)
            }
            PeopleRequest::Assign { class, lesson, due } => {
                let reference = LessonRef::new(lesson.clone());
                let lesson = reference.map_err(|_| PeopleError::BadLesson(lesson))?;
                let by = "administrator".to_owned();
                json!(
                    self.assign(class_name(&class)?, lesson, by, due, now)
                        .await?
                )
            }
            PeopleRequest::Card { learner, new } => self.card_answer(&learner, new).await?,
            PeopleRequest::Cards { class } => {
                let learners = self.learners_of(&class_name(&class)?)?;
                json!({"html": self.print_cards(&learners)?})
            }
            PeopleRequest::Export { learner } => self.export(&self.find(&learner)?.id)?,
            PeopleRequest::Erase { learner } => {
                let id = match self.find(&learner) {
                    Ok(learner) => learner.id,
                    // Erasing is repeated by id when it was cut short.
                    Err(_) => LearnerId::new(learner).map_err(|_| PeopleError::NoLearner)?,
                };
                self.erase(id.clone()).await?;
                json!({"erased": id})
            }
            PeopleRequest::Devices => json!(self.devices()?),
            PeopleRequest::Device { key, withdraw } => {
                let device = device(&key)?;
                match withdraw {
                    true => self.withdraw_device(device).await?,
                    false => self.add_device(device).await?,
                }
                json!(self.devices()?)
            }
        })
    }

    async fn card_answer(&self, learner: &str, new: bool) -> Result<Value, PeopleError> {
        let learner = self.find(learner)?;
        let card = match new {
            true => self.rotate_card(learner.id.clone()).await?,
            false => self.card_for(&learner.id)?,
        };
        let html = self.print_cards(std::slice::from_ref(&learner))?;
        Ok(json!({"number": card.number, "text": card.text(), "svg": card.svg(), "html": html}))
    }

    /// A page with these learners' cards, to be printed and cut.
    ///
    /// # Errors
    /// As [`People::card_for`], for the first learner to whom it applies.
    pub fn print_cards(&self, learners: &[LearnerView]) -> Result<String, PeopleError> {
        let cards: Result<Vec<_>, PeopleError> = learners
            .iter()
            .map(|learner| Ok((self.learner(&learner.id)?, self.card_for(&learner.id)?)))
            .collect();
        Ok(print::page(&cards?))
    }

    /// The school's own devices by key: those that speak for the learners whom they sign in.
    ///
    /// # Errors
    /// [`PeopleError::Revoked`].
    pub fn devices(&self) -> Result<Vec<DeviceId>, PeopleError> {
        let meta = &self.read()?.book.meta;
        Ok(meta.devices.difference(&meta.withdrawn).copied().collect())
    }

    /// Adds a device of the school: another of its nodes. `pishtar school devices` there prints its key.
    ///
    /// # Errors
    /// [`PeopleError::TooMany`], or the disk.
    pub async fn add_device(&self, device: DeviceId) -> Result<(), PeopleError> {
        const MAX: usize = 200;
        self.update(move |book| {
            if book.meta.devices.len() >= MAX {
                let what = "devices of the school";
                return Err(PeopleError::TooMany { what, max: MAX });
            }
            book.meta.devices.insert(device);
            book.touch(Place::Meta);
            Ok(())
        })
        .await
    }

    /// Takes a lost device out for good. What it reported until now goes on to count; what comes later does not.
    ///
    /// # Errors
    /// [`PeopleError::NoDevice`], or the disk.
    pub async fn withdraw_device(&self, device: DeviceId) -> Result<(), PeopleError> {
        self.update(move |book| {
            let known = book.meta.devices.contains(&device);
            if !known || book.meta.withdrawn.contains(&device) {
                return Err(PeopleError::NoDevice);
            }
            book.withdraw(&[device]);
            Ok(())
        })
        .await
    }

    /// Takes out every device of the school or of a family that the ministry revoked.
    pub(crate) async fn withdraw_revoked(
        &self,
        is_revoked: impl Fn(&DeviceId) -> bool,
    ) -> Result<(), PeopleError> {
        let gone: Vec<DeviceId> = {
            let state = self.read()?;
            let known = state.book.known_devices();
            known.filter(is_revoked).collect()
        };
        if gone.is_empty() {
            return Ok(());
        }
        self.update(move |book| {
            book.withdraw(&gone);
            Ok(())
        })
        .await
    }
}

impl Book {
    /// From now on these devices speak for nobody; what they reported until now goes on to count.
    fn withdraw(&mut self, devices: &[DeviceId]) {
        let learners: Vec<LearnerId> = self.learners.keys().cloned().collect();
        for learner in learners {
            self.settle(&learner);
        }
        self.meta.withdrawn.extend(devices);
        self.touch(Place::Meta);
    }

    /// Devices that reported anything or are the school's own, and are not taken out.
    fn known_devices(&self) -> impl Iterator<Item = DeviceId> {
        let reported = self.work.keys().map(|(_, _, device)| *device);
        let known: std::collections::BTreeSet<DeviceId> =
            reported.chain(self.meta.devices.iter().copied()).collect();
        let known: Vec<DeviceId> = known.difference(&self.meta.withdrawn).copied().collect();
        known.into_iter()
    }
}

fn class_name(text: &str) -> Result<ClassName, PeopleError> {
    ClassName::new(text).map_err(|_| PeopleError::BadClass(text.to_owned()))
}

fn device(text: &str) -> Result<DeviceId, PeopleError> {
    let bytes = hex::decode(text).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(DeviceId).ok_or(PeopleError::NoDevice)
}
