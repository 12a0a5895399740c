//! Telephone numbers in the one form of ITU-T E.164.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The country code of numbers written without one.
const HOME: &str = "383";
/// Digits of a number after +383 (numbering plan of Kosovo: eight, geographic and mobile alike).
const HOME_DIGITS: usize = 8;
/// Fewest and most digits of an international number, country code included (E.164 section 6.2).
const MIN_DIGITS: usize = 8;
const MAX_DIGITS: usize = 15;

/// A telephone number as `+` and digits. Hidden from `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

/// Why a text is no telephone number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PhoneError {
    /// A character that is none of a number.
    #[error(
        "{0:?} is not part of a telephone number; write for example 044 123 456 or +383 44 123 456"
    )]
    Character(char),
    /// Too short or too long.
    #[error("it has {digits} digits; {wanted}")]
    Digits {
        /// As many as it has, country code included.
        digits: usize,
        /// What is expected.
        wanted: &'static str,
    },
    /// No country begins with 0.
    #[error("after + or 00 comes the country's code, which does not begin with 0")]
    Country,
}

impl Phone {
    /// Reads a number as people write it; one without a country code is one of Kosovo (+383).
    ///
    /// # Errors
    /// [`PhoneError`].
    pub fn new(text: &str) -> Result<Self, PhoneError> {
        let (plus, rest) = match text.trim().strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, text.trim()),
        };
        let mut digits = String::new();
        for letter in rest.chars() {
            match letter {
                '0'..='9' => digits.push(letter),
                ' ' | '-' | '/' | '(' | ')' | '.' | '\u{a0}' => {}
                other => return Err(PhoneError::Character(other)),
            }
        }
        let digits = if plus {
            digits
        } else if let Some(rest) = digits.strip_prefix("00") {
            rest.to_owned()
        } else {
            format!("{HOME}{}", digits.strip_prefix('0').unwrap_or(&digits))
        };
        check(digits)
    }

    /// The number, for example `+38344123456`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(digits: String) -> Result<Phone, PhoneError> {
    if digits.starts_with('0') {
        return Err(PhoneError::Country);
    }
    let wrong = |wanted| PhoneError::Digits {
        digits: digits.len(),
        wanted,
    };
    if digits.starts_with(HOME) && digits.len() != HOME.len() + HOME_DIGITS {
        return Err(wrong("after 0 or +383 come eight, for example 044 123 456"));
    }
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) {
        return Err(wrong("with the country's code there are 8 to 15"));
    }
    Ok(Phone(format!("+{digits}")))
}

impl TryFrom<String> for Phone {
    type Error = PhoneError;
    fn try_from(text: String) -> Result<Self, PhoneError> {
        Self::new(&text)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> String {
        phone.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_form() {
        for written in [
            "044 123 456",
            "044/123-456",
            "44123456",
            "+383 44 123 456",
            "00383 (44) 123.456",
        ] {
            let phone = Phone::new(written);
            assert_eq!(phone.unwrap().as_str(), "+38344123456", "{written}");
        }
        assert_eq!(
            Phone::new("+41 79 123 45 67").unwrap().as_str(),
            "+41791234567"
        );
        assert_eq!(Phone::new("038 123 456").unwrap().as_str(), "+38338123456");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(Phone::new("044 12x"), Err(PhoneError::Character('x')));
        assert_eq!(Phone::new("+044 123 456"), Err(PhoneError::Country));
        for short in ["", "044 123 45", "044 123 4567", "+41", "+1234567890123456"] {
            assert!(
                matches!(Phone::new(short), Err(PhoneError::Digits { .. })),
                "{short}"
            );
        }
    }

    #[test]
    fn the_form_reads_back_as_itself() {
        let phone = Phone::new("044 123 456").unwrap();
        assert_eq!(Phone::new(phone.as_str()).unwrap(), phone);
        assert!(!format!("{phone:?}").contains("44"));
    }
}
