//! How fast something arrives, measured while anything is on its way.

use std::time::Duration;

use crate::ids::Mono;

/// Counts bytes and the time that they took, over windows of at least so long.
///
/// Time without anything in flight does not count, however often that happens: a fast line is idle for a moment between
/// any two ranges.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    busy: Duration,
    bytes: u64,
    /// When something was in flight and counted last.
    last: Mono,
}

impl Meter {
    /// Something is in flight again after nothing was.
    pub(crate) fn resume(&mut self, now: Mono) {
        self.last = now;
    }

    /// Counts what arrived; bytes per second once `window` of busy time has passed since the last answer.
    pub(crate) fn received(&mut self, now: Mono, bytes: u64, window: Duration) -> Option<u64> {
        self.busy += now.since(self.last);
        self.last = now;
        self.bytes += bytes;
        if self.busy < window {
            return None;
        }
        let micros = u64::try_from(self.busy.as_micros()).unwrap_or(u64::MAX);
        let rate = self.bytes.saturating_mul(1_000_000) / micros.max(1);
        (self.busy, self.bytes) = (Duration::ZERO, 0);
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(100);

    fn at(ms: u64) -> Mono {
        Mono(Duration::from_millis(ms))
    }

    #[test]
    fn idle_time_does_not_count() {
        let mut meter = Meter::default();
        meter.resume(at(60_000));
        assert_eq!(meter.received(at(60_050), 1_000, WINDOW), None, "too early");
        meter.resume(at(90_000));
        assert_eq!(meter.received(at(90_050), 3_000, WINDOW), Some(40_000));
        assert_eq!(meter.received(at(90_150), 1_000, WINDOW), Some(10_000));
    }

    #[test]
    fn a_line_that_idles_between_short_ranges_is_measured() {
        let mut meter = Meter::default();
        let rates = (0..100).filter_map(|range| {
            meter.resume(at(range * 4));
            meter.received(at(range * 4 + 2), 256 * 1024, WINDOW)
        });
        assert_eq!(rates.collect::<Vec<_>>(), [131_072_000, 131_072_000]);
    }
}
