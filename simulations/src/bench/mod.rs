//! Benchmarks: Pishtar beside its peers, in one run on one machine.

pub mod catalogue;
pub mod idle;
#[cfg(feature = "bench")]
pub mod measure;
#[cfg(feature = "bench")]
mod nodes;
#[cfg(feature = "bench")]
pub mod one_to_one;
#[cfg(feature = "bench")]
mod ours;
#[cfg(feature = "bench")]
mod raw;
#[cfg(feature = "bench")]
pub mod roles;
