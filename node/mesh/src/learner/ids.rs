//! Who and what an event is about. These names exist only inside the seal and on the learner's own node.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest learner id and display name in bytes; keeps an event inside the smallest record that fits it.
const MAX_LEARNER_BYTES: usize = 64;
const MAX_NAME_BYTES: usize = 120;
const MAX_LESSON_BYTES: usize = 200;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// The text has no visible character.
    #[error("the {what} is empty; give at least one character")]
    Empty {
        /// Which id.
        what: &'static str,
    },
    /// The text is longer than the record format allows.
    #[error("the {what} has {bytes} bytes; at most {max} fit")]
    TooLong {
        /// Which id.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// The text holds a control character.
    #[error("the {what} holds a control character; remove it")]
    Control {
        /// Which id.
        what: &'static str,
    },
}

fn check(what: &'static str, text: &str, max: usize) -> Result<(), IdError> {
    if text.trim().is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > max {
        return Err(IdError::TooLong {
            what,
            bytes: text.len(),
            max,
        });
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control { what });
    }
    Ok(())
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and wraps it.
            ///
            /// # Errors
            /// [`IdError`] when the text is empty, too long or holds control characters.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check($what, &text, $max)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

bounded_text!(
    /// Names one learner: a random id made on the learner's own node, at most 64 bytes.
    ///
    /// Its `Debug` form hides the text, so that no log can carry it.
    LearnerId,
    "learner id",
    MAX_LEARNER_BYTES
);
bounded_text!(
    /// What the learner typed as a name, at most 120 bytes. Hidden from `Debug` like [`LearnerId`].
    DisplayName,
    "learner's name",
    MAX_NAME_BYTES
);
bounded_text!(
    /// The lesson that was watched: `<publisher>/<course>/<lesson>`, at most 200 bytes.
    LessonRef,
    "lesson id",
    MAX_LESSON_BYTES
);

impl fmt::Debug for LearnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LearnerId(hidden)")
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(hidden)")
    }
}

impl fmt::Debug for LessonRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LessonRef({})", self.0)
    }
}

/// The ed25519 key of the device that made a record; known only inside the seal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({})", hex::encode(&self.0[..4]))
    }
}
