//! HPKE's receiving side (RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305) for many messages
//! to one key: what follows from the key and the slot alone is computed once.
//!
//! A collector opens millions of records; the crate `hpke` derives the recipient's public key again for each of them. Sealing
//! stays with that crate, and the tests hold this side against it.

use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag, aead::AeadInOut};
use curve25519_dalek::MontgomeryPoint;
use hkdf::{Hkdf, HkdfExtract};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{SealSecret, TAG_BYTES, array};

/// Section 7: the ids of the algorithms.
const KEM_SUITE: &[u8] = b"KEM\x00\x20";
const HPKE_SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x03";
const VERSION_LABEL: &[u8] = b"HPKE-v1";
/// `mode`, `psk_id_hash`, `info_hash`.
const CONTEXT_BYTES: usize = 1 + 32 + 32;

/// Opens what was sealed to one key under one `info`.
pub(super) struct Receiver {
    secret: SealSecret,
    public: [u8; 32],
    /// `key_schedule_context`.
    context: [u8; CONTEXT_BYTES],
}

impl Receiver {
    pub(super) fn new(secret: &SealSecret, info: &[u8]) -> Self {
        let mut context = [0; CONTEXT_BYTES];
        let hash = |label: &[u8], of: &[u8]| extract(&[], HPKE_SUITE, label, of).0;
        context[1..33].copy_from_slice(&*hash(b"psk_id_hash", b""));
        context[33..].copy_from_slice(&*hash(b"info_hash", info));
        Self {
            secret: secret.clone(),
            public: secret.public().0,
            context,
        }
    }

    /// The plaintext; `None` for what is not sealed to this key, for this `info` and these associated data.
    pub(super) fn open(
        &self,
        encapsulated: &[u8; 32],
        sealed: &[u8],
        associated: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        // Section 4.1, Decap.
        let dh = MontgomeryPoint(*encapsulated).mul_clamped(*self.secret.bytes());
        let dh = Zeroizing::new(dh.to_bytes());
        // Section 7.1.4: a point of low order gives nothing secret.
        if dh.iter().fold(0, |any, byte| any | byte) == 0 {
            return None;
        }
        let (_, prk) = extract(&[], KEM_SUITE, b"eae_prk", &*dh);
        let mut kem_context = [0; 64];
        kem_context[..32].copy_from_slice(encapsulated);
        kem_context[32..].copy_from_slice(&self.public);
        let shared: Zeroizing<[u8; 32]> = expand(&prk, KEM_SUITE, b"shared_secret", &kem_context);
        // Section 5.1, KeySchedule, without a pre-shared key.
        let (_, secret) = extract(&*shared, HPKE_SUITE, b"secret", b"");
        let key: Zeroizing<[u8; 32]> = expand(&secret, HPKE_SUITE, b"key", &self.context);
        let nonce: Zeroizing<[u8; 12]> = expand(&secret, HPKE_SUITE, b"base_nonce", &self.context);
        // Section 5.2: the nonce of the first message is the base nonce itself.
        let length = sealed.len().checked_sub(TAG_BYTES)?;
        let mut plain = Zeroizing::new(sealed[..length].to_vec());
        let tag = Tag::from(array::<TAG_BYTES>(&sealed[length..]));
        ChaCha20Poly1305::new((&*key).into())
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                associated,
                plain.as_mut_slice().into(),
                &tag,
            )
            .ok()?;
        Some(plain)
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver(hidden)")
    }
}

/// Section 4, LabeledExtract: the key itself, and the key as something to expand.
fn extract(
    salt: &[u8],
    suite: &[u8],
    label: &[u8],
    ikm: &[u8],
) -> (Zeroizing<[u8; 32]>, Hkdf<Sha256>) {
    let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
    for part in [VERSION_LABEL, suite, label, ikm] {
        extract.input_ikm(part);
    }
    let (key, hkdf) = extract.finalize();
    (Zeroizing::new(key.into()), hkdf)
}

/// Section 4, LabeledExpand.
fn expand<const N: usize>(
    prk: &Hkdf<Sha256>,
    suite: &[u8],
    label: &[u8],
    info: &[u8],
) -> Zeroizing<[u8; N]> {
    let length = u16::try_from(N).expect("keys and nonces are short");
    let length = length.to_be_bytes();
    let mut key = Zeroizing::new([0; N]);
    prk.expand_multi_info(&[&length, VERSION_LABEL, suite, label, info], &mut *key)
        .expect("keys and nonces are far shorter than 255 hashes");
    key
}

#[cfg(test)]
mod tests {
    use hpke::{
        Deserializable, Kem, OpModeS, Serializable, aead::ChaCha20Poly1305 as HpkeChaCha,
        kdf::HkdfSha256, kem::X25519HkdfSha256, single_shot_seal_with_rng,
    };
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    fn sealed(
        to: &SealSecret,
        info: &[u8],
        plain: &[u8],
        aad: &[u8],
        seed: [u8; 32],
    ) -> ([u8; 32], Vec<u8>) {
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&to.public().0).unwrap();
        let mut rng = ChaCha20Rng::from_seed(seed);
        let (encapsulated, sealed) = single_shot_seal_with_rng::<
            HpkeChaCha,
            HkdfSha256,
            X25519HkdfSha256,
        >(&OpModeS::Base, &key, info, plain, aad, &mut rng)
        .unwrap();
        (array(&encapsulated.to_bytes()), sealed)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// What the crate `hpke` seals opens here, and with any other byte anywhere it does not.
        #[test]
        fn what_the_reference_seals_opens_and_nothing_else(
            secret in any::<[u8; 32]>(),
            seed in any::<[u8; 32]>(),
            info in proptest::collection::vec(any::<u8>(), 0..40),
            plain in proptest::collection::vec(any::<u8>(), 0..80),
            aad in proptest::collection::vec(any::<u8>(), 1..60),
            at in any::<prop::sample::Index>(),
        ) {
            let secret = SealSecret::from_bytes(secret);
            let (encapsulated, sealed) = sealed(&secret, &info, &plain, &aad, seed);
            let receiver = Receiver::new(&secret, &info);
            let opened = receiver.open(&encapsulated, &sealed, &aad);
            prop_assert_eq!(opened.as_deref(), Some(&plain));

            let mut other = sealed.clone();
            let place = at.index(other.len());
            other[place] ^= 1;
            prop_assert!(receiver.open(&encapsulated, &other, &aad).is_none());
            let mut other = aad.clone();
            let place = at.index(other.len());
            other[place] ^= 1;
            prop_assert!(receiver.open(&encapsulated, &sealed, &other).is_none());
            let mut other = encapsulated;
            other[at.index(31)] ^= 1;
            prop_assert!(receiver.open(&other, &sealed, &aad).is_none());
            let elsewhere = Receiver::new(&secret, &[&info[..], b"x"].concat());
            prop_assert!(elsewhere.open(&encapsulated, &sealed, &aad).is_none());
        }
    }

    #[test]
    fn a_point_of_low_order_and_cut_bytes_open_nothing() {
        let receiver = Receiver::new(&SealSecret::from_bytes([7; 32]), b"x");
        for low in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert!(receiver.open(&low, &[0; 48], b"").is_none());
        }
        assert!(receiver.open(&[9; 32], &[0; 15], b"").is_none());
    }
}
