//! Packs files for askers, each once: thirty devices that ask for one file cost one compression.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OnceCell, Semaphore};

use super::packing::{self, Packed};

/// Packed files kept, in bytes: a country's catalogue is 6 MB. Lower: a class that synchronises at once makes the same
/// work anew for everyone; higher: memory that nobody may need again.
const MAX_KEPT_BYTES: usize = 8 << 20;
/// Files packed at the same time; each takes a thread and some megabytes.
const MAX_AT_ONCE: usize = 2;

/// Which file against which version of it: by their BLAKE3, so that an entry is never wrong.
type Key = ([u8; 32], Option<(u64, [u8; 32])>);
type Slot = Arc<OnceCell<Arc<Packed>>>;

/// The packer of one node.
///
/// Always true: `bytes` is the sum of the packed lengths of the entries in `order`, and at most `MAX_KEPT_BYTES`
/// once an insertion ended; entries that are being made are in `slots` alone.
#[derive(Debug)]
pub struct Packer {
    kept: Mutex<Kept>,
    places: Semaphore,
}

#[derive(Debug, Default)]
struct Kept {
    slots: BTreeMap<Key, Slot>,
    order: VecDeque<(Key, usize)>,
    bytes: usize,
    /// How often a file was packed, for tests.
    #[cfg(test)]
    packed: usize,
}

impl Default for Packer {
    fn default() -> Packer {
        Packer {
            kept: Mutex::default(),
            places: Semaphore::new(MAX_AT_ONCE),
        }
    }
}

impl Packer {
    /// `file` packed, against `base` where it is given with its version. Compresses on a thread of its own.
    ///
    /// # Errors
    /// When zstd has no memory.
    pub async fn pack(
        &self,
        file: Vec<u8>,
        base: Option<(u64, Vec<u8>)>,
    ) -> io::Result<Arc<Packed>> {
        let key = key(&file, base.as_ref());
        let slot = self.kept().slots.entry(key).or_default().clone();
        let made = slot
            .get_or_try_init(async || {
                let _place = self.places.acquire().await.map_err(io::Error::other)?;
                let packing = tokio::task::spawn_blocking(move || {
                    let base = base
                        .as_ref()
                        .map(|(version, base)| (*version, base.as_slice()));
                    packing::pack(file, base)
                });
                let packed = Arc::new(packing.await.map_err(io::Error::other)??);
                self.kept().keep(key, packed.packed.len());
                Ok(packed)
            })
            .await;
        if made.is_err() {
            self.kept().slots.remove(&key);
        }
        made.cloned()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic between two lines of `keep` could at worst miscount; nothing is served wrongly.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Counts a finished entry, and forgets the oldest beyond the bound.
    fn keep(&mut self, key: Key, bytes: usize) {
        #[cfg(test)]
        {
            self.packed += 1;
        }
        self.order.push_back((key, bytes));
        self.bytes += bytes;
        while self.bytes > MAX_KEPT_BYTES
            && let Some((oldest, bytes)) = self.order.pop_front()
        {
            self.bytes -= bytes;
            self.slots.remove(&oldest);
        }
    }
}

fn key(file: &[u8], base: Option<&(u64, Vec<u8>)>) -> Key {
    let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    (
        hash(file),
        base.map(|(version, base)| (*version, hash(base))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::sample;

    #[tokio::test]
    async fn a_class_that_asks_at_once_costs_one_compression() {
        let packer = Packer::default();
        let file = b"lesson ".repeat(20_000);
        let asking = (0..30).map(|_| packer.pack(file.clone(), None));
        let answers = futures::future::join_all(asking).await;
        let first = answers[0].as_ref().expect("packed");
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().is_ok_and(|packed| packed == first))
        );
        assert_eq!(packer.kept().packed, 1);
        packer
            .pack(file.clone(), Some((1, file.clone())))
            .await
            .expect("packed");
        assert_eq!(packer.kept().packed, 2, "against a base it is another one");
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_and_the_oldest_goes() {
        let packer = Packer::default();
        let large = |first: u8| {
            let mut file = sample(3 << 20);
            file[0] = first;
            file
        };
        for first in 0..4 {
            packer.pack(large(first), None).await.expect("packed");
        }
        let (kept, count) = {
            let kept = packer.kept();
            (kept.bytes, kept.slots.len())
        };
        assert_eq!((kept, count), (2 * (3 << 20), 2));
        packer.pack(large(3), None).await.expect("packed");
        assert_eq!(packer.kept().packed, 4, "the newest is still there");
    }
}
