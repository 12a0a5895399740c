//! What schools, the ministry's collector and learners' cards say to each other inside sealed records.

use std::collections::BTreeSet;

use pishtar_signing::{
    people::{Adoption, Card, Said},
    record::{SizeClass, capacity},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Login, Registration};
use crate::learner::{DeviceId, LearnerId, LessonProgress, LessonRef};

/// What a payload of this kind begins with; a payload of learner events begins with another number.
pub const PEOPLE_PAYLOAD: u8 = 2;

/// Largest body of one signed message: with signature, names and frame it fits the largest record.
pub const MAX_BODY_BYTES: usize = capacity(SizeClass::Large) - 256;

/// One message in a sealed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeopleMessage {
    /// A school's or the ministry's signed statements.
    #[serde(rename = "s")]
    Said(Said),
    /// A card lets a device speak for its learner.
    #[serde(rename = "a")]
    Adopted(#[serde(with = "adoption")] AdoptionOf),
}

/// A card's word for a device, with the learner whose card it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptionOf {
    /// Whose card.
    pub learner: LearnerId,
    /// The card's word.
    pub adoption: Adoption,
}

mod adoption {
    use super::{Adoption, AdoptionOf, LearnerId};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &AdoptionOf, to: S) -> Result<S::Ok, S::Error> {
        (&of.learner, &of.adoption).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AdoptionOf, D::Error> {
        let (learner, adoption): (LearnerId, Adoption) = Deserialize::deserialize(from)?;
        Ok(AdoptionOf { learner, adoption })
    }
}

/// What a school or the ministry states. Who may state what is for the reader to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statement {
    /// A school: this learner is ours.
    #[serde(rename = "r")]
    Register {
        /// The id in the learner's events.
        #[serde(rename = "u")]
        learner: LearnerId,
        /// Who it is.
        #[serde(rename = "r")]
        registration: Box<Registration>,
        /// The learner's card.
        #[serde(rename = "c")]
        card: Card,
    },
    /// A school: the learner has a new card; earlier ones count no more.
    #[serde(rename = "c")]
    NewCard {
        /// Whose.
        #[serde(rename = "u")]
        learner: LearnerId,
        /// The new card.
        #[serde(rename = "c")]
        card: Card,
    },
    /// A school: these devices, and no others, are ours and speak for the learners whom they sign in.
    #[serde(rename = "d")]
    Devices {
        /// Every device that ever was.
        #[serde(rename = "d")]
        devices: BTreeSet<DeviceId>,
        /// Those that are no more, for good. Both sets only grow, so that statements of several nodes merge by union.
        #[serde(rename = "w", default)]
        withdrawn: BTreeSet<DeviceId>,
    },
    /// A school: forget this learner.
    #[serde(rename = "e")]
    Erase {
        /// Whom.
        #[serde(rename = "u")]
        learner: LearnerId,
    },
    /// The ministry: this is the learner's login.
    #[serde(rename = "n")]
    Named {
        /// As registered.
        #[serde(rename = "u")]
        learner: LearnerId,
        /// The login.
        #[serde(rename = "l")]
        login: Login,
        /// The id under which the same learner was registered before.
        #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
        same_as: Option<LearnerId>,
    },
    /// The ministry: the learner is forgotten here.
    #[serde(rename = "x")]
    Erased {
        /// Whom.
        #[serde(rename = "u")]
        learner: LearnerId,
    },
    /// The ministry: what is known of the learner's work, for a school that the records passed by.
    #[serde(rename = "p")]
    Progress {
        /// Whose.
        #[serde(rename = "u")]
        learner: LearnerId,
        /// The lesson.
        #[serde(rename = "l")]
        lesson: LessonRef,
        /// All that is known.
        #[serde(rename = "w")]
        progress: Box<LessonProgress>,
    },
}

/// Why a payload or body is no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Made by a newer Pishtar, or damaged.
    #[error("the record's content does not parse as messages about people")]
    Malformed,
    /// One statement alone does not fit.
    #[error("one statement takes {0} bytes, more than a record holds")]
    TooLarge(usize),
}

#[derive(Serialize, Deserialize)]
struct Payload<M>(u8, M);

/// Does a record's content hold messages about people?
pub fn is_people_payload(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x82, PEOPLE_PAYLOAD])
}

/// One message as the content of a record.
pub fn pack_message(message: &PeopleMessage) -> Vec<u8> {
    encode(&Payload(PEOPLE_PAYLOAD, [message]))
}

/// The messages of a record's content.
///
/// # Errors
/// [`MessageError::Malformed`].
pub fn unpack_messages(bytes: &[u8]) -> Result<Vec<PeopleMessage>, MessageError> {
    match ciborium::from_reader(bytes) {
        Ok(Payload(PEOPLE_PAYLOAD, messages)) => Ok(messages),
        _ => Err(MessageError::Malformed),
    }
}

/// Statements as bodies to be signed, in order, as few as hold them.
///
/// # Errors
/// [`MessageError::TooLarge`] when one statement alone does not fit.
pub fn bodies(statements: &[Statement]) -> Result<Vec<Vec<u8>>, MessageError> {
    // The list's own head.
    const HEAD: usize = 3;
    let (mut bodies, mut start, mut bytes) = (Vec::new(), 0, HEAD);
    for (at, statement) in statements.iter().enumerate() {
        let length = encode(statement).len();
        if length + HEAD > MAX_BODY_BYTES {
            return Err(MessageError::TooLarge(length));
        }
        if bytes + length > MAX_BODY_BYTES {
            bodies.push(encode(&statements[start..at]));
            (start, bytes) = (at, HEAD);
        }
        bytes += length;
    }
    if start < statements.len() {
        bodies.push(encode(&statements[start..]));
    }
    Ok(bodies)
}

/// The statements of a signed body.
///
/// # Errors
/// [`MessageError::Malformed`].
pub fn statements(body: &[u8]) -> Result<Vec<Statement>, MessageError> {
    ciborium::from_reader(body).map_err(|_| MessageError::Malformed)
}

fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes)
        .expect("a vector takes all bytes and messages have no odd types");
    bytes
}

#[cfg(test)]
mod tests {
    use pishtar_signing::people::CardSecret;

    use super::super::registration::tests::raw;
    use super::*;
    use crate::learner::unpack_events;

    fn register(number: usize) -> Statement {
        let learner = LearnerId::new(format!("p.{number:016}")).unwrap();
        Statement::Register {
            registration: Box::new(Registration::parse(&raw("Arta", "Krasniqi")).unwrap()),
            card: CardSecret([1; 16]).card(learner.as_str(), 1),
            learner,
        }
    }

    #[test]
    fn many_statements_are_split_in_order_and_each_body_fits_a_record() {
        let all: Vec<_> = (0..100).map(register).collect();
        let bodies = bodies(&all).unwrap();
        assert!((2..10).contains(&bodies.len()), "{}", bodies.len());
        let mut back = Vec::new();
        for body in &bodies {
            back.extend(statements(body).unwrap());
            let said = PeopleMessage::Said(Said {
                from: "s".repeat(40),
                epoch: u32::MAX,
                body: body.clone(),
                signature: [9; 64],
            });
            let payload = pack_message(&said);
            assert!(payload.len() <= capacity(SizeClass::Large));
            assert_eq!(unpack_messages(&payload).unwrap(), [said]);
        }
        assert_eq!(back, all);
    }

    #[test]
    fn messages_and_events_are_told_apart() {
        let adopted = PeopleMessage::Adopted(AdoptionOf {
            learner: LearnerId::new("p.x").unwrap(),
            adoption: CardSecret([1; 16]).adopt("p.x", 1, [3; 32]),
        });
        let payload = pack_message(&adopted);
        assert!(is_people_payload(&payload));
        assert!(unpack_events(&payload).is_err());
        assert_eq!(unpack_messages(&payload).unwrap(), [adopted]);
        assert!(unpack_messages(&[0x82, 1, 0x80]).is_err());
    }
}
