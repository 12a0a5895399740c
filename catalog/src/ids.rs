//! Names of things: blobs by their BLAKE3 hash, lessons by publisher, course and slug, and shared words.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest publisher id, in bytes.
const MAX_PUBLISHER: usize = 40;
/// The longest course or lesson slug, in bytes: keeps file names below what any file system takes.
const MAX_SLUG: usize = 100;

/// A BLAKE3 hash of a whole blob: how the mesh names a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobHash(pub [u8; 32]);

/// The order of the bytes. Tables of every lesson are looked up by it, and the first eight bytes, compared as one number,
/// nearly always decide.
impl Ord for BlobHash {
    fn cmp(&self, other: &Self) -> Ordering {
        let first = |hash: &BlobHash| hash.0.first_chunk().copied().map(u64::from_be_bytes);
        first(self)
            .cmp(&first(other))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for BlobHash {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl BlobHash {
    /// Stands for "no readable hash" in a role's file list; no blob has it.
    pub const NONE: BlobHash = BlobHash([0; 32]);

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> BlobHash {
        BlobHash(*blake3::hash(bytes).as_bytes())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

impl FromStr for BlobHash {
    type Err = BadId;

    fn from_str(text: &str) -> Result<BlobHash, BadId> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| BadId::Hash(text.chars().take(80).collect()))?;
        Ok(BlobHash(bytes))
    }
}

/// Hex where people read it (JSON), 32 raw bytes on the wire (postcard).
impl Serialize for BlobHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for BlobHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BlobHash, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(BlobHash)
        }
    }
}

/// A short text that many lessons share (subject, language, licence): cheap to clone, kept once in memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Arc<str>);

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A lesson's id `<publisher>/<course>/<lesson>`: always three non-empty ASCII parts that are safe as folder names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LessonId(Arc<str>);

impl LessonId {
    /// Checks and keeps an id.
    ///
    /// # Errors
    /// [`BadId::Lesson`] when the text is not `<publisher>/<course>/<lesson>` in the allowed letters.
    pub fn new(text: &str) -> Result<LessonId, BadId> {
        let bad = || BadId::Lesson(text.chars().take(300).collect());
        let mut parts = text.split('/');
        let (Some(publisher), Some(course), Some(lesson), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        if !is_publisher(publisher) || !is_slug(course) || !is_slug(lesson) {
            return Err(bad());
        }
        Ok(LessonId(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The publisher's id.
    pub fn publisher(&self) -> &str {
        self.part(0)
    }

    /// The course's id, which is also the name of its delegated targets role.
    pub fn course(&self) -> &str {
        self.part(1)
    }

    /// The lesson's own slug.
    pub fn slug(&self) -> &str {
        self.part(2)
    }

    fn part(&self, index: usize) -> &str {
        self.0
            .split('/')
            .nth(index)
            .expect("a LessonId has three parts by construction")
    }

    /// Sorts before every real id: the lower bound of range queries.
    pub(crate) fn lowest() -> LessonId {
        LessonId("".into())
    }
}

/// Is this `[a-z0-9-]{1,40}`, the form of a publisher id?
pub fn is_publisher(text: &str) -> bool {
    (1..=MAX_PUBLISHER).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Is this a course id, lesson slug or file name that is the same on every file system?
///
/// ASCII letters, digits, `.`, `_` and `-`, not beginning with a dot, at most 100 bytes.
pub fn is_slug(text: &str) -> bool {
    (1..=MAX_SLUG).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

impl FromStr for LessonId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<LessonId, BadId> {
        LessonId::new(text)
    }
}

impl<'de> Deserialize<'de> for LessonId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LessonId, D::Error> {
        let text = String::deserialize(deserializer)?;
        LessonId::new(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        String::deserialize(deserializer).map(|text| Word::from(text.as_str()))
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Word {
        Word(text.into())
    }
}

impl Default for Word {
    fn default() -> Word {
        Word::from("")
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

macro_rules! text_like {
    ($name:ident) => {
        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}
text_like!(Word);
text_like!(LessonId);

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Not 64 hex digits.
    #[error("“{0}” is not a BLAKE3 hash: it must be 64 hex digits")]
    Hash(String),
    /// Not a lesson id.
    #[error(
        "“{0}” is not a lesson id: it must be publisher/course/lesson in ASCII letters, digits, dots and hyphens, \
         for example ministry/math-6-sq/thyesat"
    )]
    Lesson(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_ids_are_three_safe_parts() {
        let id = LessonId::new("ministry/math-6-sq/thyesat-1").unwrap();
        assert_eq!(
            (id.publisher(), id.course(), id.slug()),
            ("ministry", "math-6-sq", "thyesat-1")
        );
        let refused = [
            "",
            "a/b",
            "a/b/c/d",
            "a//c",
            "a/../c",
            "A/b/c",
            "a/b/ç",
            "a/b/c d",
            "/a/b",
            "a/b/.hidden",
        ];
        for text in refused {
            assert_eq!(
                LessonId::new(text),
                Err(BadId::Lesson(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn hashes_are_hex_for_people() {
        let hash = BlobHash::of(b"pishtar");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{hash}\""));
        assert_eq!(serde_json::from_str::<BlobHash>(&json).unwrap(), hash);
        assert!("12".parse::<BlobHash>().is_err());
    }
}
