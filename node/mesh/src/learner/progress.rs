//! What all of a learner's devices together know about one lesson.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_catalog::Completion;
use serde::{Deserialize, Serialize};

use super::{
    Attempt, DeviceId, DisplayName, LearnerEvent, LearnerId, LessonRef, PlayedSegments, What,
};

/// Most names kept for one learner: the smallest ones in order, which is still a merge that never depends
/// on order.
pub const MAX_NAMES: usize = 4;
/// Most completion rules kept for one lesson, of the versions that its catalogue had; the smallest ones in order.
pub const MAX_RULES: usize = 4;

/// Joining what two places know: associative, commutative, idempotent.
pub trait Merge {
    /// Takes in all that `other` knows.
    fn merge(&mut self, other: &Self);
}

/// Names one attempt everywhere: the device that saw it and that device's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// Its counter.
    #[serde(rename = "k")]
    pub counter: u64,
}

/// What is known about one learner and one lesson. All fields only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonProgress {
    /// Names that the learner goes by, at most [`MAX_NAMES`].
    pub names: BTreeSet<DisplayName>,
    /// What was played.
    pub played: PlayedSegments,
    /// The furthest position, milliseconds.
    pub furthest_ms: u32,
    /// The video's length, milliseconds; 0 while unknown.
    pub duration_ms: u32,
    /// Answers. A list on disk because its key is no text.
    #[serde(with = "attempt_list")]
    pub attempts: BTreeMap<AttemptKey, Attempt>,
    /// Whether a device reported completion.
    pub completed: bool,
    /// What the lesson's catalogue asks for, as devices told it, at most [`MAX_RULES`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<Completion>,
}

impl LessonProgress {
    /// Takes in one event that `device` recorded.
    pub fn apply(&mut self, device: DeviceId, event: &LearnerEvent) {
        if let Some(name) = &event.name {
            self.names.insert(name.clone());
            self.keep_few_names();
        }
        match &event.what {
            What::Watched(watched) => {
                self.played.merge(&watched.played);
                self.furthest_ms = self.furthest_ms.max(watched.furthest_ms);
                self.duration_ms = self.duration_ms.max(watched.duration_ms);
            }
            What::Attempted(attempt) => self.add_attempt(device, attempt),
            What::Completed => self.completed = true,
            What::Rule(rule) => self.add_rules([*rule]),
        }
    }

    /// How much of the video was played at least once, in thousandths; 0 while its length is unknown.
    pub fn progress_permille(&self) -> u32 {
        if self.duration_ms == 0 {
            return 0;
        }
        let played = self.played.total_within_ms(self.duration_ms);
        let permille = played * 1000 / u64::from(self.duration_ms);
        u32::try_from(permille).expect("played time within the duration is at most all of it")
    }

    /// Whether the lesson counts as completed: a device said so, or what all devices saw together meets a rule that they
    /// told of. Where they told of none, at least `threshold_permille` thousandths must have been played.
    pub fn is_completed(&self, threshold_permille: u32) -> bool {
        let played = || self.duration_ms > 0 && self.progress_permille() >= threshold_permille;
        match self.rules.is_empty() {
            true => self.completed || played(),
            false => self.rules.iter().any(|rule| self.meets(*rule)),
        }
    }

    /// Whether the lesson counts as completed by this rule: a device said so, or all devices together meet it. Knowing more
    /// never takes it back, except that a video turns out longer than it seemed.
    pub fn meets(&self, rule: Completion) -> bool {
        let met = match rule {
            Completion::WatchedPercent(percent) => {
                self.duration_ms > 0 && self.progress_permille() >= u32::from(percent) * 10
            }
            Completion::Opened => true,
            Completion::Mastered { m, .. } => self.mastered() >= usize::from(m),
        };
        self.completed || met
    }

    /// Items that were answered with full points at least once.
    pub fn mastered(&self) -> usize {
        let right = |(raw, max): &&(u32, u32)| *max > 0 && raw >= max;
        self.best_results().values().filter(right).count()
    }

    /// For each item the best result, as (points, points possible).
    pub fn best_results(&self) -> BTreeMap<&str, (u32, u32)> {
        let mut best: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for attempt in self.attempts.values() {
            let entry = best
                .entry(&attempt.item)
                .or_insert((attempt.raw, attempt.max));
            *entry = (*entry).max((attempt.raw, attempt.max));
        }
        best
    }

    fn add_attempt(&mut self, device: DeviceId, attempt: &Attempt) {
        let key = AttemptKey {
            device,
            counter: attempt.counter,
        };
        match self.attempts.get_mut(&key) {
            // A device that used one counter twice: keep the larger, whatever came first.
            Some(held) if *held >= *attempt => {}
            Some(held) => *held = attempt.clone(),
            None => {
                self.attempts.insert(key, attempt.clone());
            }
        }
    }

    fn add_rules(&mut self, rules: impl IntoIterator<Item = Completion>) {
        self.rules.extend(rules);
        while self.rules.len() > MAX_RULES {
            self.rules.pop_last();
        }
    }

    fn keep_few_names(&mut self) {
        while self.names.len() > MAX_NAMES {
            self.names.pop_last();
        }
    }
}

impl Merge for LessonProgress {
    fn merge(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.keep_few_names();
        self.played.merge(&other.played);
        self.furthest_ms = self.furthest_ms.max(other.furthest_ms);
        self.duration_ms = self.duration_ms.max(other.duration_ms);
        for (key, attempt) in &other.attempts {
            self.add_attempt(key.device, attempt);
        }
        self.completed |= other.completed;
        self.add_rules(other.rules.iter().copied());
    }
}

/// Progress of many learners in many lessons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgressBook {
    /// One entry for each learner and lesson.
    pub entries: BTreeMap<(LearnerId, LessonRef), LessonProgress>,
}

impl ProgressBook {
    /// Takes in one event that `device` recorded.
    pub fn apply(&mut self, device: DeviceId, event: &LearnerEvent) {
        let key = (event.learner.clone(), event.lesson.clone());
        self.entries.entry(key).or_default().apply(device, event);
    }
}

impl Merge for ProgressBook {
    fn merge(&mut self, other: &Self) {
        for (key, progress) in &other.entries {
            self.entries.entry(key.clone()).or_default().merge(progress);
        }
    }
}

/// Writes the attempts as a list of pairs.
mod attempt_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Attempt, AttemptKey};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<AttemptKey, Attempt>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<AttemptKey, Attempt>, D::Error> {
        Ok(Vec::<(AttemptKey, Attempt)>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Watched;
    use super::*;

    fn event(learner: &str, lesson: &str, what: What) -> LearnerEvent {
        LearnerEvent {
            learner: LearnerId::new(learner).unwrap(),
            name: None,
            lesson: LessonRef::new(lesson).unwrap(),
            what,
        }
    }

    fn watched(intervals: &[(u32, u32)], duration_ms: u32) -> What {
        let played = PlayedSegments::from_intervals(intervals.iter().copied()).unwrap();
        What::Watched(Watched {
            furthest_ms: played.end_ms(),
            played,
            duration_ms,
        })
    }

    #[test]
    fn two_tablets_make_one_full_lesson() {
        let (a, b) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let mut progress = LessonProgress::default();
        progress.apply(a, &event("u", "l", watched(&[(0, 60_000)], 100_000)));
        assert_eq!(progress.progress_permille(), 600);
        assert!(!progress.is_completed(950));
        progress.apply(b, &event("u", "l", watched(&[(40_000, 100_000)], 100_000)));
        for (device, raw) in [(a, 3), (b, 5), (b, 5)] {
            let attempt = Attempt {
                counter: 1,
                item: "ex".into(),
                raw,
                max: 5,
            };
            progress.apply(device, &event("u", "l", What::Attempted(attempt)));
        }
        assert_eq!(progress.progress_permille(), 1000);
        assert!(progress.is_completed(950));
        assert_eq!(progress.attempts.len(), 2);
        assert_eq!(progress.best_results(), BTreeMap::from([("ex", (5, 5))]));
    }

    #[test]
    fn the_catalogues_rule_decides_over_all_devices() {
        let (a, b) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let right = |counter: u64, item: &str, raw: u32| {
            let item = item.into();
            event(
                "u",
                "l",
                What::Attempted(Attempt {
                    counter,
                    item,
                    raw,
                    max: 5,
                }),
            )
        };
        let rule = |rule| event("u", "l", What::Rule(rule));
        let mut watching = LessonProgress::default();
        watching.apply(a, &rule(Completion::WatchedPercent(95)));
        watching.apply(a, &event("u", "l", watched(&[(0, 60_000)], 100_000)));
        watching.apply(b, &event("u", "l", watched(&[(50_000, 93_000)], 100_000)));
        assert!(!watching.is_completed(900), "93 % are not 95 %");
        watching.apply(b, &event("u", "l", watched(&[(90_000, 95_000)], 100_000)));
        assert!(watching.is_completed(900));

        let mut answering = LessonProgress::default();
        answering.apply(b, &rule(Completion::Mastered { m: 2, n: 3 }));
        for (device, event) in [
            (a, right(1, "x", 5)),
            (a, right(2, "y", 4)),
            (b, right(1, "x", 5)),
        ] {
            answering.apply(device, &event);
            assert!(!answering.is_completed(900));
        }
        answering.apply(b, &right(2, "y", 5));
        assert!(answering.is_completed(900), "two items on two devices");
        assert!(LessonProgress::default().meets(Completion::Opened));
    }

    fn any_what() -> impl Strategy<Value = What> {
        prop_oneof![
            4 => (proptest::collection::vec((0u32..500, 0u32..60), 0..6), 0u32..900).prop_map(|(list, duration)| {
                let intervals: Vec<_> = list.into_iter().map(|(start, length)| (start, start + length)).collect();
                watched(&intervals, duration)
            }),
            2 => (0u64..4, "[ab]", 0u32..4).prop_map(|(counter, item, raw)| {
                What::Attempted(Attempt { counter, item, raw, max: 3 })
            }),
            1 => Just(What::Completed),
            1 => (1u8..=100).prop_map(|percent| What::Rule(Completion::WatchedPercent(percent))),
            1 => (1u8..4).prop_map(|m| What::Rule(Completion::Mastered { m, n: 4 })),
        ]
    }

    fn any_event() -> impl Strategy<Value = (DeviceId, LearnerEvent)> {
        (
            0u8..3,
            "[xy]",
            "[pq]",
            proptest::option::of("[a-h]"),
            any_what(),
        )
            .prop_map(|(device, learner, lesson, name, what)| {
                let mut event = event(&learner, &lesson, what);
                event.name = name.map(|name| DisplayName::new(name).unwrap());
                (DeviceId([device; 32]), event)
            })
    }

    fn book(events: &[(DeviceId, LearnerEvent)]) -> ProgressBook {
        let mut book = ProgressBook::default();
        for (device, event) in events {
            book.apply(*device, event);
        }
        book
    }

    /// One watched event told as two, each with half of the intervals.
    fn split(event: &LearnerEvent) -> Vec<LearnerEvent> {
        let What::Watched(all) = &event.what else {
            return vec![event.clone()];
        };
        let (mut left, mut right) = (event.clone(), event.clone());
        let (mut a, mut b) = (all.clone(), all.clone());
        (a.played, b.played) = (PlayedSegments::new(), PlayedSegments::new());
        for &(start, end) in all.played.intervals() {
            let middle = start + (end - start) / 2;
            a.played.insert(start, middle);
            b.played.insert(middle, end);
        }
        (left.what, right.what) = (What::Watched(a), What::Watched(b));
        vec![right, left]
    }

    proptest! {
        #[test]
        fn order_duplication_and_splitting_never_matter(
            events in proptest::collection::vec(any_event(), 0..20),
            order in any::<u64>(),
            cut in 0usize..20,
        ) {
            let straight = book(&events);
            let mut told = Vec::new();
            for (device, event) in &events {
                told.extend(split(event).into_iter().map(|part| (*device, part)));
            }
            told.extend(events.iter().take(cut).cloned());
            // Any permutation will do: sort by a keyed hash of the position.
            let mut keyed: Vec<_> = told.into_iter().enumerate()
                .map(|(at, entry)| (blake3::hash(&(order, at as u64).0.wrapping_mul(at as u64 + 7).to_le_bytes()).to_hex().to_string(), entry))
                .collect();
            keyed.sort_by(|a, b| a.0.cmp(&b.0));
            let shuffled: Vec<_> = keyed.into_iter().map(|(_, entry)| entry).collect();
            prop_assert_eq!(&book(&shuffled), &straight);
            for (key, progress) in &book(&events[..cut.min(events.len())]).entries {
                let whole = &straight.entries[key];
                for rule in [Completion::WatchedPercent(50), Completion::Mastered { m: 1, n: 4 }, Completion::Opened] {
                    prop_assert!(progress.duration_ms < whole.duration_ms || !progress.meets(rule) || whole.meets(rule), "completion fell");
                }
            }

            let cut = cut.min(events.len());
            let (left, right) = (book(&events[..cut]), book(&events[cut..]));
            let mut joined = right.clone();
            joined.merge(&left);
            joined.merge(&right);
            let again = joined.clone();
            joined.merge(&again);
            prop_assert_eq!(joined, straight);
        }
    }
}
