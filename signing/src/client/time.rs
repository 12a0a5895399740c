//! What time it is, as far as signatures and a doubtful clock can tell: `max(build time, signed floor, a sane clock)`.
//!
//! Nothing here decides what is installed. It says whether a catalogue is FRESH, and it says "unknown" rather than
//! something wrong. No clock reading is ever kept: the floor is read out of the metadata that is trusted now, so a
//! clock of 2100 leaves nothing behind, and a false date under a stolen key goes with that key.

use crate::UnixSeconds;

use super::TrustedSet;

const DAY: UnixSeconds = 86_400;

/// How far beyond build time and the offline-key roles the dates of timestamp and snapshot are believed, in seconds:
/// a year. Their keys lie on a machine that is online; a thief must not be able to say 2100.
pub const MAX_ONLINE_ADVANCE: UnixSeconds = 366 * DAY;
/// A clock up to this many seconds behind the floor is taken for right: wrong time zones, summer time, and the
/// ministry's own clock.
pub const CLOCK_BEHIND: UnixSeconds = DAY;
/// A clock more than this many seconds ahead of the floor is not believed: five years without a single signature.
pub const CLOCK_AHEAD: UnixSeconds = 5 * 366 * DAY;

/// What is thought of the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Nothing speaks against it.
    Sane,
    /// It is earlier than something that was signed already: a flat battery, 1970.
    Behind,
    /// It is absurdly late.
    Ahead,
}

/// Whether what is held has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Not expired, by a clock that can be believed.
    Fresh,
    /// Expired for certain: the time is at least beyond it.
    Stale,
    /// The clock cannot be believed, and nothing signed is later than the expiry.
    Unknown,
}

/// The time, with how far it can be trusted.
///
/// Always true: the real time is not before `floor`, unless an offline key was misused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedTime {
    floor: UnixSeconds,
    clock: UnixSeconds,
    verdict: Clock,
}

impl TrustedTime {
    /// Judges `clock`, what the machine says, by `floor`, as [`TrustedSet::time_floor`] gives it.
    pub fn new(floor: UnixSeconds, clock: UnixSeconds) -> TrustedTime {
        let verdict = if clock < floor.saturating_sub(CLOCK_BEHIND) {
            Clock::Behind
        } else if clock > floor.saturating_add(CLOCK_AHEAD) {
            Clock::Ahead
        } else {
            Clock::Sane
        };
        TrustedTime {
            floor,
            clock,
            verdict,
        }
    }

    /// The time that is proven: it is not earlier.
    pub fn floor(&self) -> UnixSeconds {
        self.floor
    }

    /// What is thought of the clock.
    pub fn verdict(&self) -> Clock {
        self.verdict
    }

    /// The trusted time: the clock where it is sane, and never before the floor. Without a sane clock it is only
    /// known not to be earlier.
    pub fn now(&self) -> UnixSeconds {
        match self.verdict {
            Clock::Sane => self.clock.max(self.floor),
            Clock::Behind | Clock::Ahead => self.floor,
        }
    }

    /// What the clock says, where it is believed.
    pub fn sane_clock(&self) -> Option<UnixSeconds> {
        (self.verdict == Clock::Sane).then(|| self.now())
    }

    /// Whether a catalogue that expires at `fresh_until`, from [`TrustedSet::fresh_until`], is fresh.
    pub fn freshness(&self, fresh_until: Option<UnixSeconds>) -> Freshness {
        match fresh_until {
            Some(until) if self.now() < until => match self.verdict {
                Clock::Sane => Freshness::Fresh,
                Clock::Behind | Clock::Ahead => Freshness::Unknown,
            },
            _ => Freshness::Stale,
        }
    }
}

impl TrustedSet {
    /// The time before which it cannot be now: the program's build time, and what this publisher signed.
    ///
    /// Root and top-level targets, whose keys are offline, raise it freely; timestamp and snapshot by at most
    /// [`MAX_ONLINE_ADVANCE`] beyond that. Only the newest file of each role speaks, and only while the root names
    /// the keys that signed it: a version never goes back, so neither does the floor, except where the publisher
    /// itself takes a date or a key back.
    pub fn time_floor(&self, built: UnixSeconds) -> UnixSeconds {
        let targets = self.targets.get("targets").map(|targets| &targets.held);
        let targets = targets.filter(|held| self.targets_authority().is_met_by(&held.signers));
        let offline = [Some(&self.root_held), targets].into_iter().flatten();
        let offline = offline.filter_map(|held| held.issued).fold(built, i64::max);
        if self.rotated {
            return offline;
        }
        let timestamp = self.timestamp.as_ref().map(|timestamp| &timestamp.held);
        let snapshot = self.snapshot.as_ref().map(|snapshot| &snapshot.held);
        let online = [timestamp, snapshot].into_iter().flatten();
        let online = online.filter_map(|held| held.issued).max();
        let most = offline.saturating_add(MAX_ONLINE_ADVANCE);
        online.map_or(offline, |issued| issued.min(most).max(offline))
    }
}
