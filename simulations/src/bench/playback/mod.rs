//! Playing a video of which nothing is held, over a slow and long link: through a node, and straight from a web server.

mod player;
mod video;

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use pishtar::control::{Request, ask};
use serde::Serialize;
use serde_json::Value;

pub use self::{
    player::{Played, Player, Playing},
    video::Video,
};
use super::{
    measure::median,
    peers::{Content, Peer, Tracker},
};
use crate::lab::{Host, Lab, until};

/// Mbit/s of the line in each direction.
const LINE_MBIT: u32 = 20;
/// Length of the video in seconds.
const VIDEO_S: u64 = 240;

/// The link and what is played over it.
#[derive(Debug, Clone)]
pub struct Playback {
    /// How long every frame takes, one way.
    pub delay: Duration,
    /// Percent of the frames that are lost, each way.
    pub loss_percent: f64,
    /// `moov` behind the frames.
    pub moov_last: bool,
    /// Played from the start and after each seek, in seconds.
    pub play_s: u64,
}

/// Where is jumped to: far ahead, back, far ahead.
const SEEKS: [f64; 3] = [0.515, 0.265, 0.765];

/// Medians of the runs of one program.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who.
    pub peer: Peer,
    /// Until the first frame is there, in seconds.
    pub first_s: f64,
    /// The same after a seek, of all seeks.
    pub seek_s: f64,
    /// The longest of the seeks.
    pub worst_seek_s: f64,
    /// Stalls in all runs together.
    pub stalls: u32,
    /// Their length in all runs together, in seconds.
    pub stalled_s: f64,
    /// Every run.
    pub runs: Vec<Played>,
}

/// Measures the programs in turn, `runs` times over.
///
/// # Errors
/// When the lab or a program fails.
pub fn run(playback: &Playback, peers: &[Peer], runs: usize, scratch: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(scratch)?;
    let (content, video) = Content::video(
        folder.path(),
        VIDEO_S,
        playback.moov_last,
        peers.contains(&Peer::Node),
    )?;
    let mut results = vec![Vec::new(); peers.len()];
    for run in 0..runs {
        for (peer, results) in peers.iter().zip(&mut results) {
            let place = tempfile::tempdir_in(scratch)?;
            let played = once(playback, &content, &video, *peer, place.path())?;
            eprintln!("run {} of {runs}: {} {played:.3?}", run + 1, peer.name());
            results.push(played);
        }
    }
    let rows = peers.iter().zip(results);
    Ok(rows.map(|(peer, runs)| row(*peer, runs)).collect())
}

fn row(peer: Peer, runs: Vec<Played>) -> Row {
    let seeks: Vec<f64> = runs.iter().flat_map(|run| run.seeks_s.clone()).collect();
    Row {
        peer,
        first_s: median(runs.iter().map(|run| run.first_s).collect()),
        worst_seek_s: seeks.iter().copied().fold(0.0, f64::max),
        seek_s: median(seeks),
        stalls: runs.iter().map(|run| run.stalls).sum(),
        stalled_s: runs.iter().map(|run| run.stalled_s).sum(),
        runs,
    }
}

fn once(
    playback: &Playback,
    content: &Content,
    video: &Video,
    peer: Peer,
    place: &Path,
) -> Result<Played> {
    let mut lab = Lab::new()?;
    let tracker = Tracker::start(lab.host("tracker")?)?;
    let at_seed = lab.host("seed")?;
    let at_learner = lab.far_host("learner", playback.delay)?;
    at_learner.limit(LINE_MBIT)?;
    if playback.loss_percent > 0.0 {
        at_learner.lose(playback.loss_percent)?;
    }
    let mut seed = peer.seed(&at_seed, &tracker, content, &place.join("seed"))?;
    peer.wait_for_seed(&mut seed, &at_seed)?;
    let mut playing = Playing {
        server: SocketAddr::new(at_seed.address().into(), 80),
        path: "/file.bin".to_owned(),
        video: video.clone(),
        play_s: playback.play_s,
        seeks: SEEKS.to_vec(),
    };
    if peer != Peer::Node {
        return watch(&at_learner, &playing);
    }
    // The node on the learner's device keeps nothing by itself; it is asked by the browser beside it.
    let _node = peer.viewer(&at_learner, content, &place.join("learner"))?;
    wait_for_lesson(&place.join("learner/data"))?;
    let file = fs::File::open(content.path())?;
    let hash = blake3::Hasher::new().update_reader(file)?.finalize();
    playing.server = SocketAddr::new(at_learner.address().into(), 8080);
    playing.path = format!("/file/{}/video.mp4", hash.to_hex());
    watch(&at_learner, &playing)
}

fn wait_for_lesson(data: &Path) -> Result<()> {
    let limit = Duration::from_secs(60);
    until("the learner's device to know the lesson", limit, || {
        let status = ask::<Value>(data, &Request::Status).unwrap_or_default();
        match status.pointer("/lessons/known").and_then(Value::as_u64) {
            Some(1..) => Ok(()),
            _ => Err(status.to_string()),
        }
    })?;
    Ok(())
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
    println!("who         first frame s  seek s  worst seek s  stalls in all runs  their seconds");
    for row in rows {
        println!(
            "{:<11} {:>13.2} {:>7.2} {:>13.2} {:>19} {:>14.2}",
            row.peer.name(),
            row.first_s,
            row.seek_s,
            row.worst_seek_s,
            row.stalls,
            row.stalled_s
        );
    }
    Ok(())
}

/// Runs the player on a host.
fn watch(host: &Host, playing: &Playing) -> Result<Played> {
    let output = host
        .command(std::env::current_exe()?)
        .args(["play", "--playing", &serde_json::to_string(playing)?])
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the player failed: {errors}");
    serde_json::from_slice(&output.stdout).context("what the player saw")
}
