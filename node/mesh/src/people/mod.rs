//! Learners and how they are called: registration, the learner that came twice, logins.
//!
//! What is here depends on its arguments alone. The node keeps a school's book of people, the collector allots the
//! logins, the record exchange carries what they say to each other, sealed.

mod ascii;
mod cyrillic;
mod login;
mod matching;
mod message;
mod names;
mod phone;
mod registration;
mod standing;

pub use self::{
    ascii::to_ascii,
    cyrillic::to_latin,
    login::{Allotted, Domain, DomainError, Ledger, Login, LoginError, MemoryLedger, allot, stem},
    matching::MatchKey,
    message::{
        AdoptionOf, MAX_BODY_BYTES, MessageError, PEOPLE_PAYLOAD, PeopleMessage, Statement, bodies,
        is_people_payload, pack_message, statements, unpack_messages,
    },
    names::{ClassName, NameError, PersonName, PlaceName},
    phone::{Phone, PhoneError},
    registration::{Column, FieldError, Problem, RawRegistration, Registration},
    standing::{Standing, is_registered_id, new_learner_id},
};
