//! The fuzz targets, for a bounded number of seeded rounds and without a fuzzer: genuine input with random changes.
//!
//! `FUZZ_ROUNDS` multiplies the rounds, for a night of them.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[path = "../fuzz/targets.rs"]
#[expect(dead_code, reason = "shared with tests that use the rest")]
mod targets;

/// Random changes to genuine input.
struct Mutator(ChaCha20Rng);

impl Mutator {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u32()).expect("32 bits fit") % bound.max(1)
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.below(most)];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// One genuine input with up to four changes: bits, cuts, repetitions, pieces of another.
    fn changed(&mut self, genuine: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = genuine[self.below(genuine.len())].clone();
        for _ in 0..self.below(5) {
            let from = self.below(bytes.len());
            let to = (from + self.below(40)).min(bytes.len());
            match self.below(6) {
                0 if from < bytes.len() => bytes[from] ^= 1 << self.below(8),
                1 => drop(bytes.drain(from..to)),
                2 => {
                    let piece = bytes[from..to].to_vec();
                    bytes.splice(from..from, piece);
                }
                3 => {
                    let other = &genuine[self.below(genuine.len())];
                    let start = self.below(other.len());
                    let end = (start + self.below(60)).min(other.len());
                    bytes.splice(from..to, other[start..end].iter().copied());
                }
                4 => {
                    let tokens = [
                        "\"", "{", "}", "[", "]", ",", ":", "0", "-", "1e9", "null", "\\u0000", "ë",
                    ];
                    let token = tokens[self.below(tokens.len())];
                    bytes.splice(from..from, token.bytes());
                }
                _ => bytes.truncate(from),
            }
        }
        bytes
    }
}

fn rounds(few: usize) -> usize {
    let times = std::env::var("FUZZ_ROUNDS").ok();
    few * times.map_or(1, |times| times.parse().expect("FUZZ_ROUNDS is a number"))
}

fn each_round(few: usize, seed: u8, mut round: impl FnMut(&mut Mutator)) {
    let mut mutator = Mutator(ChaCha20Rng::from_seed([seed; 32]));
    for _ in 0..rounds(few) {
        round(&mut mutator);
    }
}

/// Metadata that python-tuf made, with the byte that says which role it is.
fn metadata_files() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/python-tuf");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let role = |name: &str| match name {
        name if name.ends_with("root.json") => 0,
        "timestamp.json" => 1,
        name if name.ends_with("snapshot.json") => 2,
        _ => 3,
    };
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        [vec![role(name)], std::fs::read(path).unwrap()].concat()
    };
    files.iter().map(read).collect()
}

#[test]
fn canonical_json() {
    let genuine: Vec<Vec<u8>> = metadata_files()
        .iter()
        .map(|file| file[1..].to_vec())
        .collect();
    each_round(4_000, 1, |mutator| {
        targets::canonical(&mutator.changed(&genuine))
    });
}

#[test]
fn metadata_roles() {
    let genuine = metadata_files();
    genuine.iter().for_each(|file| targets::metadata(file));
    each_round(4_000, 2, |mutator| {
        targets::metadata(&mutator.changed(&genuine))
    });
}

#[test]
fn whole_updates() {
    targets::update(&[]);
    each_round(1_500, 3, |mutator| targets::update(&mutator.bytes(60)));
}

#[test]
fn records_and_acknowledgements() {
    let sealed = targets::sealed();
    let genuine = [sealed.record.clone(), sealed.ack.clone()];
    genuine.iter().for_each(|bytes| targets::record(bytes));
    each_round(2_000, 4, |mutator| {
        targets::record(&mutator.changed(&genuine))
    });
}
