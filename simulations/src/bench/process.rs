//! A `pishtar run` of its own, for benchmarks: started, asked, measured, ended.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long a step may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at a node that is not ready.
const STEP: Duration = Duration::from_millis(20);

/// A running `pishtar run`; killed when dropped.
pub(super) struct Node {
    pishtar: PathBuf,
    data: PathBuf,
    output: PathBuf,
    process: Child,
}

impl Node {
    pub(super) fn start(
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

    pub(super) fn status(&self) -> Result<Value> {
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

    /// Its first address with its id at the end, as `--peer` takes it.
    pub(super) fn address(&self) -> Result<String> {
        let status = self.status()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let address = text(&status["listen"][0]).context("the node has no address")?;
        let id = text(&status["peer_id"]).context("the node has no id")?;
        Ok(match address.contains("/p2p/") {
            true => address,
            false => format!("{address}/p2p/{id}"),
        })
    }

    /// The first line of its log that holds every one of `words`, when there is one.
    pub(super) fn log_line(&self, words: &[&str]) -> Result<Option<String>> {
        let log = fs::read_to_string(self.data.with_extension("log"))?;
        let holds = |line: &&str| words.iter().all(|word| line.contains(word));
        Ok(log.lines().find(holds).map(str::to_owned))
    }

    /// Waits for such a line.
    pub(super) fn wait_for_log(&mut self, words: &[&str]) -> Result<String> {
        let began = Instant::now();
        loop {
            if let Some(line) = self.log_line(words)? {
                return Ok(line);
            }
            self.check_alive()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} never says {words:?}",
                self.data.display()
            );
            sleep(STEP);
        }
    }

    pub(super) fn wait_for_lessons(&mut self, lessons: usize) -> Result<()> {
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
    pub(super) fn first_page(&mut self, began: Instant) -> Result<()> {
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
    pub(super) fn pages(&self) -> Option<String> {
        self.web_address()
    }

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
    pub(super) fn memory(&self, line: &str) -> Result<f64> {
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

    /// Waits until it has nothing to do, such as filling its search index.
    pub(super) fn wait_for_rest(&mut self) -> Result<()> {
        const LOOK: Duration = Duration::from_millis(500);
        const BUSY_S: f64 = 0.03;
        let began = Instant::now();
        loop {
            let before = self.cpu_s()?;
            sleep(LOOK);
            if self.cpu_s()? - before < BUSY_S {
                return Ok(());
            }
            self.check_alive()?;
            ensure!(
                began.elapsed() < PATIENCE,
                "{} never comes to rest",
                self.data.display()
            );
        }
    }

    pub(super) fn cpu_s(&self) -> Result<f64> {
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
    pub(super) fn stop(&mut self) -> Result<()> {
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
