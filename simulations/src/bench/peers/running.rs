//! A running program of a benchmark: whether it has everything, what it cost, what its host has carried.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use pishtar::control::{Request, ask};
use serde_json::Value;

use super::program::rqbit_stats;
use crate::lab::Usage;

/// How it is seen that a receiver has everything.
pub(super) enum Done {
    /// It never has: a seed.
    Never,
    /// It ends.
    Exit,
    /// It runs a hook that makes this file.
    Mark(PathBuf),
    /// A node: all of its lessons are complete.
    Lessons(PathBuf, u64),
    /// rqbit says so when asked over HTTP, on the host of this name.
    Rqbit(String),
}

/// A running program. Dropping it kills the process.
pub struct Running {
    child: Child,
    done: Done,
    has_all: bool,
    /// CPU time of each process of its tree at the last look: ended ones count on.
    cpu: BTreeMap<u32, f64>,
    rss_mib: f64,
    log: Option<PathBuf>,
}

impl Running {
    /// Starts a program, with its output in a log.
    pub(super) fn start(mut command: Command, done: Done, log: Option<&Path>) -> Result<Running> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(log) = log {
            let file = File::create(log)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Running {
            child,
            done,
            has_all: false,
            cpu: BTreeMap::new(),
            rss_mib: 0.0,
            log: log.map(Path::to_owned),
        })
    }

    /// Has it received everything?
    ///
    /// # Errors
    /// When it ended without having everything; with the end of its log.
    pub fn has_all(&mut self) -> Result<bool> {
        if self.has_all {
            return Ok(true);
        }
        self.look();
        let ended = zombie(self.child.id());
        self.has_all = match &self.done {
            Done::Never => false,
            Done::Exit => ended && self.child.wait()?.success(),
            Done::Mark(path) => path.exists(),
            Done::Lessons(data, count) => {
                let status = ask::<Value>(data, &Request::Status).ok();
                let complete = status.and_then(|s| s.pointer("/lessons/complete")?.as_u64());
                complete.is_some_and(|complete| complete >= *count)
            }
            Done::Rqbit(host) => rqbit_stats(host).contains("\"finished\":true"),
        };
        if ended && !self.has_all {
            bail!("a program ended early: {}", self.log_tail());
        }
        Ok(self.has_all)
    }

    /// Does a node that seeds hold what it publishes?
    pub(super) fn holds_lessons(&self) -> bool {
        let Done::Lessons(data, count) = &self.done else {
            return false;
        };
        let status = ask::<Value>(data, &Request::Status).unwrap_or_default();
        let complete = status.pointer("/blobs/complete").and_then(Value::as_u64);
        complete.is_some_and(|complete| complete >= *count)
    }

    /// Does anything on its host accept TCP connections at this port?
    pub(super) fn listens(&self, port: u16) -> bool {
        let wanted = format!(":{port:04X}");
        ["tcp", "tcp6"].iter().any(|family| {
            let table = fs::read_to_string(format!("/proc/{}/net/{family}", self.child.id()));
            let is_open = |line: &str| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                fields.get(1).is_some_and(|own| own.ends_with(&wanted))
                    && fields.get(3) == Some(&"0A")
            };
            table.unwrap_or_default().lines().any(is_open)
        })
    }

    /// CPU time and largest memory of the program and its children.
    pub fn usage(&mut self) -> Usage {
        self.look();
        Usage {
            cpu_s: self.cpu.values().sum(),
            rss_mib: self.rss_mib,
        }
    }

    /// Bytes that its host's `eth0` has received and sent.
    pub fn carried(&self) -> Option<(u64, u64)> {
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
        // Just started, it has not entered its host yet.
        if namespace(&self.child.id().to_string())? == namespace("self")? {
            return None;
        }
        let text = fs::read_to_string(format!("/proc/{}/net/dev", self.child.id())).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("eth0:"))?;
        let fields: Vec<u64> = line
            .split_whitespace()
            .filter_map(|f| f.parse().ok())
            .collect();
        Some((*fields.first()?, *fields.get(8)?))
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.look();
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The end of its log, for messages.
    pub fn log_tail(&self) -> String {
        let text = self
            .log
            .as_ref()
            .and_then(|log| fs::read_to_string(log).ok())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn look(&mut self) {
        let mut pids = vec![self.child.id()];
        while let Some(pid) = pids.pop() {
            let Ok(usage) = Usage::of_process(&pid.to_string()) else {
                continue;
            };
            self.cpu.insert(pid, usage.cpu_s);
            self.rss_mib = self.rss_mib.max(usage.rss_mib);
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            pids.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Has the process ended, and is its end not yet taken note of? Its CPU time can still be read then.
fn zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    state.is_none_or(|state| state == "Z")
}
