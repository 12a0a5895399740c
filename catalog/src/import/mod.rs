//! From a folder of files and a table (CSV) to a plan of lessons: pure, the shell reads and copies.
//!
//! The table is CSV in UTF-8, with or without a byte order mark, separated by commas, semicolons or tabs. Its
//! first row names the columns, in any order and any case:
//!
//! | column | meaning |
//! |---|---|
//! | `file` | the lesson's main file, relative to the folder (required) |
//! | `title` | title in the lesson's own language (this or a `title_…` is required) |
//! | `title_sq`, `title_sr-Latn`, … | title in that language |
//! | `description`, `description_sq`, … | likewise |
//! | `lang` | BCP-47 tag of the language spoken or written in the main file: `sq`, `sr-Cyrl`, `en` (required) |
//! | `grade` | 0 (preschool) to 13 (required) |
//! | `subject` | short form, letters, digits and hyphens: `math`, `history` (required) |
//! | `id` | the lesson's own name in its address; without it the file name is used. Never change it later: a new id is a new lesson |
//! | `captions` | WebVTT files, `lang:file`, several separated by `;`; without a language the lesson's own |
//! | `audio_description`, `low_quality` | likewise |
//! | `worksheet` | a file to print, `lang:file` allowed |
//! | `thumbnail` | a picture (jpg, png, webp) |
//! | `author`, `licence`, `code` | who made it, under which licence, the curriculum's code of the learning outcome |
//! | `keywords` | search words separated by `;` |
//! | `prerequisites` | lesson ids separated by `;`: whole, or the last part alone for the same course |
//! | `duration` | playing time in seconds or `m:ss`, needed only where the file does not say |
//! | `completion` | percent that must be watched, `opened`, or items that must be right of all items, such as `5/7`; without it 90 |

mod row;
mod slug;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::ids::LessonId;
use crate::lesson::Part;
use crate::target::LessonDraft;

pub use slug::slug;

/// The name that a table has when none is given on the command line.
pub const TABLE_NAME: &str = "lessons.csv";
/// A header row to begin a table with.
pub const EXAMPLE_HEADER: &str =
    "file,title,lang,grade,subject,captions,worksheet,thumbnail,author,licence";

/// A file that lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Path relative to the folder, with `/` between parts.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
}

/// What is to be added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Lessons in table order.
    pub lessons: Vec<PlannedLesson>,
    /// Files of the folder that no row names.
    pub unused: Vec<String>,
}

/// A lesson as the table describes it; `draft.version` and what only the bytes tell are filled in by the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLesson {
    /// Row number in the table; the header is row 1.
    pub row: usize,
    /// Where it will be published.
    pub id: LessonId,
    /// What the table says.
    pub draft: LessonDraft,
    /// Main file first.
    pub files: Vec<PlannedFile>,
}

/// One file of a planned lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Path relative to the folder, as it lies there.
    pub source: String,
    /// File name inside the lesson, ASCII.
    pub name: String,
    /// What it is to the lesson.
    pub part: Part,
    /// Language, for parts that have one.
    pub lang: Option<String>,
    /// Media type by extension.
    pub media_type: &'static str,
}

/// Everything that is wrong with a table, all at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct ImportErrors(pub Vec<RowError>);

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowError {
    /// Row number in the table; the header is row 1, 0 = the table as a whole.
    pub row: usize,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
}

fn list(errors: &[RowError]) -> String {
    let line = |error: &RowError| match error.row {
        0 => error.message.clone(),
        row => format!("row {row}: {}", error.message),
    };
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Makes a plan from the table's bytes and the folder's files.
///
/// # Errors
/// Every bad row with its remedy; nothing is planned while one is bad.
pub fn plan(table: &[u8], files: &[FoundFile], publisher: &str) -> Result<Plan, ImportErrors> {
    let rows = table::read(table).map_err(|error| ImportErrors(vec![error]))?;
    let mut folder = row::Folder::new(files);
    let mut lessons = Vec::new();
    let mut errors = Vec::new();
    for row in &rows {
        match row::lesson(row, &mut folder, publisher) {
            Ok(lesson) => lessons.push(lesson),
            Err(messages) => errors.extend(messages.into_iter().map(|message| RowError {
                row: row.number,
                message,
            })),
        }
    }
    errors.extend(duplicates(&lessons));
    if rows.is_empty() {
        errors.push(RowError {
            row: 0,
            message: "the table has no rows below its header: add one for each lesson".into(),
        });
    }
    if !errors.is_empty() {
        errors.sort();
        return Err(ImportErrors(errors));
    }
    Ok(Plan {
        lessons,
        unused: folder.unused(),
    })
}

fn duplicates(lessons: &[PlannedLesson]) -> Vec<RowError> {
    let mut first: BTreeMap<&LessonId, usize> = BTreeMap::new();
    let mut errors = Vec::new();
    for lesson in lessons {
        if let Some(row) = first.get(&lesson.id) {
            let message = format!(
                "the lesson {} is already in row {row}: give one of them another name in the column “id”",
                lesson.id
            );
            errors.push(RowError {
                row: lesson.row,
                message,
            });
        } else {
            first.insert(&lesson.id, lesson.row);
        }
    }
    errors
}
