//! Lessons <-> TUF targets: what stands in a target's `custom` object.
//!
//! The main file's `custom` has `blake3`, `media_type`, `head_bytes`, `tail_bytes` and `lesson` (a [`LessonDraft`]);
//! a companion's has `part` with the lesson's id and what it is. Members that this version does not know are
//! ignored, so that later versions may add some.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{BlobHash, LessonId};
use crate::lesson::{Completion, Part};

/// The longest text of a lesson, in bytes: keeps a bad catalogue from filling a small device's memory.
const MAX_TEXT: usize = 4096;
/// The most languages, keywords or prerequisites of one lesson.
const MAX_ENTRIES: usize = 64;
/// The longest media type, in bytes.
const MAX_MEDIA_TYPE: usize = 100;

/// What a publisher says about a lesson: the member `lesson` of its main file's `custom`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonDraft {
    /// Raised with every change, from 1.
    #[serde(default = "one")]
    pub version: u32,
    /// Title by BCP-47 tag.
    pub title: BTreeMap<String, String>,
    /// Description by BCP-47 tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub description: BTreeMap<String, String>,
    /// School grade, 0 to 13.
    pub grade: u8,
    /// Subject in short form.
    pub subject: String,
    /// BCP-47 tag of the main file.
    pub language: String,
    /// Playing time in seconds.
    #[serde(default)]
    pub duration_s: u32,
    /// Licence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub licence: String,
    /// Author.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Curriculum code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Ids of lessons to see before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prerequisites: Vec<String>,
    /// Search words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// When it counts as completed.
    #[serde(default)]
    pub completion: Completion,
}

fn one() -> u32 {
    1
}

impl LessonDraft {
    /// The name of the course's role: `<subject>-<grade>-<language>` in lower case.
    pub fn course(&self) -> String {
        format!("{}-{}-{}", self.subject, self.grade, self.language).to_ascii_lowercase()
    }

    fn check(&self) -> Result<(), String> {
        let texts = [
            &self.subject,
            &self.language,
            &self.licence,
            &self.author,
            &self.code,
        ];
        let lists = self.prerequisites.iter().chain(&self.keywords);
        let named = self
            .title
            .iter()
            .chain(&self.description)
            .flat_map(|(lang, text)| [lang, text]);
        if texts
            .into_iter()
            .chain(lists)
            .chain(named)
            .any(|text| text.len() > MAX_TEXT)
        {
            return Err(format!("a text is longer than {MAX_TEXT} bytes"));
        }
        let counts = [
            self.title.len(),
            self.description.len(),
            self.prerequisites.len(),
            self.keywords.len(),
        ];
        if counts.into_iter().any(|count| count > MAX_ENTRIES) {
            return Err(format!(
                "it has more than {MAX_ENTRIES} languages, keywords or prerequisites"
            ));
        }
        if self.title.values().all(|title| title.trim().is_empty()) {
            return Err("it has no title".into());
        }
        match self.completion {
            Completion::WatchedPercent(percent) if !(1..=100).contains(&percent) => {
                Err("completion is not between 1 and 100 percent".into())
            }
            Completion::Mastered { m, n } if !(1..=n).contains(&m) => {
                Err("completion asks for no items, or for more than there are".into())
            }
            _ => Ok(()),
        }
    }
}

/// What a publisher says about one file, beside path, length and SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDraft {
    /// What it is to the lesson.
    pub part: Part,
    /// BCP-47 tag where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Media type.
    pub media_type: String,
    /// BLAKE3 of the whole file.
    pub blake3: BlobHash,
    /// See [`crate::LessonFile::head_bytes`].
    #[serde(default)]
    pub head_bytes: u64,
    /// See [`crate::LessonFile::tail_bytes`].
    #[serde(default)]
    pub tail_bytes: u64,
}

/// The `custom` object of a target as it stands in signed metadata.
#[derive(Debug, Serialize, Deserialize)]
struct Custom {
    blake3: BlobHash,
    media_type: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    head_bytes: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    tail_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lesson: Option<LessonDraft>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<PartOf>,
}

/// How a companion names its lesson.
#[derive(Debug, Serialize, Deserialize)]
struct PartOf {
    lesson: String,
    kind: Part,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lang: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The `custom` object for a file of `lesson`: with the draft for the main file, with a reference for a companion.
pub fn custom(file: &FileDraft, id: &LessonId, lesson: &LessonDraft) -> Map<String, Value> {
    let main = file.part == Part::Main;
    let custom = Custom {
        blake3: file.blake3,
        media_type: file.media_type.clone(),
        head_bytes: file.head_bytes,
        tail_bytes: file.tail_bytes,
        lesson: main.then(|| lesson.clone()),
        part: (!main).then(|| PartOf {
            lesson: id.to_string(),
            kind: file.part,
            lang: file.lang.clone(),
        }),
    };
    match serde_json::to_value(custom) {
        Ok(Value::Object(map)) => map,
        _ => unreachable!("a struct of plain fields serialises to an object"),
    }
}

/// Reads a `custom` object back.
///
/// # Errors
/// A sentence that names what is wrong; the caller knows the path.
pub fn parse(
    custom: &Map<String, Value>,
    id: &LessonId,
) -> Result<(FileDraft, Option<LessonDraft>), String> {
    // Deserialising from the borrowed map keeps no copy of a large object.
    let custom = Custom::deserialize(custom)
        .map_err(|error| format!("its custom object is malformed: {error}"))?;
    if !is_media_type(&custom.media_type) {
        return Err("its media type is not of the form type/subtype".into());
    }
    let (part, lang) = match (&custom.lesson, custom.part) {
        (Some(lesson), None) => {
            lesson.check()?;
            (Part::Main, None)
        }
        (None, Some(part)) if part.lesson != **id => {
            return Err(format!(
                "it says that it belongs to {}",
                part.lesson.chars().take(300).collect::<String>()
            ));
        }
        (None, Some(part)) => (
            if part.kind == Part::Main {
                Part::Other
            } else {
                part.kind
            },
            part.lang,
        ),
        (Some(_), Some(_)) => return Err("it is both a lesson and a part of one".into()),
        (None, None) => return Err("it is neither a lesson nor a part of one".into()),
    };
    let file = FileDraft {
        part,
        lang,
        media_type: custom.media_type,
        blake3: custom.blake3,
        head_bytes: custom.head_bytes,
        tail_bytes: custom.tail_bytes,
    };
    Ok((file, custom.lesson))
}

/// The BLAKE3 hash alone: all that holdings bitmaps need of an entry that is otherwise unreadable.
pub fn blake3_of(custom: &Map<String, Value>) -> BlobHash {
    custom
        .get("blake3")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
        .unwrap_or(BlobHash::NONE)
}

/// RFC 6838 section 4.2 without parameters: such a text cannot break out of an HTTP header or a page.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        let first = name.bytes().next();
        first.is_some_and(|byte| byte.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.len() <= MAX_MEDIA_TYPE
        && text
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}
