//! Bits that flip on the disk: found when read and by scrub, never shown, repaired from a neighbour.

use std::{fs::OpenOptions, os::unix::fs::FileExt, path::PathBuf, time::Duration};

use pishtar::{
    engine::Node,
    handle::{Change, Choice, Handle},
};

use super::{
    MIB, read_all,
    world::{World, complete, content, id, pishtar, text, until},
};

fn follow(node: &Handle, name: &str) {
    let choice = Choice::Lesson(id(name), Change::Follow);
    node.choose(&choice).expect("a known lesson");
}

fn blob(node: &Handle, name: &str) -> pishtar_catalog::BlobHash {
    node.lesson(id(name).as_str())
        .expect("known")
        .lesson
        .main()
        .blake3
}

/// A home that holds all of `names`.
async fn home(world: &World, source: &Node, names: &[&str]) -> Node {
    let home = world.home("home", source.handle(), |_| {}).await;
    let node = home.handle();
    until("the catalogue", || node.status().lessons.known > 0).await;
    for name in names {
        follow(node, name);
    }
    // The core counts verified bytes that are still on their way to the disk; the event comes after them.
    until("the lessons", || {
        said(node, "lesson_complete").len() == names.len()
    })
    .await;
    home
}

fn stored(world: &World, node: &Handle, name: &str) -> PathBuf {
    world.path(&format!("home/blobs/data/{}.data", blob(node, name)))
}

/// Flips one bit of a stored file.
fn flip(path: &std::path::Path, at: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("stored");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("stored");
    file.write_all_at(&[byte[0] ^ 4], at).expect("space");
}

async fn play(node: &Handle, name: &str) -> Vec<u8> {
    let file = node.open_file(blob(node, name)).expect("known");
    let length = file.length;
    read_all(file.stream(0..length)).await
}

fn said(node: &Handle, kind: &str) -> Vec<String> {
    let events = node.events_since(0).into_iter();
    events
        .filter(|event| event.kind == kind)
        .map(|event| event.text)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_gets_the_right_bytes_of_a_damaged_file_and_it_is_repaired() {
    let world = World::publish(&[("film", 9 * MIB + 77)]);
    let source = world.source().await;
    let home = home(&world, &source, &["film"]).await;
    let node = home.handle();
    let path = stored(&world, node, "film");
    for at in [
        3 * MIB as u64,
        3 * MIB as u64 + 200_000,
        9 * MIB as u64 + 70,
    ] {
        flip(&path, at);
    }
    let before = node
        .status()
        .peers
        .iter()
        .map(|peer| peer.rx_bytes)
        .sum::<u64>();
    assert!(play(node, "film").await == content("film", 9 * MIB + 77));
    until("the repair", || complete(node, "film")).await;
    assert!(std::fs::read(&path).expect("stored") == content("film", 9 * MIB + 77));
    let told = said(node, "damaged");
    assert!(
        told.iter()
            .any(|text| text.contains("ministry/art-1-en/film/main.pdf are damaged")),
        "{told:?}"
    );
    let after = node
        .status()
        .peers
        .iter()
        .map(|peer| peer.rx_bytes)
        .sum::<u64>();
    assert!(
        after - before < MIB as u64,
        "{} bytes for three groups",
        after - before
    );
    assert_eq!(node.scrub_status().unrepaired_bytes, 0);
    home.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scrub_finds_damage_everywhere_and_alone_and_without_a_neighbour_nobody_is_shown_it() {
    let names = ["film", "song", "note"];
    let world = World::publish(&[("film", 5 * MIB), ("song", MIB), ("note", 9_000)]);
    let source = world.source().await;
    let node = home(&world, &source, &names).await;
    let (film, song) = (
        stored(&world, node.handle(), "film"),
        stored(&world, node.handle(), "song"),
    );
    let pairs = film.with_extension("obao4");
    let data = world.path("home");
    flip(&film, 100);
    flip(&song, MIB as u64 - 1);
    // The hash pair over the first half of the film.
    flip(&pairs, 70);
    let scrub = |rate: &'static str| {
        let data = text(&data).to_owned();
        tokio::task::spawn_blocking(move || {
            let said = pishtar(&["scrub", "--data", &data, "--json", "--rate", rate]);
            serde_json::from_str::<serde_json::Value>(&said).expect("JSON")
        })
    };
    let found = scrub("1GB").await.expect("said");
    assert_eq!(found["files_done"], 3, "{found}");
    assert_eq!(found["damaged_files"], 2, "{found}");
    assert_eq!(found["unrepaired_bytes"], 0, "{found}");
    for (name, path, bytes) in [("film", &film, 5 * MIB), ("song", &song, MIB)] {
        until("the repair", || complete(node.handle(), name)).await;
        assert!(std::fs::read(path).expect("stored") == content(name, bytes));
    }
    // Without a neighbour: the learner waits, the node serves the rest, the damage is remembered.
    source.stop().await;
    flip(&film, 3 * MIB as u64);
    let reading = tokio::time::timeout(Duration::from_secs(2), play(node.handle(), "film"));
    assert!(
        reading.await.is_err(),
        "damaged bytes were shown or the stream ended"
    );
    let file = node
        .handle()
        .open_file(blob(node.handle(), "film"))
        .expect("known");
    assert!(read_all(file.stream(0..MIB as u64)).await == content("film", 5 * MIB)[..MIB]);
    node.stop().await;
    flip(&song, 5);
    let found = scrub("1GB").await.expect("said");
    assert_eq!(found["damaged_files"], 2, "{found}");
    assert_eq!(found["unrepaired_bytes"], 2 * 16 * 1024, "{found}");

    let source = world.source().await;
    let node = world.home("home", source.handle(), |_| {}).await;
    until("the repair", || {
        names.iter().all(|name| complete(node.handle(), name))
    })
    .await;
    assert!(play(node.handle(), "film").await == content("film", 5 * MIB));
    assert!(play(node.handle(), "song").await == content("song", MIB));
    node.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_or_cut_is_fetched_anew() {
    let world = World::publish(&[("film", 5 * MIB), ("song", 6 * MIB)]);
    let source = world.source().await;
    let node = home(&world, &source, &["film", "song"]).await;
    let (film, song) = (
        stored(&world, node.handle(), "film"),
        stored(&world, node.handle(), "song"),
    );
    OpenOptions::new()
        .write(true)
        .open(&song)
        .expect("stored")
        .set_len(MIB as u64)
        .expect("cut");
    assert!(play(node.handle(), "song").await == content("song", 6 * MIB));
    node.stop().await;
    std::fs::remove_file(&film).expect("stored");
    let node = world.home("home", source.handle(), |_| {}).await;
    assert!(play(node.handle(), "film").await == content("film", 5 * MIB));
    until("the repair", || {
        complete(node.handle(), "film") && complete(node.handle(), "song")
    })
    .await;
    assert!(std::fs::read(&film).expect("stored") == content("film", 5 * MIB));
    node.stop().await;
    source.stop().await;
}
