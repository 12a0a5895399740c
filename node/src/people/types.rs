//! What pages and commands see of a school's people.

use std::collections::BTreeSet;

use pishtar_mesh::{
    learner::{LearnerId, LessonRef},
    people::{ClassName, FieldError, Login, Registration},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why something about people was not done.
#[derive(Debug, Error)]
pub enum PeopleError {
    /// A registration that is not valid.
    #[error("{}", sentences(.0))]
    Registration(Vec<FieldError>),
    /// A table that is not valid: nothing of it was taken.
    #[error("{}", rows(.0))]
    Table(Vec<RowError>),
    /// Not a class of this school.
    #[error("there is no class {0}; `pishtar school classes` lists them")]
    NoClass(ClassName),
    /// A text that is no class.
    #[error("{0:?} is not a class: write for example 6A or VI/2")]
    BadClass(String),
    /// Not a learner here.
    #[error("no such learner is known here; `pishtar school learners` lists them")]
    NoLearner,
    /// Not an assignment here.
    #[error("there is no such assignment; it may have been taken back")]
    NoAssignment,
    /// Not a lesson.
    #[error("{0:?} is not a lesson's id")]
    BadLesson(String),
    /// Not a day.
    #[error("{0:?} is not a day; write for example 2026-12-15")]
    BadDay(String),
    /// The learner was registered elsewhere: the card's secret never was here.
    #[error(
        "this learner's card was made on another of the school's computers; make a new card here, the old one then counts no more"
    )]
    CardElsewhere,
    /// Not a card.
    #[error("this is not a learner card: {0}")]
    BadCard(&'static str),
    /// Not a device of the school.
    #[error("this is no key of a computer of the school; `pishtar school devices` lists them")]
    NoDevice,
    /// A wrong PIN at home.
    #[error("the PIN is wrong")]
    WrongPin,
    /// A PIN that protects nothing.
    #[error("a PIN has 4 to 64 characters")]
    ShortPin,
    /// This device's own key is on the ministry's list of revoked keys.
    #[error(
        "this device was reported lost or stolen and revoked by the ministry: it plays public lessons and no more; ask the school"
    )]
    Revoked,
    /// The device is no school's node.
    #[error("this device is not a school's node: `pishtar school init` makes it one")]
    NoSchool,
    /// Too many for one school.
    #[error("{what}: at most {max} are kept")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// As many as may be.
        max: usize,
    },
    /// The disk, or the key that the book is sealed under.
    #[error(transparent)]
    Store(#[from] super::store::StoreError),
}

fn sentences(errors: &[FieldError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn rows(errors: &[RowError]) -> String {
    const SHOWN: usize = 20;
    let mut text = String::from("nothing of the table was taken; correct these and give it again:");
    for error in errors.iter().take(SHOWN) {
        text.push_str("\n  ");
        text.push_str(&error.to_string());
    }
    if errors.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", errors.len() - SHOWN));
    }
    text
}

/// What is wrong with one row of a table. It quotes nothing of the row.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("row {row}: {text}")]
pub struct RowError {
    /// As spreadsheets count: the head is row 1.
    pub row: u64,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// What is wrong, column included.
    pub text: String,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassView {
    /// Its name, for example `6A`.
    pub name: ClassName,
    /// Account ids of its teachers.
    pub teachers: BTreeSet<String>,
    /// How many learners it has.
    pub learners: usize,
}

/// A learner as the school's pages show them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerView {
    /// The id in events.
    pub id: LearnerId,
    /// Who it is.
    pub registration: Registration,
    /// The login, once the ministry's answer is here.
    pub login: Option<Login>,
    /// The id under which the ministry knew this learner before, where this registration was a repetition.
    pub same_as: Option<LearnerId>,
    /// Number of the card that counts.
    pub card_number: u32,
    /// Whether the registration is on its way to the ministry, or still waits for the ministry's key.
    pub sent: bool,
    /// When it was registered, Unix seconds of this node's clock.
    pub registered: i64,
}

impl std::fmt::Debug for LearnerView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LearnerView(hidden)")
    }
}

/// What a registration came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The learner.
    pub id: LearnerId,
    /// Whether the learner was not known here before.
    pub new: bool,
}

/// What a table came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// Learners registered now.
    pub new: Vec<LearnerId>,
    /// Rows of learners that were known.
    pub known: usize,
    /// Classes made for it.
    pub classes: BTreeSet<ClassName>,
}

/// A lesson that a class was told to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Names it.
    pub id: u64,
    /// Who is to do it.
    pub class: ClassName,
    /// The lesson.
    pub lesson: LessonRef,
    /// Account id of the teacher.
    pub by: String,
    /// The last day for it, `2026-12-15`.
    pub due: Option<String>,
    /// When it was assigned, Unix seconds.
    pub at: i64,
}

/// A learner's work on one lesson, as a teacher sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonWork {
    /// The lesson.
    pub lesson: LessonRef,
    /// How much of the video was played, thousandths.
    pub progress_permille: u32,
    /// Whether it counts as done.
    pub completed: bool,
    /// Answers given.
    pub attempts: usize,
    /// Points of the best answer to each exercise, added up.
    pub points: u32,
    /// Points possible in these exercises.
    pub points_of: u32,
    /// The latest moment at which something new of it came here, Unix seconds of this node's clock.
    pub last_activity: Option<i64>,
    /// Whether it is assigned to the learner's class.
    pub assigned: bool,
    /// Why the learner needs help with it.
    pub help: Option<Help>,
}

/// Why a learner needs help with a lesson. The rules stand in `docs/src/start/school.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Help {
    /// Three or more answers to one exercise, none with half the points.
    #[error("{tries} tries at one exercise, the best with {best} of {of} points")]
    Stuck {
        /// Answers given to it.
        tries: usize,
        /// Points of the best.
        best: u32,
        /// Points possible.
        of: u32,
    },
    /// The last day has passed and it is not done.
    #[error("not done; it was due on {due}")]
    Overdue {
        /// The day.
        due: String,
    },
    /// Begun, not done, and nothing new for a week.
    #[error("begun and not gone on with for {days} days")]
    Stopped {
        /// Days since.
        days: i64,
    },
}

/// One learner's row in the view of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerWork {
    /// Who.
    pub learner: LearnerView,
    /// Assigned lessons, and those that the learner worked on, in order of id.
    pub lessons: Vec<LessonWork>,
    /// Whether any of them needs help.
    pub needs_help: bool,
}

/// A learner whose card this family device took in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeLearner {
    /// The id in events.
    pub id: LearnerId,
    /// What the family calls them on this device; readable to whoever holds the device.
    pub label: String,
    /// The school's publisher id.
    pub school: String,
}

impl std::fmt::Debug for HomeLearner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HomeLearner(hidden)")
    }
}

/// What the school's forms begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The school's name, taken where a registration leaves it out.
    #[serde(default)]
    pub school: String,
    /// Its municipality, likewise.
    #[serde(default)]
    pub municipality: String,
}
