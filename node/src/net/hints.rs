//! Gossipsub for a LAN: small meshes, small messages, nothing passed on unchecked.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use libp2p::{PeerId, gossipsub};

use super::MAX_HINT_BYTES;

/// Room for the envelope around a hint.
const ENVELOPE_BYTES: usize = 512;
/// Bytes of hints that one machine may send at once, and per second: enough for a class that works through one neighbour. What
/// is beyond is neither checked nor passed on, so that a flood costs what a few hundred records cost.
const BURST_BYTES: u64 = 512 * 1024;
const BYTES_PER_SECOND: u64 = 64 * 1024;
/// Most senders that are remembered; one that has been quiet is forgotten first.
const MAX_SENDERS: usize = 1_024;

/// The one topic.
pub(super) fn topic() -> gossipsub::IdentTopic {
    gossipsub::IdentTopic::new("pishtar/hint/1")
}

/// Gossipsub subscribed to the hint topic.
///
/// # Errors
/// A sentence, when gossipsub refuses its settings: a bug.
pub(super) fn behaviour() -> Result<gossipsub::Behaviour, String> {
    let config = gossipsub::ConfigBuilder::default()
        // A hint with its writer's name and signature would tell everyone which device made the records in it.
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        // The same hint from several publishers travels once.
        .message_id_fn(|message| gossipsub::MessageId::new(blake3::hash(&message.data).as_bytes()))
        .max_transmit_size(MAX_HINT_BYTES + ENVELOPE_BYTES)
        .mesh_n(4)
        .mesh_n_low(2)
        .mesh_n_high(8)
        .mesh_outbound_min(1)
        .heartbeat_interval(Duration::from_secs(1))
        .build()
        .map_err(|e| e.to_string())?;
    let authenticity = gossipsub::MessageAuthenticity::Anonymous;
    let mut behaviour = gossipsub::Behaviour::new(authenticity, config).map_err(str::to_owned)?;
    behaviour.subscribe(&topic()).map_err(|e| e.to_string())?;
    Ok(behaviour)
}

/// Whose allowance a hint takes: its sender's machine, or on this machine the sender itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sender {
    Machine(IpAddr),
    Program(PeerId),
}

/// How much every sender may still send. Always true: no sender gets more than its burst and its rate, however many ids it
/// takes on one machine.
#[derive(Debug, Default)]
pub(super) struct Allowances(BTreeMap<Sender, Allowance>);

#[derive(Debug)]
struct Allowance {
    bytes: u64,
    at: Duration,
}

impl Allowance {
    fn at(&self, now: Duration) -> u64 {
        let passed = now.saturating_sub(self.at).as_millis();
        let earned = u64::try_from(passed).unwrap_or(u64::MAX);
        let earned = earned.saturating_mul(BYTES_PER_SECOND) / 1_000;
        self.bytes.saturating_add(earned).min(BURST_BYTES)
    }
}

impl Allowances {
    /// May the sender send so many bytes at `now`? Then they are taken off.
    pub(super) fn take(&mut self, sender: Sender, bytes: usize, now: Duration) -> bool {
        if !self.0.contains_key(&sender) && self.0.len() >= MAX_SENDERS {
            self.0
                .retain(|_, allowance| allowance.at(now) < BURST_BYTES);
            if self.0.len() >= MAX_SENDERS {
                return false;
            }
        }
        let full = Allowance {
            bytes: BURST_BYTES,
            at: now,
        };
        let allowance = self.0.entry(sender).or_insert(full);
        let left = allowance.at(now).checked_sub(bytes as u64);
        if let Some(left) = left {
            *allowance = Allowance {
                bytes: left,
                at: now,
            };
        }
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_one_allowance_and_earns_it_back() {
        let mut allowances = Allowances::default();
        let flood = Sender::Machine("10.0.0.9".parse().unwrap());
        let honest = Sender::Machine("10.0.0.7".parse().unwrap());
        let start = Duration::from_secs(5);
        let sent = (0..1_000).filter(|_| allowances.take(flood, 4_096, start));
        assert_eq!(sent.count() as u64, BURST_BYTES / 4_096);
        assert!(allowances.take(honest, 4_096, start));
        let later = start + Duration::from_secs(1);
        let sent = (0..1_000).filter(|_| allowances.take(flood, 4_096, later));
        assert_eq!(sent.count() as u64, BYTES_PER_SECOND / 4_096);
    }

    #[test]
    fn the_table_of_senders_is_bounded_and_forgets_the_quiet() {
        let mut allowances = Allowances::default();
        let sender = |n: u32| Sender::Machine(IpAddr::V4(n.into()));
        let senders = MAX_SENDERS as u32;
        let start = Duration::ZERO;
        assert!((0..senders).all(|n| allowances.take(sender(n), 4_096, start)));
        assert!(!allowances.take(sender(senders), 1, start));
        let later = Duration::from_secs(1);
        assert!(allowances.take(sender(senders), 1, later));
        assert_eq!(allowances.0.len(), 1);
    }
}
