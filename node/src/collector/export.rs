//! `pishtar progress export`: what the collector knows, as a file.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use thiserror::Error;

use super::{
    COMPLETION_PERMILLE, CollectError, Vocabulary,
    state::{Progress, State},
};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// xAPI statements, one JSON object a line, under pseudonyms
    Xapi,
    /// A table with learners' names, one row for each learner and lesson
    Csv,
}

/// Why an export was not made.
#[derive(Debug, Error)]
pub enum ExportError {
    /// No collector worked in this folder.
    #[error(
        "{0} holds no collected progress; give --data the folder that `pishtar collect` writes"
    )]
    NoProgress(PathBuf),
    /// The collector's state cannot be read.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes everyone's progress to `out`, replacing it at once when all is written. Returns the number of
/// rows (learner and lesson).
///
/// # Errors
/// [`ExportError`]; an earlier file at `out` is untouched then.
pub fn export(
    dir: &Path,
    format: ExportFormat,
    out: &Path,
    home_page: &str,
    now: i64,
) -> Result<usize, ExportError> {
    let path = dir.join("collector.redb");
    if !path.exists() {
        return Err(ExportError::NoProgress(dir.to_owned()));
    }
    let state = State::open(&path)?;
    let vocabulary = Vocabulary::new(home_page, state.salt());
    let mut rows = 0;
    let mut text = Vec::new();
    match format {
        ExportFormat::Xapi => state.for_each_progress(|learner, lesson, progress| {
            rows += 1;
            for line in vocabulary.summary(learner, lesson, progress, now) {
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
            }
        })?,
        ExportFormat::Csv => {
            let mut table = csv::Writer::from_writer(&mut text);
            table
                .write_record(CSV_HEAD)
                .expect("memory takes every row");
            state.for_each_progress(|learner, lesson, progress| {
                rows += 1;
                let row = csv_row(&vocabulary.pseudonym(learner), lesson.as_str(), progress);
                table.write_record(row).expect("memory takes every row");
            })?;
        }
    }
    replace(out, &text).map_err(|source| ExportError::Write {
        path: out.to_owned(),
        source,
    })?;
    Ok(rows)
}

const CSV_HEAD: [&str; 9] = [
    "learner",
    "name",
    "lesson",
    "progress_percent",
    "played_s",
    "duration_s",
    "completed",
    "attempts",
    "best_results",
];

fn csv_row(pseudonym: &str, lesson: &str, progress: &Progress) -> [String; 9] {
    let done = &progress.lesson;
    let tenths = |ms: u64| format!("{}.{}", ms / 1000, ms % 1000 / 100);
    let permille = done.progress_permille();
    let names: Vec<&str> = done.names.iter().map(|name| name.as_str()).collect();
    let best = done
        .best_results()
        .into_iter()
        .map(|(item, (raw, max))| format!("{item}={raw}/{max}"));
    [
        pseudonym.to_owned(),
        plain_cell(&names.join(" / ")),
        plain_cell(lesson),
        format!("{}.{}", permille / 10, permille % 10),
        tenths(done.played.total_ms()),
        tenths(u64::from(done.duration_ms)),
        (progress.completed || done.is_completed(COMPLETION_PERMILLE)).to_string(),
        done.attempts.len().to_string(),
        plain_cell(&best.collect::<Vec<_>>().join("; ")),
    ]
}

/// A spreadsheet takes some first characters for a formula; what a child typed must stay text.
fn plain_cell(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

fn replace(out: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(out)?;
    fs::File::open(folder)?.sync_all()
}
