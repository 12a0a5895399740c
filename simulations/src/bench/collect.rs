//! The ministry's collector: sealed records opened, verified, merged and handed to a sink.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use ed25519_dalek::SigningKey;
use pishtar::{
    collector::{CollectorOptions, Credentials, IngestReport, SinkSpec, Worker},
    store::records::{RecordOptions, RecordStore},
};
use pishtar_mesh::{
    learner::{
        Attempt, LearnerEvent, LearnerId, LessonRef, PlayedSegments, Watched, What, pack_events,
    },
    records::SetKind,
};
use pishtar_signing::record::{CollectionSecret, LogSigner, Recipients, seal};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;

/// The collector's clock, Unix seconds: any moment after the records were made.
const NOW: i64 = 1_780_000_000;
/// Records of one device's week.
const RECORDS_OF_A_LOG: usize = 40;
/// Records that a store takes at once.
const STORED_AT_ONCE: usize = 2_000;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct CollectArgs {
    /// Sealed records, 40 of each device
    #[arg(long, default_value_t = 60_000)]
    records: usize,
    /// Learners whose work it is
    #[arg(long, default_value_t = 2_000)]
    learners: u32,
    /// A sink as `pishtar collect` takes it; may be given several times, each is measured alone
    #[arg(long, value_name = "SINK", default_value = "embedded")]
    sink: Vec<SinkSpec>,
    /// Also the whole way: pulled from a sync point's store on this machine, acknowledged, deleted there
    #[arg(long)]
    round: bool,
    /// Where the files go
    #[arg(long, default_value = ".")]
    scratch: PathBuf,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// One sink's figures.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The sink.
    pub sink: String,
    /// Whether the records were pulled from a sync point within the time.
    pub pulled: bool,
    /// Records.
    pub records: usize,
    /// From the first record read until everything is in the sink and acknowledged, in seconds.
    pub wall_s: f64,
}

impl Row {
    /// The rate.
    pub fn records_per_s(&self) -> f64 {
        self.records as f64 / self.wall_s
    }
}

/// Makes the records, then runs the collector once for each sink.
///
/// # Errors
/// When a store cannot be written or a sink fails.
pub fn run(args: &CollectArgs) -> Result<Vec<Row>> {
    let scratch = tempfile::tempdir_in(&args.scratch).context("making a folder")?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let sealed = sealed(args.records, args.learners);
    let mut rows = Vec::new();
    for (at, sink) in args.sink.iter().enumerate() {
        let dir = scratch.path().join(format!("held-{at}"));
        let row = runtime.block_on(held(&dir, &sealed, sink))?;
        println_unless(args.json, &row);
        rows.push(row);
        if args.round {
            let dir = scratch.path().join(format!("round-{at}"));
            let row = runtime.block_on(pulled(&dir, &sealed, sink))?;
            println_unless(args.json, &row);
            rows.push(row);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(rows)
}

fn println_unless(json: bool, row: &Row) {
    if !json {
        let way = if row.pulled { "pulled and " } else { "" };
        println!(
            "{:<40} {way}counted {} records in {:.2} s: {:.0} records/s",
            row.sink,
            row.records,
            row.wall_s,
            row.records_per_s()
        );
    }
}

/// The records lie in the collector's own store.
async fn held(dir: &Path, sealed: &[Vec<u8>], sink: &SinkSpec) -> Result<Row> {
    std::fs::create_dir_all(dir)?;
    fill(&dir.join("records.redb"), sealed).await?;
    let mut worker = worker(dir, sink)?;
    let began = Instant::now();
    let mut report = IngestReport::default();
    worker.count_held(&mut report, NOW).await?;
    worker.drain().await?;
    row(sink, false, sealed.len(), report, began)
}

/// The records lie with a sync point.
async fn pulled(dir: &Path, sealed: &[Vec<u8>], sink: &SinkSpec) -> Result<Row> {
    let point = dir.join("sync-point");
    std::fs::create_dir_all(&point)?;
    fill(&point.join("records.redb"), sealed).await?;
    let mut worker = worker(&dir.join("collector"), sink)?;
    let began = Instant::now();
    let round = worker.round_with_folder(&point, || NOW).await?;
    worker.drain().await?;
    row(sink, true, sealed.len(), round.report, began)
}

fn row(
    sink: &SinkSpec,
    pulled: bool,
    records: usize,
    report: IngestReport,
    began: Instant,
) -> Result<Row> {
    let wall_s = began.elapsed().as_secs_f64();
    ensure!(
        report.counted == records,
        "{} of {records} records were counted",
        report.counted
    );
    Ok(Row {
        sink: sink.to_string(),
        pulled,
        records,
        wall_s,
    })
}

fn worker(dir: &Path, sink: &SinkSpec) -> Result<Worker> {
    let target = sink.target(&Credentials::default())?;
    let options = CollectorOptions::new("https://lessons.example.org/");
    Ok(Worker::open(dir, secret(), vec![target], &options)?)
}

fn secret() -> CollectionSecret {
    CollectionSecret::generate(1, &mut ChaCha20Rng::from_seed([8; 32]))
}

async fn fill(path: &Path, sealed: &[Vec<u8>]) -> Result<()> {
    let options = RecordOptions {
        carry_quota_bytes: u64::MAX,
        ..RecordOptions::default()
    };
    let store = RecordStore::open(path, options)?;
    for batch in sealed.chunks(STORED_AT_ONCE) {
        let stored = store.store(SetKind::Records, batch.to_vec(), [1; 32], NOW);
        ensure!(
            stored.await?.accepted == batch.len(),
            "a record was refused"
        );
    }
    store.close().await;
    Ok(())
}

/// Records as classes make them: each device's week, mostly watching, some answers.
fn sealed(count: usize, learners: u32) -> Vec<Vec<u8>> {
    let logs = count.div_ceil(RECORDS_OF_A_LOG);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<usize> = (0..logs).collect();
    let mut sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let parts: Vec<_> = numbers
            .chunks(logs.div_ceil(threads).max(1))
            .map(|part| {
                scope.spawn(move || {
                    part.iter()
                        .flat_map(|log| of_log(*log, learners))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("sealing never panics"))
            .collect()
    });
    sealed.truncate(count);
    sealed
}

fn of_log(log: usize, learners: u32) -> Vec<Vec<u8>> {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(log as u64).to_le_bytes());
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut log_seed = seed;
    log_seed[31] = 8;
    let signer = LogSigner::new(&SigningKey::from_bytes(&seed), &log_seed);
    let to = Recipients {
        ministry: secret().public(),
        school: None,
    };
    (1..=RECORDS_OF_A_LOG as u64)
        .map(|sequence| {
            let payload = pack_events(&[event(&mut rng, learners, sequence)]);
            let payload = payload.expect("one event fits a record").remove(0);
            let hour = 494_000 + (sequence / 4) as u32;
            seal(&payload, &signer, sequence, hour, &to, &mut rng)
                .expect("the keys are usable")
                .into_bytes()
        })
        .collect()
}

fn event(rng: &mut ChaCha20Rng, learners: u32, counter: u64) -> LearnerEvent {
    let start = rng.next_u32() % 500_000;
    let end = start + 10_000;
    let what = match rng.next_u32() % 6 {
        0 => What::Attempted(Attempt {
            counter,
            item: "exercise".into(),
            raw: rng.next_u32() % 6,
            max: 5,
        }),
        _ => What::Watched(Watched {
            played: PlayedSegments::from_intervals([(start, end)]).expect("it runs forward"),
            furthest_ms: end,
            duration_ms: 600_000,
        }),
    };
    let learner = format!("k7m2q9x4w1-{:06}", rng.next_u32() % learners);
    let lesson = format!("ministry/math-6-sq/lesson-{}", rng.next_u32() % 20);
    LearnerEvent {
        learner: LearnerId::new(learner).expect("a short word"),
        name: None,
        lesson: LessonRef::new(lesson).expect("a short word"),
        what,
    }
}
