//! Which held files go first when room is needed. Pure.
//!
//! The order: what is not followed before what is, well replicated before rare, and the last copy
//! nearby after everything else. What a publisher withdrew is removed at once and never waits here;
//! pinned, assigned and playing files are no candidates.

use std::cmp::Reverse;

use crate::inventory::FileIx;

/// For whose sake room is made; says how far it may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A followed file: only what nobody here follows gives way, or two followed files would push
    /// each other out for ever.
    Followed,
    /// Somebody watches, or a teacher assigned it: followed files give way too, but not the last copy nearby.
    Watched,
    /// The quota was lowered: it is hard, so everything that is not pinned may go.
    Quota,
}

/// A file that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) file: FileIx,
    /// Bytes that its removal frees.
    pub(crate) bytes: u64,
    pub(crate) followed: bool,
    /// Connected peers that hold all of it.
    pub(crate) copies: u32,
    /// Seeded chance: neighbours do not all drop the same file.
    pub(crate) shuffle: u32,
}

/// Copies nearby from which on a followed file counts as well replicated.
const WELL_REPLICATED: u32 = 2;

impl Candidate {
    fn may_go_for(&self, need: Need) -> bool {
        match need {
            Need::Followed => !self.followed,
            Need::Watched => !self.followed || self.copies > 0,
            Need::Quota => true,
        }
    }

    /// Smaller goes sooner.
    fn order(&self) -> impl Ord + use<> {
        (
            self.copies == 0,
            self.followed,
            self.copies < WELL_REPLICATED,
            Reverse(self.copies),
            self.shuffle,
            self.file,
        )
    }
}

/// The files that go to free `bytes`, in order; `None` when they would not free enough. For
/// [`Need::Quota`] as many as there are.
pub(crate) fn victims(
    mut candidates: Vec<Candidate>,
    bytes: u64,
    need: Need,
) -> Option<Vec<FileIx>> {
    candidates.retain(|candidate| candidate.bytes > 0 && candidate.may_go_for(need));
    candidates.sort_by_key(Candidate::order);
    let mut freed = 0;
    let mut files = Vec::new();
    for candidate in candidates {
        if freed >= bytes {
            break;
        }
        freed += candidate.bytes;
        files.push(candidate.file);
    }
    (freed >= bytes || need == Need::Quota).then_some(files)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (0..50u64, any::<bool>(), 0..4u32, 0..3u32);
        proptest::collection::vec(one, 0..12).prop_map(|rows| {
            let numbered = (0u32..).zip(rows);
            let file = |(at, (bytes, followed, copies, shuffle))| Candidate {
                file: FileIx::numbered(at),
                bytes,
                followed,
                copies,
                shuffle,
            };
            numbered.map(file).collect()
        })
    }

    fn need() -> impl Strategy<Value = Need> {
        prop_oneof![Just(Need::Followed), Just(Need::Watched), Just(Need::Quota)]
    }

    /// The order in words: a class for each file, lower goes first.
    fn class(candidate: &Candidate) -> u32 {
        match (candidate.copies, candidate.followed) {
            (1.., false) => 0,
            (2.., true) => 1,
            (1, true) => 2,
            (0, false) => 3,
            (0, true) => 4,
        }
    }

    proptest! {
        #[test]
        fn they_go_by_class_and_no_more_than_needed(all in candidates(), bytes in 0..200u64, need in need()) {
            let allowed = |candidate: &&Candidate| candidate.bytes > 0 && match need {
                Need::Followed => [0, 3].contains(&class(candidate)),
                Need::Watched => class(candidate) != 4,
                Need::Quota => true,
            };
            let most: u64 = all.iter().filter(allowed).map(|candidate| candidate.bytes).sum();
            let Some(gone) = victims(all.clone(), bytes, need) else {
                prop_assert!(most < bytes && need != Need::Quota, "enough could go");
                return Ok(());
            };
            let find = |file: &FileIx| all.iter().find(|candidate| candidate.file == *file).unwrap();
            let gone: Vec<&Candidate> = gone.iter().map(find).collect();
            prop_assert!(gone.iter().all(allowed), "one of them is protected");
            let freed: u64 = gone.iter().map(|candidate| candidate.bytes).sum();
            prop_assert!(freed >= bytes.min(most), "{freed} of {bytes}");
            if let Some((last, others)) = gone.split_last() {
                prop_assert!(freed - last.bytes < bytes, "{last:?} went for nothing");
                let ordered = others.iter().zip(&gone[1..]).all(|(a, b)| class(a) <= class(b));
                prop_assert!(ordered, "{gone:?}");
            }
            let kept = all.iter().filter(allowed).filter(|candidate| !gone.contains(candidate));
            let highest = gone.iter().map(|candidate| class(candidate)).max().unwrap_or(0);
            let rank_kept = kept.map(class).min().unwrap_or(u32::MAX);
            prop_assert!(highest <= rank_kept, "a better victim stayed");
        }
    }
}
