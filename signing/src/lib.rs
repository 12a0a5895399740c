//! Every use of a signing or sealing key: TUF metadata and client workflow, repository side, sealed records.
//!
//! Nothing here opens a file, reads a clock or draws a random number: bytes, time and seeds are arguments.

pub mod ack;
pub mod canonical;
pub mod client;
pub mod key;
pub mod locked;
pub mod metadata;
pub mod people;
pub mod record;
pub mod repository;
pub mod rest;

#[cfg(test)]
mod fixture;

/// Seconds since 1970-01-01T00:00:00Z, the only form of wall time in this crate.
pub type UnixSeconds = i64;
