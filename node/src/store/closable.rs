//! A redb file that its node closes when it stops, whoever still holds a handle of the node.

use std::sync::{PoisonError, RwLock};

use redb::{
    Database, ReadTransaction, ReadableDatabase, StorageError, TransactionError, WriteTransaction,
};

/// An open redb file, until it is closed. The next node in the same folder can then open it.
pub(crate) struct Closable(RwLock<Option<Database>>);

impl Closable {
    pub(crate) fn new(database: Database) -> Self {
        Self(RwLock::new(Some(database)))
    }

    /// Begins to write.
    ///
    /// # Errors
    /// As [`Database::begin_write`]; [`StorageError::DatabaseClosed`] once it is closed.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, TransactionError> {
        self.with(Database::begin_write)
    }

    /// Begins to read.
    ///
    /// # Errors
    /// As [`ReadableDatabase::begin_read`]; [`StorageError::DatabaseClosed`] once it is closed.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        self.with(ReadableDatabase::begin_read)
    }

    /// Closes the file. What is being written and not committed yet fails.
    pub(crate) fn close(&self) {
        drop(
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    fn with<T>(
        &self,
        begin: impl FnOnce(&Database) -> Result<T, TransactionError>,
    ) -> Result<T, TransactionError> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Some(database) => begin(database),
            None => Err(TransactionError::from(StorageError::DatabaseClosed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_file_opens_again_while_somebody_holds_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.redb");
        let old = Closable::new(Database::create(&path).unwrap());
        old.begin_write().unwrap().commit().unwrap();
        assert!(Database::create(&path).is_err(), "it is in use");
        old.close();
        assert!(Database::create(&path).is_ok());
        assert!(matches!(
            old.begin_read(),
            Err(TransactionError::Storage(StorageError::DatabaseClosed))
        ));
    }
}
