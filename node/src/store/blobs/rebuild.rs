//! The store's table of blobs, made anew from the data files when it is lost or damaged.
//!
//! The table (`blobs.db`, redb) says which blobs there are and which are complete; the bytes lie beside it in files named
//! after their hashes. Without this a table that a power cut spoiled would cost every lesson: the store opens empty, and
//! files that no entry names are swept. Nothing here decides what is true: every byte is verified when it is read.
//!
//! The form of the table is that of iroh-blobs 0.104 (`store/fs/meta/tables.rs`, `entry_state.rs`), which offers no call
//! for this. Its version is pinned in the workspace, and a test lets the store read what is written here.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use bao_tree::{BaoTree, io::outboard::PreOrderMemOutboard};
use iroh_blobs::{Hash, HashAndFormat, api::Tag};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, TypeName};
use serde::{Deserialize, Serialize};

use super::verify::BLOCK_SIZE;

/// Data and hash trees up to this length lie in the table itself (the store's default).
const MAX_INLINE_BYTES: u64 = 16 * 1024;

const BLOBS: TableDefinition<'_, Hash, Entry> = TableDefinition::new("blobs-0");
const TAGS: TableDefinition<'_, Tag, HashAndFormat> = TableDefinition::new("tags-0");
const INLINE_DATA: TableDefinition<'_, Hash, &[u8]> = TableDefinition::new("inline-data-0");
const INLINE_TREES: TableDefinition<'_, Hash, &[u8]> = TableDefinition::new("inline-outboard-0");

/// An entry as it stands in the table: decoding it may fail here, where the store would panic.
#[derive(Debug)]
struct Entry;

impl redb::Value for Entry {
    type SelfType<'a> = &'a [u8];
    type AsBytes<'a> = &'a [u8];

    fn fixed_width() -> Option<usize> {
        None
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
    where
        Self: 'a,
    {
        data
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a &'b [u8]) -> &'a [u8]
    where
        Self: 'b,
    {
        value
    }

    fn type_name() -> TypeName {
        TypeName::new("EntryState")
    }
}

/// What an entry says (iroh-blobs' `EntryState`).
#[derive(Debug, Serialize, Deserialize)]
enum State {
    Complete { data: Data, tree: Tree },
    Partial { size: Option<u64> },
}

/// Where the bytes lie.
#[derive(Debug, Serialize, Deserialize)]
enum Data {
    Inline(()),
    Owned(u64),
    External(Vec<PathBuf>, u64),
}

/// Where the hash tree lies.
#[derive(Debug, Serialize, Deserialize)]
enum Tree {
    Inline(()),
    Owned,
    NotNeeded,
}

/// Sees to it that the table can be read; makes it anew from the files in `data` when it is gone, empty or damaged.
///
/// # Errors
/// When this machine's disk fails; a table that cannot be read is no error.
pub(super) fn ensure(table: &Path, data: &Path) -> io::Result<()> {
    let found = match look_at(table) {
        Look::Good => return Ok(()),
        Look::Disk(error) => return Err(error),
        Look::Empty => None,
        Look::Damaged(reason) => Some(reason),
    };
    let files = files(data)?;
    if let Some(reason) = &found {
        let aside = table.with_extension("db.damaged");
        tracing::warn!(
            %reason,
            aside = %aside.display(),
            "the table of lesson files is damaged; it is moved aside and made anew from the files"
        );
        fs::rename(table, aside)?;
    }
    if files.is_empty() {
        return Ok(());
    }
    let fresh = table.with_extension("db.new");
    remove_if_there(&fresh)?;
    let entries = write(&fresh, data, &files).map_err(io::Error::other)?;
    // Renamed when it is whole: a crash before it leaves everything to be done again.
    fs::rename(&fresh, table)?;
    if let Some(folder) = table.parent() {
        File::open(folder)?.sync_all()?;
    }
    tracing::warn!(
        entries,
        "found lesson files again that the table did not name"
    );
    Ok(())
}

/// What there is of the table.
enum Look {
    Good,
    /// It is gone or names nothing.
    Empty,
    Damaged(String),
    Disk(io::Error),
}

fn look_at(table: &Path) -> Look {
    match fs::metadata(table) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Look::Empty,
        Err(error) => return Look::Disk(error),
        Ok(found) if found.len() == 0 => return Look::Empty,
        Ok(_) => {}
    }
    // redb panics at some kinds of damage.
    let read = catch_unwind(AssertUnwindSafe(|| count_entries(table)));
    match read {
        Ok(Ok(0)) => Look::Empty,
        // Open elsewhere: the store says so itself.
        Ok(Ok(_)) | Ok(Err(Unread::InUse)) => Look::Good,
        Ok(Err(Unread::Disk(error))) => Look::Disk(error),
        Ok(Err(Unread::Damaged(reason))) => Look::Damaged(reason),
        Err(_) => Look::Damaged("it is malformed".to_owned()),
    }
}

/// Why a table cannot be read.
enum Unread {
    InUse,
    Disk(io::Error),
    Damaged(String),
}

impl Unread {
    fn of(error: impl Into<redb::Error>) -> Unread {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Unread::InUse,
            redb::Error::Io(error) if !is_of_content(&error) => Unread::Disk(error),
            error => Unread::Damaged(error.to_string()),
        }
    }
}

/// Does this error speak of the bytes in the file and not of the disk?
fn is_of_content(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
    )
}

fn count_entries(table: &Path) -> Result<usize, Unread> {
    let db = Database::open(table).map_err(Unread::of)?;
    let reading = db.begin_read().map_err(Unread::of)?;
    let entries = match reading.open_table(BLOBS) {
        // A store that was killed before its first commit.
        Err(TableError::TableDoesNotExist(_)) => return Ok(0),
        opened => opened.map_err(Unread::of)?,
    };
    let mut count = 0;
    for entry in entries.iter().map_err(Unread::of)? {
        let (_, value) = entry.map_err(Unread::of)?;
        let state = postcard::from_bytes::<State>(value.value());
        state.map_err(|error| Unread::Damaged(error.to_string()))?;
        count += 1;
    }
    Ok(count)
}

/// The files of one blob.
#[derive(Default)]
struct Files {
    data: Option<u64>,
    tree: Option<u64>,
    /// It has what only a partial blob needs.
    scaffold: bool,
}

/// What lies in the folder of data files, by hash; names that are no hash are left to the sweep.
fn files(folder: &Path) -> io::Result<BTreeMap<Hash, Files>> {
    let mut all: BTreeMap<Hash, Files> = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = PathBuf::from(entry.file_name());
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let Some(hash) = stem.and_then(|stem| stem.parse::<Hash>().ok()) else {
            continue;
        };
        let length = entry.metadata()?.len();
        let files = all.entry(hash).or_default();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("data") => files.data = Some(length),
            Some("obao4") => files.tree = Some(length),
            Some("sizes4" | "bitfield") => files.scaffold = true,
            _ => {}
        }
    }
    all.retain(|_, files| files.data.is_some());
    Ok(all)
}

/// Writes a table of these files; gives the number of entries.
fn write(table: &Path, folder: &Path, files: &BTreeMap<Hash, Files>) -> Result<usize, redb::Error> {
    let db = Database::create(table)?;
    let writing = db.begin_write()?;
    let mut count = 0;
    {
        let mut blobs = writing.open_table(BLOBS)?;
        let mut trees = writing.open_table(INLINE_TREES)?;
        writing.open_table(TAGS)?;
        writing.open_table(INLINE_DATA)?;
        for (hash, files) in files {
            let Some((state, tree)) = state(folder, hash, files) else {
                continue;
            };
            let entry = postcard::to_allocvec(&state).expect("an entry is plain data");
            blobs.insert(hash, &entry[..])?;
            if let Some(tree) = tree {
                trees.insert(hash, &tree[..])?;
            }
            count += 1;
        }
    }
    writing.commit()?;
    Ok(count)
}

/// The entry for these files, with the hash tree where that stands in the table; `None`: they are of no use.
///
/// Of a partial blob the store finds out itself what is held, by verifying it. A large file that looks whole counts as
/// complete: verifying terabytes would keep the node from starting, and whoever reads it verifies it.
fn state(folder: &Path, hash: &Hash, files: &Files) -> Option<(State, Option<Vec<u8>>)> {
    let size = files.data?;
    if files.scaffold {
        return Some((State::Partial { size: None }, None));
    }
    let tree_bytes = BaoTree::new(size, BLOCK_SIZE).outboard_size();
    let complete = |tree| State::Complete {
        data: Data::Owned(size),
        tree,
    };
    if size <= MAX_INLINE_BYTES {
        return None;
    }
    if tree_bytes > MAX_INLINE_BYTES {
        return (files.tree == Some(tree_bytes)).then(|| (complete(Tree::Owned), None));
    }
    let bytes = fs::read(folder.join(format!("{}.data", hash.to_hex()))).ok()?;
    let tree = PreOrderMemOutboard::create(&bytes, BLOCK_SIZE);
    (tree.root.as_bytes() == hash.as_bytes()).then(|| (complete(Tree::Inline(())), Some(tree.data)))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ops::Range, os::unix::fs::FileExt};

    use pishtar_catalog::BlobHash;
    use tempfile::TempDir;

    use crate::store::blobs::{
        BlobStore, Holding,
        tests::{bao, receive},
    };

    /// Of different lengths: in the table itself, with the tree in the table, with files of its own.
    const LENGTHS: [usize; 4] = [9_000, 300_000, 4 << 20, (5 << 20) + 77];

    fn sample(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let named = blake3::Hasher::new()
            .update(&length.to_le_bytes())
            .finalize_xof();
        let mut named = named;
        named.fill(&mut bytes);
        bytes
    }

    /// A closed store that holds all of [`LENGTHS`] and a part of one more file.
    async fn filled() -> (TempDir, Vec<u8>, Vec<Range<u64>>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = BlobStore::open(folder.path()).await.expect("a new store");
        for length in LENGTHS {
            let bytes = sample(length);
            let range = 0..length as u64;
            let received = receive(&store, &bytes, range.clone(), bao(&bytes, range)).await;
            assert!(received.complete);
        }
        let part = sample(6 << 20);
        let mut held = Vec::new();
        for range in [0..1 << 20, 3 << 20..4 << 20] {
            let stream = bao(&part, range.clone());
            held.extend(receive(&store, &part, range, stream).await.held);
        }
        store.shutdown().await.expect("nothing is in use");
        (folder, part, held)
    }

    /// What is found of [`LENGTHS`], and of the part, after the table was treated like this.
    async fn after(damage: impl FnOnce(&std::path::Path)) {
        let (folder, part, held) = filled().await;
        damage(&folder.path().join("blobs.db"));
        let store = BlobStore::open(folder.path()).await.expect("made anew");
        let state = async |bytes: &[u8]| {
            let state = store.state(BlobHash::of(bytes), bytes.len() as u64).await;
            state.expect("the store works")
        };
        for length in LENGTHS {
            let bytes = sample(length);
            if length == LENGTHS[0] {
                assert_eq!(state(&bytes).await, Holding::Absent, "it lay in the table");
                continue;
            }
            assert_eq!(state(&bytes).await, Holding::Complete, "{length}");
            let read = store.read_to_vec(BlobHash::of(&bytes), length as u64, 0..length as u64);
            assert!(read.await.expect("held") == bytes, "{length}");
        }
        assert_eq!(state(&part).await, Holding::Partial(held));
        let rest = 1 << 20..6 << 20;
        let received = receive(&store, &part, rest.clone(), bao(&part, rest)).await;
        assert!(received.complete, "{:?}", received.result);
        let gone = [BlobHash::of(&sample(LENGTHS[3]))];
        assert_eq!(store.remove(&gone).await.expect("not in use"), gone);
        store.shutdown().await.expect("nothing is in use");
        let store = BlobStore::open(folder.path()).await.expect("a good table");
        assert_eq!(
            store.hashes().await.expect("it works").len(),
            LENGTHS.len() - 1
        );
    }

    #[tokio::test]
    async fn a_table_that_is_gone_is_made_anew() {
        after(|table| std::fs::remove_file(table).expect("there")).await;
    }

    #[tokio::test]
    async fn an_empty_table_is_made_anew() {
        after(|table| std::fs::write(table, b"").expect("space")).await;
    }

    #[tokio::test]
    async fn a_table_of_garbage_is_made_anew() {
        after(|table| std::fs::write(table, vec![0x5a; 70_000]).expect("space")).await;
    }

    #[tokio::test]
    async fn a_table_that_was_cut_off_is_made_anew() {
        after(|table| {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(table)
                .expect("there");
            file.set_len(5_000).expect("cut");
        })
        .await;
    }

    #[tokio::test]
    async fn a_table_with_overwritten_entries_is_made_anew() {
        after(|table| {
            let bytes = std::fs::read(table).expect("there");
            // The hashes stand in it as they are; what follows each is its entry.
            let hash = BlobHash::of(&sample(LENGTHS[1])).0;
            let places: Vec<usize> = (0..bytes.len() - 32)
                .filter(|at| bytes[*at..at + 32] == hash)
                .collect();
            assert!(!places.is_empty());
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(table)
                .expect("there");
            for at in places {
                file.write_all_at(&[0xff; 256], at as u64).expect("space");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_file_that_is_not_what_its_name_says_is_not_taken() {
        let (folder, ..) = filled().await;
        let bytes = sample(LENGTHS[1]);
        let path = folder
            .path()
            .join(format!("data/{}.data", BlobHash::of(&bytes)));
        let mut wrong = bytes.clone();
        wrong[70_000] ^= 1;
        std::fs::write(&path, wrong).expect("space");
        std::fs::remove_file(folder.path().join("blobs.db")).expect("there");
        let store = BlobStore::open(folder.path()).await.expect("made anew");
        let state = store.state(BlobHash::of(&bytes), bytes.len() as u64).await;
        assert_eq!(state.expect("it works"), Holding::Absent);
        assert!(!path.exists(), "it is swept");
    }
}
