//! Saving, carrying, acknowledging, quotas, age, and kill -9.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use pishtar_mesh::learner::{LearnerId, LessonRef, PlayedSegments, Watched, What, unpack_events};
use pishtar_signing::record::{CollectionSecret, Record, Slot};

use super::*;

const NOW: i64 = 1_780_000_000;
const DAY: i64 = 86_400;

fn ministry() -> CollectionSecret {
    use rand_chacha::rand_core::SeedableRng;
    CollectionSecret::generate(1, &mut rand_chacha::ChaCha20Rng::from_seed([8; 32]))
}

fn to() -> Recipients {
    Recipients {
        ministry: ministry().public(),
        school: None,
    }
}

fn watched(learner: &str, end_ms: u32) -> LearnerEvent {
    LearnerEvent {
        learner: LearnerId::new(learner).unwrap(),
        name: None,
        lesson: LessonRef::new("ministry/math-6-sq/thyesat").unwrap(),
        what: What::Watched(Watched {
            played: PlayedSegments::from_intervals([(0, end_ms)]).unwrap(),
            furthest_ms: end_ms,
            duration_ms: 100_000,
        }),
    }
}

fn open(dir: &Path) -> RecordStore {
    open_with(dir, RecordOptions::default())
}

fn open_with(dir: &Path, options: RecordOptions) -> RecordStore {
    let store = RecordStore::open(&dir.join("records.redb"), options).unwrap();
    store.set_ack_keys(vec![ministry().public().ack]);
    store
}

async fn reopen(store: RecordStore, dir: &Path) -> RecordStore {
    store.close().await;
    open(dir)
}

fn all(store: &RecordStore) -> Vec<Record> {
    let snapshot = store.snapshot(SetKind::Records);
    let ids: Vec<_> = snapshot.entries().iter().map(|entry| entry.id).collect();
    let mut records: Vec<_> = store
        .load(SetKind::Records, &ids)
        .unwrap()
        .into_iter()
        .map(|bytes| Record::parse(bytes).unwrap())
        .collect();
    records.sort_by_key(|record| record.header().sequence);
    records
}

fn bytes(records: &[Record]) -> Vec<Vec<u8>> {
    records
        .iter()
        .map(|record| record.as_bytes().to_vec())
        .collect()
}

/// `count` records of a fresh device.
async fn foreign(count: u32) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..count {
        store
            .append(vec![watched("other", n + 1)], to(), NOW)
            .await
            .unwrap();
    }
    bytes(&all(&store))
}

#[tokio::test]
async fn saved_events_survive_and_open_at_the_ministry() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let saved = store
        .append(vec![watched("arta", 1), watched("arta", 2)], to(), NOW)
        .await
        .unwrap();
    assert_eq!(saved.records.len(), 1);
    store
        .append(vec![watched("arta", 3)], to(), NOW)
        .await
        .unwrap();
    let store = reopen(store, dir.path()).await;
    let records = all(&store);
    assert_eq!(
        records
            .iter()
            .map(|record| record.header().sequence)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    let opened = records[0]
        .open(Slot::Ministry, ministry().seal_secret())
        .unwrap();
    assert_eq!(
        unpack_events(&opened.events).unwrap(),
        [watched("arta", 1), watched("arta", 2)]
    );
    assert_eq!(
        store.counts(),
        RecordCounts {
            own_unacked: 2,
            carried: 0,
            acked: 0
        }
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(dir.path().join("records.redb"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn concurrent_saves_get_every_sequence_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let saves = (0..60).map(|n| store.append(vec![watched("arta", n + 1)], to(), NOW));
    for saved in futures::future::join_all(saves).await {
        saved.unwrap();
    }
    let sequences: Vec<_> = all(&store)
        .iter()
        .map(|record| record.header().sequence)
        .collect();
    assert_eq!(sequences, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn logs_rotate_each_week_and_with_the_collection_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut next_term = to();
    next_term.ministry.epoch = 2;
    for (to, now) in [
        (to(), NOW),
        (to(), NOW + 6 * DAY),
        (to(), NOW + 7 * DAY),
        (next_term, NOW + 8 * DAY),
    ] {
        store
            .append(vec![watched("arta", 1)], to, now)
            .await
            .unwrap();
    }
    let mut logs: Vec<_> = all(&store)
        .iter()
        .map(|record| (record.header().log_key, record.header().sequence))
        .collect();
    logs.sort();
    assert_eq!(
        logs.iter().filter(|(_, sequence)| *sequence == 1).count(),
        3
    );
    assert_eq!(
        logs.iter().filter(|(_, sequence)| *sequence == 2).count(),
        1
    );
}

#[tokio::test]
async fn only_a_signed_acknowledgement_frees_records() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 1..=3 {
        store
            .append(vec![watched("arta", n)], to(), NOW)
            .await
            .unwrap();
    }
    let theirs = foreign(2).await;
    store
        .store(SetKind::Records, theirs.clone(), [5; 32], NOW)
        .await
        .unwrap();
    let own_log = all(&store)
        .into_iter()
        .find(|record| record.header().sequence == 3)
        .unwrap()
        .header()
        .log_key;
    let hour = (NOW / 3600) as u32;

    let stranger = CollectionSecret::generate(1, &mut system_rng());
    let forged = stranger.acknowledge(hour, own_log, 3).to_bytes().to_vec();
    let stored = store
        .store(SetKind::Acks, vec![forged], [5; 32], NOW)
        .await
        .unwrap();
    assert_eq!(
        stored,
        Stored {
            refused: 1,
            ..Stored::default()
        }
    );
    assert_eq!(
        store.counts(),
        RecordCounts {
            own_unacked: 3,
            carried: 2,
            acked: 0
        }
    );

    let two = ministry().acknowledge(hour, own_log, 2).to_bytes().to_vec();
    let one = ministry()
        .acknowledge(hour + 1, own_log, 1)
        .to_bytes()
        .to_vec();
    let stored = store
        .store(SetKind::Acks, vec![two.clone(), one, two], [5; 32], NOW)
        .await
        .unwrap();
    assert_eq!(
        stored,
        Stored {
            accepted: 1,
            known: 2,
            refused: 0
        }
    );
    assert_eq!(
        store.counts(),
        RecordCounts {
            own_unacked: 1,
            carried: 2,
            acked: 2
        }
    );

    let their_log = Record::parse(theirs[0].clone()).unwrap().header().log_key;
    let ack = ministry()
        .acknowledge(hour, their_log, 2)
        .to_bytes()
        .to_vec();
    store
        .store(SetKind::Acks, vec![ack], [5; 32], NOW)
        .await
        .unwrap();
    let store = reopen(store, dir.path()).await;
    assert_eq!(
        store.counts(),
        RecordCounts {
            own_unacked: 1,
            carried: 0,
            acked: 2
        }
    );
    let again = store
        .store(SetKind::Records, theirs, [6; 32], NOW)
        .await
        .unwrap();
    assert_eq!(
        again,
        Stored {
            known: 2,
            ..Stored::default()
        }
    );
}

#[tokio::test]
async fn changed_and_foreign_bytes_are_refused_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut items = foreign(2).await;
    items[0][100] ^= 1;
    items.push(vec![0; 512]);
    items.push(items[1].clone());
    let stored = store
        .store(SetKind::Records, items, [5; 32], NOW)
        .await
        .unwrap();
    assert_eq!(
        stored,
        Stored {
            accepted: 1,
            known: 1,
            refused: 2
        }
    );
}

#[tokio::test]
async fn only_changes_of_a_set_are_announced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut changes = store.subscribe();
    let items = foreign(1).await;
    store
        .store(SetKind::Records, items.clone(), [5; 32], NOW)
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    store
        .store(SetKind::Records, items, [5; 32], NOW)
        .await
        .unwrap();
    store.expire(NOW).await.unwrap();
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn a_flood_displaces_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions {
        carry_quota_bytes: 10 * 512,
        ..RecordOptions::default()
    };
    let store = open_with(dir.path(), options);
    let (honest, flood, late) = (foreign(3).await, foreign(30).await, foreign(4).await);
    store
        .store(SetKind::Records, honest.clone(), [1; 32], NOW)
        .await
        .unwrap();
    let stored = store
        .store(SetKind::Records, flood, [2; 32], NOW)
        .await
        .unwrap();
    assert_eq!(
        stored,
        Stored {
            accepted: 7,
            refused: 23,
            known: 0
        }
    );
    let stored = store
        .store(SetKind::Records, late, [3; 32], NOW)
        .await
        .unwrap();
    assert_eq!(stored.accepted, 3);
    let held = store.snapshot(SetKind::Records);
    for item in honest {
        let id = *blake3::hash(&item).as_bytes();
        assert!(
            held.entries().iter().any(|entry| entry.id == id),
            "an honest record was pushed out"
        );
    }
    assert_eq!(held.entries().len(), 10);
}

#[tokio::test]
async fn carried_records_go_after_sixty_days_and_own_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store
        .append(vec![watched("arta", 1)], to(), NOW)
        .await
        .unwrap();
    let theirs = foreign(2).await;
    store
        .store(SetKind::Records, theirs.clone(), [5; 32], NOW)
        .await
        .unwrap();
    for day in 1..=60 {
        assert_eq!(store.expire(NOW + day * DAY).await.unwrap(), 0);
    }
    assert_eq!(store.expire(NOW + 60 * DAY + 1).await.unwrap(), 2);
    let again = store
        .store(SetKind::Records, theirs, [6; 32], NOW + 61 * DAY)
        .await
        .unwrap();
    assert_eq!(
        again,
        Stored {
            known: 2,
            ..Stored::default()
        }
    );
    assert_eq!(
        store.counts(),
        RecordCounts {
            own_unacked: 1,
            carried: 0,
            acked: 0
        }
    );
}

#[tokio::test]
async fn a_clock_set_from_1970_makes_nothing_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store
        .store(SetKind::Records, foreign(2).await, [5; 32], 100)
        .await
        .unwrap();
    assert_eq!(store.expire(NOW).await.unwrap(), 0);
    assert_eq!(store.expire(200).await.unwrap(), 0);
}

#[tokio::test]
async fn a_second_opener_and_a_damaged_file_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let path = dir.path().join("records.redb");
    assert!(matches!(
        RecordStore::open(&path, RecordOptions::default()),
        Err(OpenError::InUse { .. })
    ));
    drop(store);
    let other = dir.path().join("damaged.redb");
    fs::write(&other, [7; 10_000]).unwrap();
    let damaged = RecordStore::open(&other, RecordOptions::default());
    assert!(
        matches!(damaged, Err(OpenError::Damaged { .. })),
        "{damaged:?}"
    );
    assert_eq!(fs::read(&other).unwrap(), [7; 10_000]);
}

/// Saves in a loop and says each save aloud; runs only as the child of the test below.
#[test]
#[ignore = "the child process of kill_nine_loses_no_acknowledged_save"]
fn crash_child() {
    let Ok(dir) = std::env::var("PISHTAR_CRASH_DIR") else {
        return;
    };
    let store = open(Path::new(&dir));
    for n in 0.. {
        let saved = store
            .append_blocking(&[watched("arta", n + 1)], to(), NOW)
            .unwrap();
        println!("saved {}", hex::encode(saved.records[0].0));
    }
}

/// Threat 3: what was answered is there after kill -9, and the log has no gap.
#[test]
fn kill_nine_loses_no_acknowledged_save() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = std::collections::BTreeSet::new();
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "store::records::tests::crash_child",
                "--nocapture",
            ])
            .env("PISHTAR_CRASH_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        for _ in 0..20 + round * 7 {
            lines.read_line(&mut text).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.read_to_string(&mut text).unwrap();
        // A line cut by the kill is no answer.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        said.extend(
            whole
                .lines()
                .filter_map(|line| line.split("saved ").nth(1))
                .map(str::to_owned),
        );
        let store = open(dir.path());
        let records = all(&store);
        let held: std::collections::BTreeSet<_> = records
            .iter()
            .map(|record| hex::encode(record.id().0))
            .collect();
        assert!(said.is_subset(&held), "an acknowledged save is lost");
        let sequences: Vec<_> = records
            .iter()
            .map(|record| record.header().sequence)
            .collect();
        assert_eq!(sequences, (1..=records.len() as u64).collect::<Vec<_>>());
        close_blocking(store);
    }
    assert!(said.len() >= 80, "only {} saves were made", said.len());
}

fn system_rng() -> rand_chacha::ChaCha20Rng {
    writer::system_rng()
}

fn close_blocking(store: RecordStore) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(store.close());
}

/// An event that alone needs a record of 8 KiB.
fn many_segments() -> LearnerEvent {
    let mut event = watched("arta", 1);
    let intervals = (1..=250).map(|n| (n * 100_000, n * 100_000 + 70_000));
    if let What::Watched(watched) = &mut event.what {
        watched.played = PlayedSegments::from_intervals(intervals).unwrap();
    }
    event
}

/// Saves until the disk (a limit on file sizes) is full, then goes on when there is room again; runs only as
/// the child of the test below.
#[test]
#[ignore = "the child process of a_full_disk_loses_nothing_and_recovers"]
fn full_disk_child() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let Ok(dir) = std::env::var("PISHTAR_FULL_DIR") else {
        return;
    };
    let store = open(Path::new(&dir));
    let file = fs::metadata(Path::new(&dir).join("records.redb"))
        .unwrap()
        .len();
    let mut limit = getrlimit(Resource::Fsize);
    let unlimited = limit.current;
    limit.current = Some(file + 100_000);
    setrlimit(Resource::Fsize, limit).unwrap();
    let large = [many_segments()];
    let mut saved = 0;
    let refused = loop {
        match store.append_blocking(&large, to(), NOW) {
            Ok(_) => saved += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SaveError::Store(_)), "{refused}");
    limit.current = unlimited;
    setrlimit(Resource::Fsize, limit).unwrap();
    store.append_blocking(&large, to(), NOW).unwrap();
    println!("saved {}", saved + 1);
}

/// Threats 6 and 7: no save is answered that is not on disk, and saving goes on once there is room.
#[test]
fn a_full_disk_loses_nothing_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let child = std::env::current_exe().unwrap();
    // Ignored signals stay ignored across exec: writing past the limit is then an error, not a death.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --ignored --exact store::records::tests::full_disk_child --nocapture"])
        .arg(child)
        .env("PISHTAR_FULL_DIR", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = text
        .lines()
        .find_map(|line| line.split("saved ").nth(1))
        .unwrap();
    let records = all(&open(dir.path()));
    assert_eq!(records.len().to_string(), said);
    assert!(records.len() > 2);
    let sequences: Vec<_> = records
        .iter()
        .map(|record| record.header().sequence)
        .collect();
    assert_eq!(sequences, (1..=records.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_waits_for_the_reader_whatever_frees_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store
        .append(vec![watched("arta", 1)], to(), NOW)
        .await
        .unwrap();
    assert!(store.unread(10).unwrap().is_empty(), "nobody reads here");
    store.begin_reading().await.unwrap();
    let theirs = foreign(2).await;
    store
        .store(SetKind::Records, theirs.clone(), [5; 32], NOW)
        .await
        .unwrap();
    let log = Record::parse(theirs[0].clone()).unwrap().header().log_key;
    let ack = ministry().acknowledge((NOW / 3600) as u32, log, 2);
    let ack = ack.to_bytes().to_vec();
    store
        .store(SetKind::Acks, vec![ack], [5; 32], NOW)
        .await
        .unwrap();
    assert_eq!(store.counts().carried, 0);
    let store = reopen(store, dir.path()).await;
    store.begin_reading().await.unwrap();
    let waiting = store.unread(10).unwrap();
    assert_eq!(waiting.len(), 3, "the one from before is among them");
    assert!(
        theirs
            .iter()
            .all(|item| waiting.iter().any(|(_, held)| held == item))
    );
    let ids = waiting.iter().map(|(id, _)| *id).collect();
    store.mark_read(ids).await.unwrap();
    let store = reopen(store, dir.path()).await;
    assert!(store.unread(10).unwrap().is_empty());
    store.begin_reading().await.unwrap();
    assert!(
        store.unread(10).unwrap().is_empty(),
        "what was read is not read again"
    );
}

/// Two hundred ids of one machine have one machine's share: the caller names the machine, not the id.
#[tokio::test]
async fn junk_in_masses_pushes_out_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions {
        carry_quota_bytes: 400 * 512,
        ..RecordOptions::default()
    };
    let store = open_with(dir.path(), options);
    let honest = foreign(150).await;
    store
        .store(SetKind::Records, honest.clone(), [1; 32], NOW)
        .await
        .unwrap();
    let junk = foreign(3_000).await;
    for part in junk.chunks(128) {
        store
            .store(SetKind::Records, part.to_vec(), [2; 32], NOW)
            .await
            .unwrap();
    }
    // The same again, and bytes that are nothing: known or refused, never kept.
    let again = store
        .store(SetKind::Records, junk[..128].to_vec(), [2; 32], NOW)
        .await
        .unwrap();
    assert_eq!(again.accepted, 0);
    let noise = (0..128u8).map(|n| vec![n; 512]).collect();
    let refused = store
        .store(SetKind::Records, noise, [2; 32], NOW)
        .await
        .unwrap();
    assert_eq!(refused.refused, 128);
    let held = store.snapshot(SetKind::Records);
    assert_eq!(held.entries().len(), 400, "the quota is full and no more");
    let there = |item: &&Vec<u8>| {
        let id = *blake3::hash(item).as_bytes();
        held.entries().iter().any(|entry| entry.id == id)
    };
    assert_eq!(honest.iter().filter(there).count(), 150);
}
