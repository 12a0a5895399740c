//! Each metadata role of any bytes; the first byte says which.
#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "each target uses its own part")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::metadata(data));
