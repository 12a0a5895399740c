//! Exit codes and sentences of the ministry's commands for keys and ceremonies: 1 failed, 2 the call itself was off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A workshop, and what a command said.
struct Desk {
    _folder: tempfile::TempDir,
    workshop: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let workshop = folder.path().join("workshop");
        let desk = Desk {
            _folder: folder,
            workshop,
        };
        desk.says(0, &["init", "WORKSHOP"]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workshop.parent().unwrap_or(Path::new("")).join(name)
    }

    /// Runs `pishtar ministry …` with names of files in this desk's folder in capitals.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let places = ["WORKSHOP", "STICK", "PHRASE", "KEY"];
        let place = |word: &&str| match places.contains(word) {
            true => self.path(&word.to_lowercase()).into_os_string(),
            false => word.into(),
        };
        let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .arg("ministry")
            .args(arguments.iter().map(place))
            .env_remove("PISHTAR_PASSPHRASE")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }
}

#[test]
fn passphrases_are_asked_for_and_wrong_ones_named() {
    let desk = Desk::new();
    fs::write(desk.path("phrase"), "short\n").unwrap();
    let said = desk.says(
        2,
        &[
            "key",
            "new",
            "KEY",
            "--encrypt",
            "--passphrase-file",
            "PHRASE",
        ],
    );
    assert!(said.contains("less than 10 characters"), "{said}");
    let said = desk.says(2, &["key", "new", "KEY", "--encrypt"]);
    assert!(said.contains("no terminal to ask at"), "{said}");
    assert!(!desk.path("key").exists());
    fs::write(desk.path("phrase"), "katër fjalë në rresht\n").unwrap();
    desk.says(
        0,
        &[
            "key",
            "new",
            "KEY",
            "--encrypt",
            "--passphrase-file",
            "PHRASE",
        ],
    );
    let said = desk.says(0, &["key", "show", "KEY"]);
    assert!(said.contains("locked with a passphrase"), "{said}");
    let said = desk.says(1, &["key", "decrypt", "KEY"]);
    assert!(said.contains("give it with --passphrase-file"), "{said}");
    fs::write(desk.path("phrase"), "something else\n").unwrap();
    let said = desk.says(1, &["key", "decrypt", "KEY", "--passphrase-file", "PHRASE"]);
    assert!(said.contains("the passphrase does not open it"), "{said}");
}

#[test]
fn a_ceremony_tells_its_failures_from_wrong_calls() {
    let desk = Desk::new();
    let said = desk.says(2, &["ceremony", "import", "WORKSHOP", "--from", "STICK"]);
    assert!(said.contains("there is nothing to sign on"), "{said}");
    desk.says(2, &["ceremony", "sign", "STICK"]);
    desk.says(0, &["ceremony", "export", "WORKSHOP", "--to", "STICK"]);
    let said = desk.says(
        2,
        &[
            "ceremony", "export", "WORKSHOP", "--role", "rot", "--to", "STICK",
        ],
    );
    assert!(said.contains("there is no role rot"), "{said}");
    let said = desk.says(1, &["ceremony", "import", "WORKSHOP", "--from", "STICK"]);
    assert!(said.contains("no signature on the stick yet"), "{said}");
    let key = desk.workshop.join("keys/root-1.json");
    let key = key.to_str().unwrap();
    let said = desk.says(2, &["ceremony", "sign", "STICK", "--key", key]);
    assert!(
        said.contains("nobody agreed to it") && said.contains("Root version 1"),
        "{said}"
    );
    desk.says(0, &["ceremony", "sign", "STICK", "--key", key, "--yes"]);
    let said = desk.says(0, &["ceremony", "import", "WORKSHOP", "--from", "STICK"]);
    assert!(
        said.contains("root: 1 of 2 signatures, missing root-2 or root-3"),
        "{said}"
    );
}

#[test]
fn a_rotation_that_cannot_be_is_a_wrong_call_and_changes_nothing() {
    let desk = Desk::new();
    let said = desk.says(2, &["rotate", "WORKSHOP", "--role", "root"]);
    assert!(said.contains("root-1, root-2, root-3"), "{said}");
    let said = desk.says(
        2,
        &[
            "rotate",
            "WORKSHOP",
            "--role",
            "targets",
            "--threshold",
            "2",
        ],
    );
    assert!(said.contains("give --threshold 1 to 1"), "{said}");
    let said = desk.says(
        2,
        &["sign", "WORKSHOP", "--role", "root", "--signer", "true"],
    );
    assert!(
        said.contains("no signature of a key outside this machine is missing"),
        "{said}"
    );
    let said = desk.says(0, &["status", "WORKSHOP", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["roles"][0]["version"], 1);
}
