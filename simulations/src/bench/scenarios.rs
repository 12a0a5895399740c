//! The scenarios with programs in the lab, as commands of `pishtar-bench`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{
    fill::{self, Filling, Row, Wires},
    peers::{Content, Peer, track},
    playback::{self, Player},
};

/// Programs that move one file from one host to another.
const ONE_TO_ONE: [Peer; 5] = [
    Peer::Node,
    Peer::Rqbit,
    Peer::Aria2,
    Peer::Rsync,
    Peer::Http,
];

/// A scenario.
#[derive(Debug, clap::Subcommand)]
pub enum Scenario {
    /// One seed, 8 receivers, 100 Mbit/s each: how long until the last has all, and how much the seed sends
    OneToMany(FillArgs),
    /// The same, and the seed is killed when it has sent 1.15 times the file
    SeedLeaves(FillArgs),
    /// 30 receivers in one Wi-Fi cell: bytes on the air for each that finishes, beside plain HTTP downloads
    Cell {
        /// Size of the file
        #[arg(long, default_value = "20MB", value_parser = size)]
        size: u64,
        /// Receivers
        #[arg(long, default_value_t = 30)]
        receivers: usize,
        /// What the cell carries, in Mbit/s
        #[arg(long, default_value_t = 50)]
        mbit: u32,
        /// Runs, scratch folder, programs, form of the answer
        #[command(flatten)]
        common: Common,
    },
    /// Many files of 4 to 40 KiB from one host to another over a line with delay
    SmallFiles {
        /// Files
        #[arg(long, default_value_t = 10_000)]
        files: usize,
        /// What the line carries, in Mbit/s
        #[arg(long, default_value_t = 100)]
        mbit: u32,
        /// Delay of the line in each direction, in milliseconds
        #[arg(long, default_value_t = 10)]
        delay: u64,
        /// Runs, scratch folder, programs, form of the answer
        #[command(flatten)]
        common: Common,
    },
    /// Plays a 2 Mbit/s video of which nothing is held over a line of 20 Mbit/s with 20 ms delay
    Playback {
        /// Delay of the line in each direction, in milliseconds
        #[arg(long, default_value_t = 20)]
        delay: u64,
        /// Lost frames in percent
        #[arg(long, default_value_t = 0.0)]
        loss: f64,
        /// How long it plays from the start and after each of three seeks, in seconds
        #[arg(long, default_value_t = 6)]
        seconds: u64,
        /// The video's index (`moov`) lies behind its frames
        #[arg(long)]
        moov_last: bool,
        /// Runs, scratch folder, programs, form of the answer
        #[command(flatten)]
        common: Common,
    },
    /// Installs the programs that ours is measured beside: aria2, rsync, nginx and curl from Debian, rqbit with cargo
    InstallPeers,
    /// The tracker of a run
    #[command(hide = true)]
    Tracker,
    /// The player of a run
    #[command(hide = true)]
    Play(Player),
}

/// What all scenarios may be told.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Runs of each program; the medians count
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Where the files go; a disk with room for the content times the receivers
    #[arg(long, default_value = ".")]
    scratch: PathBuf,
    /// Only these programs
    #[arg(long)]
    only: Vec<Peer>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Options of the filling scenarios.
#[derive(Debug, clap::Args)]
pub struct FillArgs {
    /// Size of the file
    #[arg(long, default_value = "200MB", value_parser = size)]
    size: u64,
    /// Receivers
    #[arg(long, default_value_t = 8)]
    receivers: usize,
    /// What each host sends and receives at most, in Mbit/s
    #[arg(long, default_value_t = 100)]
    mbit: u32,
    #[command(flatten)]
    common: Common,
}

impl Scenario {
    /// Runs it and prints what it gave.
    ///
    /// # Errors
    /// When the lab or a program fails.
    pub fn run(&self) -> Result<()> {
        match self {
            Scenario::OneToMany(args) => {
                let all = [Peer::Node, Peer::Aria2, Peer::Rqbit, Peer::Http];
                args.run(None, &all)
            }
            Scenario::SeedLeaves(args) => {
                args.run(Some(1.15), &[Peer::Node, Peer::Aria2, Peer::Rqbit])
            }
            Scenario::Cell {
                size,
                receivers,
                mbit,
                common,
            } => {
                let filling = Filling {
                    receivers: *receivers,
                    wires: Wires::Cell(*mbit),
                    kill_seed_at: None,
                };
                let content = |folder: &Path, for_us| Content::file(folder, *size, for_us);
                common.fill(filling, &[Peer::Node, Peer::Http], content)
            }
            Scenario::SmallFiles {
                files,
                mbit,
                delay,
                common,
            } => {
                let filling = Filling {
                    receivers: 1,
                    wires: Wires::Long(*mbit, Duration::from_millis(*delay)),
                    kill_seed_at: None,
                };
                let content = |folder: &Path, for_us| Content::small_files(folder, *files, for_us);
                common.fill(filling, &[Peer::Node, Peer::Rsync, Peer::Http], content)
            }
            Scenario::Playback {
                delay,
                loss,
                seconds,
                moov_last,
                common,
            } => {
                let line = playback::Playback {
                    delay: Duration::from_millis(*delay),
                    loss_percent: *loss,
                    moov_last: *moov_last,
                    play_s: *seconds,
                };
                let peers = installed(&common.only, &[Peer::Node, Peer::Http]);
                let scratch = common.scratch.canonicalize()?;
                let rows = playback::run(&line, &peers, common.runs, &scratch)?;
                playback::print(&rows, common.json)
            }
            Scenario::InstallPeers => install_peers(),
            Scenario::Tracker => track(),
            Scenario::Play(player) => player.run(),
        }
    }
}

impl FillArgs {
    fn run(&self, kill_seed_at: Option<f64>, all: &[Peer]) -> Result<()> {
        let filling = Filling {
            receivers: self.receivers,
            wires: Wires::Switch(self.mbit),
            kill_seed_at,
        };
        let content = |folder: &Path, for_us| Content::file(folder, self.size, for_us);
        self.common.fill(filling, all, content)
    }
}

impl Common {
    fn fill(
        &self,
        filling: Filling,
        all: &[Peer],
        content: impl FnOnce(&Path, bool) -> Result<Content>,
    ) -> Result<()> {
        let scratch = self.scratch.canonicalize()?;
        let folder = tempfile::tempdir_in(&scratch)?;
        let peers = installed(&self.only, all);
        let content = content(folder.path(), peers.contains(&Peer::Node))?;
        let rows = fill::run(filling, &content, &peers, self.runs, &scratch)?;
        print(&rows, content.size, self.json)
    }
}

/// Whole programs from one host of the lab to another, without limits: ours and every peer that is installed.
///
/// # Errors
/// When the lab or a program fails.
pub fn one_to_one(size: u64, runs: usize, scratch: &Path, json: bool) -> Result<()> {
    let common = Common {
        runs,
        scratch: scratch.to_owned(),
        only: Vec::new(),
        json,
    };
    let filling = Filling {
        receivers: 1,
        wires: Wires::Switch(0),
        kill_seed_at: None,
    };
    common.fill(filling, &ONE_TO_ONE, |folder, for_us| {
        Content::file(folder, size, for_us)
    })
}

/// The programs to measure: those asked for or all, without those that this machine does not have.
fn installed(only: &[Peer], all: &[Peer]) -> Vec<Peer> {
    let wanted = if only.is_empty() { all } else { only };
    let (here, missing): (Vec<Peer>, Vec<Peer>) =
        wanted.iter().partition(|peer| peer.is_installed());
    for peer in missing {
        let name = peer.name();
        eprintln!("{name} is not installed; `pishtar-bench install-peers` gets it");
    }
    here
}

fn install_peers() -> Result<()> {
    let run = |program: &str, arguments: &[&str]| -> Result<()> {
        let status = Command::new(program).args(arguments).status();
        let status = status.with_context(|| format!("cannot start {program}"))?;
        ensure!(
            status.success(),
            "{program} failed; what it printed says why"
        );
        Ok(())
    };
    run("apt-get", &["update", "-qq"])?;
    let packages = ["aria2", "rsync", "nginx-light", "curl"];
    let options = ["install", "-y", "-qq", "--no-install-recommends"];
    run("apt-get", &[&options[..], &packages[..]].concat())?;
    run("cargo", &["install", "rqbit", "--locked"])
}

fn print(rows: &[Row], size: u64, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(rows)?);
        return Ok(());
    }
    let ours = rows.iter().find(|row| row.peer == Peer::Node);
    println!(
        "who         finished  last s   MB/s  ours takes  seed sent  CPU s/GiB  MiB receiver/seed  air for each"
    );
    for row in rows {
        let of = &row.median;
        let ratio = ours.map(|ours| format!("{:.2}x", ours.median.transfer_s / of.transfer_s));
        let air = of.air_copies.map(|copies| format!("{copies:.2}x"));
        println!(
            "{:<11} {:>8} {:>7.1} {:>6.0} {:>11} {:>9.2}x {:>10.2} {:>12.0}/{:<5.0} {:>12}",
            row.peer.name(),
            of.finished,
            of.last_s,
            size as f64 / 1e6 / of.transfer_s.max(0.001),
            ratio.unwrap_or_default(),
            of.seed_copies,
            of.cpu_s_per_gib,
            of.receiver_rss_mib,
            of.seed_rss_mib,
            air.unwrap_or_default(),
        );
    }
    Ok(())
}

/// Parses a size such as 200MB or 2GiB.
///
/// # Errors
/// When it is not a number with a unit.
pub fn size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .context("a size is a number and a unit, such as 1GiB")?;
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        other => anyhow::bail!("{other} is not a unit; MiB and GiB are"),
    };
    Ok(number * unit)
}
