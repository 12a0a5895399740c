//! Opening of any bytes as a sealed record and as an acknowledgement.
#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "each target uses its own part")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::record(data));
