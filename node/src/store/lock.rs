//! One process per folder: an advisory lock that goes with its owner.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
};

/// The lock on a folder, held until this value is dropped or the process ends, however it ends.
///
/// It is given back by name and not by the closing of the file: a child process that is just being
/// started holds a copy of every open file for a moment, and the lock would live on in it.
#[derive(Debug)]
pub struct FolderLock(File);

/// Why a folder was not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another process works in this folder")]
    Held,
    /// The disk does not allow it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FolderLock {
    /// Locks through the file at `path`, which is made when it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it; never waits.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(cause)) => Err(cause.into()),
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Where this fails the closing of the file does it.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_waits_for_the_first_to_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FolderLock::take(&path).unwrap();
        assert!(matches!(FolderLock::take(&path), Err(LockError::Held)));
        drop(first);
        FolderLock::take(&path).unwrap();
    }

    #[test]
    fn a_copy_in_another_process_does_not_keep_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FolderLock::take(&path).unwrap();
        // What a child between fork and exec holds: the same open file under another number.
        let copy = first.0.try_clone().unwrap();
        drop(first);
        FolderLock::take(&path).unwrap();
        drop(copy);
    }
}
