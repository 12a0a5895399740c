//! Just enough PEM and DER to take a point of a curve or an RSA key out of a `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7).

use data_encoding::BASE64;

use super::material::Curve;

/// Object id 1.2.840.10045.2.1, `id-ecPublicKey`.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Object id 1.2.840.10045.3.1.7, `prime256v1`.
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// Object id 1.3.132.0.34, `secp384r1`.
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// Object id 1.2.840.113549.1.1.1, `rsaEncryption`.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// The point of a PEM public key on `expected`, as encoded there.
pub(super) fn ec_point(pem: &str, expected: Curve) -> Option<Vec<u8>> {
    let der = pem_body(pem)?;
    let (algorithm, key) = split(&der)?;
    let (kind, curve) = take(algorithm, OBJECT_ID)?;
    let (curve, rest) = take(curve, OBJECT_ID)?;
    let expected = match expected {
        Curve::P256 => PRIME256V1,
        Curve::P384 => SECP384R1,
    };
    (kind == EC_PUBLIC_KEY && curve == expected && rest.is_empty()).then(|| key.to_vec())
}

/// The PKCS#1 `RSAPublicKey` of a PEM RSA public key.
pub(super) fn rsa_key(pem: &str) -> Option<Vec<u8>> {
    let der = pem_body(pem)?;
    let (algorithm, key) = split(&der)?;
    let (kind, _null) = take(algorithm, OBJECT_ID)?;
    (kind == RSA_ENCRYPTION).then(|| key.to_vec())
}

/// The modulus of a PKCS#1 `RSAPublicKey`.
pub(super) fn rsa_modulus(key: &[u8]) -> Option<&[u8]> {
    let (numbers, _) = take(key, SEQUENCE)?;
    let (modulus, _) = take(numbers, INTEGER)?;
    Some(modulus)
}

fn pem_body(pem: &str) -> Option<Vec<u8>> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")?
        .strip_suffix("-----END PUBLIC KEY-----")?;
    let compact: String = body.split_ascii_whitespace().collect();
    BASE64.decode(compact.as_bytes()).ok()
}

/// Content of the algorithm sequence and of the key's bit string.
fn split(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, rest) = take(der, SEQUENCE)?;
    let (algorithm, key) = take(info, SEQUENCE)?;
    let (bits, end) = take(key, BIT_STRING)?;
    let (&unused, key) = bits.split_first()?;
    (rest.is_empty() && end.is_empty() && unused == 0).then_some((algorithm, key))
}

/// Splits one DER element of the given tag off `input`: its content and what follows.
fn take(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (
            usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?),
            &rest[2..],
        ),
        _ => return None,
    };
    (found == tag && rest.len() >= length).then(|| rest.split_at(length))
}
