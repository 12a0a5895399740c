//! How a metadata file's bytes get small: against an earlier version of it that both sides have, or with its digests
//! taken out, since in hex they cost a compressor more than the 32 bytes that they are.
//!
//! What unpacks is bounded before it is unpacked: by the length that the giver announced, which the asker compared
//! with the length that signed metadata promises.

use std::io;

use pishtar_mesh::wire::Packing;
use zstd::{
    bulk::Compressor,
    zstd_safe::{self, CParameter, DCtx},
};

/// zstd's effort for whole files. Beyond it only levels above 15 gain more than a percent, at ten times the CPU time.
const WHOLE_LEVEL: i32 = 6;
/// zstd's effort for differences; higher levels gain nothing there.
const DIFFERENCE_LEVEL: i32 = 3;
/// Files below this are sent as they are.
const WORTH_PACKING_BYTES: usize = 256;
/// A difference that is not this many times smaller than the file is compared with the file packed whole.
const CLEARLY_SMALLER: usize = 8;
/// Bounds on zstd's window, as powers of two: it has to span the file and the version before it.
const WINDOW_LOG: (u32, u32) = (10, 27);

/// A digest in a file: so many hex digits.
const HEX: usize = 64;
/// A digest on the wire: so many bytes.
const RAW: usize = 32;
/// Stands in the folded text for a digest; no UTF-8 text holds it.
const MARK: u8 = 0xff;

/// A file as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// How.
    pub packing: Packing,
    /// What goes over the wire.
    pub packed: Vec<u8>,
    /// Length of the file in bytes.
    pub bytes: u64,
}

/// Why packed bytes are not a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnpackError {
    /// Not what the announced packing looks like, or of another length than announced: the giver's fault.
    #[error("a file that cannot be unpacked")]
    Malformed,
    /// The giver used a version that it was not told of: its fault.
    #[error("a packing against a version that was not named")]
    NotNamed,
    /// It does not unpack against the version named. Perhaps both sides hold different bytes under one version, which
    /// is nobody's fault here: ask again without naming versions.
    #[error("a difference to other bytes than are held here")]
    OtherBase,
}

/// Packs `file` as small as it gets; `base` is an earlier version that the asker has, byte by byte.
///
/// # Errors
/// When zstd has no memory.
pub(super) fn pack(file: Vec<u8>, base: Option<(u64, &[u8])>) -> io::Result<Packed> {
    let bytes = file.len() as u64;
    let of = |packing, packed| Packed {
        packing,
        packed,
        bytes,
    };
    if file.len() < WORTH_PACKING_BYTES {
        return Ok(of(Packing::Plain, file));
    }
    let mut best: Option<Packed> = None;
    if let Some((version, base)) = base {
        let difference = of(
            Packing::ZstdAgainst { version },
            compress_against(&file, base)?,
        );
        if difference.packed.len() < file.len() / CLEARLY_SMALLER {
            return Ok(difference);
        }
        best = Some(difference);
    }
    let whole = pack_whole(&file)?;
    let smaller = best.filter(|best| best.packed.len() < whole.packed.len());
    let packed = smaller.unwrap_or(whole);
    Ok(match packed.packed.len() < file.len() {
        true => packed,
        false => of(Packing::Plain, file),
    })
}

fn pack_whole(file: &[u8]) -> io::Result<Packed> {
    let (packing, packed) = match fold(file) {
        Some((text, digests)) => {
            let count = u32::try_from(digests.len() / RAW).map_err(io::Error::other)?;
            let mut packed = zstd::bulk::compress(&text, WHOLE_LEVEL)?;
            packed.extend_from_slice(&digests);
            (Packing::Folded { digests: count }, packed)
        }
        None => (Packing::Zstd, zstd::bulk::compress(file, WHOLE_LEVEL)?),
    };
    let bytes = file.len() as u64;
    Ok(Packed {
        packing,
        packed,
        bytes,
    })
}

/// Unpacks to exactly `bytes` bytes; no more memory is taken than that. `bases` are the versions that were named.
///
/// # Errors
/// [`UnpackError`] says whose fault it is.
pub(super) fn unpack(
    packed: Vec<u8>,
    packing: Packing,
    bytes: usize,
    bases: &[(u64, Vec<u8>)],
) -> Result<Vec<u8>, UnpackError> {
    let (unpacked, error) = match packing {
        Packing::Plain => (Some(packed), UnpackError::Malformed),
        Packing::Zstd => (
            zstd::bulk::decompress(&packed, bytes).ok(),
            UnpackError::Malformed,
        ),
        Packing::ZstdAgainst { version } => {
            let named = bases.iter().find(|(named, _)| *named == version);
            let (_, base) = named.ok_or(UnpackError::NotNamed)?;
            (
                decompress_against(&packed, bytes, base),
                UnpackError::OtherBase,
            )
        }
        Packing::Folded { digests } => (
            unpack_folded(&packed, bytes, digests),
            UnpackError::Malformed,
        ),
    };
    unpacked
        .filter(|unpacked| unpacked.len() == bytes)
        .ok_or(error)
}

/// With a checksum, so that another base is noticed and not taken for a lie.
fn compress_against(file: &[u8], base: &[u8]) -> io::Result<Vec<u8>> {
    let span = file.len().saturating_add(base.len()).max(1);
    let window_log = (usize::BITS - (span - 1).leading_zeros()).clamp(WINDOW_LOG.0, WINDOW_LOG.1);
    let mut packer: Compressor<'_> = Compressor::default();
    for parameter in [
        CParameter::CompressionLevel(DIFFERENCE_LEVEL),
        CParameter::WindowLog(window_log),
        CParameter::EnableLongDistanceMatching(true),
        CParameter::ChecksumFlag(true),
    ] {
        packer.set_parameter(parameter)?;
    }
    packer.context_mut().ref_prefix(base).map_err(|code| {
        io::Error::other(format!(
            "zstd refuses a prefix: {}",
            zstd_safe::get_error_name(code)
        ))
    })?;
    packer.compress(file)
}

fn decompress_against(packed: &[u8], bytes: usize, base: &[u8]) -> Option<Vec<u8>> {
    let mut unpacker = DCtx::create();
    unpacker.ref_prefix(base).ok()?;
    // A vector's capacity bounds what is written, whatever the frame claims.
    let mut out = Vec::with_capacity(bytes);
    unpacker.decompress(&mut out, packed).ok()?;
    Some(out)
}

/// Takes the digests out; `None` where there are none, or where the text has the mark of its own.
fn fold(file: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if file.contains(&MARK) {
        return None;
    }
    let (mut text, mut digests) = (Vec::with_capacity(file.len()), Vec::new());
    let mut rest = file;
    while let Some((&byte, after)) = rest.split_first() {
        text.push(byte);
        rest = after;
        if byte == b'"'
            && let Some(digest) = after.first_chunk::<HEX>().and_then(digest)
        {
            text.push(MARK);
            digests.extend_from_slice(&digest);
            rest = &after[HEX..];
        }
    }
    (!digests.is_empty()).then_some((text, digests))
}

fn digest(hex_digits: &[u8; HEX]) -> Option<[u8; RAW]> {
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut digest = [0; RAW];
    (hex_digits.iter().all(lower) && hex::decode_to_slice(hex_digits, &mut digest).is_ok())
        .then_some(digest)
}

fn unpack_folded(packed: &[u8], bytes: usize, digests: u32) -> Option<Vec<u8>> {
    let digests = usize::try_from(digests).ok()?;
    let frame_bytes = packed.len().checked_sub(digests.checked_mul(RAW)?)?;
    // In the text each digest is one byte.
    let text_bytes = bytes.checked_sub(digests.checked_mul(HEX - 1)?)?;
    let (frame, raw) = packed.split_at(frame_bytes);
    let text = zstd::bulk::decompress(frame, text_bytes).ok()?;
    if text.iter().filter(|byte| **byte == MARK).count() != digests {
        return None;
    }
    let mut raw = raw.chunks_exact(RAW);
    let mut out = Vec::with_capacity(bytes);
    for byte in text {
        match byte {
            MARK => out.extend_from_slice(hex::encode(raw.next()?).as_bytes()),
            byte => out.push(byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file like a course's: digests that no compressor makes smaller, among words that repeat.
    fn course(lessons: u32, version: u32) -> Vec<u8> {
        let mut file = format!(r#"{{"version":{version},"targets":{{"#);
        for lesson in 0..lessons {
            let digest = blake3::hash(&lesson.to_le_bytes()).to_hex();
            file.push_str(&format!(r#""m/math/{lesson}":{{"sha256":"{digest}"}},"#));
        }
        file.into_bytes()
    }

    fn round_trip(file: &[u8], base: Option<(u64, &[u8])>) -> Packed {
        let packed = pack(file.to_vec(), base).expect("in memory");
        let bases: Vec<(u64, Vec<u8>)> = base
            .iter()
            .map(|(version, base)| (*version, base.to_vec()))
            .collect();
        let unpacked = unpack(packed.packed.clone(), packed.packing, file.len(), &bases);
        assert_eq!(unpacked.as_deref(), Ok(file));
        assert!(packed.packed.len() <= file.len());
        assert_eq!(packed.bytes, file.len() as u64);
        packed
    }

    #[test]
    fn a_course_costs_its_digests_once_and_then_only_what_changed() {
        let (old, mut new) = (course(280, 1), course(280, 2));
        let whole = round_trip(&old, None);
        assert_eq!(whole.packing, Packing::Folded { digests: 280 });
        assert!(
            whole.packed.len() < 280 * RAW + 2_000,
            "{}",
            whole.packed.len()
        );
        new.extend_from_slice(b"one lesson more");
        let difference = round_trip(&new, Some((7, &old)));
        assert_eq!(difference.packing, Packing::ZstdAgainst { version: 7 });
        assert!(difference.packed.len() < 100, "{}", difference.packed.len());
    }

    #[test]
    fn a_base_of_400_kb_is_used_from_end_to_end() {
        let old = course(4_500, 1);
        assert!(old.len() > 400_000, "{}", old.len());
        // What stood last comes first: every match spans almost the whole window.
        let (head, tail) = old.split_at(old.len() / 8);
        let new = [tail, head].concat();
        let difference = round_trip(&new, Some((1, &old)));
        assert!(
            difference.packed.len() < 1_000,
            "{}",
            difference.packed.len()
        );
    }

    #[test]
    fn a_base_that_has_nothing_in_common_does_no_harm() {
        let base = [b'x'; 5_000];
        let packed = round_trip(&course(100, 1), Some((1, &base)));
        assert_eq!(packed.packing, Packing::Folded { digests: 100 });
    }

    #[test]
    fn another_base_is_told_from_a_lie() {
        let (old, new) = (course(280, 1), course(281, 2));
        let packed = pack(new.clone(), Some((1, &old))).expect("in memory");
        let other: Vec<u8> = old.iter().rev().copied().collect();
        let against = |bases: &[_]| unpack(packed.packed.clone(), packed.packing, new.len(), bases);
        assert_eq!(against(&[(1, other)]), Err(UnpackError::OtherBase));
        // One byte of the base that the difference refers to.
        let mut changed = old.clone();
        changed[old.len() / 2] ^= 1;
        assert_eq!(against(&[(1, changed)]), Err(UnpackError::OtherBase));
        assert_eq!(against(&[(2, old)]), Err(UnpackError::NotNamed));
        assert_eq!(against(&[]), Err(UnpackError::NotNamed));
    }

    #[test]
    fn no_bomb_unpacks_to_more_than_was_announced() {
        let zeros = vec![0; 50_000_000];
        let base = vec![0; 100_000];
        let bombs = [
            (
                Packing::Zstd,
                zstd::bulk::compress(&zeros, 3).expect("in memory"),
            ),
            (
                Packing::ZstdAgainst { version: 1 },
                compress_against(&zeros, &base).expect("in memory"),
            ),
        ];
        for (packing, bomb) in bombs {
            assert!(bomb.len() < 10_000);
            let unpacked = unpack(bomb, packing, 1_000, &[(1, base.clone())]);
            assert!(unpacked.is_err());
        }
        let marks = zstd::bulk::compress(&[MARK; 1_000], 3).expect("in memory");
        for (digests, bytes) in [
            (0, 64_000),
            (1_000, 64_000),
            (1, 64),
            (u32::MAX, usize::MAX),
        ] {
            let folded = unpack(marks.clone(), Packing::Folded { digests }, bytes, &[]);
            assert_eq!(folded, Err(UnpackError::Malformed), "{digests} {bytes}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_out_as_they_went_in(
            file in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'a'), Just(0xff), any::<u8>()], 0..2_000),
            digests in prop::collection::vec(any::<[u8; 32]>(), 0..5),
            base in prop::option::of(prop::collection::vec(any::<u8>(), 0..2_000)),
        ) {
            let mut text = file;
            for digest in digests {
                text.extend_from_slice(format!("\"{}\"", hex::encode(digest)).as_bytes());
            }
            round_trip(&text, base.as_deref().map(|base| (3, base)));
            text.retain(|byte| *byte != MARK);
            round_trip(&text, base.as_deref().map(|base| (3, base)));
        }

        #[test]
        fn any_packed_bytes_are_bounded(
            packed in prop::collection::vec(any::<u8>(), 0..300),
            digests in 0u32..5,
            bytes in 0usize..500,
        ) {
            let base = vec![(1, b"base".repeat(20))];
            for packing in [Packing::Plain, Packing::Zstd, Packing::ZstdAgainst { version: 1 }, Packing::Folded { digests }] {
                if let Ok(unpacked) = unpack(packed.clone(), packing, bytes, &base) {
                    prop_assert_eq!(unpacked.len(), bytes);
                }
            }
        }
    }
}
