//! The disk: what it has left for lessons, and blobs that leave it.

use std::{io, path::Path, sync::Arc, time::Duration};

use pishtar_catalog::BlobHash;
use pishtar_mesh::Input;
use tokio::sync::mpsc;

use super::Engine;
use crate::handle::Shared;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Changes below this are not worth telling, unless the disk gets full or has space again.
const WORTH_TELLING_BYTES: u64 = 8 << 20;
/// Most that is left for records, metadata and everybody else: learners' records are the only copy.
const MAX_RESERVE_BYTES: u64 = 256 << 20;
/// Of a small disk this part is left.
const RESERVE_PART: u64 = 16;
/// How long after a removal that failed the next one is tried.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Bytes that lessons may still take on the disk of `folder`; everything else keeps a reserve.
///
/// # Errors
/// What the system says of that file system.
pub(crate) fn left_for_lessons(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    let reserve = (disk.f_blocks * disk.f_frsize / RESERVE_PART).min(MAX_RESERVE_BYTES);
    Ok((disk.f_bavail * disk.f_frsize).saturating_sub(reserve))
}

impl Engine {
    /// Tells the core whenever the disk has notably more or less room.
    pub(super) fn watch_disk(&self) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let mut told = None;
            loop {
                let left = look(&shared).await;
                let news = match (told, left) {
                    (Some(Some(old)), Some(new)) => {
                        (old == 0) != (new == 0) || u64::abs_diff(old, new) > WORTH_TELLING_BYTES
                    }
                    (Some(old), new) => old != new,
                    (None, _) => true,
                };
                if news {
                    told = Some(left);
                    let _ = shared.inputs.send(Input::DiskRoom(left));
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        });
    }

    /// Starts the worker that removes blobs, as many at a time as are waiting, until each is gone.
    pub(super) fn keep_removing(&self, mut removals: mpsc::UnboundedReceiver<BlobHash>) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let work = async {
                let mut waiting = Vec::new();
                loop {
                    if waiting.is_empty() {
                        let Some(hash) = removals.recv().await else {
                            return;
                        };
                        waiting.push(hash);
                    }
                    while let Ok(hash) = removals.try_recv() {
                        waiting.push(hash);
                    }
                    remove(&shared, &mut waiting).await;
                }
            };
            // What is left behind is removed at the next start, or is whole and wanted again by then.
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }
}

async fn look(shared: &Arc<Shared>) -> Option<u64> {
    let folder = shared.data.clone();
    let left = tokio::task::spawn_blocking(move || left_for_lessons(&folder)).await;
    left.ok()?.ok()
}

/// Removes what it can of `waiting` and tells the core of each.
async fn remove(shared: &Shared, waiting: &mut Vec<BlobHash>) {
    {
        let mesh = shared.mesh();
        // A published folder has it now.
        waiting.retain(|hash| mesh.is_leaving(hash));
    }
    if waiting.is_empty() {
        return;
    }
    match shared.blobs.remove(waiting).await {
        Ok(gone) => {
            waiting.retain(|hash| !gone.contains(hash));
            for hash in gone {
                let _ = shared.inputs.send(Input::BlobRemoved { hash });
            }
        }
        Err(error) => {
            tracing::warn!(%error, "a file was not removed; it is no longer shown or served, and removing it is tried again");
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }
}
