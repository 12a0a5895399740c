//! Answers to schools: sealed records of the collector's own, carried like any other.

use std::collections::BTreeMap;

use pishtar_catalog::MINISTRY;
use pishtar_mesh::people::{PeopleMessage, Statement, bodies, pack_message};
use pishtar_signing::{people::Said, record::Recipients};
use serde::{Deserialize, Serialize};

use super::{NameTables, Names};

/// A statement on its way to a school.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Answer {
    pub(super) school: String,
    pub(super) statement: Statement,
}

/// Contents of records for one school, and which answers they hold.
pub(in super::super) struct Letter {
    pub(in super::super) numbers: Vec<u64>,
    pub(in super::super) payloads: Vec<Vec<u8>>,
    pub(in super::super) to: Recipients,
}

impl NameTables<'_> {
    /// What waits for schools whose keys are known.
    pub(in super::super) fn letters(&self) -> Result<Vec<Letter>, redb::Error> {
        let mut by_school: BTreeMap<String, (Vec<u64>, Vec<Statement>)> = BTreeMap::new();
        for (number, answer) in self.rows.answers()? {
            let letter = by_school.entry(answer.school).or_default();
            letter.0.push(number);
            letter.1.push(answer.statement);
        }
        let letter = |(school, (numbers, statements)): (String, (Vec<u64>, Vec<Statement>))| {
            self.names.letter(&school, numbers, &statements)
        };
        Ok(by_school.into_iter().filter_map(letter).collect())
    }

    /// These answers are sealed and on the disk.
    pub(in super::super) fn answered(&mut self, numbers: &[u64]) -> Result<(), redb::Error> {
        self.rows.drop_answers(numbers)
    }
}

impl Names {
    fn letter(&self, school: &str, numbers: Vec<u64>, statements: &[Statement]) -> Option<Letter> {
        let seal = self.schools.seal(school)?;
        let bodies = bodies(statements).expect("every answer fits a record");
        let said = |body| PeopleMessage::Said(Said::sign(&self.ministry, MINISTRY, body));
        Some(Letter {
            numbers,
            payloads: bodies
                .into_iter()
                .map(|body| pack_message(&said(body)))
                .collect(),
            to: Recipients {
                ministry: self.ministry.public(),
                school: Some(seal),
            },
        })
    }
}

/// Is this an answer of the ministry's? Such a record is not counted and never acknowledged by a collector: it is on its
/// way to a school, and an acknowledgement would free it from carriers before it arrives.
pub(in super::super) fn is_answer(messages: &[PeopleMessage]) -> bool {
    let answers = |message: &PeopleMessage| match message {
        PeopleMessage::Said(said) => said.from == MINISTRY,
        PeopleMessage::Adopted(_) => false,
    };
    !messages.is_empty() && messages.iter().all(answers)
}
