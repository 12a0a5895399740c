//! The sans-IO heart of a node: peers, catalogue sync, fetch planning, record exchange.

mod config;
mod event;
mod ids;
mod io;
pub mod learner;
mod meta_file;
pub mod records;
pub mod wire;

pub use self::{
    config::{Config, GROUP_BYTES, MAX_QUERY_HASHES},
    event::Event,
    ids::{
        DemandId, FolderId, MAX_PUBLISHER_ID_BYTES, MAX_ROLE_NAME_BYTES, Mono, NodeId, Now,
        PublisherId, RequestId, Source, UnixSeconds, is_publisher_id,
    },
    io::{
        ExchangeStats, FetchFailure, Held, Hint, Input, MetaAnswer, MetaAsk, MetaFailure, Output,
        Priority, first_needed,
    },
    meta_file::{MetaFile, MetaRole},
};
