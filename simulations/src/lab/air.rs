//! The arithmetic of a medium: when a frame that arrives now comes out, or that it is lost. No I/O, no clock.

use std::time::{Duration, Instant};

/// What a medium is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Medium {
    /// How long every frame is on its way, one way.
    pub delay: Duration,
    /// Bits per second of all frames together, whoever sends them; `None` is no limit. What one sends, no other can
    /// send at that time: air time, not the capacity of a cable.
    pub bits_per_second: Option<u64>,
}

/// Longest wait for air time; a frame that would have to wait longer is lost, as in a full queue.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// A frame's preamble and checks on the air, in bytes: what small frames cost beyond their length.
const FRAME_OVERHEAD: u64 = 24;

/// The state of a medium. Always true: `free_at` never goes back, so frames come out in the order in which they came.
#[derive(Debug)]
pub(super) struct Air {
    medium: Medium,
    free_at: Instant,
    /// Bytes that were on the air, repetitions by the access point included.
    pub(super) bytes: u64,
}

impl Air {
    pub(super) fn new(medium: Medium, now: Instant) -> Self {
        Self {
            medium,
            free_at: now,
            bytes: 0,
        }
    }

    /// When a frame comes out that is sent `times` over the air; `None` when it is lost in a full queue.
    pub(super) fn send(&mut self, now: Instant, bytes: usize, times: u64) -> Option<Instant> {
        let start = self.free_at.max(now);
        if let Some(rate) = self.medium.bits_per_second {
            if start - now > LONGEST_WAIT {
                return None;
            }
            let bits = (bytes as u64 + FRAME_OVERHEAD) * 8 * times;
            self.free_at = start + Duration::from_nanos(bits * 1_000_000_000 / rate.max(1));
        } else {
            self.free_at = start;
        }
        self.bytes += bytes as u64 * times;
        Some(self.free_at + self.medium.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn air_time_is_shared_and_a_full_queue_loses() {
        let now = Instant::now();
        let medium = Medium {
            delay: Duration::from_millis(5),
            bits_per_second: Some(8_000_000),
        };
        let mut air = Air::new(medium, now);
        let ms = |ms: u64| now + Duration::from_millis(ms);
        assert_eq!(air.send(now, 976, 1), Some(ms(6)));
        assert_eq!(air.send(now, 976, 2), Some(ms(8)), "twice over the air");
        assert_eq!(air.send(ms(10), 976, 1), Some(ms(16)), "the air was free");
        let sent = (0..1_000).filter(|_| air.send(ms(20), 976, 1).is_some());
        assert_eq!(sent.count(), 201);
        assert_eq!(air.bytes, 976 * 205);
    }

    #[test]
    fn delay_alone_loses_nothing() {
        let now = Instant::now();
        let medium = Medium {
            delay: Duration::from_millis(20),
            bits_per_second: None,
        };
        let mut air = Air::new(medium, now);
        for _ in 0..10_000 {
            assert_eq!(air.send(now, 1_500, 1), Some(now + medium.delay));
        }
    }
}
