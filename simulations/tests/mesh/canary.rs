//! Canaries in a mesh of five nodes: whatever crosses the wire and whatever a carrier keeps says nothing of a child.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use pishtar_simulations::lab::{Host, Lab, pishtar, pishtar_binary, until};
use serde_json::{Value, json};

use super::{CHANGED, LIMIT, Ministry, number, start, stores, text};

const SCHOOL: &str = "shkolla-e-kanarines";
/// What is known of the child at school; nobody else may read it.
const NAME: &str = "Zamirkanar";
const SURNAME: &str = "Vezirkanar";
const PARENT: &str = "Xhemilkanar";
const PHONE: &str = "+38344987654";
/// What the browser at home calls itself and its learner.
const BROWSER: &str = "kanarina-0123456789abcdef";
const NICKNAME: &str = "Bilbilkanar";
const NODES: [&str; 5] = ["sync", "carrier1", "carrier2", "school", "home"];

/// Writes every frame of the host's interfaces to a file, from the line "ready" on. What stays on the host (`lo`) is no wire.
const CAPTURE: &str = "import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
out = open(sys.argv[1], 'ab', buffering=0)
print('ready', flush=True)
while True:
    frame, address = wire.recvfrom(65536)
    if address[0] != 'lo': out.write(frame)";
/// Reports as the player does, and prints the status of the answer.
const REPORT: &str = "import sys, urllib.request as r
ask = r.Request(sys.argv[1] + '/api/progress', sys.argv[2].encode(),
    {'Content-Type': 'application/json', 'Origin': sys.argv[1]})
print(r.urlopen(ask, timeout=30).status)";

/// A script that runs on a host until it is dropped.
pub(crate) struct Capture(Child);

impl Capture {
    /// Runs it, and returns once it has printed "ready".
    pub(crate) fn start(host: &Host, script: &str, arguments: &[&str]) -> Capture {
        let mut command = host.command("python3");
        command.args(["-c", script]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("python runs");
        let mut ready = String::new();
        let said = child.stdout.take().expect("piped");
        BufReader::new(said).read_line(&mut ready).expect("a line");
        assert_eq!(ready, "ready\n");
        Capture(child)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A ministry that lists one school, whose node's folder is `school`.
fn ministry(folder: &Path) -> Ministry {
    let ministry = Ministry::open(folder);
    let (data, stick) = (folder.join("school"), folder.join("stick"));
    let name = "Shkolla e Kanarinës";
    let own = ["--id", SCHOOL, "--name", name];
    let init = [
        "school",
        "init",
        "--data",
        text(&data),
        "--to",
        text(&stick),
    ];
    pishtar(&[&init[..], &own].concat()).expect("a school");
    let root = stick.join(format!("{SCHOOL}.1.root.json"));
    let workshop = text(&ministry.workshop);
    let add = [
        "ministry",
        "publisher",
        "add",
        workshop,
        "--root",
        text(&root),
    ];
    pishtar(&[&add[..], &own].concat()).expect("it is listed");
    ministry.publish();
    ministry
}

/// A child is enrolled at school; returns the id that its node gave.
fn enrol(folder: &Path) -> String {
    let data = folder.join("school");
    let data = ["--data", text(&data)];
    let child = [
        "--name",
        NAME,
        "--surname",
        SURNAME,
        "--parent",
        PARENT,
        "--phone",
        PHONE,
        "--class",
        "6A",
    ];
    let about = ["--school", "Shkolla", "--municipality", "Prizren"];
    pishtar(&[&["school", "enrol"], &data[..], &child, &about].concat()).expect("enrolled");
    let id = learners(folder)[0]["id"].clone();
    id.as_str().expect("an id").to_owned()
}

fn learners(folder: &Path) -> Value {
    let data = folder.join("school");
    let said = pishtar(&["school", "learners", "--data", text(&data), "--json"]);
    serde_json::from_str(&said.expect("a list")).expect("JSON")
}

fn report(host: &Host) {
    let body = json!({ "learner": BROWSER, "name": NICKNAME, "lesson": CHANGED,
        "played": [[0.0, 9.0]], "position": 9.0, "duration": 44.8 });
    let base = format!("http://{}:8080", host.address());
    let said = host.run("python3", &["-c", REPORT, &base, &body.to_string()]);
    assert_eq!(said.expect("an answer").trim(), "201");
}

/// One round of the collector on the sync point's own host.
fn collect(host: &Host, folder: &Path, ministry: &Ministry) {
    let (key, data) = (
        ministry.workshop.join("keys/collection.json"),
        folder.join("collector"),
    );
    let sink = format!("xapi:{}", text(&folder.join("statements.jsonl")));
    let from = folder.join("sync");
    let mut words = vec![
        "collect",
        "--once",
        "--network",
        "lab",
        "--from",
        text(&from),
    ];
    words.extend(["--domain", "nxenes.example", "--key", text(&key)]);
    words.extend(["--data", text(&data), "--sink", &sink]);
    host.run(pishtar_binary(), &words).expect("collected");
}

/// The ministry allots a login, and it comes back through the carriers. A school whose keys the sync point has not heard of
/// yet is answered in a later round.
fn named(host: &Host, folder: &Path, ministry: &Ministry) {
    for _ in 0..20 {
        collect(host, folder, ministry);
        let login = until("the login", Duration::from_secs(4), || {
            let login = learners(folder)[0]["login"].clone();
            login.as_str().map(str::to_owned).ok_or(login.to_string())
        });
        if let Ok(login) = login {
            assert_eq!(login, "zamirkanar.vezirkanar@nxenes.example");
            return;
        }
    }
    panic!("no login came back: {}", learners(folder));
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let each = paths.flat_map(|path| match path.is_dir() {
        true => files(path),
        false => vec![path],
    });
    each.filter(|path| path.is_file()).collect()
}

/// Those of the files that hold the words in readable form.
fn holding(files: &[PathBuf], word: &str) -> Vec<PathBuf> {
    holding_bytes(files, word.as_bytes())
}

fn holding_bytes(files: &[PathBuf], word: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &&PathBuf| {
        // A running store may replace a file meanwhile.
        let mut bytes = Vec::new();
        let _ = fs::File::open(path).map(|mut file| file.read_to_end(&mut bytes));
        bytes.windows(word.len()).any(|at| at == word)
    };
    files.iter().filter(holds).cloned().collect()
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn neither_wire_nor_carrier_says_anything_of_a_child() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ministry = ministry(folder);
    let mut lab = Lab::new().expect("a lab");
    let hosts = NODES.map(|name| lab.host(name).expect("a host"));
    let captures = NODES.map(|name| folder.join(format!("{name}.frames")));
    let capturing: Vec<Capture> = hosts
        .iter()
        .zip(&captures)
        .map(|(host, file)| Capture::start(host, CAPTURE, &[text(file)]))
        .collect();
    let published = ministry.published();
    let arguments: [&[&str]; 5] = [
        &["--publish", text(&published), "--sync-point"],
        &[],
        &[],
        &[],
        &["--school", SCHOOL],
    ];
    let nodes: Vec<_> = (0..5)
        .map(|i| start(&hosts[i], folder, NODES[i], &ministry, arguments[i]))
        .collect();
    for node in &nodes {
        let knows = |status: &Value| number(status, "/lessons/known") > 0;
        node.wait_status("the catalogue", LIMIT, knows)
            .expect("it comes");
    }

    let learner = enrol(folder);
    report(&hosts[4]);
    for carrier in &nodes[..3] {
        // The registration and the report, at the least.
        let carries = |status: &Value| number(status, "/records/carried") >= 2;
        let carried = carrier.wait_status("records at a carrier", LIMIT, carries);
        carried.unwrap_or_else(|error| panic!("{error}\n{}", carrier.log_tail()));
    }
    let everywhere = |files: &[PathBuf], words: &[&str], what: &str| {
        for word in words {
            let found = holding(files, word);
            assert!(found.is_empty(), "{what}: {word} is readable in {found:?}");
        }
    };
    let of_carriers: Vec<PathBuf> = NODES[..3]
        .iter()
        .flat_map(|name| files(folder.join(name)))
        .collect();
    let records: Vec<PathBuf> = of_carriers
        .iter()
        .filter(|path| path.ends_with("records.redb"))
        .cloned()
        .collect();
    assert_eq!(records.len(), 3, "one file of records a carrier");
    // The catalogue is public, and a carrier has it; what was watched, and at which school, must not stand beside it.
    everywhere(
        &records,
        &[CHANGED, "thyesat", "Thyesat", SCHOOL],
        "records of carriers",
    );

    for store in &records {
        let lengths: Vec<usize> = stores::records(store).iter().map(Vec::len).collect();
        assert!(lengths.len() >= 2, "{lengths:?} in {store:?}");
        let usual = |length: &usize| [512, 2_048, 8_192].contains(length);
        assert!(lengths.iter().all(usual), "{lengths:?} in {store:?}");
    }

    named(&hosts[0], folder, &ministry);
    let statements = fs::read_to_string(folder.join("statements.jsonl")).expect("statements");
    assert!(
        statements.contains(CHANGED),
        "the report reached the ministry"
    );
    drop(capturing);

    let child = [
        NAME,
        SURNAME,
        PARENT,
        PHONE,
        &PHONE[1..],
        BROWSER,
        NICKNAME,
        &learner,
        "zamirkanar",
    ];
    let on_disk: Vec<PathBuf> = NODES
        .iter()
        .flat_map(|name| files(folder.join(name)))
        .collect();
    let logs: Vec<PathBuf> = NODES
        .iter()
        .map(|name| folder.join(name).with_extension("log"))
        .collect();
    everywhere(&on_disk, &child, "the folders of all five");
    everywhere(&logs, &child, "the logs of all five");
    everywhere(&captures, &child, "the wire");
    everywhere(
        &captures,
        &[CHANGED, "thyesat", "Thyesat", SCHOOL],
        "the wire",
    );

    for device in ["home", "school"] {
        let own = folder.join(device).join("records.redb");
        let key = stores::device_key(&own);
        for (files, what) in [
            (&captures[..], "the wire"),
            (&of_carriers, "a carrier's files"),
        ] {
            for form in [&key[..], hex::encode(key).as_bytes()] {
                let found = holding_bytes(files, form);
                assert!(found.is_empty(), "{what}: the key of {device} in {found:?}");
            }
        }
    }

    // The same search finds what is meant to be readable: so it looked.
    assert_eq!(
        holding(&captures, "_pishtar").len(),
        5,
        "each host heard mDNS"
    );
    assert!(
        !holding(&of_carriers, CHANGED).is_empty(),
        "the catalogue is public"
    );
    assert!(!holding(&[folder.join("statements.jsonl")], CHANGED).is_empty());
    let bytes: u64 = captures
        .iter()
        .map(|file| fs::metadata(file).expect("a file").len())
        .sum();
    println!(
        "{} files and {bytes} bytes of frames looked through",
        on_disk.len() + logs.len()
    );
}
