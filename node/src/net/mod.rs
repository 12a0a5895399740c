//! The network of a node: one libp2p swarm over TCP, Noise and Yamux, neighbours by mDNS, hints by
//! gossipsub, and streams for the protocols of [`Protocol`].
//!
//! [`Network::start`] gives a [`NetHandle`] to act and a channel of [`NetEvent`]s to follow. The
//! drivers [`meta`], [`holdings`] and [`blobs`] speak one protocol each over any byte stream, so that
//! they are tested over pipes; a [`Server`] answers inbound streams with them.

pub mod attachment;
pub mod blobs;
mod cancel;
mod config;
mod crowd;
pub mod deadline;
mod dials;
mod discovery;
mod frame;
mod handle;
mod hints;
pub mod holdings;
pub mod ids;
pub mod meta;
mod muxer;
mod protocol;
pub mod records;
mod security;
mod serve;
mod stream;
mod streams;
mod swarm;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transport;

pub use self::{
    blobs::ProviderLimits,
    cancel::Cancellable,
    config::{Limits, NetConfig, NetError, NodeKey},
    frame::FrameError,
    handle::{NetHandle, PeerInfo},
    ids::NodeId,
    protocol::Protocol,
    serve::{FoundMeta, Serve, Server},
    stream::{PeerCounters, Stream},
    streams::OpenError,
};

use libp2p::Multiaddr;
use pishtar_mesh::Attachment;
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
    /// The peer said how it hangs on its network.
    Attached {
        /// Who said it.
        peer: NodeId,
        /// What it said.
        attachment: Attachment,
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
