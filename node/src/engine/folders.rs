//! Published folders as sources: metadata is read through the same verification as a neighbour's, lesson files
//! are seeded where they lie.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pishtar_catalog::{Lesson, LessonFile, MINISTRY};
use pishtar_mesh::{FolderId, Input, MetaAnswer, MetaAsk, MetaFailure, PublisherId};
use pishtar_signing::{
    client::{MAX_ROOT_BYTES, MAX_TARGETS_BYTES, MetaFile},
    metadata::Hashes,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    handle::Shared,
    store::{blobs::Holding, index::HashedFile},
};

/// How often a folder's timestamp is looked at. Folders lie on shared disks and sticks too, where the system
/// tells nobody of a change.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The folders given with `--publish`, and the school's own.
#[derive(Debug, Default, Clone)]
pub(super) struct Folders {
    by_id: BTreeMap<FolderId, Arc<Path>>,
    own: Option<FolderId>,
}

/// Reads metadata of one folder.
pub(super) struct FolderReader {
    folder: Arc<Path>,
    /// Is it the school's own?
    own: bool,
    shared: Arc<Shared>,
}

/// Adds the folders' lesson files to the blob store by reference.
pub(super) struct Importer {
    folders: Vec<Arc<Path>>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
}

impl Folders {
    /// `own` is where the school publishes that this node belongs to; it need not be there yet.
    pub(super) fn new(paths: Vec<PathBuf>, own: PathBuf) -> Self {
        let numbered = (0..).map(FolderId);
        let by_id: BTreeMap<FolderId, Arc<Path>> = numbered
            .zip(paths.into_iter().chain([own]).map(Arc::from))
            .collect();
        Self {
            own: by_id.keys().next_back().copied(),
            by_id,
        }
    }

    pub(super) fn reader(&self, id: FolderId, shared: &Arc<Shared>) -> Option<FolderReader> {
        Some(FolderReader {
            folder: self.by_id.get(&id)?.clone(),
            own: self.own == Some(id),
            shared: shared.clone(),
        })
    }

    /// A metadata file of the first folder that has it; unverified.
    pub(super) fn metadata(&self, publisher: &str, file: &MetaFile) -> Option<Vec<u8>> {
        let name = file.file_name();
        let read = |folder: &Path| match read(folder, &name, MAX_TARGETS_BYTES) {
            Ok(MetaAnswer::Bytes(bytes)) => Some(bytes),
            _ => None,
        };
        let ministrys = |id: &FolderId| publisher == MINISTRY && self.own != Some(*id);
        let folders = self.by_id.iter().filter(|(id, _)| ministrys(id));
        folders.map(|(_, folder)| &**folder).find_map(read)
    }

    /// Looks at each folder's timestamp until the node stops, and says when it is new.
    pub(super) fn watch(
        &self,
        shared: &Arc<Shared>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        for (&folder, path) in &self.by_id {
            let (shared, stop) = (shared.clone(), stop.clone());
            let timestamp = path.join("metadata/timestamp.json");
            tasks.spawn(async move {
                let mut seen = None;
                loop {
                    let looked = tokio::fs::metadata(&timestamp)
                        .await
                        .ok()
                        .map(|found| (found.modified().ok(), found.len()));
                    if looked.is_some() && looked != seen {
                        seen = looked;
                        let _ = shared.inputs.send(Input::FolderChanged { folder });
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                    }
                }
            });
        }
    }

    pub(super) fn importer(&self, shared: &Arc<Shared>, stop: &CancellationToken) -> Importer {
        Importer {
            folders: self.by_id.values().cloned().collect(),
            shared: shared.clone(),
            stop: stop.clone(),
            runtime: tokio::runtime::Handle::current(),
        }
    }
}

impl FolderReader {
    /// Answers as a neighbour would.
    pub(super) fn answer(&self, ask: &MetaAsk, max_bytes: u64) -> Result<MetaAnswer, MetaFailure> {
        match ask {
            MetaAsk::Versions => self.versions(),
            MetaAsk::File { file, .. } => read(&self.folder, &file.file_name(), max_bytes),
        }
    }

    /// The folder's timestamp version, unverified: only a reason to start an update.
    fn versions(&self) -> Result<MetaAnswer, MetaFailure> {
        const MAX_TIMESTAMP_BYTES: u64 = 64 * 1024;
        let MetaAnswer::Bytes(bytes) = read(&self.folder, "timestamp.json", MAX_TIMESTAMP_BYTES)?
        else {
            return Ok(MetaAnswer::Versions(Vec::new()));
        };
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
        let version = parsed
            .ok()
            .and_then(|value| value.get("signed")?.get("version")?.as_u64());
        let version = version
            .ok_or_else(|| MetaFailure::Protocol("timestamp.json has no version".to_owned()))?;
        let publisher = self.publisher()?;
        let versions = publisher.map(|publisher| (publisher, version));
        Ok(MetaAnswer::Versions(versions.into_iter().collect()))
    }

    /// Whose folder it is: the publisher's that the ministry lists with this first root, else the ministry's, which then
    /// has to verify. A school's own waits until the ministry lists it.
    fn publisher(&self) -> Result<Option<PublisherId>, MetaFailure> {
        let ministry = || (!self.own).then(|| MINISTRY.to_owned());
        let MetaAnswer::Bytes(root) = read(&self.folder, "1.root.json", MAX_ROOT_BYTES)? else {
            return Ok(ministry());
        };
        let sha256 = Hashes::of(&root).sha256().unwrap_or_default();
        let mesh = self.shared.mesh();
        let listed = mesh.catalog().publishers().of_first_root(&sha256);
        Ok(listed.map(|entry| entry.id.clone()).or_else(ministry))
    }
}

/// A metadata file of a published folder.
fn read(folder: &Path, name: &str, max_bytes: u64) -> Result<MetaAnswer, MetaFailure> {
    let path = folder.join("metadata").join(name);
    let disk = |error: io::Error| MetaFailure::LocalDisk(format!("{}: {error}", path.display()));
    let open = match File::open(&path) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(MetaAnswer::Absent),
        Err(error) => return Err(disk(error)),
    };
    let mut bytes = Vec::new();
    open.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(disk)?;
    if bytes.len() as u64 > max_bytes {
        return Err(MetaFailure::Protocol(format!(
            "{name} is larger than {max_bytes} bytes"
        )));
    }
    Ok(MetaAnswer::Bytes(bytes))
}

impl Importer {
    /// Seeds every file of `lessons` that lies in one of the folders.
    pub(super) fn import(&self, lessons: &[Arc<Lesson>]) {
        if self.folders.is_empty() {
            return;
        }
        for file in lessons.iter().flat_map(|lesson| lesson.files.iter()) {
            for folder in &self.folders {
                if self.stop.is_cancelled() {
                    return;
                }
                let path = folder.join(published_path(file));
                let Ok(metadata) = fs::metadata(&path) else {
                    continue;
                };
                match self.import_one(&path, &metadata, file) {
                    Ok(()) => break,
                    Err(reason) => {
                        tracing::warn!(file = %path.display(), reason, "a published file is not seeded")
                    }
                }
            }
        }
    }

    fn import_one(
        &self,
        path: &Path,
        metadata: &fs::Metadata,
        file: &LessonFile,
    ) -> Result<(), String> {
        let shared = &self.shared;
        let known = shared.index.hashed_file(path);
        let unchanged = known
            .is_some_and(|known| known.blake3 == file.blake3.0 && known.still_describes(metadata));
        let held = || {
            self.runtime
                .block_on(shared.blobs.state(file.blake3, file.length))
        };
        if !(unchanged && matches!(held(), Ok(Holding::Complete))) {
            let importing = shared
                .blobs
                .import_reference(path, file.blake3, file.length);
            self.runtime
                .block_on(importing)
                .map_err(|error| error.to_string())?;
            shared
                .index
                .set_hashed_file(path, &HashedFile::new(metadata, file.blake3));
        }
        shared.inspections.import(file.blake3);
        Ok(())
    }
}

/// Where a published folder keeps a target (consistent snapshots): `targets/<dir>/<sha256>.<file>`.
fn published_path(file: &LessonFile) -> PathBuf {
    let (dir, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    Path::new("targets")
        .join(dir)
        .join(format!("{}.{name}", hex::encode(file.sha256)))
}
