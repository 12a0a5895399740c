//! The binary `pishtar`.

fn main() {}
