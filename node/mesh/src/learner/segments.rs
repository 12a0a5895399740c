//! A set of played time, kept as sorted disjoint intervals.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::Merge;

/// Most intervals that one event may report: bounds what a page can post and what a record can hold.
pub const MAX_SEGMENTS_PER_EVENT: usize = 256;

/// Why a list of intervals is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SegmentsError {
    /// An interval ends before it starts.
    #[error("a played segment ends at {end_ms} ms, before its start at {start_ms} ms")]
    Backwards {
        /// Where it starts, milliseconds.
        start_ms: u32,
        /// Where it ends, milliseconds.
        end_ms: u32,
    },
    /// More intervals than one event may hold.
    #[error("{count} played segments in one event; report at most 256 at a time")]
    TooMany {
        /// How many there were.
        count: usize,
    },
    /// The flat list has an odd number of bounds.
    #[error("played segments come in pairs of start and end")]
    Odd,
}

/// Played time as a set: intervals `[start, end)` in milliseconds, sorted, disjoint and never touching.
///
/// The same set of moments therefore has exactly one form, and equality is equality of what was played.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlayedSegments(Vec<(u32, u32)>);

impl PlayedSegments {
    /// Nothing played.
    pub fn new() -> Self {
        Self::default()
    }

    /// The union of intervals in milliseconds, in any order, overlapping or not.
    ///
    /// # Errors
    /// [`SegmentsError`] when an interval runs backwards or there are more than
    /// [`MAX_SEGMENTS_PER_EVENT`].
    pub fn from_intervals(
        intervals: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Self, SegmentsError> {
        let mut list = Vec::new();
        for (start_ms, end_ms) in intervals {
            if end_ms < start_ms {
                return Err(SegmentsError::Backwards { start_ms, end_ms });
            }
            list.push((start_ms, end_ms));
        }
        if list.len() > MAX_SEGMENTS_PER_EVENT {
            return Err(SegmentsError::TooMany { count: list.len() });
        }
        Ok(Self(normal(list)))
    }

    /// Adds one interval in milliseconds; an empty or backward one adds nothing.
    pub fn insert(&mut self, start_ms: u32, end_ms: u32) {
        if end_ms > start_ms {
            self.0.push((start_ms, end_ms));
            self.0 = normal(std::mem::take(&mut self.0));
        }
    }

    /// The intervals, sorted and disjoint.
    pub fn intervals(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// Milliseconds of the video that were played at least once.
    pub fn total_ms(&self) -> u64 {
        self.0
            .iter()
            .map(|(start, end)| u64::from(end - start))
            .sum()
    }

    /// Milliseconds played at least once before `duration_ms`, where the video ends.
    pub fn total_within_ms(&self, duration_ms: u32) -> u64 {
        let cut = |at: &u32| (*at).min(duration_ms);
        self.0
            .iter()
            .map(|(start, end)| u64::from(cut(end) - cut(start)))
            .sum()
    }

    /// The end of the last interval, milliseconds; 0 when nothing was played.
    pub fn end_ms(&self) -> u32 {
        self.0.last().map_or(0, |(_, end)| *end)
    }

    /// Whether nothing was played.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form of the xAPI video profile: `0.000[.]12.000[,]14.000[.]21.000` (seconds).
    pub fn to_xapi(&self) -> String {
        let seconds = |ms: u32| format!("{}.{:03}", ms / 1000, ms % 1000);
        let pairs = self
            .0
            .iter()
            .map(|(start, end)| format!("{}[.]{}", seconds(*start), seconds(*end)));
        pairs.collect::<Vec<_>>().join("[,]")
    }
}

impl Merge for PlayedSegments {
    fn merge(&mut self, other: &Self) {
        let mut list = std::mem::take(&mut self.0);
        list.extend_from_slice(&other.0);
        self.0 = normal(list);
    }
}

/// Sorts, drops empty intervals, joins those that overlap or touch.
fn normal(mut list: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    list.retain(|(start, end)| start < end);
    list.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::with_capacity(list.len());
    for (start, end) in list {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

impl Serialize for PlayedSegments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|(start, end)| [*start, *end]))
    }
}

impl<'de> Deserialize<'de> for PlayedSegments {
    /// A flat list of starts and ends. The bound on events is checked where events enter, because a merged
    /// set may hold more.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let flat = Vec::<u32>::deserialize(deserializer)?;
        if flat.len() % 2 != 0 {
            return Err(D::Error::custom(SegmentsError::Odd));
        }
        let pairs = flat.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        if let Some((start_ms, end_ms)) = pairs.clone().find(|(start, end)| end < start) {
            return Err(D::Error::custom(SegmentsError::Backwards {
                start_ms,
                end_ms,
            }));
        }
        Ok(Self(normal(pairs.collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_and_overlapping_intervals_become_one() {
        let set = PlayedSegments::from_intervals([(14_000, 21_000), (0, 5_000), (5_000, 12_000)])
            .unwrap();
        assert_eq!(set.intervals(), [(0, 12_000), (14_000, 21_000)]);
        assert_eq!(set.total_ms(), 19_000);
        assert_eq!(set.total_within_ms(15_000), 13_000);
        assert_eq!(set.to_xapi(), "0.000[.]12.000[,]14.000[.]21.000");
    }

    #[test]
    fn a_backward_interval_is_refused() {
        let got = PlayedSegments::from_intervals([(5, 4)]);
        assert_eq!(
            got,
            Err(SegmentsError::Backwards {
                start_ms: 5,
                end_ms: 4
            })
        );
        assert!(serde_json::from_str::<PlayedSegments>("[5,4]").is_err());
        assert!(serde_json::from_str::<PlayedSegments>("[5]").is_err());
    }

    #[test]
    fn serialises_flat() {
        let set = PlayedSegments::from_intervals([(1, 2), (4, 9)]).unwrap();
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(text, "[1,2,4,9]");
        assert_eq!(serde_json::from_str::<PlayedSegments>(&text).unwrap(), set);
    }
}
