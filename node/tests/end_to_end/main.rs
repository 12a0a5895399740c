//! Learners' work from end to end with real records, real stores and the real collector: nothing lost, nothing twice.

mod cuts;
mod story;

use std::{fs, path::Path, process::Command};

use pishtar::{
    net::records::{ExchangeError, ExchangeLimits, initiate, respond},
    store::records::{RecordOptions, RecordStore},
};
use pishtar_mesh::{
    learner::{Attempt, LearnerEvent, LearnerId, LessonRef, What},
    records::ExchangeStats,
};
use pishtar_signing::record::CollectionSecret;
use tokio_util::compat::TokioAsyncReadCompatExt;

use cuts::Cut;

pub(crate) const NOW: i64 = 1_780_000_000;

pub(crate) fn pishtar(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A ministry's secret with the file that `pishtar collect` reads.
pub(crate) fn ministry(dir: &Path) -> CollectionSecret {
    let json = format!(
        r#"{{"epoch":1,"seal_secret":"{}","ack_secret":"{}"}}"#,
        "11".repeat(32),
        "22".repeat(32)
    );
    fs::write(dir.join("collection.json"), &json).unwrap();
    CollectionSecret::from_json(json.as_bytes()).unwrap()
}

pub(crate) fn open(dir: &Path, ministry: &CollectionSecret) -> RecordStore {
    let store = RecordStore::open(&dir.join("records.redb"), RecordOptions::default()).unwrap();
    store.set_ack_keys(vec![ministry.public().ack]);
    store
}

/// One round of the real collector with the records in a folder; what it wrote, line by line.
pub(crate) fn collect(dir: &Path, from: &Path) -> Vec<String> {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let out = dir.join("statements.jsonl");
    pishtar(&[
        "collect",
        "--key",
        &text(&dir.join("collection.json")),
        "--from",
        &text(from),
        "--data",
        &text(&dir.join("collector")),
        "--sink",
        &format!("xapi:{}", text(&out)),
        "--once",
    ]);
    let written = fs::read_to_string(out).unwrap();
    written.lines().map(str::to_owned).collect()
}

/// How many of the statements have this verb.
pub(crate) fn said(statements: &[String], verb: &str) -> usize {
    let verb = format!("/{verb}\"");
    statements
        .iter()
        .filter(|line| line.contains(&verb))
        .count()
}

pub(crate) fn event(what: What) -> LearnerEvent {
    LearnerEvent {
        learner: LearnerId::new("k7m2q9x4w1").unwrap(),
        name: None,
        lesson: LessonRef::new("ministry/math-6-sq/thyesat").unwrap(),
        what,
    }
}

pub(crate) fn attempt(counter: u64, raw: u32) -> LearnerEvent {
    event(What::Attempted(Attempt {
        counter,
        item: "exercise".into(),
        raw,
        max: 5,
    }))
}

/// An exchange over a connection that breaks after so many reads and writes of both ends together.
pub(crate) async fn exchange(
    left: &RecordStore,
    right: &RecordStore,
    steps: usize,
) -> Result<ExchangeStats, ExchangeError> {
    let (a, b) = tokio::io::duplex(4096);
    let [a, b] = Cut::both([a.compat(), b.compat()], steps);
    let limits = ExchangeLimits::default();
    let (ours, theirs) = tokio::join!(
        initiate(a, left, [2; 32], NOW, limits),
        respond(b, right, [1; 32], NOW, limits),
    );
    theirs.and(ours)
}
