//! Every file that a trusted catalogue names: what is held of it, whether it is wanted, and where
//! it stands in its roles' sorted path order.

mod file;
mod roles;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use pishtar_catalog::BlobHash;

pub(crate) use self::file::{File, FileIx, Holding, QueueKey, RoleIx};

use crate::{
    config::GROUP_BYTES,
    ids::PublisherId,
    io::{Held, Priority},
    ranges::RangeSet,
    wire::Bitmap,
};

/// One role of one publisher.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) publisher: PublisherId,
    pub(crate) name: String,
    pub(crate) version: u64,
    /// Files in sorted path order; `None` where the target is not a lesson file.
    pub(crate) files: Vec<Option<FileIx>>,
    /// Files that are held whole.
    pub(crate) ours: Bitmap,
    /// Generation of our holdings in which `ours` changed last.
    pub(crate) changed_at: u64,
    dirty: bool,
}

/// All files and roles.
///
/// Always true: `by_hash` names exactly the files in `files`; a file has at least one place; a
/// role's `ours` has exactly the bits of its complete files; `used` is the sum of held bytes
/// except referenced ones; `partials` are the files held in part and not whole; `spare` are the
/// files with counted bytes that nobody wants, with these bytes; a file is `Leaving` exactly
/// while `leaving` names it.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    files: Vec<Option<File>>,
    free_files: Vec<u32>,
    by_hash: BTreeMap<BlobHash, FileIx>,
    roles: Vec<Option<Role>>,
    by_name: BTreeMap<PublisherId, BTreeMap<String, RoleIx>>,
    partials: BTreeSet<FileIx>,
    used: u64,
    spare: BTreeMap<FileIx, u64>,
    spare_bytes: u64,
    /// Blobs that are being removed from the disk, with the bytes that they still take there.
    leaving: BTreeMap<BlobHash, u64>,
    leaving_bytes: u64,
    /// Bumped whenever others should learn of a change.
    pub(crate) generation: u64,
    /// Did own holdings change since the last bump?
    dirty: bool,
    /// Is one of these changes more than further bytes of a file?
    pressing: bool,
    /// Bytes that came since the last bump.
    fresh_bytes: u64,
    /// New files count as absent rather than unknown: the shell listed its whole store.
    pub(crate) listed: bool,
}

impl Inventory {
    pub(crate) fn file(&self, ix: FileIx) -> &File {
        self.files[ix.0 as usize]
            .as_ref()
            .expect("a FileIx is dropped everywhere when its file goes")
    }

    pub(crate) fn file_mut(&mut self, ix: FileIx) -> &mut File {
        self.files[ix.0 as usize]
            .as_mut()
            .expect("a FileIx is dropped everywhere when its file goes")
    }

    /// Does this index name a file now?
    pub(crate) fn is_live(&self, ix: FileIx) -> bool {
        self.files.get(ix.0 as usize).is_some_and(Option::is_some)
    }

    pub(crate) fn find(&self, hash: &BlobHash) -> Option<FileIx> {
        self.by_hash.get(hash).copied()
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (FileIx, &File)> {
        let numbered = (0u32..).zip(&self.files);
        numbered.filter_map(|(at, file)| Some((FileIx(at), file.as_ref()?)))
    }

    pub(crate) fn role(&self, ix: RoleIx) -> Option<&Role> {
        self.roles.get(ix.0 as usize)?.as_ref()
    }

    pub(crate) fn find_role(&self, publisher: &str, name: &str) -> Option<RoleIx> {
        self.by_name.get(publisher)?.get(name).copied()
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().flatten()
    }

    pub(crate) fn partials(&self) -> impl Iterator<Item = FileIx> + '_ {
        self.partials.iter().copied()
    }

    /// Bytes held, referenced ones not counted.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Bytes on the disk of blobs that are being removed.
    pub(crate) fn leaving_bytes(&self) -> u64 {
        self.leaving_bytes
    }

    pub(crate) fn is_leaving(&self, hash: &BlobHash) -> bool {
        self.leaving.contains_key(hash)
    }

    /// Held files that nobody wants, with their bytes.
    pub(crate) fn spare(&self) -> impl Iterator<Item = FileIx> + '_ {
        self.spare.keys().copied()
    }

    pub(crate) fn spare_bytes(&self) -> u64 {
        self.spare_bytes
    }

    /// Says why a file is wanted as a whole and whether it is pinned; true when that is news.
    pub(crate) fn set_want(&mut self, ix: FileIx, want: Option<Priority>, pinned: bool) -> bool {
        let file = self.file_mut(ix);
        if (file.want, file.pinned) == (want, pinned) {
            return false;
        }
        (file.want, file.pinned) = (want, pinned);
        self.count_spare(ix);
        true
    }

    /// Replaces what is held by what is still good; the rest lies damaged on the disk.
    pub(crate) fn set_damaged(&mut self, ix: FileIx, held: Held) {
        let before = self.file(ix).held_bytes();
        self.set_held(ix, held);
        let file = self.file_mut(ix);
        file.damaged = before.saturating_sub(file.held_bytes());
        self.used += file.damaged;
        self.count_spare(ix);
    }

    /// The shell is to remove a blob that takes `bytes` on the disk.
    pub(crate) fn leave(&mut self, hash: BlobHash, bytes: u64) {
        let old = self.leaving.insert(hash, bytes).unwrap_or(0);
        self.leaving_bytes = self.leaving_bytes + bytes - old;
        if let Some(ix) = self.find(&hash) {
            self.put_holding(ix, Holding::Leaving);
        }
    }

    /// A removal is over, or the blob was found to be needed where it lies.
    pub(crate) fn left(&mut self, hash: &BlobHash) -> Option<FileIx> {
        self.leaving_bytes -= self.leaving.remove(hash)?;
        let ix = self.find(hash)?;
        self.set_held(ix, Held::Absent);
        Some(ix)
    }

    /// Takes a file out that has no place any more.
    pub(crate) fn remove_if_unplaced(&mut self, ix: FileIx) -> Option<File> {
        if !self.files[ix.0 as usize].as_ref()?.places.is_empty() {
            return None;
        }
        let file = self.files[ix.0 as usize].take()?;
        self.used -= file.counted_bytes();
        self.spare_bytes -= self.spare.remove(&ix).unwrap_or(0);
        self.partials.remove(&ix);
        self.by_hash.remove(&file.hash);
        self.free_files.push(ix.0);
        Some(file)
    }

    /// Replaces what is held of a file by what the store says.
    pub(crate) fn set_held(&mut self, ix: FileIx, held: Held) {
        let file = self.file_mut(ix);
        let length = file.length;
        let holding = match held {
            Held::Absent if length > 0 => Holding::Partial(RangeSet::default()),
            Held::Partial(ranges) => holding_of(ranges, length),
            Held::Referenced => Holding::Referenced,
            Held::Complete | Held::Absent => Holding::Complete,
        };
        self.put_holding(ix, holding);
    }

    /// Adds a verified range of whole groups; returns the bytes that are new.
    pub(crate) fn add_held(&mut self, ix: FileIx, range: Range<u64>) -> u64 {
        let file = self.file_mut(ix);
        let length = file.length;
        let Holding::Partial(ranges) = &mut file.holding else {
            return 0;
        };
        let before = ranges.total();
        ranges.insert(range);
        let gained = ranges.total() - before;
        if gained == 0 {
            return 0;
        }
        let whole = before + gained == length;
        if whole {
            file.holding = Holding::Complete;
        }
        let repaired = if whole {
            std::mem::take(&mut file.damaged)
        } else {
            0
        };
        self.used = self.used + gained - repaired;
        self.count_spare(ix);
        self.dirty = true;
        self.fresh_bytes += gained;
        if whole {
            self.pressing = true;
            self.partials.remove(&ix);
            self.mark_places(ix);
        } else {
            self.partials.insert(ix);
        }
        gained
    }

    /// Own holdings changed by more than further bytes of a file.
    fn changed(&mut self) {
        self.dirty = true;
        self.pressing = true;
    }

    /// Is there something to tell others of?
    pub(crate) fn has_news(&self) -> bool {
        self.dirty
    }

    /// Is it worth telling at once, where bytes alone are when so many came?
    pub(crate) fn has_weighty_news(&self, worth_bytes: u64) -> bool {
        self.pressing || (self.dirty && self.fresh_bytes >= worth_bytes)
    }

    /// Starts a new generation; true when there was something to tell.
    pub(crate) fn bump(&mut self) -> bool {
        if !std::mem::take(&mut self.dirty) {
            return false;
        }
        self.pressing = false;
        self.fresh_bytes = 0;
        self.generation += 1;
        for role in self.roles.iter_mut().flatten() {
            if std::mem::take(&mut role.dirty) {
                role.changed_at = self.generation;
            }
        }
        true
    }

    fn put_holding(&mut self, ix: FileIx, holding: Holding) {
        let file = self.file_mut(ix);
        let before = file.counted_bytes();
        file.holding = holding;
        file.damaged = 0;
        let after = file.counted_bytes();
        let is_partial = matches!(&file.holding, Holding::Partial(ranges) if !ranges.is_empty());
        self.used = self.used + after - before;
        self.count_spare(ix);
        if is_partial {
            self.partials.insert(ix);
        } else {
            self.partials.remove(&ix);
        }
        self.changed();
        self.mark_places(ix);
    }

    fn count_spare(&mut self, ix: FileIx) {
        let file = self.file(ix);
        let bytes = match file.want {
            None if !file.pinned => file.counted_bytes(),
            _ => 0,
        };
        let old = match bytes {
            0 => self.spare.remove(&ix),
            _ => self.spare.insert(ix, bytes),
        };
        self.spare_bytes = self.spare_bytes + bytes - old.unwrap_or(0);
    }

    fn mark_places(&mut self, ix: FileIx) {
        let Some(file) = &self.files[ix.0 as usize] else {
            return;
        };
        let complete = file.is_complete();
        for &(role, position) in &file.places {
            let Some(role) = &mut self.roles[role.0 as usize] else {
                continue;
            };
            if role.ours.get(position as usize) != complete {
                role.ours.set(position as usize, complete);
                role.dirty = true;
            }
        }
    }

    fn intern(&mut self, hash: BlobHash, length: u64, shuffle: u32) -> FileIx {
        let holding = match (length, self.listed) {
            (0, _) => Holding::Complete,
            _ if self.is_leaving(&hash) => Holding::Leaving,
            (_, true) => Holding::Partial(RangeSet::default()),
            (_, false) => Holding::Unknown,
        };
        let file = File {
            hash,
            length,
            holding,
            want: None,
            pinned: false,
            damaged: 0,
            shuffle,
            queued: None,
            places: Vec::with_capacity(1),
        };
        let at = self.free_files.pop().unwrap_or_else(|| {
            self.files.push(None);
            u32::try_from(self.files.len() - 1).expect("metadata bounds keep files far below 2^32")
        });
        self.files[at as usize] = Some(file);
        self.by_hash.insert(hash, FileIx(at));
        FileIx(at)
    }
}

/// The whole chunk groups within a range of a file of this length.
pub(crate) fn whole_groups(range: Range<u64>, length: u64) -> Range<u64> {
    let start = range
        .start
        .div_ceil(GROUP_BYTES)
        .saturating_mul(GROUP_BYTES)
        .min(length);
    let end = if range.end >= length {
        length
    } else {
        range.end / GROUP_BYTES * GROUP_BYTES
    };
    start..end.max(start)
}

fn holding_of(ranges: Vec<Range<u64>>, length: u64) -> Holding {
    let set: RangeSet = ranges
        .into_iter()
        .map(|range| whole_groups(range, length))
        .collect();
    if set.total() == length {
        Holding::Complete
    } else {
        Holding::Partial(set)
    }
}
