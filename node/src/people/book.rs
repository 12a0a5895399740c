//! The book of people in memory, row by row as it lies sealed on the disk.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_mesh::{
    learner::{DeviceId, LearnerId, LessonProgress, LessonRef},
    people::{ClassName, Login, MatchKey, PeopleMessage, Registration, Standing, Statement},
};
use pishtar_signing::locked::Locked;
use serde::{Deserialize, Serialize};

use super::{
    store::{Write, encode},
    types::{About, Assignment},
};

/// Where a row belongs. Variants are never renumbered: their names are on disks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Place {
    Meta,
    Class(ClassName),
    Learner(LearnerId),
    Standing(LearnerId),
    Work(LearnerId, LessonRef, DeviceId),
    Assignment(u64),
    Tomb([u8; 32]),
    Outbox(u64),
    Home(LearnerId),
}

/// What there is once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) about: About,
    /// The school's own devices, this one included; they speak for the learners whom they sign in.
    #[serde(default)]
    pub(super) devices: BTreeSet<DeviceId>,
    /// Those that do no more, for good.
    #[serde(default)]
    pub(super) withdrawn: BTreeSet<DeviceId>,
    /// What the ministry was told of both.
    #[serde(default)]
    pub(super) announced: (BTreeSet<DeviceId>, BTreeSet<DeviceId>),
    /// The book is to be sealed under a new key: another node of the school erased somebody.
    #[serde(default)]
    pub(super) rekey: bool,
    /// Next number of an assignment or of a message to be sent.
    #[serde(default)]
    pub(super) next: u64,
    /// Keys tombstones, so that they tell nobody who was erased.
    #[serde(default)]
    pub(super) tomb_secret: [u8; 32],
    /// Keys what two registrations are compared by.
    #[serde(default)]
    pub(super) match_secret: [u8; 32],
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClassRow {
    pub(super) teachers: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LearnerRow {
    pub(super) registration: Registration,
    pub(super) login: Option<Login>,
    pub(super) same_as: Option<LearnerId>,
    /// Number and secret of the card made here; the secret is absent where another node made it.
    pub(super) card_number: u32,
    pub(super) card_secret: Option<[u8; 16]>,
    pub(super) registered: i64,
}

/// What one device reported of one learner's work on one lesson.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WorkRow {
    pub(super) progress: LessonProgress,
    /// When something new of it last came here, Unix seconds.
    pub(super) at: i64,
}

/// What waits to be sealed into a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outgoing {
    /// To be signed with the school's key of the day.
    Statement(Box<Statement>),
    /// Signed already, by a card.
    Message {
        /// Whose learner it is about.
        school: String,
        /// The message.
        message: PeopleMessage,
    },
}

/// A card that this family device took in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HomeRow {
    pub(super) label: String,
    pub(super) school: String,
    /// Name and card secret, locked with the learner's PIN.
    pub(super) locked: Locked,
}

/// Work of devices that stands whatever becomes of their cards: what counted when a card was replaced.
pub(super) const SETTLED: DeviceId = DeviceId([0; 32]);
/// Work that the ministry vouches for, of records that never came by here.
pub(super) const MINISTRY_SAYS: DeviceId = DeviceId([0xff; 32]);

/// Everything, and which rows of it changed since they were last written.
#[derive(Default)]
pub(super) struct Book {
    pub(super) meta: Meta,
    pub(super) classes: BTreeMap<ClassName, ClassRow>,
    pub(super) learners: BTreeMap<LearnerId, LearnerRow>,
    pub(super) standings: BTreeMap<LearnerId, Standing>,
    pub(super) work: BTreeMap<(LearnerId, LessonRef, DeviceId), WorkRow>,
    pub(super) assignments: BTreeMap<u64, Assignment>,
    pub(super) tombs: BTreeSet<[u8; 32]>,
    pub(super) outbox: BTreeMap<u64, Outgoing>,
    pub(super) home: BTreeMap<LearnerId, HomeRow>,
    /// Learners by what two registrations are compared by.
    pub(super) by_key: BTreeMap<MatchKey, LearnerId>,
    changed: BTreeSet<Place>,
}

impl Book {
    /// Takes a row as it was read. What does not parse is damage that authentication rules out.
    pub(super) fn load(&mut self, place: Place, value: &[u8]) -> Result<(), String> {
        fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
            ciborium::from_reader(bytes).map_err(|error| error.to_string())
        }
        match place {
            Place::Meta => self.meta = read(value)?,
            Place::Class(name) => drop(self.classes.insert(name, read(value)?)),
            Place::Learner(id) => drop(self.learners.insert(id, read(value)?)),
            Place::Standing(id) => drop(self.standings.insert(id, read(value)?)),
            Place::Work(learner, lesson, device) => {
                self.work.insert((learner, lesson, device), read(value)?);
            }
            Place::Assignment(id) => drop(self.assignments.insert(id, read(value)?)),
            Place::Tomb(hash) => drop(self.tombs.insert(hash)),
            Place::Outbox(number) => drop(self.outbox.insert(number, read(value)?)),
            Place::Home(id) => drop(self.home.insert(id, read(value)?)),
        }
        Ok(())
    }

    /// Puts learners where comparing finds them; after loading.
    pub(super) fn index(&mut self) {
        let secret = &self.meta.match_secret;
        let key = |row: &LearnerRow| MatchKey::of(&row.registration, secret);
        self.by_key = self
            .learners
            .iter()
            .map(|(id, row)| (key(row), id.clone()))
            .collect();
    }

    /// Notes that a row was changed or removed.
    pub(super) fn touch(&mut self, place: Place) {
        self.changed.insert(place);
    }

    /// The changed rows, to be written; they count as unchanged from now on.
    pub(super) fn take_changes(&mut self) -> Vec<Write<Place>> {
        let changed = std::mem::take(&mut self.changed);
        let write = |place: Place| {
            let value = self.value(&place);
            (place, value)
        };
        changed.into_iter().map(write).collect()
    }

    /// Every row there is.
    pub(super) fn all(&self) -> Vec<Write<Place>> {
        let mut places = vec![Place::Meta];
        places.extend(self.classes.keys().cloned().map(Place::Class));
        places.extend(self.learners.keys().cloned().map(Place::Learner));
        places.extend(self.standings.keys().cloned().map(Place::Standing));
        let work = self.work.keys().cloned();
        places.extend(work.map(|(learner, lesson, device)| Place::Work(learner, lesson, device)));
        places.extend(self.assignments.keys().copied().map(Place::Assignment));
        places.extend(self.tombs.iter().copied().map(Place::Tomb));
        places.extend(self.outbox.keys().copied().map(Place::Outbox));
        places.extend(self.home.keys().cloned().map(Place::Home));
        let write = |place: Place| {
            let value = self.value(&place);
            (place, value)
        };
        places.into_iter().map(write).collect()
    }

    fn value(&self, place: &Place) -> Option<Vec<u8>> {
        match place {
            Place::Meta => Some(encode(&self.meta)),
            Place::Class(name) => self.classes.get(name).map(encode),
            Place::Learner(id) => self.learners.get(id).map(encode),
            Place::Standing(id) => self.standings.get(id).map(encode),
            Place::Work(learner, lesson, device) => {
                let key = (learner.clone(), lesson.clone(), *device);
                self.work.get(&key).map(encode)
            }
            Place::Assignment(id) => self.assignments.get(id).map(encode),
            Place::Tomb(hash) => self.tombs.get(hash).map(|_| Vec::new()),
            Place::Outbox(number) => self.outbox.get(number).map(encode),
            Place::Home(id) => self.home.get(id).map(encode),
        }
    }

    /// The next number of an assignment or message.
    pub(super) fn number(&mut self) -> u64 {
        self.meta.next += 1;
        self.touch(Place::Meta);
        self.meta.next
    }

    /// Puts something into the outbox.
    pub(super) fn send(&mut self, outgoing: Outgoing) {
        let number = self.number();
        self.outbox.insert(number, outgoing);
        self.touch(Place::Outbox(number));
    }

    /// What stands for an erased learner.
    pub(super) fn tomb(&self, learner: &LearnerId) -> [u8; 32] {
        *blake3::keyed_hash(&self.meta.tomb_secret, learner.as_str().as_bytes()).as_bytes()
    }

    /// Was the learner erased?
    pub(super) fn is_erased(&self, learner: &LearnerId) -> bool {
        self.tombs.contains(&self.tomb(learner))
    }

    /// A learner's work rows.
    pub(super) fn work_of<'a>(
        &'a self,
        learner: &'a LearnerId,
    ) -> impl Iterator<Item = (&'a LessonRef, &'a DeviceId, &'a WorkRow)> {
        let first = LessonRef::new("!").expect("one visible character is an id");
        let from = (learner.clone(), first, DeviceId([0; 32]));
        // Lesson ids begin with a letter or digit, all of which come after `!`.
        self.work
            .range(from..)
            .take_while(move |((of, _, _), _)| of == learner)
            .map(|((_, lesson, device), row)| (lesson, device, row))
    }

    /// May this device speak for the learner?
    pub(super) fn counts(&self, learner: &LearnerId, device: &DeviceId) -> bool {
        if *device == SETTLED || *device == MINISTRY_SAYS {
            return true;
        }
        let let_in = || {
            let standing = self.standings.get(learner);
            standing.is_some_and(|standing| standing.lets_in(learner, device))
        };
        !self.meta.withdrawn.contains(device) && (self.meta.devices.contains(device) || let_in())
    }

    /// The learner and every id under which the ministry knows the same one.
    pub(super) fn same(&self, learner: &LearnerId) -> BTreeSet<LearnerId> {
        let person = |id: &LearnerId| {
            let row = self.learners.get(id);
            row.and_then(|row| row.same_as.clone())
                .unwrap_or_else(|| id.clone())
        };
        let wanted = person(learner);
        let mut ids: BTreeSet<LearnerId> = self
            .learners
            .keys()
            .filter(|id| person(id) == wanted)
            .cloned()
            .collect();
        ids.insert(wanted);
        ids.insert(learner.clone());
        ids
    }
}
