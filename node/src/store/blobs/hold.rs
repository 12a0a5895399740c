//! Keeping the store's entry of a blob awake while it is in use.
//!
//! When the last user of a partial blob's entry leaves, the store writes it out with five fsyncs. A
//! hold keeps one observer on the entry from the first use until a while after the last, so that a
//! download of a thousand ranges costs one such write-out and not a thousand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use iroh_blobs::{Hash, api::blobs::Bitfield, store::fs::FsStore};
use tokio::{sync::watch, task::JoinHandle};

/// How long an entry stays awake after its last use.
const LINGER: Duration = Duration::from_secs(30);
/// Entries kept awake without a user at most; each holds up to three open files.
const MAX_LINGERING: usize = 64;

/// A blob's entry, awake as long as this lives, and what it holds.
pub(super) struct Hold {
    bits: watch::Receiver<Option<Bitfield>>,
    observer: JoinHandle<()>,
    in_index: AtomicBool,
    settled: AtomicBool,
}

impl Hold {
    fn start(store: &FsStore, hash: Hash) -> Hold {
        let (tx, bits) = watch::channel(None);
        let observe = store.observe(hash);
        let observer = tokio::spawn(async move {
            let Ok(stream) = observe.stream().await else {
                return;
            };
            let mut stream = std::pin::pin!(stream);
            while let Some(bitfield) = stream.next().await {
                // Without a receiver the hold is gone and this task is about to be aborted.
                drop(tx.send(Some(bitfield)));
            }
        });
        Hold {
            bits,
            observer,
            in_index: AtomicBool::new(false),
            settled: AtomicBool::new(false),
        }
    }

    /// Waits until what is held is `enough`, and gives it; `None` when the entry cannot be read.
    pub(super) async fn wait_until(
        &self,
        mut enough: impl FnMut(&Bitfield) -> bool,
    ) -> Option<Bitfield> {
        let mut bits = self.bits.clone();
        let found = bits
            .wait_for(|bits| bits.as_ref().is_some_and(&mut enough))
            .await;
        found.ok().and_then(|bits| bits.clone())
    }

    /// True exactly once: the caller makes the entry survive a kill.
    pub(super) fn must_enter_index(&self) -> bool {
        !self.in_index.swap(true, Ordering::AcqRel)
    }

    /// True exactly once: the caller makes the complete blob survive a power cut.
    pub(super) fn must_settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    fn is_broken(&self) -> bool {
        self.observer.is_finished()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.observer.abort();
    }
}

/// The entries that are awake.
#[derive(Default)]
pub(super) struct Holds {
    awake: Mutex<BTreeMap<Hash, (Arc<Hold>, Instant)>>,
}

impl Holds {
    /// Wakes the entry, or finds it awake.
    pub(super) fn take(&self, store: &FsStore, hash: Hash) -> Arc<Hold> {
        let now = Instant::now();
        let mut awake = self.awake.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((hold, used)) = awake.get_mut(&hash)
            && !hold.is_broken()
        {
            *used = now;
            return hold.clone();
        }
        let hold = Arc::new(Hold::start(store, hash));
        awake.insert(hash, (hold.clone(), now));
        if awake.len() > MAX_LINGERING {
            let unused = awake
                .iter()
                .filter(|(_, (hold, _))| Arc::strong_count(hold) == 1);
            let oldest = unused
                .min_by_key(|(_, (_, used))| *used)
                .map(|(hash, _)| *hash);
            if let Some(oldest) = oldest {
                awake.remove(&oldest);
            }
        }
        hold
    }

    /// Lets entries sleep that nobody used for a while.
    pub(super) fn tidy(&self) {
        let now = Instant::now();
        let mut awake = self.awake.lock().unwrap_or_else(PoisonError::into_inner);
        awake.retain(|_, (hold, used)| {
            Arc::strong_count(hold) > 1 || now.duration_since(*used) < LINGER
        });
    }

    /// Lets one entry sleep as soon as its users have left; false while there are users.
    pub(super) fn release(&self, hash: &Hash) -> bool {
        let mut awake = self.awake.lock().unwrap_or_else(PoisonError::into_inner);
        match awake.get(hash) {
            Some((hold, _)) if Arc::strong_count(hold) > 1 => false,
            Some(_) => {
                awake.remove(hash);
                true
            }
            None => true,
        }
    }

    /// Lets every entry sleep as soon as its users have left.
    pub(super) fn release_all(&self) {
        let mut awake = self.awake.lock().unwrap_or_else(PoisonError::into_inner);
        awake.clear();
    }

    /// The blobs that are in use or were a moment ago.
    pub(super) fn hashes(&self) -> Vec<Hash> {
        let awake = self.awake.lock().unwrap_or_else(PoisonError::into_inner);
        awake.keys().copied().collect()
    }
}

/// Calls [`Holds::tidy`] until aborted.
pub(super) async fn keep_tidy(holds: Arc<Holds>) {
    let mut tick = tokio::time::interval(LINGER / 3);
    loop {
        tick.tick().await;
        holds.tidy();
    }
}
