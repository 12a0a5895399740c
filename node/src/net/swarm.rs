//! The task that drives the libp2p swarm.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, connection_limits,
    core::{ConnectedPoint, upgrade::Version},
    gossipsub, identify, memory_connection_limits, multiaddr, ping,
    swarm::{
        ConnectionId, DialError, NetworkBehaviour, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use super::{
    NetConfig, NetError, NetEvent, NetHandle, NodeId,
    config::Limits,
    dials::{Dials, Target},
    discovery::{Announcement, Discovery, Sighting},
    handle::{Command, Shared},
    hints, ids, machines,
    streams::{self, InboundStream, OpenRequest},
    transport,
};

/// Events that wait for a slow receiver; hints and inbound streams above are dropped.
const MAX_PENDING_EVENTS: usize = 256;
/// Connections without any use are closed after this; our own streams behaviour keeps neighbours.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// Pings in a row that must fail, without any byte received in between, to give a peer up.
const MAX_PING_FAILURES: u32 = 2;

#[derive(NetworkBehaviour)]
struct Behaviour {
    connections: connection_limits::Behaviour,
    machines: machines::Behaviour,
    memory: memory_connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    hints: gossipsub::Behaviour,
    streams: streams::Behaviour,
}

/// Builds the swarm, starts to listen and spawns the task.
pub(super) fn start(config: NetConfig) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), NetError> {
    let local = config.key.node_id();
    let mut swarm = build(&config)?;
    for address in &config.listen {
        let listen = |reason: String| NetError::Listen {
            address: address.clone(),
            reason,
        };
        probe_port(address).map_err(|e| listen(e.to_string()))?;
        let listening = swarm.listen_on(address.clone());
        listening.map_err(|e| listen(e.to_string()))?;
    }
    let shared = Arc::new(Shared::new(local));
    let (commands, command_rx) = mpsc::channel(256);
    let (event_tx, events) = mpsc::channel(1024);
    let (sighting_tx, sightings) = mpsc::channel(64);
    let mut dials = Dials::new(*swarm.local_peer_id());
    for address in &config.dial {
        dials.configure(address.clone(), Duration::ZERO);
    }
    let task = Task {
        swarm,
        shared: shared.clone(),
        dials,
        dialling: BTreeMap::new(),
        peers: BTreeMap::new(),
        pending: VecDeque::new(),
        discovery: None,
        wants_mdns: config.mdns,
        sighting_tx,
        hint_is_valid: config.hint_is_valid,
        allowances: hints::Allowances::default(),
        started: Instant::now(),
        config_listen: config.listen,
        tag: config.tag,
    };
    tokio::spawn(task.run(command_rx, sightings, event_tx));
    Ok((NetHandle::new(commands, shared), events))
}

/// libp2p shares a port with any program that allows it (`SO_REUSEPORT`), so that a second node
/// would silently take half of the connections of the first: find that out with a plain socket.
fn probe_port(address: &Multiaddr) -> io::Result<()> {
    let port = tcp_port(address).filter(|port| *port != 0);
    match (ip_of(address), port) {
        (Some(ip), Some(port)) => std::net::TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

fn build(config: &NetConfig) -> Result<Swarm<Behaviour>, NetError> {
    let pair = &config.key.0;
    let setup = |e: &dyn std::fmt::Display| NetError::Setup(e.to_string());
    let max_streams = config.limits.max_inbound_streams_per_peer * 2 + 64;
    let transport = transport::build(pair, &config.tag, max_streams).map_err(|e| setup(&e))?;
    let behaviour = Behaviour {
        connections: connection_limits::Behaviour::new(connection_limits_of(&config.limits)),
        machines: machines::Behaviour::new(config.limits.max_connections_per_machine),
        memory: memory_connection_limits::Behaviour::with_max_bytes(
            config.limits.max_resident_bytes,
        ),
        identify: identify::Behaviour::new(
            identify::Config::new("/pishtar/1".to_owned(), pair.public())
                .with_agent_version(concat!("pishtar/", env!("CARGO_PKG_VERSION")).to_owned()),
        ),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_secs(15))),
        hints: hints::behaviour().map_err(NetError::Setup)?,
        streams: streams::Behaviour::new(config.limits.max_inbound_streams_per_peer),
    };
    let swarm_config = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_TIMEOUT)
        // Saves a round trip per stream: the request travels with the negotiation.
        .with_substream_upgrade_protocol_override(Version::V1Lazy);
    let local = pair.public().to_peer_id();
    Ok(Swarm::new(transport, behaviour, local, swarm_config))
}

/// Two connections per peer, because two nodes may dial each other at once.
fn connection_limits_of(limits: &Limits) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(32))
        .with_max_pending_outgoing(Some(32))
        .with_max_established(Some(limits.max_connections))
        .with_max_established_per_peer(Some(2))
}

/// A connection of a peer, oldest first.
struct Connection {
    id: ConnectionId,
    we_dialled: bool,
}

#[derive(Default)]
struct Peer {
    connections: Vec<Connection>,
    ping_failures: u32,
    rx_at_failure: u64,
}

/// Always true: `peers` holds the established connections, and the receiver was told `Connected`
/// for exactly those peers (in `pending` or sent).
struct Task {
    swarm: Swarm<Behaviour>,
    shared: Arc<Shared>,
    dials: Dials,
    dialling: BTreeMap<ConnectionId, Target>,
    peers: BTreeMap<PeerId, Peer>,
    pending: VecDeque<NetEvent>,
    discovery: Option<Discovery>,
    wants_mdns: bool,
    sighting_tx: mpsc::Sender<Sighting>,
    hint_is_valid: fn(&[u8]) -> bool,
    allowances: hints::Allowances,
    started: Instant,
    config_listen: Vec<Multiaddr>,
    tag: String,
}

impl Task {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut sightings: mpsc::Receiver<Sighting>,
        events: mpsc::Sender<NetEvent>,
    ) {
        let mut done = None;
        loop {
            self.dial_what_is_due();
            let wake = self.dials.next_deadline().map(|at| self.started + at);
            tokio::select! {
                event = self.swarm.select_next_some() => self.swarm_event(event),
                command = commands.recv() => match command {
                    Some(Command::Shutdown(reply)) => {
                        done = Some(reply);
                        break;
                    }
                    Some(command) => self.command(command),
                    None => break,
                },
                Some(sighting) = sightings.recv() => self.sighting(sighting),
                permit = events.reserve(), if !self.pending.is_empty() => match permit {
                    Ok(permit) => {
                        permit.send(self.pending.pop_front().expect("checked by the guard"));
                    }
                    Err(_) => break,
                },
                () = sleep_until(wake), if wake.is_some() => {}
            }
        }
        self.close(done).await;
    }

    async fn close(mut self, done: Option<oneshot::Sender<()>>) {
        const CLOSING: Duration = Duration::from_secs(2);
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown().await;
        }
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            // Fails when the connection is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let swarm = &mut self.swarm;
        let closing = async {
            while swarm.connected_peers().next().is_some() {
                swarm.next().await;
            }
        };
        // What does not close in time is cut off by dropping the swarm.
        drop(time::timeout(CLOSING, closing).await);
        for peer in self.peers.keys().filter_map(ids::to_node_id) {
            self.shared.disconnected(peer);
        }
        drop(self.swarm);
        if let Some(done) = done {
            // The asker may have stopped waiting.
            let _ = done.send(());
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Open {
                peer,
                protocol,
                reply,
            } => match ids::to_peer_id(peer) {
                Some(peer) => {
                    let request = OpenRequest { protocol, reply };
                    self.swarm.behaviour_mut().streams.open(peer, request);
                }
                None => drop(reply.send(Err(streams::OpenError::NotConnected))),
            },
            Command::Publish(bytes) => {
                let behaviour = &mut self.swarm.behaviour_mut().hints;
                if let Err(error) = behaviour.publish(hints::topic(), bytes) {
                    // Normal without neighbours and for a hint that was just sent.
                    tracing::trace!(%error, "a hint was not published");
                }
            }
            Command::Dial(address) => {
                let now = self.now();
                self.dials.configure(address, now);
            }
            Command::Shutdown(_) => unreachable!("taken by the run loop"),
        }
    }

    fn sighting(&mut self, sighting: Sighting) {
        let connected = self.peers.contains_key(&sighting.peer);
        let now = self.now();
        self.dials
            .discovered(sighting.peer, sighting.addresses, connected, now);
    }

    fn dial_what_is_due(&mut self) {
        let now = self.now();
        for dial in self.dials.due(now) {
            let options = match dial.peer {
                Some(peer) => DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(dial.addresses)
                    .build(),
                None => match dial.addresses.into_iter().next() {
                    Some(address) => DialOpts::from(address),
                    None => continue,
                },
            };
            let id = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => {
                    self.dialling.insert(id, dial.target);
                }
                Err(error) => {
                    tracing::debug!(%error, "could not dial");
                    self.dials.failed(&dial.target, now);
                }
            }
        }
    }

    fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.shared.listening(address, false);
            }
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => self.established(peer_id, connection_id, &endpoint),
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                ..
            } => self.closed(peer_id, connection_id),
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => self.dial_failed(connection_id, &error),
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            _ => {}
        }
    }

    fn listening(&mut self, address: Multiaddr) {
        self.shared.listening(address.clone(), true);
        if self.wants_mdns
            && let Some(port) = tcp_port(&address)
        {
            self.wants_mdns = false;
            self.discover(port);
        }
        self.pending.push_back(NetEvent::Listening(address));
    }

    fn discover(&mut self, port: u16) {
        let announcement = Announcement {
            peer: *self.swarm.local_peer_id(),
            port,
            addresses: announced_addresses(&self.config_listen),
            tag: self.tag.clone(),
        };
        match Discovery::start(&announcement, self.sighting_tx.clone()) {
            Ok(discovery) => self.discovery = Some(discovery),
            Err(error) => tracing::warn!(
                %error,
                "mDNS does not work here: neighbours must be given with --peer"
            ),
        }
    }

    fn established(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let target = self.dialling.remove(&id);
        let Some(node) = ids::to_node_id(&peer) else {
            // Not one of our keys: no Pishtar node has it.
            self.swarm.close_connection(id);
            return;
        };
        self.dials.connected(peer, target.as_ref());
        let entry = self.peers.entry(peer).or_default();
        let first = entry.connections.is_empty();
        entry.connections.push(Connection {
            id,
            we_dialled: endpoint.is_dialer(),
        });
        let address = endpoint.get_remote_address().clone();
        self.shared.connected(node, address.clone());
        match first {
            true => self.pending.push_back(NetEvent::Connected {
                peer: node,
                address,
            }),
            false => self.close_duplicates(peer),
        }
    }

    /// Of two connections both ends keep the one that the lower id dialled; of two that the same
    /// end dialled, that end closes the newer one.
    fn close_duplicates(&mut self, peer: PeerId) {
        let we_are_lower = self.swarm.local_peer_id().to_bytes() < peer.to_bytes();
        let Some(entry) = self.peers.get(&peer) else {
            return;
        };
        let mixed = entry.connections.iter().any(|c| c.we_dialled)
            && entry.connections.iter().any(|c| !c.we_dialled);
        let surplus: Vec<ConnectionId> = match mixed {
            true => {
                let lost = entry.connections.iter();
                lost.filter(|c| c.we_dialled != we_are_lower)
                    .map(|c| c.id)
                    .collect()
            }
            false => {
                let newer = entry.connections.iter().skip(1);
                newer.filter(|c| c.we_dialled).map(|c| c.id).collect()
            }
        };
        for id in surplus {
            self.swarm.behaviour_mut().streams.retire(&peer, id);
            self.swarm.close_connection(id);
        }
    }

    fn closed(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        entry.connections.retain(|c| c.id != id);
        if !entry.connections.is_empty() {
            return;
        }
        self.peers.remove(&peer);
        let now = self.now();
        self.dials.disconnected(peer, now);
        if let Some(node) = ids::to_node_id(&peer) {
            self.shared.disconnected(node);
            self.pending
                .push_back(NetEvent::Disconnected { peer: node });
        }
    }

    fn dial_failed(&mut self, id: ConnectionId, error: &DialError) {
        let Some(target) = self.dialling.remove(&id) else {
            return;
        };
        tracing::debug!(%error, "a dial failed");
        let now = self.now();
        match error {
            DialError::LocalPeerId { .. } => self.dials.is_ourselves(&target),
            _ => self.dials.failed(&target, now),
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Streams(inbound) => self.inbound(inbound),
            BehaviourEvent::Hints(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => self.hint(propagation_source, &message_id, message),
            BehaviourEvent::Ping(ping::Event {
                peer,
                connection,
                result,
            }) => self.pinged(peer, connection, result.is_ok()),
            _ => {}
        }
    }

    fn inbound(&mut self, inbound: InboundStream) {
        let Some(peer) = ids::to_node_id(&inbound.peer) else {
            return;
        };
        if self.pending.len() >= MAX_PENDING_EVENTS {
            tracing::warn!(protocol = ?inbound.protocol, "too busy: a stream was refused");
            return;
        }
        let stream = self.shared.stream(peer, inbound.stream, Some(inbound.slot));
        self.pending.push_back(NetEvent::Inbound {
            peer,
            protocol: inbound.protocol,
            stream,
        });
    }

    fn hint(&mut self, from: PeerId, id: &gossipsub::MessageId, message: gossipsub::Message) {
        let node = ids::to_node_id(&from);
        let machine = node.and_then(|node| self.shared.host_of(node));
        let sender = machine.map_or(hints::Sender::Program(from), hints::Sender::Machine);
        let now = self.now();
        let allowed = self.allowances.take(sender, message.data.len(), now);
        let valid = allowed && (self.hint_is_valid)(&message.data);
        let verdict = match (valid, allowed) {
            (true, _) => gossipsub::MessageAcceptance::Accept,
            (false, true) => gossipsub::MessageAcceptance::Reject,
            (false, false) => gossipsub::MessageAcceptance::Ignore,
        };
        let behaviour = &mut self.swarm.behaviour_mut().hints;
        // False when the message has left gossipsub's cache already.
        let _in_cache = behaviour.report_message_validation_result(id, &from, verdict);
        if let (true, Some(peer)) = (valid, node)
            && self.pending.len() < MAX_PENDING_EVENTS
        {
            self.pending.push_back(NetEvent::Hint {
                peer,
                bytes: message.data,
            });
        }
    }

    /// A ping waits behind data on a slow link, so a failure counts only while nothing arrives.
    fn pinged(&mut self, peer: PeerId, connection: ConnectionId, ok: bool) {
        let rx = ids::to_node_id(&peer).map_or(0, |node: NodeId| self.shared.rx_bytes(node));
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        if ok || rx != entry.rx_at_failure {
            entry.ping_failures = 0;
        }
        if !ok {
            entry.ping_failures += 1;
            entry.rx_at_failure = rx;
            if entry.ping_failures >= MAX_PING_FAILURES {
                self.swarm.close_connection(connection);
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn tcp_port(address: &Multiaddr) -> Option<u16> {
    address.iter().find_map(|part| match part {
        multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    })
}

/// The addresses to announce: those given to `--listen`, or none (meaning all) when one of them
/// stands for every address.
fn announced_addresses(listen: &[Multiaddr]) -> Vec<IpAddr> {
    let given: Vec<IpAddr> = listen.iter().filter_map(ip_of).collect();
    match given.iter().any(IpAddr::is_unspecified) {
        true => Vec::new(),
        false => given,
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        multiaddr::Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        multiaddr::Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}
