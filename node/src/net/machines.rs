//! How many connections one machine may have: whoever takes on hundreds of ids still leaves room for everybody else.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, ListenFailure,
        NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
    },
};
use thiserror::Error;

use super::handle::host;

/// A machine has its share already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("one machine may have {0} connections here, and has them")]
pub(super) struct Share(u32);

/// Counts connections by machine, those that are only being made included. Programs of this machine itself are not counted:
/// their keys tell them apart.
///
/// Always true: no machine has more than `most` connections, and `held` names exactly those that were let in and are open
/// or being made.
#[derive(Debug)]
pub(super) struct Behaviour {
    most: u32,
    held: BTreeMap<ConnectionId, IpAddr>,
    counts: BTreeMap<IpAddr, u32>,
}

impl Behaviour {
    /// At most so many for each machine.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            held: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Lets a connection in. Asked again, as when one that was being made is there, it counts once.
    fn admit(&mut self, id: ConnectionId, address: &Multiaddr) -> Result<(), Share> {
        let Some(machine) = host(address).filter(|_| !self.held.contains_key(&id)) else {
            return Ok(());
        };
        let count = self.counts.entry(machine).or_default();
        if *count >= self.most {
            return Err(Share(self.most));
        }
        *count += 1;
        self.held.insert(id, machine);
        Ok(())
    }

    fn gone(&mut self, id: ConnectionId) {
        let Some(machine) = self.held.remove(&id) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&machine) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&machine);
            }
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = std::convert::Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.admit(id, remote).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        _peer: PeerId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(id, remote).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        _peer: PeerId,
        address: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(id, address).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => {
                self.gone(connection_id);
            }
            // Another behaviour may refuse what this one let in.
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.gone(connection_id);
            }
            FromSwarm::DialFailure(failure) => self.gone(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _peer: PeerId,
        _id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(
        &mut self,
        _cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_machine_has_its_share_and_gets_it_back() {
        let mut machines = Behaviour::new(3);
        let mut ids = (0..100).map(ConnectionId::new_unchecked);
        let flood = at("/ip4/10.0.0.9/tcp/40000");
        let first: Vec<ConnectionId> = ids.by_ref().take(3).collect();
        for id in &first {
            assert_eq!(machines.admit(*id, &flood), Ok(()));
            assert_eq!(machines.admit(*id, &flood), Ok(()), "the same connection");
        }
        let late = ids.next().unwrap();
        let other_port = at("/ip4/10.0.0.9/tcp/50000");
        assert_eq!(machines.admit(late, &other_port), Err(Share(3)));
        let honest = ids.next().unwrap();
        assert_eq!(machines.admit(honest, &at("/ip4/10.0.0.7/tcp/1")), Ok(()));
        machines.gone(late);
        assert_eq!(machines.admit(late, &flood), Err(Share(3)), "it had none");
        machines.gone(first[0]);
        assert_eq!(machines.admit(late, &flood), Ok(()));
        for id in [first[1], first[2], late, honest] {
            machines.gone(id);
        }
        assert!(machines.held.is_empty() && machines.counts.is_empty());
    }

    #[test]
    fn an_ipv6_subnet_is_one_machine_and_this_one_is_none() {
        let mut machines = Behaviour::new(1);
        let id = ConnectionId::new_unchecked;
        assert_eq!(machines.admit(id(1), &at("/ip6/fd00::1/tcp/1")), Ok(()));
        let neighbour = machines.admit(id(2), &at("/ip6/fd00::2/tcp/1"));
        assert_eq!(neighbour, Err(Share(1)));
        for n in 3..9 {
            let here = at("/ip4/127.0.0.1/tcp/1");
            assert_eq!(machines.admit(id(n), &here), Ok(()));
        }
    }
}
