//! One lesson file, readable while it arrives.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::Stream;
use pishtar_catalog::BlobHash;
use pishtar_mesh::{DemandId, Input, Priority};
use tokio::sync::mpsc;

use crate::store::blobs::{BlobStore, chunk_ranges};

/// Bytes read and sent in one step: large enough to hash at full speed, small enough that a learner's first
/// picture does not wait.
const STEP_BYTES: u64 = 256 * 1024;
/// How far ahead of the reader bytes are asked for first: about twenty seconds of a 100 MB, 45-minute lesson, and
/// enough ranges to keep several neighbours busy.
const WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// Times that one step is fetched again because it turned out to be damaged; then the disk is past help.
const MAX_ATTEMPTS: u32 = 64;

/// A file that a trusted catalogue names, open for reading.
#[derive(Clone)]
pub struct OpenFile {
    pub(super) hash: BlobHash,
    /// Bytes, as signed.
    pub length: u64,
    /// Media type, as signed.
    pub media_type: Arc<str>,
    pub(super) blobs: BlobStore,
    pub(super) inputs: mpsc::UnboundedSender<Input>,
    pub(super) demand: DemandId,
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// A demand that ends with the reader.
struct Demand {
    id: DemandId,
    hash: BlobHash,
    window: Range<u64>,
    inputs: mpsc::UnboundedSender<Input>,
}

impl Demand {
    /// Whether the planner was ever told: a file that is held needs no demand.
    fn is_open(&self) -> bool {
        self.window.end > 0
    }

    /// Tells the planner where the reader is, at most once for each half window.
    fn move_to(&mut self, position: u64, end: u64) {
        if self.window.contains(&position) && position - self.window.start < WINDOW_BYTES / 2 {
            return;
        }
        self.window = position..end.min(position + WINDOW_BYTES);
        let _ = self.inputs.send(Input::Demand {
            id: self.id,
            hash: self.hash,
            window: self.window.clone(),
            priority: Priority::Playback,
        });
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        if !self.is_open() {
            return;
        }
        let _ = self.inputs.send(Input::DropDemand { id: self.id });
    }
}

impl OpenFile {
    /// Verified bytes of `range` in order, waiting for those that are still on their way.
    ///
    /// `range` is in bytes and must lie inside `0..length`. The stream ends early with an error where the disk
    /// fails or the file is withdrawn. Dropping it frees the demand.
    pub fn stream(
        self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let demand = Demand {
            id: self.demand,
            hash: self.hash,
            window: 0..0,
            inputs: self.inputs,
        };
        let reader = Reader {
            blobs: self.blobs,
            demand,
            length: self.length,
            end: range.end,
        };
        futures::stream::try_unfold((range.start, reader), |(position, mut reader)| async move {
            let Some(step) = reader.step(position) else {
                return Ok(None);
            };
            let end = step.end;
            let bytes = reader.read(step).await?;
            Ok(Some((bytes, (end, reader))))
        })
    }
}

/// One reader of one file.
struct Reader {
    blobs: BlobStore,
    demand: Demand,
    length: u64,
    end: u64,
}

impl Reader {
    /// The next bytes to send. Steps end on multiples of their own size, so that each reads whole chunk groups.
    fn step(&self, position: u64) -> Option<Range<u64>> {
        let end = ((position / STEP_BYTES + 1) * STEP_BYTES).min(self.end);
        (position < end).then_some(position..end)
    }

    /// Waits for what is still on its way. What turns out to be damaged is fetched again, and waited for.
    async fn read(&mut self, step: Range<u64>) -> io::Result<Bytes> {
        let hash = self.demand.hash;
        let chunks = chunk_ranges(&step, self.length);
        for attempt in 1.. {
            let held = self.blobs.holds_chunks(hash, &chunks).await;
            if !held || self.demand.is_open() {
                self.demand.move_to(step.start, self.end);
            }
            if !held {
                self.blobs.wait_for(hash, self.length, &step).await;
            }
            match self
                .blobs
                .read_to_vec(hash, self.length, step.clone())
                .await
            {
                Ok(bytes) => return Ok(bytes.into()),
                Err(error) if attempt >= MAX_ATTEMPTS => return Err(error),
                Err(error) if !self.blobs.is_damaged(hash, &chunks) => return Err(error),
                // It is noted by now: the next look does not find it held.
                Err(_) => {}
            }
        }
        unreachable!("the last attempt returns")
    }
}
