//! What one machine may take of the places for connections, whatever keys it shows.
//!
//! A key costs nothing, an address in the neighbourhood does: so places are counted by machine, and one that opens
//! connections without end keeps only itself out.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    net::IpAddr,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use super::{config::Limits, handle::machine};

/// Counts the inbound connections of each machine.
///
/// Always true: `handshakes` holds the inbound connections that were let in and have not proven their key, `connected` those
/// that have, each until it ends. The places of all machines together are bounded elsewhere.
pub(crate) struct Behaviour {
    handshakes: Places,
    connected: Places,
}

/// Why a connection is refused.
#[derive(Debug)]
struct Crowded(IpAddr);

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has too many connections to this node", self.0)
    }
}

impl std::error::Error for Crowded {}

/// Places that machines take; an address without a machine (none of ours is) takes none.
struct Places {
    taken: BTreeMap<ConnectionId, IpAddr>,
    per_machine: usize,
}

impl Places {
    fn new(per_machine: usize) -> Places {
        Places {
            taken: BTreeMap::new(),
            per_machine,
        }
    }

    fn check(&self, address: &Multiaddr) -> Result<(), ConnectionDenied> {
        let Some(machine) = machine(address) else {
            return Ok(());
        };
        let taken = self.taken.values().filter(|taken| **taken == machine);
        if taken.count() >= self.per_machine {
            return Err(ConnectionDenied::new(Crowded(machine)));
        }
        Ok(())
    }

    fn take(&mut self, id: ConnectionId, address: &Multiaddr) {
        self.taken
            .extend(machine(address).map(|machine| (id, machine)));
    }
}

impl Behaviour {
    pub(crate) fn new(limits: &Limits) -> Behaviour {
        Behaviour {
            handshakes: Places::new(limits.max_handshakes_per_machine),
            connected: Places::new(limits.max_connections_per_machine),
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.handshakes.check(from)?;
        // What has no place later needs no handshake.
        self.connected.check(from)?;
        self.handshakes.take(id, from);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handshakes.taken.remove(&id);
        self.connected.check(from)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(made) => {
                if let ConnectedPoint::Listener { send_back_addr, .. } = made.endpoint {
                    self.connected.take(made.connection_id, send_back_addr);
                }
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.connected.taken.remove(&closed.connection_id);
            }
            FromSwarm::ListenFailure(failed) => {
                self.handshakes.taken.remove(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
