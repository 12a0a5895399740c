//! Earlier versions of metadata files, for packing: a neighbour that holds one of them gets the difference alone.
//!
//! ```text
//! meta-history/<publisher>/<number>.<file name>.zst      numbers rise with every file that is kept
//! ```
//! Nothing here is trusted, and nothing is the only copy of anything. A file that is lost or damaged costs a larger
//! answer; zstd's checksum notices damage. The trust store knows nothing of this folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use pishtar_signing::client::{MAX_TARGETS_BYTES, MetaFile, MetaRole};
use zstd::{bulk::Compressor, zstd_safe::CParameter};

/// Versions kept of each role. A neighbour that missed more updates than this gets whole files.
const MAX_VERSIONS: usize = 4;
/// Disk space for all of them, in bytes. A country's whole catalogue takes 7 MB.
const MAX_BYTES: u64 = 16 << 20;
const LEVEL: i32 = 3;
const ENDING: &str = ".zst";

/// Earlier versions on this node's disk.
///
/// Always true: `kept` names files that were written whole; of one role at most `MAX_VERSIONS` and in all at most
/// `MAX_BYTES` once a call ended.
#[derive(Debug)]
pub struct MetaHistory {
    folder: PathBuf,
    max_bytes: u64,
    kept: Mutex<BTreeMap<u64, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    publisher: String,
    file: MetaFile,
    bytes: u64,
}

impl MetaHistory {
    /// Opens or makes the history in `folder`. What cannot be read is left out, down to an empty history.
    pub fn open(folder: PathBuf) -> MetaHistory {
        MetaHistory::with_bound(folder, MAX_BYTES)
    }

    fn with_bound(folder: PathBuf, max_bytes: u64) -> MetaHistory {
        let history = MetaHistory {
            kept: Mutex::new(listing(&folder)),
            folder,
            max_bytes,
        };
        history.drop_excess(&mut history.kept());
        history
    }

    /// Keeps a version that is about to be replaced. A timestamp has no version in its name and is not kept.
    ///
    /// # Errors
    /// When the disk refuses: the next difference will be larger, nothing else.
    pub fn keep(&self, publisher: &str, file: &MetaFile, bytes: &[u8]) -> io::Result<()> {
        if file.version.is_none() {
            return Ok(());
        }
        let packed = pack(bytes)?;
        let mut kept = self.kept();
        let same = |known: &Kept| known.publisher == publisher && known.file == *file;
        let replaced: Vec<u64> = kept
            .iter()
            .filter(|(_, known)| same(known))
            .map(|(number, _)| *number)
            .collect();
        for number in replaced {
            self.drop_one(&mut kept, number);
        }
        let number = kept.last_key_value().map_or(1, |(last, _)| last + 1);
        let entry = Kept {
            publisher: publisher.to_owned(),
            file: file.clone(),
            bytes: packed.len() as u64,
        };
        let path = self.path(number, &entry);
        let temporary = path.with_extension("tmp");
        fs::create_dir_all(self.folder.join(publisher))?;
        fs::write(&temporary, packed)?;
        fs::rename(&temporary, path)?;
        kept.insert(number, entry);
        self.drop_excess(&mut kept);
        Ok(())
    }

    /// A version as signed; `None` where it is not kept or did not survive.
    pub fn read(&self, publisher: &str, file: &MetaFile) -> Option<Vec<u8>> {
        let path = self.kept().iter().find_map(|(number, known)| {
            (known.publisher == publisher && known.file == *file).then(|| self.path(*number, known))
        })?;
        unpack(&fs::read(path).ok()?)
    }

    /// Versions kept of a role, newest first.
    pub fn versions(&self, publisher: &str, role: &MetaRole) -> Vec<u64> {
        let mut versions: Vec<u64> = self
            .kept()
            .values()
            .filter(|known| known.publisher == publisher && known.file.role == *role)
            .filter_map(|known| known.file.version)
            .collect();
        versions.sort_unstable_by(|one, other| other.cmp(one));
        versions
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<u64, Kept>> {
        // What a panic left half-done is at worst a file that is not listed or not there.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, number: u64, kept: &Kept) -> PathBuf {
        let name = format!("{number:016x}.{}{ENDING}", kept.file.file_name());
        self.folder.join(&kept.publisher).join(name)
    }

    /// The oldest of a role go beyond its count, the oldest of all beyond the space.
    fn drop_excess(&self, kept: &mut BTreeMap<u64, Kept>) {
        let mut count: BTreeMap<(&str, &MetaRole), usize> = BTreeMap::new();
        let mut bytes = 0;
        let mut excess = Vec::new();
        for (number, known) in kept.iter().rev() {
            let of_role = count
                .entry((&known.publisher, &known.file.role))
                .or_default();
            *of_role += 1;
            bytes += known.bytes;
            if *of_role > MAX_VERSIONS || bytes > self.max_bytes {
                excess.push(*number);
            }
        }
        for number in excess {
            self.drop_one(kept, number);
        }
    }

    fn drop_one(&self, kept: &mut BTreeMap<u64, Kept>, number: u64) {
        if let Some(gone) = kept.remove(&number) {
            // A file that stays is listed again at the next start, and goes then.
            let _ = fs::remove_file(self.path(number, &gone));
        }
    }
}

fn listing(folder: &Path) -> BTreeMap<u64, Kept> {
    let mut kept = BTreeMap::new();
    let folders = fs::read_dir(folder).into_iter().flatten().flatten();
    for of_publisher in folders {
        let Ok(publisher) = of_publisher.file_name().into_string() else {
            continue;
        };
        let files = fs::read_dir(of_publisher.path()).into_iter().flatten();
        for entry in files.flatten() {
            let name = entry.file_name();
            let parsed = name.to_str().and_then(parse);
            match (parsed, entry.metadata()) {
                (Some((number, file)), Ok(metadata)) => {
                    let publisher = publisher.clone();
                    let bytes = metadata.len();
                    kept.insert(
                        number,
                        Kept {
                            publisher,
                            file,
                            bytes,
                        },
                    );
                }
                // A temporary file that a stop left behind.
                _ => drop(fs::remove_file(entry.path())),
            }
        }
    }
    kept
}

fn parse(name: &str) -> Option<(u64, MetaFile)> {
    let (number, file) = name.strip_suffix(ENDING)?.split_once('.')?;
    let number = u64::from_str_radix(number, 16).ok()?;
    Some((number, MetaFile::parse(file)?))
}

fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = Compressor::new(LEVEL)?;
    packer.set_parameter(CParameter::ChecksumFlag(true))?;
    packer.compress(bytes)
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let bytes = zstd::bulk::Decompressor::upper_bound(packed)?;
    let most = usize::try_from(MAX_TARGETS_BYTES).ok()?;
    zstd::bulk::decompress(packed, bytes.min(most)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> MetaFile {
        MetaFile::parse(name).unwrap()
    }

    fn history() -> (tempfile::TempDir, MetaHistory) {
        let dir = tempfile::tempdir().unwrap();
        let history = MetaHistory::open(dir.path().join("meta-history"));
        (dir, history)
    }

    #[test]
    fn the_newest_versions_of_a_role_survive_a_restart() {
        let (dir, history) = history();
        for version in 1..=6 {
            let name = format!("{version}.math-6-sq.json");
            history
                .keep("ministry", &file(&name), name.as_bytes())
                .unwrap();
        }
        history
            .keep("ministry", &file("3.snapshot.json"), b"snapshot")
            .unwrap();
        history
            .keep("school-7", &file("1.math-6-sq.json"), b"another's")
            .unwrap();
        history
            .keep("ministry", &MetaFile::timestamp(), b"no version")
            .unwrap();
        let role = file("1.math-6-sq.json").role;
        for history in [history, MetaHistory::open(dir.path().join("meta-history"))] {
            assert_eq!(history.versions("ministry", &role), [6, 5, 4, 3]);
            assert_eq!(history.versions("school-7", &role), [1]);
            let five = history.read("ministry", &file("5.math-6-sq.json"));
            assert_eq!(five.as_deref(), Some(&b"5.math-6-sq.json"[..]));
            assert_eq!(history.read("ministry", &file("2.math-6-sq.json")), None);
            assert_eq!(history.kept().len(), 6);
        }
    }

    #[test]
    fn the_space_is_bounded_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let history = MetaHistory::with_bound(dir.path().join("h"), 2_500);
        for role in ["a", "b", "c", "d"] {
            // A thousand bytes that no compressor makes smaller.
            let mut bytes = vec![0; 1_000];
            blake3::Hasher::new()
                .update(role.as_bytes())
                .finalize_xof()
                .fill(&mut bytes);
            history
                .keep("ministry", &file(&format!("1.{role}.json")), &bytes)
                .unwrap();
        }
        let held = ["a", "b", "c", "d"].map(|role| {
            history
                .read("ministry", &file(&format!("1.{role}.json")))
                .is_some()
        });
        assert_eq!(held, [false, false, true, true]);
        let on_disk = fs::read_dir(dir.path().join("h/ministry")).unwrap().count();
        assert_eq!(on_disk, 2);
    }

    #[test]
    fn a_damaged_file_is_no_version_and_other_bytes_replace_it() {
        let (dir, history) = history();
        let six = file("6.math-6-sq.json");
        history
            .keep("ministry", &six, &b"sixty-six ".repeat(50))
            .unwrap();
        let folder = dir.path().join("meta-history/ministry");
        let path = fs::read_dir(&folder)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let mut packed = fs::read(&path).unwrap();
        let last = packed.len() - 1;
        packed[last] ^= 1;
        fs::write(&path, packed).unwrap();
        assert_eq!(history.read("ministry", &six), None);
        history.keep("ministry", &six, b"anew").unwrap();
        assert_eq!(
            history.read("ministry", &six).as_deref(),
            Some(&b"anew"[..])
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
