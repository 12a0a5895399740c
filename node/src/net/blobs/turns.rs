//! Whose turn it is to send: playback first, then peer by peer. No I/O, no clock.

use std::{collections::BTreeMap, ops::Bound};

use pishtar_mesh::NodeId;

/// Somebody who waits; the numbers rise.
pub(super) type Ticket = u64;

/// Those who wait to send, each with a ticket.
///
/// Always true: a peer that waits for playback is before one that does not, and among equals no peer has a second
/// turn while another waits for its first.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: BTreeMap<(Class, NodeId, Ticket), ()>,
    next: Ticket,
    last: BTreeMap<Class, NodeId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Playback,
    Rest,
}

impl Turns {
    /// Joins the line.
    pub(super) fn join(&mut self, peer: NodeId, playback: bool) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert((Class::of(playback), peer, ticket), ());
        ticket
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<Ticket> {
        self.next_key().map(|(.., ticket)| ticket)
    }

    /// Takes the first out of the line: it sends.
    pub(super) fn take_first(&mut self) {
        if let Some(key) = self.next_key() {
            self.waiting.remove(&key);
            self.last.insert(key.0, key.1);
        }
    }

    /// Leaves the line without having had a turn.
    pub(super) fn leave(&mut self, peer: NodeId, playback: bool, ticket: Ticket) {
        self.waiting.remove(&(Class::of(playback), peer, ticket));
    }

    fn next_key(&self) -> Option<(Class, NodeId, Ticket)> {
        [Class::Playback, Class::Rest]
            .into_iter()
            .find_map(|class| {
                let ends = (class, NodeId([0; 32]), 0)..=(class, NodeId([0xff; 32]), Ticket::MAX);
                let after = self.last.get(&class).and_then(|last| {
                    let from = Bound::Excluded((class, *last, Ticket::MAX));
                    let to = Bound::Included(*ends.end());
                    // The last possible peer has nobody after it.
                    (*last != NodeId([0xff; 32])).then(|| self.waiting.range((from, to)).next())?
                });
                let found = after.or_else(|| self.waiting.range(ends).next());
                found.map(|(key, ())| *key)
            })
    }
}

impl Class {
    fn of(playback: bool) -> Class {
        if playback {
            Class::Playback
        } else {
            Class::Rest
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(number: u8) -> NodeId {
        NodeId([number; 32])
    }

    #[test]
    fn peers_take_turns_whatever_they_ask_for_and_playback_goes_first() {
        let mut turns = Turns::default();
        let greedy: Vec<Ticket> = (0..3).map(|_| turns.join(peer(1), false)).collect();
        let modest = turns.join(peer(0xff), false);
        let player = turns.join(peer(2), true);
        let mut order = Vec::new();
        while let Some(first) = turns.first() {
            order.push(first);
            turns.take_first();
        }
        assert_eq!(order, [player, greedy[0], modest, greedy[1], greedy[2]]);
    }

    proptest! {
        #[test]
        fn nobody_has_a_second_turn_while_another_waits_for_its_first(
            steps in proptest::collection::vec((0..5u8, any::<bool>(), any::<bool>()), 1..80),
        ) {
            let mut turns = Turns::default();
            let mut line: Vec<(u8, bool, Ticket)> = Vec::new();
            // Turns of others that each of those waiting has seen since it became its peer's first.
            let mut seen: BTreeMap<Ticket, Vec<u8>> = BTreeMap::new();
            for (who, playback, joins) in steps {
                if joins {
                    line.push((who, playback, turns.join(peer(who), playback)));
                    continue;
                }
                let Some(first) = turns.first() else {
                    prop_assert!(line.is_empty());
                    continue;
                };
                let at = line.iter().position(|(.., ticket)| *ticket == first).expect("it waits");
                let (who, playback, ticket) = line.remove(at);
                prop_assert!(playback || line.iter().all(|(_, playback, _)| !playback));
                prop_assert!(line.iter().all(|other| (other.0, other.1) != (who, playback) || other.2 > ticket));
                seen.remove(&ticket);
                for other in line.iter().filter(|other| other.1 == playback && other.0 != who) {
                    let turns_of_others = seen.entry(other.2).or_default();
                    let is_first = line.iter().all(|same| (same.0, same.1) != (other.0, other.1) || same.2 >= other.2);
                    if is_first {
                        prop_assert!(!turns_of_others.contains(&who), "{who} twice");
                        turns_of_others.push(who);
                    }
                }
                turns.take_first();
            }
        }
    }
}
