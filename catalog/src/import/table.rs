//! The table's bytes into named cells, tolerant of what spreadsheets write.

use std::collections::BTreeMap;

use super::{EXAMPLE_HEADER, RowError};

/// Columns that mean the same in every table; `title_…` and `description_…` come with a language.
const COLUMNS: [&str; 18] = [
    "file",
    "title",
    "description",
    "lang",
    "grade",
    "subject",
    "id",
    "captions",
    "audio_description",
    "low_quality",
    "worksheet",
    "thumbnail",
    "author",
    "licence",
    "code",
    "keywords",
    "prerequisites",
    "duration",
];
/// Other names that people give to columns.
const ALIASES: [(&str, &str); 8] = [
    ("language", "lang"),
    ("license", "licence"),
    ("curriculum_code", "code"),
    ("duration_s", "duration"),
    ("path", "file"),
    ("filename", "file"),
    ("class", "grade"),
    ("slug", "id"),
];
/// The column that says when a lesson counts as completed.
const COMPLETION: &str = "completion";

/// One row as column -> trimmed, non-empty cell.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: usize,
    cells: BTreeMap<String, String>,
}

impl Row {
    pub(super) fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    /// Cells of `column_<lang>` as (lang, text).
    pub(super) fn by_language<'a>(
        &'a self,
        column: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.cells.iter().filter_map(move |(name, text)| {
            Some((name.strip_prefix(column)?.strip_prefix('_')?, &**text))
        })
    }
}

/// Reads the whole table; empty rows are skipped.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Row>, RowError> {
    let text = utf8(bytes)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(header) => header.map_err(|error| broken(&error))?,
        None => {
            return Err(whole(format!(
                "the table is empty: its first row must name the columns, for example {EXAMPLE_HEADER}"
            )));
        }
    };
    let columns = columns(&header)?;
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(|error| broken(&error))?;
        let number = record.position().map_or(0, |at| at.line() as usize);
        if let Some(row) = row(number, &columns, &record)? {
            rows.push(row);
        }
    }
    Ok(rows)
}

fn row(
    number: usize,
    columns: &[String],
    record: &csv::StringRecord,
) -> Result<Option<Row>, RowError> {
    let too_many = record
        .iter()
        .skip(columns.len())
        .any(|cell| !cell.is_empty());
    if too_many {
        let message = "it has more cells than the header has columns: put quotes around cells that contain the separator";
        return Err(RowError {
            row: number,
            message: message.into(),
        });
    }
    let cells = columns
        .iter()
        .zip(record)
        .filter(|(_, cell)| !cell.is_empty());
    let cells: BTreeMap<_, _> = cells
        .map(|(column, cell)| (column.clone(), cell.to_owned()))
        .collect();
    Ok((!cells.is_empty()).then_some(Row { number, cells }))
}

/// The text without byte order mark, or the row that is not UTF-8.
fn utf8(bytes: &[u8]) -> Result<&str, RowError> {
    const REMEDY: &str = "save the table again as “CSV UTF-8”";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(whole(format!("the table is in UTF-16: {REMEDY}")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let row = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        RowError {
            row,
            message: format!("it is not UTF-8 (letters such as ë or č would be lost): {REMEDY}"),
        }
    })
}

/// Whichever of comma, semicolon and tab the header row has most of.
fn separator(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |separator: u8| header.bytes().filter(|byte| *byte == separator).count();
    // On equal counts `max_by_key` takes the last: the comma.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|separator| count(*separator))
        .unwrap_or(b',')
}

fn columns(header: &csv::StringRecord) -> Result<Vec<String>, RowError> {
    let mut names: Vec<String> = Vec::new();
    for cell in header {
        let name = column(cell).ok_or_else(|| RowError {
            row: 1,
            message: format!(
                "there is no column “{cell}”: use {}, {COMPLETION}, title_<language> or description_<language>",
                COLUMNS.join(", ")
            ),
        })?;
        if names.contains(&name) && !name.is_empty() {
            return Err(RowError {
                row: 1,
                message: format!("the column “{name}” is there twice: remove one"),
            });
        }
        names.push(name);
    }
    for needed in ["file", "lang", "grade", "subject"] {
        if !names.iter().any(|name| name == needed) {
            let message = format!(
                "the column “{needed}” is missing: the first row must name it, for example {EXAMPLE_HEADER}"
            );
            return Err(RowError { row: 1, message });
        }
    }
    Ok(names)
}

/// The column's own name; an empty header cell stays empty, its cells are ignored.
fn column(cell: &str) -> Option<String> {
    let (name, lang) = match cell.split_once(['_', ':']) {
        Some((name, lang)) if matches!(&*name.to_ascii_lowercase(), "title" | "description") => {
            (name.to_ascii_lowercase(), Some(super::row::language(lang)?))
        }
        _ => (cell.to_ascii_lowercase().replace(' ', "_"), None),
    };
    if let Some(lang) = lang {
        return Some(format!("{name}_{lang}"));
    }
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, name)| (*name).to_owned());
    (name.is_empty() || name == COMPLETION || COLUMNS.contains(&&*name)).then_some(name)
}

fn broken(error: &csv::Error) -> RowError {
    let row = error.position().map_or(0, |at| at.line() as usize);
    RowError {
        row,
        message: format!("it cannot be read ({error}): check its quotation marks"),
    }
}

fn whole(message: String) -> RowError {
    RowError { row: 0, message }
}
