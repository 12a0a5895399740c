//! The demo: a ministry, a school and a family on one machine, with sample lessons and a neighbour that lies.
//!
//! Everything is real: child processes of this very program, sockets on loopback, stores in a folder. The demo only
//! gives commands, asks the nodes how they are (as `pishtar status` does) and tells what it sees.

mod child;
mod http;
mod liar;
mod narrator;
mod samples;
mod stage;
mod steps;
mod story;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, bail};

use self::{stage::Stage, steps::Steps};

/// Options of `pishtar demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Where to keep everything; without it a temporary folder is used and removed at the end
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Play the whole story without a person, print a table of its steps and exit
    #[arg(long)]
    exit_after_check: bool,
}

/// Set by Ctrl-C or SIGTERM; every wait of the demo looks at it.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs the demo until Ctrl-C, or until its story is told.
///
/// # Errors
/// A sentence that names the step that failed.
pub fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let stop = Stop::default();
    runtime.spawn(wait_for_signal(stop.clone()));
    let (folder, _temporary) = folder(args.dir.as_deref())?;
    let mut steps = Steps::default();
    let told = story::publish_and_spread(&mut steps, &folder, runtime.handle(), &stop)
        .and_then(|stage| go_on(&mut steps, stage, args.exit_after_check, &stop));
    if args.exit_after_check {
        print!("\n{}", steps.table());
    }
    match told {
        Err(_) if stop.asked() => Ok(()),
        Err(error) => Err(error),
        Ok(()) if steps.failed() > 0 => bail!("{} of the demo's steps failed", steps.failed()),
        Ok(()) => Ok(()),
    }
}

fn go_on(steps: &mut Steps, mut stage: Stage, check: bool, stop: &Stop) -> anyhow::Result<()> {
    if check {
        return story::watch_report_and_renew(steps, &mut stage, stop);
    }
    stage.print_addresses();
    while !stop.asked() {
        stage.check_alive()?;
        story::collect_what_waits(&stage);
        thread::sleep(Duration::from_millis(500));
    }
    println!("Stopping.");
    Ok(())
}

/// The given folder, or a temporary one that goes when its guard is dropped.
fn folder(dir: Option<&std::path::Path>) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
    let Some(dir) = dir else {
        let temporary = tempfile::Builder::new()
            .prefix("pishtar-demo-")
            .tempdir()
            .context("cannot make a temporary folder; name one with --dir")?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let dir = dir
        .canonicalize()
        .with_context(|| format!("cannot use the folder {}", dir.display()))?;
    if fs::read_dir(&dir)
        .with_context(|| format!("cannot read the folder {}", dir.display()))?
        .next()
        .is_some()
    {
        bail!(
            "{} is not empty; the demo begins from nothing, so name a new folder with --dir",
            dir.display()
        );
    }
    Ok((dir, None))
}

async fn wait_for_signal(stop: Stop) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.0.store(true, Ordering::Relaxed);
}
