//! Finding neighbours by mDNS, `_pishtar._tcp.local` (RFC 6762, RFC 6763).
//!
//! An announcement carries the peer id, the protocol version and the network tag, and no name of a
//! school or a person. It is only a hint where to dial: Noise proves the id, so that a false answer
//! costs one failed dial.

use std::{net::IpAddr, time::Duration};

use libp2p::{Multiaddr, PeerId, multiaddr};
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::{sync::mpsc, task::JoinHandle, time};

const SERVICE: &str = "_pishtar._tcp.local.";
const VERSION: &str = "1";
/// mdns-sd asks less and less often, up to an hour; a new browse asks at once.
const BROWSE_AGAIN: Duration = Duration::from_secs(60);
/// Waits after an error of the daemon, whose queues may be full.
const RETRY: Duration = Duration::from_secs(1);
/// Addresses taken from one announcement at most.
const MAX_ADDRESSES: usize = 8;

/// A neighbour that announced itself on this network.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub(crate) peer: PeerId,
    pub(crate) addresses: Vec<Multiaddr>,
}

/// What a node says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) peer: PeerId,
    pub(crate) port: u16,
    /// Addresses to announce; empty for all of the machine's.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) tag: String,
}

/// A running announcement and browse. Ends with [`shutdown`](Self::shutdown) or on drop.
pub(crate) struct Discovery {
    daemon: ServiceDaemon,
    fullname: String,
    browse: JoinHandle<()>,
}

impl Discovery {
    /// Announces this node and reports neighbours to `sightings`.
    ///
    /// # Errors
    /// When no multicast socket can be opened; the node then works with typed addresses only.
    pub(crate) fn start(
        announcement: &Announcement,
        sightings: mpsc::Sender<Sighting>,
    ) -> Result<Discovery, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        let service = service_info(announcement)?;
        let fullname = service.get_fullname().to_owned();
        daemon.register(service)?;
        let filter = Filter {
            local: announcement.peer,
            tag: announcement.tag.clone(),
        };
        let browse = tokio::spawn(browse(daemon.clone(), filter, sightings));
        Ok(Discovery {
            daemon,
            fullname,
            browse,
        })
    }

    /// Says goodbye to the neighbours and stops.
    pub(crate) async fn shutdown(self) {
        const GOODBYE: Duration = Duration::from_millis(500);
        if let Ok(done) = self.daemon.unregister(&self.fullname) {
            // A goodbye that does not get out costs neighbours one failed dial.
            drop(time::timeout(GOODBYE, done.recv_async()).await);
        }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.browse.abort();
        // The daemon's thread ends by itself when this fails.
        drop(self.daemon.shutdown());
    }
}

fn service_info(announcement: &Announcement) -> Result<ServiceInfo, mdns_sd::Error> {
    let id = announcement.peer.to_base58();
    // Instance and host labels hold at most 63 bytes; the full id is in the TXT record.
    let short = hex::encode(&blake3::hash(id.as_bytes()).as_bytes()[..8]);
    let properties = [
        ("id", id.as_str()),
        ("v", VERSION),
        ("net", announcement.tag.as_str()),
    ];
    let info = ServiceInfo::new(
        SERVICE,
        &short,
        &format!("{short}.local."),
        announcement.addresses.as_slice(),
        announcement.port,
        &properties[..],
    )?;
    Ok(match announcement.addresses.is_empty() {
        true => info.enable_addr_auto(),
        false => info,
    })
}

async fn browse(daemon: ServiceDaemon, filter: Filter, sightings: mpsc::Sender<Sighting>) {
    for round in 0u32.. {
        let Ok(events) = daemon.browse(SERVICE) else {
            time::sleep(RETRY).await;
            continue;
        };
        let again = time::sleep(filter.browse_for(round));
        tokio::pin!(again);
        loop {
            let event = tokio::select! {
                event = events.recv_async() => event,
                () = &mut again => break,
            };
            match event {
                Ok(ServiceEvent::ServiceResolved(service)) => {
                    // When the swarm is behind, the next browse brings the neighbour again.
                    if let Some(sighting) = filter.sighting(&service)
                        && let Err(mpsc::error::TrySendError::Closed(_)) =
                            sightings.try_send(sighting)
                    {
                        return;
                    }
                }
                Ok(_) => {}
                // The daemon drops subscribers that lag: browse again.
                Err(_) => {
                    time::sleep(RETRY).await;
                    break;
                }
            }
        }
        // Fails when its queue is full; the new browse replaces the old one then.
        drop(daemon.stop_browse(SERVICE));
    }
}

/// Which announcements concern this node.
struct Filter {
    local: PeerId,
    tag: String,
}

impl Filter {
    /// One to two [`BROWSE_AGAIN`], different for every node and round.
    fn browse_for(&self, round: u32) -> Duration {
        let mut seed = blake3::Hasher::new();
        seed.update(&self.local.to_bytes());
        seed.update(&round.to_le_bytes());
        let spread = f64::from(seed.finalize().as_bytes()[0]) / 256.0;
        BROWSE_AGAIN + BROWSE_AGAIN.mul_f64(spread)
    }

    fn sighting(&self, service: &ResolvedService) -> Option<Sighting> {
        if service.get_property_val_str("v") != Some(VERSION)
            || service.get_property_val_str("net") != Some(self.tag.as_str())
        {
            return None;
        }
        let peer: PeerId = service.get_property_val_str("id")?.parse().ok()?;
        if peer == self.local {
            return None;
        }
        let addresses: Vec<Multiaddr> = service
            .get_addresses()
            .iter()
            .map(|ip| ip.to_ip_addr())
            .filter(is_on_lan)
            .take(MAX_ADDRESSES)
            .map(|ip| Multiaddr::from(ip).with(multiaddr::Protocol::Tcp(service.get_port())))
            .collect();
        (!addresses.is_empty()).then_some(Sighting { peer, addresses })
    }
}

/// Whether an announced address is one that nothing beyond the LAN answers. Link-local IPv6 is left
/// out because it cannot be dialled without naming the interface.
pub(crate) fn is_on_lan(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    fn peer(seed: u8) -> PeerId {
        let pair = Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes are a seed");
        pair.public().to_peer_id()
    }

    fn announced(tag: &str, ip: &str) -> ResolvedService {
        let announcement = Announcement {
            peer: peer(2),
            port: 4001,
            addresses: vec![ip.parse().expect("valid")],
            tag: tag.to_owned(),
        };
        let info = service_info(&announcement).expect("labels are short enough");
        info.as_resolved_service()
    }

    fn filter() -> Filter {
        Filter {
            local: peer(1),
            tag: "demo".to_owned(),
        }
    }

    #[test]
    fn an_announcement_becomes_a_sighting() {
        let seen = filter().sighting(&announced("demo", "192.168.7.3"));
        let seen = seen.expect("same network");
        assert_eq!(seen.peer, peer(2));
        let expected: Multiaddr = "/ip4/192.168.7.3/tcp/4001".parse().expect("valid");
        assert_eq!(seen.addresses, vec![expected]);
    }

    #[test]
    fn other_networks_ourselves_and_far_addresses_are_ignored() {
        assert!(
            filter()
                .sighting(&announced("other", "192.168.7.3"))
                .is_none()
        );
        assert!(filter().sighting(&announced("demo", "8.8.8.8")).is_none());
        let mine = Filter {
            local: peer(2),
            ..filter()
        };
        assert!(mine.sighting(&announced("demo", "192.168.7.3")).is_none());
    }

    #[test]
    fn lan_addresses() {
        for ip in [
            "10.1.2.3",
            "172.20.0.1",
            "192.168.0.1",
            "169.254.9.9",
            "100.64.0.1",
            "fd00::1",
        ] {
            assert!(is_on_lan(&ip.parse().expect("valid")), "{ip}");
        }
        for ip in ["8.8.8.8", "100.128.0.1", "fe80::1", "2001:db8::1"] {
            assert!(!is_on_lan(&ip.parse().expect("valid")), "{ip}");
        }
    }
}
