//! A lesson and its files, compact enough that a country's 14,000 lessons stay in memory on a small device.

use std::fmt;
use std::str::FromStr;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{BlobHash, LessonId, Word};

/// One lesson of a verified catalogue.
///
/// Always true: `files` is not empty, its first entry is the only [`Part::Main`], the others follow in path
/// order, and every path begins with the lesson's id and a slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lesson {
    /// `<publisher>/<course>/<lesson>`.
    pub id: LessonId,
    /// The publisher's id.
    pub publisher: Word,
    /// The course's id: also the delegated role that signs the lesson.
    pub course: Word,
    /// Raised by the publisher whenever a file or a text of the lesson changed.
    pub version: u32,
    /// Title by language.
    pub title: Localized,
    /// Description by language, may be empty.
    pub description: Localized,
    /// School grade, 1 to 13; 0 = preschool.
    pub grade: u8,
    /// Subject in the curriculum's short form, for example `math`.
    pub subject: Word,
    /// BCP-47 tag of the language that is spoken or written in the main file.
    pub language: Word,
    /// Playing time in seconds, 0 for a lesson that is read.
    pub duration_s: u32,
    /// Licence in SPDX form or plain words.
    pub licence: Word,
    /// Who made it.
    pub author: Word,
    /// The curriculum's code of the learning outcome, may be empty.
    pub curriculum_code: Box<str>,
    /// Lessons to see before this one.
    pub prerequisites: Box<[LessonId]>,
    /// Further words to find it by.
    pub keywords: Box<[Box<str>]>,
    /// When it counts as completed.
    pub completion: Completion,
    /// The main file, then its companions.
    pub files: Box<[LessonFile]>,
}

impl Lesson {
    /// The file that is the lesson itself.
    pub fn main(&self) -> &LessonFile {
        &self.files[0]
    }

    /// The files of one part, for example all captions.
    pub fn parts(&self, part: Part) -> impl Iterator<Item = &LessonFile> {
        self.files.iter().filter(move |file| file.part == part)
    }

    /// Bytes of all files together.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }
}

/// One file of a lesson: a TUF target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LessonFile {
    /// Target path `<publisher>/<course>/<lesson>/<file>`.
    pub path: Box<str>,
    /// What the file is to the lesson.
    pub part: Part,
    /// BCP-47 tag, where it differs from or refines the lesson's language (captions, audio description).
    pub lang: Option<Word>,
    /// Media type, for example `video/mp4`.
    pub media_type: Word,
    /// Signed length in bytes.
    pub length: u64,
    /// Signed SHA-256, for any TUF client.
    #[serde(with = "hex::serde")]
    pub sha256: [u8; 32],
    /// Signed BLAKE3, for the mesh.
    pub blake3: BlobHash,
    /// How many bytes from the start a player needs before it shows anything, 0 = unknown.
    pub head_bytes: u64,
    /// How many bytes at the end a player needs first (an mp4 with its `moov` box last), 0 = none.
    pub tail_bytes: u64,
}

impl LessonFile {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// What a file is to its lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The lesson itself.
    Main,
    /// Captions (WebVTT).
    Captions,
    /// Something to print and fill in.
    Worksheet,
    /// A still picture for lists.
    Thumbnail,
    /// A spoken description of what is seen.
    AudioDescription,
    /// The same video for weak links.
    LowQuality,
    /// Anything else, also parts that a later version of the format names.
    #[serde(other)]
    Other,
}

impl Part {
    /// The word used in signed metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Main => "main",
            Part::Captions => "captions",
            Part::Worksheet => "worksheet",
            Part::Thumbnail => "thumbnail",
            Part::AudioDescription => "audio-description",
            Part::LowQuality => "low-quality",
            Part::Other => "other",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Part {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Part, Self::Err> {
        Ok(match text {
            "main" => Part::Main,
            "captions" => Part::Captions,
            "worksheet" => Part::Worksheet,
            "thumbnail" => Part::Thumbnail,
            "audio-description" => Part::AudioDescription,
            "low-quality" => Part::LowQuality,
            _ => Part::Other,
        })
    }
}

/// When a lesson counts as completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// So many percent of the playing time were played, 1 to 100.
    WatchedPercent(u8),
    /// It was opened (worksheets, texts).
    Opened,
    /// `m` of the `n` exercise items were answered with full points, whenever and on whichever device.
    Mastered {
        /// Items that must be right, 1 to `n`.
        m: u8,
        /// Items that there are.
        n: u8,
    },
}

impl Default for Completion {
    fn default() -> Completion {
        Completion::WatchedPercent(90)
    }
}

/// A text in several languages, sorted by BCP-47 tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Localized(Box<[(Word, Box<str>)]>);

impl Localized {
    /// From pairs of language tag and text; a later pair of the same language wins, empty texts are left out.
    pub fn from_pairs<L: Into<Word>, T: Into<Box<str>>>(
        pairs: impl IntoIterator<Item = (L, T)>,
    ) -> Localized {
        let sorted: std::collections::BTreeMap<Word, Box<str>> = pairs
            .into_iter()
            .map(|(lang, text)| (lang.into(), text.into()))
            .collect();
        Localized(
            sorted
                .into_iter()
                .filter(|(_, text)| !text.trim().is_empty())
                .collect(),
        )
    }

    /// The text in the first wanted language that exists: exact tag, then same primary language
    /// (`sr` finds `sr-Cyrl`), at last any text.
    pub fn get(&self, wanted: &[&str]) -> Option<&str> {
        wanted
            .iter()
            .find_map(|lang| self.in_language(lang))
            .or_else(|| self.0.first().map(|(_, text)| &**text))
    }

    fn in_language(&self, lang: &str) -> Option<&str> {
        let exact = self
            .0
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(lang));
        let primary = |tag: &str| {
            tag.split('-')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        };
        exact
            .or_else(|| {
                self.0
                    .iter()
                    .find(|(have, _)| primary(have) == primary(lang))
            })
            .map(|(_, text)| &**text)
    }

    /// Language tag and text, sorted by tag.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(lang, text)| (lang.as_str(), &**text))
    }

    /// Is there no text at all?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Localized {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (lang, text) in self.iter() {
            map.serialize_entry(lang, text)?;
        }
        map.end()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small lesson with a main file only.
    pub(crate) fn lesson(id: &str) -> Lesson {
        let id = LessonId::new(id).unwrap();
        let main = LessonFile {
            path: format!("{id}/video.mp4").into(),
            part: Part::Main,
            lang: None,
            media_type: "video/mp4".into(),
            length: 100,
            sha256: [1; 32],
            blake3: BlobHash::of(id.as_bytes()),
            head_bytes: 10,
            tail_bytes: 0,
        };
        Lesson {
            publisher: id.publisher().into(),
            course: id.course().into(),
            version: 1,
            title: Localized::from_pairs([("sq", "Thyesat")]),
            description: Localized::default(),
            grade: 6,
            subject: "math".into(),
            language: "sq".into(),
            duration_s: 10,
            licence: "CC0-1.0".into(),
            author: "".into(),
            curriculum_code: "".into(),
            prerequisites: Box::default(),
            keywords: Box::default(),
            completion: Completion::default(),
            files: [main].into(),
            id,
        }
    }

    #[test]
    fn localized_falls_back_by_language_then_anything() {
        let title =
            Localized::from_pairs([("sr-Cyrl", "Разломци"), ("sq", "Thyesat"), ("en", " ")]);
        assert_eq!(title.get(&["sq"]), Some("Thyesat"));
        assert_eq!(title.get(&["en", "sr"]), Some("Разломци"));
        assert_eq!(title.get(&["sr-Latn"]), Some("Разломци"));
        assert_eq!(title.get(&["tr"]), Some("Thyesat"));
        assert_eq!(Localized::default().get(&["sq"]), None);
        assert_eq!(
            serde_json::to_string(&title).unwrap(),
            r#"{"sq":"Thyesat","sr-Cyrl":"Разломци"}"#
        );
    }

    #[test]
    fn parts_survive_their_words() {
        for part in [
            Part::Main,
            Part::Captions,
            Part::AudioDescription,
            Part::LowQuality,
            Part::Other,
        ] {
            assert_eq!(part.as_str().parse::<Part>().unwrap(), part);
            assert_eq!(serde_json::to_string(&part).unwrap(), format!("\"{part}\""));
        }
    }
}
