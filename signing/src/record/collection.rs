//! The keys that records are sealed to, one for each term, and the secret file that opens them.

use std::fmt;

use ed25519_dalek::SigningKey;
use hpke::{Deserializable, Kem, Serializable, kem::X25519HkdfSha256};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ack::{Ack, AckKey};

use super::LogKey;

/// Public X25519 key that a content key is sealed to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealKey(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", hex::encode(self.0))
    }
}

/// Private X25519 key that opens a slot. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct SealSecret(#[serde(with = "hex::serde")] [u8; 32]);

impl fmt::Debug for SealSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealSecret(hidden)")
    }
}

impl SealSecret {
    /// Makes a new secret.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let (secret, _) = X25519HkdfSha256::derive_keypair(&seed);
        seed.zeroize();
        Self(secret.to_bytes().into())
    }

    /// Wraps 32 bytes; every 32 bytes are an X25519 secret.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public half.
    pub fn public(&self) -> SealKey {
        SealKey(X25519HkdfSha256::sk_to_pk(&self.hpke()).to_bytes().into())
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn hpke(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&self.0)
            .expect("every 32 bytes are an X25519 secret")
    }
}

/// The collection key of the ministry or of a school for one term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionKey {
    /// Counts the keys; a new one each term.
    pub epoch: u32,
    /// Records are sealed to it.
    pub seal: SealKey,
    /// Acknowledgements are signed by it.
    pub ack: AckKey,
}

/// Most earlier terms whose acknowledgements a publisher's metadata may still vouch for: two years of terms.
pub const MAX_EARLIER: usize = 8;

/// Who signed acknowledgements in an earlier term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierAck {
    /// The term's epoch.
    pub epoch: u32,
    /// Its acknowledgement key.
    pub ack: AckKey,
}

/// What a publisher's signed metadata says about its collection keys: the text of `<publisher>/collection.json`, of the
/// ministry and of a school alike.
///
/// New records are sealed to `current` alone. The secrets of earlier terms may be destroyed; what they once acknowledged
/// still frees carriers that hear of it late. Always true: every earlier epoch is lower than the one after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CollectionKeysText")]
pub struct CollectionKeys {
    #[serde(flatten)]
    current: CollectionKey,
    /// Newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<EarlierAck>,
}

#[derive(Deserialize)]
struct CollectionKeysText {
    #[serde(flatten)]
    current: CollectionKey,
    #[serde(default)]
    earlier: Vec<EarlierAck>,
}

/// Why a list of earlier keys is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EarlierError {
    /// Too many.
    #[error("{0} earlier acknowledgement keys are named; at most {MAX_EARLIER} count")]
    TooMany(usize),
    /// Epochs do not fall.
    #[error("the earlier epoch {0} is not lower than the one before it")]
    Order(u32),
}

impl TryFrom<CollectionKeysText> for CollectionKeys {
    type Error = EarlierError;

    fn try_from(text: CollectionKeysText) -> Result<Self, EarlierError> {
        if text.earlier.len() > MAX_EARLIER {
            return Err(EarlierError::TooMany(text.earlier.len()));
        }
        let mut last = text.current.epoch;
        for key in &text.earlier {
            if key.epoch >= last {
                return Err(EarlierError::Order(key.epoch));
            }
            last = key.epoch;
        }
        Ok(Self {
            current: text.current,
            earlier: text.earlier,
        })
    }
}

impl CollectionKeys {
    /// A publisher's first key.
    pub fn first(key: CollectionKey) -> Self {
        Self {
            current: key,
            earlier: Vec::new(),
        }
    }

    /// A new term: `next` takes over, and what the present key acknowledged still counts. The oldest of more than
    /// [`MAX_EARLIER`] is forgotten.
    ///
    /// # Panics
    /// When `next` has no higher epoch; whoever makes the key counts up.
    #[must_use]
    pub fn followed_by(&self, next: CollectionKey) -> Self {
        assert!(next.epoch > self.current.epoch, "epochs only rise");
        let present = EarlierAck {
            epoch: self.current.epoch,
            ack: self.current.ack,
        };
        let earlier = std::iter::once(present).chain(self.earlier.iter().copied());
        Self {
            current: next,
            earlier: earlier.take(MAX_EARLIER).collect(),
        }
    }

    /// The key that new records are sealed to.
    pub fn current(&self) -> &CollectionKey {
        &self.current
    }

    /// Earlier acknowledgement keys, newest first.
    pub fn earlier(&self) -> &[EarlierAck] {
        &self.earlier
    }

    /// Every key whose acknowledgements count, the current one first.
    pub fn ack_keys(&self) -> impl Iterator<Item = AckKey> {
        std::iter::once(self.current.ack).chain(self.earlier.iter().map(|key| key.ack))
    }
}

/// Why a collection secret cannot be read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file is not the expected JSON.
    #[error(
        "not a collection key file ({0}); `pishtar ministry init` writes one to keys/collection.json"
    )]
    Json(#[from] serde_json::Error),
}

/// The secret side of a [`CollectionKey`]: opens records and signs acknowledgements.
///
/// Its JSON is the ministry's `keys/collection.json`: `{"epoch":1,"seal_secret":hex,"ack_secret":hex}`.
#[derive(Clone, Serialize, Deserialize)]
pub struct CollectionSecret {
    #[serde(default = "first_epoch")]
    epoch: u32,
    seal_secret: SealSecret,
    #[serde(with = "hex::serde")]
    ack_secret: [u8; 32],
}

impl fmt::Debug for CollectionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CollectionSecret(epoch {}, hidden)", self.epoch)
    }
}

impl Drop for CollectionSecret {
    fn drop(&mut self) {
        self.ack_secret.zeroize();
    }
}

fn first_epoch() -> u32 {
    1
}

impl CollectionSecret {
    /// Makes new keys for `epoch`.
    pub fn generate(epoch: u32, rng: &mut impl CryptoRng) -> Self {
        let seal_secret = SealSecret::generate(rng);
        let mut ack_secret = [0; 32];
        rng.fill_bytes(&mut ack_secret);
        Self {
            epoch,
            seal_secret,
            ack_secret,
        }
    }

    /// Reads the ministry's `keys/collection.json`.
    ///
    /// # Errors
    /// [`SecretError::Json`] when it is not such a file.
    pub fn from_json(json: &[u8]) -> Result<Self, SecretError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// The content of `keys/collection.json`; to be kept with mode 0600.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a struct of numbers and hex strings is JSON")
    }

    /// The public side, for the signed metadata.
    pub fn public(&self) -> CollectionKey {
        let ack = SigningKey::from_bytes(&self.ack_secret).verifying_key();
        CollectionKey {
            epoch: self.epoch,
            seal: self.seal_secret.public(),
            ack: AckKey(ack.to_bytes()),
        }
    }

    /// Counts the keys.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Opens the ministry's slot.
    pub fn seal_secret(&self) -> &SealSecret {
        &self.seal_secret
    }

    /// Signs what is no acknowledgement; the caller begins it with what it is.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let secret = SigningKey::from_bytes(&self.ack_secret);
        ed25519_dalek::Signer::sign(&secret, message).to_bytes()
    }

    /// Signs that records 1 to `up_to` of `log_key` are durably collected; `hour` is the collector's clock in hours
    /// since 1970.
    pub fn acknowledge(&self, hour: u32, log_key: LogKey, up_to: u64) -> Ack {
        let secret = SigningKey::from_bytes(&self.ack_secret);
        Ack::sign(&secret, self.epoch, hour, log_key, up_to)
    }
}
