//! `pishtar-bench`: Pishtar beside its peers, in one run on one machine.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use pishtar_simulations::bench::{
    catalogue::{self, Size, workshop},
    catalogue_sync::{self, CatalogueSync},
    collect::{self, CollectArgs},
    idle::{self, Idle},
    one_to_one::{self, Contender, Row},
    progress_post,
    publish::{self, Publishing},
    records,
    roles::Offer,
    scenarios::{self, Scenario, size},
};

/// Measures Pishtar beside its peers, in one run on one machine.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// One file from one node to another: our parts on loopback, then whole programs in the lab
    OneToOne {
        /// Size of the file, such as 256MiB or 2GiB
        #[arg(long, default_value = "1GiB", value_parser = size)]
        size: u64,
        /// Runs of each way; the medians count
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// Where the files go; a disk with room for three times the size
        #[arg(long, default_value = ".")]
        scratch: PathBuf,
        /// Only these ways on loopback, each as NAME:STREAMS, such as pishtar:4, and no programs in the lab
        #[arg(long, value_parser = way)]
        only: Vec<(Contender, usize)>,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// A node that knows a country's lessons and does nothing: memory, CPU, time to the first page
    Idle {
        /// The program to measure
        #[arg(long, default_value = "target/release/pishtar")]
        pishtar: PathBuf,
        /// Lessons in the catalogue, of four files each
        #[arg(long, default_value_t = 14_000)]
        lessons: usize,
        /// How long the node rests before it is measured, in seconds
        #[arg(long, default_value_t = 20)]
        rest: u64,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Scenario(Scenario),
    /// A country's catalogue from node to node: first synchronisation, an update, verification; beside HTTP
    CatalogueSync {
        /// The program to measure
        #[arg(long, default_value = "target/release/pishtar")]
        pishtar: PathBuf,
        /// Lessons in the catalogue, of four files each
        #[arg(long, default_value_t = 14_000)]
        lessons: usize,
        /// Courses in which the update edits a lesson
        #[arg(long, default_value_t = 10)]
        touch: usize,
        /// Round trip time between the nodes, in milliseconds
        #[arg(long, default_value_t = 20)]
        round_trip: u64,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Two carriers with nearly the same records: bytes both ways
    RecordsExchange {
        /// Records on each side
        #[arg(long, default_value_t = 10_000)]
        records: usize,
        /// Records that one side alone has
        #[arg(long, default_value_t = 10)]
        differ: u64,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// A sync point that has seen millions of records and is offered thousands: time and memory
    SyncPoint {
        /// Records seen
        #[arg(long, default_value_t = 5_000_000)]
        seen: u64,
        /// Of these, not acknowledged yet: near the room that a node gives to others
        #[arg(long, default_value_t = 120_000)]
        held: u64,
        /// Records offered
        #[arg(long, default_value_t = 5_000)]
        offered: u64,
        /// A folder with stores that an earlier run wrote, or that are written first
        #[arg(long)]
        scratch: PathBuf,
        /// Writes the stores, and measures nothing: another process does, so that only its own memory counts
        #[arg(long)]
        prepare: bool,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// One neighbour floods a sync point with records that pass every check: what honest ones lose, and what it costs
    RecordsFlood {
        /// Records of the flood
        #[arg(long, default_value_t = 1_000_000)]
        junk: u64,
        /// Records of honest neighbours
        #[arg(long, default_value_t = 2_000)]
        honest: u64,
        /// Where the store is written
        #[arg(long, default_value = ".")]
        scratch: PathBuf,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// A class that posts what it watches to one node: time to the 201, and what kills lose
    ProgressPost {
        /// The program to measure
        #[arg(long, default_value = "target/release/pishtar")]
        pishtar: PathBuf,
        /// Browsers
        #[arg(long, default_value_t = 30)]
        browsers: usize,
        /// How long they post every ten seconds, in seconds
        #[arg(long, default_value_t = 60)]
        steady: u64,
        /// How often the node is killed
        #[arg(long, default_value_t = 200)]
        kills: usize,
        /// Where the node writes; the disk that is measured
        #[arg(long, default_value = ".")]
        scratch: PathBuf,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// An edit of a country's catalogue staged, signed and published, as a ministry's clerk does it
    Publish {
        /// The program to measure
        #[arg(long, default_value = "target/release/pishtar")]
        pishtar: PathBuf,
        /// Lessons in the catalogue, of four small files each
        #[arg(long, default_value_t = 14_000)]
        lessons: usize,
        /// Courses in which the edit changes a lesson
        #[arg(long, default_value_t = 10)]
        touch: usize,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// The ministry's collector: sealed records opened, verified, merged and handed to sinks
    Collect(CollectArgs),
    /// Makes a country's catalogue: a published folder without lesson files, or a workshop
    Catalogue {
        /// The folder
        #[arg(long)]
        out: PathBuf,
        /// Lessons in a new catalogue, of four files each, 70 in a course
        #[arg(long, default_value_t = 14_000)]
        lessons: usize,
        /// The same seed gives the same catalogue
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Edits one lesson each of so many courses, and makes the catalogue first where there is none
        #[arg(long)]
        touch: Option<usize>,
        /// Makes a workshop, OUT/workshop, with small files; staged and signed, and not yet published
        #[arg(long)]
        workshop: bool,
        /// The program whose `ministry` commands make the workshop
        #[arg(long, default_value = "target/release/pishtar")]
        pishtar: PathBuf,
    },
    #[command(hide = true)]
    SeedPishtar(SeedArgs),
    #[command(hide = true)]
    SeedRaw(SeedArgs),
    #[command(hide = true)]
    ReceivePishtar(ReceiveArgs),
    #[command(hide = true)]
    ReceiveRaw(ReceiveArgs),
}

#[derive(clap::Args)]
struct SeedArgs {
    #[arg(long)]
    file: PathBuf,
    #[arg(long)]
    folder: PathBuf,
}

#[derive(clap::Args)]
struct ReceiveArgs {
    #[arg(long)]
    offer: String,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    streams: usize,
}

fn main() -> Result<()> {
    match Args::parse().what {
        What::OneToOne {
            size,
            runs,
            scratch,
            only,
            json,
        } => {
            let all = [
                (Contender::Node, 0),
                (Contender::Pishtar, 1),
                (Contender::Pishtar, 4),
                (Contender::Raw, 1),
                (Contender::Raw, 4),
            ];
            let programs_too = only.is_empty();
            let ways = if programs_too { all.to_vec() } else { only };
            let rows = one_to_one::run(size, runs, &ways, &scratch)?;
            print(&rows, json)?;
            match programs_too {
                true => scenarios::one_to_one(size, runs, &scratch, json),
                false => Ok(()),
            }
        }
        What::Idle {
            pishtar,
            lessons,
            rest,
            json,
        } => {
            let scratch = tempfile::tempdir()?;
            let idle = idle::run(&pishtar, scratch.path(), lessons, Duration::from_secs(rest))?;
            print_idle(&idle, json)
        }
        What::Scenario(scenario) => scenario.run(),
        What::CatalogueSync {
            pishtar,
            lessons,
            touch,
            round_trip,
            json,
        } => {
            let scratch = tempfile::tempdir()?;
            let round_trip = Duration::from_millis(round_trip);
            let sync = catalogue_sync::run(&pishtar, scratch.path(), lessons, touch, round_trip)?;
            print_sync(&sync, json)
        }
        What::Collect(args) => collect::run(&args).map(drop),
        What::RecordsExchange {
            records,
            differ,
            json,
        } => {
            let scratch = tempfile::tempdir()?;
            let rows =
                runtime()?.block_on(records::exchange_bytes(scratch.path(), records, differ))?;
            rows.iter().try_for_each(|row| print_any(row, json))
        }
        What::SyncPoint {
            seen,
            held,
            offered,
            scratch,
            prepare,
            json,
        } => {
            if prepare {
                return runtime()?
                    .block_on(records::prepare_sync_point(&scratch, seen, held, offered));
            }
            let row = runtime()?.block_on(records::sync_point(&scratch, seen))?;
            print_any(&row, json)
        }
        What::RecordsFlood {
            junk,
            honest,
            scratch,
            json,
        } => {
            let scratch = tempfile::tempdir_in(scratch)?;
            let row = runtime()?.block_on(records::flood(scratch.path(), junk, honest))?;
            print_any(&row, json)
        }
        What::ProgressPost {
            pishtar,
            browsers,
            steady,
            kills,
            scratch,
            json,
        } => {
            let scratch = tempfile::tempdir_in(scratch)?;
            let samples = progress_post::samples();
            let steady = Duration::from_secs(steady);
            let row =
                progress_post::run(&pishtar, &samples, scratch.path(), browsers, steady, kills)?;
            print_any(&row, json)
        }
        What::Publish {
            pishtar,
            lessons,
            touch,
            json,
        } => {
            let scratch = tempfile::tempdir()?;
            let publishing = publish::run(&pishtar, scratch.path(), lessons, touch)?;
            print_publishing(&publishing, json)
        }
        What::Catalogue {
            out,
            lessons,
            seed,
            touch,
            workshop,
            pishtar,
        } => {
            let size = Size { lessons, seed };
            match workshop {
                true => make_workshop(&pishtar, &out, size, touch),
                false => make_catalogue(&out, size, touch),
            }
        }
        What::SeedPishtar(args) => seed(Contender::Pishtar, args),
        What::SeedRaw(args) => seed(Contender::Raw, args),
        What::ReceivePishtar(args) => receive(Contender::Pishtar, args),
        What::ReceiveRaw(args) => receive(Contender::Raw, args),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Runtime::new()?)
}

/// Prints a row as JSON, or each of its members on a line.
fn print_any(row: &impl serde::Serialize, json: bool) -> Result<()> {
    let value = serde_json::to_value(row)?;
    if json {
        println!("{value}");
        return Ok(());
    }
    for (name, value) in value.as_object().context("a row has members")? {
        println!("{name:>14}  {value}");
    }
    println!();
    Ok(())
}

#[tokio::main]
async fn seed(contender: Contender, args: SeedArgs) -> Result<()> {
    contender.seed(&args.file, &args.folder).await
}

#[tokio::main]
async fn receive(contender: Contender, args: ReceiveArgs) -> Result<()> {
    let offer: Offer = serde_json::from_str(&args.offer)?;
    let transfer = contender
        .receive(&offer, &args.folder, args.streams)
        .await?;
    println!("{}", serde_json::to_string(&transfer)?);
    Ok(())
}

fn print_publishing(publishing: &Publishing, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(publishing)?);
        return Ok(());
    }
    println!(
        "{} lessons, first publication {:.2} s; then one lesson changed in each of {} courses:",
        publishing.lessons, publishing.first_s, publishing.touched
    );
    for (name, steps) in [
        ("a table of those lessons", publishing.changed),
        (
            "a table of all lessons, taking five such edits back",
            publishing.whole,
        ),
    ] {
        println!(
            "{name}: {:.2} s (add {:.2}, sign {:.2}, publish {:.2})",
            steps.total_s(),
            steps.add_s,
            steps.sign_s,
            steps.publish_s
        );
    }
    Ok(())
}

fn print_sync(sync: &CatalogueSync, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(sync)?);
        return Ok(());
    }
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let (first, update) = (&sync.first, &sync.update);
    println!(
        "{} lessons in {} courses, {:.1} MB of signed metadata, round trip {} ms",
        sync.lessons,
        sync.courses,
        mb(sync.metadata_bytes),
        sync.round_trip_ms
    );
    println!(
        "first synchronisation: {:.2} MB on the wire, {:.2} s, {:.2} s CPU (giver {:.2}), at most {:.0} MiB resident (giver {:.0})",
        mb(first.wire_bytes),
        first.seconds,
        first.cpu_s,
        first.giver_cpu_s,
        first.peak_rss_mib,
        first.giver_peak_rss_mib
    );
    println!(
        "update of {} courses: {:.1} KB on the wire, {:.3} s",
        update.courses,
        update.wire_bytes as f64 / 1e3,
        update.seconds
    );
    println!(
        "verification alone, one thread: {:.2} s CPU",
        sync.cold_verification_cpu_s
    );
    for http in &sync.http {
        println!(
            "the same over HTTP, {}: {:.2} MB, update {:.1} KB",
            http.packing,
            mb(http.first_bytes),
            http.update_bytes as f64 / 1e3
        );
    }
    Ok(())
}

fn make_catalogue(out: &Path, size: Size, touch: Option<usize>) -> Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?
        .as_secs() as i64;
    let made = out.join("metadata/timestamp.json").exists();
    let mut written = match made {
        true => None,
        false => Some(catalogue::write(out, size, now)?),
    };
    if let Some(count) = touch {
        written = Some(catalogue::touch(out, size.seed, count, now)?);
    }
    let written = written.with_context(|| {
        format!(
            "{} holds a catalogue already; edit it with --touch",
            out.display()
        )
    })?;
    println!("{}", serde_json::to_string_pretty(&written)?);
    Ok(())
}

fn make_workshop(pishtar: &Path, out: &Path, size: Size, touch: Option<usize>) -> Result<()> {
    let mut workshop = out.join("workshop");
    if !workshop.exists() {
        workshop = workshop::make(pishtar, out, size)?;
    }
    if let Some(count) = touch {
        workshop = workshop::touch(pishtar, out, size, count)?;
    }
    println!("{}", workshop.display());
    Ok(())
}

fn print_idle(idle: &Idle, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(idle)?);
        return Ok(());
    }
    println!(
        "{} lessons, {:.1} MB of signed metadata",
        idle.lessons,
        idle.metadata_bytes as f64 / 1e6
    );
    println!(
        "learned from a neighbour in {:.1} s, then {:.0} MiB resident",
        idle.sync_s, idle.rss_after_sync_mib
    );
    println!(
        "after a restart: first page in {:.2} s, {:.0} MiB resident (at most {:.0}), {:.1} % of a core at rest",
        idle.first_page_s,
        idle.rss_after_restart_mib,
        idle.peak_after_restart_mib,
        idle.idle_cpu_percent
    );
    Ok(())
}

fn print(rows: &[Row], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(rows)?);
        return Ok(());
    }
    let peer = rows.iter().filter(|row| row.contender == Contender::Raw);
    let best = peer.map(|row| row.mb_per_s).fold(f64::NAN, f64::max);
    println!(
        "who       streams    MB/s  of best peer  CPU s/GiB  (receiver)  RSS MiB receiver/seed"
    );
    for row in rows {
        println!(
            "{:<9} {:>7} {:>7.0} {:>12.2}x {:>10.2} {:>11.2} {:>12.0}/{:.0}",
            format!("{:?}", row.contender).to_lowercase(),
            row.streams,
            row.mb_per_s,
            row.mb_per_s / best,
            row.cpu_s_per_gib,
            row.receiver_cpu_s_per_gib,
            row.receiver_rss_mib,
            row.seed_rss_mib,
        );
    }
    Ok(())
}

fn way(text: &str) -> Result<(Contender, usize)> {
    let (name, streams) = text
        .split_once(':')
        .context("a way is NAME:STREAMS, such as pishtar:4")?;
    let contender = clap::ValueEnum::from_str(name, true).map_err(anyhow::Error::msg)?;
    Ok((contender, streams.parse()?))
}
