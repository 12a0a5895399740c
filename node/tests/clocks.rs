//! Real nodes on machines whose date is wrong: `libfaketime` shows the program 1970, 2100, a date four months on, and
//! one that jumps while it runs.
//!
//! Only the date is false; what the program times, by the monotonic clock, is real.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest wait for anything here.
const LIMIT: Duration = Duration::from_secs(90);
const YEAR_1970: &str = "@1970-01-02 00:00:00";
const YEAR_2100: &str = "@2100-01-01 00:00:00";

/// The library, or a printed reason why the test cannot run.
fn faketime() -> Option<PathBuf> {
    let in_folder = |entry: fs::DirEntry| entry.path().join("faketime/libfaketime.so.1");
    let mut libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = libraries.find_map(|entry| Some(in_folder(entry)).filter(|path| path.is_file()));
    if found.is_none() {
        // The check script installs it: there its absence is a failure.
        assert!(
            env::var_os("PISHTAR_REQUIRE_TOOLS").is_none(),
            "no libfaketime"
        );
        println!(
            "SKIPPED: no /usr/lib/*/faketime/libfaketime.so.1; install the package libfaketime"
        );
    }
    found
}

fn pishtar(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A workshop with the sample lessons, published today.
struct Ministry(tempfile::TempDir);

impl Ministry {
    fn new() -> Self {
        let ministry = Self(tempfile::tempdir().unwrap());
        pishtar(&["ministry", "init", &ministry.path("workshop")]);
        ministry.publish("v1");
        ministry
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn publish(&self, samples: &str) {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("samples")
            .join(samples);
        let (workshop, out) = (self.path("workshop"), self.path("out"));
        let samples = samples.to_str().unwrap();
        pishtar(&["ministry", "add", &workshop, "--from", samples]);
        pishtar(&["ministry", "sign", &workshop]);
        pishtar(&["ministry", "publish", &workshop, "--to", &out]);
    }

    fn version(&self) -> u64 {
        let timestamp = fs::read(self.0.path().join("out/metadata/timestamp.json")).unwrap();
        let timestamp: Value = serde_json::from_slice(&timestamp).unwrap();
        timestamp["signed"]["version"].as_u64().unwrap()
    }
}

/// A running node, asked from a machine whose clock is right; it ends with its value.
struct Node {
    child: Child,
    data: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    /// Starts a node whose date comes from `clock`, a variable of the library with its value.
    fn start(
        ministry: &Ministry,
        library: &Path,
        name: &str,
        clock: (&str, &str),
        more: &[&str],
    ) -> Self {
        let (data, root) = (
            ministry.path(name),
            ministry.path("out/metadata/1.root.json"),
        );
        let child = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .args(["run", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"])
            .args(["--web", "127.0.0.1:0", "--network", "clocks"])
            .args(["--data", &data, "--root", &root])
            .args(more)
            .env("LD_PRELOAD", library)
            .env(clock.0, clock.1)
            .env("TZ", "UTC")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_NO_CACHE", "1")
            .env("NO_FAKE_STAT", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, data }
    }

    fn status(&self) -> Value {
        let asked = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .args(["status", "--json", "--data", &self.data])
            .output()
            .unwrap();
        serde_json::from_slice(&asked.stdout).unwrap_or_default()
    }

    fn words(&self) -> String {
        pishtar(&["status", "--data", &self.data])
    }

    /// Asks until the answer is the one that is waited for.
    fn until(&self, what: &str, mut done: impl FnMut(&Value) -> bool) -> Value {
        let give_up = Instant::now() + LIMIT;
        loop {
            let status = self.status();
            if done(&status) {
                return status;
            }
            assert!(Instant::now() < give_up, "{what}: {status}");
            // Nothing but its answer counts; it is another process.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks until it uses this version of the catalogue.
    fn has(&self, version: u64) -> Value {
        self.until("the catalogue", |status| {
            status["catalogs"][0]["version"] == version
        })
    }

    fn address(&self) -> String {
        let status = self.until("an address", |status| status["listen"][0].is_string());
        let (listen, id) = (&status["listen"][0], &status["peer_id"]);
        format!("{}/p2p/{}", listen.as_str().unwrap(), id.as_str().unwrap())
    }
}

/// Verdict on the clock, `fresh` and its word.
fn said(status: &Value) -> (&str, bool, &str) {
    let catalog = &status["catalogs"][0];
    (
        status["clock"]["verdict"].as_str().unwrap(),
        catalog["fresh"].as_bool().unwrap(),
        catalog["freshness"].as_str().unwrap(),
    )
}

#[test]
fn a_node_on_any_date_seeds_a_published_folder_and_says_what_it_thinks_of_its_clock() {
    let Some(library) = faketime() else { return };
    let ministry = Ministry::new();
    let out = ministry.path("out");
    for (name, date, expected, words) in [
        ("right", "+0", ("sane", true, "fresh"), None),
        ("term", "+120d", ("sane", false, "stale"), None),
        (
            "1970",
            YEAR_1970,
            ("behind", false, "unknown"),
            Some("1970-01-0"),
        ),
        (
            "2100",
            YEAR_2100,
            ("ahead", false, "unknown"),
            Some("2100-01-0"),
        ),
    ] {
        let clock = ("FAKETIME", date);
        let node = Node::start(&ministry, &library, name, clock, &["--publish", &out]);
        let status = node.has(ministry.version());
        assert_eq!(said(&status), expected, "{date}");
        assert!(status["lessons"]["known"].as_u64() > Some(0), "{status}");
        let text = node.words();
        match words {
            None => assert!(!text.contains("Clock"), "{text}"),
            Some(day) => {
                let warning = format!("Clock       seems wrong: it says {day}");
                assert!(text.contains(&warning), "{text}");
                assert!(
                    text.contains("Lessons work all the same; set date and time"),
                    "{text}"
                );
                assert!(text.contains("whether a newer one is due cannot be told"));
            }
        }
        if name == "term" {
            assert!(text.contains("a newer one is due"), "{text}");
        }
    }
}

#[test]
fn a_node_in_2100_takes_a_catalogue_and_its_lessons_from_one_in_1970() {
    let Some(library) = faketime() else { return };
    let ministry = Ministry::new();
    let (old, new) = (("FAKETIME", YEAR_1970), ("FAKETIME", YEAR_2100));
    let source = ["--publish", &ministry.path("out")];
    let source = Node::start(&ministry, &library, "source", old, &source);
    source.has(ministry.version());
    let home = ["--follow", "all", "--peer", &source.address()];
    let home = Node::start(&ministry, &library, "home", new, &home);
    home.has(ministry.version());
    let status = home.until("every lesson", |status| {
        let lessons = &status["lessons"];
        lessons["known"].as_u64() > Some(0) && lessons["complete"] == lessons["known"]
    });
    assert_eq!(said(&status), ("ahead", false, "unknown"));
    assert_eq!(status["peers"][0]["faults"], serde_json::json!([]));
}

#[test]
fn a_clock_that_jumps_while_a_node_runs_changes_only_what_is_said_of_age() {
    let Some(library) = faketime() else { return };
    let ministry = Ministry::new();
    let (out, file) = (ministry.path("out"), ministry.path("date"));
    fs::write(&file, "+0").unwrap();
    let clock = ("FAKETIME_TIMESTAMP_FILE", file.as_str());
    let node = Node::start(&ministry, &library, "jumping", clock, &["--publish", &out]);
    let first = ministry.version();
    assert_eq!(said(&node.has(first)), ("sane", true, "fresh"));
    fs::write(&file, "-10y").unwrap();
    let status = node.until("a clock that is behind", |status| {
        status["clock"]["verdict"] == "behind"
    });
    assert_eq!(said(&status), ("behind", false, "unknown"));
    assert_eq!(status["catalogs"][0]["version"], first);
    ministry.publish("v2");
    assert!(ministry.version() > first);
    assert_eq!(
        said(&node.has(ministry.version())),
        ("behind", false, "unknown")
    );
    fs::write(&file, "+10y").unwrap();
    let status = node.until("a clock that is ahead", |status| {
        status["clock"]["verdict"] == "ahead"
    });
    assert_eq!(status["catalogs"][0]["version"], ministry.version());
    // Set right again: nothing of it is left.
    fs::write(&file, "+0").unwrap();
    let status = node.until("a clock that is right", |status| {
        status["clock"]["verdict"] == "sane"
    });
    assert_eq!(said(&status), ("sane", true, "fresh"));
    assert_eq!(status["catalogs"][0]["version"], ministry.version());
}
