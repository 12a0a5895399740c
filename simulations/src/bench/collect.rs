//! The ministry's collector: sealed records opened, verified, merged and handed to a sink.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use ed25519_dalek::SigningKey;
use pishtar::{
    collector::{CollectorOptions, Credentials, IngestReport, SchoolKeys, SinkSpec, Worker, about},
    store::records::{RecordOptions, RecordStore},
};
use pishtar_mesh::{
    learner::{
        Attempt, DeviceId, LearnerEvent, LearnerId, LessonRef, PlayedSegments, Watched, What,
        pack_events,
    },
    people::{
        PeopleMessage, RawRegistration, Registration, Statement, bodies, new_learner_id,
        pack_message,
    },
    records::SetKind,
};
use pishtar_signing::{
    people::{CardSecret, Said},
    record::{CollectionKeys, CollectionSecret, LogSigner, Recipients, seal},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;

/// The collector's clock, Unix seconds: any moment after the records were made.
const NOW: i64 = 1_780_000_000;
/// Records of one device's week.
const RECORDS_OF_A_LOG: usize = 40;
/// Learners of one school.
const LEARNERS_OF_A_SCHOOL: u32 = 200;
/// Devices named in one statement, so that it fits a record.
const DEVICES_OF_A_STATEMENT: usize = 100;
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
    /// The learners are registered by schools of 200, whose devices the records come from: proof is looked for with each
    /// event, and it counts under the learner's login
    #[arg(long)]
    registered: bool,
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
    let people = People {
        learners: args.learners,
        registered: args.registered,
    };
    let records = Records {
        sealed: sealed(args.records, people),
        people,
        statements: if args.registered {
            registrations(args.records, people)?
        } else {
            Vec::new()
        },
    };
    let mut rows = Vec::new();
    for (at, sink) in args.sink.iter().enumerate() {
        let dir = scratch.path().join(format!("held-{at}"));
        let row = runtime.block_on(held(&dir, &records, sink))?;
        println_unless(args.json, &row);
        rows.push(row);
        if args.round {
            let dir = scratch.path().join(format!("round-{at}"));
            let row = runtime.block_on(pulled(&dir, &records, sink))?;
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

/// What the collector gets.
struct Records {
    people: People,
    /// Schools' statements, counted before the clock starts.
    statements: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
}

/// The records lie in the collector's own store.
async fn held(dir: &Path, records: &Records, sink: &SinkSpec) -> Result<Row> {
    let sealed = &records.sealed;
    std::fs::create_dir_all(dir)?;
    register(dir, records, sink).await?;
    fill(&dir.join("records.redb"), sealed).await?;
    let mut worker = worker(dir, records, sink)?;
    let began = Instant::now();
    let mut report = IngestReport::default();
    worker.count_held(&mut report, NOW).await?;
    worker.drain().await?;
    let row = row(sink, false, sealed.len(), report, began)?;
    check_registered(dir, records, worker).await?;
    Ok(row)
}

/// The records lie with a sync point.
async fn pulled(dir: &Path, records: &Records, sink: &SinkSpec) -> Result<Row> {
    let sealed = &records.sealed;
    let point = dir.join("sync-point");
    let collector = dir.join("collector");
    std::fs::create_dir_all(&point)?;
    std::fs::create_dir_all(&collector)?;
    register(&collector, records, sink).await?;
    fill(&point.join("records.redb"), sealed).await?;
    let mut worker = worker(&collector, records, sink)?;
    let began = Instant::now();
    let round = worker.round_with_folder(&point, || NOW).await?;
    worker.drain().await?;
    let row = row(sink, true, sealed.len(), round.report, began)?;
    check_registered(&collector, records, worker).await?;
    Ok(row)
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

/// Counts what the schools say of their learners, outside the measured time.
async fn register(dir: &Path, records: &Records, sink: &SinkSpec) -> Result<()> {
    if records.statements.is_empty() {
        return Ok(());
    }
    fill(&dir.join("records.redb"), &records.statements).await?;
    let mut worker = worker(dir, records, sink)?;
    let mut report = IngestReport::default();
    worker.count_held(&mut report, NOW).await?;
    worker.drain().await?;
    ensure!(
        report.counted == records.statements.len(),
        "{} of {} statements of schools were counted",
        report.counted,
        records.statements.len()
    );
    worker.close().await;
    Ok(())
}

/// The first learner has a login, and work that counts.
async fn check_registered(dir: &Path, records: &Records, worker: Worker) -> Result<()> {
    worker.close().await;
    if records.statements.is_empty() {
        return Ok(());
    }
    let about = about(dir, records.people.learner(0).as_str())?;
    let work = about["progress"].as_array().map_or(0, Vec::len);
    ensure!(
        about["person"]["login"].is_string() && work > 0,
        "the first learner has no login or no work that counts"
    );
    Ok(())
}

fn worker(dir: &Path, records: &Records, sink: &SinkSpec) -> Result<Worker> {
    let target = sink.target(&Credentials::default())?;
    let options = CollectorOptions::new("https://lessons.example.org/");
    let mut worker = Worker::open(dir, secret(), vec![target], &options)?;
    if records.people.registered {
        let schools = (0..records.people.schools()).map(school_keys).collect();
        worker.know_schools(schools, NOW)?;
    }
    Ok(worker)
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

/// Whose records they are.
#[derive(Debug, Clone, Copy)]
struct People {
    learners: u32,
    registered: bool,
}

impl People {
    fn schools(self) -> u32 {
        self.learners.div_ceil(LEARNERS_OF_A_SCHOOL)
    }

    fn learner(self, number: u32) -> LearnerId {
        if !self.registered {
            let id = LearnerId::new(format!("k7m2q9x4w1-{number:06}"));
            return id.expect("a short word");
        }
        let mut random = [0; 10];
        random[..4].copy_from_slice(&number.to_be_bytes());
        new_learner_id(random)
    }

    fn school_of_log(self, log: usize) -> u32 {
        u32::try_from(log).expect("fewer than 2^32 logs") % self.schools()
    }

    /// One of those who use the device: of the whole country, or of the device's school.
    fn any(self, log: usize, rng: &mut ChaCha20Rng) -> u32 {
        if !self.registered {
            return rng.next_u32() % self.learners;
        }
        let first = self.school_of_log(log) * LEARNERS_OF_A_SCHOOL;
        first + rng.next_u32() % (self.learners - first).min(LEARNERS_OF_A_SCHOOL)
    }
}

fn school_secret(number: u32) -> CollectionSecret {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    CollectionSecret::generate(1, &mut ChaCha20Rng::from_seed(seed))
}

fn school_id(number: u32) -> String {
    format!("school-{number}")
}

fn school_keys(number: u32) -> SchoolKeys {
    SchoolKeys {
        id: school_id(number),
        keys: CollectionKeys::first(school_secret(number).public()),
    }
}

fn device_key(log: usize) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(log as u64).to_le_bytes());
    SigningKey::from_bytes(&seed)
}

/// What each school says of its learners and devices, sealed.
fn registrations(records: usize, people: People) -> Result<Vec<Vec<u8>>> {
    let logs = records.div_ceil(RECORDS_OF_A_LOG);
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let to = Recipients {
        ministry: secret().public(),
        school: None,
    };
    let mut sealed = Vec::new();
    for school in 0..people.schools() {
        let first = school * LEARNERS_OF_A_SCHOOL;
        let learners = first..people.learners.min(first + LEARNERS_OF_A_SCHOOL);
        let mut statements: Vec<Statement> = learners
            .map(|number| registration(people.learner(number), number))
            .collect();
        let own = (0..logs).filter(|log| people.school_of_log(*log) == school);
        let devices: Vec<DeviceId> = own
            .map(|log| DeviceId(device_key(log).verifying_key().to_bytes()))
            .collect();
        let devices = devices.chunks(DEVICES_OF_A_STATEMENT);
        statements.extend(devices.map(|part| Statement::Devices {
            devices: part.iter().copied().collect(),
            withdrawn: BTreeSet::new(),
        }));
        // A node of the school writes them; its number is beyond those of the devices.
        let node = device_key(logs + school as usize);
        let signer = LogSigner::new(&node, &node.to_bytes());
        for (sequence, body) in (1..).zip(bodies(&statements)?) {
            let said = Said::sign(&school_secret(school), &school_id(school), body);
            let payload = pack_message(&PeopleMessage::Said(said));
            let record = seal(&payload, &signer, sequence, 493_999, &to, &mut rng)?;
            sealed.push(record.into_bytes());
        }
    }
    Ok(sealed)
}

/// A registration such as a school's list holds; one name in ten is shared.
fn registration(learner: LearnerId, number: u32) -> Statement {
    let raw = RawRegistration {
        name: letters(number % 900),
        surname: letters(number / 900 + number % 37),
        parent: letters(number),
        school: "Dardania".into(),
        municipality: "Prishtinë".into(),
        phone: format!("044 {:06}", number % 1_000_000),
        class: "6A".into(),
        born: String::new(),
    };
    let card = CardSecret([number as u8; 16]).card(learner.as_str(), 1);
    Statement::Register {
        registration: Box::new(Registration::parse(&raw).expect("every field is well formed")),
        learner,
        card,
    }
}

/// A word of letters for a number.
fn letters(mut number: u32) -> String {
    let mut word = String::from("Ar");
    loop {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

/// Records as classes make them: each device's week, mostly watching, some answers.
fn sealed(count: usize, people: People) -> Vec<Vec<u8>> {
    let logs = count.div_ceil(RECORDS_OF_A_LOG);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<usize> = (0..logs).collect();
    let mut sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let parts: Vec<_> = numbers
            .chunks(logs.div_ceil(threads).max(1))
            .map(|part| {
                scope.spawn(move || {
                    part.iter()
                        .flat_map(|log| of_log(*log, people))
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

fn of_log(log: usize, people: People) -> Vec<Vec<u8>> {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(log as u64).to_le_bytes());
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut log_seed = seed;
    log_seed[31] = 8;
    let signer = LogSigner::new(&device_key(log), &log_seed);
    let to = Recipients {
        ministry: secret().public(),
        school: None,
    };
    (1..=RECORDS_OF_A_LOG as u64)
        .map(|sequence| {
            let payload = pack_events(&[event(&mut rng, people, log, sequence)]);
            let payload = payload.expect("one event fits a record").remove(0);
            let hour = 494_000 + (sequence / 4) as u32;
            seal(&payload, &signer, sequence, hour, &to, &mut rng)
                .expect("the keys are usable")
                .into_bytes()
        })
        .collect()
}

fn event(rng: &mut ChaCha20Rng, people: People, log: usize, counter: u64) -> LearnerEvent {
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
    let learner = people.learner(people.any(log, rng));
    let lesson = format!("ministry/math-6-sq/lesson-{}", rng.next_u32() % 20);
    LearnerEvent {
        learner,
        name: None,
        lesson: LessonRef::new(lesson).expect("a short word"),
        what,
    }
}
