//! The tables of `records.redb`.

use std::path::Path;

use pishtar_mesh::learner::DeviceId;
use pishtar_signing::{ack::Ack, record::LogSigner};
use rand_core::CryptoRng;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::{
    OpenError, Unread,
    index::{HeldAck, Index, Info},
};

/// Record id -> bytes.
const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Record id -> [`Info`], so that opening need not read the records themselves.
const INFO: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("info");
/// Log key -> latest acknowledgement.
const ACKS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("acks");
/// Id of a record dropped for its age -> the store's age until which it is not taken again.
const DROPPED: TableDefinition<'_, &[u8; 32], i64> = TableDefinition::new("dropped");
/// Id of a record that this node's own reader has not read yet -> bytes; kept here whatever becomes of the record.
const UNREAD: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("unread");
/// One row, `own`: [`Own`]. With a reader a second one, [`READING`].
const OWN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("own");

/// Row that is there once records are kept for a reader.
const READING: &str = "reading";

/// The page cache: the working set is small, and the machines have 1 GiB.
const CACHE_BYTES: usize = 8 << 20;

/// What this device knows of itself as a source of records.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Own {
    pub(super) device_seed: [u8; 32],
    pub(super) log_seed: [u8; 32],
    /// When the log began, Unix seconds of this device's clock; `None` before its first record.
    pub(super) log_started: Option<i64>,
    /// Epoch of the collection key that the log is sealed to.
    pub(super) log_epoch: u32,
    pub(super) next_sequence: u64,
    pub(super) acked: u64,
    pub(super) age: Age,
}

impl Own {
    fn new(rng: &mut impl CryptoRng) -> Self {
        let mut own = Self {
            device_seed: [0; 32],
            log_seed: [0; 32],
            log_started: None,
            log_epoch: 0,
            next_sequence: 1,
            acked: 0,
            age: Age::default(),
        };
        rng.fill_bytes(&mut own.device_seed);
        own
    }

    pub(super) fn device(&self) -> DeviceId {
        let key = ed25519_dalek::SigningKey::from_bytes(&self.device_seed);
        DeviceId(key.verifying_key().to_bytes())
    }

    /// What the file calls a source of records: means nothing to who finds the file.
    pub(super) fn source(&self, given: &[u8; 32]) -> [u8; 32] {
        let key = blake3::derive_key("pishtar record source 1", &self.device_seed);
        *blake3::keyed_hash(&key, given).as_bytes()
    }

    pub(super) fn signer(&self) -> LogSigner {
        let device = ed25519_dalek::SigningKey::from_bytes(&self.device_seed);
        LogSigner::new(&device, &self.log_seed)
    }
}

/// How long the store has lived, by a clock that may jump.
///
/// Backward jumps add nothing and a forward jump adds at most 30 days: a clock that is set from 1970 to
/// today does not make everything old at once.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Age {
    pub(super) seconds: i64,
    last: Option<i64>,
}

impl Age {
    pub(super) fn advance(&mut self, now: i64) {
        const MOST: i64 = 30 * 86_400;
        let passed = self
            .last
            .map_or(0, |last| now.saturating_sub(last).clamp(0, MOST));
        self.seconds += passed;
        self.last = Some(now);
    }
}

pub(super) fn open(path: &Path) -> Result<Database, OpenError> {
    let path = path.to_owned();
    match redb::Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create(&path)
    {
        Ok(database) => Ok(database),
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(OpenError::InUse { path }),
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(source)))
            if source.kind() != std::io::ErrorKind::InvalidData =>
        {
            Err(OpenError::Io { path, source })
        }
        Err(error) => Err(OpenError::Damaged {
            path,
            reason: error.to_string(),
        }),
    }
}

/// Makes the tables and the device's own row when they are not there.
pub(super) fn prepare(database: &Database, rng: &mut impl CryptoRng) -> Result<Own, redb::Error> {
    let txn = begin(database)?;
    let own = {
        let mut tables = Tables::open(&txn)?;
        let held = tables
            .own
            .get("own")?
            .map(|row| decode(row.value()))
            .transpose()?;
        match held {
            Some(own) => own,
            None => {
                let own = Own::new(rng);
                tables.put_own(&own)?;
                own
            }
        }
    };
    txn.commit()?;
    Ok(own)
}

/// Whether records are kept for a reader.
fn is_reading(database: &Database) -> Result<bool, redb::Error> {
    let row = database.begin_read()?.open_table(OWN)?.get(READING)?;
    Ok(row.is_some())
}

pub(super) fn load_index(database: &Database, own: &Own) -> Result<Index, redb::Error> {
    let txn = database.begin_read()?;
    let mut index = Index::default();
    index.acked = own.acked;
    index.reading = is_reading(database)?;
    for row in txn.open_table(INFO)?.iter()? {
        let (id, info) = row?;
        index.add(*id.value(), decode(info.value())?);
    }
    for row in txn.open_table(ACKS)?.iter()? {
        let (log_key, bytes) = row?;
        let ack = Ack::parse(bytes.value()).map_err(|error| corrupted(&error))?;
        index.set_ack(*log_key.value(), held_ack(&ack));
    }
    for row in txn.open_table(DROPPED)?.iter()? {
        let (id, until) = row?;
        index.drop_until(*id.value(), until.value());
    }
    Ok(index)
}

pub(super) fn held_ack(ack: &Ack) -> HeldAck {
    HeldAck {
        id: *blake3::hash(&ack.to_bytes()).as_bytes(),
        hour: ack.hour,
        up_to: ack.up_to,
    }
}

pub(super) fn read_records(
    database: &Database,
    ids: &[[u8; 32]],
) -> Result<Vec<Vec<u8>>, redb::Error> {
    read(database, RECORDS, ids)
}

/// The first records that wait for the reader.
pub(super) fn read_unread(database: &Database, limit: usize) -> Result<Vec<Unread>, redb::Error> {
    let txn = database.begin_read()?;
    let table = txn.open_table(UNREAD)?;
    let mut items = Vec::new();
    for row in table.iter()?.take(limit) {
        let (id, bytes) = row?;
        items.push((*id.value(), bytes.value().to_vec()));
    }
    Ok(items)
}

pub(super) fn read_acks(
    database: &Database,
    logs: &[[u8; 32]],
) -> Result<Vec<Vec<u8>>, redb::Error> {
    read(database, ACKS, logs)
}

fn read(
    database: &Database,
    table: TableDefinition<'_, &'static [u8; 32], &'static [u8]>,
    keys: &[[u8; 32]],
) -> Result<Vec<Vec<u8>>, redb::Error> {
    let txn = database.begin_read()?;
    let table = txn.open_table(table)?;
    let mut items = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(bytes) = table.get(key)? {
            items.push(bytes.value().to_vec());
        }
    }
    Ok(items)
}

/// A transaction whose commit is an fsync.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)
        .expect("a fresh transaction has no savepoint that forbids it");
    Ok(txn)
}

/// All tables, open in one transaction.
pub(super) struct Tables<'txn> {
    records: Table<'txn, &'static [u8; 32], &'static [u8]>,
    info: Table<'txn, &'static [u8; 32], &'static [u8]>,
    acks: Table<'txn, &'static [u8; 32], &'static [u8]>,
    dropped: Table<'txn, &'static [u8; 32], i64>,
    unread: Table<'txn, &'static [u8; 32], &'static [u8]>,
    own: Table<'txn, &'static str, &'static [u8]>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            records: txn.open_table(RECORDS)?,
            info: txn.open_table(INFO)?,
            acks: txn.open_table(ACKS)?,
            dropped: txn.open_table(DROPPED)?,
            unread: txn.open_table(UNREAD)?,
            own: txn.open_table(OWN)?,
        })
    }

    pub(super) fn put_own(&mut self, own: &Own) -> Result<(), redb::Error> {
        self.own.insert("own", encode(own).as_slice())?;
        Ok(())
    }

    pub(super) fn put_record(
        &mut self,
        id: &[u8; 32],
        bytes: &[u8],
        info: &Info,
    ) -> Result<(), redb::Error> {
        self.records.insert(id, bytes)?;
        self.info.insert(id, encode(info).as_slice())?;
        Ok(())
    }

    pub(super) fn delete_record(&mut self, id: &[u8; 32]) -> Result<(), redb::Error> {
        self.records.remove(id)?;
        self.info.remove(id)?;
        Ok(())
    }

    pub(super) fn put_ack(&mut self, ack: &Ack) -> Result<(), redb::Error> {
        self.acks
            .insert(&ack.log_key.0, ack.to_bytes().as_slice())?;
        Ok(())
    }

    pub(super) fn delete_ack(&mut self, log_key: &[u8; 32]) -> Result<(), redb::Error> {
        self.acks.remove(log_key)?;
        Ok(())
    }

    pub(super) fn put_dropped(&mut self, id: &[u8; 32], until: i64) -> Result<(), redb::Error> {
        self.dropped.insert(id, until)?;
        Ok(())
    }

    /// Whether records are kept for a reader.
    pub(super) fn is_reading(&self) -> Result<bool, redb::Error> {
        Ok(self.own.get(READING)?.is_some())
    }

    /// From now on records are kept for a reader, those that are held included.
    pub(super) fn begin_reading(&mut self) -> Result<(), redb::Error> {
        if self.is_reading()? {
            return Ok(());
        }
        self.own.insert(READING, [1].as_slice())?;
        for row in self.records.iter()? {
            let (id, bytes) = row?;
            self.unread.insert(id.value(), bytes.value())?;
        }
        Ok(())
    }

    pub(super) fn put_unread(&mut self, id: &[u8; 32], bytes: &[u8]) -> Result<(), redb::Error> {
        self.unread.insert(id, bytes)?;
        Ok(())
    }

    pub(super) fn delete_unread(&mut self, id: &[u8; 32]) -> Result<(), redb::Error> {
        self.unread.remove(id)?;
        Ok(())
    }

    pub(super) fn delete_dropped(&mut self, id: &[u8; 32]) -> Result<(), redb::Error> {
        self.dropped.remove(id)?;
        Ok(())
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("a plain struct has a postcard form")
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, redb::Error> {
    postcard::from_bytes(bytes).map_err(|error| corrupted(&error))
}

fn corrupted(error: &dyn std::fmt::Display) -> redb::Error {
    redb::Error::Corrupted(format!("a row does not parse: {error}"))
}
