//! Writing so that a name holds either what it held or all of the new bytes, whatever ends the program.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

use super::TrustStoreError;

/// Ending of files that are still being written; a stop may leave some behind.
const TEMPORARY: &str = "tmp";
/// Files that are written at the same time. One after the other, a country's first catalogue takes two hundred waits for
/// the disk; far more at once gain nothing.
const SYNCED_AT_ONCE: usize = 8;

/// Writes `bytes` so that `path` holds either what it held or all of them: temporary file, fsync, rename, fsync
/// of the folder.
///
/// A failed fsync means that the bytes are lost: the file is given up and the next attempt writes a new one, since
/// a second fsync of the same file may report success for pages that never reached the disk.
///
/// # Errors
/// [`TrustStoreError::Io`] naming the step that failed. `path` then holds what it held, unless the last fsync was
/// what failed: then it may hold the new bytes already.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), TrustStoreError> {
    write_file(path, bytes)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Writes several files, each like [`replace_file`] but for the last step: their names are durable only after
/// [`sync_folder`]. Their fsyncs overlap, and a disk answers several at once hardly slower than one.
///
/// # Errors
/// The first one's error; the other files may have been written.
pub(super) fn write_files(files: &[(PathBuf, &[u8])]) -> Result<(), TrustStoreError> {
    let each = files.len().div_ceil(SYNCED_AT_ONCE).max(1);
    let write = |files: &[(PathBuf, &[u8])]| {
        files
            .iter()
            .try_for_each(|(path, bytes)| write_file(path, bytes))
    };
    thread::scope(|scope| {
        let writing: Vec<_> = files
            .chunks(each)
            .map(|files| scope.spawn(move || write(files)))
            .collect();
        writing.into_iter().try_for_each(|writer| {
            writer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), TrustStoreError> {
    let temporary = temporary(path);
    let written = write_new(&temporary, bytes)
        .map_err(|cause| TrustStoreError::io("write", path, cause))
        .and_then(|()| {
            fs::rename(&temporary, path)
                .map_err(|cause| TrustStoreError::io("replace", path, cause))
        });
    if written.is_err() {
        // Frees the room that a full disk needs; what cannot be removed is swept later.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes the names in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), TrustStoreError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(|cause| TrustStoreError::io("sync", folder, cause))
}

/// Makes `folder` below an existing one, durably.
pub(super) fn make_folder(folder: &Path) -> Result<(), TrustStoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|cause| TrustStoreError::io("make", folder, cause))?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Whether `name` is that of a file that was still being written.
pub(super) fn is_temporary(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|ending| ending == TEMPORARY)
}

/// The whole name with an ending of its own: `a.json` and `a.bin` must not share a temporary file.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(TEMPORARY);
    PathBuf::from(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a stop left behind is not written into: its pages may be those of a failed fsync.
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut out = File::create_new(path)?;
    out.write_all(bytes)?;
    out.sync_all()
}
