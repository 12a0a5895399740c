//! Events as the bytes inside a sealed record: CBOR, packed into as few records as they need.

use pishtar_signing::record::{SizeClass, capacity};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::LearnerEvent;

const VERSION: u8 = 1;
/// CBOR around the events: outer pair, version, list head of up to 65,535 events.
const FRAME_BYTES: usize = 1 + 1 + 3;

#[derive(Serialize)]
struct PayloadOut<'a>(u8, &'a [LearnerEvent]);

#[derive(Deserialize)]
struct PayloadIn(u8, Vec<LearnerEvent>);

/// Why events cannot be packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// One event alone does not fit the largest record.
    #[error(
        "one event takes {bytes} bytes and a record holds {max}; report fewer segments at a time"
    )]
    EventTooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// What fits, in bytes.
        max: usize,
    },
    /// Made by a newer Pishtar.
    #[error("the record's content has version {0}; a newer collector is needed to read it")]
    Version(u8),
    /// Not events.
    #[error("the record's content does not parse as events")]
    Malformed,
}

/// Packs events, in order, into the contents of as few records as hold them.
///
/// # Errors
/// [`PayloadError::EventTooLarge`] when one event alone does not fit.
pub fn pack_events(events: &[LearnerEvent]) -> Result<Vec<Vec<u8>>, PayloadError> {
    let max = capacity(SizeClass::Large) - FRAME_BYTES;
    let (mut payloads, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, event) in events.iter().enumerate() {
        let length = encode(event).len();
        if length > max {
            return Err(PayloadError::EventTooLarge { bytes: length, max });
        }
        if bytes + length > max {
            payloads.push(encode(&PayloadOut(VERSION, &events[start..at])));
            (start, bytes) = (at, 0);
        }
        bytes += length;
    }
    if start < events.len() {
        payloads.push(encode(&PayloadOut(VERSION, &events[start..])));
    }
    Ok(payloads)
}

/// Reads the content of one record.
///
/// # Errors
/// [`PayloadError`] when the content is newer than this program or not events.
pub fn unpack_events(bytes: &[u8]) -> Result<Vec<LearnerEvent>, PayloadError> {
    let newer = version_of(bytes).filter(|version| *version != VERSION);
    if let Some(version) = newer {
        return Err(PayloadError::Version(version));
    }
    match ciborium::from_reader(bytes) {
        Ok(PayloadIn(VERSION, events)) => Ok(events),
        _ => Err(PayloadError::Malformed),
    }
}

/// The version, read first because a newer one may hold anything after it.
fn version_of(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [0x82, version, ..] if *version < 24 => Some(*version),
        _ => None,
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes)
        .expect("a vector takes all bytes and events have no odd types");
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{LearnerId, LessonRef, PlayedSegments, Watched, What};
    use super::*;

    fn event(segments: u32) -> LearnerEvent {
        let intervals = (0..segments).map(|n| (n * 90_000, n * 90_000 + 70_000));
        LearnerEvent {
            learner: LearnerId::new("k7m2q9x4w1").unwrap(),
            name: None,
            lesson: LessonRef::new("ministry/math-6-sq/thyesat-hyrje").unwrap(),
            what: What::Watched(Watched {
                played: PlayedSegments::from_intervals(intervals).unwrap(),
                furthest_ms: 600_000,
                duration_ms: 612_480,
            }),
        }
    }

    #[test]
    fn a_usual_report_fits_the_smallest_record() {
        let payloads = pack_events(&[event(2)]).unwrap();
        assert_eq!(payloads.len(), 1);
        assert!(
            payloads[0].len() <= capacity(SizeClass::Small),
            "{}",
            payloads[0].len()
        );
        assert_eq!(unpack_events(&payloads[0]).unwrap(), [event(2)]);
    }

    #[test]
    fn many_events_are_split_in_order() {
        let events: Vec<_> = (0..40).map(|_| event(100)).collect();
        let payloads = pack_events(&events).unwrap();
        assert!(
            payloads
                .iter()
                .all(|payload| payload.len() <= capacity(SizeClass::Large))
        );
        let back: Vec<_> = payloads
            .iter()
            .flat_map(|payload| unpack_events(payload).unwrap())
            .collect();
        assert_eq!(back, events);
        assert_eq!(pack_events(&[]).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn foreign_content_is_told_apart() {
        assert_eq!(
            unpack_events(&[0x82, 2, 0x80]),
            Err(PayloadError::Version(2))
        );
        assert_eq!(unpack_events(b"junk"), Err(PayloadError::Malformed));
        assert_eq!(unpack_events(&[]), Err(PayloadError::Malformed));
    }
}
