//! The commands `pishtar collect` and `pishtar progress`.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use libp2p::Multiaddr;
use pishtar_mesh::people::Domain;

use super::{
    CollectorOptions, Credentials, Guide, SinkSpec, Target, about,
    couriers::thousands,
    export::{ExportFormat, export, open_state},
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
    /// Where progress goes beside the collector's own folder; may be given several times:
    /// xapi:FILE (one statement a line), lrs:URL, postgres:URL, csv:FILE, parquet:FILE
    #[arg(long, value_name = "SINK", default_value = "embedded")]
    pub sink: Vec<SinkSpec>,
    /// Passwords of sinks: a JSON file that only you can read
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// Drop a sink that was given before, with all that waits for it; its name as the collector prints it
    #[arg(long, value_name = "NAME")]
    pub forget_sink: Vec<String>,
    /// The folder that `pishtar ministry publish` writes: lessons' names, and whose devices were revoked
    #[arg(long, value_name = "DIR")]
    pub catalogue: Option<PathBuf>,
    /// The data folder of a node that knows the schools' keys; without it the folder given with --from. Schools'
    /// registrations wait until their keys are known
    #[arg(long, value_name = "DIR")]
    pub schools: Option<PathBuf>,
    /// What learners' logins end with: name.surname@DOMAIN
    #[arg(long, value_name = "DOMAIN", default_value = super::DEFAULT_DOMAIN, value_parser = Domain::new)]
    pub domain: Domain,
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
        /// The folder that `pishtar ministry publish` writes: lessons' names
        #[arg(long, value_name = "DIR")]
        catalogue: Option<PathBuf>,
    },
    /// Show everything that is held on one learner, as JSON
    Learner {
        /// The collector's folder
        #[arg(long, value_name = "D")]
        data: PathBuf,
        /// The learner's login, or the id that the school's export names
        learner: String,
    },
    /// Show what sinks refused for good
    Refused {
        /// The collector's folder
        #[arg(long, value_name = "D")]
        data: PathBuf,
        /// Offer all of it again
        #[arg(long)]
        retry: bool,
    },
}

/// Runs `pishtar collect` until it is done or interrupted.
///
/// # Errors
/// When the key, the folder or a sink's address, or (with `--once`) the sync point or a sink, is of no use.
pub async fn collect(args: CollectArgs) -> anyhow::Result<()> {
    let secret = open_collection(&args.key, &args.passphrase)?;
    let credentials = match &args.credentials {
        Some(path) => Credentials::read(path)?,
        None => Credentials::default(),
    };
    let targets: Vec<Target> = args
        .sink
        .iter()
        .map(|sink| sink.target(&credentials))
        .collect::<Result<_, _>>()?;
    let mut options = CollectorOptions::new(&args.home_page);
    options.domain = args.domain.clone();
    options.tell = Arc::new(|words| println!("{words}"));
    let mut worker = Worker::open(&args.data, secret, targets, &options)?;
    if let Some(folder) = &args.catalogue {
        worker.follow_catalogue(folder);
    }
    let schools = args.schools.as_ref().or(match &args.from {
        Source::Folder(folder) => Some(folder),
        Source::Address(_) => None,
    });
    if let Some(folder) = schools {
        worker.follow_schools(folder);
    }
    settle_absent(&worker, &args.forget_sink)?;
    let from = args.from.clone().located();
    let work = async {
        rounds(&mut worker, &args, &from).await?;
        worker.drain().await
    };
    tokio::select! {
        result = work => Ok(result?),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Drops sinks that shall be forgotten and names those that are missing now.
fn settle_absent(worker: &Worker, forget: &[String]) -> anyhow::Result<()> {
    for name in forget {
        let known = worker.collector().forget_sink(name)?;
        anyhow::ensure!(known, "no sink {name} was ever given here");
        println!("{name} is forgotten with all that waited for it");
    }
    for (name, waiting) in worker.collector().absent_sinks()? {
        println!(
            "{name} was given before and is not now: {} items wait for it, and more will; --forget-sink '{name}' drops them",
            thousands(waiting)
        );
    }
    Ok(())
}

async fn rounds(worker: &mut Worker, args: &CollectArgs, from: &Source) -> Result<(), RunError> {
    match from {
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
}

/// One sentence for each round in which something happened.
fn tell(round: &Result<Round, RunError>) {
    match round {
        Ok(round) if *round == Round::default() => println!("nothing new"),
        Ok(round) => {
            let report = &round.report;
            print!(
                "{} records came, {} counted, {} counted before, {} statements made, {} acknowledgements handed back",
                round.pulled, report.counted, report.duplicate, report.statements, round.acks_given
            );
            if report.unreadable > 0 {
                print!("; {} cannot be opened with this key", report.unreadable);
            }
            if report.withheld > 0 {
                print!(
                    "; {} set aside: their devices were revoked",
                    report.withheld
                );
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
    match command {
        ProgressCommand::Export {
            data,
            format,
            out,
            home_page,
            catalogue,
        } => {
            let now = unix_now();
            let guide = catalogue
                .map_or_else(|| Ok(Guide::default()), |folder| Guide::read(&folder, now))?;
            let rows = export(&data, format, &out, &home_page, &guide, now)?;
            println!(
                "{rows} rows (learner and lesson) written to {}",
                out.display()
            );
        }
        ProgressCommand::Learner { data, learner } => {
            println!("{:#}", about(&data, &learner)?);
        }
        ProgressCommand::Refused { data, retry } => refused(&data, retry)?,
    }
    Ok(())
}

fn refused(data: &Path, retry: bool) -> anyhow::Result<()> {
    let state = open_state(data)?;
    if retry {
        let count = state.retry_refused()?;
        println!("{count} refused items wait again; the next `pishtar collect` offers them");
        return Ok(());
    }
    let refused = state.refused()?;
    println!("{} items were refused for good", refused.len());
    for refused in refused {
        println!("{}: {}", refused.sink, refused.reason);
        println!("  {}", refused.shown());
    }
    Ok(())
}
