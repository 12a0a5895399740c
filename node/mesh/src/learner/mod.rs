//! What learners did: events, and merging that needs no clock.
//!
//! Tablet clocks are wrong by years, so no time decides anything here. What was played is a set of
//! intervals and merges by union; attempts are a grow-only set keyed by (device, counter); the furthest
//! position and the duration are maxima; completion only rises. Every merge is associative, commutative and
//! idempotent: order, duplication and splitting over devices never change the result.
//! Source: xAPI video profile 1.0.3 (played-segments), design section 7.

mod event;
mod ids;
mod payload;
mod progress;
mod segments;

pub use self::event::{Attempt, LearnerEvent, Watched, What};
pub use self::ids::{DeviceId, DisplayName, IdError, LearnerId, LessonRef};
pub use self::payload::{PayloadError, pack_events, unpack_events};
pub use self::progress::{AttemptKey, LessonProgress, MAX_NAMES, MAX_RULES, Merge, ProgressBook};
pub use self::segments::{MAX_SEGMENTS_PER_EVENT, PlayedSegments, SegmentsError};
