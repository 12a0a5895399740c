//! What a node costs that knows a country's lessons and does nothing: memory, CPU, and how soon its page is there.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use super::catalogue::{self, Size};

/// How long a step may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at a node that is not ready.
const STEP: Duration = Duration::from_millis(20);

/// What was measured; memory is resident memory in MiB.
#[derive(Debug, Clone, Serialize)]
pub struct Idle {
    /// Lessons known.
    pub lessons: usize,
    /// Bytes of signed metadata that describe them.
    pub metadata_bytes: u64,
    /// From asking a neighbour until every lesson is known, in seconds.
    pub sync_s: f64,
    /// After the first synchronisation, at rest.
    pub rss_after_sync_mib: f64,
    /// After a restart, at rest.
    pub rss_after_restart_mib: f64,
    /// The most in the life of the restarted process.
    pub peak_after_restart_mib: f64,
    /// CPU time at rest, in percent of one core.
    pub idle_cpu_percent: f64,
    /// From the start of the process that knows everything until its first page is answered, in seconds.
    pub first_page_s: f64,
}

/// Starts two nodes of the binary `pishtar` with their data in `scratch`, lets one learn the catalogue from the other,
/// and measures it at rest for `rest`.
///
/// # Errors
/// When a node does not start or does not learn every lesson.
pub fn run(pishtar: &Path, scratch: &Path, lessons: usize, rest: Duration) -> Result<Idle> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let published = scratch.join("published");
    let written = catalogue::write(&published, Size { lessons, seed: 1 }, now.as_secs() as i64)?;

    let mut seed = Node::start(
        pishtar,
        &scratch.join("seed"),
        &written.root,
        &["--publish".into(), published.into()],
    )?;
    seed.wait_for_lessons(lessons)?;
    let peer = seed.status()?["listen"][0]
        .as_str()
        .context("the seed has no address")?
        .to_owned();
    let id = seed.status()?["peer_id"]
        .as_str()
        .context("the seed has no id")?
        .to_owned();
    let peer = if peer.contains("/p2p/") {
        peer
    } else {
        format!("{peer}/p2p/{id}")
    };

    let began = Instant::now();
    let mut school = Node::start(
        pishtar,
        &scratch.join("school"),
        &written.root,
        &["--peer".into(), peer.into()],
    )?;
    school.wait_for_lessons(lessons)?;
    let sync_s = began.elapsed().as_secs_f64();
    sleep(rest);
    let rss_after_sync_mib = school.memory("VmRSS")?;
    school.stop()?;
    seed.stop()?;

    let began = Instant::now();
    let mut school = Node::start(pishtar, &scratch.join("school"), &written.root, &[])?;
    school.first_page(began)?;
    let first_page_s = began.elapsed().as_secs_f64();
    school.wait_for_lessons(lessons)?;
    sleep(rest);
    let cpu = school.cpu_s()?;
    sleep(rest);
    let idle_cpu_percent = (school.cpu_s()? - cpu) / rest.as_secs_f64() * 100.0;
    let (rss, peak) = (school.memory("VmRSS")?, school.memory("VmHWM")?);
    school.stop()?;
    Ok(Idle {
        lessons,
        metadata_bytes: written.metadata_bytes,
        sync_s,
        rss_after_sync_mib,
        rss_after_restart_mib: rss,
        peak_after_restart_mib: peak,
        idle_cpu_percent,
        first_page_s,
    })
}

/// A running `pishtar run`; killed when dropped.
struct Node {
    pishtar: PathBuf,
    data: PathBuf,
    output: PathBuf,
    process: Child,
}

impl Node {
    fn start(
        pishtar: &Path,
        data: &Path,
        root: &Path,
        more: &[std::ffi::OsString],
    ) -> Result<Node> {
        let output = data.with_extension("out");
        let log = File::create(data.with_extension("log")).context("making a log file")?;
        let process = Command::new(pishtar)
            .args([
                "run",
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
                "--web",
                "127.0.0.1:0",
                "--no-mdns",
            ])
            .arg("--data")
            .arg(data)
            .arg("--root")
            .arg(root)
            .args(more)
            .stdin(Stdio::null())
            .stdout(File::create(&output).context("making an output file")?)
            .stderr(log)
            .spawn()
            .with_context(|| {
                format!(
                    "starting {}: build it with `cargo build --release`",
                    pishtar.display()
                )
            })?;
        Ok(Node {
            pishtar: pishtar.into(),
            data: data.into(),
            output,
            process,
        })
    }

    fn status(&self) -> Result<Value> {
        let asked = Command::new(&self.pishtar)
            .args(["status", "--json", "--data"])
            .arg(&self.data)
            .output()?;
        ensure!(
            asked.status.success(),
            "{}",
            String::from_utf8_lossy(&asked.stderr)
        );
        Ok(serde_json::from_slice(&asked.stdout)?)
    }

    fn wait_for_lessons(&mut self, lessons: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let known = self
                .status()
                .ok()
                .and_then(|status| status["lessons"]["known"].as_u64());
            if known == Some(lessons as u64) {
                return Ok(());
            }
            self.check_alive()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} knows {known:?} of {lessons} lessons",
                self.data.display()
            );
            sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the start page is answered with 200.
    fn first_page(&mut self, began: Instant) -> Result<()> {
        loop {
            if let Some(address) = self.web_address()
                && page(&address).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return Ok(());
            }
            self.check_alive()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} shows no page",
                self.data.display()
            );
            sleep(STEP);
        }
    }

    /// The address after `Pages` in what the node printed.
    fn web_address(&self) -> Option<String> {
        let printed = fs::read_to_string(&self.output).ok()?;
        let line = printed.lines().find(|line| line.starts_with("Pages"))?;
        let url = line.split_whitespace().nth(1)?;
        Some(
            url.strip_prefix("http://")?
                .trim_end_matches('/')
                .to_owned(),
        )
    }

    fn check_alive(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            let log = fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
            bail!(
                "the node in {} ended ({status}): {log}",
                self.data.display()
            );
        }
        Ok(())
    }

    /// A line of `/proc/<pid>/status` in MiB.
    fn memory(&self, line: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let found = status
            .lines()
            .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kib: f64 = found
            .and_then(|text| text.split_whitespace().next())
            .context("no such line")?
            .parse()?;
        Ok(kib / 1024.0)
    }

    fn cpu_s(&self) -> Result<f64> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The command's name may hold spaces; the fields after it do not (proc(5)).
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        Ok((ticks(11) + ticks(12)) / TICKS_PER_SECOND)
    }

    /// Ends it as an administrator would, so that its stores close cleanly.
    fn stop(&mut self) -> Result<()> {
        let id = self.process.id().to_string();
        ensure!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()?
                .success(),
            "kill -TERM {id} failed"
        );
        let began = Instant::now();
        while self.process.try_wait()?.is_none() {
            ensure!(
                began.elapsed() < PATIENCE,
                "{} does not stop",
                self.data.display()
            );
            sleep(STEP);
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Already ended after `stop`; an error path must not leave it running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The answer to `GET /`.
fn page(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}
