//! Secret bytes locked with a passphrase: Argon2id (RFC 9106) makes a key, ChaCha20-Poly1305 (RFC 8439) seals with it.
//!
//! Salt and passphrase come in as arguments. The salt is new for every lock, so each derived key seals once and its nonce
//! may be zero. What must not be exchanged for something else (the public half beside it) is authenticated as context.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag, aead::AeadInOut};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The form that this program writes.
const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "chacha20poly1305";
const TAG_BYTES: usize = 16;

/// Most memory that a file may make us use, KiB: 1 GiB.
pub const MAX_MEMORY_KIB: u32 = 1 << 20;
/// Most passes over the memory.
pub const MAX_PASSES: u32 = 16;
/// Most lanes.
pub const MAX_LANES: u32 = 16;
/// Most secret bytes; a key file has some hundred.
pub const MAX_SECRET_BYTES: usize = 1 << 16;

/// What guessing one passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory, KiB. Less makes guessing on special hardware cheaper; more than the machine has free makes unlocking fail.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes, computed one after the other here.
    pub lanes: u32,
}

impl Cost {
    /// RFC 9106, second recommended choice: 64 MiB, for machines with little memory. Below a second on old hardware.
    pub const KEY_FILE: Cost = Cost {
        memory_kib: 1 << 16,
        passes: 3,
        lanes: 4,
    };
}

/// A locked secret as it lies in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    version: u32,
    kdf: String,
    cipher: String,
    cost: Cost,
    #[serde(with = "hex::serde")]
    salt: [u8; 16],
    #[serde(with = "hex::serde")]
    ciphertext: Vec<u8>,
}

/// Why a secret cannot be locked or unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// A form that this program does not know.
    #[error("it is locked in a form ({0}) that this program does not know; use a newer pishtar")]
    Form(String),
    /// A cost beyond the bounds: a damaged file, or one made to exhaust this machine.
    #[error(
        "unlocking it would take {} KiB, {} passes and {} lanes; at most {MAX_MEMORY_KIB}, {MAX_PASSES} and {MAX_LANES} are allowed",
        .0.memory_kib, .0.passes, .0.lanes
    )]
    Cost(Cost),
    /// Too long or too short.
    #[error("it holds {0} locked bytes; 1 to {MAX_SECRET_BYTES} are allowed")]
    Length(usize),
    /// The wrong passphrase, or the file was changed.
    #[error("the passphrase is wrong, or the file was changed")]
    Wrong,
    /// Not enough memory.
    #[error("unlocking takes {0} KiB of memory, which this machine does not have free")]
    Memory(u32),
}

impl Locked {
    /// Locks `secret`. `salt` comes from the operating system's generator, new for every call.
    ///
    /// # Errors
    /// [`LockError`] other than `Wrong`.
    pub fn lock(
        secret: &[u8],
        passphrase: &str,
        context: &[u8],
        salt: [u8; 16],
        cost: Cost,
    ) -> Result<Locked, LockError> {
        if secret.is_empty() || secret.len() > MAX_SECRET_BYTES {
            return Err(LockError::Length(secret.len()));
        }
        let mut locked = Locked {
            version: VERSION,
            kdf: KDF.to_owned(),
            cipher: CIPHER.to_owned(),
            cost,
            salt,
            ciphertext: secret.to_vec(),
        };
        let cipher = locked.cipher_of(passphrase)?;
        let tag = cipher
            .encrypt_inout_detached(
                &Nonce::default(),
                context,
                locked.ciphertext.as_mut_slice().into(),
            )
            .expect("a key file is shorter than the cipher's limit");
        locked.ciphertext.extend_from_slice(&tag);
        Ok(locked)
    }

    /// The secret. `context` must be what it was locked with.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn unlock(
        &self,
        passphrase: &str,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, LockError> {
        let length = self.ciphertext.len();
        if !(TAG_BYTES + 1..=TAG_BYTES + MAX_SECRET_BYTES).contains(&length) {
            return Err(LockError::Length(length.saturating_sub(TAG_BYTES)));
        }
        let cipher = self.cipher_of(passphrase)?;
        let (sealed, tag) = self.ciphertext.split_at(length - TAG_BYTES);
        let tag = Tag::try_from(tag).map_err(|_| LockError::Length(0))?;
        let mut secret = Zeroizing::new(sealed.to_vec());
        cipher
            .decrypt_inout_detached(
                &Nonce::default(),
                context,
                secret.as_mut_slice().into(),
                &tag,
            )
            .map_err(|_| LockError::Wrong)?;
        Ok(secret)
    }

    /// Checks everything that the file says before any memory is taken.
    fn cipher_of(&self, passphrase: &str) -> Result<ChaCha20Poly1305, LockError> {
        if (self.version, &*self.kdf, &*self.cipher) != (VERSION, KDF, CIPHER) {
            let form = format!("version {}, {}, {}", self.version, self.kdf, self.cipher);
            return Err(LockError::Form(form));
        }
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        let bounded = memory_kib <= MAX_MEMORY_KIB
            && (1..=MAX_PASSES).contains(&passes)
            && (1..=MAX_LANES).contains(&lanes);
        let params = Params::new(memory_kib, passes, lanes, Some(32));
        let params = params
            .ok()
            .filter(|_| bounded)
            .ok_or(LockError::Cost(self.cost))?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &self.salt, &mut *key)
            .map_err(|_| LockError::Memory(memory_kib))?;
        Ok(ChaCha20Poly1305::new((&*key).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    fn locked() -> Locked {
        Locked::lock(
            b"the seed",
            "fjalëkalim i gjatë",
            b"public half",
            [7; 16],
            CHEAP,
        )
        .unwrap()
    }

    #[test]
    fn only_the_passphrase_and_the_context_unlock() {
        let json = serde_json::to_string(&locked()).unwrap();
        assert!(!json.contains(&hex::encode("seed")), "{json}");
        let read: Locked = serde_json::from_str(&json).unwrap();
        let open = |passphrase, context| read.unlock(passphrase, context);
        assert_eq!(
            **open("fjalëkalim i gjatë", b"public half").unwrap(),
            *b"the seed"
        );
        let wrong = LockError::Wrong;
        assert_eq!(
            open("fjalekalim i gjate", b"public half").unwrap_err(),
            wrong
        );
        assert_eq!(
            open("fjalëkalim i gjatë", b"other half").unwrap_err(),
            wrong
        );
        for at in [0, 5, read.ciphertext.len() - 1] {
            let mut changed = read.clone();
            changed.ciphertext[at] ^= 1;
            let opened = changed.unlock("fjalëkalim i gjatë", b"public half");
            assert_eq!(opened.unwrap_err(), wrong);
        }
    }

    #[test]
    fn a_file_cannot_make_unlocking_endless() {
        for cost in [
            Cost {
                memory_kib: u32::MAX,
                ..CHEAP
            },
            Cost {
                memory_kib: MAX_MEMORY_KIB + 1,
                ..CHEAP
            },
            Cost {
                passes: MAX_PASSES + 1,
                ..CHEAP
            },
            Cost { passes: 0, ..CHEAP },
            Cost {
                lanes: MAX_LANES + 1,
                ..CHEAP
            },
            Cost {
                memory_kib: 1,
                ..CHEAP
            },
        ] {
            let file = Locked { cost, ..locked() };
            assert_eq!(file.unlock("x", b"").unwrap_err(), LockError::Cost(cost));
        }
        let file = Locked {
            ciphertext: vec![0; TAG_BYTES],
            ..locked()
        };
        assert_eq!(file.unlock("x", b"").unwrap_err(), LockError::Length(0));
        let file = Locked {
            version: 2,
            ..locked()
        };
        let form = "version 2, argon2id, chacha20poly1305".to_owned();
        assert_eq!(file.unlock("x", b"").unwrap_err(), LockError::Form(form));
    }
}
