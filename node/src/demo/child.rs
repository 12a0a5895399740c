//! Child processes of this program: commands that end, and nodes that run.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use super::Stop;
use crate::{
    control::{Request, ask},
    handle::status::{LessonRow, Status},
};

/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a node may take to stop in order before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// Runs a command of this program to its end and returns what it printed.
///
/// # Errors
/// With the command and its output when it fails.
pub(super) fn command(arguments: &[&str]) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let output = output.with_context(|| format!("cannot run pishtar {}", arguments.join(" ")))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!(
            "pishtar {} failed: {printed}{complaint}",
            arguments.join(" ")
        );
    }
    Ok(printed)
}

/// Looks until `look` says `Ok`; what it says until then becomes the error's text.
///
/// # Errors
/// When the limit is over or the demo is being stopped.
pub(super) fn until<T>(
    what: &str,
    limit: Duration,
    stop: &Stop,
    mut look: impl FnMut() -> Result<T, String>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        let last_seen = match look() {
            Ok(value) => return Ok(value),
            Err(state) => state,
        };
        if stop.asked() {
            bail!("stopped while waiting for {what}");
        }
        if began.elapsed() > limit {
            bail!(
                "waited {} s for {what}; last seen: {last_seen}",
                limit.as_secs()
            );
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// A running node. Dropping it stops the process in order, and kills it if that takes too long.
#[derive(Debug)]
pub(super) struct Node {
    name: &'static str,
    data: PathBuf,
    child: Child,
}

impl Node {
    /// Starts `pishtar run` on loopback with a folder and a log of its own below `folder`, and waits until it answers.
    ///
    /// # Errors
    /// With the end of the node's log when it does not come up.
    pub(super) fn start(
        name: &'static str,
        folder: &Path,
        root: &Path,
        arguments: &[String],
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let data = folder.join(name);
        fs::create_dir_all(&data)?;
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command =
            Command::new(std::env::current_exe().context("cannot find this program")?);
        command
            .arg("run")
            .arg("--data")
            .arg(&data)
            .arg("--root")
            .arg(root);
        command.args([
            "--until-stdin-ends",
            "--no-mdns",
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
            "--web",
            "127.0.0.1:0",
        ]);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(out.try_clone()?)
            .stdout(out);
        let child = command.spawn().context("cannot start a node")?;
        let mut node = Self { name, data, child };
        until(
            &format!("the {name}'s node to answer"),
            Duration::from_secs(30),
            stop,
            || {
                if let Ok(Some(code)) = node.child.try_wait() {
                    return Err(format!("it ended with {code}: {}", tail(&log)));
                }
                node.status()
                    .map_err(|error| format!("{error}; its log: {}", tail(&log)))
            },
        )?;
        Ok(node)
    }

    /// Who this is in the story.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The data folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn ask<T: DeserializeOwned>(&self, request: &Request) -> anyhow::Result<T> {
        Ok(ask(&self.data, request)?)
    }

    /// `pishtar status --json`.
    pub(super) fn status(&self) -> anyhow::Result<Status> {
        self.ask(&Request::Status)
    }

    /// `pishtar lessons --json`.
    pub(super) fn lessons(&self) -> anyhow::Result<Vec<LessonRow>> {
        self.ask(&Request::Lessons)
    }

    /// `pishtar lessons --search TEXT --json`.
    pub(super) fn search(&self, text: &str) -> anyhow::Result<Vec<LessonRow>> {
        self.ask(&Request::LessonsOf {
            text: Some(text.to_owned()),
            all: false,
        })
    }

    /// An address that others can dial, with the peer id.
    pub(super) fn address(&self) -> anyhow::Result<String> {
        let status = self.status()?;
        let listen = status
            .listen
            .first()
            .with_context(|| format!("the {}'s node listens nowhere", self.name))?;
        Ok(format!("{listen}/p2p/{}", status.peer_id))
    }

    /// The address of the pages.
    pub(super) fn pages(&self) -> anyhow::Result<String> {
        self.status()?
            .web
            .with_context(|| format!("the {}'s node shows no pages", self.name))
    }

    /// Waits until the status satisfies a condition.
    pub(super) fn wait(
        &self,
        what: &str,
        limit: Duration,
        stop: &Stop,
        ready: impl Fn(&Status) -> bool,
    ) -> anyhow::Result<Status> {
        until(what, limit, stop, || match self.status() {
            Ok(status) if ready(&status) => Ok(status),
            Ok(status) => Err(serde_json::to_string(&status).unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let began = Instant::now();
        while began.elapsed() < STOP_LIMIT {
            if !self.is_alive() {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// Prints one line of the story.
pub(super) fn tell(who: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    // The reader of a pipe may have seen enough.
    let _ = writeln!(out, "{who:>9} | {text}");
    let _ = out.flush();
}
