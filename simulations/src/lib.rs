//! What proves Pishtar at scale and on real machines: the simulator, the lab of network namespaces and the benchmarks.

#[cfg_attr(
    not(feature = "bench"),
    expect(
        dead_code,
        reason = "some helpers are for benchmarks behind the feature"
    )
)]
pub mod bench;
pub mod calibration;
pub mod lab;
pub mod sim;
