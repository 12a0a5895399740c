//! A computer in the lab and what can be done to its cable.

use std::{ffi::OsStr, net::Ipv4Addr, process::Command, rc::Rc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    LabError,
    namespace::{Namespace, run},
    relay::Relay,
};

/// What an interface has carried, as the kernel counts: whole frames with their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames received. The kernel may count several full frames of one TCP stream as one.
    pub rx_packets: u64,
    /// Frames sent, counted in the same way.
    pub tx_packets: u64,
}

impl std::ops::Sub for Counters {
    type Output = Counters;

    fn sub(self, earlier: Counters) -> Counters {
        Counters {
            rx_bytes: self.rx_bytes - earlier.rx_bytes,
            tx_bytes: self.tx_bytes - earlier.tx_bytes,
            rx_packets: self.rx_packets - earlier.rx_packets,
            tx_packets: self.tx_packets - earlier.tx_packets,
        }
    }
}

/// A computer in the lab.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    address: Ipv4Addr,
    cell_address: Option<Ipv4Addr>,
    /// A station of a cell, without a cable.
    is_station: bool,
    /// The switch and its end of the cable; a host that is only in a cell has none.
    plug: Option<Plug>,
    /// Carries its frames when the cable is a long one; lives as long as the host.
    _relay: Option<Relay>,
}

/// The switch's end of a cable.
#[derive(Debug)]
pub(super) struct Plug {
    pub(super) switch: Rc<Namespace>,
    pub(super) port: String,
}

impl Host {
    pub(super) fn new(
        namespace: Namespace,
        address: Ipv4Addr,
        plug: Option<Plug>,
        relay: Option<Relay>,
    ) -> Self {
        Self {
            namespace,
            address,
            cell_address: None,
            is_station: false,
            plug,
            _relay: relay,
        }
    }

    pub(super) fn joined_cell(&mut self, address: Ipv4Addr) {
        self.cell_address = Some(address);
    }

    pub(super) fn on_air(mut self) -> Self {
        self.is_station = true;
        self
    }

    /// Does it hang on a cell's air alone? Its system does not know: a TAP device has no radio.
    pub fn is_station(&self) -> bool {
        self.is_station
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn plug(&self) -> Option<&Plug> {
        self.plug.as_ref()
    }

    /// Name of the network namespace.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The host's address: on the switch if it is there, else in its cell.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The address of an access point in its own cell.
    pub fn cell_address(&self) -> Option<Ipv4Addr> {
        self.cell_address
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

    /// What `eth0` has carried since the host began.
    ///
    /// # Errors
    /// [`LabError::Command`] when `ip` fails.
    pub fn counters(&self) -> Result<Counters, LabError> {
        let text = self.namespace.ip("-s -j link show eth0")?;
        let links: Value = serde_json::from_str(&text).map_err(|e| LabError::Command {
            command: "ip -s -j link show eth0".to_owned(),
            output: format!("{e}: {text}"),
        })?;
        let count = |path: &str| {
            let path = format!("/0/stats64/{path}");
            links.pointer(&path).and_then(Value::as_u64).unwrap_or(0)
        };
        Ok(Counters {
            rx_bytes: count("rx/bytes"),
            tx_bytes: count("tx/bytes"),
            rx_packets: count("rx/packets"),
            tx_packets: count("tx/packets"),
        })
    }

    /// Limits what the host sends and what it receives, each to this many Mbit/s; 0 lifts the limits.
    ///
    /// # Errors
    /// [`LabError::Command`] when `tc` fails.
    pub fn limit(&self, mbit: u32) -> Result<(), LabError> {
        self.limit_receiving(mbit)?;
        self.limit_sending(mbit)
    }

    /// Limits what the host receives, in Mbit/s, with a token bucket at the switch; 0 lifts the limit.
    ///
    /// # Errors
    /// [`LabError::Command`] when `tc` fails. A host without a cable has no such limit.
    pub fn limit_receiving(&self, mbit: u32) -> Result<(), LabError> {
        match &self.plug {
            Some(plug) => shape(&plug.switch, &plug.port, mbit),
            None => Ok(()),
        }
    }

    /// Limits what the host sends, in Mbit/s, with a token bucket; 0 lifts the limit.
    ///
    /// # Errors
    /// [`LabError::Command`] when `tc` fails.
    pub fn limit_sending(&self, mbit: u32) -> Result<(), LabError> {
        shape(&self.namespace, "eth0", mbit)
    }

    /// Loses this share of the frames that come and of those that go, each frame by chance of its own; 0 loses none.
    /// Frames are then no larger than on a real cable, so that one lost frame is one lost TCP segment.
    ///
    /// # Errors
    /// [`LabError::Command`] when `nft` or `ip` fail.
    pub fn lose(&self, percent: f64) -> Result<(), LabError> {
        let per_100_000 = (percent * 1_000.0).round() as u32;
        lose(&self.namespace, "eth0", per_100_000)?;
        match &self.plug {
            Some(plug) => lose(&plug.switch, &plug.port, per_100_000),
            None => Ok(()),
        }
    }

    /// Blocks multicast in both directions, as many access points do.
    ///
    /// # Errors
    /// [`LabError::Command`] when `nft` fails.
    pub fn block_multicast(&self) -> Result<(), LabError> {
        let chain = |name: &str| {
            format!(
                "chain {name} {{\ntype filter hook {name} priority 0\n\
                 ip daddr 224.0.0.0/4 drop\nip6 daddr ff02::fb drop\n}}\n"
            )
        };
        let (input, output) = (chain("input"), chain("output"));
        self.namespace
            .nft(&format!("table inet nomulticast {{\n{input}{output}}}\n"))
    }

    /// Pulls the cable, or plugs it in again.
    ///
    /// # Errors
    /// [`LabError::Command`] when `ip` fails.
    pub fn connect(&self, connected: bool) -> Result<(), LabError> {
        let state = if connected { "up" } else { "down" };
        if let Some(plug) = &self.plug {
            let port = &plug.port;
            plug.switch.ip(&format!("link set {port} {state}"))?;
        }
        Ok(())
    }
}

/// Puts a token bucket on what leaves an interface, in place of the one before.
fn shape(namespace: &Namespace, interface: &str, mbit: u32) -> Result<(), LabError> {
    if mbit == 0 {
        // There may be no limit to lift.
        drop(namespace.tc(&format!("del dev {interface} root")));
        return Ok(());
    }
    let rule = format!("replace dev {interface} root tbf rate {mbit}mbit burst 64kb latency 200ms");
    namespace.tc(&rule).map(drop)
}

/// Drops frames by chance where they enter through an interface.
fn lose(namespace: &Namespace, interface: &str, per_100_000: u32) -> Result<(), LabError> {
    let table = format!("netdev loss{interface}");
    namespace.nft(&format!("add table {table}\ndelete table {table}\n"))?;
    let segments = if per_100_000 == 0 { 65_535 } else { 1 };
    namespace.ip(&format!("link set {interface} gso_max_segs {segments}"))?;
    if per_100_000 == 0 {
        return Ok(());
    }
    namespace.nft(&format!(
        "table {table} {{\nchain in {{\ntype filter hook ingress device \"{interface}\" priority 0\n\
         numgen random mod 100000 < {per_100_000} drop\n}}\n}}\n"
    ))
}
