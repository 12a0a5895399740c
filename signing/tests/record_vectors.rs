//! Golden vectors: fixed keys and fixed randomness give these exact bytes, for ever.
//!
//! `data/records/vectors.json` names every input, so that another implementation can make the same bytes and open them:
//! `signing/interop/check_records.py` does both.

use std::{convert::Infallible, fs, path::PathBuf};

use ed25519_dalek::SigningKey;
use pishtar_signing::{
    ack::{Ack, AckKey},
    record::{
        CollectionKey, LogKey, LogSigner, Recipients, Record, SealSecret, SizeClass, Slot,
        capacity, seal,
    },
};
use rand_core::{TryCryptoRng, TryRng};
use serde::{Deserialize, Serialize};

/// Bytes written down beforehand, in place of chance. Running out of them is an error of the vector.
struct Written<'a>(&'a [u8]);

impl TryRng for Written<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        let (now, rest) = self.0.split_at(to.len());
        to.copy_from_slice(now);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Written<'_> {}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vectors {
    records: Vec<RecordVector>,
    acknowledgements: Vec<AckVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordVector {
    name: String,
    #[serde(with = "hex::serde")]
    device_seed: [u8; 32],
    #[serde(with = "hex::serde")]
    log_seed: [u8; 32],
    /// X25519; without one the school's slot is sealed to a throw-away key.
    school_secret: Option<String>,
    #[serde(with = "hex::serde")]
    ministry_secret: [u8; 32],
    epoch: u32,
    hour: u32,
    sequence: u64,
    #[serde(with = "hex::serde")]
    events: Vec<u8>,
    /// Content key, seed of the throw-away key where there is no school, then the seeds (`ikm` of RFC 9180 section 7.1.3) of
    /// the ephemeral keys of the school's and the ministry's slot.
    #[serde(with = "hex::serde")]
    randomness: Vec<u8>,
    #[serde(with = "hex::serde")]
    record: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AckVector {
    #[serde(with = "hex::serde")]
    ack_seed: [u8; 32],
    epoch: u32,
    hour: u32,
    #[serde(with = "hex::serde")]
    log_key: [u8; 32],
    up_to: u64,
    #[serde(with = "hex::serde")]
    acknowledgement: Vec<u8>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/records/vectors.json")
}

fn sealed(vector: &RecordVector) -> Record {
    let ministry = SealSecret::from_bytes(vector.ministry_secret);
    let school = vector.school_secret.as_ref().map(|text| {
        let bytes = hex::decode(text).unwrap().try_into().unwrap();
        SealSecret::from_bytes(bytes).public()
    });
    let to = Recipients {
        ministry: CollectionKey {
            epoch: vector.epoch,
            seal: ministry.public(),
            ack: AckKey([0; 32]),
        },
        school,
    };
    let signer = LogSigner::new(
        &SigningKey::from_bytes(&vector.device_seed),
        &vector.log_seed,
    );
    let mut written = Written(&vector.randomness);
    let record = seal(
        &vector.events,
        &signer,
        vector.sequence,
        vector.hour,
        &to,
        &mut written,
    )
    .unwrap();
    assert!(written.0.is_empty(), "{} drew less", vector.name);
    record
}

fn vector(name: &str, number: u8, school: bool, events: Vec<u8>) -> RecordVector {
    let draws = if school { 3 } else { 4 };
    let randomness = (0..draws).flat_map(|draw| [0x10 * number + draw; 32]);
    let mut vector = RecordVector {
        name: name.into(),
        device_seed: [number; 32],
        log_seed: [number + 50; 32],
        school_secret: school.then(|| hex::encode([number + 100; 32])),
        ministry_secret: [number + 150; 32],
        epoch: 3 + u32::from(number),
        hour: 498_000 + u32::from(number),
        sequence: u64::from(number),
        events,
        randomness: randomness.collect(),
        record: Vec::new(),
    };
    vector.record = sealed(&vector).into_bytes();
    vector
}

fn made() -> Vectors {
    let full = |class| vec![0x5a; capacity(class)];
    let ack = Ack::sign(
        &SigningKey::from_bytes(&[77; 32]),
        4,
        498_123,
        LogKey([9; 32]),
        1_000_000,
    );
    Vectors {
        records: vec![
            vector(
                "small, school and ministry",
                1,
                true,
                b"five of five".to_vec(),
            ),
            vector("small, no school", 2, false, b"five of five".to_vec()),
            vector("small, empty", 3, true, Vec::new()),
            vector("small, full", 4, true, full(SizeClass::Small)),
            vector("medium", 5, true, full(SizeClass::Medium)),
            vector("large, no school", 6, false, full(SizeClass::Large)),
        ],
        acknowledgements: vec![AckVector {
            ack_seed: [77; 32],
            epoch: 4,
            hour: 498_123,
            log_key: [9; 32],
            up_to: 1_000_000,
            acknowledgement: ack.to_bytes().to_vec(),
        }],
    }
}

#[test]
fn fixed_keys_and_fixed_randomness_give_these_bytes() {
    let text = fs::read_to_string(path()).unwrap();
    let kept: Vectors = serde_json::from_str(&text).unwrap();
    assert_eq!(kept, made());
}

#[test]
fn every_vector_opens_with_its_secrets_and_no_others() {
    let kept: Vectors = serde_json::from_slice(&fs::read(path()).unwrap()).unwrap();
    for vector in &kept.records {
        let record = Record::parse(vector.record.clone()).unwrap();
        let ministry = SealSecret::from_bytes(vector.ministry_secret);
        let opened = record.open(Slot::Ministry, &ministry).unwrap();
        assert_eq!(opened.events, vector.events, "{}", vector.name);
        assert!(record.open(Slot::School, &ministry).is_err());
        if let Some(school) = &vector.school_secret {
            let school = SealSecret::from_bytes(hex::decode(school).unwrap().try_into().unwrap());
            assert_eq!(record.open(Slot::School, &school).unwrap(), opened);
        }
    }
    for vector in &kept.acknowledgements {
        let ack = Ack::parse(&vector.acknowledgement).unwrap();
        let key = SigningKey::from_bytes(&vector.ack_seed).verifying_key();
        assert_eq!(ack.verify(&AckKey(key.to_bytes())), Ok(()));
    }
}

/// Only for a new version of the format, beside the old vectors: existing records must stay readable.
#[test]
#[ignore = "writes the vectors"]
fn write_vectors() {
    let text = serde_json::to_string_pretty(&made()).unwrap();
    fs::write(path(), text + "\n").unwrap();
}
