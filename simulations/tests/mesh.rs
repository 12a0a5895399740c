//! Real nodes on hosts of their own: a ministry's lesson reaches two homes through a school, and progress comes back.
//!
//! Hosts share one switch and know of each other by mDNS only.

#[path = "mesh/canary.rs"]
mod canary;
#[path = "mesh/flood.rs"]
mod flood;
#[path = "mesh/lan.rs"]
mod lan;
#[path = "mesh/playing.rs"]
mod playing;
#[path = "mesh/stores.rs"]
mod stores;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use pishtar_simulations::lab::{Host, Lab, Node, pishtar, until};
use serde_json::Value;

const CHANGED: &str = "ministry/math-6-sq/thyesat";
const WITHDRAWN: &str = "ministry/math-6-sq/kendet";
/// Lessons of version 1: eight samples and a large one.
const LESSONS: u64 = 9;
/// Added to one sample's video, so that a transfer lasts long enough to be cut.
const PADDING_BYTES: usize = 24 << 20;
/// What may be fetched again after a kill: ranges in flight, and the metadata.
const IN_FLIGHT_BYTES: u64 = 9 << 20;
/// The name that `play.py` gives; it must be readable nowhere but behind the seal.
const LEARNER: &str = "Kanarina";
const LIMIT: Duration = Duration::from_secs(90);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository is there")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// The ministry's workshop, through the commands that a clerk uses.
struct Ministry {
    workshop: PathBuf,
}

impl Ministry {
    fn open(folder: &Path) -> Ministry {
        let ministry = Ministry {
            workshop: folder.join("workshop"),
        };
        pishtar(&["ministry", "init", text(&ministry.workshop)]).expect("init");
        ministry.add(&repository().join("node/samples/v1"));
        ministry.add(&large_lesson(folder));
        ministry.publish();
        ministry
    }

    fn add(&self, lessons: &Path) {
        let (folder, table) = (text(lessons), lessons.join("lessons.csv"));
        pishtar(&[
            "ministry",
            "add",
            text(&self.workshop),
            "--from",
            folder,
            "--csv",
            text(&table),
        ])
        .expect("add");
    }

    fn publish(&self) {
        pishtar(&["ministry", "sign", text(&self.workshop)]).expect("sign");
        pishtar(&["ministry", "publish", text(&self.workshop)]).expect("publish");
        pishtar(&["ministry", "verify", text(&self.published())]).expect("verify");
    }

    fn published(&self) -> PathBuf {
        self.workshop.join("published")
    }

    fn renew(&self) {
        self.add(&repository().join("node/samples/v2"));
        pishtar(&["ministry", "withdraw", text(&self.workshop), WITHDRAWN]).expect("withdraw");
        self.publish();
    }
}

/// One sample with a `free` box behind it, which players skip.
fn large_lesson(folder: &Path) -> PathBuf {
    let folder = folder.join("large");
    fs::create_dir(&folder).expect("a folder");
    let mut video =
        fs::read(repository().join("node/samples/v1/shkronjat/lesson.mp4")).expect("the sample");
    let size = u32::try_from(PADDING_BYTES + 8).expect("below 4 GiB");
    video.extend(size.to_be_bytes());
    video.extend(b"free");
    // Not all zero, so that no layer can make it small.
    video.extend(
        (0..PADDING_BYTES as u64 / 8)
            .flat_map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes()),
    );
    fs::write(folder.join("large.mp4"), video).expect("written");
    let table = "file,id,title,lang,grade,subject\nlarge.mp4,large,Large,en,1,art\n";
    fs::write(folder.join("lessons.csv"), table).expect("written");
    folder
}

fn start(host: &Host, folder: &Path, name: &str, ministry: &Ministry, arguments: &[&str]) -> Node {
    let root = ministry.published().join("metadata/1.root.json");
    let (listen, web) = (
        format!("/ip4/{}/tcp/4001", host.address()),
        format!("{}:8080", host.address()),
    );
    let own = [
        "--root",
        text(&root),
        "--listen",
        &listen,
        "--web",
        &web,
        "--network",
        "lab",
    ];
    Node::start(host, &folder.join(name), &[&own, arguments].concat()).expect("a node")
}

fn number(status: &Value, path: &str) -> u64 {
    status
        .pointer(path)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{path} is missing in {status}"))
}

fn all_complete(status: &Value) -> bool {
    number(status, "/lessons/known") == LESSONS && number(status, "/lessons/complete") == LESSONS
}

fn received(status: &Value) -> u64 {
    let peers = status["peers"].as_array().expect("a list");
    peers.iter().map(|peer| number(peer, "/rx_bytes")).sum()
}

/// Kills the home in the middle of the large lesson; what it held must not come again.
fn cut_and_resume(host: &Host, folder: &Path, ministry: &Ministry, total: u64) -> Node {
    host.limit_receiving(40).expect("a slow link");
    let home = start(host, folder, "home2", ministry, &["--follow", "all"]);
    let status = home
        .wait_status("the second home to be in the middle", LIMIT, |s| {
            number(s, "/blobs/bytes") > 6 << 20
        })
        .expect("a running transfer");
    let held = number(&status, "/blobs/bytes");
    assert!(
        held + (2 * IN_FLIGHT_BYTES) < total,
        "the transfer was over before it could be cut: {held} of {total}"
    );
    home.kill().expect("killed");
    host.limit_receiving(0).expect("a fast link");
    let home = start(host, folder, "home2", ministry, &["--follow", "all"]);
    let status = home
        .wait_status("the second home to resume", LIMIT, all_complete)
        .expect("complete");
    let again = received(&status);
    println!("killed with {held} of {total} bytes held; {again} bytes came after the restart");
    assert!(
        again <= total - held + IN_FLIGHT_BYTES,
        "{again} bytes came after {held} of {total} were held"
    );
    home
}

fn lessons(node: &Node) -> Vec<String> {
    let rows = node.ask("lessons", &[]).expect("an answer");
    let rows = rows.as_array().expect("a list");
    rows.iter()
        .map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn main_hash(node: &Node, id: &str) -> Option<String> {
    let rows = node.ask("lessons", &[]).expect("an answer");
    let row = rows.as_array()?.iter().find(|row| row["id"] == id)?.clone();
    let main = row["files"]
        .as_array()?
        .iter()
        .find(|file| file["part"] == "main")?
        .clone();
    Some(main["blake3"].as_str()?.to_owned())
}

fn has_version_2(node: &Node, old_hash: &str) {
    node.wait_status("version 2 to be complete", LIMIT, |status| {
        number(status, "/lessons/known") == LESSONS - 1
            && number(status, "/lessons/complete") == LESSONS - 1
    })
    .expect("version 2");
    assert!(
        !lessons(node).contains(&WITHDRAWN.to_owned()),
        "a withdrawn lesson is listed"
    );
    assert_ne!(
        main_hash(node, CHANGED).expect("listed"),
        old_hash,
        "the changed lesson is the old one"
    );
    let found = node
        .ask("lessons", &["--search", "trekendeshit"])
        .expect("an answer");
    assert_eq!(
        found,
        serde_json::json!([]),
        "the search finds a withdrawn lesson"
    );
    let found = node
        .ask("lessons", &["--search", "thyesat"])
        .expect("an answer");
    assert!(
        found.to_string().contains(CHANGED),
        "the search does not find {CHANGED}: {found}"
    );
}

/// A browser on the home's own host plays the lesson; the node says that it is saved.
fn watch(host: &Host, folder: &Path) {
    let python = repository().join(".venv/bin/python");
    let script = repository().join("simulations/browser/play.py");
    let base = format!("http://{}:8080", host.address());
    let shot = folder.join("lesson.png");
    let printed = host
        .run(python, &[text(&script), &base, CHANGED, text(&shot)])
        .expect("a played lesson");
    print!("{printed}");
}

/// Nothing below the nodes' folders, logs among them, holds the learner's name in readable form.
fn assert_unreadable(folder: &Path, names: &[&str]) {
    let mut folders: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let mut files: Vec<PathBuf> = folders
        .iter()
        .map(|data| data.with_extension("log"))
        .collect();
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let entry = entry.expect("an entry");
            match entry.file_type().expect("a kind") {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    for file in files {
        // A running store may replace a file meanwhile.
        let bytes = fs::read(&file).unwrap_or_default();
        let found = bytes
            .windows(LEARNER.len())
            .any(|window| window == LEARNER.as_bytes());
        assert!(!found, "{} holds the learner's name", file.display());
    }
}

fn collect(host: &Host, school: &Host, school_node: &Node, ministry: &Ministry, folder: &Path) {
    let status = school_node.ask("status", &[]).expect("an answer");
    let peer = status["peer_id"].as_str().expect("an id");
    let from = format!("/ip4/{}/tcp/4001/p2p/{peer}", school.address());
    let key = ministry.workshop.join("keys/collection.json");
    let (data, statements) = (folder.join("collector"), folder.join("statements.jsonl"));
    let sink = format!("xapi:{}", text(&statements));
    let program = pishtar_simulations::lab::pishtar_binary();
    let mut arguments = vec!["collect", "--once", "--network", "lab", "--from", &from];
    arguments.extend(["--key", text(&key), "--data", text(&data), "--sink", &sink]);
    print!("{}", host.run(program, &arguments).expect("collected"));
    let written = fs::read_to_string(&statements).expect("statements");
    assert!(
        written.contains(CHANGED),
        "no xAPI statement names the lesson: {written}"
    );
}

#[test]
#[ignore = "needs root, network namespaces and a browser: ./check lab"]
fn a_lesson_reaches_two_homes_and_progress_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ministry = Ministry::open(folder);
    let mut lab = Lab::new().expect("a lab");
    let [seed, school, home1, home2] =
        ["seed", "school", "home1", "home2"].map(|name| lab.host(name).expect("a host"));

    let _seed_node = start(
        &seed,
        folder,
        "seed",
        &ministry,
        &["--publish", text(&ministry.published())],
    );
    let school_node = start(
        &school,
        folder,
        "school",
        &ministry,
        &["--follow", "all", "--sync-point"],
    );
    let home1_node = start(&home1, folder, "home1", &ministry, &["--follow", "all"]);
    for (name, node) in [
        ("the school", &school_node),
        ("the first home", &home1_node),
    ] {
        let status = node.wait_status(&format!("{name} to hold all lessons"), LIMIT, all_complete);
        status.unwrap_or_else(|error| panic!("{error}\n{}", node.log_tail()));
    }
    let total = number(
        &home1_node.ask("status", &[]).expect("an answer"),
        "/blobs/bytes",
    );
    let home2_node = cut_and_resume(&home2, folder, &ministry, total);

    watch(&home1, folder);
    let carried = |status: &Value| number(status, "/records/carried") > 0;
    school_node
        .wait_status("the record to reach the sync point", LIMIT, carried)
        .expect("carried");
    assert_unreadable(folder, &["seed", "school", "home1", "home2"]);
    collect(&seed, &school, &school_node, &ministry, folder);
    for (name, node) in [
        ("the school", &school_node),
        ("the first home", &home1_node),
        ("the second", &home2_node),
    ] {
        let freed = |s: &Value| {
            number(s, "/records/own_unacked") == 0 && number(s, "/records/carried") == 0
        };
        node.wait_status(
            &format!("{name} to delete what is acknowledged"),
            LIMIT,
            freed,
        )
        .expect("deleted");
    }

    let old_hash = main_hash(&home1_node, CHANGED).expect("listed");
    ministry.renew();
    for node in [&school_node, &home1_node, &home2_node] {
        has_version_2(node, &old_hash);
    }
    until("the withdrawn lesson's page to be gone", LIMIT, || {
        let ask = "import sys,urllib.request as r,urllib.error as e\ntry: print(r.urlopen(sys.argv[1], timeout=5).status)\nexcept e.HTTPError as x: print(x.code)";
        let page = format!("http://{}:8080/lesson/{WITHDRAWN}", home1.address());
        let code = home1.run("python3", &["-c", ask, &page]).map_err(|error| error.to_string())?;
        if ["404", "410"].contains(&code.trim()) { Ok(()) } else { Err(code) }
    })
    .expect("gone");
}
