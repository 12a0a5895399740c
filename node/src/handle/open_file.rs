//! One lesson file, readable while it arrives.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::Stream;
use pishtar_catalog::BlobHash;
use pishtar_mesh::{DemandId, Input, Priority};
use tokio::sync::mpsc;

use crate::store::blobs::{BlobStore, chunk_ranges};

/// Bytes read and sent in one step at most: large enough to hash at full speed. Of what is still arriving a step takes
/// what is there.
const STEP_BYTES: u64 = 256 * 1024;
/// How far ahead of the reader bytes are asked for first: about twenty seconds of a 100 MB, 45-minute lesson, and
/// enough ranges to keep several neighbours busy.
const WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// What is asked for at the start of a file whose index lies at its end, until that has come: a player reads on
/// only then.
const BEFORE_INDEX_BYTES: u64 = 128 * 1024;

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
    /// Bytes at the end that a player needs before it can start, as signed, and who asks for them.
    pub(super) tail: (u64, DemandId),
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
    fn new(id: DemandId, hash: BlobHash, inputs: mpsc::UnboundedSender<Input>) -> Demand {
        Demand {
            id,
            hash,
            window: 0..0,
            inputs,
        }
    }

    /// Whether the planner was ever told: a file that is held needs no demand.
    fn is_open(&self) -> bool {
        self.window.end > 0
    }

    /// Tells the planner of a window.
    fn ask(&mut self, window: Range<u64>) {
        self.window = window;
        let _ = self.inputs.send(Input::Demand {
            id: self.id,
            hash: self.hash,
            window: self.window.clone(),
            priority: Priority::Playback,
        });
    }

    /// Has the reader come so far that the planner should know?
    fn is_behind(&self, position: u64) -> bool {
        let half = (self.window.end - self.window.start) / 2;
        !self.window.contains(&position) || position - self.window.start >= half
    }

    /// The same for a reader that waits and has nothing ahead.
    fn is_behind_waiting(&self, position: u64) -> bool {
        !self.window.contains(&position) || position - self.window.start >= STEP_BYTES
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
        let tail_start = self.length.saturating_sub(self.tail.0);
        let reader = Reader {
            blobs: self.blobs,
            demand: Demand::new(self.demand, self.hash, self.inputs.clone()),
            tail: (range.start < tail_start && tail_start < self.length).then(|| {
                let demand = Demand::new(self.tail.1, self.hash, self.inputs);
                (demand, tail_start..self.length)
            }),
            length: self.length,
            end: range.end,
        };
        futures::stream::try_unfold((range.start, reader), |(position, mut reader)| async move {
            let Some(step) = reader.step(position) else {
                return Ok(None);
            };
            let bytes = reader.read(step).await?;
            let position = position + bytes.len() as u64;
            Ok(Some((bytes, (position, reader))))
        })
    }
}

/// One reader of one file.
struct Reader {
    blobs: BlobStore,
    demand: Demand,
    /// The index at the end of the file, as long as it is not held.
    tail: Option<(Demand, Range<u64>)>,
    length: u64,
    end: u64,
}

impl Reader {
    /// The next bytes to send at most. Steps end on multiples of their own size, so that each reads whole chunk groups.
    fn step(&self, position: u64) -> Option<Range<u64>> {
        let end = ((position / STEP_BYTES + 1) * STEP_BYTES).min(self.end);
        (position < end).then_some(position..end)
    }

    /// Waits for the first bytes that are still on their way. What turns out to be damaged is fetched again, and waited for.
    async fn read(&mut self, step: Range<u64>) -> io::Result<Bytes> {
        let hash = self.demand.hash;
        for attempt in 1.. {
            let step = self.arrived(&step).await;
            match self
                .blobs
                .read_to_vec(hash, self.length, step.clone())
                .await
            {
                Ok(bytes) => return Ok(bytes.into()),
                Err(error) if attempt >= MAX_ATTEMPTS => return Err(error),
                Err(error) => {
                    let chunks = chunk_ranges(&step, self.length);
                    // It is noted by now: the next look does not find it held.
                    if !self.blobs.is_damaged(hash, &chunks) {
                        return Err(error);
                    }
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    /// What of a step is held, from its start on; waits until that is something.
    async fn arrived(&mut self, step: &Range<u64>) -> Range<u64> {
        let hash = self.demand.hash;
        loop {
            let end = self.blobs.held_to(hash, self.length, step).await;
            if end > step.start {
                if (end < step.end || self.demand.is_open()) && self.demand.is_behind(step.start) {
                    self.ask_from(step.start).await;
                }
                return step.start..end;
            }
            if self.demand.is_behind_waiting(step.start) {
                self.ask_from(step.start).await;
            }
            let first = step.start..step.start + 1;
            self.blobs.wait_for(hash, self.length, &first).await;
        }
    }

    /// Moves the window to here. As long as the index at the end lacks, that comes first.
    async fn ask_from(&mut self, position: u64) {
        let mut bytes = WINDOW_BYTES;
        if let Some((_, range)) = &self.tail {
            let hash = self.demand.hash;
            let held = self.blobs.held_to(hash, self.length, range).await;
            if held == range.end {
                self.tail = None;
            }
        }
        if let Some((index, range)) = &mut self.tail {
            bytes = BEFORE_INDEX_BYTES;
            if !index.is_open() {
                index.ask(range.clone());
            }
        }
        self.demand.ask(position..self.end.min(position + bytes));
    }
}
