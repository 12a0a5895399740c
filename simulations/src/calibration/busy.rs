//! Whether this machine was calm enough for times to mean anything.

use std::fs;

/// Share of processor time that must have been left over while real nodes were measured. Less, and their times say
/// how busy the machine was.
const LEAST_IDLE: f64 = 0.10;

/// Watches the processors from its beginning.
#[derive(Debug)]
pub struct Calm {
    idle: u64,
    total: u64,
}

impl Calm {
    /// Begins to watch.
    pub fn watch() -> Calm {
        let (idle, total) = ticks(&fs::read_to_string("/proc/stat").unwrap_or_default());
        Calm { idle, total }
    }

    /// Share of processor time since the beginning in which nothing ran; 1 where the system does not tell.
    pub fn idle(&self) -> f64 {
        let (idle, total) = ticks(&fs::read_to_string("/proc/stat").unwrap_or_default());
        let total = total.saturating_sub(self.total);
        match total {
            0 => 1.0,
            _ => idle.saturating_sub(self.idle) as f64 / total as f64,
        }
    }

    /// Was it calm so far?
    ///
    /// # Errors
    /// A sentence that says how busy it was.
    pub fn confirm(&self) -> Result<(), String> {
        let idle = self.idle();
        match idle >= LEAST_IDLE {
            true => Ok(()),
            false => Err(format!(
                "this machine was too busy to measure: only {:.0} % of its processors' time was left over",
                idle * 100.0
            )),
        }
    }
}

/// Idle and total ticks of all processors (proc(5): user, nice, system, idle, iowait, …).
fn ticks(stat: &str) -> (u64, u64) {
    let line = stat.lines().next().unwrap_or_default();
    let numbers = line.split_whitespace().skip(1);
    let numbers: Vec<u64> = numbers.filter_map(|n| n.parse().ok()).collect();
    let idle = numbers.iter().skip(3).take(2).sum();
    (idle, numbers.iter().take(8).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_as_the_kernel_writes_them() {
        let stat = "cpu  100 5 20 300 7 1 2 3 9 9\ncpu0 1 2 3 4\n";
        assert_eq!(ticks(stat), (307, 438));
        assert_eq!(ticks(""), (0, 0));
    }
}
