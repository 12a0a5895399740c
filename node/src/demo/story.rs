//! The story: publish, spread, watch, report, acknowledge, renew. Each step ends when the nodes themselves say so.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::{
    Stop,
    child::{tell, until},
    http,
    samples::Version,
    stage::{Stage, Workshop, summary},
    steps::Steps,
};
use crate::handle::status::{FileRow, LessonRow, Status};

const CHANGED: &str = "ministry/math-6-sq/thyesat";
const WITHDRAWN: &str = "ministry/math-6-sq/kendet";
/// The learner's id must not be readable anywhere but inside the seal.
const LEARNER: &str = "demo-learner-7f3a9c";
const LIMIT: Duration = Duration::from_secs(60);

/// From an empty folder to lessons at home.
pub(super) fn publish_and_spread(
    steps: &mut Steps,
    folder: &Path,
    runtime: &tokio::runtime::Handle,
    stop: &Stop,
) -> anyhow::Result<Stage> {
    let workshop = steps.take("The ministry signs and publishes eight lessons", || {
        let workshop = Workshop::init(folder)?;
        workshop.add(Version::First)?;
        workshop.publish()?;
        Ok(workshop)
    })?;
    let mut stage = steps.take(
        "The school finds the ministry and fetches every lesson",
        || {
            let stage = Stage::open(folder, workshop, stop)?;
            stage
                .school
                .wait("the school to hold all lessons", LIMIT, stop, |status| {
                    status.lessons.known == 8 && status.lessons.complete == 8
                })?;
            Ok(stage)
        },
    )?;
    steps.take(
        "The family fetches grade 6 from the school and a lying neighbour",
        || {
            stage.bring_family(runtime, stop)?;
            stage.family()?.wait(
                "the family to hold the lessons of grade 6",
                LIMIT,
                stop,
                |status| status.lessons.followed == 3 && status.lessons.complete == 3,
            )?;
            Ok(())
        },
    )?;
    steps.take("The liar is caught and named", || {
        liar_is_named(&stage, stop)
    })?;
    Ok(stage)
}

fn liar_is_named(stage: &Stage, stop: &Stop) -> anyhow::Result<()> {
    let liar = stage.liar.as_ref().context("the liar does not run")?;
    let blames = |status: &Status, id: &str| {
        status
            .peers
            .iter()
            .any(|peer| peer.peer_id == id && !peer.faults.is_empty())
    };
    let family = stage.family()?;
    let status = family.wait("the family to name the liar", LIMIT, stop, |s| {
        blames(s, &liar.peer_id)
    })?;
    let school = stage.school.status()?.peer_id;
    ensure!(
        !blames(&status, &school),
        "the school is blamed for the liar's lies"
    );
    let faults = status
        .peers
        .iter()
        .filter(|peer| peer.peer_id == liar.peer_id)
        .flat_map(|peer| &peer.faults);
    faults
        .take(2)
        .for_each(|fault| tell("family", &format!("about the liar: {fault}")));
    Ok(())
}

/// From watching to version 2. Steps that do not build on each other go on after a failure.
pub(super) fn watch_report_and_renew(
    steps: &mut Steps,
    stage: &mut Stage,
    stop: &Stop,
) -> anyhow::Result<()> {
    steps.try_take("A child plays a lesson through HTTP ranges", || play(stage));
    let reported = steps.take(
        "What was watched is saved sealed and reaches the sync point",
        || report(stage, stop),
    );
    if reported.is_ok() {
        let collected = steps.take("The ministry opens it and writes xAPI statements", || {
            collect(stage)
        });
        if collected.is_ok() {
            steps.try_take(
                "The acknowledgement travels back and every carrier deletes",
                || acknowledged(stage, stop),
            );
        }
    }
    steps.take(
        "The ministry publishes version 2: one lesson changed, one withdrawn",
        || {
            stage.workshop.add(Version::Second)?;
            stage.workshop.withdraw(WITHDRAWN)?;
            stage.workshop.publish()
        },
    )?;
    let before = main_file(&stage.school.lessons()?, CHANGED).map(|file| file.blake3.clone());
    steps.take("Version 2 reaches the family", || {
        renewed(stage, before.ok().as_deref(), stop)
    })?;
    steps.try_take(
        "The withdrawn lesson is gone from lists, search and pages",
        || withdrawn(stage),
    );
    steps.try_take("All nodes still run", || stage.check_alive());
    Ok(())
}

fn lesson<'a>(rows: &'a [LessonRow], id: &str) -> anyhow::Result<&'a LessonRow> {
    rows.iter()
        .find(|row| row.id == id)
        .with_context(|| format!("{id} is not listed: {}", summary(rows)))
}

fn main_file<'a>(rows: &'a [LessonRow], id: &str) -> anyhow::Result<&'a FileRow> {
    let files = &lesson(rows, id)?.files;
    files
        .iter()
        .find(|file| file.part == "main")
        .with_context(|| format!("{id} has no main file"))
}

fn play(stage: &Stage) -> anyhow::Result<()> {
    let family = stage.family()?;
    let (base, rows) = (family.pages()?, family.lessons()?);
    let home = http::get(&base, "/", &[])?;
    ensure!(
        home.status == 200 && home.text().contains("Thyesat"),
        "the first page does not list the lesson"
    );
    let file = main_file(&rows, CHANGED)?;
    let mut played = Vec::new();
    while (played.len() as u64) < file.length {
        let range = format!("Range: bytes={}-{}", played.len(), played.len() + 262_143);
        let answer = http::get(&base, &file.url, &[&range])?;
        ensure!(
            answer.status == 206 && !answer.body.is_empty(),
            "{range} was answered with {}",
            answer.status
        );
        played.extend(answer.body);
    }
    ensure!(
        blake3::hash(&played).to_hex().as_str() == file.blake3,
        "the played bytes are not the signed ones"
    );
    tell(
        "family",
        &format!(
            "played {} bytes of {CHANGED}; they are the signed ones",
            played.len()
        ),
    );
    let tail = http::get(&base, &file.url, &["Range: bytes=-1000"])?;
    ensure!(
        tail.status == 206 && played.ends_with(&tail.body) && tail.body.len() == 1000,
        "a suffix range is wrong"
    );
    let past = http::get(
        &base,
        &file.url,
        &[&format!("Range: bytes={}-", file.length)],
    )?;
    ensure!(
        past.status == 416,
        "a range past the end was answered with {}",
        past.status
    );
    Ok(())
}

fn report(stage: &Stage, stop: &Stop) -> anyhow::Result<()> {
    let event = json!({
        "learner": LEARNER, "name": "Arta", "lesson": CHANGED, "played": [[0.0, 31.5]],
        "position": 31.5, "duration": 44.8, "completed": false,
    });
    let answer = http::post_json(
        &stage.family()?.pages()?,
        "/api/progress",
        &json!({ "events": [event] }),
    )?;
    ensure!(
        answer.status == 201,
        "the report was answered with {}: {}",
        answer.status,
        answer.text()
    );
    stage
        .school
        .wait("the record to reach the school", LIMIT, stop, |status| {
            status.records.carried > 0
        })?;
    for node in [&stage.school, &stage.ministry, stage.family()?] {
        if let Some(file) = file_with(node.data(), LEARNER.as_bytes())? {
            bail!("{} holds the learner's id in readable form", file.display());
        }
    }
    tell("school", "carries the record and cannot read whose it is");
    Ok(())
}

/// The first file below `folder` that holds `needle`.
fn file_with(folder: &Path, needle: &[u8]) -> anyhow::Result<Option<std::path::PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let found = if kind.is_dir() {
            file_with(&entry.path(), needle)?
        } else if kind.is_file() {
            // A store may replace a file while this looks.
            let bytes = fs::read(entry.path()).unwrap_or_default();
            bytes
                .windows(needle.len())
                .any(|window| window == needle)
                .then(|| entry.path())
        } else {
            None
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Lets the ministry collect when the school has records, as its collector would do by the clock.
pub(super) fn collect_what_waits(stage: &Stage) {
    let waits = stage
        .school
        .status()
        .is_ok_and(|status| status.records.carried > 0);
    if waits && let Err(error) = collect_into(stage, &stage.folder.join("statements.jsonl")) {
        tell("ministry", &format!("could not collect: {error:#}"));
    }
}

fn collect_into(stage: &Stage, statements: &Path) -> anyhow::Result<()> {
    let school = stage.school.address()?;
    stage.workshop.collect(&school, stage.network(), statements)
}

fn collect(stage: &Stage) -> anyhow::Result<()> {
    let statements = stage.folder.join("statements.jsonl");
    collect_into(stage, &statements)?;
    let written = fs::read_to_string(&statements)
        .with_context(|| format!("cannot read {}", statements.display()))?;
    ensure!(
        written.contains(CHANGED) && written.contains("31.500"),
        "no xAPI statement tells what was watched of {CHANGED}"
    );
    tell(
        "ministry",
        &format!(
            "knows what was watched: {} xAPI statements",
            written.lines().count()
        ),
    );
    Ok(())
}

fn acknowledged(stage: &Stage, stop: &Stop) -> anyhow::Result<()> {
    for node in [&stage.school, stage.family()?] {
        node.wait(
            &format!("the {} to delete what was acknowledged", node.name()),
            LIMIT,
            stop,
            |status| status.records.carried == 0 && status.records.own_unacked == 0,
        )?;
    }
    Ok(())
}

fn renewed(stage: &Stage, before: Option<&str>, stop: &Stop) -> anyhow::Result<()> {
    let family = stage.family()?;
    until("the family to hold version 2", LIMIT, stop, || {
        let rows = family.lessons().map_err(|error| error.to_string())?;
        let changed = main_file(&rows, CHANGED).map_err(|error| error.to_string())?;
        let whole = rows.iter().all(|row| row.complete) && rows.len() == 2;
        if whole && Some(changed.blake3.as_str()) != before {
            Ok(())
        } else {
            Err(summary(&rows))
        }
    })
}

fn withdrawn(stage: &Stage) -> anyhow::Result<()> {
    let family = stage.family()?;
    let found = family.search("trekendesh")?;
    ensure!(
        found.iter().all(|row| row.id != WITHDRAWN),
        "the search still finds it"
    );
    ensure!(
        !family.search("thyesat")?.is_empty(),
        "the search finds nothing at all"
    );
    let base = family.pages()?;
    ensure!(
        !http::get(&base, "/", &[])?
            .text()
            .contains("Këndet e trekëndëshit"),
        "the first page still lists it"
    );
    let page = http::get(&base, &format!("/lesson/{WITHDRAWN}"), &[])?;
    ensure!(
        page.status == 404 || page.status == 410,
        "its page is answered with {}",
        page.status
    );
    Ok(())
}
