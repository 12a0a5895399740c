//! A limit on what a node uploads.

use std::{sync::Mutex, time::Duration};

use tokio::time::{Instant, sleep_until};

/// Bytes that may go out at once after a pause.
const BURST: Duration = Duration::from_millis(50);

/// Lets bytes out at a bounded rate, in the order in which they are asked for.
#[derive(Debug, Default)]
pub struct Throttle {
    bytes_per_second: Option<u64>,
    /// When the bytes let out so far will have gone at that rate.
    spent_until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// At most `bytes_per_second`; `None` is no limit.
    pub fn new(bytes_per_second: Option<u64>) -> Throttle {
        Throttle {
            bytes_per_second: bytes_per_second.map(|rate| rate.max(1)),
            spent_until: Mutex::default(),
        }
    }

    /// Waits until `bytes` may go out.
    pub(super) async fn take(&self, bytes: usize) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let start = {
            let mut spent = self.spent_until.lock().unwrap_or_else(|e| e.into_inner());
            let now = Instant::now();
            let start = spent.map_or(now, |at| at.max(now.checked_sub(BURST).unwrap_or(now)));
            *spent = Some(start + Duration::from_secs_f64(bytes as f64 / rate as f64));
            start
        };
        sleep_until(start).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept() {
        let throttle = Throttle::new(Some(1_000_000));
        let began = Instant::now();
        for _ in 0..101 {
            throttle.take(10_000).await;
        }
        let took = began.elapsed().as_millis();
        assert!((950..=1010).contains(&took), "{took} ms");
    }
}
