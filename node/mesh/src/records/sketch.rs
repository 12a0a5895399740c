//! A sketch of a set, by which another node sees the few members in which its own set differs.
//!
//! The first symbols of a rateless invertible Bloom lookup table (Yang, Gilad, Alizadeh: Practical Rateless Set
//! Reconciliation, SIGCOMM 2024, sections 4 and 5). Its size depends on the difference alone: some thirty members, however
//! many the sets have. When more differ, nothing is learned, and the sets are compared range by range.
//!
//! Members go in under short names that nobody can foresee: they are keyed with the digest of the asker's set. Two members
//! of one name would hide each other; the digests at the end of an exchange tell.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{SetDigest, Snapshot};
use crate::desk::mixed;

/// Symbols of a sketch. Fewer: less is seen at once. More: some 14 bytes each, in vain when the sets differ in much.
pub const SKETCH_SYMBOLS: usize = 64;

/// What a member is called in one exchange.
pub type ShortName = [u8; 8];

/// Gives members their short names.
#[derive(Debug, Clone)]
pub(super) struct Names([u8; 32]);

impl Names {
    /// For an exchange whose asker's set has this digest.
    pub(super) fn new(asker: &SetDigest) -> Names {
        Names(blake3::derive_key(
            "pishtar record set short names 1",
            &asker.digest,
        ))
    }

    pub(super) fn of(&self, id: &[u8; 32]) -> ShortName {
        let hash = blake3::keyed_hash(&self.0, id);
        let mut name = ShortName::default();
        name.copy_from_slice(&hash.as_bytes()[..8]);
        name
    }
}

/// The sum of some members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Symbol {
    /// Members in it.
    count: i32,
    /// Their names, XORed.
    names: ShortName,
    /// Their checks, XORed: tells a single member from a sum of several.
    checks: [u8; 4],
}

impl Symbol {
    fn add(&mut self, name: u64, times: i32) {
        self.count = self.count.wrapping_add(times);
        self.names = (u64::from_le_bytes(self.names) ^ name).to_le_bytes();
        self.checks = (u32::from_le_bytes(self.checks) ^ check(name)).to_le_bytes();
    }

    /// The one member in it and its side.
    fn single(&self) -> Option<(u64, i32)> {
        let name = u64::from_le_bytes(self.names);
        let one = self.count.abs() == 1 && u32::from_le_bytes(self.checks) == check(name);
        one.then_some((name, self.count))
    }
}

/// A sketch as it travels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch(Vec<Symbol>);

/// In what two sets differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Members that only the sketched set has.
    pub(super) theirs: Vec<ShortName>,
    /// Members that it lacks.
    pub(super) ours: BTreeSet<ShortName>,
}

impl Sketch {
    pub(super) fn new(set: &Snapshot, names: &Names) -> Sketch {
        let mut symbols = vec![Symbol::default(); SKETCH_SYMBOLS];
        for entry in set.entries() {
            add(&mut symbols, u64::from_le_bytes(names.of(&entry.id)), 1);
        }
        Sketch(symbols)
    }

    /// In what `ours` differs from the sketched set; `None` when that is too much to be seen, or when the sketch is none.
    pub(super) fn difference(mut self, ours: &Snapshot, names: &Names) -> Option<Difference> {
        let symbols = &mut self.0;
        if symbols.len() != SKETCH_SYMBOLS {
            return None;
        }
        for (mine, theirs) in Sketch::new(ours, names).0.iter().zip(symbols.iter_mut()) {
            theirs.count = theirs.count.wrapping_sub(mine.count);
            theirs.names = xor(theirs.names, mine.names);
            theirs.checks = xor(theirs.checks, mine.checks);
        }
        let mut found = Difference::default();
        // A sketch made up to have no end is left after as many steps as it has symbols.
        for _ in 0..SKETCH_SYMBOLS {
            let Some((name, side)) = symbols.iter().find_map(Symbol::single) else {
                break;
            };
            add(symbols, name, -side);
            match side {
                1 => found.theirs.push(name.to_le_bytes()),
                _ => drop(found.ours.insert(name.to_le_bytes())),
            }
        }
        let empty = symbols.iter().all(|symbol| *symbol == Symbol::default());
        empty.then_some(found)
    }
}

fn add(symbols: &mut [Symbol], name: u64, times: i32) {
    for at in places(name) {
        symbols[at].add(name, times);
    }
}

/// The symbols that a member is in: the first, and then symbol `i` with a probability of `1 / (1 + i / 2)` (section 4.2 of
/// the paper). The square root is exact to the last bit on every machine, so all agree.
fn places(name: u64) -> impl Iterator<Item = usize> {
    let mut state = name;
    let next = move |at: &usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // In (0, 1].
        let chance = ((mixed(state) >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let gap = ((*at as f64 + 1.5) * (1.0 / chance.sqrt() - 1.0)).ceil();
        Some(at + (gap as usize).clamp(1, SKETCH_SYMBOLS))
    };
    std::iter::successors(Some(0), next).take_while(|at| *at < SKETCH_SYMBOLS)
}

fn check(name: u64) -> u32 {
    (mixed(name ^ 0x6a09_e667_f3bc_c908) >> 32) as u32
}

fn xor<const N: usize>(left: [u8; N], right: [u8; N]) -> [u8; N] {
    std::array::from_fn(|at| left[at] ^ right[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Entry, *};

    fn set(members: impl IntoIterator<Item = u32>) -> Snapshot {
        let entry = |n: u32| Entry {
            stamp: u64::from(n / 30),
            id: *blake3::hash(&n.to_be_bytes()).as_bytes(),
        };
        Snapshot::new(members.into_iter().map(entry).collect())
    }

    fn names_of(members: impl IntoIterator<Item = u32>, names: &Names) -> BTreeSet<ShortName> {
        let members = set(members);
        members.entries().iter().map(|e| names.of(&e.id)).collect()
    }

    fn difference(ours: &Snapshot, theirs: &Snapshot) -> (Names, Option<Difference>) {
        let names = Names::new(&ours.digest());
        let found = Sketch::new(theirs, &names).difference(ours, &names);
        (names, found)
    }

    #[test]
    fn a_few_differences_in_many_members_are_seen_at_once() {
        let (ours, theirs) = (set(0..10_000), set((0..10_015).filter(|n| n % 1_000 != 7)));
        let (names, found) = difference(&ours, &theirs);
        let found = found.expect("25 differ");
        let seven = (0..10).map(|n| n * 1_000 + 7);
        assert_eq!(found.ours, names_of(seven, &names));
        let theirs: BTreeSet<ShortName> = found.theirs.into_iter().collect();
        assert_eq!(
            theirs,
            names_of((10_000..10_015).filter(|n| n % 1_000 != 7), &names)
        );
    }

    /// How much can be expected of it; each set is another draw.
    #[test]
    fn thirty_differences_are_nearly_always_seen() {
        let seen = (0..200_u32).filter(|draw| {
            let from = draw * 1_000;
            let (ours, theirs) = (set(from..from + 100), set(from + 15..from + 115));
            difference(&ours, &theirs).1.is_some()
        });
        assert!(seen.count() >= 190);
    }

    #[test]
    fn too_many_differences_are_told_from_few() {
        assert_eq!(difference(&set(0..500), &set(200..900)).1, None);
        assert_eq!(difference(&set([]), &set(0..10_000)).1, None);
        let names = Names::new(&SetDigest::default());
        assert_eq!(Sketch::default().difference(&set(0..3), &names), None);
    }

    proptest! {
        #[test]
        fn what_is_seen_is_so(
            ours in proptest::collection::btree_set(0u32..200, 0..60),
            theirs in proptest::collection::btree_set(0u32..200, 0..60),
        ) {
            let (names, found) = difference(&set(ours.clone()), &set(theirs.clone()));
            if let Some(found) = found {
                let only = |a: &BTreeSet<u32>, b: &BTreeSet<u32>| names_of(a.difference(b).copied(), &names);
                prop_assert_eq!(&found.ours, &only(&ours, &theirs));
                let seen: BTreeSet<ShortName> = found.theirs.into_iter().collect();
                prop_assert_eq!(seen, only(&theirs, &ours));
            } else {
                prop_assert!(ours.symmetric_difference(&theirs).count() > 20);
            }
        }

        #[test]
        fn no_sketch_takes_long_or_panics(
            symbols in proptest::collection::vec((any::<i32>(), any::<[u8; 8]>(), any::<[u8; 4]>()), SKETCH_SYMBOLS),
        ) {
            let symbol = |(count, names, checks)| Symbol { count, names, checks };
            let sketch = Sketch(symbols.into_iter().map(symbol).collect());
            let names = Names::new(&SetDigest::default());
            drop(sketch.difference(&set(0..20), &names));
        }
    }
}
