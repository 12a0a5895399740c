//! Against a real server: several collectors at once, kills on either side, and what a clerk gets wrong.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use pishtar_mesh::learner::{
    Attempt, DeviceId, LearnerEvent, LearnerId, LessonRef, PlayedSegments, ProgressBook, Watched,
    What, pack_events,
};
use pishtar_signing::record::{CollectionSecret, LogSigner, Recipients, Record, seal};
use postgres::Client;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{server::Server, *};
use crate::collector::{Collector, CollectorOptions, Delta, Target};

const NOW: i64 = 1_780_000_000;

fn secret() -> CollectionSecret {
    CollectionSecret::generate(1, &mut ChaCha20Rng::from_seed([8; 32]))
}

/// What `devices` devices of a few learners did, and what it comes to.
struct Work {
    records: Vec<Record>,
    book: ProgressBook,
}

fn work(devices: u8, each: u64) -> Work {
    let mut rng = ChaCha20Rng::from_seed([devices; 32]);
    let to = Recipients {
        ministry: secret().public(),
        school: None,
    };
    let (mut records, mut book) = (Vec::new(), ProgressBook::default());
    for device in 1..=devices {
        let key = ed25519_dalek::SigningKey::from_bytes(&[device; 32]);
        let signer = LogSigner::new(&key, &[device + 100; 32]);
        for sequence in 1..=each {
            let event = event(&mut rng, sequence);
            book.apply(DeviceId(key.verifying_key().to_bytes()), &event);
            let payload = pack_events(&[event]).unwrap();
            let sealed = seal(&payload[0], &signer, sequence, 494_000, &to, &mut rng);
            records.push(sealed.unwrap());
        }
    }
    Work { records, book }
}

fn event(rng: &mut ChaCha20Rng, counter: u64) -> LearnerEvent {
    let start = rng.next_u32() % 500_000;
    let end = start + rng.next_u32() % 60_000;
    let what = match rng.next_u32() % 8 {
        0 => What::Completed,
        1 => What::Attempted(Attempt {
            counter,
            // A hostile device may write what no database holds.
            item: format!("item\0{}", counter % 3),
            raw: rng.next_u32() % 6,
            max: 5,
        }),
        _ => What::Watched(Watched {
            played: PlayedSegments::from_intervals([(start, end)]).unwrap(),
            furthest_ms: end,
            duration_ms: 600_000,
        }),
    };
    LearnerEvent {
        learner: LearnerId::new(format!("learner-{}", rng.next_u32() % 7)).unwrap(),
        name: None,
        lesson: LessonRef::new(format!("ministry/math-6-sq/{}", rng.next_u32() % 4)).unwrap(),
        what,
    }
}

fn shuffled(records: &[Record], seed: u8) -> Vec<Record> {
    let mut rng = ChaCha20Rng::from_seed([seed; 32]);
    let mut records = records.to_vec();
    for at in (1..records.len()).rev() {
        records.swap(at, rng.next_u32() as usize % (at + 1));
    }
    records
}

fn options() -> CollectorOptions {
    let mut options = CollectorOptions::new("https://lessons.example.org");
    options.pauses.first = Duration::from_millis(10);
    options.pauses.longest = Duration::from_millis(50);
    options
}

fn open(dir: &Path, address: &str) -> Collector {
    let sink = Postgres::new(address, None).unwrap();
    Collector::open(
        dir,
        secret(),
        vec![Target::Queue(Box::new(sink))],
        &options(),
    )
    .unwrap()
}

/// The database holds exactly what the records come to.
fn assert_holds(client: &mut Client, work: &Work) {
    let ids: BTreeSet<_> = work.records.iter().map(|record| record.id()).collect();
    let count: i64 = client
        .query_one("SELECT count(*) FROM pishtar.records", &[])
        .unwrap()
        .get(0);
    assert_eq!(count, ids.len() as i64);
    let rows = client
        .query(
            "SELECT learner, lesson, played::text, furthest_ms, duration_ms, completion_reported FROM pishtar.progress",
            &[],
        )
        .unwrap();
    assert_eq!(rows.len(), work.book.entries.len());
    for row in rows {
        let learner = LearnerId::new(row.get::<_, String>(0)).unwrap();
        let lesson = LessonRef::new(row.get::<_, String>(1)).unwrap();
        let wanted = &work.book.entries[&(learner, lesson)];
        let intervals = wanted.played.intervals().iter();
        let played: Vec<String> = intervals
            .map(|(from, to)| format!("[{from},{to})"))
            .collect();
        assert_eq!(row.get::<_, String>(2), format!("{{{}}}", played.join(",")));
        assert_eq!(row.get::<_, i32>(3), wanted.furthest_ms.cast_signed());
        assert_eq!(row.get::<_, i32>(4), wanted.duration_ms.cast_signed());
        assert_eq!(row.get::<_, bool>(5), wanted.completed);
    }
    let attempts: BTreeSet<(String, Vec<u8>, i64, i64)> = client
        .query(
            "SELECT learner, device, counter, raw FROM pishtar.attempts",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    let wanted: BTreeSet<_> = work
        .book
        .entries
        .iter()
        .flat_map(|((learner, _), progress)| {
            progress.attempts.iter().map(|(key, attempt)| {
                let device = key.device.0.to_vec();
                let name = learner.as_str().to_owned();
                (
                    name,
                    device,
                    key.counter.cast_signed(),
                    i64::from(attempt.raw),
                )
            })
        })
        .collect();
    assert_eq!(attempts, wanted);
}

#[test]
fn collectors_at_once_count_once_and_lose_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.create("country");
    let work = work(12, 25);
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    std::thread::scope(|scope| {
        for (seed, dir) in (1..).zip(&dirs) {
            let (work, address) = (&work, &address);
            scope.spawn(move || {
                let mut collector = open(dir.path(), address);
                // Each misses a part that another has, and much comes to all of them, some of it twice.
                let mine = shuffled(&work.records, seed);
                let mine = &mine[..mine.len() * 9 / 10];
                for batch in mine.chunks(40).chain(mine.chunks(90).take(1)) {
                    collector.ingest(batch, NOW).unwrap();
                }
                assert_eq!(collector.sinks()[0].trouble, None);
            });
        }
    });
    let mut last = open(dirs[0].path(), &address);
    let (acks, report) = last.ingest(&work.records, NOW).unwrap();
    assert_eq!((acks.len(), report.counted), (12, work.records.len() / 10));
    assert_holds(&mut server.client("country"), &work);
    let mut client = server.client("country");
    let completed: i64 = client
        .query_one("SELECT count(*) FROM pishtar.overview WHERE completed", &[])
        .unwrap()
        .get(0);
    let wanted = work.book.entries.values();
    let wanted = wanted.filter(|progress| progress.is_completed(900)).count();
    assert_eq!(completed, wanted as i64);
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_transaction_loses_and_doubles_nothing() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let address = server.create("country");
    let dir = tempfile::tempdir().unwrap();
    let work = work(4, 30);
    let mut collector = open(dir.path(), &address);
    collector.ingest(&work.records[..10], NOW).unwrap();
    for batch in [&work.records[10..60], &work.records[60..]] {
        let mut holder = server.client("country");
        holder
            .batch_execute("BEGIN; LOCK TABLE pishtar.progress IN ACCESS EXCLUSIVE MODE")
            .unwrap();
        let opened = crate::collector::open::open_all(batch, &secret());
        collector.count(opened, NOW).unwrap();
        collector.settle(Duration::ZERO);
        // The courier has written records and waits for the table: now it is in the middle.
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        let mut looker = server.client("country");
        while looker.query_one(waiting, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::yield_now();
        }
        server.kill();
        drop((holder, looker));
        server.run();
        let mut acks = Vec::new();
        while acks.is_empty() {
            collector.settle(Duration::from_secs(5));
            acks = collector.acknowledge(NOW);
        }
    }
    assert_holds(&mut server.client("country"), &work);
}

/// Collects in small batches and says each acknowledgement aloud; runs only as the child of the test below.
#[test]
#[ignore = "the child process of kill_nine_of_the_collector"]
fn crash_child() {
    let (Ok(dir), Ok(address)) = (
        std::env::var("PISHTAR_CRASH_DIR"),
        std::env::var("PISHTAR_CRASH_POSTGRES"),
    ) else {
        return;
    };
    let mut collector = open(Path::new(&dir), &address);
    for batch in work(4, 60).records.chunks(3) {
        let (acks, _) = collector.ingest(batch, NOW).unwrap();
        println!("acknowledged {}", acks.len());
    }
}

#[test]
fn kill_nine_of_the_collector_loses_and_doubles_nothing() {
    use std::io::{BufRead, BufReader};
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.create("country");
    let dir = tempfile::tempdir().unwrap();
    for round in [1, 9, 23] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("collector::sinks::postgres::tests::crash_child")
            .env("PISHTAR_CRASH_DIR", dir.path())
            .env("PISHTAR_CRASH_POSTGRES", &address)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.filter(|line| {
            line.as_ref()
                .is_ok_and(|line| line.contains("acknowledged"))
        });
        assert_eq!(said.take(round).count(), round);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let work = work(4, 60);
    open(dir.path(), &address)
        .ingest(&work.records, NOW)
        .unwrap();
    assert_holds(&mut server.client("country"), &work);
}

#[test]
fn what_a_clerk_gets_wrong_is_said_and_costs_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.create("country");
    server
        .client("postgres")
        .batch_execute(
            "CREATE USER guest PASSWORD 'right'; GRANT CREATE ON DATABASE country TO guest",
        )
        .unwrap();
    let items = vec![Delta::Records(Vec::new()).to_bytes()];
    let words = |address: &str, password| {
        let mut sink = Postgres::new(address, password).unwrap();
        sink.write(0, &items).unwrap_err().words
    };
    let guest = server.address("guest", "country");
    let remedy =
        "correct the user in the address or the password in the file given with --credentials";
    for password in [None, Some("wrong")] {
        let said = words(&guest, password);
        assert!(said.ends_with(remedy) && said.contains("guest@"), "{said}");
        assert!(!said.contains("wrong"), "{said}");
    }
    let said = words(&server.address("clerk", "county"), None);
    assert!(
        said.contains("\"county\" does not exist; make the database first"),
        "{said}"
    );
    assert!(
        Postgres::new(&guest, Some("right"))
            .unwrap()
            .write(0, &items)
            .is_ok()
    );
    let far = Postgres::new("postgres://clerk@db.example.org/country", None);
    let said = far.unwrap_err().words;
    assert!(
        said.starts_with("learners' data would travel to db.example.org readable"),
        "{said}"
    );
    drop(address);
}

#[test]
fn what_the_database_refuses_for_good_is_set_aside_and_an_erasure_stays() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.create("country");
    let mut client = server.client("country");
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = told.clone();
    let mut options = options();
    options.tell = Arc::new(move |words| hears.lock().unwrap().push(words.to_owned()));
    let sink = Postgres::new(&address, None).unwrap();
    let targets = vec![Target::Queue(Box::new(sink) as Box<dyn Sink>)];
    let mut collector = Collector::open(dir.path(), secret(), targets, &options).unwrap();
    let work = work(3, 20);
    collector.ingest(&work.records[..1], NOW).unwrap();
    client
        .batch_execute(
            "ALTER TABLE pishtar.progress ADD CONSTRAINT odd CHECK (learner <> 'learner-3') NOT VALID",
        )
        .unwrap();
    let (acks, _) = collector.ingest(&work.records, NOW).unwrap();
    assert_eq!(acks.len(), 3);
    let refused = collector.state.refused().unwrap();
    assert!(
        !refused.is_empty() && refused[0].reason.contains("\"odd\""),
        "{refused:?}"
    );
    assert!(told.lock().unwrap()[0].contains("for good"));
    let learners = "SELECT count(DISTINCT learner) FROM pishtar.progress WHERE learner = $1";
    let mut count = |who: &str| {
        client
            .query_one(learners, &[&who])
            .unwrap()
            .get::<_, i64>(0)
    };
    assert_eq!((count("learner-2"), count("learner-4")), (1, 1));
    let mut sink = Postgres::new(&address, None).unwrap();
    let erased = Delta::Erased(LearnerId::new("learner-2").unwrap()).to_bytes();
    sink.write(0, &[erased]).unwrap();
    assert_eq!(count("learner-2"), 0);
    // The same work through another collector does not bring it back.
    let other = tempfile::tempdir().unwrap();
    open(other.path(), &address)
        .ingest(&work.records, NOW)
        .unwrap();
    assert_eq!((count("learner-2"), count("learner-4")), (0, 1));
}
