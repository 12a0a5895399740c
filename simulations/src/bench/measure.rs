//! What a run cost: wall time, CPU time, memory.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// CPU time and memory of one process since it started.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time in seconds.
    pub cpu_s: f64,
    /// Largest resident memory in MiB.
    pub rss_mib: f64,
}

impl Usage {
    /// Of this process.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn of_this_process() -> io::Result<Usage> {
        Usage::of_process("self")
    }

    /// Of a running process.
    ///
    /// # Errors
    /// Where there is no such process or no `/proc`.
    pub fn of_process(id: &str) -> io::Result<Usage> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The command's name may hold spaces; the fields after it do not (proc(5)).
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|f| f.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|p| p.split_whitespace().next()?.parse::<f64>().ok());
        Ok(Usage {
            cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
            rss_mib: kib.unwrap_or(0.0) / 1024.0,
        })
    }
}

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
