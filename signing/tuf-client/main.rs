//! `tuf-client`: a TUF client for the command line, which follows the specification to the letter (strict policy).
//!
//! It shows that `pishtar-signing` understands every standard TUF repository, and lets others test that it does. The
//! arguments are those that the TUF conformance suite gives to a client.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use pishtar_signing::UnixSeconds;
use pishtar_signing::metadata::TargetPath;

use crate::disk::Folder;
use crate::error::ClientError;
use crate::session::Session;
use crate::source::Source;

mod artifact;
mod disk;
mod error;
mod escape;
mod session;
mod source;

/// Follows a TUF repository and downloads files that it vouches for.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder of the trusted metadata, the newest file of each role.
    #[arg(long, value_name = "DIR")]
    metadata_dir: PathBuf,
    /// Where the repository's metadata are.
    #[arg(long, value_name = "URL")]
    metadata_url: Option<String>,
    /// Path of a file to download; may be given several times.
    #[arg(long = "target-name", value_name = "PATH")]
    target_names: Vec<TargetPath>,
    /// Where the repository's files are.
    #[arg(long, value_name = "URL")]
    target_base_url: Option<String>,
    /// Folder for the files.
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// How long to wait for a server, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trust this root file. Asks nobody.
    Init {
        /// The root file, which a person vouches for.
        trusted_root: PathBuf,
    },
    /// Bring root, timestamp, snapshot and targets up to date.
    Refresh,
    /// Refresh, then download each `--target-name` in order, up to the first that fails.
    Download,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ ClientError::Usage { .. }) => {
            eprintln!("tuf-client: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("tuf-client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), ClientError> {
    let metadata = Folder::new(arguments.metadata_dir);
    if let Command::Init { trusted_root } = &arguments.command {
        return session::init(&metadata, trusted_root);
    }
    let url = arguments
        .metadata_url
        .ok_or(ClientError::usage("--metadata-url"))?;
    // 5.1: the time is that of the beginning, for all of the update.
    let patience = Duration::from_secs(arguments.patience);
    let mut session = Session::open(metadata, Source::new(&url, patience)?, now())?;
    if matches!(arguments.command, Command::Refresh) {
        return session.refresh();
    }
    let base = arguments
        .target_base_url
        .ok_or(ClientError::usage("--target-base-url"))?;
    let folder = arguments
        .target_dir
        .ok_or(ClientError::usage("--target-dir"))?;
    if arguments.target_names.is_empty() {
        return Err(ClientError::usage("--target-name"));
    }
    let (source, folder) = (Source::new(&base, patience)?, Folder::new(folder));
    session.refresh()?;
    for path in &arguments.target_names {
        let (target, consistent) = session.find(path)?;
        artifact::fetch(path, &target, &source, &folder, consistent)?;
    }
    Ok(())
}

fn now() -> UnixSeconds {
    let seconds = |elapsed: Duration| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(before) => -seconds(before.duration()),
    }
}
