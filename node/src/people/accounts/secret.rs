//! Secrets that people can remember, and their Argon2id hashes (RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::store::{StoreError, random};

/// Memory of one hash, KiB. With two at a time a class that signs in together takes 38 MiB of a 1 GiB board.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory: about 30 ms on a laptop, 0.3 s on a small board.
const PASSES: u32 = 2;

/// Pictures to choose from, in the order of their numbers.
pub const PICTURES: [&str; 12] = [
    "sun", "moon", "star", "house", "tree", "flower", "fish", "bird", "cat", "apple", "ball",
    "boat",
];
/// Pictures of one secret: twelve to the fourth power is more than a PIN of four digits has.
const PICTURES_NEEDED: usize = 4;
/// Shortest password of staff, characters.
pub const MIN_PASSWORD: usize = 10;
/// Longest password, bytes; keeps a try cheap to hand around.
const MAX_PASSWORD: usize = 200;

/// How a secret is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretKind {
    /// Four to eight digits.
    Pin,
    /// Four pictures in their order; written as names with blanks between.
    Pictures,
    /// What staff type.
    Password,
}

/// Why a secret does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not a PIN.
    #[error("a PIN has 4 to 8 digits")]
    Pin,
    /// A PIN that everybody tries first.
    #[error("everybody tries that PIN first; take another")]
    EasyPin,
    /// Not four pictures.
    #[error("choose four pictures, at least two different ones")]
    Pictures,
    /// Too short or too long.
    #[error("a password has at least 10 characters")]
    Password,
}

impl SecretKind {
    /// The secret as it is hashed.
    ///
    /// # Errors
    /// [`SecretError`]: what people should do instead.
    pub fn checked(self, secret: &str) -> Result<Zeroizing<String>, SecretError> {
        let normal = self.normal(secret);
        match self {
            SecretKind::Pin => {
                let digits = normal.bytes().all(|byte| byte.is_ascii_digit());
                if !digits || !(4..=8).contains(&normal.len()) {
                    return Err(SecretError::Pin);
                }
                if is_easy(normal.as_bytes()) {
                    return Err(SecretError::EasyPin);
                }
            }
            SecretKind::Pictures => {
                let chosen: Vec<&str> = normal.split(' ').collect();
                let known = chosen.iter().all(|name| PICTURES.contains(name));
                let same = chosen.iter().all(|name| Some(name) == chosen.first());
                if !known || same || chosen.len() != PICTURES_NEEDED {
                    return Err(SecretError::Pictures);
                }
            }
            SecretKind::Password => {
                if normal.chars().count() < MIN_PASSWORD || normal.len() > MAX_PASSWORD {
                    return Err(SecretError::Password);
                }
            }
        }
        Ok(normal)
    }

    /// Blanks that slipped in do not count, except inside a password.
    fn normal(self, secret: &str) -> Zeroizing<String> {
        Zeroizing::new(match self {
            SecretKind::Pin => secret.split_whitespace().collect(),
            SecretKind::Pictures => secret.split_whitespace().collect::<Vec<_>>().join(" "),
            SecretKind::Password => secret.trim().to_owned(),
        })
    }
}

/// Digits that are all the same, or one after another.
fn is_easy(pin: &[u8]) -> bool {
    let step = |by: i16| {
        pin.windows(2)
            .all(|two| i16::from(two[1]) - i16::from(two[0]) == by)
    };
    step(0) || step(1) || step(-1)
}

/// The hash of a secret with all that is needed to check it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hashed {
    kind: SecretKind,
    memory_kib: u32,
    passes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hashed({:?})", self.kind)
    }
}

impl Hashed {
    /// Takes [`MEMORY_KIB`] and its time: not on a thread that serves others.
    pub(super) fn of(kind: SecretKind, secret: &str) -> Result<Hashed, StoreError> {
        let salt = random()?;
        let hash = stretch(secret, &salt, MEMORY_KIB, PASSES).ok_or(StoreError::Chance)?;
        Ok(Hashed {
            kind,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt,
            hash,
        })
    }

    pub(super) fn kind(&self) -> SecretKind {
        self.kind
    }

    /// Whether `secret` is the one.
    pub(super) fn is(&self, secret: &str) -> bool {
        let secret = self.kind.normal(secret);
        let tried = stretch(&secret, &self.salt, self.memory_kib, self.passes);
        // Both sides are outputs of the hash: what their comparison takes tells nothing of the secret.
        tried.is_some_and(|tried| blake3::Hash::from(tried) == blake3::Hash::from(self.hash))
    }
}

/// Takes as long as a check and is never right.
pub(super) fn waste(secret: &str) -> bool {
    let tried = stretch(secret, &[0; 16], MEMORY_KIB, PASSES);
    std::hint::black_box(tried).is_none()
}

fn stretch(secret: &str, salt: &[u8; 16], memory_kib: u32, passes: u32) -> Option<[u8; 32]> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).ok()?;
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret.as_bytes(), salt, &mut hash)
        .ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_do_and_that_do_not() {
        let checked = |kind: SecretKind, text: &str| kind.checked(text).map(|s| s.to_string());
        assert_eq!(checked(SecretKind::Pin, " 40 71 "), Ok("4071".to_owned()));
        assert_eq!(checked(SecretKind::Pin, "407"), Err(SecretError::Pin));
        assert_eq!(checked(SecretKind::Pin, "40a1"), Err(SecretError::Pin));
        for easy in ["1111", "1234", "8765", "000000"] {
            assert_eq!(checked(SecretKind::Pin, easy), Err(SecretError::EasyPin));
        }
        let pictures = |text| checked(SecretKind::Pictures, text);
        assert_eq!(
            pictures("cat  sun cat boat"),
            Ok("cat sun cat boat".to_owned())
        );
        for wrong in ["cat sun cat", "cat cat cat cat", "cat sun cat dragon", ""] {
            assert_eq!(pictures(wrong), Err(SecretError::Pictures), "{wrong:?}");
        }
        assert_eq!(
            checked(SecretKind::Password, "short"),
            Err(SecretError::Password)
        );
    }

    #[test]
    fn a_hash_knows_its_secret_only() {
        let hashed = Hashed::of(SecretKind::Pin, "4071").unwrap();
        assert!(hashed.is("4071") && hashed.is("40 71") && !hashed.is("4072"));
        let again = Hashed::of(SecretKind::Pin, "4071").unwrap();
        assert_ne!(hashed.hash, again.hash, "each has a salt of its own");
        assert!(!waste("4071"));
    }
}
