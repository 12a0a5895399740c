//! The log keys' signatures of many records checked together, for records that a store has checked one by one when they came.
//!
//! One equation with random factors stands for all: it holds when every signature does, and a set with a forged one passes it
//! with a chance of 2^-128 (Bernstein and others, "High-speed high-security signatures", section 5). It does not see a part
//! of small order that a log's own device could put into its signature; [`Record::parse`] sees it, so whatever comes from
//! elsewhere goes through that.

use std::collections::BTreeMap;

use curve25519_dalek::{
    constants::ED25519_BASEPOINT_POINT,
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
use sha2::{Digest, Sha512};

use super::{Header, LogKey, Record, RecordError, SIGNATURE_BYTES, array, parse_header};

/// What the signature of one record says.
struct Claim {
    key: LogKey,
    r: EdwardsPoint,
    s: Scalar,
    /// Hash of commitment, key and message.
    h: Scalar,
}

impl Record {
    /// Reads records that were read by [`Record::parse`] before, as from the disk of a store; much faster. Where one is
    /// damaged, all are checked one by one.
    pub fn parse_again(records: Vec<Vec<u8>>) -> Vec<Result<Self, RecordError>> {
        let mut keys = BTreeMap::new();
        let claims: Result<Vec<(Header, Claim)>, RecordError> = records
            .iter()
            .map(|bytes| claim(bytes, &mut keys))
            .collect();
        match claims {
            Ok(claims) if hold(&claims, &keys) => claims
                .into_iter()
                .zip(records)
                .map(|((header, _), bytes)| Ok(Self::trusted(header, bytes)))
                .collect(),
            _ => records.into_iter().map(Self::parse).collect(),
        }
    }
}

/// The parts of a record's signature, each of the form that [`Record::parse`] asks for.
fn claim(
    bytes: &[u8],
    keys: &mut BTreeMap<LogKey, EdwardsPoint>,
) -> Result<(Header, Claim), RecordError> {
    let header = parse_header(bytes)?;
    let key = header.log_key;
    if let std::collections::btree_map::Entry::Vacant(place) = keys.entry(key) {
        place.insert(point(&key.0)?);
    }
    let (body, signature) = bytes.split_at(bytes.len() - SIGNATURE_BYTES);
    let (commitment, scalar): ([u8; 32], [u8; 32]) =
        (array(&signature[..32]), array(&signature[32..]));
    let s = Option::from(Scalar::from_canonical_bytes(scalar)).ok_or(RecordError::Signature)?;
    let hash = Sha512::new()
        .chain_update(commitment)
        .chain_update(key.0)
        .chain_update(super::SIGNED_DOMAIN)
        .chain_update(body)
        .finalize();
    let claim = Claim {
        key,
        r: point(&commitment)?,
        s,
        h: Scalar::from_bytes_mod_order_wide(&hash.into()),
    };
    Ok((header, claim))
}

/// A point in its one encoding, not of small order.
fn point(bytes: &[u8; 32]) -> Result<EdwardsPoint, RecordError> {
    let point = CompressedEdwardsY(*bytes).decompress();
    point
        .filter(|point| is_canonical(bytes) && !point.is_small_order())
        .ok_or(RecordError::Signature)
}

/// Is the y coordinate below 2^255 - 19?
fn is_canonical(bytes: &[u8; 32]) -> bool {
    bytes[0] < 0xed || bytes[1..31].iter().any(|byte| *byte != 0xff) || bytes[31] & 0x7f != 0x7f
}

/// Does the equation hold for all together? The factors follow from everything that is checked, so nobody can choose
/// signatures to fit them.
fn hold(claims: &[(Header, Claim)], keys: &BTreeMap<LogKey, EdwardsPoint>) -> bool {
    let mut transcript = blake3::Hasher::new_derive_key("pishtar record batch 1");
    for (_, claim) in claims {
        transcript.update(claim.h.as_bytes());
        transcript.update(claim.s.as_bytes());
    }
    let mut factors = transcript.finalize_xof();
    let mut base = Scalar::ZERO;
    let mut of_keys: BTreeMap<LogKey, Scalar> = BTreeMap::new();
    let mut scalars = Vec::with_capacity(claims.len() + keys.len() + 1);
    let mut points = Vec::with_capacity(claims.len() + keys.len() + 1);
    for (_, claim) in claims {
        let mut factor = [0; 16];
        factors.fill(&mut factor);
        let factor = Scalar::from(u128::from_le_bytes(factor));
        base -= factor * claim.s;
        *of_keys.entry(claim.key).or_default() += factor * claim.h;
        scalars.push(factor);
        points.push(claim.r);
    }
    for (key, scalar) in of_keys {
        scalars.push(scalar);
        points.push(keys[&key]);
    }
    scalars.push(base);
    points.push(ED25519_BASEPOINT_POINT);
    EdwardsPoint::vartime_multiscalar_mul(scalars, points).is_identity()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::record::{CollectionSecret, LogSigner, Recipients, seal};

    /// Records of five logs.
    fn records() -> Vec<Vec<u8>> {
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let to = Recipients {
            ministry: CollectionSecret::generate(1, &mut rng).public(),
            school: None,
        };
        let mut records = Vec::new();
        for log in 0..5 {
            let signer = LogSigner::new(&SigningKey::from_bytes(&[log; 32]), &[log + 9; 32]);
            for sequence in 1..=6 {
                let record = seal(b"x", &signer, sequence, 1, &to, &mut rng).unwrap();
                records.push(record.into_bytes());
            }
        }
        records
    }

    fn one_by_one(records: &[Vec<u8>]) -> Vec<Result<Record, RecordError>> {
        records.iter().cloned().map(Record::parse).collect()
    }

    #[test]
    fn good_records_pass_together() {
        let records = records();
        assert_eq!(Record::parse_again(records.clone()), one_by_one(&records));
        assert!(Record::parse_again(Vec::new()).is_empty());
    }

    /// Whatever byte of whichever record was changed, or whoever signed it: the answer is that of the strict check.
    #[test]
    fn damaged_and_forged_records_are_found_among_good_ones() {
        let good = records();
        let length = good[0].len();
        // Header, slots, payload, commitment and scalar.
        for at in [
            0,
            3,
            20,
            60,
            200,
            length - 64,
            length - 40,
            length - 32,
            length - 1,
        ] {
            let mut records = good.clone();
            records[at % 30][at] ^= 0x10;
            let expected = one_by_one(&records);
            assert!(expected.iter().any(Result::is_err), "{at}");
            assert_eq!(Record::parse_again(records), expected, "{at}");
        }
        let mut swapped = good.clone();
        let signature = good[0][length - 64..].to_vec();
        swapped[1][length - 64..].copy_from_slice(&signature);
        assert_eq!(Record::parse_again(swapped.clone()), one_by_one(&swapped));
        // Two wrong scalars whose errors cancel out in a plain sum.
        let mut cancelling = good;
        for (at, step) in [(2, 1u8), (3, 0xff)] {
            let end = length - 32;
            let low = cancelling[at][end].wrapping_add(step);
            cancelling[at][end] = low;
        }
        let expected = one_by_one(&cancelling);
        assert_eq!(expected.iter().filter(|record| record.is_err()).count(), 2);
        assert_eq!(Record::parse_again(cancelling), expected);
    }

    #[test]
    fn keys_and_commitments_of_small_order_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for weak in [[0; 32], one] {
            let mut records = records();
            records[7][18..50].copy_from_slice(&weak);
            let length = records[8].len();
            records[8][length - 64..length - 32].copy_from_slice(&weak);
            let again = Record::parse_again(records.clone());
            assert_eq!(
                again[7..9],
                [Err(RecordError::Signature), Err(RecordError::Signature)]
            );
            assert_eq!(again, one_by_one(&records));
        }
    }

    #[test]
    fn an_encoding_beyond_the_prime_is_not_canonical() {
        let mut prime = [0xff; 32];
        (prime[0], prime[31]) = (0xed, 0x7f);
        assert!(!is_canonical(&prime));
        prime[0] = 0xec;
        assert!(is_canonical(&prime));
        prime[31] = 0xff;
        assert!(is_canonical(&prime), "with its sign");
    }
}
