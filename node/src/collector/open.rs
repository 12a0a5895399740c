//! Opening sealed records on all cores.

use pishtar_signing::record::{CollectionSecret, Header, Opener, Record, RecordId, Slot};

use super::content::Content;
use crate::cores::on_all_cores;

/// A record of which the content is known.
pub(super) struct OpenedRecord {
    pub(super) header: Header,
    pub(super) id: RecordId,
    pub(super) device: [u8; 32],
    pub(super) content: Content,
    /// The content as it was sealed.
    pub(super) payload: Vec<u8>,
}

/// Why a record is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A collector's own answer on its way to a school: not to be counted or acknowledged.
    Answer,
    /// A newer collector is needed.
    Newer,
    /// Sealed to another key, damaged, or without a device's proof.
    Never,
}

/// Records whose signatures are checked together.
const TOGETHER: usize = 512;

/// Opens on all cores: each record costs a key agreement, and each run of records of one log a signature check.
pub(super) fn open_all(
    records: &[Record],
    secret: &CollectionSecret,
) -> Vec<Result<OpenedRecord, Unreadable>> {
    on_all_cores(records, |part| {
        let mut opener = opener(secret);
        part.iter()
            .map(|record| open_one(record, &mut opener))
            .collect()
    })
}

/// As [`open_all`], from the bytes that a store holds, which checked each when it came.
pub(super) fn open_bytes(
    records: &[Vec<u8>],
    secret: &CollectionSecret,
) -> Vec<Result<OpenedRecord, Unreadable>> {
    on_all_cores(records, |part| {
        let mut opener = opener(secret);
        let parsed = part
            .chunks(TOGETHER)
            .flat_map(|chunk| Record::parse_again(chunk.to_vec()));
        parsed
            .map(|record| match record {
                Ok(record) => open_one(&record, &mut opener),
                Err(_) => Err(Unreadable::Never),
            })
            .collect()
    })
}

fn opener(secret: &CollectionSecret) -> Opener {
    Opener::new(Slot::Ministry, secret.seal_secret())
}

fn open_one(record: &Record, opener: &mut Opener) -> Result<OpenedRecord, Unreadable> {
    let opened = opener.open(record).map_err(|_| Unreadable::Never)?;
    Ok(OpenedRecord {
        header: *record.header(),
        id: record.id(),
        device: opened.device,
        content: Content::read(&opened.events)?,
        payload: opened.events,
    })
}
