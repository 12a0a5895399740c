//! The giving side: a complete holder gives every part of a file to somebody before it repeats one.
//!
//! Many neighbours that begin at once do not know yet what the others ask for, and would take the same parts from
//! the one that has them all. That one knows what it gave: it answers a request for a part that is on its way to
//! somebody else with a part that nobody has, and the asker gets the first from its neighbours. What a neighbour
//! has or is getting is repeated to one that waited for it in vain and, once all of the file went out, up to an eighth
//! of it to anyone, because the line would else be idle.
//!
//! Steering is advice: who insists, or plays, is served.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use pishtar_catalog::BlobHash;

use crate::{
    ids::{Mono, NodeId},
    ranges::RangeSet,
};

/// Files that are steered at one time; the one that rested longest is forgotten first.
const MAX_FILES: usize = 64;
/// Parts of one file that are remembered; beyond it everything is given to anyone.
const MAX_PARTS: usize = 65_536;
/// Files up to this length are given as they are asked for: a detour costs more than a repetition.
const MIN_STEERED_BYTES: u64 = 2 * 1024 * 1024;
/// A part that went out this long ago has arrived, or never will.
const ON_ITS_WAY: Duration = Duration::from_secs(3);
/// Neighbours that began together feed each other for this long after a part went out; a later one is given anything.
const FILLING: Duration = Duration::from_secs(60);
/// One part in so many of a file is repeated freely once all of it went out.
const REPEATED_SHARE: u64 = 8;
/// Advice starts at multiples of this.
const PIECE_BYTES: u64 = 1024 * 1024;

/// How a range is asked for; one byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ask {
    /// Another range would do as well.
    #[default]
    Any,
    /// This one: the asker waited and nobody else brought it.
    This,
    /// This one, at once: somebody is watching.
    Playback,
}

impl Ask {
    /// The byte on the wire.
    pub fn to_byte(self) -> u8 {
        match self {
            Ask::Any => 0,
            Ask::This => 1,
            Ask::Playback => 2,
        }
    }

    /// What a byte asks for; a byte from the future asks as usual.
    pub fn from_byte(byte: u8) -> Ask {
        match byte {
            1 => Ask::This,
            2 => Ask::Playback,
            _ => Ask::Any,
        }
    }
}

/// What a provider answers to a request for a range of a file that may be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Give {
    /// The range.
    This,
    /// Rather a part of this range, which nobody has; `None`: a neighbour has the one asked for or is getting it.
    Rather(Option<Range<u64>>),
    /// Nothing: not all of the range is here.
    Absent,
}

/// What was asked of a complete holder.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) peer: NodeId,
    pub(crate) hash: BlobHash,
    /// Length of the file.
    pub(crate) length: u64,
    pub(crate) range: Range<u64>,
    pub(crate) ask: Ask,
    /// What the asker is known to have of the file.
    pub(crate) has: Option<&'a RangeSet>,
    /// Another neighbour, which is still filling, has all of the range and can give it.
    pub(crate) elsewhere: bool,
}

/// What went to whom.
///
/// Always true: the parts of one file do not overlap; `given` is their union.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    files: BTreeMap<BlobHash, Given>,
}

#[derive(Debug, Default)]
struct Given {
    given: RangeSet,
    /// Bytes that were repeated although others have them.
    repeated: u64,
    /// Start of a part -> its end, who got it first, and when.
    parts: BTreeMap<u64, (u64, NodeId, Mono)>,
    asked: Mono,
}

impl Spread {
    /// Decides about a request for a file that is held whole.
    pub(crate) fn give(&mut self, now: Mono, request: &Request<'_>) -> Give {
        if request.length < MIN_STEERED_BYTES {
            return Give::This;
        }
        let file = self.file(now, request.hash);
        let range = request.range.clone();
        let fresh: u64 = file
            .given
            .gaps(range.clone())
            .map(|gap| gap.end - gap.start)
            .sum();
        let own = file.bytes_of(request.peer, &range);
        let wanted = range.end - range.start;
        let mostly_new = (fresh + own) * 2 >= wanted;
        let full = file.parts.len() >= MAX_PARTS;
        if mostly_new || full || request.ask != Ask::Any {
            file.note(now, request.peer, range);
            return Give::This;
        }
        if let Some(gap) = file.gap_for(request) {
            return Give::Rather(Some(gap));
        }
        // Everything went out: what is left of the line may as well help those that wait for each other.
        if file.repeated + wanted <= request.length / REPEATED_SHARE {
            file.repeated += wanted;
            return Give::This;
        }
        let elsewhere = request.elsewhere && file.went_out(now, &range, FILLING);
        match elsewhere || file.went_out(now, &range, ON_ITS_WAY) {
            true => Give::Rather(None),
            false => Give::This,
        }
    }

    /// A peer is gone: what only it was given may be nowhere.
    pub(crate) fn gone(&mut self, peer: NodeId) {
        for file in self.files.values_mut() {
            let lost = file
                .parts
                .iter()
                .filter(|(_, (_, owner, _))| *owner == peer);
            let lost: Vec<Range<u64>> = lost.map(|(start, (end, ..))| *start..*end).collect();
            for part in lost {
                file.parts.remove(&part.start);
                file.given.remove(part);
            }
        }
    }

    fn file(&mut self, now: Mono, hash: BlobHash) -> &mut Given {
        if !self.files.contains_key(&hash) && self.files.len() >= MAX_FILES {
            let oldest = self.files.iter().min_by_key(|(_, file)| file.asked);
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                self.files.remove(&oldest);
            }
        }
        let file = self.files.entry(hash).or_default();
        file.asked = now;
        file
    }
}

impl Given {
    /// Remembers those bytes of a range that nobody was given before.
    fn note(&mut self, now: Mono, peer: NodeId, range: Range<u64>) {
        let gaps: Vec<Range<u64>> = self.given.gaps(range).collect();
        for gap in gaps {
            self.parts.insert(gap.start, (gap.end, peer, now));
            self.given.insert(gap);
        }
    }

    /// Parts that touch a range.
    fn parts_in(
        &self,
        range: &Range<u64>,
    ) -> impl Iterator<Item = (Range<u64>, NodeId, Mono)> + '_ {
        let before = self.parts.range(..=range.start).next_back();
        let first = before.map_or(range.start, |(start, _)| *start);
        let start = range.start;
        let parts = self.parts.range(first..range.end);
        parts
            .filter(move |(_, (end, ..))| *end > start)
            .map(|(start, (end, owner, at))| (*start..*end, *owner, *at))
    }

    fn bytes_of(&self, peer: NodeId, range: &Range<u64>) -> u64 {
        let own = self.parts_in(range).filter(|(_, owner, _)| *owner == peer);
        own.map(|(part, ..)| part.end.min(range.end) - part.start.max(range.start))
            .sum()
    }

    /// Did some of this range go out within that time?
    fn went_out(&self, now: Mono, range: &Range<u64>, within: Duration) -> bool {
        self.parts_in(range)
            .any(|(_, _, at)| now.since(at) < within)
    }

    /// A part that nobody was given and that the asker does not have, after the place it asked for and around.
    fn gap_for(&self, request: &Request<'_>) -> Option<Range<u64>> {
        let wanted = request.range.end - request.range.start;
        let fits = |gap: Range<u64>| -> Option<Range<u64>> {
            let missing = match request.has {
                Some(has) => has.gaps(gap).next()?,
                None => gap,
            };
            Some(missing.start..missing.end.min(missing.start + wanted))
        };
        // Askers that are sent away at the same time are sent to different places.
        let pieces = request.length.div_ceil(PIECE_BYTES).max(1);
        let mut chance = [0; 8];
        chance.copy_from_slice(&request.peer.0[..8]);
        let turn = u64::from_le_bytes(chance)
            .wrapping_add(request.range.start / PIECE_BYTES * 0x9E37_79B9);
        let from = turn % pieces * PIECE_BYTES;
        let after = self.given.gaps(from..request.length).find_map(fits);
        after.or_else(|| self.given.gaps(0..from).find_map(fits))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn request(peer: u8, range: Range<u64>, ask: Ask) -> Request<'static> {
        Request {
            peer: NodeId([peer; 32]),
            hash: BlobHash([1; 32]),
            length: 8 * MIB,
            range,
            ask,
            has: None,
            elsewhere: false,
        }
    }

    fn at(secs: u64) -> Mono {
        Mono(Duration::from_secs(secs))
    }

    #[test]
    fn what_is_on_its_way_to_another_is_not_repeated_before_every_part_is_somewhere() {
        let mut spread = Spread::default();
        let mut ask = |now, peer, piece: u64, ask| {
            spread.give(at(now), &request(peer, piece * MIB..(piece + 1) * MIB, ask))
        };
        for piece in 0..7 {
            assert_eq!(ask(0, 1, piece, Ask::Any), Give::This);
        }
        assert_eq!(ask(0, 1, 3, Ask::Any), Give::This, "again to the same");
        assert_eq!(ask(9, 2, 3, Ask::Any), Give::Rather(Some(7 * MIB..8 * MIB)));
        assert_eq!(ask(9, 2, 3, Ask::This), Give::This);
        assert_eq!(ask(9, 2, 4, Ask::Playback), Give::This);
        assert_eq!(ask(9, 2, 7, Ask::Any), Give::This);
        assert_eq!(ask(10, 3, 7, Ask::Any), Give::This, "an eighth is free");
        assert_eq!(ask(10, 3, 7, Ask::Any), Give::Rather(None), "on its way");
        assert_eq!(ask(10, 3, 6, Ask::Any), Give::This, "went out long ago");
        assert_eq!(ask(12, 3, 7, Ask::Any), Give::This, "has arrived");
        let mut asked = request(3, 7 * MIB..8 * MIB, Ask::Any);
        asked.elsewhere = true;
        assert_eq!(
            spread.give(at(12), &asked),
            Give::Rather(None),
            "a neighbour has it"
        );
        spread.gone(NodeId([1; 32]));
        let again = spread.give(at(13), &request(3, 7 * MIB..8 * MIB, Ask::Any));
        assert!(matches!(again, Give::Rather(Some(_))), "{again:?}");
    }

    #[test]
    fn advice_names_what_the_asker_lacks() {
        let mut spread = Spread::default();
        spread.give(at(0), &request(1, 0..4 * MIB, Ask::Any));
        let has: RangeSet = std::iter::once(4 * MIB..7 * MIB).collect();
        let mut asked = request(2, 0..MIB, Ask::Any);
        asked.has = Some(&has);
        assert_eq!(
            spread.give(at(0), &asked),
            Give::Rather(Some(7 * MIB..8 * MIB))
        );
    }

    proptest! {
        #[test]
        fn advice_is_free_and_insisting_is_heard(
            asks in proptest::collection::vec((0..4u8, 0..8u64, 1..4u64, any::<bool>()), 1..60),
        ) {
            let mut spread = Spread::default();
            let mut given: BTreeMap<u64, u8> = BTreeMap::new();
            for (peer, piece, count, insists) in asks {
                let range = piece * MIB..(piece + count).min(8) * MIB;
                let ask = if insists { Ask::This } else { Ask::Any };
                let asked = request(peer, range.clone(), ask);
                match spread.give(at(0), &asked) {
                    Give::This => {
                        for piece in range.start / MIB..range.end / MIB {
                            given.entry(piece).or_insert(peer);
                        }
                    }
                    Give::Absent => prop_assert!(false, "a complete holder has it all"),
                    Give::Rather(advice) => {
                        prop_assert!(!insists);
                        let all = (0..8).all(|piece| given.contains_key(&piece));
                        prop_assert_eq!(advice.is_none(), all);
                        for piece in advice.into_iter().flat_map(|range| range.start / MIB..range.end / MIB) {
                            prop_assert!(!given.contains_key(&piece));
                        }
                        let others = (range.start / MIB..range.end / MIB).filter(|piece| given.get(piece).is_some_and(|owner| *owner != peer));
                        prop_assert!(others.count() as u64 * 2 > (range.end - range.start) / MIB);
                    }
                }
            }
        }
    }
}
