//! The ministry's pages of the book: every command on them is run, in order, by a shell that stops at the first failure.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the check script sets, so that a tool that is missing there is a failure and not a step passed over.
const REQUIRE_TOOLS: &str = "PISHTAR_REQUIRE_TOOLS";

fn page(name: &str) -> String {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/start");
    fs::read_to_string(book.join(name)).unwrap()
}

/// The commands of a page's code blocks of one of these kinds.
fn commands(page: &str, kinds: &[&str]) -> String {
    let mut inside = false;
    let mut script = String::from("set -eu\n");
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(kind) => inside = !inside && kinds.contains(&kind),
            None if inside => script += &format!("{line}\n"),
            None => {}
        }
    }
    script
}

/// A folder as the pages assume it: lessons, a file with a passphrase, and `pishtar` to be called by name.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
        symlink(samples, desk.path("lessons")).unwrap();
        fs::write(desk.path("phrase"), "katër fjalë në rresht\n").unwrap();
        fs::create_dir(desk.path("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_pishtar"), desk.path("bin/pishtar")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a script here and gives what it printed.
    fn run(&self, script: &str, variables: &[(&str, String)]) -> String {
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\nset -x\n{script}")])
            .current_dir(self.0.path())
            .env("PATH", path)
            .env_remove("PISHTAR_PASSPHRASE")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "the page's commands failed:\n{said}"
        );
        said
    }
}

#[test]
fn keys_are_kept_lost_and_replaced_as_the_page_says() {
    let said = Desk::new().run(&commands(&page("keys.md"), &["sh"]), &[]);
    assert!(
        said.contains("secret key, locked with a passphrase"),
        "{said}"
    );
    assert!(
        said.contains("root-1 signs root no longer; its file is not in the workshop"),
        "{said}"
    );
    let verified = said
        .matches("Every signature and every file is right.")
        .count();
    assert_eq!(verified, 4, "{said}");
    assert!(said.contains("(root version 5)"), "{said}");
}

#[test]
fn a_ceremony_goes_as_the_page_says() {
    let said = Desk::new().run(&commands(&page("ceremony.md"), &["sh"]), &[]);
    assert!(
        said.contains("Root version 2 of the publisher ministry, after version 1"),
        "{said}"
    );
    assert!(said.contains("2.root.json: signed by root-2"), "{said}");
    assert!(said.contains("(root version 2)"), "{said}");
}

#[test]
fn a_command_signs_as_the_page_says() {
    let said = Desk::new().run(&commands(&page("cards.md"), &["sh"]), &[]);
    assert!(said.contains("targets: 1 signature added"), "{said}");
    assert!(
        said.contains("Every signature and every file is right."),
        "{said}"
    );
}

#[test]
fn a_token_signs_as_the_page_says() {
    let modules = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
    ];
    let module = modules.iter().find(|module| Path::new(module).exists());
    let has = |tool: &str| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        found.is_ok_and(|output| output.status.success())
    };
    let Some(module) = module.filter(|_| has("softhsm2-util") && has("pkcs11-tool")) else {
        assert!(
            std::env::var(REQUIRE_TOOLS).is_err(),
            "softhsm2 and opensc are not installed"
        );
        println!("passed over: softhsm2 and opensc are not installed");
        return;
    };
    let desk = Desk::new();
    fs::create_dir(desk.path("tokens")).unwrap();
    let config = desk.path("softhsm2.conf");
    fs::write(
        &config,
        format!("directories.tokendir = {}\n", desk.path("tokens").display()),
    )
    .unwrap();
    let variables = [
        ("MODULE", (*module).to_owned()),
        ("SOFTHSM2_CONF", config.display().to_string()),
    ];
    let said = desk.run(
        &commands(&page("cards.md"), &["sh", "sh,softhsm"]),
        &variables,
    );
    assert!(said.contains("root: 1 signature added"), "{said}");
    assert!(said.contains("(root version 3)"), "{said}");
}
