//! Network namespaces through `ip netns`: deleted on drop, by the janitor when this process dies, and by the next
//! run when even that failed.

use std::{
    io::Write,
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use super::LabError;

/// Names of the lab's namespaces are `plab-<process id>-<number of the lab>-<host>`.
const PREFIX: &str = "plab-";

/// A prefix of namespaces that no other lab has.
pub(super) fn new_prefix() -> String {
    static LABS: AtomicU32 = AtomicU32::new(0);
    let number = LABS.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{number}-", std::process::id())
}

/// A shell that outlives this process by a moment: when its standard input closes, for whatever reason, it ends
/// what still runs in the lab's namespaces and deletes them. Signals of a terminal do not reach its work.
#[derive(Debug)]
pub(super) struct Janitor {
    child: Child,
}

impl Janitor {
    const SCRIPT: &str = "trap '' INT TERM HUP; cat >/dev/null; \
        for name in $(ip netns list | cut -d' ' -f1); do case $name in \"$0\"*) \
        for pid in $(ip netns pids $name); do kill -9 $pid; done; ip netns del $name;; esac; done";

    pub(super) fn hire(prefix: &str) -> Result<Self, LabError> {
        let mut command = Command::new("sh");
        command.args(["-c", Self::SCRIPT, prefix]);
        let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null());
        let child = quiet.stderr(Stdio::null()).spawn();
        let child = child.map_err(|source| LabError::Io {
            what: "the lab's janitor".to_owned(),
            source,
        })?;
        Ok(Self { child })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Runs a command with this text as its standard input.
pub(super) fn run_with_input(command: &mut Command, input: &str) -> Result<(), LabError> {
    let failed = |output: String| LabError::Command {
        command: format!("{command:?} with {input}").replace('"', ""),
        output,
    };
    let mut own = Command::new(command.get_program());
    own.args(command.get_args());
    let piped = own.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(|e| failed(e.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why on its standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|e| failed(e.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
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

    /// Gives an interface an address of a /24 and brings it up.
    pub(super) fn address(&self, interface: &str, address: Ipv4Addr) -> Result<(), LabError> {
        self.ip(&format!("address add {address}/24 dev {interface}"))?;
        self.ip(&format!("link set {interface} up")).map(drop)
    }

    /// Feeds rules to `nft` inside the namespace.
    pub(super) fn nft(&self, rules: &str) -> Result<(), LabError> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "nft", "-f", "-"]);
        run_with_input(&mut command, rules)
    }

    /// `tc qdisc` inside the namespace.
    pub(super) fn tc(&self, arguments: &str) -> Result<String, LabError> {
        let mut command = Command::new("tc");
        run(command
            .args(["-n", &self.name, "qdisc"])
            .args(arguments.split(' ')))
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
