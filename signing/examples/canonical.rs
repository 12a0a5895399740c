//! Writes the canonical form of each JSON line of standard input, in hex, or `refused` and why. For
//! `signing/interop/check_canonical.py`.

use std::io::{BufRead, BufWriter, Write};

use pishtar_signing::canonical::{parse, to_canonical};

const MAX_LINE_BYTES: u64 = 1 << 20;

fn main() -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let parsed = parse(line?.as_bytes(), MAX_LINE_BYTES).map_err(|why| why.to_string());
        match parsed.and_then(|value| to_canonical(&value).map_err(|why| why.to_string())) {
            Ok(bytes) => writeln!(out, "{}", hex::encode(bytes))?,
            Err(why) => writeln!(out, "refused {why}")?,
        }
    }
    out.flush()
}
