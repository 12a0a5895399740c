//! Opening sealed records on all cores.

use pishtar_signing::record::{CollectionSecret, Header, Record, RecordId, Slot};

use super::content::Content;

/// A record of which the content is known.
pub(super) struct OpenedRecord {
    pub(super) header: Header,
    pub(super) id: RecordId,
    pub(super) device: [u8; 32],
    pub(super) content: Content,
}

/// Why a record is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A newer collector is needed.
    Newer,
    /// Sealed to another key, damaged, or without a device's proof.
    Never,
}

/// Opens on all cores: each record costs a key agreement and two signature checks.
pub(super) fn open_all(
    records: &[Record],
    secret: &CollectionSecret,
) -> Vec<Result<OpenedRecord, Unreadable>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = records.len().div_ceil(threads).max(64);
    std::thread::scope(|scope| {
        let open_share = |part: &[Record]| {
            part.iter()
                .map(|record| open_one(record, secret))
                .collect::<Vec<_>>()
        };
        let parts: Vec<_> = records
            .chunks(share)
            .map(|part| scope.spawn(move || open_share(part)))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("opening never panics"))
            .collect()
    })
}

fn open_one(record: &Record, secret: &CollectionSecret) -> Result<OpenedRecord, Unreadable> {
    let opened = record
        .open(Slot::Ministry, secret.seal_secret())
        .map_err(|_| Unreadable::Never)?;
    Ok(OpenedRecord {
        header: *record.header(),
        id: record.id(),
        device: opened.device,
        content: Content::read(&opened.events)?,
    })
}
