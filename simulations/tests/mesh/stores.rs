//! What lies in the record stores of running nodes.

use std::{fs, path::Path};

use pishtar_simulations::lab::until;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition};

use super::LIMIT;

const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Begins with whether the record is the device's own.
const INFO: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("info");
const OWN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("own");

/// Reads a copy: the node has the file, and may be in the middle of a write.
fn look<T>(store: &Path, read: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> T {
    let copy = store.with_extension("copy");
    let once = || -> Result<T, redb::Error> {
        fs::copy(store, &copy)?;
        read(&Database::open(&copy)?.begin_read()?)
    };
    let found = until("a copy of the records that opens", LIMIT, || {
        once().map_err(|error| error.to_string())
    });
    fs::remove_file(copy).expect("the copy is ours");
    found.expect("a copy")
}

/// All records.
pub(crate) fn records(store: &Path) -> Vec<Vec<u8>> {
    look(store, |txn| {
        let table = txn.open_table(RECORDS)?;
        let rows = table.iter()?;
        rows.map(|row| Ok(row?.1.value().to_vec())).collect()
    })
}

/// Those that the device itself made.
pub(crate) fn own_records(store: &Path) -> Vec<Vec<u8>> {
    look(store, |txn| {
        let (table, records) = (txn.open_table(INFO)?, txn.open_table(RECORDS)?);
        let mut own = Vec::new();
        for row in table.iter()? {
            let (id, info) = row?;
            let record = records.get(id.value())?;
            own.extend(
                record
                    .filter(|_| info.value()[0] == 1)
                    .map(|row| row.value().to_vec()),
            );
        }
        Ok(own)
    })
}

/// The key that stays a device's own through all its weekly logs; it stands inside the seals and nowhere else.
pub(crate) fn device_key(store: &Path) -> [u8; 32] {
    let own = look(store, |txn| {
        let table = txn.open_table(OWN)?;
        let own = table.get("own")?.map(|row| row.value().to_vec());
        Ok(own.expect("every store has its device's row"))
    });
    let seed = own[..32].try_into().expect("the row begins with the seed");
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    key.verifying_key().to_bytes()
}
