//! Opening sealed records on all cores.

use pishtar_signing::record::{CollectionSecret, Header, Record, RecordId, Slot};

use super::content::Content;

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

/// Opens on all cores: each record costs a key agreement and two signature checks.
pub(super) fn open_all(
    records: &[Record],
    secret: &CollectionSecret,
) -> Vec<Result<OpenedRecord, Unreadable>> {
    on_all_cores(records, |record| open_one(record, secret))
}

/// As [`open_all`], from the bytes that a store holds.
pub(super) fn open_bytes(
    records: Vec<Vec<u8>>,
    secret: &CollectionSecret,
) -> Vec<Result<OpenedRecord, Unreadable>> {
    on_all_cores(&records, |bytes| match Record::parse(bytes.clone()) {
        Ok(record) => open_one(&record, secret),
        Err(_) => Err(Unreadable::Never),
    })
}

/// Does the work for each item, in order, the items shared out among the cores.
pub(super) fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(64);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<_>>()))
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
        payload: opened.events,
    })
}
