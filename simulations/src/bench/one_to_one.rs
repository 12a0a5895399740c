//! One file from one node to another on loopback, each in a process of its own.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use serde::Serialize;

use super::{
    measure::{Transfer, median},
    nodes, ours, raw,
    roles::{Offer, Seed, receive},
};

/// Who moves the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Pishtar's network and store.
    Pishtar,
    /// iroh-blobs over plain libp2p streams.
    Raw,
    /// Two whole nodes, `pishtar run`; they choose their ranges themselves.
    Node,
}

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Contender::Pishtar => "pishtar",
            Contender::Raw => "raw",
            Contender::Node => "node",
        }
    }

    /// In the seed's process: serves a file.
    ///
    /// # Errors
    /// When the file cannot be read or the network not started.
    pub async fn seed(self, file: &Path, folder: &Path) -> Result<()> {
        match self {
            Contender::Pishtar => ours::seed(file, folder).await,
            Contender::Raw => raw::seed(file, folder).await,
            Contender::Node => bail!("a node is started as `pishtar run`"),
        }
    }

    /// In the receiver's process: fetches a file.
    ///
    /// # Errors
    /// When it does not arrive.
    pub async fn receive(self, offer: &Offer, folder: &Path, streams: usize) -> Result<Transfer> {
        match self {
            Contender::Pishtar => ours::receive(offer, folder, streams).await,
            Contender::Raw => raw::receive(offer, folder, streams).await,
            Contender::Node => bail!("a node is started as `pishtar run`"),
        }
    }
}

/// One way of moving the file and what it cost, medians over the runs.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who.
    pub contender: Contender,
    /// Ranges in flight; 1 is the whole file on one stream for the raw peer.
    pub streams: usize,
    /// Megabytes (10^6 bytes) per second.
    pub mb_per_s: f64,
    /// CPU seconds of both ends per GiB.
    pub cpu_s_per_gib: f64,
    /// Of which the receiver's.
    pub receiver_cpu_s_per_gib: f64,
    /// Peak resident memory of the receiver.
    pub receiver_rss_mib: f64,
    /// Peak resident memory of the seed.
    pub seed_rss_mib: f64,
    /// Every run's megabytes per second.
    pub runs: Vec<f64>,
}

/// Moves a file of `size` bytes `runs` times each way, in turn, and gives the medians.
///
/// # Errors
/// When a process fails.
pub fn run(
    size: u64,
    runs: usize,
    ways: &[(Contender, usize)],
    scratch: &Path,
) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(scratch)?;
    let file = folder.path().join("file.bin");
    write_random(&mut File::create(&file)?, size)?;
    let sample =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/samples/v1/shkronjat/lesson.mp4");
    let published = match ways
        .iter()
        .any(|(contender, _)| *contender == Contender::Node)
    {
        true => nodes::publish_large(folder.path(), &sample, size)?,
        false => PathBuf::new(),
    };
    let mut results = vec![Vec::new(); ways.len()];
    for run in 0..runs {
        for (way, results) in ways.iter().zip(&mut results) {
            let place = tempfile::tempdir_in(scratch)?;
            results.push(match way.0 {
                Contender::Node => whole_nodes(&published, place.path())?,
                _ => once(*way, &file, place.path())?,
            });
            eprintln!("run {} of {runs}: {:?} done", run + 1, way);
        }
    }
    let rows = ways.iter().zip(results);
    Ok(rows
        .map(|(way, results)| row(*way, size, &results))
        .collect())
}

#[derive(Clone, Copy)]
struct Run {
    transfer: Transfer,
    seed_cpu_s: f64,
    seed_rss_mib: f64,
}

fn once((contender, streams): (Contender, usize), file: &Path, place: &Path) -> Result<Run> {
    let name = contender.name();
    let seed = Seed::start(&format!("seed-{name}"), file, &place.join("seed"))?;
    let before = seed.cpu_s()?;
    let transfer = receive(
        &format!("receive-{name}"),
        &seed.offer,
        &place.join("receiver"),
        streams,
    )?;
    let usage = seed.stop()?;
    Ok(Run {
        transfer,
        seed_cpu_s: usage.cpu_s - before,
        seed_rss_mib: usage.rss_mib,
    })
}

fn whole_nodes(published: &Path, place: &Path) -> Result<Run> {
    let run = nodes::transfer(published, place)?;
    Ok(Run {
        transfer: run.transfer,
        seed_cpu_s: run.seed.cpu_s,
        seed_rss_mib: run.seed.rss_mib,
    })
}

fn row((contender, streams): (Contender, usize), size: u64, runs: &[Run]) -> Row {
    let gib = size as f64 / (1u64 << 30) as f64;
    let of = |value: &dyn Fn(&Run) -> f64| median(runs.iter().map(value).collect());
    let speed = |run: &Run| size as f64 / 1e6 / run.transfer.wall_s;
    Row {
        contender,
        streams,
        mb_per_s: of(&speed),
        cpu_s_per_gib: of(&|r| (r.transfer.usage.cpu_s + r.seed_cpu_s) / gib),
        receiver_cpu_s_per_gib: of(&|r| r.transfer.usage.cpu_s / gib),
        receiver_rss_mib: of(&|r| r.transfer.usage.rss_mib),
        seed_rss_mib: of(&|r| r.seed_rss_mib),
        runs: runs.iter().map(speed).collect(),
    }
}

/// Random bytes, the same every time: nothing on the way may profit from zeros.
pub(super) fn write_random(file: &mut File, size: u64) -> Result<()> {
    let mut stream = blake3::Hasher::new().finalize_xof();
    let mut piece = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = left.min(piece.len() as u64) as usize;
        stream.fill(&mut piece[..length]);
        file.write_all(&piece[..length])?;
        left -= length as u64;
    }
    Ok(file.sync_all()?)
}
