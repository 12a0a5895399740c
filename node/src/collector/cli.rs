//! The commands `pishtar collect` and `pishtar progress`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Subcommand};
use libp2p::Multiaddr;

use super::{
    XapiFile,
    export::{ExportFormat, export},
    run::{Plan, Round, RunError, Worker, unix_now},
};
use crate::{
    control,
    handle::status::Status,
    ministry::{PassphraseArgs, open_collection},
};

/// Pull learners' records from a sync point, count them, and hand back acknowledgements.
#[derive(Debug, Clone, Args)]
pub struct CollectArgs {
    /// The ministry's secret collection key (keys/collection.json)
    #[arg(long, value_name = "K")]
    pub key: PathBuf,
    /// A sync point's address, or its data folder when it is on this machine
    #[arg(long, value_name = "MULTIADDR|DIR")]
    pub from: Source,
    /// The collector's own folder: what it has counted
    #[arg(long, value_name = "D")]
    pub data: PathBuf,
    /// Where xAPI statements go: xapi:FILE, one statement a line
    #[arg(long, value_name = "SINK")]
    pub sink: SinkSpec,
    /// Stop after one round
    #[arg(long)]
    pub once: bool,
    /// Seconds between rounds when nothing hints at new records
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,
    /// Name of the network to join
    #[arg(long, value_name = "TAG", default_value = "pishtar")]
    pub network: String,
    /// Start of the ids of learners and lessons in statements
    #[arg(long, value_name = "URL", default_value = DEFAULT_HOME)]
    pub home_page: String,
    /// How passphrases of locked keys are given
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

const DEFAULT_HOME: &str = "https://pishtar.invalid/";

/// Where records come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A running node.
    Address(Multiaddr),
    /// A node's data folder on this machine; a running node is reached by the address that it tells.
    Folder(PathBuf),
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(address) => Self::Address(address),
            Err(_) => Self::Folder(text.into()),
        })
    }
}

impl Source {
    /// The folder of a running node becomes that node's address: its stores are its own while it runs.
    fn located(self) -> Self {
        let Self::Folder(folder) = &self else {
            return self;
        };
        let Ok(status) = control::ask::<Status>(folder, &control::Request::Status) else {
            return self;
        };
        let here = status
            .listen
            .iter()
            .find(|address| address.contains("/127.0.0.1/"));
        let address = here
            .or(status.listen.first())
            .map(|address| format!("{address}/p2p/{}", status.peer_id));
        address
            .and_then(|address| address.parse().ok())
            .map_or(self, Self::Address)
    }
}

/// Where statements go.
#[derive(Debug, Clone)]
pub enum SinkSpec {
    /// A file of xAPI statements.
    Xapi(PathBuf),
}

impl FromStr for SinkSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("xapi", path)) if !path.is_empty() => Ok(Self::Xapi(path.into())),
            _ => Err("a sink is written xapi:FILE".into()),
        }
    }
}

/// What the collector knows.
#[derive(Debug, Clone, Subcommand)]
pub enum ProgressCommand {
    /// Write everyone's progress to a file
    Export {
        /// The collector's folder
        #[arg(long, value_name = "D")]
        data: PathBuf,
        /// The form
        #[arg(long)]
        format: ExportFormat,
        /// The file; an earlier one is replaced
        #[arg(long, value_name = "F")]
        out: PathBuf,
        /// Start of the ids of learners and lessons in statements
        #[arg(long, value_name = "URL", default_value = DEFAULT_HOME)]
        home_page: String,
    },
}

/// Runs `pishtar collect` until it is done or interrupted.
///
/// # Errors
/// When the key, the folder, the sink or (with `--once`) the sync point is of no use.
pub async fn collect(args: CollectArgs) -> anyhow::Result<()> {
    let secret = open_collection(&args.key, &args.passphrase)?;
    let SinkSpec::Xapi(file) = &args.sink;
    let mut worker = Worker::open(
        &args.data,
        secret,
        Box::new(XapiFile::new(file)),
        &args.home_page,
    )?;
    let from = args.from.clone().located();
    let work = async {
        match &from {
            Source::Address(address) => {
                let plan = Plan {
                    sync_point: address.clone(),
                    network: args.network.clone(),
                    period: Duration::from_secs(args.every),
                    once: args.once,
                };
                worker.run(&plan, &mut |round| tell(&round)).await
            }
            Source::Folder(folder) => loop {
                let round = worker.round_with_folder(folder, unix_now).await;
                if args.once || round.is_err() {
                    return round.map(|round| tell(&Ok(round)));
                }
                tell(&round);
                tokio::time::sleep(Duration::from_secs(args.every)).await;
            },
        }
    };
    tokio::select! {
        result = work => Ok(result?),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// One sentence for each round in which something happened.
fn tell(round: &Result<Round, RunError>) {
    match round {
        Ok(round) if *round == Round::default() => println!("nothing new"),
        Ok(round) => {
            let report = &round.report;
            print!(
                "{} records came, {} counted, {} counted before, {} statements written, {} acknowledgements handed back",
                round.pulled, report.counted, report.duplicate, report.statements, round.acks_given
            );
            if report.unreadable > 0 {
                print!("; {} cannot be opened with this key", report.unreadable);
            }
            if report.newer > 0 {
                print!("; {} need a newer pishtar", report.newer);
            }
            println!();
        }
        Err(error) => println!("not this time: {error}"),
    }
}

/// Runs `pishtar progress …`.
///
/// # Errors
/// When the folder holds no progress or the file cannot be written.
pub fn progress(command: ProgressCommand) -> anyhow::Result<()> {
    let ProgressCommand::Export {
        data,
        format,
        out,
        home_page,
    } = command;
    let rows = export(&data, format, &out, &home_page, unix_now())?;
    println!(
        "{rows} rows (learner and lesson) written to {}",
        out.display()
    );
    Ok(())
}
