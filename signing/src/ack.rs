//! Signed acknowledgements: what frees a carrier's storage.
//!
//! An acknowledgement says: the collector durably holds records 1 to `up_to` of this log. It is signed with
//! the acknowledgement key of the ministry, which every node knows from signed metadata. A later one of the
//! same log replaces an earlier one; a replayed one can therefore free nothing that was not free already.
//!
//! Bytes, big endian: version (1), epoch u32, hour u32, log key 32, `up_to` u64, ed25519
//! signature 64.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::LogKey;

/// Length of an acknowledgement in bytes.
pub const ACK_BYTES: usize = 1 + 4 + 4 + 32 + 8 + 64;

const VERSION: u8 = 1;
const SIGNED_BYTES: usize = ACK_BYTES - 64;
const DOMAIN: &[u8] = b"pishtar acknowledgement 1\n";

/// Why an acknowledgement is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AckError {
    /// Not the length of an acknowledgement.
    #[error("an acknowledgement has {ACK_BYTES} bytes, not {0}; the peer speaks another format")]
    Length(usize),
    /// A version that this node does not know.
    #[error("acknowledgement version {0} is unknown; a newer Pishtar is needed to read it")]
    Version(u8),
    /// The public key is not a point on the curve.
    #[error(
        "the acknowledgement key is not an ed25519 key; the ministry must publish its collection key again"
    )]
    Key,
    /// Not signed by the ministry's acknowledgement key.
    #[error("the acknowledgement is not signed by the ministry's collector; it frees nothing")]
    Signature,
}

/// Public half of the key that signs acknowledgements, as the ministry's metadata names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AckKey(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for AckKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AckKey({})", hex::encode(self.0))
    }
}

/// A parsed acknowledgement. It proves nothing before [`Ack::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Epoch of the collection key whose collector signed it.
    pub epoch: u32,
    /// Hours since 1970 by the collector's clock: carriers forget acknowledgements that are old.
    pub hour: u32,
    /// The log.
    pub log_key: LogKey,
    /// Records with sequence 1 to this one are held durably.
    pub up_to: u64,
    signature: [u8; 64],
}

impl Ack {
    /// Signs that records 1 to `up_to` of `log_key` are durably collected.
    pub fn sign(secret: &SigningKey, epoch: u32, hour: u32, log_key: LogKey, up_to: u64) -> Self {
        let mut ack = Self {
            epoch,
            hour,
            log_key,
            up_to,
            signature: [0; 64],
        };
        ack.signature = secret.sign(&ack.message()).to_bytes();
        ack
    }

    /// Reads the bytes of an acknowledgement.
    ///
    /// # Errors
    /// [`AckError::Length`] or [`AckError::Version`] when they are not in this format.
    pub fn parse(bytes: &[u8]) -> Result<Self, AckError> {
        if bytes.len() != ACK_BYTES {
            return Err(AckError::Length(bytes.len()));
        }
        if bytes[0] != VERSION {
            return Err(AckError::Version(bytes[0]));
        }
        Ok(Self {
            epoch: u32::from_be_bytes(crate::record::array(&bytes[1..5])),
            hour: u32::from_be_bytes(crate::record::array(&bytes[5..9])),
            log_key: LogKey(crate::record::array(&bytes[9..41])),
            up_to: u64::from_be_bytes(crate::record::array(&bytes[41..49])),
            signature: crate::record::array(&bytes[49..]),
        })
    }

    /// Checks the signature against the ministry's acknowledgement key.
    ///
    /// # Errors
    /// [`AckError::Signature`] when someone else made it, [`AckError::Key`] when the key is no key.
    pub fn verify(&self, key: &AckKey) -> Result<(), AckError> {
        let key = VerifyingKey::from_bytes(&key.0).map_err(|_| AckError::Key)?;
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(&self.message(), &signature)
            .map_err(|_| AckError::Signature)
    }

    /// The bytes that travel.
    pub fn to_bytes(&self) -> [u8; ACK_BYTES] {
        let mut bytes = [0; ACK_BYTES];
        bytes[..SIGNED_BYTES].copy_from_slice(&self.body());
        bytes[SIGNED_BYTES..].copy_from_slice(&self.signature);
        bytes
    }

    fn body(&self) -> [u8; SIGNED_BYTES] {
        let mut body = [0; SIGNED_BYTES];
        body[0] = VERSION;
        body[1..5].copy_from_slice(&self.epoch.to_be_bytes());
        body[5..9].copy_from_slice(&self.hour.to_be_bytes());
        body[9..41].copy_from_slice(&self.log_key.0);
        body[41..].copy_from_slice(&self.up_to.to_be_bytes());
        body
    }

    fn message(&self) -> Vec<u8> {
        [DOMAIN, &self.body()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (SigningKey, AckKey) {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let public = AckKey(secret.verifying_key().to_bytes());
        (secret, public)
    }

    #[test]
    fn round_trip_and_golden_bytes() {
        let (secret, public) = keys();
        let ack = Ack::sign(&secret, 3, 495_000, LogKey([9; 32]), 12);
        let bytes = ack.to_bytes();
        let read = Ack::parse(&bytes).unwrap();
        assert_eq!(read, ack);
        assert_eq!(read.verify(&public), Ok(()));
        assert_eq!(hex::encode(&bytes[..5]), "0100000003");
        assert_eq!(
            blake3::hash(&bytes).to_hex().as_str(),
            "fc4e3070a0c0d76997a02bdd5ccd94a985a243673a15cf088ed762bf280ceff0",
        );
    }

    #[test]
    fn forged_or_changed_acknowledgements_free_nothing() {
        let (secret, public) = keys();
        let mut bytes = Ack::sign(&secret, 3, 495_000, LogKey([9; 32]), 12).to_bytes();
        bytes[48] = 13;
        let changed = Ack::parse(&bytes).unwrap();
        assert_eq!(changed.verify(&public), Err(AckError::Signature));
        let other = SigningKey::from_bytes(&[8; 32]);
        let forged = Ack::sign(&other, 3, 495_000, LogKey([9; 32]), 12);
        assert_eq!(forged.verify(&public), Err(AckError::Signature));
        assert_eq!(
            Ack::parse(&bytes[1..]),
            Err(AckError::Length(ACK_BYTES - 1))
        );
        bytes[0] = 2;
        assert_eq!(Ack::parse(&bytes), Err(AckError::Version(2)));
    }
}
