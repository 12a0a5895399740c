//! Whole nodes, as people run them: `pishtar run`, each a process of its own.

use std::{
    fs::{self, File},
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use pishtar::control::{Request, ask};
use serde_json::Value;

use super::measure::{Transfer, Usage};
use crate::lab::{pishtar, pishtar_binary};

/// How often a node is asked how far it is.
const LOOK: Duration = Duration::from_millis(20);
const DEADLINE: Duration = Duration::from_secs(300);

/// A running `pishtar run`. Dropping it kills the process.
struct Process {
    child: Child,
    data: PathBuf,
}

impl Process {
    fn start(data: &Path, arguments: &[&str]) -> Result<Process> {
        let log = File::create(data.with_extension("log"))?;
        // Free a moment ago; another program would have to be very quick.
        let web = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(pishtar_binary())
            .args([
                "run",
                "--no-mdns",
                "--network",
                "bench",
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
            ])
            .args(["--web", &web.to_string(), "--data", text(data)?])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start pishtar")?;
        Ok(Process {
            child,
            data: data.to_owned(),
        })
    }

    fn usage(&self) -> Result<Usage> {
        Ok(Usage::of_process(&self.child.id().to_string())?)
    }

    /// Asks until the status is as wanted; gives it.
    fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        while began.elapsed() < DEADLINE {
            if let Ok(status) = ask::<Value>(&self.data, &Request::Status)
                && wanted(&status)
            {
                return Ok(status);
            }
            if let Some(exit) = self.child.try_wait()? {
                let log = fs::read_to_string(self.data.with_extension("log"))?;
                bail!("pishtar ended with {exit} before {what}:\n{log}");
            }
            sleep(LOOK);
        }
        bail!(
            "{what} did not happen; see {}",
            self.data.with_extension("log").display()
        )
    }

    /// The address of the node, with its peer id.
    fn address(&mut self) -> Result<String> {
        let listens = |s: &Value| s["listen"].as_array().is_some_and(|l| !l.is_empty());
        let status = self.wait("the node listens", listens)?;
        let listen = status["listen"][0].as_str().context("an address")?;
        let peer = status["peer_id"].as_str().context("a peer id")?;
        Ok(match listen.contains("/p2p/") {
            true => listen.to_owned(),
            false => format!("{listen}/p2p/{peer}"),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .context("choose a scratch folder with a plain name")
}

fn number(status: &Value, path: &str) -> u64 {
    status.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

/// A published folder with one lesson whose video has about `size` bytes.
///
/// # Errors
/// When a `pishtar ministry` command fails.
pub(super) fn publish_large(folder: &Path, video: &Path, size: u64) -> Result<PathBuf> {
    let lessons = folder.join("lessons");
    fs::create_dir_all(&lessons)?;
    fs::copy(video, lessons.join("large.mp4"))?;
    // Players skip a `free` box; it may be filled with anything.
    let mut file = File::options()
        .append(true)
        .open(lessons.join("large.mp4"))?;
    let length = u32::try_from(size).context("a video below 4 GiB")?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(b"free")?;
    super::one_to_one::write_random(&mut file, size - 8)?;
    fs::write(
        lessons.join("lessons.csv"),
        "file,id,title,lang,grade,subject\nlarge.mp4,large,Large,en,1,art\n",
    )?;
    publish(folder, &lessons)
}

/// A published folder with a lesson of one file for each of these.
///
/// # Errors
/// When a `pishtar ministry` command fails.
pub(super) fn publish_folder(folder: &Path, lessons: &Path, files: &[String]) -> Result<PathBuf> {
    let mut table = String::from("file,id,title,lang,grade,subject\n");
    for (number, file) in files.iter().enumerate() {
        table += &format!(
            "{file},l{number},Lesson {number},en,{},art\n",
            number % 9 + 1
        );
    }
    fs::write(lessons.join("lessons.csv"), table)?;
    publish(folder, lessons)
}

fn publish(folder: &Path, lessons: &Path) -> Result<PathBuf> {
    let workshop = folder.join("workshop");
    let workshop = text(&workshop)?;
    let table = lessons.join("lessons.csv");
    let (from, table) = (text(lessons)?, text(&table)?);
    pishtar(&["ministry", "init", workshop])?;
    pishtar(&["ministry", "add", workshop, "--from", from, "--csv", table])?;
    pishtar(&["ministry", "sign", workshop])?;
    pishtar(&["ministry", "publish", workshop])?;
    Ok(folder.join("workshop/published"))
}

/// What a transfer between whole nodes cost.
pub(super) struct NodeRun {
    /// Of the receiver.
    pub(super) transfer: Transfer,
    /// Of the seed, while it served.
    pub(super) seed: Usage,
}

/// Moves the one lesson of a published folder from a seed to a new node.
///
/// # Errors
/// When a node fails.
pub(super) fn transfer(published: &Path, place: &Path) -> Result<NodeRun> {
    let root = published.join("metadata/1.root.json");
    let (root, published) = (text(&root)?, text(published)?);
    let mut seed = Process::start(
        &place.join("seed"),
        &["--root", root, "--publish", published],
    )?;
    let address = seed.address()?;
    seed.wait("the seed holds the lesson", |s| {
        number(s, "/blobs/complete") > 0
    })?;
    let before = seed.usage()?.cpu_s;
    let arguments = ["--root", root, "--peer", &address, "--follow", "all"];
    let mut receiver = Process::start(&place.join("receiver"), &arguments)?;
    // The clock runs from the first bytes, the cost from the start of the process.
    receiver.wait("the transfer begins", |s| number(s, "/blobs/bytes") > 0)?;
    let began = Instant::now();
    receiver.wait("the lesson is complete", |s| {
        number(s, "/lessons/complete") == 1
    })?;
    let wall_s = began.elapsed().as_secs_f64();
    let usage = receiver.usage()?;
    let mut seed = seed.usage()?;
    seed.cpu_s -= before;
    Ok(NodeRun {
        transfer: Transfer { wall_s, usage },
        seed,
    })
}
