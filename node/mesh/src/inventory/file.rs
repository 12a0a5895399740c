//! One file: what is held of it and why it is wanted.

use std::ops::Range;

use pishtar_catalog::BlobHash;

use crate::{io::Priority, ranges::RangeSet};

/// A file within the inventory; small, and reused after the file is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileIx(pub(super) u32);

impl FileIx {
    /// Not after any other.
    pub(crate) const FIRST: FileIx = FileIx(0);
}

#[cfg(test)]
impl FileIx {
    pub(crate) fn numbered(number: u32) -> Self {
        FileIx(number)
    }
}

/// A role within the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoleIx(pub(super) u32);

/// What is held of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holding {
    /// Nobody looked yet.
    Unknown,
    /// Asked the shell.
    Inspecting,
    /// These verified ranges; not all of the file.
    Partial(RangeSet),
    /// All.
    Complete,
    /// All, in a published folder.
    Referenced,
    /// Being removed from the disk: nothing of it may be used or fetched until that is done.
    Leaving,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) hash: BlobHash,
    /// Signed length in bytes.
    pub(crate) length: u64,
    pub(crate) holding: Holding,
    /// Why it is fetched as a whole, if it is; changed by [`Inventory::set_want`] alone.
    pub(crate) want: Option<Priority>,
    /// Never removed to make room.
    pub(crate) pinned: bool,
    /// Bytes that are on the disk and damaged: they take room until the file is whole again or removed.
    pub(crate) damaged: u64,
    /// Seeded chance: breaks ties between equally rare files.
    pub(crate) shuffle: u32,
    /// Its key in the planner's queue while it stands there.
    pub(crate) queued: Option<QueueKey>,
    /// Roles and positions in their path order.
    pub(super) places: Vec<(RoleIx, u32)>,
}

/// Order of fetching: most urgent, then rarest, then by chance.
pub(crate) type QueueKey = (Priority, u32, u32, FileIx);

impl File {
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.holding, Holding::Complete | Holding::Referenced)
    }

    pub(crate) fn is_known(&self) -> bool {
        !matches!(
            self.holding,
            Holding::Unknown | Holding::Inspecting | Holding::Leaving
        )
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        match &self.holding {
            Holding::Unknown | Holding::Inspecting | Holding::Leaving => 0,
            Holding::Partial(ranges) => ranges.total(),
            Holding::Complete | Holding::Referenced => self.length,
        }
    }

    /// Held bytes that count in the quota and that a removal frees.
    pub(crate) fn counted_bytes(&self) -> u64 {
        match self.holding {
            Holding::Referenced => 0,
            _ => self.held_bytes() + self.damaged,
        }
    }

    pub(crate) fn missing_bytes(&self) -> u64 {
        self.length - self.held_bytes()
    }

    pub(crate) fn places(&self) -> &[(RoleIx, u32)] {
        &self.places
    }

    /// Ranges that are not held; empty while nobody has looked.
    pub(crate) fn missing(&self) -> RangeSet {
        self.missing_within(0..self.length)
    }

    /// The missing part of a range.
    pub(crate) fn missing_within(&self, range: Range<u64>) -> RangeSet {
        match &self.holding {
            Holding::Partial(ranges) => ranges.gaps(range).collect(),
            _ => RangeSet::default(),
        }
    }
}
