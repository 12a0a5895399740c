//! One thing that a learner did, as the page reports it and as a sealed record carries it.

use pishtar_catalog::Completion;
use serde::{Deserialize, Serialize};

use super::{DisplayName, LearnerId, LessonRef, PlayedSegments};

/// One thing that one learner did with one lesson.
///
/// Field names are short because they are part of every record: the smallest record leaves little over
/// a hundred bytes for its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerEvent {
    /// Whose work it is.
    #[serde(rename = "u")]
    pub learner: LearnerId,
    /// The name that the learner goes by on this device, sent now and then.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// The lesson.
    #[serde(rename = "l")]
    pub lesson: LessonRef,
    /// What was done.
    #[serde(rename = "w")]
    pub what: What,
}

/// What was done with the lesson.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Parts of the video were played.
    #[serde(rename = "v")]
    Watched(Watched),
    /// An exercise item was answered.
    #[serde(rename = "a")]
    Attempted(Attempt),
    /// The lesson's own rule says that it is completed.
    #[serde(rename = "c")]
    Completed,
    /// The rule of the lesson's catalogue, sent now and then: whoever merges what several devices saw need not have the
    /// catalogue.
    #[serde(rename = "q")]
    Rule(Completion),
}

/// Parts of a video that were played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The intervals, in milliseconds of the video's own time.
    #[serde(rename = "p")]
    pub played: PlayedSegments,
    /// The furthest position reached, milliseconds.
    #[serde(rename = "f")]
    pub furthest_ms: u32,
    /// The video's length as the player saw it, milliseconds; 0 when it did not know.
    #[serde(rename = "d")]
    pub duration_ms: u32,
}

/// An answered exercise item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts the attempts made on this device; with the device it names the attempt, so that a report
    /// that arrives twice is one attempt.
    #[serde(rename = "k")]
    pub counter: u64,
    /// The item within the lesson.
    #[serde(rename = "i")]
    pub item: String,
    /// Points reached.
    #[serde(rename = "r")]
    pub raw: u32,
    /// Points possible.
    #[serde(rename = "m")]
    pub max: u32,
}
