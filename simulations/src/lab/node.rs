//! One `pishtar run` on a host, asked through its own commands.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use serde_json::Value;

use super::{Host, LabError, namespace::run, until};

/// The `pishtar` program under test: `PISHTAR_BIN`, or the one built into the same target folder as this program.
///
/// # Panics
/// When there is none: build it first with `cargo build -p pishtar`.
pub fn pishtar_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PISHTAR_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a running program has a path");
    let found = own
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("pishtar"))
        .find(|path| path.is_file());
    found.expect("no pishtar beside the test program; build it with `cargo build -p pishtar` or set PISHTAR_BIN")
}

/// Runs a `pishtar` command that needs no network and returns what it printed.
///
/// # Errors
/// [`LabError::Command`] with its output when it fails.
pub fn pishtar(arguments: &[&str]) -> Result<String, LabError> {
    run(Command::new(pishtar_binary()).args(arguments))
}

/// A running node. Dropping it kills the process.
#[derive(Debug)]
pub struct Node {
    data: PathBuf,
    child: Child,
}

impl Node {
    /// Starts `pishtar run --data DATA …` on a host and waits until it answers.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the end of its log when it does not answer within 30 s.
    pub fn start(host: &Host, data: &Path, arguments: &[&str]) -> Result<Self, LabError> {
        Self::start_with(host, data, arguments, &[])
    }

    /// The same with variables in its environment, such as `PISHTAR_LOG`.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_with(
        host: &Host,
        data: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, LabError> {
        let log = data.with_extension("log");
        let file = File::options().create(true).append(true).open(&log);
        let file = file.map_err(|source| LabError::Io {
            what: log.display().to_string(),
            source,
        })?;
        let copy = file.try_clone().map_err(|source| LabError::Io {
            what: log.display().to_string(),
            source,
        })?;
        let mut command = host.command(pishtar_binary());
        command
            .args(["run", "--data"])
            .arg(data)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(file)
            .stderr(copy);
        let child = command.spawn().map_err(|source| LabError::Io {
            what: "pishtar run".to_owned(),
            source,
        })?;
        let mut node = Self {
            data: data.to_owned(),
            child,
        };
        until(
            "a node to answer `pishtar status`",
            Duration::from_secs(30),
            || {
                if let Ok(Some(status)) = node.child.try_wait() {
                    return Err(format!("it ended with {status}: {}", tail(&log)));
                }
                node.ask("status", &[])
                    .map_err(|e| format!("{e}; its log: {}", tail(&log)))
            },
        )?;
        Ok(node)
    }

    /// The answer of `pishtar COMMAND … --json`.
    ///
    /// # Errors
    /// [`LabError::Command`] when the command fails or prints no JSON.
    pub fn ask(&self, command: &str, arguments: &[&str]) -> Result<Value, LabError> {
        let mut call = Command::new(pishtar_binary());
        let text = run(call
            .arg(command)
            .args(arguments)
            .arg("--data")
            .arg(&self.data)
            .arg("--json"))?;
        serde_json::from_str(&text).map_err(|e| LabError::Command {
            command: command.to_owned(),
            output: format!("{e}: {text}"),
        })
    }

    /// Waits until `status --json` satisfies a condition, and returns it.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the last status.
    pub fn wait_status(
        &self,
        what: &str,
        limit: Duration,
        ready: impl Fn(&Value) -> bool,
    ) -> Result<Value, LabError> {
        until(what, limit, || match self.ask("status", &[]) {
            Ok(status) if ready(&status) => Ok(status),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// All that the node logged so far.
    ///
    /// # Errors
    /// [`LabError::Io`] when its log cannot be read.
    pub fn log(&self) -> Result<String, LabError> {
        let log = self.data.with_extension("log");
        fs::read_to_string(&log).map_err(|source| LabError::Io {
            what: log.display().to_string(),
            source,
        })
    }

    /// The end of the node's log, for messages.
    pub fn log_tail(&self) -> String {
        tail(&self.data.with_extension("log"))
    }

    /// Kills the process as a power cut would: no warning, no tidying.
    ///
    /// # Errors
    /// [`LabError::Io`] when the system cannot.
    pub fn kill(mut self) -> Result<(), LabError> {
        let gone = self.child.kill().and_then(|()| self.child.wait());
        gone.map(drop).map_err(|source| LabError::Io {
            what: "kill -9".to_owned(),
            source,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
