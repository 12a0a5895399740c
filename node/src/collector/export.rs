//! `pishtar progress export`: what the collector knows, as a file.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use thiserror::Error;

use super::{
    CollectError, Guide, Vocabulary,
    ingest::Rules,
    state::State,
    table::{TableError, TableFormat, replace, write_table},
};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// xAPI statements, one JSON object a line, under pseudonyms
    Xapi,
    /// A table with learners' names, one row for each learner and lesson
    Csv,
    /// The same table as Apache Parquet
    Parquet,
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
/// rows (learner and lesson). `guide` names the lessons; `now` is in Unix seconds.
///
/// # Errors
/// [`ExportError`]; an earlier file at `out` is untouched then.
pub fn export(
    dir: &Path,
    format: ExportFormat,
    out: &Path,
    home_page: &str,
    guide: &Guide,
    now: i64,
) -> Result<usize, ExportError> {
    let state = open_state(dir)?;
    let result = match format {
        ExportFormat::Xapi => write_statements(&state, home_page, guide, out, now),
        ExportFormat::Csv => write_table(&state, guide, TableFormat::Csv, out),
        ExportFormat::Parquet => write_table(&state, guide, TableFormat::Parquet, out),
    };
    result.map_err(|error| match error {
        TableError::State(error) => error.into(),
        TableError::Io(source) => ExportError::Write {
            path: out.to_owned(),
            source,
        },
    })
}

/// The state of the collector that works, or worked, in this folder.
pub(super) fn open_state(dir: &Path) -> Result<State, ExportError> {
    let path = dir.join("collector.redb");
    match path.exists() {
        true => Ok(State::open(&path)?),
        false => Err(ExportError::NoProgress(dir.to_owned())),
    }
}

fn write_statements(
    state: &State,
    home_page: &str,
    guide: &Guide,
    out: &Path,
    now: i64,
) -> Result<usize, TableError> {
    let vocabulary = Vocabulary::new(home_page, state.salt());
    let rules = Rules {
        vocabulary: &vocabulary,
        guide,
        names: None,
        now,
    };
    replace(out, |file| {
        let (mut rows, mut failed) = (0, None);
        state.for_each_progress(|learner, lesson, progress| {
            rows += 1;
            for line in vocabulary.summary(learner, lesson, progress, &rules) {
                if failed.is_none() {
                    failed = writeln!(file, "{line}").err();
                }
            }
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(rows),
        }
    })
}
