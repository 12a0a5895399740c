//! Two tablets of one child, their clocks three years apart, a courier, the school, the ministry.

use std::{fs, path::Path};

use pishtar::{school::secrets, store::records::RecordStore};
use pishtar_catalog::Completion;
use pishtar_mesh::learner::{
    DeviceId, LearnerEvent, PlayedSegments, ProgressBook, Watched, What, unpack_events,
};
use pishtar_signing::record::{Recipients, Record, Slot};

use super::{NOW, attempt, collect, event, exchange, ministry, open, pishtar, said};

const THREE_YEARS: i64 = 3 * 365 * 86_400;
const WHOLE: usize = usize::MAX / 2;

fn watched(start_ms: u32, end_ms: u32) -> LearnerEvent {
    event(What::Watched(Watched {
        played: PlayedSegments::from_intervals([(start_ms, end_ms)]).unwrap(),
        furthest_ms: end_ms,
        duration_ms: 100_000,
    }))
}

#[tokio::test]
async fn a_childs_work_on_two_tablets_counts_once_at_school_and_at_the_ministry() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let ministry = ministry(dir.path());
    let school_data = at("school");
    let data = school_data.to_str().unwrap();
    pishtar(&[
        "school",
        "init",
        "--data",
        data,
        "--id",
        "shkolla-1",
        "--name",
        "Shkolla",
    ]);
    let to = Recipients {
        ministry: ministry.public(),
        school: Some(secrets(&school_data).unwrap()[0].public().seal),
    };
    let stores = ["old", "new", "courier", "school"].map(|name| open(&at(name), &ministry));
    let [old, new, courier, school] = &stores;
    school.begin_reading().await.unwrap();
    let save = async |tablet: &RecordStore, event: LearnerEvent, now: i64| {
        tablet.append(vec![event], to, now).await.unwrap();
    };
    save(
        old,
        event(What::Rule(Completion::WatchedPercent(95))),
        NOW - THREE_YEARS,
    )
    .await;
    save(old, watched(0, 60_000), NOW - THREE_YEARS).await;
    save(old, attempt(1, 3), NOW - THREE_YEARS + 60).await;
    save(new, watched(40_000, 100_000), NOW).await;
    save(new, attempt(1, 5), NOW + 60).await;

    // A stranger meets the newer tablet first, the school in between and again, and everyone twice.
    for (left, right) in [
        (courier, new),
        (school, courier),
        (old, courier),
        (courier, school),
    ] {
        for _ in 0..2 {
            exchange(left, right, WHOLE).await.unwrap();
        }
    }
    assert_eq!((courier.counts().carried, school.counts().carried), (5, 5));

    the_school_reads_it_once(&school_data, school).await;
    for store in &stores {
        store.close().await;
    }
    let statements = collect(dir.path(), &school_data);
    let verbs = ["initialized", "answered", "completed"].map(|verb| said(&statements, verb));
    assert_eq!(verbs, [1, 2, 1]);
    assert_eq!(collect(dir.path(), &school_data), statements);
    let table = at("progress.csv");
    let (from, out) = (at("collector"), table.to_str().unwrap());
    pishtar(&[
        "progress",
        "export",
        "--data",
        from.to_str().unwrap(),
        "--format",
        "csv",
        "--out",
        out,
    ]);
    let rows = fs::read_to_string(table).unwrap();
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(
        rows[0].contains("100.0") && rows[0].contains("exercise=5/5"),
        "{rows:?}"
    );
    assert!(rows[0].contains("true"), "{rows:?}");
}

/// The teacher sees 100 % and 5/5, once, also when the first reading is repeated after a crash.
async fn the_school_reads_it_once(data: &Path, records: &RecordStore) {
    let secret = &secrets(data).unwrap()[0];
    let mut book = ProgressBook::default();
    for _ in 0..2 {
        let waiting = records.unread(100).unwrap();
        assert_eq!(waiting.len(), 5);
        for (_, bytes) in waiting {
            let record = Record::parse(bytes).unwrap();
            let opened = record.open(Slot::School, secret.seal_secret()).unwrap();
            for event in unpack_events(&opened.events).unwrap() {
                book.apply(DeviceId(opened.device), &event);
            }
        }
    }
    let ids = records.unread(100).unwrap().into_iter().map(|(id, _)| id);
    records.mark_read(ids.collect()).await.unwrap();
    assert!(records.unread(100).unwrap().is_empty());
    let rows: Vec<_> = book.entries.values().collect();
    assert_eq!(rows.len(), 1, "one learner, one lesson");
    let progress = rows[0];
    assert_eq!(progress.progress_permille(), 1_000);
    assert_eq!(progress.best_results()["exercise"], (5, 5));
    assert_eq!(progress.attempts.len(), 2);
    assert!(progress.is_completed(900) && progress.meets(Completion::WatchedPercent(95)));
}
