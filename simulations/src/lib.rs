//! What proves Pishtar at scale and on real machines: the lab of network namespaces and the benchmarks.

pub mod bench;
pub mod lab;
