//! What a run cost: wall time, CPU time, memory.

use std::{
    io,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

pub use crate::lab::Usage;

/// What a receiver prints when it has everything.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Transfer {
    /// From the first request until the last byte is verified and stored, in seconds.
    pub wall_s: f64,
    /// CPU time from the first request on, and memory.
    pub usage: Usage,
}

/// A running measurement of this process.
pub struct Meter {
    began: Instant,
    cpu_s: f64,
}

impl Meter {
    /// Starts to measure.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn start() -> io::Result<Meter> {
        Ok(Meter {
            began: Instant::now(),
            cpu_s: Usage::of_this_process()?.cpu_s,
        })
    }

    /// What was used since the start.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn stop(&self) -> io::Result<Transfer> {
        let wall: Duration = self.began.elapsed();
        let mut usage = Usage::of_this_process()?;
        usage.cpu_s -= self.cpu_s;
        Ok(Transfer {
            wall_s: wall.as_secs_f64(),
            usage,
        })
    }
}

/// The middle one of an odd number of values, the lower middle of an even number; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![]), 0.0);
    }
}
