//! What a record's payload says: the one place that knows the kinds of payload.
//!
//! A new kind is a variant here, read in [`Content::read`] and taken in where `ingest` dispatches.

use pishtar_mesh::{
    learner::{LearnerEvent, PayloadError, unpack_events},
    people::{PeopleMessage, is_people_payload, unpack_messages},
};

use super::{names::is_answer, open::Unreadable};

/// The content of one opened record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// What learners did.
    Events(Vec<LearnerEvent>),
    /// What schools and cards say about learners.
    People(Vec<PeopleMessage>),
    /// The device vouched for bytes that say nothing. They are counted all the same, or its log stands still.
    Nothing,
}

impl Content {
    /// Reads what was sealed.
    ///
    /// # Errors
    /// [`Unreadable::Answer`] for the ministry's own word to a school; [`Unreadable::Newer`] when a newer collector is needed; the record waits for it.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Unreadable> {
        if is_people_payload(payload) {
            return match unpack_messages(payload) {
                Ok(messages) if is_answer(&messages) => Err(Unreadable::Answer),
                Ok(messages) => Ok(Self::People(messages)),
                Err(_) => Ok(Self::Nothing),
            };
        }
        match unpack_events(payload) {
            Ok(events) => Ok(Self::Events(events)),
            Err(PayloadError::Version(_)) => Err(Unreadable::Newer),
            Err(_) => Ok(Self::Nothing),
        }
    }
}
