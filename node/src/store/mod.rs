//! What a node keeps on disk, one module for each kind of promise.

pub mod blobs;
pub(crate) mod closable;
pub mod index;
pub mod lock;
pub mod meta_history;
pub mod records;
pub mod trust;
