//! Lesson bytes by SHA-256: hashed once while they are copied in, linked into published folders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pishtar_catalog::BlobHash;
use pishtar_signing::metadata::Hashes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::MinistryError;
use super::workshop::{Workshop, create_dir, make_readable, read_if_there, sync_dir, write_atomic};

/// Bytes read at once: large enough that an SD card streams.
const CHUNK: usize = 1 << 20;

/// How a file comes into the workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storing {
    /// A copy of its own: blocks are shared where the file system can (reflink), the source may be edited later.
    Copy,
    /// The same file under a second name.
    HardLink,
}

/// What hashing a file gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) length: u64,
    #[serde(with = "hex::serde")]
    pub(super) sha256: [u8; 32],
    pub(super) blake3: BlobHash,
}

/// Where a stored file lies.
pub(super) fn path_of(workshop: &Workshop, sha256: &str) -> PathBuf {
    workshop
        .files()
        .join(sha256.get(..2).unwrap_or_default())
        .join(sha256)
}

/// Stores small bytes that the program made itself.
pub(super) fn store_bytes(
    workshop: &Workshop,
    hashes: &Hashes,
    bytes: &[u8],
) -> Result<(), MinistryError> {
    let sha256 = hashes.sha256().map(hex::encode).unwrap_or_default();
    let path = path_of(workshop, &sha256);
    create_dir(path.parent().unwrap_or(&path))?;
    write_atomic(&path, bytes)
}

/// Remembers what was hashed, so that adding a folder again reads only what changed.
pub(super) struct Store<'w> {
    workshop: &'w Workshop,
    storing: Storing,
    seen: BTreeMap<String, Seen>,
    /// Must `seen` be written down?
    changed: bool,
    /// Real paths of the folders that sources lie in.
    folders: BTreeMap<PathBuf, PathBuf>,
    progress: Progress,
}

/// A source file at the moment of hashing.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    modified_ns: i128,
    inode: u64,
    stored: Stored,
}

impl<'w> Store<'w> {
    /// `total` bytes are expected, for the progress line.
    pub(super) fn open(
        workshop: &'w Workshop,
        storing: Storing,
        total: u64,
    ) -> Result<Store<'w>, MinistryError> {
        // The memory only saves time: a damaged one is the same as none.
        let seen = read_if_there(&seen_path(workshop))?
            .and_then(|json| serde_json::from_slice(&json).ok());
        Ok(Store {
            workshop,
            storing,
            seen: seen.unwrap_or_default(),
            changed: false,
            folders: BTreeMap::new(),
            progress: Progress::new(total),
        })
    }

    /// Brings a file in and tells its hashes.
    pub(super) fn store(&mut self, source: &Path) -> Result<Stored, MinistryError> {
        let about = fs::metadata(source).map_err(MinistryError::io("reading", source))?;
        let name = self.full_name(source)?;
        let modified_ns =
            i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
        let known = self.seen.get(&name).filter(|seen| {
            seen.modified_ns == modified_ns
                && seen.inode == about.ino()
                && seen.stored.length == about.len()
        });
        if let Some(seen) = known
            && path_of(self.workshop, &hex::encode(seen.stored.sha256)).exists()
        {
            self.progress.add(about.len());
            return Ok(seen.stored.clone());
        }
        let stored = self.bring_in(source)?;
        self.changed = true;
        self.seen.insert(
            name,
            Seen {
                modified_ns,
                inode: about.ino(),
                stored: stored.clone(),
            },
        );
        Ok(stored)
    }

    /// A source by the real path of its folder, which is the same from wherever the command is called.
    fn full_name(&mut self, source: &Path) -> Result<String, MinistryError> {
        let folder = match source.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let file = source.file_name().unwrap_or_default();
        if let Some(real) = self.folders.get(folder) {
            return Ok(real.join(file).display().to_string());
        }
        let real = fs::canonicalize(folder).map_err(MinistryError::io("reading", folder))?;
        let name = real.join(file).display().to_string();
        self.folders.insert(folder.to_owned(), real);
        Ok(name)
    }

    /// Writes the memory down and ends the progress line.
    pub(super) fn close(mut self) -> Result<(), MinistryError> {
        self.progress.end();
        if !self.changed {
            return Ok(());
        }
        let json = serde_json::to_vec(&self.seen).expect("strings and numbers are JSON");
        write_atomic(&seen_path(self.workshop), &json)
    }

    fn bring_in(&mut self, source: &Path) -> Result<Stored, MinistryError> {
        let folder = self.workshop.files();
        let writing = |error| MinistryError::io("writing into", &folder)(error);
        let mut input = File::open(source).map_err(MinistryError::io("reading", source))?;
        let mut temporary = tempfile::NamedTempFile::new_in(&folder).map_err(writing)?;
        let linked = self.storing == Storing::HardLink;
        let cloned = !linked && rustix::fs::ioctl_ficlone(temporary.as_file(), &input).is_ok();
        let stored = if linked || cloned {
            // Hash what will be kept, not the source, which may change meanwhile.
            let mut kept = if linked {
                input
            } else {
                temporary.as_file().try_clone().map_err(writing)?
            };
            kept.rewind().map_err(writing)?;
            hash(&mut kept, &mut io::sink(), &mut self.progress)
        } else {
            hash(&mut input, temporary.as_file_mut(), &mut self.progress)
        }
        .map_err(MinistryError::io("copying", source))?;
        let path = path_of(self.workshop, &hex::encode(stored.sha256));
        if path.exists() {
            return Ok(stored);
        }
        let home = path.parent().unwrap_or(&folder);
        create_dir(home)?;
        if linked {
            fs::hard_link(source, &path)
                .map_err(MinistryError::io("linking (try it without --link)", source))?;
        } else {
            make_readable(temporary.as_file())
                .and_then(|()| temporary.as_file().sync_all())
                .map_err(writing)?;
            temporary
                .persist(&path)
                .map_err(|error| writing(error.error))?;
        }
        sync_dir(home)?;
        Ok(stored)
    }
}

/// Hashes a file where it lies.
pub(super) fn hash_file(path: &Path, progress: &mut Progress) -> io::Result<Stored> {
    hash(&mut File::open(path)?, &mut io::sink(), progress)
}

/// Both hashes in one pass, copying on the way.
fn hash(from: &mut impl Read, to: &mut impl Write, progress: &mut Progress) -> io::Result<Stored> {
    let (mut sha256, mut blake3, mut length) = (Sha256::new(), blake3::Hasher::new(), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&buffer[..read]);
        blake3.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        length += read as u64;
        progress.add(read as u64);
    }
    Ok(Stored {
        length,
        sha256: sha256.finalize().into(),
        blake3: BlobHash(*blake3.finalize().as_bytes()),
    })
}

fn seen_path(workshop: &Workshop) -> PathBuf {
    workshop.files().join("seen.json")
}

/// A line on standard error that counts bytes; silent where nobody watches.
pub(super) struct Progress {
    total: u64,
    done: u64,
    shown: Option<Instant>,
    watched: bool,
}

impl Progress {
    pub(super) fn new(total: u64) -> Progress {
        Progress {
            total,
            done: 0,
            shown: None,
            watched: io::stderr().is_terminal(),
        }
    }

    fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let due = self
            .shown
            .is_none_or(|shown| shown.elapsed() > Duration::from_millis(200));
        if self.watched && due {
            self.shown = Some(Instant::now());
            let percent = self.done.min(self.total) * 100 / self.total.max(1);
            eprint!(
                "\r{percent:3} %  {} of {} MB read",
                self.done / 1_000_000,
                self.total / 1_000_000
            );
        }
    }

    pub(super) fn end(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r{:60}\r", "");
        }
    }
}
