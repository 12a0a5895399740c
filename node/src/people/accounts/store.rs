//! `accounts.redb`: each change is one transaction with fsync.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use redb::{Durability, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::{Account, AccountId, lockout, sessions::Row};
use crate::store::closable::Closable;

/// Account id -> [`Account`].
const ACCOUNTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("accounts");
/// Hash of an account or address -> wrong tries.
const FAILURES: TableDefinition<'_, &[u8; 16], u32> = TableDefinition::new("failures");
/// Hash of a session id -> [`Row`].
const SESSIONS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("sessions");
/// One row, `own`: [`Own`].
const OWN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("own");

/// The page cache: a school has a few hundred rows.
const CACHE_BYTES: usize = 1 << 20;

/// Why the accounts cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or is damaged.
    #[error(
        "cannot open the accounts in {path}: {reason}. Keep a copy of the file; without it everybody needs a new secret"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A change was not written.
    #[error("the accounts cannot be written ({0}); free space or replace the disk, and try again")]
    Write(String),
    /// The system gives no random bytes, or no memory for a hash.
    #[error("this device has no random bytes or no memory to spare just now; try again")]
    Chance,
}

/// What belongs to the node itself.
#[derive(Serialize, Deserialize)]
struct Own {
    salt: [u8; 32],
    plain_http: bool,
}

/// Everything in the file.
pub(super) struct Read {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) failures: lockout::Failures,
    pub(super) sessions: Vec<([u8; 32], Row)>,
    pub(super) salt: [u8; 32],
    pub(super) plain_http: bool,
}

/// The file. Its folder also has the code of the first administrator, while there is none.
pub(super) struct Store {
    database: Closable,
    path: PathBuf,
    salt: [u8; 32],
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Chance)?;
    Ok(bytes)
}

fn write_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Write(error.to_string())
}

impl Store {
    /// Opens or makes the file, readable by its owner only.
    pub(super) fn open(path: &Path) -> Result<(Store, Read), StoreError> {
        let failed = |reason: String| StoreError::Open {
            path: path.to_owned(),
            reason,
        };
        // Made here first, so that nobody else may ever read it.
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| failed(error.to_string()))?;
        let database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create(path)
            .map_err(|error| failed(error.to_string()))?;
        let mut store = Store {
            database: Closable::new(database),
            path: path.to_owned(),
            salt: [0; 32],
        };
        let read = store.read().map_err(|error| failed(error.to_string()))?;
        store.salt = read.salt;
        Ok((store, read))
    }

    /// Closes the file: the node stops.
    pub(super) fn close(&self) {
        self.database.close();
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all rows; the first time it makes the tables and the salt.
    fn read(&self) -> Result<Read, StoreError> {
        let transaction = self.database.begin_write().map_err(write_error)?;
        let made = {
            transaction.open_table(ACCOUNTS).map_err(write_error)?;
            transaction.open_table(FAILURES).map_err(write_error)?;
            transaction.open_table(SESSIONS).map_err(write_error)?;
            let mut own = transaction.open_table(OWN).map_err(write_error)?;
            let missing = own.get("own").map_err(write_error)?.is_none();
            if missing {
                let salt = random()?;
                let plain_http = false;
                let bytes = encode(&Own { salt, plain_http })?;
                own.insert("own", bytes.as_slice()).map_err(write_error)?;
            }
            missing
        };
        match made {
            true => transaction.commit().map_err(write_error)?,
            false => transaction.abort().map_err(write_error)?,
        }
        let transaction = self.database.begin_read().map_err(write_error)?;
        let own = transaction.open_table(OWN).map_err(write_error)?;
        let own = own.get("own").map_err(write_error)?;
        let own: Own = decode(own.ok_or(StoreError::Chance)?.value())?;
        let mut read = Read {
            accounts: BTreeMap::new(),
            failures: Vec::new(),
            sessions: Vec::new(),
            salt: own.salt,
            plain_http: own.plain_http,
        };
        let accounts = transaction.open_table(ACCOUNTS).map_err(write_error)?;
        for row in accounts.iter().map_err(write_error)? {
            let (id, account) = row.map_err(write_error)?;
            let id = AccountId::new(id.value());
            read.accounts.insert(id, decode(account.value())?);
        }
        let failures = transaction.open_table(FAILURES).map_err(write_error)?;
        for row in failures.iter().map_err(write_error)? {
            let (key, count) = row.map_err(write_error)?;
            read.failures.push((*key.value(), count.value()));
        }
        let sessions = transaction.open_table(SESSIONS).map_err(write_error)?;
        for row in sessions.iter().map_err(write_error)? {
            let (key, session) = row.map_err(write_error)?;
            read.sessions.push((*key.value(), decode(session.value())?));
        }
        Ok(read)
    }

    pub(super) fn put_account(&self, id: &AccountId, account: &Account) -> Result<(), StoreError> {
        let bytes = encode(account)?;
        self.write(|transaction| {
            let mut table = transaction.open_table(ACCOUNTS).map_err(write_error)?;
            let inserted = table.insert(id.as_str(), bytes.as_slice());
            inserted.map(drop).map_err(write_error)
        })
    }

    pub(super) fn remove_account(&self, id: &AccountId) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(ACCOUNTS).map_err(write_error)?;
            table.remove(id.as_str()).map(drop).map_err(write_error)
        })
    }

    /// Wrong tries as they are now; 0 removes the row.
    pub(super) fn put_failures(&self, changed: &lockout::Failures) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut table = transaction.open_table(FAILURES).map_err(write_error)?;
            for (key, count) in changed {
                match count {
                    0 => drop(table.remove(key).map_err(write_error)?),
                    _ => drop(table.insert(key, count).map_err(write_error)?),
                }
            }
            Ok(())
        })
    }

    /// Sessions as they are now; `None` removes the row.
    pub(super) fn put_sessions(
        &self,
        changed: &[([u8; 32], Option<Row>)],
    ) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut table = transaction.open_table(SESSIONS).map_err(write_error)?;
            for (key, row) in changed {
                match row {
                    None => drop(table.remove(key).map_err(write_error)?),
                    Some(row) => {
                        let bytes = encode(row)?;
                        drop(table.insert(key, bytes.as_slice()).map_err(write_error)?);
                    }
                }
            }
            Ok(())
        })
    }

    pub(super) fn put_plain_http(&self, plain_http: bool) -> Result<(), StoreError> {
        let salt = self.salt;
        let bytes = encode(&Own { salt, plain_http })?;
        self.write(|transaction| {
            let mut table = transaction.open_table(OWN).map_err(write_error)?;
            let inserted = table.insert("own", bytes.as_slice());
            inserted.map(drop).map_err(write_error)
        })
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write().map_err(write_error)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(write_error)?;
        change(&transaction)?;
        transaction.commit().map_err(write_error)
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_stdvec(value).map_err(write_error)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(write_error)
}
