//! A class that posts what it watches to one node: how soon each post is answered 201, and what a kill loses.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;
use serde_json::json;

use super::process::Node;

/// Between two posts of one browser.
const EVERY: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct ProgressPost {
    /// Browsers that post at the same time.
    pub browsers: usize,
    /// Posts of the steady part, one every ten seconds from each browser.
    pub posts: usize,
    /// Half of the posts were answered within this, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 posts were answered within this, in milliseconds.
    pub p99_ms: f64,
    /// The slowest, in milliseconds.
    pub worst_ms: f64,
    /// The same when all browsers post at one instant: the slowest of each of ten rounds, their median, in milliseconds.
    pub together_ms: f64,
    /// Times that the node was killed with signal 9 while all browsers posted.
    pub kills: usize,
    /// Posts answered 201 over all rounds of killing.
    pub answered: u64,
    /// Records of posts that were answered 201 and were not there after the restart.
    pub lost: u64,
}

/// Makes a ministry with the sample lessons and runs one node of the program `pishtar` in `scratch`.
///
/// # Errors
/// When the program fails, a post is refused, or a record that was answered 201 is gone.
pub fn run(
    pishtar: &Path,
    samples: &Path,
    scratch: &Path,
    browsers: usize,
    steady: Duration,
    kills: usize,
) -> Result<ProgressPost> {
    let published = ministry(pishtar, samples, scratch)?;
    let class = Class {
        pishtar,
        data: scratch.join("node"),
        published,
    };
    let (node, address) = class.start()?;
    let mut took = steadily(&address, browsers, steady)?;
    let together = (0..10).map(|round| {
        let times = all_at_once(&address, browsers, round);
        times.into_iter().flatten().fold(0.0, f64::max)
    });
    let mut together: Vec<f64> = together.collect();
    together.sort_by(f64::total_cmp);
    let base = class.records()?;
    drop(node);
    let (answered, lost) = class.kill_often(browsers, kills, base)?;
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
    Ok(ProgressPost {
        browsers,
        posts: took.len(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        worst_ms: at(1.0),
        together_ms: together[together.len() / 2],
        kills,
        answered,
        lost,
    })
}

fn ministry(pishtar: &Path, samples: &Path, scratch: &Path) -> Result<PathBuf> {
    let dir = scratch.join("ministry");
    let text = |path: &Path| path.display().to_string();
    let (dir_text, samples) = (text(&dir), text(samples));
    let steps: [&[&str]; 4] = [
        &["init", &dir_text],
        &["add", &dir_text, "--from", &samples],
        &["sign", &dir_text],
        &["publish", &dir_text],
    ];
    for step in steps {
        let done = Command::new(pishtar).arg("ministry").args(step).output()?;
        ensure!(
            done.status.success(),
            "pishtar ministry {step:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    Ok(dir.join("published"))
}

struct Class<'a> {
    pishtar: &'a Path,
    data: PathBuf,
    published: PathBuf,
}

impl Class<'_> {
    /// A running node that knows the lessons, and the address of its pages.
    fn start(&self) -> Result<(Node, String)> {
        let root = self.published.join("metadata/1.root.json");
        let more = ["--publish".into(), self.published.clone().into()];
        let mut node = Node::start(self.pishtar, &self.data, &root, &more)?;
        let began = Instant::now();
        node.first_page(began)?;
        let address = node.pages().context("the node prints no address")?;
        while !matches!(post(&address, 0, 0), Ok(201)) {
            ensure!(began.elapsed() < PATIENCE, "the node takes no progress");
            sleep(Duration::from_millis(50));
        }
        Ok((node, address))
    }

    /// Records of this device that the node's store holds: none is ever acknowledged here.
    fn records(&self) -> Result<u64> {
        let asked = Command::new(self.pishtar)
            .args(["status", "--json", "--data"])
            .arg(&self.data)
            .output()?;
        let status: serde_json::Value = serde_json::from_slice(&asked.stdout)?;
        let own = &status["records"]["own_unacked"];
        own.as_u64().context("status has no records.own_unacked")
    }

    /// Kills the node in the middle of posts, starts it again, and counts. Each post makes one record.
    fn kill_often(&self, browsers: usize, kills: usize, base: u64) -> Result<(u64, u64)> {
        let mut rng = ChaCha20Rng::from_seed([9; 32]);
        let (mut before, mut answered, mut lost) = (base, 0, 0);
        for round in 0..kills {
            let (node, address) = self.start()?;
            let here = self.records()?;
            lost += before.saturating_sub(here);
            let wait = Duration::from_micros(2_000 + rng.next_u64() % 150_000);
            let said = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for browser in 0..browsers {
                    let (address, said) = (&address, &said);
                    scope.spawn(move || {
                        // Until the node is gone.
                        for number in 1.. {
                            let number = round as u64 * 1_000 + number;
                            match post(address, browser as u64, number) {
                                Ok(201) => said.fetch_add(1, Ordering::SeqCst),
                                _ => return,
                            };
                        }
                    });
                }
                sleep(wait);
                // Dropping it kills it with signal 9.
                drop(node);
            });
            let said = said.load(Ordering::SeqCst);
            answered += said;
            before = here + said;
        }
        let (_node, _) = self.start()?;
        lost += before.saturating_sub(self.records()?);
        Ok((answered, lost))
    }
}

/// Every browser posts once in ten seconds, spread evenly; each post's time in milliseconds.
fn steadily(address: &str, browsers: usize, steady: Duration) -> Result<Vec<f64>> {
    let rounds = (steady.as_secs_f64() / EVERY.as_secs_f64()).ceil() as u64;
    let browser = |number: usize| -> Result<Vec<f64>> {
        let offset = EVERY.mul_f64(number as f64 / browsers as f64);
        let begin = Instant::now() + offset;
        let mut took = Vec::new();
        for round in 0..rounds {
            sleep((begin + EVERY * round as u32).saturating_duration_since(Instant::now()));
            let began = Instant::now();
            let status = post(address, number as u64, round + 1)?;
            ensure!(status == 201, "a post was answered {status}");
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(took)
    };
    let mut all = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..browsers)
            .map(|number| scope.spawn(move || browser(number)))
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(took) => all.extend(took?),
                Err(_) => bail!("a browser stopped"),
            }
        }
        Ok(())
    })?;
    Ok(all)
}

/// All browsers at one instant; each one's time in milliseconds.
fn all_at_once(address: &str, browsers: usize, round: u64) -> Vec<Option<f64>> {
    let gate = std::sync::Barrier::new(browsers);
    let once = |number: u64| {
        gate.wait();
        let began = Instant::now();
        let status = post(address, number, 500 + round).ok()?;
        (status == 201).then(|| began.elapsed().as_secs_f64() * 1_000.0)
    };
    std::thread::scope(|scope| {
        let once = &once;
        let threads: Vec<_> = (0..browsers as u64)
            .map(|number| scope.spawn(move || once(number)))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|took| took.unwrap_or_default()).collect()
    })
}

/// One post as the player sends it; the answer's status.
fn post(address: &str, browser: u64, number: u64) -> Result<u16> {
    let start = number % 60 * 10;
    let body = json!({
        "learner": format!("browser-{browser:04}"),
        "lesson": "ministry/math-6-sq/thyesat",
        "played": [[start, start + 10]],
        "position": start + 10,
        "duration": 620.0,
    })
    .to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "POST /api/progress HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split_whitespace().nth(1).context("no answer")?;
    Ok(status.parse()?)
}

/// The sample lessons in this repository.
pub fn samples() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let samples = here.join("../node/samples/v1");
    fs::canonicalize(&samples).unwrap_or(samples)
}
