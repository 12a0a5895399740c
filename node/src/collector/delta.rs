//! What a database is told: which records are new and what they add to progress.
//!
//! A delta says only what grows, so a database that takes it twice, or after a later one, ends the same.

use pishtar_mesh::learner::{LearnerId, LessonProgress, LessonRef};
use serde::{Deserialize, Serialize};

const RECORDS: u8 = 1;
const PROGRESS: u8 = 2;
const ERASED: u8 = 3;
/// Id, log key, sequence, epoch, hour.
const RECORD_BYTES: usize = 32 + 32 + 8 + 4 + 4;

/// One change of what the collector knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// Records counted for the first time by this collector.
    Records(Vec<CountedRecord>),
    /// What records add to one learner's work on one lesson.
    Progress(Box<ProgressDelta>),
    /// All that is held on a learner is to be deleted and never to come back.
    Erased(LearnerId),
}

/// A record as a database counts it. None of this says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedRecord {
    /// BLAKE3 of the record.
    pub id: [u8; 32],
    /// Its log.
    pub log_key: [u8; 32],
    /// Its position in the log.
    pub sequence: u64,
    /// The collection key it was sealed to.
    pub epoch: u32,
    /// Hours since 1970 by the device's clock, which may be wrong.
    pub hour: u32,
}

/// What records add to one learner's work on one lesson.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressDelta {
    /// Whose work.
    pub learner: LearnerId,
    /// The lesson.
    pub lesson: LessonRef,
    /// What is new; merging it in twice changes nothing.
    pub progress: LessonProgress,
    /// The latest hour since 1970 that a device named and that the collector's clock allows; 0 for none.
    pub hour: u32,
}

impl Delta {
    /// The bytes that wait in the queue.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Records(records) => {
                let mut bytes = Vec::with_capacity(1 + records.len() * RECORD_BYTES);
                bytes.push(RECORDS);
                for record in records {
                    bytes.extend_from_slice(&record.id);
                    bytes.extend_from_slice(&record.log_key);
                    bytes.extend_from_slice(&record.sequence.to_be_bytes());
                    bytes.extend_from_slice(&record.epoch.to_be_bytes());
                    bytes.extend_from_slice(&record.hour.to_be_bytes());
                }
                bytes
            }
            Self::Progress(delta) => {
                let mut bytes = vec![PROGRESS];
                ciborium::into_writer(delta, &mut bytes).expect("a vector takes all bytes");
                bytes
            }
            Self::Erased(learner) => [&[ERASED], learner.as_str().as_bytes()].concat(),
        }
    }

    /// Reads [`Delta::to_bytes`]; `None` for anything else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            RECORDS => {
                let (records, rest) = rest.as_chunks::<RECORD_BYTES>();
                let whole = rest.is_empty();
                whole.then(|| Self::Records(records.iter().map(CountedRecord::parse).collect()))
            }
            PROGRESS => ciborium::from_reader(rest)
                .ok()
                .map(|delta| Self::Progress(Box::new(delta))),
            ERASED => {
                let learner = std::str::from_utf8(rest).ok()?;
                LearnerId::new(learner).ok().map(Self::Erased)
            }
            _ => None,
        }
    }
}

impl CountedRecord {
    fn parse(bytes: &[u8; RECORD_BYTES]) -> Self {
        fn part<const N: usize>(bytes: &[u8; RECORD_BYTES], at: usize) -> [u8; N] {
            bytes[at..at + N]
                .try_into()
                .expect("every part lies within the fixed length")
        }
        Self {
            id: part(bytes, 0),
            log_key: part(bytes, 32),
            sequence: u64::from_be_bytes(part(bytes, 64)),
            epoch: u32::from_be_bytes(part(bytes, 72)),
            hour: u32::from_be_bytes(part(bytes, 76)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_read_back_as_written_and_foreign_bytes_are_none() {
        let record = CountedRecord {
            id: [1; 32],
            log_key: [2; 32],
            sequence: 3,
            epoch: 4,
            hour: 5,
        };
        let learner = LearnerId::new("k7m2q9x4w1").unwrap();
        let progress = ProgressDelta {
            learner: learner.clone(),
            lesson: LessonRef::new("ministry/math-6-sq/thyesat").unwrap(),
            progress: LessonProgress::default(),
            hour: 494_000,
        };
        for delta in [
            Delta::Records(vec![record, record]),
            Delta::Progress(Box::new(progress)),
            Delta::Erased(learner),
        ] {
            assert_eq!(Delta::parse(&delta.to_bytes()), Some(delta));
        }
        assert_eq!(Delta::parse(b""), None);
        assert_eq!(Delta::parse(b"\x01short"), None);
        assert_eq!(Delta::parse(b"\x09"), None);
    }
}
