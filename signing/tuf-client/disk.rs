//! A folder whose files are replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::ClientError;

/// A folder of metadata or of downloaded files.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Folder {
        Folder { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder, and those above it.
    pub(crate) fn create(&self) -> Result<(), ClientError> {
        fs::create_dir_all(&self.path).map_err(failed(&self.path))
    }

    /// The content of a file; `None` when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ClientError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    /// Opens a file for reading; `None` when it is not there.
    pub(crate) fn open(&self, name: &str) -> Result<Option<File>, ClientError> {
        let path = self.path.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    /// Replaces a file: after a crash it holds the old bytes or the new ones.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ClientError> {
        let mut draft = self.draft(name)?;
        draft.write(bytes)?;
        draft.install()
    }

    /// A new content for a file, not in its place until [`Draft::install`].
    pub(crate) fn draft(&self, name: &str) -> Result<Draft<'_>, ClientError> {
        // No name of ours begins with a dot and ends like this.
        let path = self.path.join(format!(".{name}.part"));
        let file = File::create(&path).map_err(failed(&path))?;
        let target = self.path.join(name);
        Ok(Draft {
            folder: self,
            file,
            path,
            target,
            installed: false,
        })
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ClientError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    fn sync(&self) -> Result<(), ClientError> {
        let folder = File::open(&self.path).and_then(|folder| folder.sync_all());
        folder.map_err(failed(&self.path))
    }
}

/// A file being written beside the one that it shall replace. Dropped without [`Draft::install`], it vanishes.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    folder: &'a Folder,
    file: File,
    path: PathBuf,
    target: PathBuf,
    installed: bool,
}

impl Draft<'_> {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).map_err(failed(&self.path))
    }

    /// Write, sync, rename, sync.
    pub(crate) fn install(mut self) -> Result<(), ClientError> {
        self.file.sync_all().map_err(failed(&self.path))?;
        fs::rename(&self.path, &self.target).map_err(failed(&self.target))?;
        self.installed = true;
        self.folder.sync()
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.installed {
            // Best effort: what is left over is overwritten by the next attempt.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ClientError {
    let path = path.to_owned();
    move |problem| ClientError::Disk { path, problem }
}
