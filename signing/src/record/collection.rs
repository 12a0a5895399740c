//! The keys that records are sealed to, and the secret file of the ministry's collector.

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

    pub(super) fn hpke(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&self.0)
            .expect("every 32 bytes are an X25519 secret")
    }
}

/// The ministry's collection key, as its signed metadata names it (`ministry/collection.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionKey {
    /// Counts the keys; a new one each term.
    pub epoch: u32,
    /// Records are sealed to it.
    pub seal: SealKey,
    /// Acknowledgements are signed by it.
    pub ack: AckKey,
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

    /// Signs that records 1 to `up_to` of `log_key` are durably collected; `hour` is the collector's clock in hours
    /// since 1970.
    pub fn acknowledge(&self, hour: u32, log_key: LogKey, up_to: u64) -> Ack {
        let secret = SigningKey::from_bytes(&self.ack_secret);
        Ack::sign(&secret, self.epoch, hour, log_key, up_to)
    }
}
