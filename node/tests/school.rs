//! A school publishes offline from its own node, a home gets both catalogues, the ministry revokes the school.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A machine with one busy core needs a while; nothing here waits on purpose.
const PATIENCE: Duration = Duration::from_secs(90);

fn pishtar(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A running node; it ends with its value.
struct Node {
    child: Child,
    data: PathBuf,
    address: String,
}

impl Node {
    fn start(data: &Path, arguments: &[&str]) -> Node {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .args(["run", "--data", data.to_str().unwrap()])
            .args([
                "--no-mdns",
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
                "--web",
                "127.0.0.1:0",
            ])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(found) = line.strip_prefix("Neighbours") {
                address = Some(found.trim().to_owned());
            }
            if line.starts_with("Ask it") {
                break;
            }
        }
        Node {
            child,
            data: data.to_owned(),
            address: address.expect("a node prints where it listens"),
        }
    }

    fn ask(&self, command: &[&str]) -> Value {
        let data = ["--data", self.data.to_str().unwrap(), "--json"];
        serde_json::from_str(&pishtar(&[command, &data].concat())).unwrap()
    }

    /// Ids of the lessons that are wholly here, with the names of their publishers.
    fn lessons(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = self.ask(&["lessons"]);
        let whole = rows
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["complete"] == true);
        whole
            .map(|row| (text(&row["id"]), text(&row["publisher_name"]["sq"])))
            .collect()
    }

    fn until(&self, what: &str, done: impl Fn(&Node) -> bool) {
        let began = Instant::now();
        while !done(self) {
            let status = || self.ask(&["status"]);
            assert!(began.elapsed() < PATIENCE, "{what}: {}", status());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn has(&self, start: &str, count: usize) -> bool {
        let lessons = self.lessons();
        lessons
            .iter()
            .filter(|(id, _)| id.starts_with(start))
            .count()
            == count
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with one lesson and its table.
fn lesson(folder: &Path, id: &str) -> String {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
    fs::create_dir_all(folder).unwrap();
    fs::copy(
        samples.join("thyesat/worksheet.pdf"),
        folder.join(format!("{id}.pdf")),
    )
    .unwrap();
    let table = format!("file,id,title_sq,lang,grade,subject\n{id}.pdf,{id},Fshati ynë,sq,6,art\n");
    fs::write(folder.join("lessons.csv"), table).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn a_school_publishes_offline_until_the_ministry_revokes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (workshop, out) = (path("workshop"), path("out"));
    let publish = || {
        pishtar(&["ministry", "sign", &workshop]);
        pishtar(&["ministry", "publish", &workshop, "--to", &out]);
    };
    pishtar(&["ministry", "init", &workshop]);
    let from = lesson(&folder.path().join("ministrys"), "ministrys");
    pishtar(&["ministry", "add", &workshop, "--from", &from]);
    publish();
    let root = format!("{out}/metadata/1.root.json");

    // The school's root goes to the ministry by hand.
    let (data, stick) = (path("school"), path("stick"));
    let name = ["--id", "shkolla", "--name", "sq=Shkolla Dardania"];
    pishtar(
        &[
            &["school", "init", "--data", &data, "--to", &stick],
            &name[..],
        ]
        .concat(),
    );
    let brought = format!("{stick}/shkolla.1.root.json");
    let add = [
        "ministry",
        "publisher",
        "add",
        &workshop,
        "--root",
        &brought,
    ];
    pishtar(&[&add, &name[..]].concat());
    publish();

    let ministry = Node::start(&folder.path().join("ministry"), &["--publish", &out]);
    let all = ["--root", &root, "--follow", "all"];
    let school = Node::start(
        Path::new(&data),
        &[&all, &["--peer", &ministry.address][..]].concat(),
    );
    let home_data = folder.path().join("home");
    let home = Node::start(
        &home_data,
        &[&all, &["--peer", &school.address][..]].concat(),
    );
    home.until("the ministry's lesson", |node| node.has("ministry/", 1));

    let own = lesson(&folder.path().join("own"), "fshati");
    pishtar(&["school", "publish", "--data", &data, "--from", &own]);
    home.until("the school's lesson", |node| node.has("shkolla/", 1));
    let named = (
        "shkolla/art-6-sq/fshati".to_owned(),
        "Shkolla Dardania".to_owned(),
    );
    assert!(home.lessons().contains(&named));

    // Without the ministry: the school goes on by itself, the home starts again from its disk.
    drop((ministry, home));
    let more = lesson(&folder.path().join("more"), "lumi");
    pishtar(&["school", "publish", "--data", &data, "--from", &more]);
    let home = Node::start(&home_data, &["--peer", &school.address]);
    home.until("the school's second lesson", |node| node.has("shkolla/", 2));
    assert!(home.has("ministry/", 1));
    let why = home.ask(&["why", "shkolla"]);
    assert!(
        why.to_string().contains("shkolla may publish at shkolla/"),
        "{why}"
    );

    pishtar(&[
        "ministry",
        "publisher",
        "revoke",
        &workshop,
        "shkolla",
        "--reason",
        "closed",
    ]);
    publish();
    let ministry = Node::start(
        &folder.path().join("ministry"),
        &["--publish", &out, "--peer", &home.address],
    );
    for node in [&home, &school] {
        node.until("the school's lessons to go", |node| node.has("shkolla/", 0));
        assert!(node.has("ministry/", 1));
        let status = node.ask(&["status"]);
        assert_eq!(status["revoked_publishers"][0]["reason"], "closed");
        assert_eq!(status["catalogs"].as_array().unwrap().len(), 1);
    }
    home.until("its state to go", |node| {
        !node.data.join("trust/shkolla").exists()
    });

    // A lost device: its lessons stay, its records are not taken.
    let lost = home.ask(&["status"])["peer_id"]
        .as_str()
        .unwrap()
        .to_owned();
    pishtar(&[
        "ministry", "device", "revoke", &workshop, &lost, "--reason", "lost",
    ]);
    publish();
    home.until("its own revocation", |node| {
        node.ask(&["status"])["revoked"] == "lost"
    });
    let marked = |node: &Node| {
        let peers = node.ask(&["peers"]);
        let peers = peers.as_array().unwrap().clone();
        peers
            .iter()
            .any(|peer| peer["peer_id"] == *lost && peer["revoked"] == "lost")
    };
    ministry.until("the mark on the lost device", marked);
    let why = ministry.ask(&["why", &lost]);
    assert!(
        why.to_string().contains("no records are exchanged with it"),
        "{why}"
    );
    assert!(home.has("ministry/", 1));
}
