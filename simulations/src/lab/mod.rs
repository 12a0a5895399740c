//! The lab: real `pishtar` processes on hosts of their own, joined by a switch and by nothing else.
//!
//! A host is a network namespace with one interface, `eth0`; the switch is a bridge in a namespace of its own, so that
//! nothing in the machine's own network changes. Multicast works, hence mDNS is real. Addresses exist only inside the
//! namespaces. Needs root, `ip` and, for slow links, `tc`.
//!
//! What a network does to traffic is modelled where the kernel can: rates by token buckets ([`Host::limit`]), loss
//! and blocked multicast by `nft` ([`Host::lose`], [`Host::block_multicast`]), partitions by moving cables between
//! bridges ([`Lab::partition`]). What it cannot do, delay and air that is shared in both directions, is done by a
//! thread of this process that carries frames between TAP devices ([`Lab::far_host`], [`Lab::cell`]).
//!
//! Everything is taken down when [`Lab`] and its hosts are dropped, and by a janitor process when this one dies in
//! whatever way. What even that leaves behind carries the run's process id in its name and is swept by the next
//! [`Lab::new`].

mod air;
mod cell;
mod host;
mod namespace;
mod node;
mod relay;
mod tap;
mod usage;
mod wait;

use std::{net::Ipv4Addr, rc::Rc, time::Duration};

pub use self::{
    air::Medium,
    cell::Cell,
    host::{Counters, Host},
    node::{Node, pishtar, pishtar_binary},
    usage::Usage,
    wait::until,
};
use self::{
    host::Plug,
    namespace::{Janitor, Namespace},
    relay::{Relay, Role},
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

/// Hosts on one switch, and cells beside it.
#[derive(Debug)]
pub struct Lab {
    switch: Rc<Namespace>,
    prefix: String,
    hosts: u8,
    cells: u8,
    bridges: usize,
    _janitor: Janitor,
}

impl Lab {
    /// Makes an empty switch, after sweeping what dead runs left behind.
    ///
    /// # Errors
    /// [`LabError::Command`] where the machine does not allow network namespaces (no root, or a sandbox).
    pub fn new() -> Result<Self, LabError> {
        namespace::sweep()?;
        let prefix = namespace::new_prefix();
        let janitor = Janitor::hire(&prefix)?;
        let switch = Namespace::create(&format!("{prefix}sw"))?;
        let mut lab = Self {
            switch: Rc::new(switch),
            prefix,
            hosts: 0,
            cells: 0,
            bridges: 0,
            _janitor: janitor,
        };
        lab.bridge(0)?;
        Ok(lab)
    }

    /// Adds a host with the next address of 10.77.0.0/24; `name` is at most 8 characters.
    ///
    /// # Errors
    /// [`LabError::Command`] when the namespace or its cable cannot be made.
    pub fn host(&mut self, name: &str) -> Result<Host, LabError> {
        let (namespace, address, port) = self.next_host(name)?;
        self.switch.ip(&format!(
            "link add {port} type veth peer name eth0 netns {}",
            namespace.name()
        ))?;
        self.plug_in(namespace, address, port, None)
    }

    /// Adds a host behind a long cable: every frame takes `delay` in each direction.
    ///
    /// # Errors
    /// [`LabError`] when the namespace, its TAP devices or the relay cannot be made.
    pub fn far_host(&mut self, name: &str, delay: Duration) -> Result<Host, LabError> {
        let (namespace, address, port) = self.next_host(name)?;
        let relay = Relay::start(Medium {
            delay,
            bits_per_second: None,
        })?;
        relay.add(tap::create(&namespace, "eth0")?, Role::Direct);
        relay.add(tap::create(&self.switch, &port)?, Role::Direct);
        self.plug_in(namespace, address, port, Some(relay))
    }

    /// A Wi-Fi cell beside the switch; stations and an access point join it.
    ///
    /// # Errors
    /// [`LabError::Io`] when the relay does not start.
    pub fn cell(&mut self, medium: Medium) -> Result<Cell, LabError> {
        self.cells += 1;
        Cell::new(
            format!("{}c{}", self.prefix, self.cells),
            self.cells,
            medium,
        )
    }

    /// Cuts the switch into groups that cannot reach each other. Hosts in no group stay with the first.
    ///
    /// # Errors
    /// [`LabError::Command`] when `ip` fails.
    pub fn partition(&mut self, groups: &[&[&Host]]) -> Result<(), LabError> {
        for (at, group) in groups.iter().enumerate() {
            self.bridge(at)?;
            for plug in group.iter().filter_map(|host| host.plug()) {
                let port = &plug.port;
                self.switch.ip(&format!("link set {port} master br{at}"))?;
            }
        }
        Ok(())
    }

    /// Puts these hosts back on one switch.
    ///
    /// # Errors
    /// [`LabError::Command`] when `ip` fails.
    pub fn heal(&mut self, hosts: &[&Host]) -> Result<(), LabError> {
        self.partition(&[hosts])
    }

    /// Makes the bridges up to this number.
    fn bridge(&mut self, at: usize) -> Result<(), LabError> {
        while self.bridges <= at {
            let name = format!("br{}", self.bridges);
            self.switch
                .ip(&format!("link add {name} type bridge mcast_snooping 0"))?;
            self.switch.ip(&format!("link set {name} up"))?;
            self.bridges += 1;
        }
        Ok(())
    }

    fn next_host(&mut self, name: &str) -> Result<(Namespace, Ipv4Addr, String), LabError> {
        self.hosts += 1;
        let namespace = Namespace::create(&format!("{}{name}", self.prefix))?;
        let address = Ipv4Addr::new(10, 77, 0, self.hosts);
        Ok((namespace, address, format!("port{}", self.hosts)))
    }

    fn plug_in(
        &self,
        namespace: Namespace,
        address: Ipv4Addr,
        port: String,
        relay: Option<Relay>,
    ) -> Result<Host, LabError> {
        self.switch.ip(&format!("link set {port} master br0"))?;
        self.switch.ip(&format!("link set {port} up"))?;
        namespace.address("eth0", address)?;
        namespace.ip("route add 224.0.0.0/4 dev eth0")?;
        let switch = self.switch.clone();
        Ok(Host::new(
            namespace,
            address,
            Some(Plug { switch, port }),
            relay,
        ))
    }
}
