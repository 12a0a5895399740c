//! Benchmarks: Pishtar beside its peers, in one run on one machine.

pub mod measure;
pub mod one_to_one;
mod ours;
mod raw;
pub mod roles;
