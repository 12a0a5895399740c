//! Between the book and the sealed records: what waits goes out, what came in for the school is opened.

use std::collections::BTreeMap;

use pishtar_mesh::{
    learner::{DeviceId, LearnerEvent, unpack_events},
    people::{PeopleMessage, Statement, bodies, is_people_payload, pack_message, unpack_messages},
};
use pishtar_signing::{
    ack::AckKey,
    people::Said,
    record::{CollectionSecret, Opened, Recipients, Record, Slot},
};

use super::{
    People, PeopleError,
    book::{Book, Outgoing, Place},
};
use crate::store::records::{RecordStore, SaveError, StoreFault};

/// Records opened before what they say is written down.
const BATCH: usize = 256;

/// Why nothing was posted or opened this time. What waits goes on waiting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    /// The book.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The record store took nothing.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The record store gave nothing.
    #[error(transparent)]
    Records(#[from] StoreFault),
}

/// The keys of the day, from verified metadata and from the school's own folder.
pub(crate) struct Keys {
    /// Whom records of a school's learners are sealed to, by school; a school that the ministry does not list is missing.
    pub(crate) to: BTreeMap<String, Recipients>,
    /// The school's own secrets, newest first; empty on any other device.
    pub(crate) secrets: Vec<CollectionSecret>,
    /// Keys that sign the ministry's statements.
    pub(crate) ministry: Vec<AckKey>,
}

impl Keys {
    /// The school's secret that its published metadata names.
    fn signer(&self, school: &str) -> Option<&CollectionSecret> {
        let seal = self.to.get(school)?.school?;
        let named = |secret: &&CollectionSecret| secret.public().seal == seal;
        self.secrets.iter().find(named)
    }

    /// Opens a record that is sealed to the school, of this term or an earlier one.
    fn open(&self, record: &Record) -> Option<Opened> {
        let open = |secret: &CollectionSecret| record.open(Slot::School, secret.seal_secret());
        self.secrets.iter().find_map(|secret| open(secret).ok())
    }
}

/// What one record said.
enum Heard {
    Events(DeviceId, Vec<LearnerEvent>),
    Messages(DeviceId, Vec<PeopleMessage>),
}

impl People {
    /// Seals what waits into records of this device; what has no key yet goes on waiting. A crash in between repeats a
    /// message, which changes nothing for those who read it.
    pub(crate) async fn post(
        &self,
        records: &RecordStore,
        keys: &Keys,
        now: i64,
    ) -> Result<usize, PostError> {
        if self.is_revoked() {
            return Ok(0);
        }
        let school = self.school();
        self.announce_devices(school.is_some()).await?;
        let mut sent = Vec::new();
        for (school, (numbers, payloads)) in self.letters(school.as_deref(), keys) {
            let Some(to) = keys.to.get(&school) else {
                continue;
            };
            records.append_payloads(payloads, *to, now).await?;
            sent.extend(numbers);
        }
        let count = sent.len();
        if count > 0 {
            self.update(move |book| {
                for number in sent {
                    book.outbox.remove(&number);
                    book.touch(Place::Outbox(number));
                }
                Ok(())
            })
            .await?;
        }
        Ok(count)
    }

    /// Opens what the record store keeps for its reader: each record, own or carried, until it was read here, whatever
    /// frees it meanwhile. A crash repeats what was not marked, which changes nothing.
    pub(crate) async fn collect(
        &self,
        records: &RecordStore,
        keys: &Keys,
        now: i64,
    ) -> Result<usize, PostError> {
        let Some(school) = self.school().filter(|_| !keys.secrets.is_empty()) else {
            return Ok(0);
        };
        records.begin_reading().await?;
        let mut count = 0;
        loop {
            let waiting = records.unread(BATCH)?;
            if waiting.is_empty() {
                return Ok(count);
            }
            let (ids, bytes): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let opened = bytes
                .into_iter()
                .filter_map(|bytes| Record::parse(bytes).ok());
            let heard: Vec<Heard> = opened
                .filter_map(|record| keys.open(&record))
                .filter_map(read)
                .collect();
            count += heard.len();
            let trusted = Trusted::new(&school, keys);
            if !heard.is_empty() {
                self.update(move |book| {
                    for heard in heard {
                        match heard {
                            Heard::Events(device, events) => book.apply(device, &events, now),
                            Heard::Messages(device, messages) => {
                                book.hear(device, messages, &trusted, now);
                            }
                        }
                    }
                    Ok(())
                })
                .await?;
            }
            records.mark_read(ids).await?;
        }
    }

    /// Tells the ministry which devices are the school's own, when that changed.
    async fn announce_devices(&self, is_school: bool) -> Result<(), PeopleError> {
        let (said, announced) = {
            let meta = &self.lock().book.meta;
            let said = (meta.devices.clone(), meta.withdrawn.clone());
            (said, meta.announced.clone())
        };
        if !is_school || announced == said {
            return Ok(());
        }
        self.update(move |book| {
            let (devices, withdrawn) = said.clone();
            book.meta.announced = said;
            book.touch(Place::Meta);
            book.send(Outgoing::Statement(Box::new(Statement::Devices {
                devices,
                withdrawn,
            })));
            Ok(())
        })
        .await
    }

    /// What can be sealed now, by the school that it concerns: numbers in the outbox, and contents of records.
    fn letters(
        &self,
        own: Option<&str>,
        keys: &Keys,
    ) -> BTreeMap<String, (Vec<u64>, Vec<Vec<u8>>)> {
        let mut letters: BTreeMap<String, (Vec<u64>, Vec<Vec<u8>>)> = BTreeMap::new();
        let (mut numbers, mut statements) = (Vec::new(), Vec::new());
        let state = self.lock();
        for (number, outgoing) in &state.book.outbox {
            match outgoing {
                Outgoing::Statement(statement) => {
                    numbers.push(*number);
                    statements.push((**statement).clone());
                }
                Outgoing::Message { school, message } if keys.to.contains_key(school) => {
                    let letter = letters.entry(school.clone()).or_default();
                    letter.0.push(*number);
                    letter.1.push(pack_message(message));
                }
                Outgoing::Message { .. } => {}
            }
        }
        drop(state);
        let signer = own.and_then(|school| Some((school, keys.signer(school)?)));
        if let Some((school, secret)) = signer
            && !statements.is_empty()
        {
            let bodies = bodies(&statements).expect("every registration fits a record");
            let letter = letters.entry(school.to_owned()).or_default();
            letter.0.extend(numbers);
            letter.1.extend(
                bodies.into_iter().map(|body| {
                    pack_message(&PeopleMessage::Said(Said::sign(secret, school, body)))
                }),
            );
        }
        letters
    }
}

fn read(opened: Opened) -> Option<Heard> {
    let device = DeviceId(opened.device);
    if is_people_payload(&opened.events) {
        let messages = unpack_messages(&opened.events).ok()?;
        return Some(Heard::Messages(device, messages));
    }
    let events = unpack_events(&opened.events).ok()?;
    Some(Heard::Events(device, events))
}

/// Whose statements count at the school.
pub(super) struct Trusted {
    school: String,
    own: Vec<AckKey>,
    ministry: Vec<AckKey>,
}

impl Trusted {
    fn new(school: &str, keys: &Keys) -> Self {
        let own = keys.secrets.iter().map(|secret| secret.public().ack);
        Self {
            school: school.to_owned(),
            own: own.collect(),
            ministry: keys.ministry.clone(),
        }
    }

    pub(super) fn is_school(&self, said: &Said) -> bool {
        said.from == self.school && self.own.iter().any(|key| said.is_by(key))
    }

    pub(super) fn is_ministry(&self, said: &Said) -> bool {
        said.from == pishtar_catalog::MINISTRY && self.ministry.iter().any(|key| said.is_by(key))
    }
}

impl Book {
    /// Removes a learner from whatever waits, and counts as touched.
    pub(super) fn drop_outgoing(&mut self, gone: impl Fn(&Outgoing) -> bool) {
        let numbers: Vec<u64> = self
            .outbox
            .iter()
            .filter(|(_, outgoing)| gone(outgoing))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.outbox.remove(&number);
            self.touch(Place::Outbox(number));
        }
    }
}
