//! Network namespaces through `ip netns`, deleted on drop; stale ones swept by name.

use std::{ffi::OsStr, net::Ipv4Addr, path::Path, process::Command};

use super::LabError;

/// Names of the lab's namespaces are `plab-<process id>-<host>`.
const PREFIX: &str = "plab-";

/// The prefix of this process's namespaces.
pub(super) fn own_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// Runs a command to its end; its output is the error's text when it fails.
pub(super) fn run(command: &mut Command) -> Result<String, LabError> {
    let shown = format!("{command:?}").replace('"', "");
    let output = command.output().map_err(|e| LabError::Command {
        command: shown.clone(),
        output: e.to_string(),
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let output = format!(
        "{} {text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Err(LabError::Command {
        command: shown,
        output: output.trim().to_owned(),
    })
}

/// Deletes the namespaces of lab runs whose process is gone, and ends what still runs inside them.
pub(super) fn sweep() -> Result<(), LabError> {
    let list = run(Command::new("ip").args(["netns", "list"]))?;
    for name in list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        let Some(owner) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
        else {
            continue;
        };
        if owner.parse::<u32>().is_ok() && !Path::new("/proc").join(owner).exists() {
            remove(name);
        }
    }
    Ok(())
}

/// Ends the processes inside and deletes; a failure here must not hide the failure that led to it.
fn remove(name: &str) {
    if let Ok(pids) = run(Command::new("ip").args(["netns", "pids", name])) {
        for pid in pids.split_whitespace() {
            let _ = run(Command::new("kill").args(["-9", pid]));
        }
    }
    let _ = run(Command::new("ip").args(["netns", "del", name]));
}

/// One namespace with its loopback up. Dropping it ends what runs inside and deletes it.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
}

impl Namespace {
    pub(super) fn create(name: &str) -> Result<Self, LabError> {
        run(Command::new("ip").args(["netns", "add", name]))?;
        let namespace = Self {
            name: name.to_owned(),
        };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// `ip` inside the namespace.
    pub(super) fn ip(&self, arguments: &str) -> Result<String, LabError> {
        run(Command::new("ip")
            .args(["-n", &self.name])
            .args(arguments.split(' ')))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// A computer in the lab.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    address: Ipv4Addr,
    switch: String,
    /// The switch's end of the cable.
    port: String,
}

impl Host {
    pub(super) fn new(
        namespace: Namespace,
        address: Ipv4Addr,
        switch: String,
        port: String,
    ) -> Self {
        Self {
            namespace,
            address,
            switch,
            port,
        }
    }

    /// The host's only address besides loopback.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A command that will run on this host. `ip netns exec` replaces itself by the program, so that the child's
    /// process id is the program's own and a kill hits the program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", self.namespace.name()])
            .arg(program);
        command
    }

    /// Runs a program on this host to its end and returns what it printed.
    ///
    /// # Errors
    /// [`LabError::Command`] with the program's output when it fails.
    pub fn run(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String, LabError> {
        run(self.command(program).args(arguments))
    }

    /// Limits what the host receives, in Mbit/s, with a token bucket at the switch; 0 lifts the limit.
    ///
    /// # Errors
    /// [`LabError::Command`] when `tc` fails.
    pub fn limit_receiving(&self, mbit: u32) -> Result<(), LabError> {
        shape(&self.switch, &self.port, mbit)
    }

    /// Limits what the host sends, in Mbit/s, with a token bucket; 0 lifts the limit.
    ///
    /// # Errors
    /// [`LabError::Command`] when `tc` fails.
    pub fn limit_sending(&self, mbit: u32) -> Result<(), LabError> {
        shape(self.namespace.name(), "eth0", mbit)
    }
}

/// Puts a token bucket on what leaves an interface, in place of the one before.
fn shape(namespace: &str, interface: &str, mbit: u32) -> Result<(), LabError> {
    let tc = |arguments: &str| {
        let mut command = Command::new("tc");
        run(command
            .args(["-n", namespace, "qdisc"])
            .args(arguments.split(' ')))
    };
    if mbit == 0 {
        // There may be no limit to lift.
        drop(tc(&format!("del dev {interface} root")));
        return Ok(());
    }
    let rule = format!("replace dev {interface} root tbf rate {mbit}mbit burst 64kb latency 200ms");
    tc(&rule).map(drop)
}
