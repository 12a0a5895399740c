//! Removing blobs.
//!
//! iroh-blobs 0.104 deletes only in its garbage collector, which runs on a timer, asks what to
//! protect, and sweeps everything else, also what was begun since it asked (n0-computer/iroh-blobs
//! issue 247). So: the collector does nothing except when a removal is planned, the plan protects
//! all other blobs, and from the moment the collector takes the plan until the sweep has ended no
//! new blob may be begun.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use iroh_blobs::{
    Hash,
    store::{GcConfig, ProtectOutcome},
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, watch},
    time,
};

use super::{BlobError, BlobStore, settle};

/// How often the collector looks for a plan.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long a removal may take, users of the blobs included.
const DEADLINE: Duration = Duration::from_secs(30);

/// Always true: while a plan is being swept the gate is held for writing, so that nothing outside
/// the plan's `keep` comes into being.
#[derive(Default)]
pub(super) struct Remover {
    gate: Arc<RwLock<()>>,
    plan: Mutex<Plan>,
    /// One removal at a time.
    removing: AsyncMutex<()>,
    /// What is to be removed: who waits for bytes of it lets go meanwhile.
    leaving: watch::Sender<HashSet<Hash>>,
}

#[derive(Default)]
enum Plan {
    #[default]
    None,
    /// Wait for the collector, with the blobs to keep.
    Made(HashSet<Hash>),
    /// The collector sweeps.
    Taken(#[expect(dead_code, reason = "held for its drop")] OwnedRwLockWriteGuard<()>),
}

impl Remover {
    /// To be awaited before a blob is begun, and held until it is listed or has a hold: only then
    /// does a removal that is planned meanwhile know of it.
    pub(super) async fn starting(&self, hash: Hash) -> OwnedRwLockReadGuard<()> {
        self.starting_all(&[hash]).await
    }

    /// The same for blobs that are begun together.
    pub(super) async fn starting_all(&self, hashes: &[Hash]) -> OwnedRwLockReadGuard<()> {
        let gate = self.gate.clone().read_owned().await;
        if let Plan::Made(keep) = &mut *self.plan() {
            keep.extend(hashes);
        }
        gate
    }

    /// Waits until this blob is to be removed.
    pub(super) async fn leaves(&self, hash: &Hash) {
        // The sender lives as long as this.
        let _ = self
            .leaving
            .subscribe()
            .wait_for(|all| all.contains(hash))
            .await;
    }

    /// Waits until this blob is not being removed.
    pub(super) async fn stays(&self, hash: &Hash) {
        let _ = self
            .leaving
            .subscribe()
            .wait_for(|all| !all.contains(hash))
            .await;
    }

    pub(super) fn gc_config(self: Arc<Remover>) -> GcConfig {
        GcConfig {
            interval: INTERVAL,
            add_protected: Some(Arc::new(move |live| {
                let outcome = self.take_plan(live);
                Box::pin(std::future::ready(outcome))
            })),
        }
    }

    fn take_plan(&self, live: &mut HashSet<Hash>) -> ProtectOutcome {
        // A blob is being begun: look again at the next turn.
        let Ok(gate) = self.gate.clone().try_write_owned() else {
            return ProtectOutcome::Abort;
        };
        let mut plan = self.plan();
        match std::mem::take(&mut *plan) {
            Plan::Made(keep) => {
                live.extend(keep);
                *plan = Plan::Taken(gate);
                ProtectOutcome::Continue
            }
            other => {
                *plan = other;
                ProtectOutcome::Abort
            }
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Remover {
    /// Has a plan been made, or does one wait for what is being begun?
    pub(super) fn is_planning(&self) -> bool {
        matches!(*self.plan(), Plan::Made(_)) || self.gate.try_read().is_err()
    }
}

/// Withdraws the plan when the removal ends in whichever way.
struct PlanGuard<'a>(&'a Remover);

impl Drop for PlanGuard<'_> {
    fn drop(&mut self) {
        *self.0.plan() = Plan::None;
        self.0.leaving.send_modify(HashSet::clear);
    }
}

impl BlobStore {
    /// Removes those of these blobs that nobody uses, and waits for one when all are in use. Gives
    /// those that are gone.
    pub(super) async fn remove_hashes(&self, hashes: Vec<Hash>) -> Result<Vec<Hash>, BlobError> {
        let store = self.clone();
        // Not tied to the caller: a sweep must be seen to its end.
        let removal = tokio::spawn(async move { store.remove_in_turn(&hashes).await });
        removal.await.map_err(BlobError::store)?
    }

    async fn remove_in_turn(&self, hashes: &[Hash]) -> Result<Vec<Hash>, BlobError> {
        let remover = &self.inner.remover;
        let _turn = remover.removing.lock().await;
        let _withdraw = PlanGuard(remover);
        remover.leaving.send_modify(|all| all.extend(hashes));
        let removal = async {
            let hashes = self.unused(hashes).await;
            self.make_plan(&hashes).await?;
            loop {
                time::sleep(INTERVAL / 5).await;
                let listed = self.listed().await?;
                if !hashes.iter().any(|hash| listed.contains(hash)) {
                    break;
                }
            }
            // Still under the gate, so that none of them is being fetched again.
            let gone = hashes.clone();
            let drop_all =
                move |data: &Path| gone.iter().try_for_each(|h| settle::drop_all(data, h));
            self.with_files(drop_all).await?;
            hashes
                .iter()
                .for_each(|hash| self.inner.damage.forget(hash));
            Ok(hashes)
        };
        let removed = time::timeout(DEADLINE, removal).await;
        removed.unwrap_or_else(|_| Err(BlobError::Store("a file stayed in use".to_owned())))
    }

    /// Those whose entries sleep by now; at least one.
    async fn unused(&self, hashes: &[Hash]) -> Vec<Hash> {
        loop {
            let released = |hash: &&Hash| self.inner.holds.release(hash);
            let free: Vec<Hash> = hashes.iter().filter(released).copied().collect();
            if !free.is_empty() || hashes.is_empty() {
                return free;
            }
            time::sleep(INTERVAL).await;
        }
    }

    /// Under the gate: what was begun before is known by then, what begins later enters itself.
    async fn make_plan(&self, hashes: &[Hash]) -> Result<(), BlobError> {
        let remover = &self.inner.remover;
        let _gate = remover.gate.write().await;
        let mut keep = self.listed().await?;
        // Blobs may have been begun that are not listed yet.
        keep.extend(self.inner.holds.hashes());
        for hash in hashes {
            keep.remove(hash);
        }
        *remover.plan() = Plan::Made(keep);
        Ok(())
    }

    async fn listed(&self) -> Result<HashSet<Hash>, BlobError> {
        let listed = self.fs().list().hashes().await.map_err(BlobError::store)?;
        Ok(listed.into_iter().collect())
    }
}
