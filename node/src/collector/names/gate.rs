//! Whether an event counts: at once, once its proof is here, or never.

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent, LearnerId},
    people::is_registered_id,
};

use super::{
    Effects, NameTables,
    rows::{HeldEvent, LearnerRow},
};

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Gate {
    /// It counts, as this learner's: who registered twice is one.
    Counts(LearnerId),
    /// It waits for the proof that its device may speak for the learner, or the learner was erased.
    No,
}

impl NameTables<'_> {
    /// Lets an event through, keeps it until its proof comes, or leaves it out. Only ids that a school gave need a proof.
    pub(in super::super) fn gate(
        &mut self,
        device: DeviceId,
        hour: u32,
        event: &LearnerEvent,
    ) -> Result<Gate, redb::Error> {
        if !is_registered_id(&event.learner) {
            return Ok(Gate::Counts(event.learner.clone()));
        }
        let who = (event.learner.clone(), device);
        if let Some(person) = self.speaking.get(&who) {
            return Ok(Gate::Counts(person.clone()));
        }
        if self.rows.is_erased(&event.learner)? {
            return Ok(Gate::No);
        }
        let row = self.rows.learner(&event.learner)?;
        if let Some(row) = row
            && self.speaks(&row, &device)?
        {
            let person = self.person(&row)?;
            self.speaking.insert(who, person.clone());
            return Ok(Gate::Counts(person));
        }
        self.rows.hold(&HeldEvent {
            device,
            hour,
            event: event.clone(),
        })?;
        Ok(Gate::No)
    }

    /// Whether the device speaks for the learner: the school signed the learner in on it, or the card let it in. A learner
    /// whom no school has registered has nobody to speak for them yet.
    fn speaks(&mut self, row: &LearnerRow, device: &DeviceId) -> Result<bool, redb::Error> {
        let Some(school) = &row.school else {
            return Ok(false);
        };
        if row.standing.lets_in(&row.id, device) {
            return Ok(true);
        }
        if !self.schools.contains_key(school) {
            let devices = self.rows.school(school)?;
            self.schools.insert(school.clone(), devices);
        }
        Ok(self.schools[school].speaks(device))
    }

    /// What waited for this learner's proofs and has them now counts.
    pub(super) fn release(
        &mut self,
        id: &LearnerId,
        effects: &mut Effects,
    ) -> Result<(), redb::Error> {
        let Some(row) = self.rows.learner(id)? else {
            return Ok(());
        };
        let Some(school) = &row.school else {
            return Ok(());
        };
        let school = self.rows.school(school)?;
        let counts =
            |device: &DeviceId| row.standing.lets_in(&row.id, device) || school.speaks(device);
        let person = self.person(&row)?;
        for held in self.rows.take_held(id, counts)? {
            let event = LearnerEvent {
                learner: person.clone(),
                ..held.event
            };
            effects.released.push((held.device, held.hour, event));
        }
        Ok(())
    }

    /// Under whose id the learner's work counts: who was registered twice is one, unless the first was erased.
    fn person(&self, row: &LearnerRow) -> Result<LearnerId, redb::Error> {
        let first = row.allotted.as_ref().map(|(_, allotted)| &allotted.person);
        Ok(match first {
            Some(first) if !self.rows.is_erased(first)? => first.clone(),
            _ => row.id.clone(),
        })
    }

    /// The same for all learners of a school, when its devices became known.
    pub(super) fn release_school(
        &mut self,
        school: &str,
        effects: &mut Effects,
    ) -> Result<(), redb::Error> {
        for learner in self.rows.members(school)? {
            self.release(&learner, effects)?;
        }
        Ok(())
    }
}
