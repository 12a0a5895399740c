//! Two real nodes and the bytes that a catalogue costs between them: counted on the streams, whatever the time it takes.

use std::{fmt::Write as _, fs, path::Path, process::Command, time::Duration};

use pishtar::{
    engine::{self, Node, NodeOptions},
    handle::Handle,
};

const COURSES: [&str; 4] = ["math", "art", "music", "physics"];
const LESSONS: usize = 40;
/// What an update of one lesson in two of the courses may cost the node that learns of it: root, timestamp, snapshot, two
/// differences and what else the nodes say to each other meanwhile.
const UPDATE_BYTES: u64 = 6_000;
const LIMIT: Duration = Duration::from_secs(60);

fn pishtar(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Adds these lessons as small files, signs and publishes.
fn publish(folder: &Path, name: &str, lessons: &[(&str, usize)]) {
    let (from, workshop) = (folder.join(name), folder.join("workshop"));
    fs::create_dir(&from).expect("a folder");
    let mut table = String::from("file,id,title,description,lang,grade,subject\n");
    for (course, number) in lessons {
        let file = format!("{course}-{number}.txt");
        let content = format!("{name} {course} {number}");
        // Words that no other lesson has.
        let words = blake3::hash(content.as_bytes()).to_hex();
        fs::write(from.join(&file), &content).expect("space");
        writeln!(
            table,
            "{file},lesson-{number},{content},{words},en,1,{course}"
        )
        .expect("memory");
    }
    fs::write(from.join("lessons.csv"), table).expect("space");
    pishtar(&["ministry", "add", text(&workshop), "--from", text(&from)]);
    pishtar(&["ministry", "sign", text(&workshop)]);
    let out = folder.join("out");
    pishtar(&["ministry", "publish", text(&workshop), "--to", text(&out)]);
}

fn options(folder: &Path, name: &str) -> NodeOptions {
    NodeOptions {
        data: folder.join(name),
        first_root: Some(folder.join("out/metadata/1.root.json")),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
        tls: pishtar::web::TlsChoice::Off,
        web: "127.0.0.1:0".parse().expect("an address"),
        attachment: None,
        peers: Vec::new(),
        mdns: false,
        limits: pishtar::net::Limits::default(),
        publish: Vec::new(),
        follow: Vec::new(),
        quota_bytes: None,
        up_bytes_per_second: None,
        sync_point: false,
        choose_from_lan: false,
        school: None,
        network: "metadata".to_owned(),
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !done() {
        assert!(tokio::time::Instant::now() < end, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn version(node: &Handle) -> u64 {
    let status = node.status();
    status.catalogs.first().map_or(0, |catalog| catalog.version)
}

/// Bytes that the node received over streams from its one neighbour.
fn received(node: &Handle) -> u64 {
    node.status().peers.iter().map(|peer| peer.rx_bytes).sum()
}

async fn two_nodes(folder: &Path) -> (Node, Node) {
    let giver = engine::start(NodeOptions {
        publish: vec![folder.join("out")],
        ..options(folder, "giver")
    })
    .await
    .expect("a node");
    until("an address", || !giver.handle().status().listen.is_empty()).await;
    until("the giver's catalogue", || version(giver.handle()) > 0).await;
    let status = giver.handle().status();
    let address = format!("{}/p2p/{}", status.listen[0], status.peer_id);
    let learner = engine::start(NodeOptions {
        peers: vec![address.parse().expect("an address")],
        ..options(folder, "learner")
    })
    .await
    .expect("a node");
    (giver, learner)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_costs_its_difference() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    pishtar(&["ministry", "init", text(&folder.join("workshop"))]);
    let lessons: Vec<(&str, usize)> = COURSES
        .into_iter()
        .flat_map(|course| (0..LESSONS).map(move |number| (course, number)))
        .collect();
    publish(folder, "first", &lessons);
    let (giver, learner) = two_nodes(folder).await;
    let first = version(giver.handle());
    until("the first catalogue", || version(learner.handle()) == first).await;
    let after_first = received(learner.handle());
    // Each lesson has two digests of its file and one in words: 96 bytes that nothing makes smaller.
    let incompressible = (lessons.len() * 96) as u64;
    assert!(after_first > incompressible, "{after_first}");

    publish(folder, "second", &[("math", 7), ("physics", 31)]);
    until("the second catalogue", || version(learner.handle()) > first).await;
    let update = received(learner.handle()) - after_first;
    assert!(update < UPDATE_BYTES, "{update} of {after_first}");
    let changed = learner.handle().lesson("ministry/math-1-en/lesson-7");
    let title = changed.map(|view| view.lesson.title.clone());
    assert!(format!("{title:?}").contains("second math 7"), "{title:?}");
    learner.stop().await;
    giver.stop().await;
}
