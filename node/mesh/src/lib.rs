//! The sans-IO heart of a node: peers, catalogue sync, fetch planning, record exchange.
//!
//! [`Mesh`] decides, the shell acts: `handle(now, input)`, then `poll_output()` until it is empty,
//! then wait for the next input or `next_deadline()`. Time and chance are arguments and
//! collections are ordered, so that one seed gives one history.

mod catalog_sync;
mod choices;
mod config;
mod desk;
mod event;
mod eviction;
mod exchange;
mod fetch;
mod holdings;
mod ids;
mod inventory;
mod io;
pub mod learner;
mod ledger;
mod mesh;
mod meter;
mod peers;
pub mod people;
pub mod ranges;
pub mod records;
mod spread;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod why;
pub mod wire;

pub use self::{
    catalog_sync::{Checked, PublisherView},
    choices::Choices,
    config::{
        Config, GROUP_BYTES, MAX_BATCH_BYTES, MAX_BATCH_FILES, MAX_QUERY_HASHES, SMALL_FILE_BYTES,
    },
    event::Event,
    eviction::Need,
    fetch::Removal,
    ids::{
        Attachment, DemandId, FolderId, MAX_PUBLISHER_ID_BYTES, MAX_ROLE_NAME_BYTES, Mono, NodeId,
        Now, PublisherId, RequestId, Source, UnixSeconds, is_publisher_id,
    },
    io::{
        ExchangeStats, FetchFailure, Held, Hint, HoldingsFailure, Input, MetaAnswer, MetaAsk,
        MetaFailure, Output, Priority, Restored, WantedFile, first_needed,
    },
    ledger::{Account, Fault, FaultKind, PauseReason},
    mesh::{Counts, LessonState, Mesh},
    spread::{Ask, Give},
    why::Sentence,
};
