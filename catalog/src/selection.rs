//! Which lessons a node follows: `grade=6,subject=math,lang=sq`, read from people and kept as text.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lesson::Lesson;

/// The highest grade there is.
const MAX_GRADE: u8 = 13;
/// What the error messages show.
const EXAMPLE: &str = "for example grade=6,subject=math,lang=sq, or all";

/// A rule for lessons: every condition that is given must hold.
///
/// Conditions are joined by commas, alternatives by `|`, grades may be ranges (`grade=1-5|9`); `*` or a missing
/// condition means any; `all` means everything. `lang=sr` includes `sr-Cyrl` and `sr-Latn` (RFC 4647 basic filtering).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selection {
    grades: BTreeSet<u8>,
    subjects: BTreeSet<String>,
    languages: BTreeSet<String>,
    publishers: BTreeSet<String>,
    courses: BTreeSet<String>,
    lessons: BTreeSet<String>,
}

impl Selection {
    /// Everything.
    pub fn all() -> Selection {
        Selection::default()
    }

    /// Does it select everything?
    pub fn is_all(&self) -> bool {
        *self == Selection::default()
    }

    /// Is the lesson selected?
    pub fn matches(&self, lesson: &Lesson) -> bool {
        let any = |set: &BTreeSet<String>, value: &str| {
            set.is_empty() || set.contains(&value.to_ascii_lowercase())
        };
        (self.grades.is_empty() || self.grades.contains(&lesson.grade))
            && any(&self.subjects, &lesson.subject)
            && (self.languages.is_empty()
                || self
                    .languages
                    .iter()
                    .any(|range| in_range(range, &lesson.language)))
            && any(&self.publishers, &lesson.publisher)
            && any(&self.courses, &lesson.course)
            && any(&self.lessons, &lesson.id)
    }

    fn add(&mut self, key: &str, values: &str) -> Result<(), BadSelection> {
        let set = match key {
            "grade" | "grades" => {
                for value in values
                    .split('|')
                    .map(str::trim)
                    .filter(|value| *value != "*")
                {
                    self.grades.extend(grades(value)?);
                }
                return Ok(());
            }
            "subject" => &mut self.subjects,
            "lang" | "language" => &mut self.languages,
            "publisher" => &mut self.publishers,
            "course" => &mut self.courses,
            "lesson" => &mut self.lessons,
            _ => return Err(BadSelection::UnknownKey(key.into())),
        };
        for value in values
            .split('|')
            .map(str::trim)
            .filter(|value| *value != "*")
        {
            if value.is_empty() {
                return Err(BadSelection::NoValue(key.into()));
            }
            set.insert(value.to_ascii_lowercase());
        }
        Ok(())
    }
}

/// RFC 4647 section 3.3.1: the range equals the tag or is a prefix of it up to a hyphen.
fn in_range(range: &str, tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    tag.strip_prefix(range)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// `6`, or `1-5` for a range.
fn grades(text: &str) -> Result<RangeInclusive<u8>, BadSelection> {
    let bad = || BadSelection::Grade(text.into());
    let number = |text: &str| {
        text.trim()
            .parse::<u8>()
            .ok()
            .filter(|grade| *grade <= MAX_GRADE)
            .ok_or_else(bad)
    };
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(text)?, number(text)?),
    };
    if from > to {
        return Err(bad());
    }
    Ok(from..=to)
}

impl FromStr for Selection {
    type Err = BadSelection;

    fn from_str(text: &str) -> Result<Selection, BadSelection> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadSelection::Empty);
        }
        let mut selection = Selection::all();
        if matches!(text, "all" | "*") {
            return Ok(selection);
        }
        for condition in text.split(',') {
            let (key, values) = condition
                .split_once('=')
                .ok_or_else(|| BadSelection::NotACondition(condition.trim().into()))?;
            selection.add(key.trim(), values)?;
        }
        Ok(selection)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        let grades = self.grades.iter().map(u8::to_string).collect();
        let sets = [
            ("grade", &grades),
            ("subject", &self.subjects),
            ("lang", &self.languages),
            ("publisher", &self.publishers),
            ("course", &self.courses),
            ("lesson", &self.lessons),
        ];
        let mut comma = "";
        for (key, set) in sets
            .iter()
            .filter(|(_, set): &&(&str, &BTreeSet<String>)| !set.is_empty())
        {
            let mut values: Vec<&str> = set.iter().map(String::as_str).collect();
            if *key == "grade" {
                values.sort_by_key(|grade| grade.parse::<u8>().unwrap_or(MAX_GRADE));
            }
            write!(f, "{comma}{key}={}", values.join("|"))?;
            comma = ",";
        }
        Ok(())
    }
}

impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Selection, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A selection that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSelection {
    /// Nothing was written.
    #[error("the selection is empty: write {EXAMPLE}")]
    Empty,
    /// A part without `=`.
    #[error("“{0}” is not a condition: write name=value, {EXAMPLE}")]
    NotACondition(String),
    /// A name that does not exist.
    #[error(
        "“{0}” cannot be selected by: use grade, subject, lang, publisher, course or lesson, {EXAMPLE}"
    )]
    UnknownKey(String),
    /// A condition without a value.
    #[error("“{0}=” has no value: write one, or * for any, {EXAMPLE}")]
    NoValue(String),
    /// Not a grade.
    #[error("“{0}” is not a grade: write a number from 0 to 13 or a range such as 1-5, {EXAMPLE}")]
    Grade(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::tests::lesson;

    fn matches(selection: &str) -> bool {
        let mut six = lesson("ministry/math-6-sr-cyrl/razlomci");
        six.grade = 6;
        six.subject = "math".into();
        six.language = "sr-Cyrl".into();
        selection.parse::<Selection>().unwrap().matches(&six)
    }

    #[test]
    fn every_condition_given_must_hold() {
        for yes in [
            "all",
            "*",
            "grade=6",
            "grade=1-9",
            "grade=1|6",
            "grade=*,subject=math",
            "lang=sr",
            "lang=sr-Cyrl",
            " grade = 6 , subject = Math ",
            "lang=sq|sr",
            "publisher=ministry",
            "course=math-6-sr-cyrl",
            "lesson=ministry/math-6-sr-cyrl/razlomci",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "grade=7",
            "subject=physics",
            "lang=s",
            "lang=sr-Latn",
            "grade=6,lang=sq",
            "publisher=school-1",
        ] {
            assert!(!matches(no), "{no}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let bad = |text: &str| text.parse::<Selection>().unwrap_err();
        assert_eq!(bad(""), BadSelection::Empty);
        assert_eq!(bad("math"), BadSelection::NotACondition("math".into()));
        assert_eq!(bad("class=6"), BadSelection::UnknownKey("class".into()));
        assert_eq!(bad("subject="), BadSelection::NoValue("subject".into()));
        assert_eq!(bad("grade=six"), BadSelection::Grade("six".into()));
        assert_eq!(bad("grade=9-1"), BadSelection::Grade("9-1".into()));
        assert_eq!(bad("grade=14"), BadSelection::Grade("14".into()));
    }

    #[test]
    fn text_form_reads_back_as_the_same_selection() {
        for text in [
            "all",
            "grade=1-3|10,lang=sr,subject=math|art",
            "publisher=ministry",
        ] {
            let selection: Selection = text.parse().unwrap();
            assert_eq!(
                selection.to_string().parse::<Selection>().unwrap(),
                selection
            );
        }
        assert_eq!(
            "grade=9-10".parse::<Selection>().unwrap().to_string(),
            "grade=9|10"
        );
    }
}
