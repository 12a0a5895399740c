//! A Wi-Fi cell: stations that share the air, and a host that is the access point.

use std::net::Ipv4Addr;

use super::{
    Host, LabError, Medium,
    namespace::Namespace,
    relay::{Relay, Role},
    tap,
};

/// Stations on shared air. Addresses are of 10.78.N.0/24, N the number of the cell.
#[derive(Debug)]
pub struct Cell {
    prefix: String,
    number: u8,
    hosts: u8,
    relay: Relay,
}

impl Cell {
    pub(super) fn new(prefix: String, number: u8, medium: Medium) -> Result<Self, LabError> {
        Ok(Self {
            prefix,
            number,
            hosts: 0,
            relay: Relay::start(medium)?,
        })
    }

    /// Adds a station, a host whose only interface, `eth0`, is in this cell.
    ///
    /// # Errors
    /// [`LabError`] when the namespace or its TAP device cannot be made.
    pub fn station(&mut self, name: &str) -> Result<Host, LabError> {
        Ok(self.host(name, Role::Station)?.on_air())
    }

    /// Adds a host that is the access point itself, or wired to it: what it sends goes over the air once.
    ///
    /// # Errors
    /// [`LabError`] when the namespace or its TAP device cannot be made.
    pub fn school(&mut self, name: &str) -> Result<Host, LabError> {
        self.host(name, Role::Direct)
    }

    /// Makes a host of the switch this cell's access point: a second interface, `wlan0`, joins the cell. It does
    /// not route between the two.
    ///
    /// # Errors
    /// [`LabError`] when the TAP device cannot be made.
    pub fn access_point(&mut self, host: &mut Host) -> Result<(), LabError> {
        let address = self.next_address();
        self.relay
            .add(tap::create(host.namespace(), "wlan0")?, Role::Direct);
        host.namespace().address("wlan0", address)?;
        host.joined_cell(address);
        Ok(())
    }

    /// Bytes that were on the air so far; what goes from station to station counts twice.
    pub fn bytes(&self) -> u64 {
        self.relay.bytes()
    }

    fn host(&mut self, name: &str, role: Role) -> Result<Host, LabError> {
        let address = self.next_address();
        let namespace = Namespace::create(&format!("{}{name}", self.prefix))?;
        self.relay.add(tap::create(&namespace, "eth0")?, role);
        namespace.address("eth0", address)?;
        namespace.ip("route add 224.0.0.0/4 dev eth0")?;
        let mut host = Host::new(namespace, address, None, None);
        host.joined_cell(address);
        Ok(host)
    }

    fn next_address(&mut self) -> Ipv4Addr {
        self.hosts += 1;
        Ipv4Addr::new(10, 78, self.number, self.hosts)
    }
}
