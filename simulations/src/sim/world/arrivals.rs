//! How long lessons and catalogues took to be at the schools.

use std::collections::BTreeMap;

use super::{
    World,
    host::{Host, HostIx, Kind},
};
use crate::sim::{SECOND, editions::BlobIx, outcome::Edition};

/// What is known about each lesson and edition so far.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// When each file was published first, in seconds, by number.
    published: Vec<Option<u64>>,
    /// Files that a school got once already, a bit for each.
    seen: BTreeMap<HostIx, Vec<u64>>,
    /// How many took so many seconds, to a precision of under a hundredth.
    pub(super) times: BTreeMap<u64, u64>,
    /// The same for files alone that were published after the start.
    pub(super) new_times: BTreeMap<u64, u64>,
    known: Vec<u64>,
    held: Vec<u64>,
}

impl Arrivals {
    fn first_time(&mut self, host: HostIx, blob: BlobIx) -> bool {
        let (word, bit) = (blob as usize / 64, 1_u64 << (blob % 64));
        let seen = self.seen.entry(host).or_default();
        if seen.len() <= word {
            seen.resize(word + 1, 0);
        }
        let new = seen[word] & bit == 0;
        seen[word] |= bit;
        new
    }
}

impl World {
    /// Does the report ask for this host's lessons? Schools' count; where there are none, those of the devices.
    pub(super) fn counts_for_lessons(&self, at: HostIx) -> bool {
        match self.hosts[at as usize].kind {
            Kind::School => true,
            Kind::Home => self.schools == 0,
            _ => false,
        }
    }

    /// A host holds a file whole that it fetched, or took from a stick.
    pub(super) fn lesson_arrived(&mut self, at: HostIx, blob: BlobIx) {
        if !self.counts_for_lessons(at) || !self.tally.arrivals.first_time(at, blob) {
            return;
        }
        if self.tally.arrivals.published.is_empty() {
            let mut published = vec![None; self.editions.blobs.len()];
            for edition in &self.editions.list {
                for blob in edition.blobs.iter() {
                    published[*blob as usize].get_or_insert(edition.at_s);
                }
            }
            self.tally.arrivals.published = published;
        }
        let now_s = self.now / SECOND;
        let since = self.tally.arrivals.published.get(blob as usize).copied();
        if let Some(Some(since)) = since {
            let took = coarse(now_s.saturating_sub(since));
            let arrivals = &mut self.tally.arrivals;
            *arrivals.times.entry(took).or_default() += 1;
            if since > 0 {
                *arrivals.new_times.entry(took).or_default() += 1;
            }
        }
    }

    /// Looks whether an edition is known, or held, everywhere by now.
    pub(super) fn look_at_editions(&mut self) {
        let t_s = self.now / SECOND;
        let (mut known, mut whole) = (usize::MAX, true);
        for (at, host) in (0..).zip(&self.hosts) {
            if self.counts_for_lessons(at) {
                known = known.min(host.has.map_or(0, |has| has + 1));
                whole &= host.whole_wanted >= host.wanted;
            }
        }
        let known = known.min(self.edition + 1);
        let arrivals = &mut self.tally.arrivals;
        if arrivals.known.len() < known {
            arrivals.known.resize(known, t_s);
        }
        if whole && known == self.edition + 1 && arrivals.held.len() < known {
            arrivals.held.resize(known, t_s);
        }
    }

    /// Lessons that schools follow and do not hold, at the last look.
    pub(super) fn lessons_missing(&self) -> u64 {
        let hosts = (0..)
            .zip(&self.hosts)
            .filter(|(at, _)| self.counts_for_lessons(*at));
        hosts
            .map(|(_, host)| host.wanted.saturating_sub(host.whole_wanted))
            .sum()
    }

    /// Lessons published after the start that schools follow and do not hold, whether they know of them or not.
    pub(super) fn new_lessons_missing(&self) -> u64 {
        let (first, newest) = (&self.editions.list[0], &self.editions.list[self.edition]);
        let Ok((_, catalog)) = self.editions.restore(&newest.files) else {
            return 0;
        };
        let new = newest
            .blobs
            .iter()
            .filter(|ix| first.blobs.binary_search(ix).is_err());
        let lesson =
            |ix: &BlobIx| Some((*ix, catalog.file(&self.editions.blobs[*ix as usize].0)?.0));
        let new: Vec<_> = new.filter_map(lesson).collect();
        let missing = |host: &Host| {
            let mut lacks = 0;
            for (ix, lesson) in &new {
                let follows = host.follow.iter().any(|rule| rule.matches(lesson));
                lacks += u64::from(follows && !host.disk.has_whole(*ix));
            }
            lacks
        };
        let hosts = (0..).zip(&self.hosts);
        let counted = hosts.filter(|(at, _)| self.counts_for_lessons(*at));
        counted.map(|(_, host)| missing(host)).sum()
    }

    /// The editions that were published, for the report.
    pub(super) fn editions_told(&self) -> Vec<Edition> {
        let arrivals = &self.tally.arrivals;
        let published = self.editions.list.iter().take(self.edition + 1).enumerate();
        published
            .map(|(number, edition)| Edition {
                version: edition.version,
                published_s: edition.at_s,
                known_everywhere_s: arrivals.known.get(number).copied(),
                held_everywhere_s: arrivals.held.get(number).copied(),
            })
            .collect()
    }
}

/// Seven binary digits of a time: enough for a report, and few different values.
fn coarse(seconds: u64) -> u64 {
    let shift = (64 - seconds.leading_zeros()).saturating_sub(7);
    seconds >> shift << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_a_hundredth() {
        for seconds in [0, 1, 127, 128, 1_000, 86_399, 7_776_000] {
            let kept = coarse(seconds);
            assert!(
                kept <= seconds && (seconds - kept) * 64 <= seconds,
                "{seconds} became {kept}"
            );
        }
    }

    #[test]
    fn a_file_counts_once_for_a_host() {
        let mut arrivals = Arrivals::default();
        assert!(arrivals.first_time(3, 200));
        assert!(!arrivals.first_time(3, 200));
        assert!(arrivals.first_time(4, 200));
        assert!(arrivals.first_time(3, 201));
    }
}
