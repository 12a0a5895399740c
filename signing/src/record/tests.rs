//! Sealing tests: lengths, canaries, tampering, golden bytes.

use ed25519_dalek::SigningKey;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([42; 32])
}

fn signer() -> LogSigner {
    LogSigner::new(&SigningKey::from_bytes(&[1; 32]), &[2; 32])
}

fn ministry() -> CollectionSecret {
    CollectionSecret::generate(4, &mut ChaCha20Rng::from_seed([3; 32]))
}

fn sealed(events: &[u8], school: Option<SealKey>) -> Record {
    let to = Recipients {
        ministry: ministry().public(),
        school,
    };
    seal(events, &signer(), 7, 495_000, &to, &mut rng()).unwrap()
}

#[test]
fn school_and_ministry_read_the_same_and_nobody_else() {
    let school = SealSecret::generate(&mut ChaCha20Rng::from_seed([5; 32]));
    let record = sealed(b"arta watched", Some(school.public()));
    let record = Record::parse(record.into_bytes()).unwrap();
    let ministry = ministry();
    let opened = record.open(Slot::Ministry, ministry.seal_secret()).unwrap();
    assert_eq!(opened.events, b"arta watched");
    assert_eq!(
        opened.device,
        SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes()
    );
    assert_eq!(record.open(Slot::School, &school).unwrap(), opened);
    assert_eq!(
        record.open(Slot::Ministry, &school),
        Err(OpenError::NotForUs)
    );
    let other = CollectionSecret::generate(5, &mut ChaCha20Rng::from_seed([6; 32]));
    assert_eq!(
        record.open(Slot::Ministry, other.seal_secret()),
        Err(OpenError::NotForUs)
    );
}

#[test]
fn a_record_without_school_looks_like_any_other() {
    let school = SealSecret::generate(&mut rng()).public();
    let (with, without) = (sealed(b"x", Some(school)), sealed(b"x", None));
    assert_eq!(with.as_bytes().len(), without.as_bytes().len());
    assert_eq!(with.header(), without.header());
}

#[test]
fn extreme_contents_have_equal_length() {
    for class in SizeClass::ALL {
        let full = vec![0xff; capacity(class)];
        assert_eq!(sealed(&full, None).as_bytes().len(), class.bytes());
    }
    assert_eq!(sealed(b"", None).as_bytes().len(), 512);
    assert_eq!(sealed(&[1; 124], None).as_bytes().len(), 512);
    assert_eq!(sealed(&[1; 125], None).as_bytes().len(), 2048);
    let to = Recipients {
        ministry: ministry().public(),
        school: None,
    };
    let too_large = vec![0; capacity(SizeClass::Large) + 1];
    assert_eq!(
        seal(&too_large, &signer(), 1, 0, &to, &mut rng()),
        Err(SealError::TooLarge {
            bytes: 7805,
            max: 7804
        })
    );
}

#[test]
fn no_plaintext_and_no_stable_id_in_the_bytes() {
    let canary = b"arta.krasniqi/ministry/math-6-sq/thyesat";
    let device = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    let record = sealed(canary, None);
    for needle in [&canary[..8], &device[..8], &canary[14..22]] {
        let found = record
            .as_bytes()
            .windows(needle.len())
            .any(|at| at == needle);
        assert!(!found, "plaintext in a sealed record");
    }
    let next_week = LogSigner::new(&SigningKey::from_bytes(&[1; 32]), &[9; 32]);
    assert_ne!(next_week.log_key(), signer().log_key());
}

#[test]
fn every_changed_byte_is_refused() {
    let record = sealed(b"score 5/5", None);
    for at in 0..record.as_bytes().len() {
        let mut bytes = record.as_bytes().to_vec();
        bytes[at] ^= 1;
        assert!(Record::parse(bytes).is_err(), "byte {at} may be changed");
    }
    let cut = record.as_bytes()[..511].to_vec();
    assert_eq!(Record::parse(cut).unwrap_err(), RecordError::Length(511));
}

/// A log owner who signs a record with the slots of another gains nothing: the header is bound to them.
#[test]
fn slots_and_payload_do_not_fit_another_record() {
    let record = sealed(b"score 5/5", None);
    let mut bytes = record.as_bytes().to_vec();
    bytes[17] = 8;
    let signed = bytes.len() - SIGNATURE_BYTES;
    let log = SigningKey::from_bytes(&[2; 32]);
    let signature = ed25519_dalek::Signer::sign(&log, &signed_message(&bytes[..signed]));
    bytes[signed..].copy_from_slice(&signature.to_bytes());
    let moved = Record::parse(bytes).unwrap();
    assert_eq!(moved.header().sequence, 8);
    assert_eq!(
        moved.open(Slot::Ministry, ministry().seal_secret()),
        Err(OpenError::NotForUs)
    );
}

#[test]
fn the_secret_file_round_trips() {
    let secret = ministry();
    let read = CollectionSecret::from_json(secret.to_json().as_bytes()).unwrap();
    assert_eq!(read.public(), secret.public());
    assert!(!format!("{read:?}").contains(&secret.to_json()[20..60]));
    let ack = read.acknowledge(1, LogKey([1; 32]), 3);
    assert_eq!(ack.verify(&secret.public().ack), Ok(()));
}

/// The format may not drift: old records must stay readable on carriers for years.
#[test]
fn golden_record() {
    let record = sealed(b"golden", None);
    assert_eq!(
        hex::encode(&record.as_bytes()[..HEADER_BYTES]),
        "01000000000400078d9800000000000000078139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"
    );
    assert_eq!(
        hex::encode(record.id().0),
        "6970a400ce6b8ad7e31f0d901ce1ce5a5aa82123fc375918967c516c19093ff3"
    );
    assert_eq!(
        hex::encode(ministry().public().seal.0),
        "846ff7d57ebe6eb21e43d07e37f23ad7773f226542e29b44a5d2c4bc67b6234d"
    );
}

#[test]
fn keys_of_earlier_terms_are_few_and_older() {
    let term = |epoch: u32| {
        CollectionSecret::generate(epoch, &mut ChaCha20Rng::from_seed([epoch as u8; 32]))
    };
    let mut keys = CollectionKeys::first(term(1).public());
    assert!(!serde_json::to_string(&keys).unwrap().contains("earlier"));
    for epoch in 2..=12 {
        keys = keys.followed_by(term(epoch).public());
    }
    assert_eq!(keys.current().epoch, 12);
    let epochs: Vec<u32> = keys.earlier().iter().map(|key| key.epoch).collect();
    assert_eq!(epochs, [11, 10, 9, 8, 7, 6, 5, 4]);
    assert_eq!(keys.ack_keys().nth(1), Some(term(11).public().ack));

    let text = serde_json::to_value(&keys).unwrap();
    assert_eq!(
        serde_json::from_value::<CollectionKeys>(text.clone()).unwrap(),
        keys
    );
    let refused = |epochs: &[u32]| {
        let mut text = text.clone();
        let ack = &text["ack"].clone();
        text["earlier"] = epochs
            .iter()
            .map(|epoch| serde_json::json!({"epoch": epoch, "ack": ack}))
            .collect();
        serde_json::from_value::<CollectionKeys>(text)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&[12]).contains("epoch 12 is not lower"));
    assert!(refused(&[5, 7]).contains("epoch 7 is not lower"));
    assert!(refused(&[9, 8, 7, 6, 5, 4, 3, 2, 1]).contains("at most 8"));
}
