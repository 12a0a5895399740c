//! Whom to dial when: typed addresses for ever, discovered ones while they answer.

use std::{collections::BTreeMap, time::Duration};

use libp2p::{Multiaddr, PeerId, multiaddr};

/// Discovered peers remembered at most; protects memory from a flood of false announcements.
const MAX_DISCOVERED: usize = 256;
/// Addresses remembered per peer at most.
const MAX_ADDRESSES: usize = 8;
/// Attempts in a row that fail before a discovered peer is forgotten until it is announced again.
const MAX_FAILURES: u32 = 6;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const SLOWEST_RETRY: Duration = Duration::from_secs(60);
/// The node with the higher id waits this long, so that usually only one of two dials.
const YIELD_TO_LOWER_ID: Duration = Duration::from_millis(1500);
/// Until so long after its start nobody can have found this node: it asks three times, a quarter of a second apart, whether
/// its name is free before it announces it (RFC 6762, section 8.1).
const UNANNOUNCED: Duration = Duration::from_millis(700);

/// What a dial target is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A discovered peer.
    Peer(PeerId),
    /// An address that a person gave (`--peer`, a QR code).
    Address(Multiaddr),
}

/// One dial to make now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) target: Target,
    pub(crate) peer: Option<PeerId>,
    pub(crate) addresses: Vec<Multiaddr>,
}

#[derive(Debug)]
struct Entry {
    peer: Option<PeerId>,
    addresses: Vec<Multiaddr>,
    next: Duration,
    failures: u32,
    /// An attempt is being made.
    dialling: bool,
    connected: bool,
}

/// The addresses a node dials. Times are since the start of the node.
///
/// Always true: an entry that is connected or being dialled is not due, and the numbers of
/// discovered entries and of addresses per entry stay within their bounds.
#[derive(Debug)]
pub(crate) struct Dials {
    local: PeerId,
    entries: BTreeMap<Target, Entry>,
}

impl Dials {
    pub(crate) fn new(local: PeerId) -> Dials {
        Dials {
            local,
            entries: BTreeMap::new(),
        }
    }

    /// Dials this address now and whenever it is not connected.
    pub(crate) fn configure(&mut self, address: Multiaddr, now: Duration) {
        let peer = peer_of(&address);
        if peer == Some(self.local) {
            return;
        }
        let entry = Entry {
            peer,
            addresses: vec![address.clone()],
            next: now,
            failures: 0,
            dialling: false,
            connected: false,
        };
        self.entries
            .entry(Target::Address(address))
            .or_insert(entry);
    }

    /// Merges an announcement into what is known of the peer.
    pub(crate) fn discovered(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        connected: bool,
        now: Duration,
    ) {
        let target = Target::Peer(peer);
        if peer == self.local || addresses.is_empty() {
            return;
        }
        if !self.entries.contains_key(&target) && self.discovered_count() >= MAX_DISCOVERED {
            return;
        }
        let only_we = now < UNANNOUNCED;
        let wait = match only_we || self.local.to_bytes() < peer.to_bytes() {
            true => Duration::ZERO,
            false => YIELD_TO_LOWER_ID,
        };
        let entry = self.entries.entry(target).or_insert_with(|| Entry {
            peer: Some(peer),
            addresses: Vec::new(),
            next: now + wait,
            failures: 0,
            dialling: false,
            connected,
        });
        for address in addresses {
            if !entry.addresses.contains(&address) {
                entry.addresses.insert(0, address);
                entry.addresses.truncate(MAX_ADDRESSES);
                // A new address is a reason to try again soon.
                entry.next = entry.next.min(now + wait);
            }
        }
    }

    /// The dials to make now. Each must be answered by [`failed`](Self::failed) or
    /// [`connected`](Self::connected).
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Dial> {
        let mut dials = Vec::new();
        for (target, entry) in &mut self.entries {
            if entry.idle() && entry.next <= now {
                entry.dialling = true;
                dials.push(Dial {
                    target: target.clone(),
                    peer: entry.peer,
                    addresses: entry.addresses.clone(),
                });
            }
        }
        dials
    }

    /// When [`due`](Self::due) has something next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let idle = self.entries.values().filter(|e| e.idle());
        idle.map(|e| e.next).min()
    }

    /// A connection to `peer` is there; `target` is set when one of our dials made it.
    pub(crate) fn connected(&mut self, peer: PeerId, target: Option<&Target>) {
        if let Some(entry) = target.and_then(|t| self.entries.get_mut(t)) {
            entry.peer = Some(peer);
            entry.dialling = false;
        }
        for entry in self.of(peer) {
            entry.connected = true;
            entry.failures = 0;
        }
    }

    /// The last connection to `peer` is gone.
    pub(crate) fn disconnected(&mut self, peer: PeerId, now: Duration) {
        let local = self.local;
        for entry in self.of(peer) {
            entry.connected = false;
            entry.next = now + FIRST_RETRY;
            if local.to_bytes() > peer.to_bytes() {
                entry.next += YIELD_TO_LOWER_ID;
            }
        }
    }

    /// A dial ended without a connection.
    pub(crate) fn failed(&mut self, target: &Target, now: Duration) {
        let Some(entry) = self.entries.get_mut(target) else {
            return;
        };
        entry.dialling = false;
        entry.failures += 1;
        entry.next = now + backoff(entry.failures, target);
        if matches!(target, Target::Peer(_)) && entry.failures >= MAX_FAILURES && !entry.connected {
            self.entries.remove(target);
        }
    }

    /// The address leads to this node itself: never dial it again.
    pub(crate) fn is_ourselves(&mut self, target: &Target) {
        self.entries.remove(target);
    }

    fn of(&mut self, peer: PeerId) -> impl Iterator<Item = &mut Entry> {
        let entries = self.entries.values_mut();
        entries.filter(move |e| e.peer == Some(peer))
    }

    fn discovered_count(&self) -> usize {
        let targets = self.entries.keys();
        targets.filter(|t| matches!(t, Target::Peer(_))).count()
    }
}

impl Entry {
    fn idle(&self) -> bool {
        !self.connected && !self.dialling
    }
}

/// Doubles up to a minute, spread by up to a quarter so that a class does not dial in step.
fn backoff(failures: u32, target: &Target) -> Duration {
    let base = FIRST_RETRY
        .saturating_mul(1 << (failures - 1).min(6))
        .min(SLOWEST_RETRY);
    let seed = blake3::hash(format!("{target:?} {failures}").as_bytes());
    base + base.mul_f64(f64::from(seed.as_bytes()[0]) / 1024.0)
}

/// The peer id at the end of an address, if it names one.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    address.iter().find_map(|part| match part {
        multiaddr::Protocol::P2p(peer) => Some(peer),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    const T0: Duration = Duration::from_secs(100);

    /// Two peer ids, the lower one first.
    fn ids() -> (PeerId, PeerId) {
        let [a, b] = [1u8, 2].map(|n| {
            let pair = Keypair::ed25519_from_bytes([n; 32]).expect("32 bytes are a seed");
            pair.public().to_peer_id()
        });
        if a.to_bytes() < b.to_bytes() {
            (a, b)
        } else {
            (b, a)
        }
    }

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/192.168.1.9/tcp/{port}")
            .parse()
            .expect("valid")
    }

    #[test]
    fn typed_address_is_redialled_with_backoff_until_connected() {
        let (local, peer) = ids();
        let mut dials = Dials::new(local);
        dials.configure(address(1), T0);
        let target = Target::Address(address(1));
        for failure in 1..20 {
            let now = dials.next_deadline().expect("due");
            assert_eq!(dials.due(now).len(), 1);
            assert_eq!(dials.due(now), vec![], "being dialled");
            dials.failed(&target, now);
            let wait = dials.next_deadline().expect("kept") - now;
            assert!(
                wait >= FIRST_RETRY && wait <= SLOWEST_RETRY.mul_f32(1.25),
                "{failure}"
            );
        }
        let now = dials.next_deadline().expect("due");
        assert_eq!(dials.due(now).len(), 1);
        dials.connected(peer, Some(&target));
        assert_eq!(dials.next_deadline(), None);
        dials.disconnected(peer, now);
        assert_eq!(dials.next_deadline(), Some(now + FIRST_RETRY));
    }

    #[test]
    fn lower_id_dials_first() {
        let (low, high) = ids();
        let mut dials = Dials::new(low);
        dials.discovered(high, vec![address(1)], false, T0);
        assert_eq!(dials.next_deadline(), Some(T0));
        let mut dials = Dials::new(high);
        dials.discovered(low, vec![address(1)], false, T0);
        assert_eq!(dials.next_deadline(), Some(T0 + YIELD_TO_LOWER_ID));
    }

    #[test]
    fn a_newcomer_waits_for_nobody_who_cannot_know_it_yet() {
        let (low, high) = ids();
        for (now, wait) in [
            (Duration::ZERO, Duration::ZERO),
            (UNANNOUNCED / 2, Duration::ZERO),
            (UNANNOUNCED, YIELD_TO_LOWER_ID),
        ] {
            let mut dials = Dials::new(high);
            dials.discovered(low, vec![address(1)], false, now);
            assert_eq!(dials.next_deadline(), Some(now + wait));
        }
    }

    #[test]
    fn announcements_merge_and_stay_bounded() {
        let (local, peer) = ids();
        let mut dials = Dials::new(local);
        for port in 1..100 {
            dials.discovered(peer, vec![address(port)], false, T0);
        }
        let due = dials.due(T0);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].addresses.len(), MAX_ADDRESSES);
        assert_eq!(due[0].addresses[0], address(99), "newest first");
    }

    #[test]
    fn silent_neighbour_is_forgotten_and_own_id_never_dialled() {
        let (local, peer) = ids();
        let mut dials = Dials::new(local);
        dials.discovered(local, vec![address(1)], false, T0);
        assert_eq!(dials.next_deadline(), None);
        dials.discovered(peer, vec![address(1)], false, T0);
        for _ in 0..MAX_FAILURES {
            let now = dials.next_deadline().expect("due");
            assert_eq!(dials.due(now).len(), 1);
            dials.failed(&Target::Peer(peer), now);
        }
        assert_eq!(dials.next_deadline(), None);
    }
}
