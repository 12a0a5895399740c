//! Sealing a payload into a record and opening it again.

use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag, aead::AeadInOut};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::{
    Deserializable, Kem, OpModeS, Serializable, aead::ChaCha20Poly1305 as HpkeChaCha,
    kdf::HkdfSha256, kem::X25519HkdfSha256, single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    CollectionKey, HEADER_BYTES, Header, LogKey, Record, SIGNATURE_BYTES, SLOT_BYTES, SealKey,
    SealSecret, SizeClass, TAG_BYTES, array, receive::Receiver, signed_message,
};

/// Inside the seal, before the events: device key, its signature over the log key, length of the events.
const INNER_BYTES: usize = 32 + 64 + 2;
const OVERHEAD: usize = HEADER_BYTES + 2 * SLOT_BYTES + TAG_BYTES + SIGNATURE_BYTES + INNER_BYTES;
const SCHOOL_AT: usize = HEADER_BYTES;
const MINISTRY_AT: usize = SCHOOL_AT + SLOT_BYTES;
const PAYLOAD_AT: usize = MINISTRY_AT + SLOT_BYTES;

/// Bytes of events that a record of this class holds.
pub const fn capacity(class: SizeClass) -> usize {
    class.bytes() - OVERHEAD
}

/// Which of the two slots of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The school's.
    School,
    /// The ministry's.
    Ministry,
}

impl Slot {
    fn info(self) -> &'static [u8] {
        match self {
            Self::School => b"pishtar record 1 school",
            Self::Ministry => b"pishtar record 1 ministry",
        }
    }

    fn at(self) -> usize {
        match self {
            Self::School => SCHOOL_AT,
            Self::Ministry => MINISTRY_AT,
        }
    }
}

/// Whom a record is sealed to.
#[derive(Debug, Clone, Copy)]
pub struct Recipients {
    /// The ministry's current collection key.
    pub ministry: CollectionKey,
    /// The school's key; without one the slot is sealed to a key that nobody holds.
    pub school: Option<SealKey>,
}

/// The key of one weekly log, and the device's statement that the log is its own.
#[derive(Clone)]
pub struct LogSigner {
    log: SigningKey,
    device_key: [u8; 32],
    binding: [u8; 64],
}

impl LogSigner {
    /// Binds the log with this seed to the device.
    pub fn new(device: &SigningKey, log_seed: &[u8; 32]) -> Self {
        let log = SigningKey::from_bytes(log_seed);
        let log_key = LogKey(log.verifying_key().to_bytes());
        Self {
            binding: device.sign(&binding_message(&log_key)).to_bytes(),
            device_key: device.verifying_key().to_bytes(),
            log,
        }
    }

    /// The public log key.
    pub fn log_key(&self) -> LogKey {
        LogKey(self.log.verifying_key().to_bytes())
    }
}

/// Why events cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// More events than the largest record holds.
    #[error("{bytes} bytes of events do not fit one record of at most {max}; split them")]
    TooLarge {
        /// Their length in bytes.
        bytes: usize,
        /// What the largest record holds, in bytes.
        max: usize,
    },
    /// A recipient's key is not usable.
    #[error("the {0:?}'s sealing key is not a usable X25519 key; it must be published again")]
    Key(Slot),
}

/// Seals `events` as the record with this sequence, in the smallest class that holds them.
///
/// `hour` is the device's clock in hours since 1970.
///
/// # Errors
/// [`SealError::TooLarge`] when the caller must split the events, [`SealError::Key`] when a recipient's key
/// is a point of low order.
pub fn seal(
    events: &[u8],
    signer: &LogSigner,
    sequence: u64,
    hour: u32,
    to: &Recipients,
    rng: &mut impl CryptoRng,
) -> Result<Record, SealError> {
    let class = smallest_class(events.len())?;
    let header = Header {
        class,
        epoch: to.ministry.epoch,
        hour,
        sequence,
        log_key: signer.log_key(),
    };
    let mut bytes = Vec::with_capacity(class.bytes());
    bytes.extend_from_slice(&header.to_bytes());

    let mut content_key = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *content_key);
    let school = match to.school {
        Some(key) => key,
        None => SealSecret::generate(rng).public(),
    };
    for (slot, key) in [(Slot::School, school), (Slot::Ministry, to.ministry.seal)] {
        seal_slot(&mut bytes, slot, &key, &content_key, rng)?;
    }

    let mut payload = Zeroizing::new(payload(events, signer, class));
    // A content key seals one payload only, so a fixed nonce never repeats under it.
    let tag = ChaCha20Poly1305::new((&*content_key).into())
        .encrypt_inout_detached(
            &Nonce::default(),
            &bytes[..HEADER_BYTES],
            payload.as_mut_slice().into(),
        )
        .expect("a payload of at most 8 KiB is far below the cipher's limit");
    bytes.extend_from_slice(&payload);
    bytes.extend_from_slice(&tag);
    let signature = signer.log.sign(&signed_message(&bytes));
    bytes.extend_from_slice(&signature.to_bytes());
    debug_assert_eq!(bytes.len(), class.bytes());
    Ok(Record::trusted(header, bytes))
}

fn smallest_class(events: usize) -> Result<SizeClass, SealError> {
    let fits = |class: &SizeClass| events <= capacity(*class);
    SizeClass::ALL
        .into_iter()
        .find(fits)
        .ok_or(SealError::TooLarge {
            bytes: events,
            max: capacity(SizeClass::Large),
        })
}

fn seal_slot(
    bytes: &mut Vec<u8>,
    slot: Slot,
    key: &SealKey,
    content_key: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Result<(), SealError> {
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&key.0)
        .map_err(|_| SealError::Key(slot))?;
    let (encapsulated, sealed) =
        single_shot_seal_with_rng::<HpkeChaCha, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            slot.info(),
            content_key,
            &bytes[..HEADER_BYTES],
            rng,
        )
        .map_err(|_| SealError::Key(slot))?;
    bytes.extend_from_slice(&encapsulated.to_bytes());
    bytes.extend_from_slice(&sealed);
    Ok(())
}

/// Device key, binding, length, events, zeros up to the class.
fn payload(events: &[u8], signer: &LogSigner, class: SizeClass) -> Vec<u8> {
    let length = u16::try_from(events.len()).expect("the class was chosen to hold the events");
    let mut payload = Vec::with_capacity(INNER_BYTES + capacity(class));
    payload.extend_from_slice(&signer.device_key);
    payload.extend_from_slice(&signer.binding);
    payload.extend_from_slice(&length.to_be_bytes());
    payload.extend_from_slice(events);
    payload.resize(INNER_BYTES + capacity(class), 0);
    payload
}

fn binding_message(log_key: &LogKey) -> Vec<u8> {
    [b"pishtar log 1\n".as_slice(), &log_key.0].concat()
}

/// What a record held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The device that made it, proven by its signature over the log key.
    pub device: [u8; 32],
    /// The events as they were sealed.
    pub events: Vec<u8>,
}

/// Why a record cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Sealed to another key.
    #[error("the record is not sealed to this key; the key of its epoch is needed")]
    NotForUs,
    /// The payload does not fit the content key or is malformed.
    #[error("the record's sealed content is damaged or was made by a broken device")]
    Payload,
    /// No device vouches for the log key.
    #[error("the device's signature over the log key is wrong; the record proves nothing")]
    Device,
}

/// Opens many records. Those of one log that come one after the other carry the same statement of the device, word for
/// word: it is verified once for all of them.
#[derive(Debug)]
pub struct Opener {
    slot: Slot,
    receiver: Receiver,
    /// The statement that was verified last.
    proven: Option<Binding>,
}

/// A device's statement that a log is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Binding {
    log_key: LogKey,
    device: [u8; 32],
    signature: [u8; SIGNATURE_BYTES],
}

impl Binding {
    fn verify(&self) -> Result<(), OpenError> {
        let signature = Signature::from_bytes(&self.signature);
        VerifyingKey::from_bytes(&self.device)
            .and_then(|key| key.verify_strict(&binding_message(&self.log_key), &signature))
            .map_err(|_| OpenError::Device)
    }
}

impl Opener {
    /// With the secret of one of the slots.
    pub fn new(slot: Slot, secret: &SealSecret) -> Self {
        Self {
            slot,
            receiver: Receiver::new(secret, slot.info()),
            proven: None,
        }
    }

    /// Opens one record.
    ///
    /// # Errors
    /// As [`Record::open`].
    pub fn open(&mut self, record: &Record) -> Result<Opened, OpenError> {
        let payload = self.decrypt(&record.bytes)?;
        let binding = Binding {
            log_key: record.header.log_key,
            device: array(&payload[..32]),
            signature: array(&payload[32..96]),
        };
        if self.proven != Some(binding) {
            binding.verify()?;
            self.proven = Some(binding);
        }
        let length = usize::from(u16::from_be_bytes(array(&payload[96..98])));
        let events = payload
            .get(INNER_BYTES..INNER_BYTES + length)
            .ok_or(OpenError::Payload)?;
        Ok(Opened {
            device: binding.device,
            events: events.to_vec(),
        })
    }

    /// The payload in the clear, not looked at yet.
    fn decrypt(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let header = &bytes[..HEADER_BYTES];
        let (encapsulated, sealed) =
            bytes[self.slot.at()..self.slot.at() + SLOT_BYTES].split_at(32);
        let content_key = self.receiver.open(&array(encapsulated), sealed, header);
        let content_key = content_key.ok_or(OpenError::NotForUs)?;
        let content_key = Zeroizing::new(array::<32>(&content_key));
        let end = bytes.len() - SIGNATURE_BYTES - TAG_BYTES;
        let mut payload = Zeroizing::new(bytes[PAYLOAD_AT..end].to_vec());
        let tag = Tag::from(array::<TAG_BYTES>(&bytes[end..end + TAG_BYTES]));
        ChaCha20Poly1305::new((&*content_key).into())
            .decrypt_inout_detached(
                &Nonce::default(),
                header,
                payload.as_mut_slice().into(),
                &tag,
            )
            .map_err(|_| OpenError::Payload)?;
        Ok(payload)
    }
}

impl Record {
    /// Opens the record with the secret of one of its slots.
    ///
    /// # Errors
    /// [`OpenError::NotForUs`] for another recipient's record; the other two for one that a faulty or
    /// hostile device made.
    pub fn open(&self, slot: Slot, secret: &SealSecret) -> Result<Opened, OpenError> {
        Opener::new(slot, secret).open(self)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;
    use crate::record::CollectionSecret;

    /// A statement that was verified vouches for its very own bytes and for nothing else.
    #[test]
    fn an_opener_believes_no_other_word_of_a_log_that_it_knows() {
        let mut rng = ChaCha20Rng::from_seed([42; 32]);
        let ministry = CollectionSecret::generate(4, &mut rng);
        let to = Recipients {
            ministry: ministry.public(),
            school: None,
        };
        let [honest, other] = [[1; 32], [9; 32]].map(|device| {
            let device = SigningKey::from_bytes(&device);
            LogSigner::new(&device, &[2; 32])
        });
        let thief = LogSigner {
            device_key: other.device_key,
            ..honest.clone()
        };
        let liar = LogSigner {
            binding: [7; 64],
            ..honest.clone()
        };
        let mut opener = Opener::new(Slot::Ministry, ministry.seal_secret());
        let mut open = |signer: &LogSigner, sequence| {
            let record = seal(b"x", signer, sequence, 1, &to, &mut rng).unwrap();
            opener.open(&record).map(|opened| opened.device)
        };
        assert_eq!(open(&honest, 1), Ok(honest.device_key));
        assert_eq!(open(&honest, 2), Ok(honest.device_key));
        assert_eq!(open(&thief, 3), Err(OpenError::Device));
        assert_eq!(open(&liar, 4), Err(OpenError::Device));
        assert_eq!(open(&other, 5), Ok(other.device_key));
        assert_eq!(open(&honest, 6), Ok(honest.device_key));
    }
}
