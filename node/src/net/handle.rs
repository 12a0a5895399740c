//! The handle through which the rest of the node acts on the network.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libp2p::{Multiaddr, multiaddr, swarm};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use super::{
    MAX_HINT_BYTES, NodeId, OpenError, Protocol, Stream,
    stream::{InboundSlot, PeerCounters},
};

/// How long [`NetHandle::open`] waits.
pub(crate) const OPEN_DEADLINE: Duration = Duration::from_secs(5);

/// Peers remembered for their counters; protects memory on a network where ids come and go.
const MAX_REMEMBERED: usize = 1024;

/// What the handle asks of the swarm's task.
#[derive(Debug)]
pub(crate) enum Command {
    Open {
        peer: NodeId,
        protocol: Protocol,
        reply: oneshot::Sender<Result<swarm::Stream, OpenError>>,
    },
    Publish(Vec<u8>),
    Dial(Multiaddr),
    Shutdown(oneshot::Sender<()>),
}

/// Acts on the network. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NetHandle {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// What is known of a peer that is or was connected.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// Who it is.
    pub peer: NodeId,
    /// Whether a connection is up.
    pub connected: bool,
    /// Where it was dialled or came from last.
    pub address: Multiaddr,
    /// Bytes received from it over streams.
    pub rx_bytes: u64,
    /// Bytes sent to it over streams.
    pub tx_bytes: u64,
}

impl NetHandle {
    pub(crate) fn new(commands: mpsc::Sender<Command>, shared: Arc<Shared>) -> NetHandle {
        NetHandle { commands, shared }
    }

    /// The id of this node.
    pub fn local_id(&self) -> NodeId {
        self.shared.local
    }

    /// Opens a stream to a connected peer, within 5 seconds.
    ///
    /// The peer's agreement to the protocol is only seen with its first byte, so a peer that does not
    /// speak it shows as an error of the first read.
    ///
    /// # Errors
    /// See [`OpenError`]: mostly that the peer is gone or slow. Ask another peer.
    pub async fn open(&self, peer: NodeId, protocol: Protocol) -> Result<Stream, OpenError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Open {
            peer,
            protocol,
            reply,
        };
        let opening = async {
            let sent = self.commands.send(command).await;
            sent.map_err(|_| OpenError::Closed)?;
            // The request is dropped together with its connection.
            answer.await.unwrap_or(Err(OpenError::NotConnected))
        };
        let inner = match time::timeout(OPEN_DEADLINE, opening).await {
            Ok(opened) => opened?,
            Err(_) => return Err(OpenError::Deadline),
        };
        Ok(self.shared.stream(peer, inner, None))
    }

    /// Publishes a hint to the neighbours; it may get lost, and is cut off above
    /// [`MAX_HINT_BYTES`].
    pub fn publish_hint(&self, bytes: Vec<u8>) {
        if bytes.len() > MAX_HINT_BYTES {
            tracing::warn!(length = bytes.len(), "a hint is too long and was not sent");
            return;
        }
        // Full or closed: a hint is allowed to get lost.
        drop(self.commands.try_send(Command::Publish(bytes)));
    }

    /// Dials an address now and whenever it is not connected, as with `--peer`.
    pub async fn dial(&self, address: Multiaddr) {
        // Fails only when the network is shut down.
        drop(self.commands.send(Command::Dial(address)).await);
    }

    /// The addresses this node listens on.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        lock(&self.shared.listen).clone()
    }

    /// The peers that are or were connected, with their byte counts.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let peers = lock(&self.shared.peers);
        let info = peers.iter().map(|(peer, record)| PeerInfo {
            peer: *peer,
            connected: record.connected,
            address: record.address.clone(),
            rx_bytes: record.counters.rx_bytes(),
            tx_bytes: record.counters.tx_bytes(),
        });
        info.collect()
    }

    /// The machine that a peer was last reached at; `None` for an unknown one and for this machine itself, whose programs are
    /// told apart by their keys. All addresses of one IPv6 subnet are one machine: whoever has one of them has them all.
    pub fn host_of(&self, peer: NodeId) -> Option<IpAddr> {
        self.shared.host_of(peer)
    }

    /// Says goodbye to the neighbours, closes every connection and ends the network.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Shutdown(done)).await.is_ok() {
            // An error means that the task has ended, which is what is wanted.
            drop(ended.await);
        }
    }
}

/// State that handles read and the swarm's task writes.
#[derive(Debug)]
pub(crate) struct Shared {
    local: NodeId,
    listen: Mutex<Vec<Multiaddr>>,
    peers: Mutex<BTreeMap<NodeId, Record>>,
}

#[derive(Debug)]
struct Record {
    connected: bool,
    address: Multiaddr,
    counters: Arc<PeerCounters>,
}

impl Shared {
    pub(crate) fn new(local: NodeId) -> Shared {
        Shared {
            local,
            listen: Mutex::default(),
            peers: Mutex::default(),
        }
    }

    pub(crate) fn listening(&self, address: Multiaddr, yes: bool) {
        let mut listen = lock(&self.listen);
        listen.retain(|a| *a != address);
        if yes {
            listen.push(address);
        }
    }

    pub(crate) fn connected(&self, peer: NodeId, address: Multiaddr) {
        let mut peers = lock(&self.peers);
        if peers.len() >= MAX_REMEMBERED && !peers.contains_key(&peer) {
            let gone = peers.iter().find(|(_, r)| !r.connected).map(|(p, _)| *p);
            if let Some(gone) = gone {
                peers.remove(&gone);
            }
        }
        let record = peers.entry(peer).or_insert_with(|| Record {
            connected: true,
            address: address.clone(),
            counters: Arc::default(),
        });
        record.connected = true;
        record.address = address;
    }

    pub(crate) fn disconnected(&self, peer: NodeId) {
        if let Some(record) = lock(&self.peers).get_mut(&peer) {
            record.connected = false;
        }
    }

    /// See [`NetHandle::host_of`].
    pub(crate) fn host_of(&self, peer: NodeId) -> Option<IpAddr> {
        host(&lock(&self.peers).get(&peer)?.address)
    }

    /// Bytes received so far from the peer.
    pub(crate) fn rx_bytes(&self, peer: NodeId) -> u64 {
        let peers = lock(&self.peers);
        peers.get(&peer).map_or(0, |r| r.counters.rx_bytes())
    }

    pub(crate) fn stream(
        &self,
        peer: NodeId,
        inner: swarm::Stream,
        slot: Option<InboundSlot>,
    ) -> Stream {
        let counters = lock(&self.peers).get(&peer).map(|r| r.counters.clone());
        Stream::new(inner, counters.unwrap_or_default(), slot)
    }
}

/// See [`NetHandle::host_of`].
pub(super) fn host(address: &Multiaddr) -> Option<IpAddr> {
    let ip = address.iter().find_map(|part| match part {
        multiaddr::Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        multiaddr::Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    })?;
    match ip {
        _ if ip.is_loopback() => None,
        // Link-local addresses share one subnet on every network.
        IpAddr::V6(ip) if !ip.is_unicast_link_local() => {
            let subnet = u128::from(ip) >> 64 << 64;
            Some(IpAddr::V6(subnet.into()))
        }
        ip => Some(ip),
    }
}

/// A panic elsewhere leaves these plain values usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
