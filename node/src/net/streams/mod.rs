//! The swarm behaviour that opens and accepts our streams.
//!
//! Unlike `libp2p-stream` it negotiates any number of outbound streams at once, never drops an
//! accepted stream silently while the peer is below its cap, and answers an open request with an
//! error as soon as the connection goes.

mod handler;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::AtomicUsize},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        self, ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour,
        NotifyHandler, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::ConnectionEstablished,
    },
};
use thiserror::Error;
use tokio::sync::oneshot;

use self::handler::Handler;
use super::{protocol::Protocol, stream::InboundSlot};

/// Why a stream to a peer could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no connection to the peer; wait for it to be found again.
    #[error("not connected to this peer")]
    NotConnected,
    /// The peer did not answer within the deadline; try another peer.
    #[error("the peer did not open the stream in time")]
    Deadline,
    /// The peer does not know the protocol: it runs an older or another program.
    #[error("the peer does not speak {}", .0.name())]
    Unsupported(Protocol),
    /// Too many streams are being opened to this peer at once; try again when some have ended.
    #[error("too many streams are being opened to this peer")]
    TooMany,
    /// The connection failed while the stream was negotiated.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// This node is shutting down.
    #[error("the network is shut down")]
    Closed,
}

/// Where the answer to an open request goes.
pub(crate) type OpenReply = oneshot::Sender<Result<swarm::Stream, OpenError>>;

/// A request to a connection handler to open one stream.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) protocol: Protocol,
    pub(crate) reply: OpenReply,
}

/// A stream that a peer opened to us.
#[derive(Debug)]
pub(crate) struct InboundStream {
    pub(crate) peer: PeerId,
    pub(crate) protocol: Protocol,
    pub(crate) stream: swarm::Stream,
    pub(crate) slot: InboundSlot,
}

/// Opens and accepts streams. Always true: `connections` holds exactly the established
/// connections, and a peer has never more than `max_inbound` accepted streams alive.
pub(crate) struct Behaviour {
    connections: BTreeMap<PeerId, Peer>,
    queue: VecDeque<ToSwarm<InboundStream, OpenRequest>>,
    /// Protects tasks and memory from one peer that opens streams without end.
    max_inbound: usize,
}

#[derive(Default)]
struct Peer {
    connections: Vec<ConnectionId>,
    inbound: Arc<AtomicUsize>,
}

impl Behaviour {
    pub(crate) fn new(max_inbound: usize) -> Behaviour {
        Behaviour {
            connections: BTreeMap::new(),
            queue: VecDeque::new(),
            max_inbound,
        }
    }

    /// Asks for a stream over the oldest connection to `peer` that is not being closed.
    pub(crate) fn open(&mut self, peer: PeerId, request: OpenRequest) {
        let connection = self
            .connections
            .get(&peer)
            .and_then(|p| p.connections.first().copied());
        match connection {
            Some(connection) => self.queue.push_back(ToSwarm::NotifyHandler {
                peer_id: peer,
                handler: NotifyHandler::One(connection),
                event: request,
            }),
            // The asker may have given up already; then nobody listens.
            None => drop(request.reply.send(Err(OpenError::NotConnected))),
        }
    }

    /// Open nothing more over a connection that is about to be closed as a duplicate.
    pub(crate) fn retire(&mut self, peer: &PeerId, connection: ConnectionId) {
        if let Some(peer) = self.connections.get_mut(peer) {
            peer.connections.retain(|c| *c != connection);
        }
    }

    fn closed(&mut self, closed: ConnectionClosed<'_>) {
        self.retire(&closed.peer_id, closed.connection_id);
        if closed.remaining_established == 0 {
            self.connections.remove(&closed.peer_id);
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = InboundStream;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                ..
            }) => {
                let peer = self.connections.entry(peer_id).or_default();
                peer.connections.push(connection_id);
            }
            FromSwarm::ConnectionClosed(closed) => self.closed(closed),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        _: ConnectionId,
        (protocol, stream): THandlerOutEvent<Self>,
    ) {
        let Some(known) = self.connections.get(&peer) else {
            return;
        };
        // Above the cap the stream is dropped, which the peer sees as a reset.
        let Some(slot) = InboundSlot::take(&known.inbound, self.max_inbound) else {
            tracing::debug!(?protocol, "refused a stream: the peer has too many open");
            return;
        };
        self.queue.push_back(ToSwarm::GenerateEvent(InboundStream {
            peer,
            protocol,
            stream,
            slot,
        }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.queue.pop_front() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }
}
