//! The network of a node: one libp2p swarm over TCP, Noise and Yamux, neighbours by mDNS, hints by
//! gossipsub, and streams for the protocols of [`Protocol`].
//!
//! [`Network::start`] gives a [`NetHandle`] to act and a channel of [`NetEvent`]s to follow.

mod config;
mod dials;
mod discovery;
mod handle;
mod hints;
pub mod ids;
mod protocol;
pub mod records;
mod stream;
mod streams;
mod swarm;
#[cfg(test)]
mod tests;
mod transport;

pub use self::{
    config::{Limits, NetConfig, NetError, NodeKey},
    handle::{NetHandle, PeerInfo},
    ids::NodeId,
    protocol::Protocol,
    stream::{PeerCounters, Stream},
    streams::OpenError,
};

use libp2p::Multiaddr;
use tokio::sync::mpsc;

/// What happened on the network. For one peer: `Connected`, then anything, then `Disconnected`.
#[derive(Debug)]
pub enum NetEvent {
    /// The node can be reached at this address.
    Listening(Multiaddr),
    /// A first connection to the peer is there; Noise proved its id.
    Connected {
        /// Who it is.
        peer: NodeId,
        /// Where it was dialled or came from.
        address: Multiaddr,
    },
    /// The last connection to the peer is gone.
    Disconnected {
        /// Who it was.
        peer: NodeId,
    },
    /// A hint (at most [`MAX_HINT_BYTES`]). Hints get lost and may lie: use them only to ask sooner.
    Hint {
        /// The connected peer that passed it on; it may not have written it.
        peer: NodeId,
        /// The bytes as published.
        bytes: Vec<u8>,
    },
    /// A peer opened a stream to this node and waits to be served.
    Inbound {
        /// Who asks.
        peer: NodeId,
        /// What the stream speaks.
        protocol: Protocol,
        /// The stream.
        stream: Stream,
    },
}

/// The longest hint in bytes.
pub const MAX_HINT_BYTES: usize = 4096;

/// The network of a node.
pub struct Network;

impl Network {
    /// Starts the network on the current tokio runtime.
    ///
    /// It runs until [`NetHandle::shutdown`] or until every handle and the receiver are dropped. A
    /// receiver that lags loses hints and inbound streams, never `Connected` or `Disconnected`.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub fn start(config: NetConfig) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), NetError> {
        swarm::start(config)
    }
}
