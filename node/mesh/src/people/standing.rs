//! Whose word counts for a learner: the devices that may speak for them.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_signing::people::{Adoption, Card};
use serde::{Deserialize, Serialize};

use crate::learner::{DeviceId, LearnerId};

/// Most devices that a learner's cards let in; beyond it new ones are not taken.
const MAX_ADOPTIONS: usize = 64;
/// Letters and digits of a registered learner's id after its mark.
const ID_CHARS: usize = 16;
const MARK: &str = "p.";

/// The id of a learner to be registered, from random bytes.
pub fn new_learner_id(random: [u8; 10]) -> LearnerId {
    let text = data_encoding::BASE32_NOPAD.encode(&random);
    LearnerId::new(format!("{MARK}{}", text.to_ascii_lowercase()))
        .expect("eighteen ASCII characters are an id")
}

/// Is this the id of a learner whom a school registered? Only for such is proof asked; what a browser calls a learner who
/// never was registered counts as it comes.
pub fn is_registered_id(learner: &LearnerId) -> bool {
    let text = learner.as_str().strip_prefix(MARK);
    text.is_some_and(|text| {
        text.len() == ID_CHARS
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
    })
}

/// The card that counts, and the devices that any card has let in.
///
/// Cards and adoptions may come in any order and however often: the outcome is the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The card with the highest number.
    card: Option<Card>,
    /// Unverified until the card of their number is known.
    adoptions: BTreeMap<(DeviceId, u32), Adoption>,
}

impl Standing {
    /// Takes in a card; whether it is the one that counts now and did not before.
    pub fn card(&mut self, card: Card) -> bool {
        // Between cards of one number the choice must not depend on order.
        let newer = self
            .card
            .is_none_or(|held| (held.number, held.key) < (card.number, card.key));
        if newer {
            self.card = Some(card);
            self.adoptions
                .retain(|_, adoption| adoption.number >= card.number);
        }
        newer
    }

    /// Takes in a card's word for a device.
    pub fn adopt(&mut self, learner: &LearnerId, adoption: &Adoption) {
        let number = self.card.map_or(0, |card| card.number);
        let known = self.card.filter(|card| card.number == adoption.number);
        let forged = known.is_some_and(|card| !card.lets_in(learner.as_str(), adoption));
        if adoption.number < number || forged {
            return;
        }
        // Whoever takes a word in has checked that it came from the device that it names: no other can displace it.
        let place = (DeviceId(adoption.device), adoption.number);
        if self.adoptions.len() < MAX_ADOPTIONS || self.adoptions.contains_key(&place) {
            self.adoptions.insert(place, adoption.clone());
        }
    }

    /// Does the card that counts let this device speak for the learner?
    pub fn lets_in(&self, learner: &LearnerId, device: &DeviceId) -> bool {
        let adoption = self.adoptions.get(&(*device, self.number()));
        adoption.is_some_and(|adoption| self.proves(learner, adoption))
    }

    /// Devices that any card of the learner has let in, proven or not.
    pub fn devices(&self) -> BTreeSet<DeviceId> {
        self.adoptions.keys().map(|(device, _)| *device).collect()
    }

    /// The number of the card that counts; 0 while none is known.
    pub fn number(&self) -> u32 {
        self.card.map_or(0, |card| card.number)
    }

    fn proves(&self, learner: &LearnerId, adoption: &Adoption) -> bool {
        self.card
            .is_some_and(|card| card.lets_in(learner.as_str(), adoption))
    }
}

#[cfg(test)]
mod tests {
    use pishtar_signing::people::CardSecret;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_registered_learners_are_told_apart() {
        let id = new_learner_id([0xff; 10]);
        assert!(is_registered_id(&id), "{}", id.as_str());
        for other in ["k7m2q9x4w1", "p.short", "p.0000000000000000"] {
            assert!(!is_registered_id(&LearnerId::new(other).unwrap()));
        }
    }

    #[test]
    fn a_lost_card_counts_no_more_and_a_forged_word_never() {
        let learner = new_learner_id([1; 10]);
        let (first, second) = (CardSecret([1; 16]), CardSecret([2; 16]));
        let home = DeviceId([5; 32]);
        let id = learner.as_str();
        let mut standing = Standing::default();
        standing.card(first.card(id, 1));
        standing.adopt(&learner, &second.adopt(id, 1, home.0));
        assert!(!standing.lets_in(&learner, &home), "another card's word");
        standing.adopt(&learner, &first.adopt(id, 1, home.0));
        assert!(standing.lets_in(&learner, &home));
        assert!(!standing.lets_in(&learner, &DeviceId([6; 32])));
        standing.card(second.card(id, 2));
        assert!(!standing.lets_in(&learner, &home));
        standing.adopt(&learner, &first.adopt(id, 1, home.0));
        assert!(!standing.lets_in(&learner, &home), "the old card");
        standing.adopt(&learner, &second.adopt(id, 2, home.0));
        assert!(standing.lets_in(&learner, &home));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Card(u8),
        Adopt(u8, u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..4u8).prop_map(Step::Card),
            (1..4u8, 0..4u8).prop_map(|(card, device)| Step::Adopt(card, device)),
        ]
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(
            steps in proptest::collection::vec(step(), 0..12),
            shuffled in any::<prop::sample::Index>(),
        ) {
            let learner = new_learner_id([1; 10]);
            let run = |steps: &[Step]| {
                let mut standing = Standing::default();
                for step in steps {
                    match step {
                        Step::Card(card) => {
                            standing.card(CardSecret([*card; 16]).card(learner.as_str(), (*card).into()));
                        }
                        Step::Adopt(card, device) => {
                            let secret = CardSecret([*card; 16]);
                            standing.adopt(&learner, &secret.adopt(learner.as_str(), (*card).into(), [*device; 32]));
                        }
                    }
                }
                (0..4).map(|device| standing.lets_in(&learner, &DeviceId([device; 32]))).collect::<Vec<_>>()
            };
            let mut other = steps.clone();
            if !other.is_empty() {
                let at = shuffled.index(other.len());
                other.rotate_left(at);
                other.reverse();
                other.extend(steps.clone());
            }
            prop_assert_eq!(run(&steps), run(&other));
        }
    }
}
