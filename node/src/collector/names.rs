//! Learners as the ministry knows them: who has which login, whose word counts for whom, and who is forgotten.
//!
//! All of it happens in the transaction that counts a record, so a record is counted exactly when what it says is taken in.
//! Rows are named by keyed hashes and sealed under `people.key` in the collector's folder. Always true: an id has one login
//! that never changes; a login is given to one learner only, whoever is erased later; what waits for a proof counts once the
//! proof is here, and nothing of an erased learner counts again.

mod about;
mod answers;
mod gate;
mod rows;
mod schools;

use std::{collections::BTreeMap, path::Path};

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent, LearnerId},
    people::{Domain, PeopleMessage, Statement, allot, is_registered_id, statements},
};
use pishtar_signing::{people::Said, record::CollectionSecret, rest::RestKey};
use redb::WriteTransaction;

use self::answers::Answer;
use self::rows::{LearnerRow, Rows, SchoolRow};
pub use self::schools::{SchoolKeys, Schools};
pub(super) use self::{
    about::{about, by_login},
    answers::{Letter, is_answer},
    gate::Gate,
};
use crate::people::{StoreError, open_key};

/// Most rows about learners whom no school has registered yet: proofs that came first.
const MAX_STRANGERS: u64 = 200_000;
/// Most messages that wait for the keys of a school which is not known here yet.
const MAX_PENDING: u64 = 20_000;

/// What the collector needs to know besides its tables.
pub struct Names {
    rest: RestKey,
    domain: Domain,
    /// Keys whose statements are the ministry's own: answers that come back.
    ministry: CollectionSecret,
    schools: Schools,
}

impl Names {
    /// Opens or makes `people.key` in the collector's folder. Logins are given under `domain`.
    ///
    /// # Errors
    /// [`StoreError`] when the key cannot be read.
    pub fn open(
        folder: &Path,
        domain: Domain,
        ministry: CollectionSecret,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            rest: open_key(folder)?,
            domain,
            ministry,
            schools: Schools::default(),
        })
    }

    /// The schools' keys, from verified metadata.
    pub fn set_schools(&mut self, schools: Schools) {
        self.schools = schools;
    }
}

/// What taking a message in asks of the rest of the collector, in the same transaction.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Events that waited for a proof and count now.
    pub(super) released: Vec<(DeviceId, u32, LearnerEvent)>,
    /// Learners whose progress is to be removed everywhere.
    pub(super) erased: Vec<LearnerId>,
}

/// The tables of one transaction.
pub(super) struct NameTables<'a> {
    names: &'a Names,
    rows: Rows<'a>,
    /// Devices that were found to speak for a learner in this transaction, and under whose id: a device's records come
    /// together, and each finding costs a signature. Empty after anything is heard.
    speaking: BTreeMap<(LearnerId, DeviceId), LearnerId>,
    /// Schools whose devices were looked up in this transaction: unsealing hundreds of them for each event costs as much as
    /// opening its record. Empty after anything is heard.
    schools: BTreeMap<String, SchoolRow>,
}

impl<'a> NameTables<'a> {
    pub(super) fn open(names: &'a Names, txn: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            names,
            rows: Rows::open(txn, &names.rest)?,
            speaking: BTreeMap::new(),
            schools: BTreeMap::new(),
        })
    }

    /// Takes in what a record of `device` told.
    pub(super) fn take(
        &mut self,
        device: DeviceId,
        messages: &[PeopleMessage],
        effects: &mut Effects,
    ) -> Result<(), redb::Error> {
        self.forget_lookups();
        for message in messages {
            match message {
                // A device speaks for itself alone.
                PeopleMessage::Adopted(of) if of.adoption.device == device.0 => {
                    if !is_registered_id(&of.learner) || self.rows.is_erased(&of.learner)? {
                        continue;
                    }
                    let mut row = match self.rows.learner(&of.learner)? {
                        Some(row) => row,
                        None if self.rows.strangers()? >= MAX_STRANGERS => continue,
                        None => {
                            self.rows.add_stranger()?;
                            LearnerRow::stranger(&of.learner)
                        }
                    };
                    row.standing.adopt(&of.learner, &of.adoption);
                    self.rows.put_learner(&row)?;
                    self.release(&row.id, effects)?;
                }
                PeopleMessage::Adopted(_) => {}
                PeopleMessage::Said(said) => self.hear(said, effects)?,
            }
        }
        Ok(())
    }

    fn forget_lookups(&mut self) {
        self.speaking.clear();
        self.schools.clear();
    }

    /// Tries again what waited for a school's keys.
    pub(super) fn retry_pending(&mut self, effects: &mut Effects) -> Result<(), redb::Error> {
        self.forget_lookups();
        for (number, said) in self.rows.pending()? {
            if self.names.schools.knows(&said.from) {
                self.rows.drop_pending(number)?;
                self.hear(&said, effects)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, said: &Said, effects: &mut Effects) -> Result<(), redb::Error> {
        if !self.names.schools.knows(&said.from) {
            if self.rows.pending_count()? < MAX_PENDING {
                self.rows.put_pending(said)?;
            }
            return Ok(());
        }
        let Some(school) = self.names.schools.speaker(said) else {
            tracing::warn!(school = %said.from, "statements that are not signed by the school are left out");
            return Ok(());
        };
        let Ok(statements) = statements(&said.body) else {
            return Ok(());
        };
        for statement in statements {
            self.hear_school(school, statement, effects)?;
        }
        Ok(())
    }

    fn hear_school(
        &mut self,
        school: &str,
        statement: Statement,
        effects: &mut Effects,
    ) -> Result<(), redb::Error> {
        match statement {
            Statement::Register {
                learner,
                registration,
                card,
            } => {
                if !is_registered_id(&learner) {
                    return Ok(());
                }
                if self.rows.is_erased(&learner)? {
                    return self.rows.answer(school, Statement::Erased { learner });
                }
                let row = match self.rows.learner(&learner)? {
                    Some(row) if row.school.as_deref().is_some_and(|held| held != school) => {
                        tracing::warn!(%school, "a learner of another school is not taken over");
                        return Ok(());
                    }
                    Some(row) => row,
                    None => LearnerRow::stranger(&learner),
                };
                let secret = self.rows.match_secret()?;
                let domain = &self.names.domain;
                let allotted = allot(&mut self.rows, domain, &secret, &learner, &registration)?;
                // Allotting wrote into the row.
                let mut row = self.rows.learner(&learner)?.unwrap_or(row);
                row.school = Some(school.to_owned());
                row.registration.get_or_insert(registration);
                row.standing.card(card);
                self.rows.put_learner(&row)?;
                self.release(&learner, effects)?;
                let same_as = (allotted.person != learner).then_some(allotted.person);
                self.rows.answer(
                    school,
                    Statement::Named {
                        learner,
                        login: allotted.login,
                        same_as,
                    },
                )
            }
            Statement::NewCard { learner, card } => {
                if let Some(mut row) = self.own(school, &learner)? {
                    row.standing.card(card);
                    self.rows.put_learner(&row)?;
                    self.release(&learner, effects)?;
                }
                Ok(())
            }
            Statement::Devices { devices, withdrawn } => {
                let mut row = self.rows.school(school)?;
                row.devices.extend(devices);
                row.withdrawn.extend(withdrawn);
                self.rows.put_school(school, &row)?;
                self.release_school(school, effects)
            }
            Statement::Erase { learner } => self.erase(school, learner, effects),
            // What only the ministry may say.
            Statement::Named { .. } | Statement::Erased { .. } | Statement::Progress { .. } => {
                Ok(())
            }
        }
    }

    /// A learner whom this school registered.
    fn own(&self, school: &str, learner: &LearnerId) -> Result<Option<LearnerRow>, redb::Error> {
        let row = self.rows.learner(learner)?;
        Ok(row.filter(|row| row.school.as_deref() == Some(school)))
    }

    /// Forgets a learner with all that is the same one, as far as this school registered them.
    fn erase(
        &mut self,
        school: &str,
        learner: LearnerId,
        effects: &mut Effects,
    ) -> Result<(), redb::Error> {
        let row = self.rows.learner(&learner)?;
        let foreign = row.is_some_and(|row| row.school.is_some_and(|held| held != school));
        if foreign {
            return Ok(());
        }
        self.rows.forget(&learner)?;
        effects.erased.push(learner.clone());
        self.rows.answer(school, Statement::Erased { learner })
    }
}

#[cfg(test)]
mod tests;
