//! The lab: real `pishtar` processes on hosts of their own, joined by a switch and by nothing else.
//!
//! A host is a network namespace with one interface, `eth0`; the switch is a bridge in a namespace of its own, so that
//! nothing in the machine's own network changes. Multicast works, hence mDNS is real. Addresses exist only inside the
//! namespaces. Needs root, `ip` and, for slow links, `tc`.
//!
//! Everything is taken down when [`Lab`] is dropped. What a killed run leaves behind carries that run's process id
//! in its name and is swept by the next [`Lab::new`].

mod namespace;
mod node;
mod wait;

use std::net::Ipv4Addr;

pub use self::{
    namespace::Host,
    node::{Node, pishtar, pishtar_binary},
    wait::until,
};

/// What may go wrong in the lab: a sentence that names the command or the wait.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A command of the system or of `pishtar` failed.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command with its arguments.
        command: String,
        /// What it printed, or why it did not start.
        output: String,
    },
    /// A wait ran out.
    #[error("waited {seconds} s for {what}; last seen: {last_seen}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// Seconds waited.
        seconds: u64,
        /// The state at the last look.
        last_seen: String,
    },
    /// Something read or written by the lab itself.
    #[error("{what}: {source}")]
    Io {
        /// File or program.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Hosts on one switch.
#[derive(Debug)]
pub struct Lab {
    switch: namespace::Namespace,
    prefix: String,
    hosts: u8,
}

impl Lab {
    /// Makes an empty switch, after sweeping what dead runs left behind.
    ///
    /// # Errors
    /// [`LabError::Command`] where the machine does not allow network namespaces (no root, or a sandbox).
    pub fn new() -> Result<Self, LabError> {
        namespace::sweep()?;
        let prefix = namespace::own_prefix();
        let switch = namespace::Namespace::create(&format!("{prefix}sw"))?;
        switch.ip("link add br0 type bridge mcast_snooping 0")?;
        switch.ip("link set br0 up")?;
        Ok(Self {
            switch,
            prefix,
            hosts: 0,
        })
    }

    /// Adds a host with the next address of 10.77.0.0/24; `name` is at most 8 characters.
    ///
    /// # Errors
    /// [`LabError::Command`] when the namespace or its cable cannot be made.
    pub fn host(&mut self, name: &str) -> Result<Host, LabError> {
        self.hosts += 1;
        let address = Ipv4Addr::new(10, 77, 0, self.hosts);
        let namespace = namespace::Namespace::create(&format!("{}{name}", self.prefix))?;
        let port = format!("port{}", self.hosts);
        self.switch.ip(&format!(
            "link add {port} type veth peer name eth0 netns {}",
            namespace.name()
        ))?;
        self.switch.ip(&format!("link set {port} master br0 up"))?;
        namespace.ip(&format!("address add {address}/24 dev eth0"))?;
        namespace.ip("link set eth0 up")?;
        namespace.ip("route add 224.0.0.0/4 dev eth0")?;
        Ok(Host::new(
            namespace,
            address,
            self.switch.name().to_owned(),
            port,
        ))
    }
}
