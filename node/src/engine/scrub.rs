//! Verifying every stored byte again, and what happens when some are damaged.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use pishtar_catalog::{BlobHash, Catalog};
use pishtar_mesh::{Held, Input};
use serde::{Deserialize, Serialize};

use super::{
    Engine, StartError,
    actions::held,
    restore::{lock, restore_publishers},
};
use crate::{
    handle::Shared,
    store::{
        blobs::{BlobStore, Holding, Pace},
        lock::FolderLock,
        trust::TrustStore,
    },
};

/// How far a scrub is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubStatus {
    /// Whether it is still reading.
    pub running: bool,
    /// Files that were read, of `files`.
    pub files_done: u64,
    /// Files of which anything is held.
    pub files: u64,
    /// Bytes that were read, of `bytes`.
    pub bytes_done: u64,
    /// Bytes that were held when it began.
    pub bytes: u64,
    /// Files that turned out to be damaged.
    pub damaged_files: u64,
    /// Bytes of them that did.
    pub damaged_bytes: u64,
    /// Bytes on this device that are known to be damaged and not repaired yet, whenever they were found.
    pub unrepaired_bytes: u64,
}

/// The scrub of one node; at most one runs.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    status: Mutex<ScrubStatus>,
    read: Arc<AtomicU64>,
}

/// A file to look at: its blob, its signed length, the bytes held of it.
type Job = (BlobHash, u64, u64);

impl Scrub {
    /// Where it is now.
    pub(crate) fn status(&self) -> ScrubStatus {
        ScrubStatus {
            bytes_done: self.read.load(Ordering::Relaxed),
            ..*self.lock()
        }
    }

    /// Claims the place of the one that runs; false when it is taken.
    fn begin(&self, jobs: &[Job]) -> bool {
        let mut status = self.lock();
        if status.running {
            return false;
        }
        self.read.store(0, Ordering::Relaxed);
        *status = ScrubStatus {
            running: true,
            files: jobs.len() as u64,
            bytes: jobs.iter().map(|(_, _, held)| held).sum(),
            ..ScrubStatus::default()
        };
        true
    }

    async fn run(&self, blobs: &BlobStore, jobs: Vec<Job>, bytes_per_second: Option<u64>) {
        let mut pace = Pace::new(bytes_per_second, self.read.clone());
        for (hash, length, _) in jobs {
            let damaged = blobs.verify_again(hash, length, &mut pace).await;
            let mut status = self.lock();
            status.files_done += 1;
            status.damaged_files += u64::from(damaged > 0);
            status.damaged_bytes += damaged;
        }
    }

    fn end(&self) {
        self.lock().running = false;
    }

    fn lock(&self) -> MutexGuard<'_, ScrubStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a scrub of a running node, unless one runs.
pub(crate) fn start(shared: &Arc<Shared>, bytes_per_second: Option<u64>) {
    let jobs: Vec<Job> = {
        let mesh = shared.mesh();
        let files = mesh.catalog().lessons().flat_map(|lesson| &lesson.files);
        let held = files.map(|file| (file.blake3, file.length, mesh.held_bytes(&file.blake3)));
        let mut jobs: Vec<Job> = held.filter(|(_, _, held)| *held > 0).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    };
    if !shared.scrub.begin(&jobs) {
        return;
    }
    let running = shared.clone();
    shared.tasks.spawn(async move {
        let shared = running;
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = shared.scrub.run(&shared.blobs, jobs, bytes_per_second) => {}
        }
        shared.scrub.end();
    });
}

/// How far the scrub of a running node is.
pub(crate) fn status(shared: &Shared) -> ScrubStatus {
    let mesh = shared.mesh();
    let length = |hash: &BlobHash| mesh.catalog().file(hash).map(|(_, file)| file.length);
    ScrubStatus {
        unrepaired_bytes: shared.blobs.damaged(length).values().sum(),
        ..shared.scrub.status()
    }
}

/// Scrubs the folder of a node that does not run. What is damaged is marked: the node fetches it again.
/// `report` is called about twice a second.
///
/// # Errors
/// When the folder is no node's or a node runs on it.
pub(crate) async fn alone(
    data: &Path,
    bytes_per_second: Option<u64>,
    mut report: impl FnMut(&ScrubStatus),
) -> Result<ScrubStatus, StartError> {
    let opened = open_store(data).await?;
    let catalog = &opened.catalog;
    let length = |hash: &BlobHash| catalog.file(hash).map(|(_, file)| file.length);
    let states = opened.blobs.states(length).await;
    let states = states.map_err(|error| opened.failed(&error))?;
    let job = |(hash, holding): (BlobHash, Holding)| {
        let length = length(&hash)?;
        let held = match holding {
            Holding::Absent => return None,
            Holding::Partial(ranges) => ranges.iter().map(|range| range.end - range.start).sum(),
            Holding::Complete => length,
        };
        Some((hash, length, held))
    };
    let jobs: Vec<Job> = states.into_iter().filter_map(job).collect();
    let scrub = Scrub::default();
    scrub.begin(&jobs);
    {
        let mut run = std::pin::pin!(scrub.run(&opened.blobs, jobs, bytes_per_second));
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(500));
        loop {
            tokio::select! {
                () = &mut run => break,
                _ = tick.tick() => report(&scrub.status()),
            }
        }
    }
    scrub.end();
    let unrepaired_bytes = opened.blobs.damaged(length).values().sum();
    opened.close().await?;
    Ok(ScrubStatus {
        unrepaired_bytes,
        ..scrub.status()
    })
}

/// The lesson store of a node that does not run, with the catalogue that names its files.
struct OpenedStore {
    _lock: FolderLock,
    folder: PathBuf,
    catalog: Catalog,
    blobs: BlobStore,
}

/// Opens only what it takes to look at stored lessons.
async fn open_store(data: &Path) -> Result<OpenedStore, StartError> {
    let not_there = |cause| StartError::Folder {
        path: data.to_owned(),
        cause,
    };
    let data = fs::canonicalize(data).map_err(not_there)?;
    let lock = lock(&data)?;
    let trust = TrustStore::open(data.join("trust"))?;
    let catalog = restore_publishers(&trust, &data)?.catalog;
    let folder = data.join("blobs");
    let blobs = BlobStore::open(&folder).await;
    let blobs = blobs.map_err(|error| StartError::Store {
        store: "lesson",
        folder: folder.clone(),
        cause: error.to_string(),
    })?;
    Ok(OpenedStore {
        _lock: lock,
        folder,
        catalog,
        blobs,
    })
}

impl OpenedStore {
    fn failed(&self, error: &impl ToString) -> StartError {
        StartError::Store {
            store: "lesson",
            folder: self.folder.clone(),
            cause: error.to_string(),
        }
    }

    async fn close(self) -> Result<(), StartError> {
        let closed = self.blobs.shutdown().await;
        closed.map_err(|error| self.failed(&error))
    }
}

impl Engine {
    /// Tells the core of stored bytes that turned out to be damaged, whoever read them.
    pub(super) fn watch_damage(&self) {
        let Some(mut reports) = self.shared.blobs.damage_reports() else {
            return;
        };
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                let hash = tokio::select! {
                    () = stop.cancelled() => return,
                    hash = reports.recv() => hash,
                };
                let Some(hash) = hash else { return };
                let length = shared
                    .mesh()
                    .catalog()
                    .file(&hash)
                    .map(|(_, file)| file.length);
                let Some(length) = length else { continue };
                let held = match shared.blobs.repairable(hash, length).await {
                    // Repaired before anybody looked.
                    Some(Holding::Complete) => continue,
                    Some(good) => held(good),
                    None => Held::Absent,
                };
                let _ = shared.inputs.send(Input::BlobDamaged { hash, held });
            }
        });
    }
}
