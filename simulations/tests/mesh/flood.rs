//! Threat 33: one machine takes on two hundred ids and floods the only node that a home knows. What the child did there
//! arrives all the same, and the node stays small.

use std::time::Duration;

use pishtar_simulations::lab::{Lab, until};
use serde_json::Value;

use super::{CHANGED, LIMIT, Ministry, canary::Capture, number, start, stores, text};

/// How soon an honest record is at the sync point.
const SOON: Duration = Duration::from_secs(60);
const IDS: &str = "200";
/// Room that a node gives to records of others: 64 MiB, and what lies around them in its file.
const ROOM: u64 = 64 << 20;

const REPORT: &str = "import json, sys, urllib.request as r
base, lesson = sys.argv[1:]
body = json.dumps({'learner': 'honest-0123456789abcdef', 'lesson': lesson, 'played': [[0, 9]], 'position': 9, 'duration': 44.8})
ask = r.Request(base + '/api/progress', body.encode(), {'Content-Type': 'application/json', 'Origin': base})
print(r.urlopen(ask, timeout=30).status)";

/// Starts the flood, as a program of this machine's own, from the examples of the node.
const FLOOD: &str = "import os, sys
os.execv(sys.argv[1], sys.argv[1:])";

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn a_machine_with_two_hundred_ids_does_not_keep_a_childs_work_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ministry = Ministry::open(folder);
    let mut lab = Lab::new().expect("a lab");
    let [sync, carrier, home, machine] =
        ["sync", "carrier", "home", "machine"].map(|name| lab.host(name).expect("a host"));
    let published = ministry.published();
    let carrier_node = start(&carrier, folder, "carrier", &ministry, &["--no-mdns"]);
    let at = format!("/ip4/{}/tcp/4001", carrier.address());
    let arguments = [
        "--no-mdns",
        "--publish",
        text(&published),
        "--sync-point",
        "--peer",
        &at,
    ];
    let sync_node = start(&sync, folder, "sync", &ministry, &arguments);
    let carried_by = |status: &Value| number(status, "/records/carried");
    let knows = |status: &Value| number(status, "/lessons/known") > 0;
    carrier_node
        .wait_status("the catalogue", LIMIT, knows)
        .expect("it comes");

    let program = pishtar_simulations::lab::pishtar_binary().with_file_name("examples/flood");
    let program = program.to_str().expect("a plain name").to_owned();
    let _flood = Capture::start(&machine, FLOOD, &[&program, &at, "lab", IDS]);
    let flooded = |status: &Value| carried_by(status) > 1_000;
    let status = carrier_node.wait_status("the flood to be there", LIMIT, flooded);
    let status = status.expect("it comes");
    let connected = |status: &Value| {
        let peers = status["peers"].as_array().expect("a list");
        peers
            .iter()
            .filter(|peer| peer["connected"] == true)
            .count()
    };
    assert!(
        connected(&status) <= 64 + 1,
        "one machine has {} connections",
        connected(&status)
    );

    // The home comes when the flood is there already.
    let home_node = start(
        &home,
        folder,
        "home",
        &ministry,
        &["--no-mdns", "--peer", &at],
    );
    home_node
        .wait_status("the catalogue", LIMIT, knows)
        .expect("it comes");
    let base = format!("http://{}:8080", home.address());
    let saved = home.run("python3", &["-c", REPORT, &base, CHANGED]);
    assert_eq!(saved.expect("an answer").trim(), "201");
    let own = stores::own_records(&folder.join("home/records.redb"));
    let [own] = &own[..] else {
        panic!("one report, one record: {}", own.len())
    };
    until("the honest record at the sync point", SOON, || {
        let held = stores::records(&folder.join("sync/records.redb"));
        match held.contains(own) {
            true => Ok(()),
            false => Err(format!("{} other records", held.len())),
        }
    })
    .expect("it comes");
    let status = carrier_node.ask("status", &[]).expect("an answer");
    let held = carried_by(&status) * 512;
    assert!(held <= ROOM, "{held} bytes of records are held");
    drop((home_node, sync_node));
}
