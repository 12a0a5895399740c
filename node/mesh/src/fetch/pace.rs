//! How much is in flight altogether: no more than arrives soon.

use std::time::Duration;

use super::Fetch;
use crate::{config::Config, ids::Mono, meter::Meter};

/// The rate is measured over at least this long.
const WINDOW: Duration = Duration::from_secs(1);
/// A range without a byte for this long does not count: others may take its place.
const QUIET: Duration = Duration::from_secs(2);
/// So many ranges are always in flight, whatever the rate.
const ALWAYS: usize = 2;

/// The rate at which verified bytes arrive, from all peers together.
#[derive(Debug, Default)]
pub(super) struct Pace {
    meter: Meter,
    /// Bytes per second; 0 when it is not known yet.
    rate: u64,
}

impl Pace {
    /// A first range is in flight: time without any does not count.
    pub(super) fn starts(&mut self, now: Mono) {
        self.meter.resume(now);
    }

    /// Verified bytes arrived.
    pub(super) fn received(&mut self, now: Mono, bytes: u64) {
        let Some(latest) = self.meter.received(now, bytes, WINDOW) else {
            return;
        };
        self.rate = match self.rate {
            0 => latest,
            before => before.midpoint(latest),
        };
    }
}

impl Fetch {
    /// May a further range be begun, or would it only slow down those in flight?
    pub(super) fn may_begin(&self, config: &Config, now: Mono) -> bool {
        // Batches have a bound of their own, and so many files that looking at them all would cost more than it saves.
        !self.batches.is_empty() || self.may_add(config.flight_time, 0, now)
    }

    /// Is less in flight than arrives in so much time, or than so many bytes?
    pub(super) fn may_add(&self, time: Duration, floor: u64, now: Mono) -> bool {
        if self.flying < ALWAYS || self.pace.rate == 0 {
            return true;
        }
        let living = self.flights.values().filter(|flight| !flight.cancelled);
        let moving = living.filter(|flight| now.since(flight.last_byte) < QUIET);
        let rests = moving
            .map(|flight| flight.rest())
            .map(|rest| rest.end - rest.start);
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let bound = self.pace.rate.saturating_mul(millis) / 1_000;
        rests.sum::<u64>() < bound.max(floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_arrives_and_idle_time_does_not_count() {
        let at = |ms| Mono(Duration::from_millis(ms));
        let mut pace = Pace::default();
        pace.starts(at(0));
        pace.received(at(500), 1_000);
        assert_eq!(pace.rate, 0, "too early to say");
        pace.received(at(1_000), 1_000);
        assert_eq!(pace.rate, 2_000);
        pace.starts(at(60_000));
        pace.received(at(61_000), 4_000);
        assert_eq!(pace.rate, 3_000);
    }
}
