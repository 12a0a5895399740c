//! One running update: what is asked for, what came early, and how far ahead to ask.

use std::{collections::BTreeMap, time::Duration};

use pishtar_signing::client::{Fetched, MetaFile, MetaRole, Update};

use crate::ids::{Mono, RequestId, Source};

/// Files of one update that are asked for or wait at the same time. Fewer: each costs a round trip; more: one source's
/// answers crowd out what others ask of it.
pub(super) const MAX_AHEAD: usize = 16;
/// Bytes of them, by what the snapshot promises. One file of any size is always asked for.
const MAX_AHEAD_BYTES: u64 = 8 << 20;
/// An answer that took longer came over a line that is full: more questions at once would only bring each nearer to its
/// deadline.
const SLOW: Duration = Duration::from_secs(2);

/// An update that runs.
///
/// Always true after a step: the file that `update` wants next is in `asked`. What comes sooner than it is wanted waits
/// in `early`; both together are bounded by [`MAX_AHEAD`] and [`MAX_AHEAD_BYTES`].
#[derive(Debug)]
pub(super) struct Updating {
    pub(super) source: Source,
    pub(super) update: Box<Update>,
    /// The source has an older catalogue; only its roots are of use.
    pub(super) roots_only: bool,
    pub(super) asked: BTreeMap<RequestId, Asked>,
    pub(super) early: BTreeMap<MetaFile, Fetched>,
    /// Bytes that the update took so far.
    pub(super) taken: u64,
}

/// A question that is open.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) file: MetaFile,
    pub(super) max_bytes: u64,
    pub(super) at: Mono,
    pub(super) lost_at: Mono,
}

/// How many files to ask for at once: all that is allowed on a quick line, fewer the slower answers come, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ahead(usize);

impl Default for Ahead {
    fn default() -> Self {
        Ahead(MAX_AHEAD)
    }
}

impl Ahead {
    /// An answer came after so long.
    pub(super) fn answered(&mut self, after: Duration) {
        self.0 = match after > SLOW {
            true => self.0.saturating_sub(1).max(1),
            false => (self.0 + 1).min(MAX_AHEAD),
        };
    }

    /// No answer came in time. What was asked for at once has to fit into a deadline the next time.
    pub(super) fn lost(&mut self) {
        self.0 = (self.0 / 2).max(1);
    }
}

impl Updating {
    /// Is all that this source is asked for answered before `file`? A timestamp that no longer counts, since its keys
    /// were replaced, leaves nothing that the source could be behind of.
    pub(super) fn ends_before(&self, file: &MetaFile) -> bool {
        let held = self.update.trusted().version(&MetaRole::Timestamp);
        self.roots_only && file.role == MetaRole::Timestamp && held.is_some()
    }

    pub(super) fn waits_for(&self, request: RequestId) -> bool {
        self.asked.contains_key(&request)
    }

    pub(super) fn lost_at(&self) -> Option<Mono> {
        self.asked.values().map(|asked| asked.lost_at).min()
    }

    pub(super) fn is_asked(&self, file: &MetaFile) -> bool {
        self.asked.values().any(|asked| asked.file == *file)
    }

    /// Whether a further file of at most so many bytes may be asked for.
    pub(super) fn has_room(&self, ahead: Ahead, max_bytes: u64) -> bool {
        let waiting = self.early.values().map(|early| match early {
            Fetched::Bytes(bytes) => bytes.len() as u64,
            Fetched::Absent => 0,
        });
        let may_come = self.asked.values().map(|asked| asked.max_bytes);
        let bytes: u64 = waiting.chain(may_come).sum();
        self.asked.len() + self.early.len() < ahead.0
            && bytes.saturating_add(max_bytes) <= MAX_AHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_is_asked_for_less_at_once_until_it_is_quick_again() {
        let (quick, slow) = (Duration::from_millis(20), Duration::from_secs(3));
        let mut ahead = Ahead::default();
        ahead.answered(quick);
        assert_eq!(ahead, Ahead(MAX_AHEAD));
        ahead.lost();
        assert_eq!(ahead, Ahead(8));
        (0..20).for_each(|_| ahead.answered(slow));
        assert_eq!(ahead, Ahead(1));
        ahead.lost();
        assert_eq!(ahead, Ahead(1), "one file is always asked for");
        (0..20).for_each(|_| ahead.answered(quick));
        assert_eq!(ahead, Ahead(MAX_AHEAD));
    }
}
