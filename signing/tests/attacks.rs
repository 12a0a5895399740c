//! Every attack has a folder: `attacks/NAME/attack.txt` says what it is and what must come of it, `trusted` is what the
//! client holds, `repository` what the attacker serves.
//!
//! The folders are made by `support/attacks`; after a change there:
//! `cargo test -p pishtar-signing --test attacks -- --ignored`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{Fetched, MetaFile, Policy, Step, Stored, TrustError, TrustedSet};

#[path = "support/attacks/mod.rs"]
mod made;
#[path = "support/publication.rs"]
mod publication;

/// 2026-11-23T20:00:00Z
const NOW: UnixSeconds = 1_795_464_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks")
}

/// Files below a folder by their path within it.
fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            found.insert(name.to_owned(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn update(files: &BTreeMap<String, Vec<u8>>, policy: Policy) -> Result<(), TrustError> {
    let trusted = |name: &str| files.get(&format!("trusted/{name}.json")).cloned();
    let set = TrustedSet::reload(&Stored {
        root: trusted("root").expect("every client has a root"),
        timestamp: trusted("timestamp"),
        snapshot: trusted("snapshot"),
        targets: trusted("targets"),
    })?;
    let served = |file: &MetaFile| files.get(&format!("repository/{file}")).cloned();
    let mut update = set.begin_update(NOW, policy);
    loop {
        match update.next() {
            Step::Fetch { file, max_bytes } => {
                let bytes = served(&file).map(|mut bytes| {
                    // As a careful fetcher does: one byte too many shows that there is more.
                    bytes.truncate(usize::try_from(max_bytes).unwrap() + 1);
                    bytes
                });
                update.provide(&file, bytes.map_or(Fetched::Absent, Fetched::Bytes))?;
            }
            Step::Done(_) => return Ok(()),
            Step::Over => unreachable!("done or failed before"),
        }
    }
}

#[test]
fn every_attack_meets_exactly_its_error() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let files = files_in(&path);
        let text = String::from_utf8(files["attack.txt"].clone()).unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{} has no line {name}", path.display()))
        };
        assert!(!field("attack: ").is_empty());
        let policy = match field("policy: ") {
            "strict" => Policy::Strict,
            "offline" => Policy::Offline,
            other => panic!("{}: no policy is called {other}", path.display()),
        };
        let verdict =
            update(&files, policy).map_or_else(|error| error.to_string(), |()| "none".to_owned());
        let expected = field("error: ");
        if verdict != expected {
            wrong.push(format!(
                "{}: {verdict}\n  expected {expected}",
                path.display()
            ));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "{seen} attacks");
}

#[test]
fn the_folders_are_those_that_the_generator_makes() {
    let made = made::all();
    let expected: BTreeMap<String, Vec<u8>> = made.into_iter().collect();
    let found = files_in(&folder());
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (name, bytes) in &found {
        assert!(bytes == &expected[name], "{name} is another file");
    }
}

#[test]
#[ignore = "writes the folders anew"]
fn write_the_folders() {
    std::fs::remove_dir_all(folder()).ok();
    for (name, bytes) in made::all() {
        let path = folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
