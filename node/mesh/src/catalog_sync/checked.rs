//! When a catalogue was last confirmed, told with the best that is known of the time now.

use std::time::Duration;

use pishtar_signing::client::{CLOCK_BEHIND, TrustedTime};

use crate::ids::{Now, UnixSeconds};

/// When a source last confirmed, or brought, the version that we hold; in this run of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The date, Unix seconds. Without a sane clock only known not to be earlier.
    pub at: UnixSeconds,
    /// How long ago.
    pub ago: Duration,
    /// Whether `at` is more than a lower bound.
    pub exact: bool,
}

impl Checked {
    /// Tells at `now`, when the time is `time`, of a check at `then`.
    ///
    /// The monotonic clock alone is right whatever became of the date in between; it stands still while a computer
    /// sleeps, so a sane date that says more is believed.
    pub(super) fn new(then: Now, now: Now, time: &TrustedTime) -> Checked {
        let elapsed = now.mono.since(then.mono);
        let Some(clock) = time.sane_clock() else {
            return Checked {
                at: time.now(),
                ago: elapsed,
                exact: false,
            };
        };
        let by_date = if then.wall < time.floor().saturating_sub(CLOCK_BEHIND) {
            0
        } else {
            clock.saturating_sub(then.wall)
        };
        let by_date = Duration::from_secs(u64::try_from(by_date).unwrap_or(0));
        let ago = elapsed.max(by_date);
        let seconds = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        Checked {
            at: clock.saturating_sub(seconds),
            ago,
            exact: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Mono;

    const FLOOR: UnixSeconds = 1_795_464_000;
    const DAY: i64 = 86_400;

    fn at(seconds: u64, wall: UnixSeconds) -> Now {
        Now {
            mono: Mono(Duration::from_secs(seconds)),
            wall,
        }
    }

    fn told(then: Now, now: Now) -> Checked {
        Checked::new(then, now, &TrustedTime::new(FLOOR, now.wall))
    }

    fn exact(at: UnixSeconds, ago: u64) -> Checked {
        let ago = Duration::from_secs(ago);
        Checked {
            at,
            ago,
            exact: true,
        }
    }

    #[test]
    fn a_sane_clock_tells_the_age_through_sleep() {
        let slept = told(at(10, FLOOR), at(20, FLOOR + 41 * DAY));
        assert_eq!(slept, exact(FLOOR, 41 * 86_400));
    }

    #[test]
    fn a_check_under_a_dead_clock_gets_its_date_when_the_clock_is_set() {
        let set = told(at(10, 0), at(70, FLOOR + DAY));
        assert_eq!(set, exact(FLOOR + DAY - 60, 60));
        // Set back from 2100: no age below what passed, and none from the future.
        let set_back = told(at(10, FLOOR + 74 * 365 * DAY), at(70, FLOOR + DAY));
        assert_eq!(set_back, exact(FLOOR + DAY - 60, 60));
    }

    #[test]
    fn without_a_sane_clock_the_age_is_what_passed_and_the_date_a_lower_bound() {
        for wall in [0, FLOOR + 74 * 365 * DAY] {
            let doubtful = told(at(10, FLOOR + DAY), at(70, wall));
            let lower = Checked {
                at: FLOOR,
                ago: Duration::from_secs(60),
                exact: false,
            };
            assert_eq!(doubtful, lower);
        }
    }
}
