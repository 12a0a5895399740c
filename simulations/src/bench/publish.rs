//! What a ministry's clerk waits for: an edit of a country's catalogue staged, signed and published.

use std::{ffi::OsStr, fs, path::Path, time::Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use super::catalogue::{
    Size,
    workshop::{edit, make, ministry},
};

/// Edits measured; the middle one counts.
const EDITS: usize = 5;

/// The seconds of each command, and of all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Steps {
    /// `ministry add`: the table read, the new files stored, the courses staged.
    pub add_s: f64,
    /// `ministry sign`.
    pub sign_s: f64,
    /// `ministry publish`.
    pub publish_s: f64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Publishing {
    /// Lessons in the catalogue.
    pub lessons: usize,
    /// Courses in which the edit changes a lesson.
    pub touched: usize,
    /// The first publication: every file linked.
    pub first_s: f64,
    /// A table of the changed lessons alone, medians of several edits.
    pub changed: Steps,
    /// A table of all lessons, which takes those edits back, once.
    pub whole: Steps,
}

impl Steps {
    /// All three commands.
    pub fn total_s(&self) -> f64 {
        self.add_s + self.sign_s + self.publish_s
    }
}

/// Makes a workshop below `scratch`, publishes it, edits it and publishes again.
///
/// # Errors
/// When a file cannot be written or a command of `pishtar` fails.
pub fn run(pishtar: &Path, scratch: &Path, lessons: usize, touched: usize) -> Result<Publishing> {
    let size = Size { lessons, seed: 1 };
    let workshop = make(pishtar, scratch, size)?;
    let publish = || timed(pishtar, &[OsStr::new("publish"), workshop.as_os_str()]);
    let first_s = publish()?;
    let measure = |from: &Path, table: &Path| -> Result<Steps> {
        let [add, from_, csv] = ["add", "--from", "--csv"].map(OsStr::new);
        let (dir, from, table) = (workshop.as_os_str(), from.as_os_str(), table.as_os_str());
        Ok(Steps {
            add_s: timed(pishtar, &[add, dir, from_, from, csv, table])?,
            sign_s: timed(pishtar, &[OsStr::new("sign"), dir])?,
            publish_s: publish()?,
        })
    };
    let mut edits = Vec::new();
    for _ in 0..EDITS {
        let from = edit(scratch, size, touched)?;
        edits.push(measure(&from, &from.join("lessons.csv"))?);
    }
    edits.sort_by(|a, b| a.total_s().total_cmp(&b.total_s()));
    // The folder as it was first imported: its table names every lesson, and the edits above are taken back.
    let import = scratch.join("import");
    let table = fs::read_to_string(import.join("lessons.csv")).context("reading the table")?;
    let whole = scratch.join("whole.csv");
    fs::write(&whole, table).context("writing the table")?;
    Ok(Publishing {
        lessons,
        touched,
        first_s,
        changed: edits[EDITS / 2],
        whole: measure(&import, &whole)?,
    })
}

fn timed(pishtar: &Path, arguments: &[&OsStr]) -> Result<f64> {
    let began = Instant::now();
    ministry(pishtar, arguments.iter().copied())?;
    Ok(began.elapsed().as_secs_f64())
}
