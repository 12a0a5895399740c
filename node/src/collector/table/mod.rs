//! Progress as a table: one row for each learner and lesson, as CSV or Parquet.

mod parquet;
mod thrift;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::ValueEnum;

use super::{
    COMPLETION_PERMILLE, CollectError,
    guide::Guide,
    sinks::SinkError,
    state::{Progress, State},
    statements::Vocabulary,
};

/// Shortest time between two writings of a table: the whole of it is written each time.
const REST: Duration = Duration::from_secs(60);

/// The form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Text, one line for each row (RFC 4180).
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The learner's pseudonym in this collector.
    pub(super) learner: String,
    /// The names that the learner goes by, ` / ` between them.
    pub(super) name: String,
    pub(super) lesson: String,
    /// As the catalogue names it; empty without a catalogue.
    pub(super) title: String,
    pub(super) subject: String,
    /// `None` without a catalogue.
    pub(super) grade: Option<u8>,
    pub(super) progress_permille: u32,
    pub(super) played_ms: u64,
    pub(super) duration_ms: u32,
    pub(super) completed: bool,
    pub(super) attempts: u32,
    pub(super) best_results: String,
    /// Unix seconds of the latest hour that a device named; 0 for none.
    pub(super) last_worked: i64,
}

impl Row {
    fn of(guide: &Guide, pseudonym: String, lesson: &str, progress: &Progress) -> Self {
        let done = &progress.lesson;
        let names: Vec<&str> = done.names.iter().map(|name| name.as_str()).collect();
        let best = done
            .best_results()
            .into_iter()
            .map(|(item, (raw, max))| format!("{item}={raw}/{max}"));
        let known = guide.lesson(lesson);
        Self {
            learner: pseudonym,
            name: names.join(" / "),
            lesson: lesson.to_owned(),
            title: known.map_or_else(String::new, |known| known.title.clone()),
            subject: known.map_or_else(String::new, |known| known.subject.clone()),
            grade: known.map(|known| known.grade),
            progress_permille: done.progress_permille(),
            played_ms: done.played.total_ms(),
            duration_ms: done.duration_ms,
            completed: progress.completed || done.is_completed(COMPLETION_PERMILLE),
            attempts: u32::try_from(done.attempts.len()).unwrap_or(u32::MAX),
            best_results: best.collect::<Vec<_>>().join("; "),
            last_worked: i64::from(progress.hour) * 3600,
        }
    }
}

/// Writes everyone's progress to `out`, replacing it at once when all is written; returns the number of rows.
///
/// # Errors
/// The disk's; an earlier file is untouched then.
pub(super) fn write_table(
    state: &State,
    guide: &Guide,
    format: TableFormat,
    out: &Path,
) -> Result<usize, TableError> {
    // The table needs pseudonyms only, which no home page is part of.
    let vocabulary = Vocabulary::new("", state.salt());
    replace(out, |file| {
        let mut writer: Box<dyn RowWriter + '_> = match format {
            TableFormat::Csv => Box::new(CsvRows::begin(file)?),
            TableFormat::Parquet => Box::new(parquet::ParquetRows::begin(file)?),
        };
        let (mut rows, mut failed) = (0, None);
        state.for_each_progress(|learner, lesson, progress| {
            if failed.is_some() {
                return;
            }
            let pseudonym = vocabulary.pseudonym(learner);
            let row = Row::of(guide, pseudonym, lesson.as_str(), progress);
            match writer.row(row) {
                Ok(()) => rows += 1,
                Err(error) => failed = Some(error),
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        writer.finish()?;
        Ok(rows)
    })
}

/// Why a table was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    #[error(transparent)]
    State(#[from] CollectError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Takes rows one by one; holds a bounded number of them.
trait RowWriter {
    fn row(&mut self, row: Row) -> io::Result<()>;
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// The columns' names, in order.
const CSV_HEAD: [&str; 13] = [
    "learner",
    "name",
    "lesson",
    "title",
    "subject",
    "grade",
    "progress_percent",
    "played_s",
    "duration_s",
    "completed",
    "attempts",
    "best_results",
    "last_worked",
];

struct CsvRows<W: Write>(csv::Writer<W>);

impl<W: Write> CsvRows<W> {
    fn begin(out: W) -> io::Result<Self> {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(CSV_HEAD)?;
        Ok(Self(table))
    }
}

impl<W: Write> RowWriter for CsvRows<W> {
    fn row(&mut self, row: Row) -> io::Result<()> {
        let tenths = |ms: u64| format!("{}.{}", ms / 1000, ms % 1000 / 100);
        let worked = jiff::Timestamp::from_second(row.last_worked).ok();
        let worked = worked.filter(|_| row.last_worked > 0);
        let permille = row.progress_permille;
        self.0.write_record([
            row.learner,
            plain_cell(&row.name),
            plain_cell(&row.lesson),
            plain_cell(&row.title),
            plain_cell(&row.subject),
            row.grade
                .map_or_else(String::new, |grade| grade.to_string()),
            format!("{}.{}", permille / 10, permille % 10),
            tenths(row.played_ms),
            tenths(u64::from(row.duration_ms)),
            row.completed.to_string(),
            row.attempts.to_string(),
            plain_cell(&row.best_results),
            worked.map_or_else(String::new, |time| time.to_string()),
        ])?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

/// A spreadsheet takes some first characters for a formula; what a child typed must stay text.
fn plain_cell(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// Writes beside `out` and puts it in its place when all is on disk.
pub(super) fn replace<T, E: From<io::Error>>(
    out: &Path,
    write: impl FnOnce(&mut io::BufWriter<&std::fs::File>) -> Result<T, E>,
) -> Result<T, E> {
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder)?;
    let mut buffered = io::BufWriter::new(file.as_file());
    let result = write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.as_file().sync_all()?;
    file.persist(out).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(result)
}

/// A file that follows the collector's own: the whole table, written anew when progress changed.
#[derive(Debug)]
pub struct TableFile {
    format: TableFormat,
    path: PathBuf,
    guide: std::sync::Arc<Guide>,
    /// What it shows, and since when.
    shows: Option<(u64, Instant)>,
}

impl TableFile {
    /// The table at `path`, readable by its owner only.
    pub fn new(format: TableFormat, path: &Path) -> Self {
        Self {
            format,
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            guide: std::sync::Arc::default(),
            shows: None,
        }
    }

    /// Names lessons by this catalogue.
    pub(super) fn with_guide(self, guide: std::sync::Arc<Guide>) -> Self {
        Self { guide, ..self }
    }

    /// Names this sink.
    pub fn name(&self) -> String {
        let kind = match self.format {
            TableFormat::Csv => "csv",
            TableFormat::Parquet => "parquet",
        };
        format!("{kind}:{}", self.path.display())
    }

    /// Writes the table when it is out of date and was not written just now; `hurry` leaves out the rest.
    /// Returns whether it was written.
    pub(super) fn refresh(&mut self, state: &State, hurry: bool) -> Result<bool, SinkError> {
        let trouble = |error: &dyn std::fmt::Display| {
            SinkError::new(format!(
                "{} cannot be written: {error}",
                self.path.display()
            ))
        };
        let changes = state.changes().map_err(|error| trouble(&error))?;
        let current = self.path.exists() && self.shows.is_some_and(|(shown, _)| shown == changes);
        let fresh = self.shows.is_some_and(|(_, at)| at.elapsed() < REST);
        if current || fresh && !hurry {
            return Ok(false);
        }
        write_table(state, &self.guide, self.format, &self.path)
            .map_err(|error| trouble(&error))?;
        self.shows = Some((changes, Instant::now()));
        Ok(true)
    }
}
