//! A node that is killed again and again in the middle of one transfer.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use pishtar::{
    control::{Request, ask},
    handle::{Handle, status::Status},
};

use super::{
    MIB,
    world::{LIMIT, World, address, allocated, content, id, pishtar, text},
};

const KILLS: u64 = 20;
/// Decides where the kills fall; kept, so that a failure comes again.
const SEED: u64 = 0x5eed_0004;
/// What may be lost by one kill: ranges in flight on their way to the disk.
const IN_FLIGHT: u64 = 9 << 20;

/// A home as a process of its own; killed when dropped.
struct Home(Child);

impl Home {
    fn start(world: &World, source: &str) -> Home {
        let child = Command::new(env!("CARGO_BIN_EXE_pishtar"))
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

impl Drop for Home {
    fn drop(&mut self) {
        // SIGKILL: nothing is finished or closed.
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ran");
    }
}

fn status(data: &Path) -> Option<Status> {
    ask(data, &Request::Status).ok()
}

/// Waits until the node's status is as wanted.
fn wait(data: &Path, what: &str, done: impl Fn(&Status) -> bool) -> Status {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = status(data).filter(&done) {
            return status;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        thread::sleep(Duration::from_millis(3));
    }
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn sent(source: &Handle) -> u64 {
    let peers = source.status().peers;
    peers.iter().map(|peer| peer.tx_bytes).sum()
}

/// Names of the files that belong to no blob of the lesson.
fn strangers(world: &World, blob: &str) -> Vec<String> {
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(world.path("home/blobs").join(folder)).expect("the folder");
        entries.map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
    };
    let mut names: Vec<String> = in_folder("temp").collect();
    names.extend(in_folder("data").filter(|name| !name.starts_with(blob)));
    names
}

/// Kills a home `KILLS` times while a lesson of `bytes` arrives.
fn kill_again_and_again(world: &World, source: &Handle, address: &str, bytes: u64) {
    let data = world.path("home");
    let lesson = source.lesson(id("film").as_str()).expect("known").lesson;
    let blob = lesson.main().blake3.to_string();
    let (mut seed, mut held, mut lost, mut longest) = (SEED, 0, 0, 0);
    for kill in 0..KILLS {
        let home = Home::start(world, address);
        let found = wait(&data, "the node to start", |_| true);
        assert!(
            found.blobs.bytes + IN_FLIGHT >= held,
            "{} of {held} are left",
            found.blobs.bytes
        );
        assert!(
            found.lessons.complete == 0 || found.blobs.bytes == bytes,
            "half a file is complete"
        );
        assert_eq!(
            strangers(world, &blob),
            Vec::<String>::new(),
            "left-overs were not swept"
        );
        lost += held.saturating_sub(found.blobs.bytes);
        longest = longest.max(held.saturating_sub(found.blobs.bytes));
        let left = bytes - found.blobs.bytes.min(bytes);
        let step = random(&mut seed) % (2 * left / (KILLS - kill + 1) + 1);
        let target = (found.blobs.bytes + step).min(bytes);
        held = wait(&data, "more bytes", |status| status.blobs.bytes >= target)
            .blobs
            .bytes;
        drop(home);
        let on_disk = allocated(&data.join("blobs"));
        assert!(
            on_disk <= held + held / 128 + IN_FLIGHT + (6 << 20),
            "{on_disk} bytes for {held}"
        );
    }
    let said = pishtar(&["scrub", "--data", text(&data), "--json"]);
    let scrub: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        scrub["damaged_files"], 0,
        "what counts as held is held: {scrub}"
    );

    let home = Home::start(world, address);
    wait(&data, "the rest", |status| status.lessons.complete == 1);
    let overall = sent(source);
    println!(
        "{KILLS} kills in {bytes} bytes: {lost} bytes of what was counted were lost, {longest} by one kill; \
         {overall} bytes were sent in all"
    );
    assert!(overall <= 2 * bytes, "{overall} bytes were sent of {bytes}");
    // The event of the end comes after the bytes are stored.
    let end = Instant::now() + LIMIT;
    let path = data.join(format!("blobs/data/{blob}.data"));
    let expected = content("film", usize::try_from(bytes).expect("fits"));
    while fs::read(&path).expect("stored") != expected {
        assert!(Instant::now() < end, "the file is not what was published");
        thread::sleep(Duration::from_millis(50));
    }
    drop(home);
}

async fn kills_in(bytes: usize) {
    let world = World::publish(&[("film", bytes)]);
    let mut options = world.options("source");
    options.publish = vec![world.path("out")];
    // So slow that a kill falls into the middle.
    options.up_bytes_per_second = Some(bytes as u64);
    let source = world.source_with(options).await;
    let at = address(source.handle()).await.to_string();
    let handle = source.handle().clone();
    let killed = tokio::task::spawn_blocking(move || {
        kill_again_and_again(&world, &handle, &at, bytes as u64);
    });
    killed.await.expect("it holds");
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twenty_times_in_one_transfer() {
    kills_in(64 * MIB).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the same with 1 GiB, for people: cargo test --release -p pishtar --test keeping killed -- --ignored --nocapture"]
async fn killed_twenty_times_in_a_gibibyte() {
    kills_in(1024 * MIB).await;
}
