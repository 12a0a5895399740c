//! Signatures about learners: statements of a school and of the ministry, and the word of a learner's card.
//!
//! A school and the ministry sign with the `ack` half of the collection key that their signed metadata names; the text
//! that is signed begins with what it is, so no acknowledgement is ever a statement or the other way round.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{ack::AckKey, record::CollectionSecret};

const STATEMENT: &[u8] = b"pishtar statement 1\n";
const ADOPTION: &[u8] = b"pishtar card 1\n";
const CARD_CONTEXT: &str = "pishtar 2026 learner card ed25519 seed";

/// A signed body of statements.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who says it: a publisher's id.
    #[serde(rename = "f")]
    pub from: String,
    /// The epoch of the key that signed.
    #[serde(rename = "e")]
    pub epoch: u32,
    /// What is said.
    #[serde(rename = "b", with = "bytes")]
    pub body: Vec<u8>,
    /// The signature over all of it.
    #[serde(rename = "s", with = "bytes")]
    pub signature: [u8; 64],
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Said({} bytes, hidden)", self.body.len())
    }
}

impl Said {
    /// Signs a body in the name of a publisher.
    pub fn sign(secret: &CollectionSecret, from: &str, body: Vec<u8>) -> Self {
        let signature = secret.sign(&statement(from, secret.epoch(), &body));
        Self {
            from: from.to_owned(),
            epoch: secret.epoch(),
            body,
            signature,
        }
    }

    /// Was it signed with this key?
    pub fn is_by(&self, key: &AckKey) -> bool {
        let message = statement(&self.from, self.epoch, &self.body);
        verifies(&key.0, &message, &self.signature)
    }
}

fn statement(from: &str, epoch: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(from.len()).unwrap_or(u32::MAX);
    let parts: [&[u8]; 5] = [
        STATEMENT,
        &length.to_be_bytes(),
        from.as_bytes(),
        &epoch.to_be_bytes(),
        body,
    ];
    parts.concat()
}

/// A learner's card as others know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Counts the learner's cards from 1; a lost one is followed by the next.
    #[serde(rename = "n")]
    pub number: u32,
    /// The card's ed25519 key.
    #[serde(rename = "k", with = "bytes")]
    pub key: [u8; 32],
}

impl Card {
    /// Did this very card let the device speak for the learner?
    pub fn lets_in(&self, learner: &str, adoption: &Adoption) -> bool {
        let message = adopted(learner, adoption.number, &adoption.device);
        adoption.number == self.number && verifies(&self.key, &message, &adoption.signature)
    }
}

/// What only the paper card holds: 16 bytes, few enough to be typed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CardSecret(pub [u8; 16]);

impl fmt::Debug for CardSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardSecret(hidden)")
    }
}

impl CardSecret {
    /// The public side of the card with this number of this learner.
    pub fn card(&self, learner: &str, number: u32) -> Card {
        Card {
            number,
            key: self.key(learner, number).verifying_key().to_bytes(),
        }
    }

    /// Lets a device speak for the learner.
    pub fn adopt(&self, learner: &str, number: u32, device: [u8; 32]) -> Adoption {
        let signature = self
            .key(learner, number)
            .sign(&adopted(learner, number, &device));
        Adoption {
            number,
            device,
            signature: signature.to_bytes(),
        }
    }

    fn key(&self, learner: &str, number: u32) -> SigningKey {
        let mut hasher = blake3::Hasher::new_derive_key(CARD_CONTEXT);
        hasher.update(&self.0);
        hasher.update(&number.to_be_bytes());
        hasher.update(learner.as_bytes());
        SigningKey::from_bytes(hasher.finalize().as_bytes())
    }
}

/// A card's word that a device speaks for its learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// The card's number.
    #[serde(rename = "n")]
    pub number: u32,
    /// The device.
    #[serde(rename = "d", with = "bytes")]
    pub device: [u8; 32],
    /// The card's signature.
    #[serde(rename = "s", with = "bytes")]
    pub signature: [u8; 64],
}

fn adopted(learner: &str, number: u32, device: &[u8; 32]) -> Vec<u8> {
    let parts: [&[u8]; 4] = [ADOPTION, &number.to_be_bytes(), device, learner.as_bytes()];
    parts.concat()
}

fn verifies(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Bytes as one CBOR byte string: an array of numbers would take twice the room of a small record.
mod bytes {
    use std::fmt;

    use serde::{Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        bytes: impl AsRef<[u8]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes.as_ref())
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: TryFrom<Vec<u8>>,
        D: Deserializer<'de>,
    {
        let held = from.deserialize_byte_buf(Bytes)?;
        let length = held.len();
        T::try_from(held).map_err(|_| de::Error::invalid_length(length, &"bytes of a fixed length"))
    }

    struct Bytes;

    impl<'de> de::Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    #[test]
    fn only_the_key_that_signed_verifies_and_nothing_can_be_changed() {
        let secret = |seed| CollectionSecret::generate(3, &mut ChaCha20Rng::from_seed([seed; 32]));
        let said = Said::sign(&secret(1), "shkolla-1", b"arta".to_vec());
        let key = secret(1).public().ack;
        assert!(said.is_by(&key));
        assert!(!said.is_by(&secret(2).public().ack));
        let changes: [fn(&mut Said); 4] = [
            |said| said.from = "shkolla-2".into(),
            |said| said.epoch = 4,
            |said| said.body[0] ^= 1,
            |said| said.signature[0] ^= 1,
        ];
        for change in changes {
            let mut changed = said.clone();
            change(&mut changed);
            assert!(!changed.is_by(&key));
        }
    }

    #[test]
    fn a_statement_is_no_acknowledgement() {
        let secret = CollectionSecret::generate(1, &mut ChaCha20Rng::from_seed([1; 32]));
        let ack = secret.acknowledge(1, crate::record::LogKey([2; 32]), 3);
        assert_eq!(ack.verify(&secret.public().ack), Ok(()));
        let bytes = ack.to_bytes();
        let (body, signature) = bytes.split_at(bytes.len() - 64);
        let forged = Said {
            from: String::new(),
            epoch: 1,
            body: body.to_vec(),
            signature: signature.try_into().unwrap(),
        };
        assert!(!forged.is_by(&secret.public().ack));
    }

    #[test]
    fn a_cards_word_is_for_one_learner_number_and_device() {
        let secret = CardSecret([1; 16]);
        let card = secret.card("p.arta", 2);
        let word = secret.adopt("p.arta", 2, [7; 32]);
        assert!(card.lets_in("p.arta", &word));
        assert!(!card.lets_in("p.besa", &word));
        assert!(!secret.card("p.arta", 1).lets_in("p.arta", &word));
        assert!(
            !CardSecret([2; 16])
                .card("p.arta", 2)
                .lets_in("p.arta", &word)
        );
        let other = Adoption {
            device: [8; 32],
            ..word
        };
        assert!(!card.lets_in("p.arta", &other));
        assert!(!format!("{secret:?}").contains('1'));
    }

    #[test]
    fn bytes_are_byte_strings() {
        let word = CardSecret([1; 16]).adopt("p.arta", 2, [255; 32]);
        let mut cbor = Vec::new();
        ciborium::into_writer(&word, &mut cbor).unwrap();
        assert!(cbor.len() < 115, "{}", cbor.len());
        assert_eq!(
            ciborium::from_reader::<Adoption, _>(&cbor[..]).unwrap(),
            word
        );
    }
}
