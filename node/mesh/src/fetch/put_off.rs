//! Ranges that a peer would rather not give now, because they are on their way to a neighbour.

use std::{borrow::Cow, ops::Range, time::Duration};

use crate::{ids::Mono, inventory::FileIx, ranges::RangeSet};

/// Ranges remembered for one peer; one that sends us away more often counts as busy.
const MAX_PUT_OFF: usize = 256;
/// After this long without the neighbours having brought it, the range is insisted on. Shorter: the peer repeats
/// itself; longer: a part that a neighbour took away with it is missed for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for a range that the peer gave out a moment ago, when it has nothing better to offer.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// What one peer put off.
#[derive(Debug, Default)]
pub(crate) struct PutOff {
    waits: Vec<Wait>,
    advice: Option<(FileIx, Range<u64>)>,
}

#[derive(Debug)]
struct Wait {
    file: FileIx,
    range: Range<u64>,
    until: Mono,
    /// We waited long enough.
    over: bool,
}

impl PutOff {
    /// The peer would rather give `advice`, aligned to groups; false when it sent us away too often.
    pub(super) fn add(
        &mut self,
        now: Mono,
        file: FileIx,
        range: Range<u64>,
        advice: Option<Range<u64>>,
    ) -> bool {
        if self.waits.len() >= MAX_PUT_OFF {
            return false;
        }
        let patience = if advice.is_some() {
            PATIENCE
        } else {
            SHORT_PATIENCE
        };
        self.waits.push(Wait {
            file,
            range,
            until: now.plus(patience),
            over: false,
        });
        self.advice = advice.map(|advice| (file, advice));
        true
    }

    /// Waits end with time; true when one did now.
    pub(super) fn expire(&mut self, now: Mono) -> bool {
        let mut ended = false;
        for wait in self
            .waits
            .iter_mut()
            .filter(|wait| !wait.over && wait.until <= now)
        {
            wait.over = true;
            ended = true;
        }
        ended
    }

    /// When the next wait ends.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let open = self.waits.iter().filter(|wait| !wait.over);
        open.map(|wait| wait.until).min()
    }

    /// What of `free` may be asked of the peer now.
    pub(super) fn without<'a>(&self, file: FileIx, free: &'a RangeSet) -> Cow<'a, RangeSet> {
        let mut left = Cow::Borrowed(free);
        for wait in self
            .waits
            .iter()
            .filter(|wait| wait.file == file && !wait.over)
        {
            left.to_mut().remove(wait.range.clone());
        }
        left
    }

    /// Is some of this range put off?
    pub(super) fn touches(&self, file: FileIx, range: &Range<u64>) -> bool {
        self.of(file, range).any(|wait| !wait.over)
    }

    /// Did we wait for some of this range in vain?
    pub(super) fn waited_for(&self, file: FileIx, range: &Range<u64>) -> bool {
        self.of(file, range).any(|wait| wait.over)
    }

    /// What the peer would rather give of this file.
    pub(super) fn advice(&self, file: FileIx) -> Option<Range<u64>> {
        let advice = self.advice.as_ref().filter(|(of, _)| *of == file);
        advice.map(|(_, range)| range.clone())
    }

    /// A range is being asked for: what was waited for in it is over, advice was heard.
    pub(super) fn asked(&mut self, file: FileIx, range: &Range<u64>) {
        self.advice = None;
        let touches = |wait: &Wait| wait.range.start < range.end && range.start < wait.range.end;
        self.waits
            .retain(|wait| wait.file != file || !touches(wait));
    }

    /// The file is gone.
    pub(crate) fn forget(&mut self, file: FileIx) {
        self.waits.retain(|wait| wait.file != file);
        self.advice.take_if(|(of, _)| *of == file);
    }

    fn of<'a>(&'a self, file: FileIx, range: &'a Range<u64>) -> impl Iterator<Item = &'a Wait> {
        let touches =
            move |wait: &&Wait| wait.range.start < range.end && range.start < wait.range.end;
        self.waits
            .iter()
            .filter(move |wait| wait.file == file)
            .filter(touches)
    }
}
