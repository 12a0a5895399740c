//! One row of the table into one planned lesson; says everything that is wrong with it at once.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use super::slug::slug;
use super::table::Row;
use super::{FoundFile, PlannedFile, PlannedLesson};
use crate::ids::LessonId;
use crate::lesson::{Completion, Part};
use crate::target::LessonDraft;

/// The highest grade.
const MAX_GRADE: u8 = 13;

/// Extension, media type, and the parts that a file of this kind can be.
const KINDS: [(&str, &str, &[Part]); 17] = {
    use Part::{AudioDescription, Captions, LowQuality, Main, Thumbnail, Worksheet};
    const MOVING: &[Part] = &[Main, LowQuality];
    const SOUND: &[Part] = &[Main, AudioDescription, LowQuality];
    const PAPER: &[Part] = &[Main, Worksheet];
    const PICTURE: &[Part] = &[Main, Worksheet, Thumbnail];
    [
        ("mp4", "video/mp4", MOVING),
        ("m4v", "video/mp4", MOVING),
        ("webm", "video/webm", MOVING),
        ("mp3", "audio/mpeg", SOUND),
        ("m4a", "audio/mp4", SOUND),
        ("ogg", "audio/ogg", SOUND),
        ("opus", "audio/ogg", SOUND),
        ("wav", "audio/wav", SOUND),
        ("vtt", "text/vtt", &[Captions]),
        ("pdf", "application/pdf", PAPER),
        ("epub", "application/epub+zip", PAPER),
        ("txt", "text/plain", PAPER),
        (
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            &[Worksheet],
        ),
        ("jpg", "image/jpeg", PICTURE),
        ("jpeg", "image/jpeg", PICTURE),
        ("png", "image/png", PICTURE),
        ("webp", "image/webp", PICTURE),
    ]
};

/// The folder's files, found by the names that rows give.
pub(super) struct Folder<'a> {
    /// By name in Unicode NFC: macOS writes é as two code points, spreadsheets as one.
    files: BTreeMap<String, &'a FoundFile>,
    used: BTreeSet<String>,
}

impl<'a> Folder<'a> {
    pub(super) fn new(files: &'a [FoundFile]) -> Folder<'a> {
        Folder {
            files: files
                .iter()
                .map(|file| (file.name.nfc().collect(), file))
                .collect(),
            used: BTreeSet::new(),
        }
    }

    /// Files that no row named.
    pub(super) fn unused(&self) -> Vec<String> {
        let unused = self
            .files
            .iter()
            .filter(|(name, _)| !self.used.contains(*name));
        unused.map(|(_, file)| file.name.clone()).collect()
    }

    fn find(&mut self, name: &str) -> Result<&'a FoundFile, String> {
        let escapes = name.starts_with('/')
            || name.contains(['\\', ':'])
            || name.split('/').any(|part| part == "..");
        if escapes {
            return Err(format!(
                "the file “{name}” must lie inside the folder: write its name relative to it, with /"
            ));
        }
        let wanted: String = name.trim_start_matches("./").nfc().collect();
        if let Some(file) = self.files.get(&wanted) {
            if file.length == 0 {
                return Err(format!("the file “{name}” is empty: copy it again"));
            }
            self.used.insert(wanted);
            return Ok(file);
        }
        let lower = wanted.to_lowercase();
        Err(
            match self.files.keys().find(|have| have.to_lowercase() == lower) {
                Some(have) => format!(
                    "the file is called “{have}”, not “{name}”: write capital letters alike"
                ),
                None => format!(
                    "the file “{name}” is not in the folder: copy it there or correct the name"
                ),
            },
        )
    }
}

/// A language tag in its usual form (`sr-Cyrl`), or `None` when it is none.
pub(super) fn language(text: &str) -> Option<String> {
    let mut parts = text.trim().split(['-', '_']);
    let primary = parts.next()?.to_ascii_lowercase();
    if !(2..=3).contains(&primary.len()) || !primary.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let mut tag = primary;
    for part in parts {
        if !(2..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        match part.len() {
            4 => {
                tag.push_str(&part[..1].to_ascii_uppercase());
                tag.push_str(&part[1..].to_ascii_lowercase());
            }
            2 => tag.push_str(&part.to_ascii_uppercase()),
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    Some(tag)
}

/// Plans one lesson, or says everything that is wrong with its row.
pub(super) fn lesson(
    row: &Row,
    folder: &mut Folder<'_>,
    publisher: &str,
) -> Result<PlannedLesson, Vec<String>> {
    let mut reader = Reader {
        row,
        folder,
        errors: Vec::new(),
    };
    let mut draft = reader.draft();
    let files = reader.files(&draft.language);
    let own = reader.slug();
    let mut errors = reader.errors;
    let id = LessonId::new(&format!("{publisher}/{}/{own}", draft.course()));
    match id {
        Ok(id) if errors.is_empty() => {
            draft.prerequisites = prerequisites(row, &id, &mut errors);
            if errors.is_empty() {
                return Ok(PlannedLesson {
                    row: row.number,
                    id,
                    draft,
                    files,
                });
            }
        }
        Err(error) if errors.is_empty() => errors.push(error.to_string()),
        _ => {}
    }
    Err(errors)
}

fn prerequisites(row: &Row, id: &LessonId, errors: &mut Vec<String>) -> Vec<String> {
    let mut out = Vec::new();
    for text in entries(row.get("prerequisites")) {
        let whole = match text.contains('/') {
            true => text.to_owned(),
            false => format!("{}/{}/{text}", id.publisher(), id.course()),
        };
        match LessonId::new(&whole) {
            Ok(id) => out.push(id.to_string()),
            Err(error) => errors.push(format!("the prerequisite {error}")),
        }
    }
    out
}

/// The entries of a cell with several, separated by `;` or `|`.
fn entries(cell: Option<&str>) -> impl Iterator<Item = &str> {
    cell.unwrap_or_default()
        .split([';', '|'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// Reads cells and collects what is wrong with them.
struct Reader<'r, 'f, 'a> {
    row: &'r Row,
    folder: &'f mut Folder<'a>,
    errors: Vec<String>,
}

impl<'r> Reader<'r, '_, '_> {
    fn required(&mut self, column: &str) -> &'r str {
        self.row.get(column).unwrap_or_else(|| {
            self.errors
                .push(format!("the column “{column}” is empty: fill it in"));
            ""
        })
    }

    fn text(&self, column: &str) -> String {
        self.row.get(column).unwrap_or_default().to_owned()
    }

    fn draft(&mut self) -> LessonDraft {
        let language = self.language();
        let title = self.localized("title", &language);
        if title.is_empty() {
            self.errors.push(
                "the lesson has no title: fill in the column “title” or “title_<language>”".into(),
            );
        }
        LessonDraft {
            version: 1,
            title,
            description: self.localized("description", &language),
            grade: self.grade(),
            subject: self.subject(),
            duration_s: self.duration(),
            licence: self.text("licence"),
            author: self.text("author"),
            code: self.text("code"),
            prerequisites: Vec::new(),
            keywords: entries(self.row.get("keywords"))
                .map(str::to_owned)
                .collect(),
            completion: self.completion(),
            language,
        }
    }

    fn localized(&self, column: &str, language: &str) -> BTreeMap<String, String> {
        let own = self.row.get(column).map(|text| (language, text));
        own.into_iter()
            .chain(self.row.by_language(column))
            .map(|(lang, text)| (lang.into(), text.into()))
            .collect()
    }

    fn language(&mut self) -> String {
        let text = self.required("lang");
        if text.is_empty() {
            return String::new();
        }
        language(text).unwrap_or_else(|| {
            self.errors.push(format!(
                "“{text}” is not a language tag: write sq, sr-Cyrl, sr-Latn, en, tr, bs or rom"
            ));
            String::new()
        })
    }

    fn grade(&mut self) -> u8 {
        let text = self.required("grade");
        match text.parse() {
            Ok(grade) if grade <= MAX_GRADE => grade,
            _ if text.is_empty() => 0,
            _ => {
                self.errors.push(format!(
                    "“{text}” is not a grade: write a number from 0 (preschool) to {MAX_GRADE}"
                ));
                0
            }
        }
    }

    fn subject(&mut self) -> String {
        let text = self.required("subject");
        if text.is_empty() {
            return String::new();
        }
        slug(text).unwrap_or_else(|| {
            self.errors.push(format!(
                "“{text}” is not a subject: write a short word such as math or history"
            ));
            String::new()
        })
    }

    fn duration(&mut self) -> u32 {
        let Some(text) = self.row.get("duration") else {
            return 0;
        };
        let parts: Option<Vec<u32>> = text
            .split(':')
            .map(|part| part.trim().parse().ok())
            .collect();
        let total = parts.filter(|parts| parts.len() <= 3).and_then(|parts| {
            parts
                .into_iter()
                .try_fold(0u32, |sum, part| sum.checked_mul(60)?.checked_add(part))
        });
        total.unwrap_or_else(|| {
            self.errors.push(format!(
                "“{text}” is not a duration: write seconds (754) or minutes and seconds (12:34)"
            ));
            0
        })
    }

    fn completion(&mut self) -> Completion {
        match self.row.get("completion") {
            None => Completion::default(),
            Some(text) => completion(text).unwrap_or_else(|| {
                self.errors.push(format!(
                    "“{text}” is not a completion rule: write a percentage from 1 to 100, opened, or right answers of all, such as 5/7"
                ));
                Completion::default()
            }),
        }
    }

    /// The lesson's own part of its id: the column `id`, else the main file's name.
    fn slug(&mut self) -> String {
        let file = self.row.get("file").unwrap_or_default();
        let name = file.rsplit('/').next().unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let text = self.row.get("id").unwrap_or(stem);
        slug(text).unwrap_or_else(|| {
            if !text.is_empty() {
                self.errors.push(format!(
                    "no address can be made from “{text}”: fill in the column “id” in plain letters"
                ));
            }
            "lesson".into()
        })
    }

    fn files(&mut self, language: &str) -> Vec<PlannedFile> {
        let mut files = Vec::new();
        let main = self.required("file");
        if !main.is_empty() {
            files.extend(self.file(main, Part::Main, None, &files));
        }
        let parts = [
            ("captions", Part::Captions),
            ("audio_description", Part::AudioDescription),
            ("low_quality", Part::LowQuality),
            ("worksheet", Part::Worksheet),
            ("thumbnail", Part::Thumbnail),
        ];
        for (column, part) in parts {
            for entry in entries(self.row.get(column)) {
                let (lang, name) = self.split_language(entry, part, language);
                files.extend(self.file(name, part, lang, &files));
            }
        }
        files
    }

    /// `sr-Latn:file.vtt` into its parts; captions and spoken descriptions always have a language.
    fn split_language<'e>(
        &mut self,
        entry: &'e str,
        part: Part,
        own: &str,
    ) -> (Option<String>, &'e str) {
        if let Some((tag, name)) = entry.split_once(':') {
            if let Some(lang) = language(tag) {
                return (Some(lang), name.trim());
            }
            self.errors.push(format!(
                "“{entry}” does not begin with a language tag: write for example sr-Latn:file.vtt"
            ));
        }
        let spoken = matches!(part, Part::Captions | Part::AudioDescription);
        (spoken.then(|| own.to_owned()), entry)
    }

    fn file(
        &mut self,
        name: &str,
        part: Part,
        lang: Option<String>,
        taken: &[PlannedFile],
    ) -> Option<PlannedFile> {
        let extension = name
            .rsplit_once('.')
            .map(|(_, end)| end.to_ascii_lowercase())
            .unwrap_or_default();
        let kind = KINDS.iter().find(|(known, ..)| *known == extension);
        let found = match self.folder.find(name) {
            Ok(found) => found,
            Err(message) => {
                self.errors.push(message);
                return None;
            }
        };
        let Some((_, media_type, _)) = kind.filter(|(.., parts)| parts.contains(&part)) else {
            self.errors.push(wrong_kind(name, part));
            return None;
        };
        Some(PlannedFile {
            source: found.name.clone(),
            name: target_name(part, lang.as_deref(), &extension, taken),
            part,
            lang,
            media_type,
        })
    }
}

fn wrong_kind(name: &str, part: Part) -> String {
    let fitting = KINDS
        .iter()
        .filter(|(.., parts)| parts.contains(&part))
        .map(|(extension, ..)| *extension);
    let remedy = if name.to_ascii_lowercase().ends_with(".srt") {
        "; ffmpeg -i in.srt out.vtt converts it"
    } else {
        ""
    };
    format!(
        "“{name}” cannot be used as {part}: use {}{remedy}",
        fitting.collect::<Vec<_>>().join(", ")
    )
}

/// `main.mp4`, `captions.sr-latn.vtt`; a number makes a second one of the same kind unique.
fn target_name(part: Part, lang: Option<&str>, extension: &str, taken: &[PlannedFile]) -> String {
    let lang = lang
        .map(|lang| format!(".{}", lang.to_ascii_lowercase()))
        .unwrap_or_default();
    let plain = format!("{part}{lang}.{extension}");
    let is_taken = |name: &str| taken.iter().any(|file| file.name == name);
    if !is_taken(&plain) {
        return plain;
    }
    let numbered = (2..).map(|number| format!("{part}{lang}.{number}.{extension}"));
    numbered
        .into_iter()
        .find(|name| !is_taken(name))
        .unwrap_or(plain)
}

/// Reads a completion rule as people write it.
fn completion(text: &str) -> Option<Completion> {
    if text == "opened" {
        return Some(Completion::Opened);
    }
    if let Some((m, n)) = text.split_once('/') {
        let (m, n): (u8, u8) = (m.trim().parse().ok()?, n.trim().parse().ok()?);
        return (1..=n)
            .contains(&m)
            .then_some(Completion::Mastered { m, n });
    }
    let percent = text.trim_end_matches('%').trim().parse().ok()?;
    (1..=100)
        .contains(&percent)
        .then_some(Completion::WatchedPercent(percent))
}
