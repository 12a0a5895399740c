//! What can be made anew is lost or damaged: the lessons are there all the same, and learners' records are untouched.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use pishtar::{
    engine::Node,
    handle::{Change, Choice, Handle},
};
use pishtar_mesh::learner::{Attempt, LearnerEvent, LearnerId, LessonRef, What};

use super::{
    MIB, read_all,
    world::{World, complete, content, id, until},
};

/// A file of each kind of place: with files of its own, with its hash tree in the table, all in the table.
const LESSONS: [(&str, usize); 3] = [("film", 6 * MIB), ("song", MIB), ("note", 9_000)];
/// Answers that a learner gave on the device.
const ANSWERS: u64 = 3;

async fn plays(node: &Handle, name: &str, bytes: usize) {
    let lesson = node.lesson(id(name).as_str()).expect("known").lesson;
    let file = node.open_file(lesson.main().blake3).expect("known");
    let read = read_all(file.stream(0..bytes as u64)).await;
    assert!(read == content(name, bytes), "{name} is not what it was");
}

fn answer(counter: u64) -> LearnerEvent {
    LearnerEvent {
        learner: LearnerId::new("0123456789abcdef0123456789abcdef").expect("an id"),
        name: None,
        lesson: LessonRef::new(id("film").as_str()).expect("an id"),
        what: What::Attempted(Attempt {
            counter,
            item: "1".to_owned(),
            raw: 1,
            max: 1,
        }),
    }
}

/// A home that holds all lessons and on which somebody answered.
async fn filled(world: &World, source: &Node) -> Node {
    let home = world
        .home("home", source.handle(), |options| {
            options.follow = vec!["all".parse().expect("a rule")];
        })
        .await;
    let node = home.handle();
    for (name, _) in LESSONS {
        until(name, || complete(node, name)).await;
    }
    for counter in 1..=ANSWERS {
        node.save_events(vec![answer(counter)])
            .await
            .expect("saved");
    }
    home
}

/// Overwrites the middle of a file.
fn spoil(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("there");
    let length = file.metadata().expect("there").len();
    file.write_all_at(&vec![0xa5; length as usize / 2], length / 4)
        .expect("space");
}

fn cut(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("there");
    let length = file.metadata().expect("there").len();
    file.set_len(length / 3).expect("cut");
}

fn spoil_all(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => spoil_all(&path),
            false => spoil(&path),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lessons_and_answers_outlive_the_tables_that_name_them() {
    let world = World::publish(&LESSONS);
    let source = world.source().await;
    let mut home = filled(&world, &source).await;
    let data = world.path("home");
    let (table, index) = (data.join("blobs/blobs.db"), data.join("index.sled"));
    let records = home.handle().status().records;
    assert_eq!(records.own_unacked, ANSWERS, "{records:?}");
    type Harm = fn(&Path);
    let harms: [(&str, Harm, Harm); 4] = [
        (
            "deleted",
            |table| fs::remove_file(table).expect("there"),
            |index| fs::remove_dir_all(index).expect("there"),
        ),
        ("spoiled", spoil, spoil_all),
        ("cut", cut, |index| cut(&index.join("db"))),
        (
            "emptied",
            |table| fs::write(table, b"").expect("space"),
            |index| fs::write(index.join("conf"), b"").expect("space"),
        ),
    ];
    for (what, to_table, to_index) in harms {
        home.stop().await;
        to_table(&table);
        to_index(&index);
        // Nobody is there to give anything.
        home = world
            .home("home", source.handle(), |options| options.peers.clear())
            .await;
        let node = home.handle();
        for (name, bytes) in &LESSONS[..2] {
            assert!(
                complete(node, name),
                "{name} is gone after the tables were {what}"
            );
            plays(node, name, *bytes).await;
        }
        assert_eq!(node.status().records, records, "{what}");
        home.stop().await;
        home = world.home("home", source.handle(), |_| {}).await;
        let node = home.handle();
        until("the note", || complete(node, "note")).await;
        let received: u64 = node.status().peers.iter().map(|peer| peer.rx_bytes).sum();
        assert!(
            received < MIB as u64 / 2,
            "{received} bytes for a note, after {what}"
        );
        plays(node, "note", 9_000).await;
        let found = node.scrub(None);
        assert_eq!(found.unrepaired_bytes, 0, "{what}");
    }
    home.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_lessons_that_is_gone_is_fetched_again_and_choices_stay() {
    let world = World::publish(&LESSONS);
    let source = world.source().await;
    let home = filled(&world, &source).await;
    home.handle()
        .choose(&Choice::Lesson(id("film"), Change::Pin))
        .expect("known");
    let records = home.handle().status().records;
    home.stop().await;
    fs::remove_dir_all(world.path("home/blobs")).expect("there");
    let home = world.home("home", source.handle(), |_| {}).await;
    let node = home.handle();
    for (name, bytes) in LESSONS {
        until(name, || complete(node, name)).await;
        plays(node, name, bytes).await;
    }
    assert_eq!(node.status().records, records);
    assert!(node.lesson(id("film").as_str()).expect("known").pinned);
    home.stop().await;
    source.stop().await;
}
