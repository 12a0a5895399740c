//! Texts of a registration as types: a person's name, the name of a place, a class.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use super::to_ascii;

/// Longest name or surname, characters.
const MAX_PERSON_CHARS: usize = 60;
/// Longest name of a school or municipality, characters.
const MAX_PLACE_CHARS: usize = 80;
/// Longest class, characters.
const MAX_CLASS_CHARS: usize = 16;

/// Why a text cannot stand in its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// More than fits.
    #[error("it has {chars} characters; at most {max} are allowed")]
    TooLong {
        /// As many as it has.
        chars: usize,
        /// As many as may be.
        max: usize,
    },
    /// A character that does not belong there.
    #[error("{0:?} does not belong there; {1}")]
    Letter(char, &'static str),
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Tidies the text (Unicode NFC, single spaces) and checks it.
            ///
            /// # Errors
            /// [`NameError`] naming what is wrong.
            pub fn new(text: &str) -> Result<Self, NameError> {
                let check: fn(String) -> Result<String, NameError> = $check;
                check(tidy(text)).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

checked_text!(
    /// A person's name or surname: letters that can be written in ASCII, with single spaces, hyphens and apostrophes
    /// between them. Hidden from `Debug`.
    PersonName,
    person
);
checked_text!(
    /// A school's or municipality's name: one line, at most 80 characters. Hidden from `Debug`.
    PlaceName,
    place
);
checked_text!(
    /// A class of a school, for example `6A` or `VI/2`: letters, digits, `/`, `-`, `.` and single spaces, in capitals.
    ClassName,
    class
);

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(hidden)")
    }
}

impl fmt::Debug for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaceName(hidden)")
    }
}

impl fmt::Debug for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassName({})", self.0)
    }
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One spelling for what looks the same: NFC, plain apostrophes and hyphens, no white space but single spaces inside.
fn tidy(text: &str) -> String {
    let plain = text.nfc().map(|letter| match letter {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' | '´' => '\'',
        '\u{2010}' | '\u{2011}' | '\u{2013}' => '-',
        other => other,
    });
    let plain: String = plain.collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bounded(text: String, max: usize) -> Result<String, NameError> {
    let chars = text.chars().count();
    match chars {
        0 => Err(NameError::Empty),
        _ if chars > max => Err(NameError::TooLong { chars, max }),
        _ => Ok(text),
    }
}

fn person(text: String) -> Result<String, NameError> {
    const RULE: &str = "a name has letters, and between them single spaces, hyphens or apostrophes";
    let text = bounded(text, MAX_PERSON_CHARS)?;
    let mut before = '-';
    for letter in text.chars() {
        let joins = matches!(letter, ' ' | '-' | '\'');
        if joins && matches!(before, ' ' | '-') || !joins && !letter.is_alphabetic() {
            return Err(NameError::Letter(letter, RULE));
        }
        before = letter;
    }
    if matches!(before, ' ' | '-') {
        return Err(NameError::Letter(before, RULE));
    }
    match to_ascii(&text) {
        Ok(ascii) if ascii.chars().any(|letter| letter.is_ascii_lowercase()) => Ok(text),
        Ok(_) => Err(NameError::Empty),
        Err(letter) => Err(NameError::Letter(
            letter,
            "write the name in Latin or Serbian Cyrillic letters",
        )),
    }
}

fn place(text: String) -> Result<String, NameError> {
    let text = bounded(text, MAX_PLACE_CHARS)?;
    match text.chars().find(|letter| letter.is_control()) {
        Some(letter) => Err(NameError::Letter(letter, "remove it")),
        None => Ok(text),
    }
}

fn class(text: String) -> Result<String, NameError> {
    let text = bounded(text, MAX_CLASS_CHARS)?;
    let fits = |letter: &char| letter.is_alphanumeric() || matches!(letter, '/' | '-' | '.' | ' ');
    match text.chars().find(|letter| !fits(letter)) {
        Some(letter) => Err(NameError::Letter(letter, "write for example 6A or VI/2")),
        None => Ok(text.to_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, NameError> {
        PersonName::new(text).map(Into::into)
    }

    #[test]
    fn names_are_tidied() {
        assert_eq!(name("  Arta \t Krasniqi ").unwrap(), "Arta Krasniqi");
        assert_eq!(name("Ge\u{308}rvalla").unwrap(), "Gërvalla");
        assert_eq!(name("D’Angelo‐Rossi").unwrap(), "D'Angelo-Rossi");
        assert_eq!(name("Ђорђе").unwrap(), "Ђорђе");
        assert_eq!(ClassName::new(" vi/2 ").unwrap().as_str(), "VI/2");
        assert_eq!(
            PlaceName::new("Shkolla  „Naim Frashëri“ nr. 3")
                .unwrap()
                .as_str(),
            "Shkolla „Naim Frashëri“ nr. 3"
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(name("  "), Err(NameError::Empty));
        assert_eq!(
            name(&"a".repeat(61)),
            Err(NameError::TooLong { chars: 61, max: 60 })
        );
        for bad in [
            "Arta2",
            "Arta;",
            "=cmd()",
            "-Arta",
            "Arta-",
            "A--b",
            "Arta\u{200b}",
            "李",
        ] {
            assert!(matches!(name(bad), Err(NameError::Letter(..))), "{bad}");
        }
        assert!(ClassName::new("6_A").is_err());
        assert!(PlaceName::new("a\u{0}b").is_err());
    }

    #[test]
    fn no_name_reaches_a_log() {
        let shown = format!("{:?}", PersonName::new("Arta").unwrap());
        assert!(!shown.contains("Arta"));
    }
}
