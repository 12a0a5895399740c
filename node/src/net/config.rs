//! What a node's network needs to know to start.

use libp2p::{Multiaddr, identity::Keypair};
use thiserror::Error;

/// The settings of [`Network::start`](super::Network::start).
#[derive(Clone)]
pub struct NetConfig {
    /// The node's ed25519 key.
    pub key: NodeKey,
    /// Where to listen, for example `/ip4/0.0.0.0/tcp/0`. Empty: only dial.
    pub listen: Vec<Multiaddr>,
    /// Name of the network; nodes of different networks neither see nor reach each other.
    pub tag: String,
    /// Whether to announce this node and look for neighbours by mDNS.
    pub mdns: bool,
    /// Addresses that are dialled for ever, with or without a peer id at the end.
    pub dial: Vec<Multiaddr>,
    /// Bounds that protect this node from its peers.
    pub limits: Limits,
    /// Whether a hint is worth passing on to others; a hint that is not is dropped.
    pub hint_is_valid: fn(&[u8]) -> bool,
}

impl NetConfig {
    /// A node with this key that listens on all addresses, on the network `pishtar`, with mDNS.
    pub fn new(key: NodeKey) -> NetConfig {
        let any = "/ip4/0.0.0.0/tcp/0".parse().expect("a valid constant");
        NetConfig {
            key,
            listen: vec![any],
            tag: "pishtar".to_owned(),
            mdns: true,
            dial: Vec::new(),
            limits: Limits::default(),
            hint_is_valid: |_| true,
        }
    }
}

/// Bounds that protect a node from its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once (default 256). Lower: a large school splits into islands that reach each
    /// other over others. Higher: memory, some 200 KiB per busy connection.
    pub max_connections: u32,
    /// Connections of one machine, however many ids it takes on (default 64). Lower: a class behind one address finds no
    /// room. Higher: a few machines take all room.
    pub max_connections_per_machine: u32,
    /// Inbound streams one peer may have open (default 32). Lower: a fast peer cannot keep enough
    /// ranges in flight. Higher: one peer can hold more of our tasks.
    pub max_inbound_streams_per_peer: usize,
    /// Resident memory in bytes above which no new connection is made (default 512 MiB).
    pub max_resident_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_connections: 256,
            max_connections_per_machine: 64,
            max_inbound_streams_per_peer: 32,
            max_resident_bytes: 512 * 1024 * 1024,
        }
    }
}

/// A node's secret key. Never printed.
#[derive(Clone)]
pub struct NodeKey(pub(crate) Keypair);

impl NodeKey {
    /// The key made from a 32-byte ed25519 seed.
    pub fn from_seed(seed: [u8; 32]) -> NodeKey {
        let pair = Keypair::ed25519_from_bytes(seed).expect("any 32 bytes are an ed25519 seed");
        NodeKey(pair)
    }

    /// The public id of the node with this key.
    pub fn node_id(&self) -> super::NodeId {
        super::ids::to_node_id(&self.0.public().to_peer_id()).expect("ed25519 ids are inlined")
    }
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeKey({})", self.0.public().to_peer_id())
    }
}

/// Why the network could not start.
#[derive(Debug, Error)]
pub enum NetError {
    /// The address cannot be listened on: usually another program has the port.
    #[error("cannot listen on {address}: {reason}. Choose another address or port with --listen")]
    Listen {
        /// The address as given.
        address: Multiaddr,
        /// What the system says.
        reason: String,
    },
    /// A setting that the network layer refuses.
    #[error("the network cannot start: {0}")]
    Setup(String),
}
