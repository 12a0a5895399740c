//! What a person meets who makes a mistake: a sentence that says what to do, and the exit code of the contract.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn pishtar(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs a command that must fail with `code`, and gives what it said.
fn refused(code: i32, arguments: &[&str]) -> String {
    let output = pishtar(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// A workshop with the sample lessons, published.
fn published(dir: &Path) -> String {
    let (workshop, out) = (dir.join("workshop"), dir.join("out"));
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
    let [workshop, out, samples] = [&workshop, &out, &samples].map(|path| path.to_str().unwrap());
    for step in [
        &["ministry", "init", workshop][..],
        &["ministry", "add", workshop, "--from", samples],
        &["ministry", "sign", workshop],
        &["ministry", "publish", workshop, "--to", out],
        &["ministry", "verify", out],
    ] {
        let output = pishtar(step);
        assert!(
            output.status.success(),
            "{step:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    out.to_owned()
}

/// A running node; it ends with its value.
struct Running(Child);

impl Running {
    /// Starts a node and returns when it has printed how to ask it: it serves by then.
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pishtar"));
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().starts_with("Ask it")),
            "{arguments:?} ended early"
        );
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const QUIET: [&str; 3] = ["--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"];

#[test]
fn wrong_words_are_usage_errors() {
    assert!(refused(2, &["run", "--bogus"]).contains("--bogus"));
    assert!(refused(2, &["run", "--follow", "grade=x"]).contains("grade"));
    assert!(refused(2, &["run", "--quota", "much"]).contains("20GB"));
    assert!(refused(2, &["run", "--up", "10MB"]).contains("10Mbit"));
    refused(2, &["frobnicate"]);
}

#[test]
fn a_folder_that_is_not_what_it_should_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (data, other) = (dir.path().join("data"), dir.path().join("other"));
    fs::create_dir(&other).unwrap();
    let [data, other] = [&data, &other].map(|path| path.to_str().unwrap());
    let said = refused(
        1,
        &[
            "run",
            "--data",
            data,
            "--web",
            "127.0.0.1:0",
            "--publish",
            other,
        ],
    );
    assert!(
        said.contains("is not a published folder") && said.contains("ministry publish"),
        "{said}"
    );
    let said = refused(1, &["run", "--data", data, "--web", "127.0.0.1:0"]);
    assert!(
        said.contains("no ministry is pinned") && said.contains("--root"),
        "{said}"
    );
    assert!(refused(1, &["status", "--data", other]).contains("no node is running"));
    assert!(refused(2, &["ministry", "publish", other]).contains("is not a ministry's workshop"));
}

#[test]
fn ports_and_folders_in_use_are_named_and_the_running_node_answers() {
    let dir = tempfile::tempdir().unwrap();
    let out = published(dir.path());
    let root = format!("{out}/metadata/1.root.json");
    let (data, second) = (dir.path().join("data"), dir.path().join("second"));
    let [data, second] = [&data, &second].map(|path| path.to_str().unwrap());
    let run = |data, web| {
        [
            &["run", "--data", data, "--root", &root, "--web", web][..],
            &QUIET,
        ]
        .concat()
    };
    let _node = Running::start(&run(data, "127.0.0.1:0"));

    let said = refused(1, &run(data, "127.0.0.1:0"));
    assert!(said.contains("another node is running"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = refused(1, &run(second, &taken.local_addr().unwrap().to_string()));
    assert!(said.contains("--web"), "{said}");

    let output = pishtar(&["status", "--json", "--data", data]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["catalogs"][0]["publisher"], "ministry");
    for field in [
        "peer_id", "listen", "web", "catalogs", "lessons", "blobs", "peers", "records",
    ] {
        assert!(!status[field].is_null(), "{field} is missing in {status}");
    }
    let said = refused(1, &["why", "nonsense", "--data", data]);
    assert!(said.contains("neither a lesson nor a neighbour"), "{said}");
}
