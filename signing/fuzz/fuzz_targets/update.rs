//! A whole update and a search, against a source that answers as the bytes say.
#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "each target uses its own part")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::update(data));
