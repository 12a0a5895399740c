//! What every part of the mesh shares while it handles one input: outputs, ids, chance, events.

use std::{collections::VecDeque, time::Duration};

use pishtar_catalog::Catalog;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    config::Config,
    event::{Event, EventRing},
    ids::{Mono, Now, RequestId},
    io::Output,
    ledger::Ledger,
};

/// Outputs not yet taken, the request counter, the seeded chance, the last events.
#[derive(Debug)]
pub(crate) struct Desk {
    outputs: VecDeque<Output>,
    next_request: u64,
    rng: ChaCha8Rng,
    events: EventRing,
}

/// The surroundings of one input.
pub(crate) struct Cx<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    pub(crate) desk: &'a mut Desk,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) catalog: &'a Catalog,
}

impl Desk {
    pub(crate) fn new(config: &Config) -> Self {
        Desk {
            outputs: VecDeque::new(),
            next_request: 1,
            rng: ChaCha8Rng::from_seed(config.seed),
            events: EventRing::new(config.event_ring),
        }
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn request(&mut self) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        id
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A duration around `middle`, between three and five quarters of it.
    pub(crate) fn jitter(&mut self, middle: Duration) -> Duration {
        let share = (self.random() % 512) as u32;
        middle * (768 + share) / 1024
    }

    pub(crate) fn events(&self) -> &EventRing {
        &self.events
    }
}

impl Cx<'_> {
    /// The monotonic time of this input.
    pub(crate) fn mono(&self) -> Mono {
        self.now.mono
    }

    /// Tells people, and remembers it for `why`.
    pub(crate) fn tell(&mut self, event: Event) {
        self.desk.events.push(self.now.wall, event.clone());
        self.desk.push(Output::Event(event));
    }

    /// Path of a blob in the catalogue, for people.
    pub(crate) fn path_of(&self, hash: &pishtar_catalog::BlobHash) -> String {
        let file = self.catalog.file(hash);
        file.map_or_else(|| hex::encode(hash.0), |(_, file)| file.path.to_string())
    }
}

/// `first` doubled with every failure after the first, at most `most`.
pub(crate) fn doubled(first: Duration, failures: u32, most: Duration) -> Duration {
    first
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(most)
}

/// Spreads neighbouring numbers apart (the finalizer of SplitMix64).
pub(crate) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
