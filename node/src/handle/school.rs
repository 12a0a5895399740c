//! The school that a device belongs to: whose key learners' work is sealed to beside the ministry's.

use std::collections::BTreeSet;

use pishtar_catalog::{Completion, LessonId, MINISTRY};
use pishtar_mesh::learner::{LearnerEvent, LearnerId, LessonRef, What};
use pishtar_signing::record::Recipients;

use super::{Handle, SaveError};
use crate::{
    collector::{SchoolKeys, Schools},
    school,
    store::trust::TrustStoreError,
};

/// Most learners and lessons whose rule is remembered as told.
const MAX_TOLD: usize = 4_096;

/// Learners and lessons of which a record already names the completion rule.
#[derive(Debug, Default)]
pub(crate) struct RulesTold(BTreeSet<(LearnerId, LessonRef, Completion)>);

impl Handle {
    /// The schools that the ministry lists and whose signed metadata is here, with their collection keys.
    pub fn schools(&self) -> Vec<SchoolKeys> {
        Schools::of(self.shared.mesh().catalog())
    }

    /// The school that the device belongs to, by publisher id: as somebody said, else the one whose workshop lies in the
    /// data folder.
    pub fn school(&self) -> Option<String> {
        let settings = self.shared.settings.lock().expect("no holder panics");
        let said = settings.school().map(str::to_owned);
        drop(settings);
        said.or_else(|| school::own_id(&self.shared.data))
    }

    /// Says which school the device belongs to; remembered.
    ///
    /// # Errors
    /// What the disk said; the old school stays.
    pub fn set_school(&self, id: Option<String>) -> Result<(), TrustStoreError> {
        let mut settings = self.shared.settings.lock().expect("no holder panics");
        settings.set_school(id)
    }

    /// Whom a record is sealed to now: the newest keys that verified metadata names. A school whose catalogue is not here,
    /// or that the ministry revoked, gets nothing.
    ///
    /// # Errors
    /// [`SaveError::NoCollectionKey`] before the ministry's catalogue is here.
    pub fn recipients(&self) -> Result<Recipients, SaveError> {
        self.recipients_with(self.school())
    }

    /// The same for the work of learners of a given school.
    pub(super) fn recipients_with(&self, school: Option<String>) -> Result<Recipients, SaveError> {
        let mesh = self.shared.mesh();
        let catalog = mesh.catalog();
        let ministry = catalog
            .collection_key(MINISTRY)
            .copied()
            .ok_or(SaveError::NoCollectionKey)?;
        let school = school.and_then(|id| catalog.collection_key(&id));
        Ok(Recipients {
            ministry,
            school: school.map(|key| key.seal),
        })
    }

    /// Adds the catalogue's completion rule where it is not the usual one and was not told lately: whoever merges the
    /// records of several devices need not have the catalogue.
    pub(super) fn with_rules(&self, mut events: Vec<LearnerEvent>) -> Vec<LearnerEvent> {
        let mut told = self.shared.rules_told.lock().expect("no holder panics");
        if told.0.len() >= MAX_TOLD {
            told.0.clear();
        }
        let mesh = self.shared.mesh();
        let mut rules = Vec::new();
        for event in &events {
            let listed = LessonId::new(event.lesson.as_str()).ok();
            let Some(listed) = listed.and_then(|id| mesh.catalog().lesson(&id)) else {
                continue;
            };
            let rule = listed.completion;
            let new = rule != Completion::default()
                && told
                    .0
                    .insert((event.learner.clone(), event.lesson.clone(), rule));
            if new {
                rules.push(LearnerEvent {
                    name: None,
                    what: What::Rule(rule),
                    ..event.clone()
                });
            }
        }
        events.extend(rules);
        events
    }
}
