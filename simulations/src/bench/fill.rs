//! One seed and receivers that all want the same content at the same time.

use std::{
    fs::{self, File},
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};
use serde::Serialize;

use super::{
    measure::median,
    peers::{Content, Peer, Running, Tracker},
};
use crate::lab::{Cell, Host, Lab, Medium};

/// The seed serves for so long before anybody comes: one in a school has been on for longer, and who has just come up
/// is not found at once, since mDNS lets nobody say the same twice in a second (RFC 6762, section 6).
const SETTLING: Duration = Duration::from_secs(3);
/// How often the programs are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Nobody received this much for this long: nothing more will come.
const STILL: Duration = Duration::from_secs(15);
const STILL_BYTES: u64 = 512 * 1024;
/// A program that cannot have everything yet is only asked this often: the answer costs it time.
const ASK: Duration = Duration::from_secs(1);
/// Received bytes that mark the beginning of the content: beyond what is said before it.
const BEGUN_BYTES: u64 = 128 * 1024;

/// What the receivers hang on.
#[derive(Debug, Clone, Copy)]
pub enum Wires {
    /// A switch; every host sends and receives at most so many Mbit/s, 0 is no limit.
    Switch(u32),
    /// One Wi-Fi cell of so many Mbit/s that all share; the seed is wired to its access point.
    Cell(u32),
    /// A switch; each receiver hangs on a long cable of so many Mbit/s with this delay in each direction.
    Long(u32, Duration),
}

/// A filling to measure.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    /// Number of receivers.
    pub receivers: usize,
    /// The network.
    pub wires: Wires,
    /// The seed is killed when it has sent so many times the content.
    pub kill_seed_at: Option<f64>,
}

/// What one run gave.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Receivers that have everything.
    pub finished: usize,
    /// From the start of the receivers' processes until the last of them has everything, in seconds. Of those that
    /// finished.
    pub last_s: f64,
    /// The same from the first bytes of the content on.
    pub transfer_s: f64,
    /// Wire bytes that the seed's host sent, as a multiple of the content.
    pub seed_copies: f64,
    /// CPU seconds of the seed while it served and of all receivers, for each GiB received.
    pub cpu_s_per_gib: f64,
    /// Largest memory of the seed in MiB.
    pub seed_rss_mib: f64,
    /// Largest memory of a receiver in MiB.
    pub receiver_rss_mib: f64,
    /// Bytes on the air for each receiver that finished, as a multiple of the content; of a cell only.
    pub air_copies: Option<f64>,
}

/// Outcomes of one program.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who.
    pub peer: Peer,
    /// The medians, each figure by itself.
    pub median: Outcome,
    /// Every run.
    pub runs: Vec<Outcome>,
}

/// Measures the programs in turn, `runs` times over.
///
/// # Errors
/// When the lab or a program fails.
pub fn run(
    filling: Filling,
    content: &Content,
    peers: &[Peer],
    runs: usize,
    scratch: &Path,
) -> Result<Vec<Row>> {
    let mut results = vec![Vec::new(); peers.len()];
    for run in 0..runs {
        for (peer, results) in peers.iter().zip(&mut results) {
            let place = tempfile::tempdir_in(scratch)?;
            let outcome = once(filling, content, *peer, place.path())?;
            eprintln!("run {} of {runs}: {} {outcome:.2?}", run + 1, peer.name());
            results.push(outcome);
        }
    }
    let rows = peers.iter().zip(results);
    Ok(rows
        .map(|(peer, runs)| Row {
            peer: *peer,
            median: middle(&runs),
            runs,
        })
        .collect())
}

fn middle(runs: &[Outcome]) -> Outcome {
    let of = |value: &dyn Fn(&Outcome) -> f64| median(runs.iter().map(value).collect());
    let air = runs
        .iter()
        .filter_map(|run| run.air_copies)
        .collect::<Vec<_>>();
    Outcome {
        finished: of(&|run| run.finished as f64) as usize,
        last_s: of(&|run| run.last_s),
        transfer_s: of(&|run| run.transfer_s),
        seed_copies: of(&|run| run.seed_copies),
        cpu_s_per_gib: of(&|run| run.cpu_s_per_gib),
        seed_rss_mib: of(&|run| run.seed_rss_mib),
        receiver_rss_mib: of(&|run| run.receiver_rss_mib),
        air_copies: (!air.is_empty()).then(|| median(air)),
    }
}

/// The hosts of a run.
struct Site {
    lab: Lab,
    cell: Option<Cell>,
    mbit: u32,
    delay: Option<Duration>,
}

impl Site {
    fn new(wires: Wires) -> Result<Site> {
        let mut lab = Lab::new()?;
        let (cell, mbit, delay) = match wires {
            Wires::Switch(mbit) => (None, mbit, None),
            Wires::Long(mbit, delay) => (None, mbit, Some(delay)),
            Wires::Cell(mbit) => {
                let medium = Medium {
                    delay: Duration::from_millis(1),
                    bits_per_second: Some(u64::from(mbit) * 1_000_000),
                };
                (Some(lab.cell(medium)?), 0, None)
            }
        };
        Ok(Site {
            lab,
            cell,
            mbit,
            delay,
        })
    }

    /// A host that is wired: the seed, the tracker.
    fn wired(&mut self, name: &str) -> Result<Host> {
        match &mut self.cell {
            Some(cell) => Ok(cell.school(name)?),
            None => Ok(self.lab.host(name)?),
        }
    }

    fn receiver(&mut self, name: &str) -> Result<Host> {
        match &mut self.cell {
            Some(cell) => Ok(cell.station(name)?),
            None => match self.delay {
                Some(delay) => {
                    let host = self.lab.far_host(name, delay)?;
                    host.limit(self.mbit)?;
                    Ok(host)
                }
                None => self.limited(name),
            },
        }
    }

    fn limited(&mut self, name: &str) -> Result<Host> {
        let host = self.wired(name)?;
        if self.mbit > 0 {
            host.limit(self.mbit)?;
        }
        Ok(host)
    }
}

/// Takes what earlier runs and other programs read or wrote out of memory, so that everybody has the same of it. A virtual
/// machine gives free memory back to its host and waits for it when it is touched anew, some two seconds for each GiB: whose
/// turn comes when there is much in memory would pay for that. The seed reads its file again before it serves.
fn leave_memory(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            leave_memory(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path())?;
            // What is not on the disk yet stays in memory.
            file.sync_data()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

fn once(filling: Filling, content: &Content, peer: Peer, place: &Path) -> Result<Outcome> {
    leave_memory(&content.folder).context("taking files out of memory")?;
    let mut site = Site::new(filling.wires)?;
    let tracker = Tracker::start(site.wired("tracker")?)?;
    let at_seed = site.limited("seed")?;
    let mut hosts = Vec::new();
    for number in 0..filling.receivers {
        hosts.push(site.receiver(&format!("r{number}"))?);
    }
    let mut seed = peer.seed(&at_seed, &tracker, content, &place.join("seed"))?;
    peer.wait_for_seed(&mut seed, &at_seed)?;
    sleep(SETTLING);
    let air_before = site.cell.as_ref().map_or(0, Cell::bytes);
    let mut run = Run {
        content,
        filling,
        seed_cpu: seed.usage().cpu_s,
        seed_before: seed.carried().context("the seed has an interface")?.1,
        seed,
        receivers: Vec::new(),
        began: Instant::now(),
        data_at: None,
        seed_sent: 0,
        seed_rss: 0.0,
        seed_gone: false,
    };
    for (number, host) in hosts.iter().enumerate() {
        let place = place.join(format!("r{number}"));
        run.receivers.push(Receiver {
            running: peer.receiver(host, at_seed.address(), &tracker, content, &place)?,
            finished_s: None,
            received: 0,
            asked: Instant::now(),
        });
    }
    run.watch()?;
    let air = site.cell.as_ref().map(|cell| cell.bytes() - air_before);
    Ok(run.outcome(air))
}

struct Receiver {
    running: Running,
    finished_s: Option<f64>,
    received: u64,
    asked: Instant,
}

struct Run<'a> {
    content: &'a Content,
    filling: Filling,
    seed: Running,
    seed_cpu: f64,
    seed_before: u64,
    receivers: Vec<Receiver>,
    began: Instant,
    data_at: Option<f64>,
    seed_sent: u64,
    seed_rss: f64,
    seed_gone: bool,
}

impl Run<'_> {
    fn watch(&mut self) -> Result<()> {
        let (mut moved, mut moved_at) = (0, Instant::now());
        while self
            .receivers
            .iter()
            .any(|receiver| receiver.finished_s.is_none())
        {
            self.look_at_seed();
            for at in 0..self.receivers.len() {
                self.look_at(at)?;
            }
            let received: u64 = self
                .receivers
                .iter()
                .map(|receiver| receiver.received)
                .sum();
            if received >= moved + STILL_BYTES {
                (moved, moved_at) = (received, Instant::now());
            }
            if moved_at.elapsed() > STILL {
                break;
            }
            sleep(LOOK);
        }
        self.look_at_seed();
        Ok(())
    }

    fn look_at_seed(&mut self) {
        if self.seed_gone {
            return;
        }
        if let Some((_, sent)) = self.seed.carried() {
            self.seed_sent = sent - self.seed_before;
        }
        let limit = self
            .filling
            .kill_seed_at
            .map(|copies| copies * self.content.size as f64);
        if limit.is_some_and(|limit| self.seed_sent as f64 >= limit) {
            self.seed_rss = self.seed.usage().rss_mib;
            self.seed.kill();
            self.seed_gone = true;
        }
    }

    fn look_at(&mut self, at: usize) -> Result<()> {
        let receiver = &mut self.receivers[at];
        if receiver.finished_s.is_some() {
            return Ok(());
        }
        if let Some((received, _)) = receiver.running.carried() {
            receiver.received = received;
            if received > BEGUN_BYTES && self.data_at.is_none() {
                self.data_at = Some(self.began.elapsed().as_secs_f64());
            }
        }
        if receiver.received < self.content.size && receiver.asked.elapsed() < ASK {
            return Ok(());
        }
        receiver.asked = Instant::now();
        if receiver.running.has_all()? {
            receiver.finished_s = Some(self.began.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn outcome(&mut self, air: Option<u64>) -> Outcome {
        let times: Vec<f64> = self.receivers.iter().filter_map(|r| r.finished_s).collect();
        let last_s = times.iter().copied().fold(0.0, f64::max);
        let usages: Vec<_> = self
            .receivers
            .iter_mut()
            .map(|r| r.running.usage())
            .collect();
        let seed = self.seed.usage();
        let cpu = seed.cpu_s - self.seed_cpu + usages.iter().map(|usage| usage.cpu_s).sum::<f64>();
        let size = self.content.size as f64;
        let gib = size * self.receivers.len() as f64 / (1_u64 << 30) as f64;
        let finished = times.len();
        Outcome {
            finished,
            last_s,
            transfer_s: last_s - self.data_at.unwrap_or(0.0).min(last_s),
            seed_copies: self.seed_sent as f64 / size,
            cpu_s_per_gib: cpu / gib,
            seed_rss_mib: seed.rss_mib.max(self.seed_rss),
            receiver_rss_mib: usages.iter().map(|usage| usage.rss_mib).fold(0.0, f64::max),
            air_copies: air.map(|air| air as f64 / size / finished.max(1) as f64),
        }
    }
}
