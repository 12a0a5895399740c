//! Watching what is not here yet, on real nodes: the source goes, viewers share, the tab closes.

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use pishtar_simulations::lab::{Host, Lab, Node, until};
use serde_json::Value;

use super::{CHANGED, LESSONS, LIMIT, Ministry, number, received, repository, start, text};

const LARGE: &str = "ministry/art-1-en/large";
/// Reads so many bytes of a file as a browser does and then hangs up; prints how many came.
const READ: &str = "import sys, urllib.request as r
ask = r.Request(sys.argv[1], headers={'Range': 'bytes=0-'})
with r.urlopen(ask, timeout=60) as answer:
    left = int(sys.argv[2])
    while left > 0:
        got = len(answer.read(min(left, 65536)))
        if got == 0: break
        left -= got
print(int(sys.argv[2]) - left)";

/// Two schools that hold every lesson, and a home that keeps nothing by itself behind a line of so many Mbit/s.
struct World {
    folder: tempfile::TempDir,
    schools: Vec<Node>,
    home: Node,
    host: Host,
    _others: Vec<Host>,
    _lab: Lab,
}

impl World {
    fn new(mbit: u32) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let ministry = Ministry::open(folder.path());
        let mut lab = Lab::new().expect("a lab");
        let hosts = ["school1", "school2"].map(|name| lab.host(name).expect("a host"));
        let published = ministry.published();
        let schools = hosts
            .iter()
            .zip(["school1", "school2"])
            .map(|(host, name)| {
                let arguments = ["--publish", text(&published), "--follow", "all"];
                let school = start(host, folder.path(), name, &ministry, &arguments);
                let holds = |status: &Value| number(status, "/lessons/complete") == LESSONS;
                let ready = school.wait_status("a school to hold the lessons", LIMIT, holds);
                ready.expect("it holds them");
                school
            });
        let schools = schools.collect();
        let host = lab.host("home").expect("a host");
        let home = start(&host, folder.path(), "home", &ministry, &[]);
        let knows = |status: &Value| {
            let peers = status["peers"].as_array().expect("a list").iter();
            let connected = peers.filter(|peer| peer["connected"] == true).count();
            connected == 2 && number(status, "/lessons/known") == LESSONS
        };
        let ready = home.wait_status("the home to know lessons and schools", LIMIT, knows);
        let status = ready.expect("it knows them");
        assert_eq!(number(&status, "/blobs/bytes"), 0, "nothing is followed");
        host.limit(mbit).expect("a slow line");
        World {
            folder,
            schools,
            home,
            host,
            _others: hosts.into(),
            _lab: lab,
        }
    }

    fn status(&self) -> Value {
        self.home.ask("status", &[]).expect("an answer")
    }

    /// Address and length of a lesson's video on the home's pages.
    fn video(&self, lesson: &str) -> (String, u64) {
        let rows = self.home.ask("lessons", &["--all"]).expect("an answer");
        let rows = rows.as_array().expect("a list").iter();
        let row = rows.into_iter().find(|row| row["id"] == lesson);
        let files = row.expect("it is known")["files"].clone();
        let files = files.as_array().expect("a list").iter();
        let main = files.into_iter().find(|file| file["part"] == "main");
        let main = main.expect("a video");
        let hash = main["blake3"].as_str().expect("a hash");
        let url = format!("http://{}:8080/file/{hash}/video.mp4", self.host.address());
        (url, number(main, "/length"))
    }

    /// Addresses and lengths of all captions, and of pictures of up to 24 KiB, the longest first.
    fn small_files(&self) -> Vec<(String, u64)> {
        let rows = self.home.ask("lessons", &["--all"]).expect("an answer");
        let rows = rows.as_array().expect("a list").iter();
        let files = rows.flat_map(|row| row["files"].as_array().expect("a list"));
        let small = files.filter(|file| {
            matches!(file["part"].as_str(), Some("captions" | "thumbnail"))
                && number(file, "/length") <= 24 * 1024
        });
        let mut small: Vec<(u64, &str)> = small
            .map(|file| {
                (
                    number(file, "/length"),
                    file["blake3"].as_str().expect("a hash"),
                )
            })
            .collect();
        small.sort_unstable_by(|a, b| b.cmp(a));
        small.dedup();
        let base = format!("http://{}:8080/file", self.host.address());
        let address = |(length, hash): (u64, &str)| (format!("{base}/{hash}/small"), length);
        small.into_iter().map(address).collect()
    }

    fn read(&self, url: &str, bytes: u64) -> Child {
        let mut command = self.host.command("python3");
        command.args(["-c", READ, url, &bytes.to_string()]);
        let child = command.stdout(Stdio::piped()).spawn();
        child.expect("python runs")
    }
}

fn ended(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
#[ignore = "needs root, network namespaces and a browser: ./check lab"]
fn an_arriving_lesson_plays_to_its_end_although_its_source_dies() {
    let mut world = World::new(1);
    let script = repository().join("simulations/browser/play.py");
    let base = format!("http://{}:8080", world.host.address());
    let picture = world.folder.path().join("played.png");
    let mut command = world.host.command(repository().join(".venv/bin/python"));
    command.args([
        text(&script),
        &base,
        CHANGED,
        text(&picture),
        "--seconds",
        "0",
    ]);
    let browser = command.stdout(Stdio::piped()).spawn().expect("a browser");
    let arriving = |status: &Value| number(status, "/blobs/bytes") > 100_000;
    let status = world
        .home
        .wait_status("the lesson to arrive", LIMIT, arriving);
    let held = number(&status.expect("it does"), "/blobs/bytes");
    let (_, length) = world.video(CHANGED);
    assert!(
        held < length * 3 / 4,
        "{held} of {length} before the source died"
    );
    // The one that gave more.
    let status = world.status();
    let peers = status["peers"].as_array().expect("a list").iter();
    let best = peers.max_by_key(|peer| number(peer, "/rx_bytes"));
    let best = best.expect("there are two")["peer_id"].clone();
    let is_best = |school: &Node| school.ask("status", &[]).expect("an answer")["peer_id"] == best;
    let at = world.schools.iter().position(is_best);
    let school = world.schools.remove(at.expect("one of them"));
    school.kill().expect("killed");
    let printed = ended(browser);
    let seen: Value = serde_json::from_str(&printed).expect("JSON");
    println!("killed after {held} of {length} bytes: {seen}");
    assert_eq!(seen["ok"], true, "{seen}");
    assert_eq!(seen["state"]["ended"], true, "{seen}");
    let seconds = seen["seconds"].as_f64().expect("a number");
    let duration = seen["state"]["duration"].as_f64().expect("a number");
    assert!(
        seconds < duration + 8.0,
        "{seconds} s for {duration} s: {seen}"
    );
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn pictures_and_captions_come_in_time_beside_an_arriving_video() {
    let world = World::new(1);
    let (video, length) = world.video(LARGE);
    let mut viewer = world.read(&video, length);
    let began = Instant::now();
    // The video's start, its first full line, and later.
    let moments = [
        0, 300, 1_000, 2_000, 3_000, 4_500, 6_000, 9_000, 12_000, 15_000,
    ];
    let small = world.small_files();
    assert!(small.len() >= moments.len(), "{small:?}");
    let asked = moments.map(Duration::from_millis).into_iter().zip(small);
    let asked = asked.map(|(moment, (url, bytes))| {
        std::thread::sleep(moment.saturating_sub(began.elapsed()));
        let mut command = world.host.command("curl");
        let printed = "%{http_code} after %{time_total} s";
        command.args([
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            printed,
            &url,
        ]);
        let child = command.stdout(Stdio::piped()).spawn().expect("curl runs");
        (moment, bytes, child)
    });
    let asked: Vec<(Duration, u64, Child)> = asked.collect();
    // A page asks again for what was not there in four seconds; that must be rare.
    let mut late = 0;
    for (moment, bytes, child) in asked {
        let answer = ended(child);
        println!("{bytes} bytes, {moment:?} after the video: {answer}");
        let in_time = answer.starts_with("200 ");
        assert!(in_time || answer.starts_with("503 "), "{answer}");
        late += usize::from(!in_time);
    }
    assert!(late <= 1, "{late} of {} were late", moments.len());
    let arriving = viewer.try_wait().expect("it can be asked").is_none();
    assert!(arriving, "the line was busy all the time");
    viewer.kill().expect("killed");
    viewer.wait().expect("it ends");
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn viewers_of_one_arriving_file_share_it_and_a_closed_tab_frees_the_line() {
    let world = World::new(50);
    let (url, length) = world.video(LARGE);
    // The tab closes: what was asked for its sake stops.
    let before = received(&world.status());
    assert_eq!(ended(world.read(&url, 300_000)).trim(), "300000");
    let mut last = u64::MAX;
    until("the line to rest", Duration::from_secs(30), || {
        let now = received(&world.status());
        let rests = now == last;
        last = now;
        if !rests {
            std::thread::sleep(Duration::from_millis(500));
        }
        rests.then_some(()).ok_or_else(|| now.to_string())
    })
    .expect("it rests");
    let closed = last - before;
    println!("{closed} of {length} bytes came for a tab that was closed after 300,000");
    assert!(closed < length / 2, "{closed} of {length}");
    // Three at once.
    let viewers: Vec<Child> = (0..3).map(|_| world.read(&url, length)).collect();
    for viewer in viewers {
        assert_eq!(ended(viewer).trim(), length.to_string());
    }
    let all = received(&world.status()) - before;
    println!("{all} bytes came for three viewers of {length}");
    assert!(all < length + length / 10, "{all} of {length}");
}
