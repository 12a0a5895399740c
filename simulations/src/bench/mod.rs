//! Benchmarks: Pishtar beside its peers, in one run on one machine.

pub mod catalogue;
#[cfg(feature = "bench")]
pub mod catalogue_sync;
#[cfg(feature = "bench")]
pub mod collect;
#[cfg(feature = "bench")]
pub mod fill;
pub mod idle;
#[cfg(feature = "bench")]
mod line;
#[cfg(feature = "bench")]
pub mod measure;
#[cfg(feature = "bench")]
mod nodes;
#[cfg(feature = "bench")]
pub mod one_to_one;
#[cfg(feature = "bench")]
mod ours;
#[cfg(feature = "bench")]
pub mod peers;
#[cfg(feature = "bench")]
pub mod playback;
mod process;
#[cfg(feature = "bench")]
pub mod progress_post;
pub mod publish;
#[cfg(feature = "bench")]
mod raw;
#[cfg(feature = "bench")]
pub mod records;
#[cfg(feature = "bench")]
pub mod roles;
#[cfg(feature = "bench")]
pub mod scenarios;
#[cfg(feature = "bench")]
pub mod small_files;
