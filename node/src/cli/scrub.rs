//! `pishtar scrub`: verify every stored byte again, in the running node or alone.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

use super::{DataArg, ask::human_bytes, run};
use crate::{
    control::{AskError, Request, ask},
    engine::scrub::{self, ScrubStatus},
};

/// How often a running node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long repairs are waited for after the last byte was read.
const REPAIR_PATIENCE: Duration = Duration::from_secs(20);

/// Options of `pishtar scrub`.
#[derive(Debug, clap::Args)]
pub(super) struct ScrubArgs {
    #[command(flatten)]
    data: DataArg,
    /// Most to read from the disk per second, e.g. 20MB: learners are served meanwhile
    #[arg(long, value_name = "SIZE", value_parser = run::parse_size)]
    rate: Option<u64>,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

pub(super) fn scrub(args: &ScrubArgs) -> anyhow::Result<()> {
    let folder = &args.data.data;
    let mut progress = Progress::default();
    let (status, running) = match in_node(folder, args.rate, &mut progress) {
        Err(AskError::NotRunning { .. }) if folder.join("trust").is_dir() => {
            let alone = scrub::alone(folder, args.rate, |status| progress.show(status));
            (run::runtime()?.block_on(alone)?, false)
        }
        asked => (asked?, true),
    };
    progress.end();
    let mut out = io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &status)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        print(&mut out, &status, running)
    };
    written.context("cannot print the result")
}

/// Lets the running node do it, and waits for the end and for a while for repairs.
fn in_node(
    folder: &Path,
    bytes_per_second: Option<u64>,
    progress: &mut Progress,
) -> Result<ScrubStatus, AskError> {
    let mut status: ScrubStatus = ask(folder, &Request::Scrub { bytes_per_second })?;
    let mut read = None;
    loop {
        progress.show(&status);
        if !status.running {
            let since = *read.get_or_insert_with(Instant::now);
            if status.unrepaired_bytes == 0 || since.elapsed() > REPAIR_PATIENCE {
                return Ok(status);
            }
        }
        thread::sleep(ASK_EVERY);
        status = ask(folder, &Request::ScrubStatus)?;
    }
}

fn print(out: &mut dyn Write, status: &ScrubStatus, running: bool) -> io::Result<()> {
    writeln!(
        out,
        "Verified {} in {} files.",
        human_bytes(status.bytes_done),
        status.files_done
    )?;
    if status.damaged_files == 0 {
        writeln!(out, "Nothing is damaged.")?;
    } else {
        writeln!(
            out,
            "{} in {} files were damaged; nobody is shown them.",
            human_bytes(status.damaged_bytes),
            status.damaged_files
        )?;
    }
    match (status.unrepaired_bytes, running) {
        (0, _) if status.damaged_files == 0 => Ok(()),
        (0, _) => writeln!(out, "All of it is repaired from neighbours."),
        (left, true) => writeln!(
            out,
            "{} wait for a neighbour that has them; `pishtar why LESSON` says who.",
            human_bytes(left)
        ),
        (left, false) => writeln!(
            out,
            "{} are fetched again from neighbours when the node runs.",
            human_bytes(left)
        ),
    }
}

/// One line on standard error that is written over.
#[derive(Debug, Default)]
struct Progress {
    shown: bool,
}

impl Progress {
    fn show(&mut self, status: &ScrubStatus) {
        if !io::stderr().is_terminal() {
            return;
        }
        self.shown = true;
        eprint!(
            "\r{} of {}, {} of {} files, {} damaged ",
            human_bytes(status.bytes_done),
            human_bytes(status.bytes),
            status.files_done,
            status.files,
            status.damaged_files
        );
    }

    fn end(&self) {
        if self.shown {
            eprintln!();
        }
    }
}
