//! The tables: rows that are named by keyed hashes and sealed.

use std::collections::BTreeSet;

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent, LearnerId},
    people::{Allotted, Ledger, MatchKey, Registration, Standing, Statement},
};
use pishtar_signing::{people::Said, rest::RestKey};
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Answer;

/// Hidden name -> sealed row. Names begin with what the row is.
const ROWS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("names");
/// Hidden (learner, device), number -> sealed events that wait for a proof.
const HELD: TableDefinition<'_, HeldKey, &[u8]> = TableDefinition::new("names_held");
/// Hidden school, hidden learner -> nothing: who is of which school.
const MEMBERS: TableDefinition<'_, (&[u8; 32], &[u8; 32]), &[u8]> =
    TableDefinition::new("names_members");
/// Number -> sealed statement that waits for its school's keys.
const PENDING: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("names_pending");
/// Number -> sealed answer on its way to a school.
const ANSWERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("names_answers");
/// Hidden tombstone of an erased learner.
const TOMBS: TableDefinition<'_, &[u8; 32], ()> = TableDefinition::new("names_tombs");
/// Counters by name.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("names_counters");

type HeldKey = (&'static [u8; 32], &'static [u8; 32], u64);

/// Most events of one learner and device that wait for a proof.
const MAX_HELD: u64 = 2_000;
/// Most that wait altogether: about a gigabyte.
const MAX_HELD_ALL: u64 = 4_000_000;

/// A learner.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct LearnerRow {
    pub(super) id: LearnerId,
    /// Who registered them; `None` while only proofs are here.
    pub(super) school: Option<String>,
    pub(super) registration: Option<Box<Registration>>,
    pub(super) standing: Standing,
    pub(super) allotted: Option<(MatchKey, Allotted)>,
}

impl LearnerRow {
    pub(super) fn stranger(id: &LearnerId) -> Self {
        Self {
            id: id.clone(),
            school: None,
            registration: None,
            standing: Standing::default(),
            allotted: None,
        }
    }
}

/// A school's own devices, as it stated them.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct SchoolRow {
    pub(super) devices: BTreeSet<DeviceId>,
    pub(super) withdrawn: BTreeSet<DeviceId>,
}

impl SchoolRow {
    pub(super) fn speaks(&self, device: &DeviceId) -> bool {
        self.devices.contains(device) && !self.withdrawn.contains(device)
    }
}

/// An event that waits for a proof.
#[derive(Serialize, Deserialize)]
pub(super) struct HeldEvent {
    pub(super) device: DeviceId,
    pub(super) hour: u32,
    pub(super) event: LearnerEvent,
}

pub(super) struct Rows<'a> {
    key: &'a RestKey,
    rows: Table<'a, &'static [u8; 32], &'static [u8]>,
    held: Table<'a, HeldKey, &'static [u8]>,
    members: Table<'a, (&'static [u8; 32], &'static [u8; 32]), &'static [u8]>,
    pending: Table<'a, u64, &'static [u8]>,
    answers: Table<'a, u64, &'static [u8]>,
    tombs: Table<'a, &'static [u8; 32], ()>,
    counters: Table<'a, &'static str, u64>,
}

impl<'a> Rows<'a> {
    pub(super) fn open(txn: &'a WriteTransaction, key: &'a RestKey) -> Result<Self, redb::Error> {
        Ok(Self {
            key,
            rows: txn.open_table(ROWS)?,
            held: txn.open_table(HELD)?,
            members: txn.open_table(MEMBERS)?,
            pending: txn.open_table(PENDING)?,
            answers: txn.open_table(ANSWERS)?,
            tombs: txn.open_table(TOMBS)?,
            counters: txn.open_table(COUNTERS)?,
        })
    }

    fn name(&self, kind: &str, of: &[u8]) -> [u8; 32] {
        self.key.hidden(&[kind.as_bytes(), b"\0", of].concat())
    }

    fn get<T: DeserializeOwned>(&self, name: &[u8; 32]) -> Result<Option<T>, redb::Error> {
        let row = self.rows.get(name)?;
        row.map(|row| unseal(self.key, name, row.value()))
            .transpose()
    }

    fn put<T: Serialize>(&mut self, name: &[u8; 32], value: &T) -> Result<(), redb::Error> {
        let sealed = seal(self.key, name, value)?;
        self.rows.insert(name, sealed.as_slice())?;
        Ok(())
    }

    pub(super) fn learner(&self, id: &LearnerId) -> Result<Option<LearnerRow>, redb::Error> {
        self.get(&self.name("learner", id.as_str().as_bytes()))
    }

    pub(super) fn put_learner(&mut self, row: &LearnerRow) -> Result<(), redb::Error> {
        let name = self.name("learner", row.id.as_str().as_bytes());
        if let Some(school) = &row.school {
            let school = self.name("school", school.as_bytes());
            let id = seal(self.key, &name, &row.id)?;
            self.members.insert((&school, &name), id.as_slice())?;
        }
        self.put(&name, row)
    }

    pub(super) fn school(&self, id: &str) -> Result<SchoolRow, redb::Error> {
        let row = self.get(&self.name("school", id.as_bytes()))?;
        Ok(row.unwrap_or_default())
    }

    pub(super) fn put_school(&mut self, id: &str, row: &SchoolRow) -> Result<(), redb::Error> {
        let name = self.name("school", id.as_bytes());
        self.put(&name, row)
    }

    /// All learners whom a school registered.
    pub(super) fn members(&self, school: &str) -> Result<Vec<LearnerId>, redb::Error> {
        let school = self.name("school", school.as_bytes());
        let rows = self
            .members
            .range((&school, &[0; 32])..=(&school, &[0xff; 32]))?;
        let mut members = Vec::new();
        for row in rows {
            let (key, id) = row?;
            members.push(unseal(self.key, key.value().1, id.value())?);
        }
        Ok(members)
    }

    pub(super) fn strangers(&self) -> Result<u64, redb::Error> {
        Ok(self
            .counters
            .get("strangers")?
            .map_or(0, |count| count.value()))
    }

    pub(super) fn add_stranger(&mut self) -> Result<(), redb::Error> {
        self.count("strangers").map(drop)
    }

    fn count(&mut self, counter: &str) -> Result<u64, redb::Error> {
        let next = self.counters.get(counter)?.map_or(0, |count| count.value()) + 1;
        self.counters.insert(counter, next)?;
        Ok(next)
    }

    pub(super) fn match_secret(&mut self) -> Result<[u8; 32], redb::Error> {
        let name = self.name("secret", b"match");
        if let Some(secret) = self.get(&name)? {
            return Ok(secret);
        }
        let secret: [u8; 32] = random()?;
        self.put(&name, &secret)?;
        Ok(secret)
    }

    pub(super) fn is_erased(&self, id: &LearnerId) -> Result<bool, redb::Error> {
        let tomb = self.name("tomb", id.as_str().as_bytes());
        Ok(self.tombs.get(&tomb)?.is_some())
    }

    /// Removes all rows about a learner and leaves a tombstone. The number of the login stays used.
    pub(super) fn forget(&mut self, id: &LearnerId) -> Result<(), redb::Error> {
        let tomb = self.name("tomb", id.as_str().as_bytes());
        self.tombs.insert(&tomb, ())?;
        let name = self.name("learner", id.as_str().as_bytes());
        if let Some(row) = self.get::<LearnerRow>(&name)? {
            if let Some((key, allotted)) = &row.allotted
                && allotted.person == *id
            {
                let key = self.name("match", &key.0);
                self.rows.remove(&key)?;
            }
            if let Some(school) = &row.school {
                let school = self.name("school", school.as_bytes());
                self.members.remove((&school, &name))?;
            }
        }
        self.rows.remove(&name)?;
        self.held.retain_in(
            (&name, &[0; 32], 0)..=(&name, &[0xff; 32], u64::MAX),
            |_, _| false,
        )?;
        Ok(())
    }

    pub(super) fn hold(&mut self, held: &HeldEvent) -> Result<(), redb::Error> {
        if self.held.len()? >= MAX_HELD_ALL {
            return Ok(());
        }
        let learner = self.name("learner", held.event.learner.as_str().as_bytes());
        let device = self.name("device", &held.device.0);
        let last = {
            let mut rows = self
                .held
                .range((&learner, &device, 0)..=(&learner, &device, u64::MAX))?;
            rows.next_back()
                .transpose()?
                .map_or(0, |(key, _)| key.value().2)
        };
        if last < MAX_HELD {
            let sealed = seal(self.key, &learner, held)?;
            self.held
                .insert((&learner, &device, last + 1), sealed.as_slice())?;
        }
        Ok(())
    }

    /// Takes out the events of a learner that waited and come from one of the devices that `counts` names.
    pub(super) fn take_held(
        &mut self,
        id: &LearnerId,
        counts: impl Fn(&DeviceId) -> bool,
    ) -> Result<Vec<HeldEvent>, redb::Error> {
        let name = self.name("learner", id.as_str().as_bytes());
        let mut taken = Vec::new();
        let mut keys = Vec::new();
        for row in self
            .held
            .range((&name, &[0; 32], 0)..=(&name, &[0xff; 32], u64::MAX))?
        {
            let (key, value) = row?;
            let held: HeldEvent = unseal(self.key, &name, value.value())?;
            if counts(&held.device) {
                let (_, device, number) = key.value();
                keys.push((*device, number));
                taken.push(held);
            }
        }
        for (device, number) in keys {
            self.held.remove((&name, &device, number))?;
        }
        Ok(taken)
    }

    /// The events of a learner that wait.
    pub(super) fn held_of(&self, id: &LearnerId) -> Result<Vec<HeldEvent>, redb::Error> {
        let name = self.name("learner", id.as_str().as_bytes());
        let all = (&name, &[0; 32], 0)..=(&name, &[0xff; 32], u64::MAX);
        let rows = self.held.range(all)?;
        rows.map(|row| unseal(self.key, &name, row?.1.value()))
            .collect()
    }

    /// The first learner of whom this is true; looks at every row.
    pub(super) fn find(
        &self,
        wanted: impl Fn(&LearnerRow) -> bool,
    ) -> Result<Option<LearnerId>, redb::Error> {
        for row in self.rows.iter()? {
            let (name, value) = row?;
            // Rows of other kinds have another form.
            let learner = unseal::<LearnerRow>(self.key, name.value(), value.value());
            if let Some(row) = learner.ok().filter(&wanted) {
                return Ok(Some(row.id));
            }
        }
        Ok(None)
    }

    pub(super) fn pending_count(&self) -> Result<u64, redb::Error> {
        Ok(self.pending.len()?)
    }

    pub(super) fn put_pending(&mut self, said: &Said) -> Result<(), redb::Error> {
        let number = self.count("pending")?;
        let sealed = seal(self.key, &place(number), said)?;
        self.pending.insert(number, sealed.as_slice())?;
        Ok(())
    }

    pub(super) fn pending(&self) -> Result<Vec<(u64, Said)>, redb::Error> {
        let mut all = Vec::new();
        for row in self.pending.iter()? {
            let (number, value) = row?;
            let number = number.value();
            all.push((number, unseal(self.key, &place(number), value.value())?));
        }
        Ok(all)
    }

    pub(super) fn drop_pending(&mut self, number: u64) -> Result<(), redb::Error> {
        self.pending.remove(number)?;
        Ok(())
    }

    /// Puts an answer on its way to a school.
    pub(super) fn answer(&mut self, school: &str, statement: Statement) -> Result<(), redb::Error> {
        let number = self.count("answers")?;
        let answer = Answer {
            school: school.to_owned(),
            statement,
        };
        let sealed = seal(self.key, &place(number), &answer)?;
        self.answers.insert(number, sealed.as_slice())?;
        Ok(())
    }

    pub(super) fn answers(&self) -> Result<Vec<(u64, Answer)>, redb::Error> {
        let mut all = Vec::new();
        for row in self.answers.iter()? {
            let (number, value) = row?;
            let number = number.value();
            all.push((number, unseal(self.key, &place(number), value.value())?));
        }
        Ok(all)
    }

    pub(super) fn drop_answers(&mut self, numbers: &[u64]) -> Result<(), redb::Error> {
        for number in numbers {
            self.answers.remove(number)?;
        }
        Ok(())
    }
}

/// The collector's ledger of logins. Numbers of stems are kept under hidden names and never go down.
impl Ledger for Rows<'_> {
    type Error = redb::Error;

    fn allotted(&self, learner: &LearnerId) -> Result<Option<Allotted>, redb::Error> {
        let row = self.learner(learner)?;
        Ok(row
            .and_then(|row| row.allotted)
            .map(|(_, allotted)| allotted))
    }

    fn person(&self, key: &MatchKey) -> Result<Option<Allotted>, redb::Error> {
        self.get(&self.name("match", &key.0))
    }

    fn put(
        &mut self,
        learner: &LearnerId,
        key: &MatchKey,
        allotted: &Allotted,
    ) -> Result<(), redb::Error> {
        let mut row = self
            .learner(learner)?
            .unwrap_or_else(|| LearnerRow::stranger(learner));
        row.allotted = Some((*key, allotted.clone()));
        self.put_learner(&row)?;
        let name = self.name("match", &key.0);
        if self.rows.get(&name)?.is_none() {
            Rows::put(self, &name, allotted)?;
        }
        Ok(())
    }

    fn next_number(&mut self, stem: &str) -> Result<u32, redb::Error> {
        let name = self.name("stem", stem.as_bytes());
        let next = self.get::<u32>(&name)?.unwrap_or(0) + 1;
        Rows::put(self, &name, &next)?;
        Ok(next)
    }
}

fn place(number: u64) -> [u8; 32] {
    let mut place = [0; 32];
    place[..8].copy_from_slice(&number.to_be_bytes());
    place
}

fn seal<T: Serialize>(key: &RestKey, name: &[u8; 32], value: &T) -> Result<Vec<u8>, redb::Error> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a vector takes all bytes");
    Ok(key.seal(name, &bytes, random()?))
}

fn unseal<T: DeserializeOwned>(
    key: &RestKey,
    name: &[u8; 32],
    sealed: &[u8],
) -> Result<T, redb::Error> {
    let bytes = key.open(name, sealed).map_err(corrupted)?;
    ciborium::from_reader(bytes.as_slice()).map_err(corrupted)
}

fn random<const N: usize>() -> Result<[u8; N], redb::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(corrupted)?;
    Ok(bytes)
}

fn corrupted(error: impl std::fmt::Display) -> redb::Error {
    redb::Error::Corrupted(format!("a row about people does not open: {error}"))
}
