//! The workshop's folder: opened under a lock, written to atomically.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pishtar_catalog::LessonId;
use pishtar_signing::UnixSeconds;
use pishtar_signing::key::{KeyId, PublicKey};
use pishtar_signing::repository::Signatories;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::MinistryError;
use crate::store::lock::{FolderLock, LockError};

const MARKER: &str = "workshop.json";

/// An open workshop. While it lives, no other command opens the same one.
#[derive(Debug)]
pub(super) struct Workshop {
    dir: PathBuf,
    pub(super) about: About,
    _lock: FolderLock,
}

/// The workshop's own notes; nothing secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    /// The publisher's id.
    pub(super) publisher: String,
    /// Who signs courses that are new.
    pub(super) courses: CourseKeys,
    /// Names of all keys that the workshop ever knew, also of those whose files lie elsewhere.
    #[serde(default)]
    pub(super) names: BTreeMap<KeyId, String>,
    /// Every role at the last publication.
    #[serde(default)]
    pub(super) published: BTreeMap<String, Published>,
}

/// Keys as metadata carry them, and how many must sign.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CourseKeys {
    keys: Vec<Map<String, Value>>,
    threshold: u64,
}

impl CourseKeys {
    pub(super) fn of(signatories: &Signatories) -> CourseKeys {
        CourseKeys {
            keys: signatories
                .keys
                .iter()
                .map(|key| key.to_json().clone())
                .collect(),
            threshold: signatories.threshold,
        }
    }

    pub(super) fn signatories(&self) -> Result<Signatories, MinistryError> {
        let keys = self.keys.iter().cloned().map(PublicKey::from_json);
        let keys = keys
            .collect::<Result<_, _>>()
            .map_err(|reason| MinistryError::Key {
                path: MARKER.into(),
                reason,
            })?;
        Ok(Signatories {
            keys,
            threshold: self.threshold,
        })
    }
}

/// What is remembered of a published role, so that it need not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Published {
    pub(super) version: u64,
    pub(super) expires: UnixSeconds,
    /// Lessons in the role; 0 for roles that are no courses.
    pub(super) lessons: usize,
}

impl Workshop {
    /// Makes the folders of a new workshop.
    pub(super) fn create(
        dir: &Path,
        publisher: &str,
        courses: CourseKeys,
        names: BTreeMap<KeyId, String>,
    ) -> Result<Workshop, MinistryError> {
        let about = About {
            publisher: publisher.into(),
            courses,
            names,
            published: BTreeMap::new(),
        };
        let json = serde_json::to_vec_pretty(&about).expect("strings are JSON");
        // The marker comes last: a folder without it is no workshop yet and can be made again.
        for folder in ["keys", "files", "staged"] {
            create_dir(&dir.join(folder))?;
        }
        write_atomic(&dir.join(MARKER), &json)?;
        Workshop::open(dir)
    }

    /// Opens a workshop that is there.
    pub(super) fn open(dir: &Path) -> Result<Workshop, MinistryError> {
        let marker = dir.join(MARKER);
        let json = fs::read(&marker)
            .map_err(|_| MinistryError::NotAWorkshop(dir.display().to_string()))?;
        let about = serde_json::from_slice(&json)
            .map_err(|error| MinistryError::io("reading", &marker)(io::Error::other(error)))?;
        let path = dir.join("lock");
        let lock = FolderLock::take(&path).map_err(|error| match error {
            LockError::Held => MinistryError::Locked(dir.display().to_string()),
            LockError::Io(cause) => MinistryError::io("opening", &path)(cause),
        })?;
        Ok(Workshop {
            dir: dir.into(),
            about,
            _lock: lock,
        })
    }

    /// Writes the notes anew.
    pub(super) fn set_about(&mut self, about: About) -> Result<(), MinistryError> {
        let json = serde_json::to_vec_pretty(&about).expect("strings are JSON");
        self.about = about;
        write_atomic(&self.dir.join(MARKER), &json)
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    pub(super) fn files(&self) -> PathBuf {
        self.dir.join("files")
    }

    pub(super) fn staged(&self) -> PathBuf {
        self.dir.join("staged")
    }

    /// Where `publish` writes when nothing else is said.
    pub(super) fn published(&self) -> PathBuf {
        self.dir.join("published")
    }

    /// How people write the folder in their next command.
    pub(super) fn shown(&self) -> std::path::Display<'_> {
        self.dir.display()
    }

    /// A lesson id as people may write it: whole, or without the publisher.
    pub(super) fn lesson_id(&self, text: &str) -> Option<LessonId> {
        let text = text.trim_matches('/');
        LessonId::new(text)
            .or_else(|_| LessonId::new(&format!("{}/{text}", self.about.publisher)))
            .ok()
    }
}

/// Makes a folder and those above it.
pub(super) fn create_dir(path: &Path) -> Result<(), MinistryError> {
    fs::create_dir_all(path).map_err(MinistryError::io("making the folder", path))
}

/// Replaces a file so that after a power cut it is either the old or the new one, whole.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), MinistryError> {
    let failed = |source| MinistryError::io("writing", path)(source);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    make_readable(temporary.as_file()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    sync_dir(folder)
}

/// From this many files on, one flush of the whole file system is cheaper than one per file.
const FLUSH_TOGETHER: usize = 3;

/// Replaces files of one folder so that after a power cut each is either the old or the new one, whole.
///
/// All are on the disk before the first gets its name, and names appear in the order given.
pub(super) fn write_all(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), MinistryError> {
    if files.is_empty() {
        return Ok(());
    }
    let mut written = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let path = folder.join(name);
        let write = || {
            let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
            temporary.write_all(bytes)?;
            make_readable(temporary.as_file())?;
            Ok(temporary)
        };
        let temporary = write().map_err(MinistryError::io("writing", &path))?;
        written.push((temporary, path));
    }
    let together = written.len() >= FLUSH_TOGETHER
        && File::open(folder).is_ok_and(|folder| rustix::fs::syncfs(&folder).is_ok());
    for (temporary, path) in written {
        if !together {
            let flushed = temporary.as_file().sync_all();
            flushed.map_err(MinistryError::io("writing", &path))?;
        }
        temporary
            .persist(&path)
            .map_err(|error| MinistryError::io("writing", &path)(error.error))?;
    }
    sync_dir(folder)
}

/// Temporary files are private to the user; published ones are for everyone, within the folder's own rights.
pub(super) fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Makes renames in a folder survive a power cut.
pub(super) fn sync_dir(folder: &Path) -> Result<(), MinistryError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(MinistryError::io("syncing", folder))
}

/// A file's bytes, `None` when it does not exist.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, MinistryError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(MinistryError::io("reading", path)(error)),
    }
}
