//! A node that is killed again and again in the middle of one transfer.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
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

/// Bytes per second from the source: a school's Wi-Fi, and so slow that a kill falls into the middle.
const RATE: u64 = 8 << 20;
/// Bytes of a chunk group.
const GROUP: usize = 16 << 10;

/// How often a chunk group was found right, whatever became of it then.
#[derive(Clone, Copy, Default)]
struct Found {
    arrived: u32,
    /// From what a stream brought before a kill.
    played_back: u32,
}

type Arrivals = Arc<Mutex<Vec<Found>>>;

/// A home as a process of its own; killed when dropped.
struct Home {
    child: Child,
    counter: Option<thread::JoinHandle<()>>,
}

impl Home {
    fn start(world: &World, source: &str, arrivals: &Arrivals) -> Home {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .args(["run", "--data", text(&world.path("home"))])
            .args(["--root", text(&world.path("out/metadata/1.root.json"))])
            .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--web", "127.0.0.1:0"])
            .args(["--network", "keeping", "--no-mdns", "--peer", source])
            .args(["--follow", "all"])
            .env("PISHTAR_LOG", "off,pishtar::verified=trace")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let said = BufReader::new(child.stderr.take().expect("piped"));
        let arrivals = arrivals.clone();
        // What the pipe took is read after a kill, too.
        let counter = thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let offset = line.split_once("offset=").expect("nothing else is said").1;
                let offset: usize = offset.trim().parse().expect("a number");
                let found = &mut arrivals.lock().expect("no panic holds it")[offset / GROUP];
                match line.contains("played back") {
                    true => found.played_back += 1,
                    false => found.arrived += 1,
                }
            }
        });
        Home {
            child,
            counter: Some(counter),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // SIGKILL: nothing is finished or closed.
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ran");
        if let Some(counter) = self.counter.take() {
            counter.join().expect("it said nothing else");
        }
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
    let groups = usize::try_from(bytes).expect("fits").div_ceil(GROUP);
    let arrivals = Arrivals::new(Mutex::new(vec![Found::default(); groups]));
    let (mut seed, mut held, mut lost, mut longest) = (SEED, 0, 0, 0);
    for kill in 0..KILLS {
        let home = Home::start(world, address, &arrivals);
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

    let home = Home::start(world, address, &arrivals);
    wait(&data, "the rest", |status| status.lessons.complete == 1);
    let overall = sent(source);
    // The event of the end comes after the bytes are stored.
    let end = Instant::now() + LIMIT;
    let path = data.join(format!("blobs/data/{blob}.data"));
    let expected = content("film", usize::try_from(bytes).expect("fits"));
    while fs::read(&path).expect("stored") != expected {
        assert!(Instant::now() < end, "the file is not what was published");
        thread::sleep(Duration::from_millis(50));
    }
    drop(home);
    let on_disk = allocated(&data.join("blobs/data"));
    assert!(
        on_disk <= bytes + bytes / 128 + (1 << 20),
        "{on_disk} bytes for {bytes}"
    );
    let arrivals = arrivals.lock().expect("no panic holds it");
    let times = |times: u32| {
        arrivals
            .iter()
            .filter(|found| found.arrived == times)
            .count()
    };
    println!(
        "{KILLS} kills in {bytes} bytes: {lost} bytes of what was counted were lost, {longest} by one kill; \
         {overall} bytes were sent in all; of {groups} chunk groups {} arrived once, {} twice, {} three times, {} more often, \
         {} were first verified when they were played back",
        times(1),
        times(2),
        times(3),
        arrivals.iter().filter(|found| found.arrived > 3).count(),
        times(0)
    );
    let absent = |found: &&Found| found.arrived + found.played_back == 0;
    assert_eq!(arrivals.iter().filter(absent).count(), 0, "all arrived");
    let most = arrivals.iter().map(|found| found.arrived).max();
    let most = most.unwrap_or_default();
    assert!(most <= 2, "a chunk group arrived {most} times");
}

async fn kills_in(bytes: usize, rate: Option<u64>) {
    let world = World::publish(&[("film", bytes)]);
    let mut options = world.options("source");
    options.publish = vec![world.path("out")];
    options.up_bytes_per_second = rate;
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
    kills_in(64 * MIB, Some(RATE)).await;
}

/// Here pieces are large and much is in flight: what one kill lost shall not be lost by the next.
#[tokio::test(flavor = "multi_thread")]
async fn killed_twenty_times_on_a_fast_line() {
    kills_in(256 * MIB, None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the same with 1 GiB, for people: cargo test --release -p pishtar --test keeping killed -- --ignored --nocapture"]
async fn killed_twenty_times_in_a_gibibyte() {
    kills_in(1024 * MIB, None).await;
}
