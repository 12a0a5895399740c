//! Says for each JSON line of standard input whether a delegation covers a path: `["paths", PATTERN, PATH]`,
//! `["path_hash_prefixes", PREFIX, PATH]`, or which bin does: `["succinct", BITS, PATH]`. For
//! `signing/interop/check_delegated.py`.

use std::io::{BufRead, BufWriter, Write};

use pishtar_signing::key::RoleKeys;
use pishtar_signing::metadata::{PathPattern, Scope, Succinct, TargetPath};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let (kind, what, path): (String, Value, String) = serde_json::from_str(&line?)?;
        let path = TargetPath::new(path)?;
        let text = what.as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "paths" => {
                let scope = Scope::Paths(vec![PathPattern(text)]);
                writeln!(out, "{}", scope.covers(&path))?;
            }
            "path_hash_prefixes" => {
                let scope = Scope::HashPrefixes(vec![text]);
                writeln!(out, "{}", scope.covers(&path))?;
            }
            _ => {
                let bits = what.as_u64().unwrap_or_default();
                let succinct = Succinct {
                    keys: RoleKeys::new([], 1),
                    bit_length: u32::try_from(bits)?,
                    name_prefix: "bin".to_owned(),
                    extra: Default::default(),
                };
                writeln!(out, "{}", succinct.bin(succinct.index_of(&path))?)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
