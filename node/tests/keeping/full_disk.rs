//! A disk that is full: what is here is served, partial files stay whole groups, fetching goes on when there is space.
//!
//! Needs a small file system of its own, which only root can mount; elsewhere the tests say so and end.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use pishtar::handle::{Change, Choice, Handle};

use super::{
    MIB, read_all,
    world::{World, complete, content, id, text, until},
};

/// A file system in memory; it goes with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, mib: usize) -> Option<SmallDisk> {
        fs::create_dir_all(&at).expect("a folder");
        let options = format!("size={mib}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "pishtar-test", text(&at)])
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(SmallDisk(at));
        }
        eprintln!("skipped: only root can mount a small disk");
        None
    }

    /// Takes all space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).expect("an entry");
        let mut piece = vec![7; MIB];
        while !piece.is_empty() {
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node that is still closing its files does not hold it up.
        let _ = Command::new("umount").args(["-l", text(&self.0)]).status();
    }
}

fn follow(node: &Handle, name: &str) {
    let choice = Choice::Lesson(id(name), Change::Follow);
    node.choose(&choice).expect("a known lesson");
}

async fn plays(node: &Handle, name: &str, bytes: usize) {
    let hash = node
        .lesson(id(name).as_str())
        .expect("known")
        .lesson
        .main()
        .blake3;
    let stream = node.open_file(hash).expect("known").stream(0..bytes as u64);
    assert!(
        read_all(stream).await == content(name, bytes),
        "{name} is not what it was"
    );
}

fn held(node: &Handle, name: &str) -> usize {
    let lesson = node.lesson(id(name).as_str()).expect("known");
    usize::try_from(lesson.held_bytes).expect("small")
}

fn partial_files(data: &Path) -> usize {
    let entries = fs::read_dir(data.join("blobs/temp")).expect("the folder");
    entries.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_in_mid_transfer_is_survived() {
    let sizes = [("a", 2 * MIB), ("b", 24 * MIB)];
    let world = World::publish(&sizes);
    let Some(disk) = SmallDisk::mount(world.path("home"), 96) else {
        return;
    };
    let mut options = world.options("source");
    options.publish = vec![world.path("out")];
    options.up_bytes_per_second = Some(8 * MIB as u64);
    let source = world.source_with(options).await;
    let home = world.home("home", source.handle(), |_| {}).await;
    let node = home.handle().clone();
    until("the catalogue", || node.status().lessons.known == 2).await;
    follow(&node, "a");
    until("a", || complete(&node, "a")).await;
    follow(&node, "b");
    until("a part of b", || held(&node, "b") > 4 * MIB).await;
    let filler = disk.fill();
    until("the node to say so", || node.status().blobs.disk_full).await;
    plays(&node, "a", 2 * MIB).await;
    assert!(!complete(&node, "b"));
    let why = node.why(Some(id("b").as_str())).expect("known").sentences;
    assert!(
        why.iter().any(|said| said.contains("disk is full")),
        "{why:?}"
    );
    assert_eq!(
        partial_files(&world.path("home")),
        0,
        "temporary files stay"
    );

    fs::remove_file(filler).expect("there");
    until("b", || complete(&node, "b")).await;
    assert!(!node.status().blobs.disk_full);
    for (name, bytes) in sizes {
        plays(&node, name, bytes).await;
    }
    home.stop().await;
    let home = world.home("home", source.handle(), |_| {}).await;
    let node = home.handle();
    assert!(complete(node, "a") && complete(node, "b"));
    assert_eq!(node.scrub_status().unrepaired_bytes, 0);
    plays(node, "b", 24 * MIB).await;
    home.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_disk_is_not_begun_and_said() {
    let world = World::publish(&[("a", 2 * MIB), ("b", 60 * MIB)]);
    let Some(_disk) = SmallDisk::mount(world.path("home"), 48) else {
        return;
    };
    let source = world.source().await;
    let home = world.home("home", source.handle(), |_| {}).await;
    let node = home.handle();
    until("the catalogue", || node.status().lessons.known == 2).await;
    follow(node, "b");
    follow(node, "a");
    until("a, and a word about b", || {
        complete(node, "a") && node.status().blobs.disk_full
    })
    .await;
    assert_eq!(held(node, "b"), 0);
    let why = node.why(Some(id("b").as_str())).expect("known").sentences;
    assert!(
        why.iter()
            .any(|said| said.contains("this machine's disk has")),
        "{why:?}"
    );
    home.stop().await;
    source.stop().await;
}
