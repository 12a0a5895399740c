//! Files of the store that need care from outside: left-overs of a crash, and fsync.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use iroh_blobs::Hash;

/// Deletes the files in the store's folder for temporary files, which it never does itself.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    for file in entries(folder)? {
        fs::remove_file(file?.path())?;
    }
    Ok(())
}

/// Deletes data files that no entry of the store names: what a crash left of blobs that were begun
/// or removed at that moment.
pub(super) fn sweep_orphans(folder: &Path, known: &[Hash]) -> io::Result<()> {
    let known: BTreeSet<String> = known.iter().map(Hash::to_hex).collect();
    for file in entries(folder)? {
        let file = file?;
        let name = file.file_name();
        let stem = Path::new(&name).file_stem().unwrap_or_default();
        if !known.contains(&*stem.to_string_lossy()) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Where the store keeps the bytes (`data`), the hash tree (`obao4`) and the like of a blob.
pub(super) fn file_of(folder: &Path, hash: &Hash, extension: &str) -> PathBuf {
    folder.join(format!("{}.{extension}", hash.to_hex()))
}

/// Syncs the files of a complete blob and their folder. Small blobs have no files.
pub(super) fn sync_blob(folder: &Path, hash: &Hash) -> io::Result<()> {
    for extension in ["data", "obao4"] {
        match File::open(file_of(folder, hash, extension)) {
            Ok(file) => file.sync_all()?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    File::open(folder)?.sync_all()
}

/// Deletes the files that only a partial blob needs and that the store leaves behind.
pub(super) fn drop_scaffold(folder: &Path, hash: &Hash) -> io::Result<()> {
    drop_files(folder, hash, &["sizes4", "bitfield"])
}

/// Deletes what the store leaves behind of a removed blob.
pub(super) fn drop_all(folder: &Path, hash: &Hash) -> io::Result<()> {
    drop_files(folder, hash, &["data", "obao4", "sizes4", "bitfield"])
}

fn drop_files(folder: &Path, hash: &Hash, extensions: &[&str]) -> io::Result<()> {
    for extension in extensions {
        match fs::remove_file(file_of(folder, hash, extension)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(e) => Err(e),
    }
}
