//! The one place where the node asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pishtar_mesh::{Mono, Now, UnixSeconds};

/// When this program was built, as `build.rs` found it: no clock that says less is right.
pub const BUILT: UnixSeconds = parse(env!("PISHTAR_BUILT"));

/// Decimal digits to a number, at compile time.
const fn parse(digits: &str) -> UnixSeconds {
    let (bytes, mut at, mut value) = (digits.as_bytes(), 0, 0);
    while at < bytes.len() {
        assert!(bytes[at].is_ascii_digit(), "build.rs writes digits");
        value = value * 10 + (bytes[at] - b'0') as UnixSeconds;
        at += 1;
    }
    value
}

/// Monotonic time since start, and what the machine believes the date to be.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Both times, read together.
    pub fn now(&self) -> Now {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            mono: Mono(self.started.elapsed()),
            // A clock before 1970 is a clock that knows nothing.
            wall: since_1970.map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            }),
        }
    }

    /// The instant of a monotonic deadline.
    pub fn instant(&self, deadline: Mono) -> tokio::time::Instant {
        // A year away is as good as never, and cannot overflow.
        tokio::time::Instant::from_std(
            self.started + deadline.0.min(Duration::from_secs(365 * 86_400)),
        )
    }
}
