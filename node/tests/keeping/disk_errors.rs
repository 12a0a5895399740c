//! A disk that refuses writes of a lesson file, once or from then on: it is said, nobody else is blamed, nothing wrong is
//! shown, and the lesson is whole when the disk works again.
//!
//! `strace` makes the system calls fail; where it cannot, the tests say so and end.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use pishtar::{
    control::{Request, ask},
    handle::status::{Status, Why},
};

use super::{
    MIB,
    world::{World, address, content, id, text, until},
};

const BYTES: usize = 12 * MIB;

/// A home as a process of its own; killed when dropped.
struct Home(Child);

impl Drop for Home {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ran");
    }
}

impl Home {
    /// `failing` is an injection as strace takes it, for writes to `file`.
    fn start(world: &World, source: &str, file: &Path, failing: Option<&str>) -> Home {
        let program = env!("CARGO_BIN_EXE_pishtar");
        let mut command = match failing {
            None => Command::new(program),
            Some(failing) => {
                let mut strace = Command::new("strace");
                // The tracer is the child's child, so that killing the child kills the node.
                strace
                    .args(["-D", "-f", "-qq", "-o", "/dev/null", "-P", text(file)])
                    .args([
                        "-e",
                        "trace=pwrite64,fsync,fdatasync",
                        "-e",
                        failing,
                        program,
                    ]);
                strace
            }
        };
        let child = command
            .args(["run", "--data", text(&world.path("home"))])
            .args(["--root", text(&world.path("out/metadata/1.root.json"))])
            .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--web", "127.0.0.1:0"])
            .args(["--network", "keeping", "--no-mdns", "--peer", source])
            .args(["--follow", "all"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        Home(child)
    }
}

/// What happened on the node, for people.
fn happened(data: &Path) -> Vec<String> {
    let why = ask::<Why>(data, &Request::Why { subject: None });
    why.map(|why| why.sentences).unwrap_or_default()
}

fn status(data: &Path) -> Option<Status> {
    ask(data, &Request::Status).ok()
}

fn is_complete(data: &Path) -> bool {
    status(data).is_some_and(|status| status.lessons.complete == 1)
}

/// Whether `strace` can make system calls of a process fail here; says why not.
fn can_inject() -> bool {
    let mut tried = Command::new("strace");
    tried.args([
        "-D",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "inject=write:error=EIO:when=1",
    ]);
    let works = tried.args(["-e", "trace=write", "true"]).status();
    if works.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        env::var_os("PISHTAR_REQUIRE_TOOLS").is_none(),
        "strace is missing or may not trace"
    );
    eprintln!("skipped: strace is missing or may not trace");
    false
}

/// A source with a film, its address, and where the home will keep the film.
async fn set_up() -> (World, pishtar::engine::Node, String, PathBuf) {
    let world = World::publish(&[("film", BYTES)]);
    let source = world.source().await;
    let at = address(source.handle()).await.to_string();
    let lesson = source
        .handle()
        .lesson(id("film").as_str())
        .expect("known")
        .lesson;
    let file = world.path(&format!("home/blobs/data/{}.data", lesson.main().blake3));
    // strace finds the file by the name that the system gives it.
    fs::create_dir_all(file.parent().expect("a folder")).expect("space");
    (world, source, at, file)
}

/// Bytes of the wrong kind never reach the file's place as a whole one, and nobody else is blamed.
fn right_and_nobody_blamed(data: &Path, file: &Path) {
    assert!(fs::read(file).expect("stored") == content("film", BYTES));
    let peers = status(data).expect("it runs").peers;
    assert!(peers.iter().all(|peer| peer.faults.is_empty()), "{peers:?}");
}

async fn survives(failing: &'static str, heals: bool) {
    if !can_inject() {
        return;
    }
    let (world, source, at, file) = set_up().await;
    let data = world.path("home");
    let home = Home::start(&world, &at, &file, Some(failing));
    until("the refusal to be said", || {
        happened(&data).iter().any(|said| said.contains("disk"))
    })
    .await;
    let home = match heals {
        true => home,
        false => {
            assert!(!is_complete(&data), "what the disk refused counts as held");
            drop(home);
            Home::start(&world, &at, &file, None)
        }
    };
    until("the film", || is_complete(&data)).await;
    until("the film on the disk", || {
        fs::read(&file).is_ok_and(|stored| stored == content("film", BYTES))
    })
    .await;
    right_and_nobody_blamed(&data, &file);
    drop(home);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_once_is_said_and_made_good() {
    // Early, while other ranges are on their way to the disk.
    survives("inject=pwrite64:error=EIO:when=4", true).await;
    survives("inject=pwrite64:error=EIO:when=6", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_from_then_on_is_said_and_made_good_by_another_start() {
    survives("inject=pwrite64:error=EIO:when=9+", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_space_for_a_file_is_said_and_made_good_by_another_start() {
    survives("inject=pwrite64:error=ENOSPC:when=5+", false).await;
}
