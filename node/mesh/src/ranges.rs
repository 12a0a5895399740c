//! A set of bytes as sorted, disjoint ranges.

use std::{collections::BTreeMap, ops::Range};

/// A set of byte positions.
///
/// Always true: ranges are not empty, do not touch each other, and `total` is their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeSet {
    ends: BTreeMap<u64, u64>,
    total: u64,
}

impl RangeSet {
    /// The set of exactly `range`.
    pub fn of(range: Range<u64>) -> Self {
        let mut set = RangeSet::default();
        set.insert(range);
        set
    }

    /// Number of bytes in the set.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Is nothing in the set?
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Number of separate ranges.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// All ranges, rising.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ends.iter().map(|(&start, &end)| start..end)
    }

    /// Adds `range`.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        if let Some((&before, &before_end)) = self.ends.range(..=start).next_back()
            && before_end >= start
        {
            start = before;
            end = end.max(before_end);
            self.take(before);
        }
        while let Some((&next, &next_end)) = self.ends.range(start..=end).next() {
            end = end.max(next_end);
            self.take(next);
        }
        self.put(start..end);
    }

    /// Takes `range` out.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if let Some((&before, &before_end)) = self.ends.range(..range.start).next_back()
            && before_end > range.start
        {
            self.take(before);
            self.put(before..range.start);
            self.put(range.end..before_end);
        }
        while let Some((&next, &next_end)) = self.ends.range(range.clone()).next() {
            self.take(next);
            self.put(range.end..next_end);
        }
    }

    /// The part of the set within `range`, rising.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let from = match self.ends.range(..=range.start).next_back() {
            Some((&start, &end)) if end > range.start => start,
            _ => range.start,
        };
        let upper = range.end.max(from);
        self.ends
            .range(from..upper)
            .map(move |(&start, &end)| start.max(range.start)..end.min(range.end))
            .filter(|part| part.start < part.end)
    }

    /// The parts of `range` that are not in the set, rising.
    pub fn gaps(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = range.start;
        let held = self.within(range.clone());
        let ends = std::iter::once(range.end..range.end);
        held.chain(ends).filter_map(move |part| {
            let gap = at..part.start;
            at = part.end;
            (gap.start < gap.end).then_some(gap)
        })
    }

    /// Is all of `range` in the set?
    pub fn covers(&self, range: Range<u64>) -> bool {
        self.gaps(range).next().is_none()
    }

    /// Is this byte in the set?
    pub fn contains(&self, at: u64) -> bool {
        let before = self.ends.range(..=at).next_back();
        before.is_some_and(|(_, &end)| end > at)
    }

    fn take(&mut self, start: u64) {
        if let Some(end) = self.ends.remove(&start) {
            self.total -= end - start;
        }
    }

    fn put(&mut self, range: Range<u64>) {
        if range.start < range.end {
            self.total += range.end - range.start;
            self.ends.insert(range.start, range.end);
        }
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = RangeSet::default();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set_of_bytes(
            steps in proptest::collection::vec((any::<bool>(), 0u64..60, 0u64..20), 0..40),
            from in 0u64..60, len in 0u64..30,
        ) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for (add, start, len) in steps {
                if add {
                    set.insert(start..start + len);
                    model.extend(start..start + len);
                } else {
                    set.remove(start..start + len);
                    model.retain(|at| !(start..start + len).contains(at));
                }
            }
            prop_assert_eq!(set.total(), model.len() as u64);
            prop_assert_eq!(set.iter().flatten().collect::<BTreeSet<_>>(), model.clone());
            let window = from..from + len;
            let inside: Vec<u64> = model.range(window.clone()).copied().collect();
            prop_assert_eq!(set.within(window.clone()).flatten().collect::<Vec<_>>(), inside.clone());
            let outside: Vec<u64> = window.clone().filter(|at| !model.contains(at)).collect();
            prop_assert_eq!(set.gaps(window.clone()).flatten().collect::<Vec<_>>(), outside.clone());
            prop_assert_eq!(set.covers(window), outside.is_empty());
            prop_assert!((0..90).all(|at| set.contains(at) == model.contains(&at)));
            let ranges: Vec<_> = set.iter().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
