//! The report of a run: one page that needs nothing but itself, and the same in JSON.
//!
//! Written for those who decide about schools, not about programs: first the answers in sentences, then the plots.
//! No script, nothing from elsewhere; it opens offline, on a telephone, and can be printed.

mod answers;
mod country;
mod map;
mod page;
mod plots;
mod svg;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use self::answers::lines;
pub(super) use self::{
    page::{escape, page, table},
    plots::link_name,
    words::{bytes, duration, percent, thousands},
};
use super::outcome::Outcome;

/// Why a report is not there.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The folder or a file in it cannot be written.
    #[error("cannot write {path}: {source}; choose another folder with --out")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error(
        "cannot read {path}: {source}; name a report.json that `pishtar-sim run --out` wrote, or its folder"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a report.
    #[error("{path} is not a report of this program: {source}; run the scenario again")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// Writes `report.json` and `report.html` into a folder, which is made when it is missing.
///
/// # Errors
/// [`ReportError::Write`]: the disk's fault or the folder's.
pub fn write(outcome: &Outcome, folder: &Path) -> Result<(), ReportError> {
    let json = serde_json::to_string_pretty(outcome).expect("an outcome has only text keys");
    put(folder, "report.json", &(json + "\n"))?;
    put(folder, "report.html", &html(outcome))
}

/// Reads `report.json`, given the file or its folder.
///
/// # Errors
/// [`ReportError`]: the file is not there or is not a report.
pub fn read(path: &Path) -> Result<Outcome, ReportError> {
    let path = match path.is_dir() {
        true => path.join("report.json"),
        false => path.to_owned(),
    };
    let text = fs::read_to_string(&path).map_err(|source| ReportError::Read {
        path: path.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| ReportError::Parse { path, source })
}

pub(super) fn put(folder: &Path, name: &str, text: &str) -> Result<(), ReportError> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.map_err(|source| ReportError::Write { path, source })
}

/// The page of one run.
pub fn html(outcome: &Outcome) -> String {
    let title = format!(
        "{}: {}",
        words::title(&outcome.scenario),
        words::variant(&outcome.variant)
    );
    let sections = [
        broken(outcome),
        answers::section(outcome),
        plots::catalogue_age(outcome),
        map::section(outcome),
        plots::lesson_delay(outcome),
        plots::progress_delay(outcome),
        plots::links(outcome),
        plots::storage(outcome),
        plots::couriers(outcome),
        facts(outcome),
    ];
    page(&title, &sections.concat())
}

/// Rules that were broken, with what is needed to see it again; nothing after a good run.
fn broken(outcome: &Outcome) -> String {
    /// More are counted, not printed.
    const MOST: usize = 20;
    if outcome.violations.is_empty() {
        return String::new();
    }
    let one = |violation: &super::outcome::Violation| {
        let trace: Vec<String> = violation.trace.iter().map(|line| escape(line)).collect();
        format!(
            "<li><strong>{}</strong> at {} after {}, seed {}<details><summary>What happened</summary><pre>{}</pre></details></li>",
            escape(&violation.invariant),
            escape(&violation.node),
            duration(violation.time_s as f64),
            violation.seed,
            trace.join("\n"),
        )
    };
    let listed: String = outcome.violations.iter().take(MOST).map(one).collect();
    let count = outcome.violations.len();
    let more = match count > MOST {
        true => format!("<p>And {} more in report.json.</p>", count - MOST),
        false => String::new(),
    };
    format!(
        "<section class=\"broken\"><h2>{} broken</h2><p>This run does not count as good. See it again with <code>pishtar-sim replay</code>, the scenario and the seed.</p><ol>{listed}</ol>{more}</section>",
        words::count(count as u64, "rule was", "rules were"),
    )
}

/// What was simulated, and how to have the same again.
fn facts(outcome: &Outcome) -> String {
    let per_second = match outcome.wall_s > 0.0 {
        true => (outcome.events as f64 / outcome.wall_s) as u64,
        false => 0,
    };
    let rows = [
        ("Scenario", escape(&outcome.scenario)),
        (
            "Lessons travel by",
            escape(words::variant(&outcome.variant)),
        ),
        ("Days", format!("{:.0}", outcome.simulated_days)),
        ("Devices", thousands(outcome.hosts)),
        ("Learners", thousands(outcome.learners)),
        ("Lessons", thousands(outcome.lessons)),
        ("Seed", outcome.seed.to_string()),
        (
            "Digest",
            format!("<code>{}</code>", escape(&outcome.digest)),
        ),
        ("Events", thousands(outcome.events)),
        (
            "Computing time",
            format!(
                "{} ({} events a second)",
                duration(outcome.wall_s),
                thousands(per_second)
            ),
        ),
    ];
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{value}</td></tr>"))
        .collect();
    let notes: String = outcome
        .notes
        .iter()
        .map(|note| format!("<li>{}</li>", escape(note)))
        .collect();
    let notes = match notes.is_empty() {
        true => notes,
        false => format!("<h3>To be kept in mind</h3><ul>{notes}</ul>"),
    };
    format!(
        "<section><h2>What was simulated</h2><table class=\"facts\">{rows}</table>{notes}<p class=\"quiet\">Everything on this page comes from a simulation that runs the program's own decisions on modelled lines and people. The same scenario and seed give the same digest on any machine.</p></section>"
    )
}

#[cfg(test)]
mod tests;
