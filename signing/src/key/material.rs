//! The kinds of public keys that we can verify with, and what makes two of them the same key.

use sha2::{Digest as _, Sha256};

use super::{Identity, spki};

/// What verification needs, taken out of `keyval` once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Material {
    Ed25519([u8; 32]),
    Ecdsa {
        curve: Curve,
        /// Uncompressed SEC1 point.
        point: Vec<u8>,
    },
    Rsa {
        scheme: RsaScheme,
        /// PKCS#1 `RSAPublicKey`, DER.
        key: Vec<u8>,
    },
    Unusable,
}

/// A curve with the hash that its TUF scheme prescribes; signatures are DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

/// RSA of 2048 to 8192 bits; a PSS salt is as long as the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RsaScheme {
    PssSha256,
    PssSha384,
    PssSha512,
    Pkcs1Sha256,
    Pkcs1Sha384,
    Pkcs1Sha512,
}

impl Material {
    pub(super) fn read(keytype: &str, scheme: &str, public: &str) -> Material {
        let ecdsa = |curve| {
            Some(Material::Ecdsa {
                curve,
                point: curve.point(public)?,
            })
        };
        let material = match (keytype, scheme) {
            ("ed25519", "ed25519") => {
                let mut raw = [0; 32];
                hex::decode_to_slice(public, &mut raw)
                    .ok()
                    .map(|()| Material::Ed25519(raw))
            }
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => ecdsa(Curve::P256),
            ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => ecdsa(Curve::P384),
            ("rsa", scheme) => RsaScheme::read(scheme).and_then(|scheme| {
                let key = spki::rsa_key(public)?;
                Some(Material::Rsa { scheme, key })
            }),
            _ => None,
        };
        material.unwrap_or(Material::Unusable)
    }

    /// Equal for one key under several ids, schemes or spellings. For RSA the modulus alone decides: who holds one
    /// exponent's secret holds that of every other.
    pub(super) fn identity(&self) -> Identity {
        let (kind, value): (&[u8], &[u8]) = match self {
            Material::Ed25519(public) => (b"ed25519 ", public),
            Material::Ecdsa { point, .. } => (b"ecdsa ", point),
            Material::Rsa { key, .. } => (b"rsa ", spki::rsa_modulus(key).unwrap_or(key)),
            Material::Unusable => (b"", b""),
        };
        Sha256::new_with_prefix(kind)
            .chain_update(value)
            .finalize()
            .into()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        use ring::signature::UnparsedPublicKey;
        match self {
            Material::Ed25519(public) => verify_ed25519(public, message, signature),
            Material::Ecdsa { curve, point } => UnparsedPublicKey::new(curve.algorithm(), point)
                .verify(message, signature)
                .is_ok(),
            Material::Rsa { scheme, key } => UnparsedPublicKey::new(scheme.algorithm(), key)
                .verify(message, signature)
                .is_ok(),
            Material::Unusable => false,
        }
    }
}

impl Curve {
    /// From PEM, or from the hex of the point alone, as early tools wrote it.
    fn point(self, public: &str) -> Option<Vec<u8>> {
        let length = match self {
            Curve::P256 => 65,
            Curve::P384 => 97,
        };
        let point = match hex::decode(public) {
            Ok(point) => point,
            Err(_) => spki::ec_point(public, self)?,
        };
        (point.len() == length && point[0] == 4).then_some(point)
    }

    fn algorithm(self) -> &'static ring::signature::EcdsaVerificationAlgorithm {
        match self {
            Curve::P256 => &ring::signature::ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &ring::signature::ECDSA_P384_SHA384_ASN1,
        }
    }
}

impl RsaScheme {
    fn read(scheme: &str) -> Option<RsaScheme> {
        Some(match scheme {
            "rsassa-pss-sha256" => RsaScheme::PssSha256,
            "rsassa-pss-sha384" => RsaScheme::PssSha384,
            "rsassa-pss-sha512" => RsaScheme::PssSha512,
            "rsa-pkcs1v15-sha256" => RsaScheme::Pkcs1Sha256,
            "rsa-pkcs1v15-sha384" => RsaScheme::Pkcs1Sha384,
            "rsa-pkcs1v15-sha512" => RsaScheme::Pkcs1Sha512,
            _ => return None,
        })
    }

    fn algorithm(self) -> &'static ring::signature::RsaParameters {
        match self {
            RsaScheme::PssSha256 => &ring::signature::RSA_PSS_2048_8192_SHA256,
            RsaScheme::PssSha384 => &ring::signature::RSA_PSS_2048_8192_SHA384,
            RsaScheme::PssSha512 => &ring::signature::RSA_PSS_2048_8192_SHA512,
            RsaScheme::Pkcs1Sha256 => &ring::signature::RSA_PKCS1_2048_8192_SHA256,
            RsaScheme::Pkcs1Sha384 => &ring::signature::RSA_PKCS1_2048_8192_SHA384,
            RsaScheme::Pkcs1Sha512 => &ring::signature::RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// Strict: small-order keys and non-canonical signatures, which several parties judge differently, are refused.
fn verify_ed25519(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(public) else {
        return false;
    };
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}
