//! What a process costs: CPU time and memory, from `/proc`.

use std::{fs, io};

use serde::{Deserialize, Serialize};

/// CPU time and memory of one process since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
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
