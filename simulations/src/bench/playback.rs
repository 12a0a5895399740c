//! A person presses play on a video of which nothing is held, and seeks.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use pishtar::control::{Request, ask};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    measure::median,
    peers::{Content, Peer, Tracker},
};
use crate::lab::{Host, Lab, until};

/// What the line carries.
const LINE_MBIT: u32 = 20;
/// Bytes that the video takes for a second: 2 Mbit/s.
const VIDEO_RATE: f64 = 250_000.0;
/// Length of the video file in bytes: four minutes.
const VIDEO_BYTES: u64 = 60_000_000;
/// Received bytes after which a player can show a frame.
const FRAME_BYTES: u64 = 64 * 1024;
/// How far a player reads ahead, in seconds of video.
const AHEAD_S: f64 = 20.0;

/// The line between the school and the home.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// In each direction.
    pub delay: Duration,
    /// Lost frames in percent.
    pub loss_percent: f64,
    /// Seconds that are played before the seek; half as many after it.
    pub seconds: u64,
}

/// What a player saw.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Seen {
    /// From pressing play until the first frame's data, in seconds.
    pub first_s: f64,
    /// From the seek until the data of the frame there, in seconds.
    pub seek_s: f64,
    /// Seconds that the picture stood still.
    pub stalled_s: f64,
}

/// What was seen with one program.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who.
    pub peer: Peer,
    /// The medians.
    pub median: Seen,
    /// Every run.
    pub runs: Vec<Seen>,
}

/// Plays with each program in turn, `runs` times over.
///
/// # Errors
/// When the lab or a program fails.
pub fn run(line: Line, peers: &[Peer], runs: usize, scratch: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(scratch)?;
    let content = Content::file(folder.path(), VIDEO_BYTES, peers.contains(&Peer::Node))?;
    let mut results = vec![Vec::new(); peers.len()];
    for run in 0..runs {
        for (peer, results) in peers.iter().zip(&mut results) {
            let place = tempfile::tempdir_in(scratch)?;
            let seen = once(line, &content, *peer, place.path())?;
            eprintln!("run {} of {runs}: {} {seen:.3?}", run + 1, peer.name());
            results.push(seen);
        }
    }
    let row = |(peer, runs): (&Peer, Vec<Seen>)| {
        let of = |value: &dyn Fn(&Seen) -> f64| median(runs.iter().map(value).collect());
        Row {
            peer: *peer,
            median: Seen {
                first_s: of(&|seen| seen.first_s),
                seek_s: of(&|seen| seen.seek_s),
                stalled_s: of(&|seen| seen.stalled_s),
            },
            runs,
        }
    };
    Ok(peers.iter().zip(results).map(row).collect())
}

/// Prints rows, for people or programs.
///
/// # Errors
/// Never in practice: plain data is JSON.
pub fn print(rows: &[Row], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(rows)?);
        return Ok(());
    }
    println!("who         first frame s  seek s  stood still s");
    for row in rows {
        let (name, of) = (row.peer.name(), &row.median);
        println!(
            "{name:<11} {:>13.2} {:>7.2} {:>14.2}",
            of.first_s, of.seek_s, of.stalled_s
        );
    }
    Ok(())
}

fn once(line: Line, content: &Content, peer: Peer, place: &Path) -> Result<Seen> {
    let mut lab = Lab::new()?;
    let tracker = Tracker::start(lab.host("tracker")?)?;
    let school = lab.host("school")?;
    let home = lab.far_host("home", line.delay)?;
    home.limit(LINE_MBIT)?;
    if line.loss_percent > 0.0 {
        home.lose(line.loss_percent)?;
    }
    let mut seed = peer.seed(&school, &tracker, content, &place.join("seed"))?;
    peer.wait_for_seed(&mut seed, &school)?;
    if peer != Peer::Node {
        return watch(&home, school.address(), 80, "/file.bin", line.seconds);
    }
    let data = place.join("home/data");
    let _node = peer.viewer(&home, content, &place.join("home"))?;
    let hash = content.video_hash()?;
    until(
        "the home to know the lesson",
        Duration::from_secs(60),
        || {
            let status = ask::<Value>(&data, &Request::Status).unwrap_or_default();
            let known = status.pointer("/lessons/known").and_then(Value::as_u64);
            match known {
                Some(1..) => Ok(()),
                _ => Err(status.to_string()),
            }
        },
    )?;
    let path = format!("/file/{hash}/video.mp4");
    watch(&home, home.address(), 8080, &path, line.seconds)
}

fn watch(home: &Host, address: Ipv4Addr, port: u16, path: &str, seconds: u64) -> Result<Seen> {
    let mut command = home.command(std::env::current_exe()?);
    command.args(["play", "--address", &format!("{address}:{port}")]);
    command.args(["--path", path, "--seconds", &seconds.to_string()]);
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the player failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A player: reads as a browser does, in one open request that it reads from when its buffer has room.
#[derive(Debug, clap::Args)]
pub struct Player {
    #[arg(long)]
    address: String,
    #[arg(long)]
    path: String,
    #[arg(long)]
    seconds: u64,
}

impl Player {
    /// Plays, seeks, plays on; prints what it saw as JSON.
    ///
    /// # Errors
    /// When the server does not serve the range.
    pub fn run(&self) -> Result<()> {
        let played = Duration::from_secs(self.seconds);
        let (first_s, stalled) = self.play(0, played)?;
        let (seek_s, stalled_again) = self.play(VIDEO_BYTES * 3 / 5, played / 2)?;
        let seen = Seen {
            first_s,
            seek_s,
            stalled_s: stalled + stalled_again,
        };
        println!("{}", serde_json::to_string(&seen)?);
        Ok(())
    }

    /// Seconds until the first frame's data, and seconds without data after it.
    fn play(&self, from: u64, during: Duration) -> Result<(f64, f64)> {
        let pressed = Instant::now();
        let mut body = self.open(from)?;
        let mut buffer = vec![0; 16 * 1024];
        let (mut received, mut stalled) = (0_u64, 0.0);
        let mut shown: Option<Instant> = None;
        loop {
            let position = shown.map_or(0.0, |at| at.elapsed().as_secs_f64() - stalled);
            let ahead = received as f64 / VIDEO_RATE - position;
            if shown.is_some_and(|at| at.elapsed() > during) {
                break;
            }
            if ahead > AHEAD_S {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            let count = body.read(&mut buffer)?;
            ensure!(count > 0, "the video ended early");
            received += count as u64;
            match shown {
                None if received >= FRAME_BYTES => shown = Some(Instant::now()),
                None => {}
                Some(at) => {
                    // What was on the screen before these bytes came ended where they begin.
                    let had = (received - count as u64) as f64 / VIDEO_RATE;
                    let late = at.elapsed().as_secs_f64() - stalled - had;
                    stalled += late.max(0.0);
                }
            }
        }
        let first = shown.context("a frame was shown")?;
        Ok(((first - pressed).as_secs_f64(), stalled))
    }

    fn open(&self, from: u64) -> Result<impl Read> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let (path, host) = (&self.path, &self.address);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={from}-\r\nConnection: close\r\n\r\n"
        )?;
        let mut body = BufReader::new(stream);
        let mut head = String::new();
        while body.read_line(&mut head)? > 2 {}
        ensure!(
            head.starts_with("HTTP/1.1 206"),
            "no part of the file: {head}"
        );
        Ok(body)
    }
}
