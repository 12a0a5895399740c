//! Values sealed at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) under one key, each for its own place.
//!
//! The nonce is 24 bytes and random, so one key may seal as many values as a school ever writes. The place (the row's
//! name) is authenticated: no value can be moved to another row.

use std::fmt;

use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The key that values lie sealed under.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RestKey([u8; 32]);

impl fmt::Debug for RestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RestKey(hidden)")
    }
}

/// The value does not open: another key, another place, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a sealed value does not open: it is damaged or was sealed under another key")]
pub struct RestError;

impl RestKey {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept locked.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals a value for a place under a fresh random nonce.
    ///
    /// # Panics
    /// For a value of 256 GiB, the cipher's limit.
    pub fn seal(&self, place: &[u8], value: &[u8], nonce: [u8; 24]) -> Vec<u8> {
        let mut out = Vec::with_capacity(NONCE_BYTES + value.len() + TAG_BYTES);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(value);
        let tag = self
            .cipher()
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                place,
                (&mut out[NONCE_BYTES..]).into(),
            )
            .expect("rows are far below the cipher's limit");
        out.extend_from_slice(&tag);
        out
    }

    /// Opens what [`RestKey::seal`] made for this place.
    ///
    /// # Errors
    /// [`RestError`].
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RestError> {
        if sealed.len() < NONCE_BYTES + TAG_BYTES {
            return Err(RestError);
        }
        let (nonce, rest) = sealed.split_at(NONCE_BYTES);
        let (value, tag) = rest.split_at(rest.len() - TAG_BYTES);
        let nonce = XNonce::try_from(nonce).map_err(|_| RestError)?;
        let tag = Tag::try_from(tag).map_err(|_| RestError)?;
        let mut value = Zeroizing::new(value.to_vec());
        self.cipher()
            .decrypt_inout_detached(&nonce, place, value.as_mut_slice().into(), &tag)
            .map_err(|_| RestError)?;
        Ok(value)
    }

    /// A name for a place that says nothing to who lacks the key.
    pub fn hidden(&self, place: &[u8]) -> [u8; 32] {
        let key = blake3::derive_key("pishtar 2026 names of rows at rest", &self.0);
        *blake3::keyed_hash(&key, place).as_bytes()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_its_place_under_its_key_alone() {
        let key = RestKey::new([1; 32]);
        let sealed = key.seal(b"learner/1", b"Arta Krasniqi", [9; 24]);
        assert_eq!(
            **key.open(b"learner/1", &sealed).unwrap(),
            *b"Arta Krasniqi"
        );
        assert!(!sealed.windows(4).any(|at| at == b"Arta"));
        assert_eq!(key.open(b"learner/2", &sealed).unwrap_err(), RestError);
        assert!(RestKey::new([2; 32]).open(b"learner/1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"learner/1", &changed).is_err());
            assert!(key.open(b"learner/1", &sealed[..at]).is_err());
        }
        assert_ne!(key.hidden(b"a"), key.hidden(b"b"));
        assert_ne!(key.hidden(b"a"), RestKey::new([2; 32]).hidden(b"a"));
    }
}
