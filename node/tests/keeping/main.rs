//! What a device keeps and whom it takes it from, with real nodes and real folders: choices, the hard quota, pins, neighbours
//! with bad manners.

mod crowd;
mod damage;
mod disk_errors;
mod full_disk;
mod neighbour;
mod rebuild;
mod restart;
mod sources;
mod world;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use pishtar::handle::{Change, Choice};

use self::world::{World, allocated, complete, id, pishtar, text, until};

const MIB: usize = 1 << 20;

/// What the folder of lesson files may take beside the quota: hash trees (1/256 of each file), the
/// store's table, and file ends up to the next block. `docs/src/operations.md` says so too.
fn overhead(quota: u64) -> u64 {
    quota / 128 + (4 << 20)
}

#[tokio::test(flavor = "multi_thread")]
async fn single_lessons_are_followed_pinned_and_left_and_it_is_remembered() {
    let world = World::publish(&[("a", MIB), ("b", MIB), ("c", 100)]);
    let source = world.source().await;
    let home = world.home("home", source.handle(), |_| {}).await;
    let node = home.handle().clone();
    until("the catalogue", || node.status().lessons.known == 3).await;
    let data = world.path("home");
    let command = |words: &[&str], lesson: &str| {
        let lesson = id(lesson);
        let mut arguments = words.to_vec();
        arguments.extend([lesson.as_str(), "--data", text(&data)]);
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        tokio::task::spawn_blocking(move || {
            pishtar(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        })
    };
    let said = command(&["follow"], "a").await.expect("said");
    assert!(
        said.contains("is kept here; 1.0 MB are still to come"),
        "{said}"
    );
    assert!(said.contains("follows 1 lessons, 1.0 MB"), "{said}");
    command(&["pin"], "b").await.expect("said");
    until("a and b", || complete(&node, "a") && complete(&node, "b")).await;
    assert!(!complete(&node, "c"));
    let json = command(&["unfollow", "--json"], "a").await.expect("said");
    let chosen: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(chosen["followed"], false);
    assert!(complete(&node, "a"), "it stays until room is needed");
    command(&["unfollow", "--remove"], "a").await.expect("said");
    until("a to go", || {
        let why = node.why(Some(id("a").as_str())).expect("known").sentences;
        why.iter()
            .any(|said| said.ends_with("because somebody asked for it."))
    })
    .await;
    let lesson = node.lesson(id("a").as_str()).expect("known");
    assert_eq!((lesson.held_bytes, lesson.followed), (0, false));
    home.stop().await;

    let home = world.home("home", source.handle(), |_| {}).await;
    let lessons = home.handle().lessons();
    assert_eq!(lessons.len(), 1, "only b is followed");
    assert!(lessons[0].pinned && lessons[0].complete);
    home.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_never_exceeds_the_quota_while_lessons_come_and_go() {
    let sizes = [
        ("a", 6 * MIB),
        ("b", 5 * MIB),
        ("c", 4 * MIB),
        ("d", 3 * MIB),
    ];
    let world = World::publish(&sizes);
    let source = world.source().await;
    let quota = 9 * MIB as u64;
    let home = world
        .home("home", source.handle(), |options| {
            options.quota_bytes = Some(quota)
        })
        .await;
    let node = home.handle().clone();
    until("the catalogue", || node.status().lessons.known == 4).await;

    let (most, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let sampler = {
        let (most, stop, folder) = (most.clone(), stop.clone(), world.path("home/blobs"));
        std::thread::spawn(move || {
            let mut samples = 0u32;
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(allocated(&folder), Ordering::Relaxed);
                samples += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            samples
        })
    };
    let choose = |name: &str, change| {
        let choice = Choice::Lesson(id(name), change);
        node.choose(&choice).expect("a known lesson");
    };
    choose("d", Change::Pin);
    until("d", || complete(&node, "d")).await;
    for (old, new) in [
        (None, "a"),
        (Some("a"), "b"),
        (Some("b"), "c"),
        (Some("c"), "a"),
    ] {
        if let Some(old) = old {
            choose(old, Change::Unfollow);
        }
        choose(new, Change::Follow);
        until(new, || complete(&node, new)).await;
        assert!(complete(&node, "d"), "a pinned lesson went");
    }
    // Somebody plays what is not followed: it gets room, because the source holds what goes.
    let file = node
        .lesson(id("b").as_str())
        .expect("known")
        .lesson
        .main()
        .blake3;
    let reader = node.open_file(file).expect("known");
    let length = reader.length;
    let played = read_all(reader.stream(0..length)).await;
    assert_eq!(played, world::content("b", 5 * MIB));
    assert!(complete(&node, "d"), "a pinned lesson went");
    stop.store(true, Ordering::Relaxed);
    let samples = sampler.join().expect("it samples");
    let most = most.load(Ordering::Relaxed);
    println!("at most {most} bytes in {samples} samples, quota {quota}");
    assert!(most <= quota + overhead(quota), "{most} bytes on the disk");
    assert!(
        most > quota / 2 && samples > 10,
        "the sampler saw something"
    );
    home.stop().await;
    source.stop().await;
    let left = fs::read_dir(world.path("home/blobs/temp"))
        .expect("the folder")
        .count();
    assert_eq!(left, 0, "temporary files stay");
}

async fn read_all(stream: impl futures::Stream<Item = std::io::Result<bytes::Bytes>>) -> Vec<u8> {
    use futures::StreamExt;
    let mut stream = std::pin::pin!(stream);
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece.expect("it arrives"));
    }
    all
}
