//! The set-ups with real nodes in network namespaces.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    CATALOGUE, HINT, Measured, RECORD, Setup, Transfer,
    log::time_of,
    median,
    ministry::{FIRST_GRADE, Ministry},
    transfer_name,
};
use crate::lab::{Host, Lab, LabError, Medium, Node, until};

/// How long one wait may take on a machine that is busy, but not hopelessly.
const LIMIT: Duration = Duration::from_secs(60);
/// Each hint in the log, with its time.
const LOG: (&str, &str) = (
    "PISHTAR_LOG",
    "warn,pishtar=debug,pishtar_mesh=info,iroh_blobs=error,libp2p_gossipsub=error",
);
/// Posts what a learner played, from the host's own loopback.
const POST: &str = "import sys,urllib.request as r; \
    q=r.Request(sys.argv[1],sys.argv[2].encode(),{'content-type':'application/json','origin':'http://127.0.0.1:8080'}); \
    print(r.urlopen(q,timeout=20).status)";

/// Measures every quantity of the set-up with real nodes; files go below `folder`.
///
/// # Errors
/// [`LabError`] where there are no network namespaces, or a node does not do what it should.
pub fn measure_lab(setup: &Setup, folder: &Path) -> Result<Measured, LabError> {
    let mut measured = Measured::new();
    for one in &setup.transfers {
        let name = transfer_name(one.receivers);
        let place = folder.join(format!("room of {}", one.receivers));
        measured.insert(name, transfer(setup, one, &place)?);
    }
    measured.extend(messages(setup, &folder.join("messages"))?);
    Ok(measured)
}

/// One lesson to so many receivers, who are all that is in the room.
fn transfer(setup: &Setup, transfer: &Transfer, folder: &Path) -> Result<f64, LabError> {
    let mut ministry = Ministry::open(folder)?;
    let mut cell = Lab::new()?.cell(Medium {
        delay: setup.delay[0],
        bits_per_second: Some(setup.air_mbit * 1_000_000),
    })?;
    let seed_host = cell.school("seed")?;
    let seed = start_seed(&seed_host, folder, &ministry)?;
    let mut receivers = Vec::new();
    for number in 0..transfer.receivers {
        let name = format!("r{number}");
        let host = cell.station(&name)?;
        let node = start_receiver(&host, folder, &name, &ministry, "grade=1")?;
        receivers.push((host, node));
    }
    ready(&seed, receivers.iter().map(|(_, node)| node))?;
    let before = day_seconds();
    let version = ministry.publish(1, transfer.lesson_bytes)?;
    let began = in_use(&seed, version, before)?;
    let done = format!("/g1-{version} is complete");
    let times = receivers
        .iter()
        .map(|(_, node)| Ok(wait_log(node, &[&done], before)? - began));
    let times: Result<Vec<f64>, LabError> = times.collect();
    Ok(median(times?))
}

/// A hint, a catalogue and a record where every frame takes long.
fn messages(setup: &Setup, folder: &Path) -> Result<Measured, LabError> {
    /// Catalogues and records that are sent; the median of their times counts.
    const TIMES: usize = 3;
    let mut ministry = Ministry::open(folder)?;
    let mut cell = Lab::new()?.cell(Medium {
        delay: setup.delay[1],
        bits_per_second: None,
    })?;
    let seed_host = cell.school("seed")?;
    let seed = start_seed(&seed_host, folder, &ministry)?;
    let mut receivers = Vec::new();
    for number in 0..setup.far_receivers {
        let name = format!("r{number}");
        let host = cell.station(&name)?;
        let node = start_receiver(&host, folder, &name, &ministry, "grade=8")?;
        receivers.push((host, node));
    }
    ready(&seed, receivers.iter().map(|(_, node)| node))?;
    let (mut hints, mut catalogues, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let before = day_seconds();
        // A further lesson of the course that is there: one course's file changes, as in the model.
        let version = ministry.publish(FIRST_GRADE, 2_000)?;
        let told = wait_log(&seed, &["tells a hint", "Timestamp"], before)?;
        let used = in_use(&seed, version, before)?;
        // The one that hears it first asks first; the others may learn from it.
        let mut first = f64::INFINITY;
        for (_, node) in &receivers {
            hints.push(wait_log(node, &["heard a hint", "Timestamp"], before)? - told);
            first = first.min(in_use(node, version, before)? - used);
        }
        catalogues.push(first);
    }
    for number in 0..TIMES {
        let (host, node) = &receivers[number % receivers.len()];
        let saved = day_seconds();
        save_record(host, number)?;
        // A node tells of its set when it has changed; which of the two began the exchange does not matter.
        let set = format!("Records {{ count: {},", number + 1);
        let told = wait_log(node, &["tells a hint", &set], saved)?;
        records.push(wait_log(&seed, &["tells a hint", &set], saved)? - told);
    }
    Ok([(HINT, hints), (CATALOGUE, catalogues), (RECORD, records)]
        .map(|(name, times)| (name.to_owned(), median(times)))
        .into())
}

fn start_seed(host: &Host, folder: &Path, ministry: &Ministry) -> Result<Node, LabError> {
    start(
        host,
        folder,
        "seed",
        ministry,
        &["--publish", &ministry.published(), "--link", "cable"],
    )
}

fn start_receiver(
    host: &Host,
    folder: &Path,
    name: &str,
    ministry: &Ministry,
    follow: &str,
) -> Result<Node, LabError> {
    // TAP devices do not look like Wi-Fi.
    let arguments = ["--follow", follow, "--link", "wifi"];
    start(host, folder, name, ministry, &arguments)
}

fn start(
    host: &Host,
    folder: &Path,
    name: &str,
    ministry: &Ministry,
    more: &[&str],
) -> Result<Node, LabError> {
    let listen = format!("/ip4/{}/tcp/4001", host.address());
    let root = ministry.root();
    let own = [
        "--root",
        &root,
        "--listen",
        &listen,
        "--web",
        "127.0.0.1:8080",
        "--network",
        "lab",
    ];
    Node::start_with(host, &folder.join(name), &[&own, more].concat(), &[LOG])
}

/// Waits until the seed has found all receivers, each has the first catalogue, and gossip its own neighbours.
fn ready<'a>(
    seed: &Node,
    receivers: impl ExactSizeIterator<Item = &'a Node>,
) -> Result<(), LabError> {
    /// Two heartbeats of gossip: by then it has chosen whom it sends to.
    const SETTLE: Duration = Duration::from_secs(2);
    let count = receivers.len();
    seed.wait_status("the seed to find the receivers", LIMIT, |status| {
        let peers = status["peers"].as_array().map_or(&[][..], Vec::as_slice);
        peers
            .iter()
            .filter(|peer| peer["connected"] == true)
            .count()
            >= count
    })?;
    for node in receivers {
        in_use(node, 1, 0.0)?;
    }
    std::thread::sleep(SETTLE);
    Ok(())
}

/// When this version of the catalogue came into use.
fn in_use(node: &Node, version: u64, after: f64) -> Result<f64, LabError> {
    let which = format!("catalogue {version} of");
    wait_log(node, &[&which, "is in use"], after)
}

fn wait_log(node: &Node, words: &[&str], after: f64) -> Result<f64, LabError> {
    until(&words.join(" … "), LIMIT, || {
        let log = node.log().map_err(|error| error.to_string())?;
        time_of(&log, words, after).ok_or_else(|| node.log_tail())
    })
}

fn save_record(host: &Host, number: usize) -> Result<(), LabError> {
    let learner = format!("{number:032x}");
    let report = format!(
        r#"{{"learner":"{learner}","name":"Arta","lesson":"ministry/art-9-en/g9-1","played":[[0,5]],"position":5,"duration":9}}"#
    );
    let status = host.run(
        "python3",
        &["-c", POST, "http://127.0.0.1:8080/api/progress", &report],
    )?;
    match status.trim() {
        "201" => Ok(()),
        other => Err(LabError::Command {
            command: "POST /api/progress".to_owned(),
            output: other.to_owned(),
        }),
    }
}

/// Seconds since midnight, UTC, as the nodes' logs have them.
fn day_seconds() -> f64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_secs_f64() % 86_400.0
}
