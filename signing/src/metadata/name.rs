//! Names that arrive in metadata: roles and target paths, checked once.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest role name in bytes.
pub const MAX_ROLE_NAME: usize = 128;
/// Longest percent-encoded role name in bytes: with version and `.json` it is a file name that every file system takes.
pub const MAX_ENCODED_ROLE_NAME: usize = 220;
/// Longest target path in bytes.
pub const MAX_TARGET_PATH: usize = 1024;

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A role name that is empty, too long, or that of another top-level role.
    #[error(
        "`{0}` cannot be the name of a targets role: 1 to {MAX_ROLE_NAME} bytes, {MAX_ENCODED_ROLE_NAME} escaped, not root, snapshot or timestamp"
    )]
    Role(String),
    /// A target path that is empty or too long.
    #[error("`{0}` cannot be a target path: 1 to {MAX_TARGET_PATH} bytes")]
    Path(String),
}

/// Name of a targets role: the top-level `targets` or a delegated one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(String);

impl RoleName {
    /// The top-level targets role.
    pub fn targets() -> RoleName {
        RoleName("targets".to_owned())
    }

    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError::Role`].
    pub fn new(name: impl Into<String>) -> Result<RoleName, NameError> {
        let name = name.into();
        if name.is_empty()
            || name.len() > MAX_ROLE_NAME
            || ["root", "snapshot", "timestamp"].contains(&name.as_str())
        {
            return Err(NameError::Role(name));
        }
        let name = RoleName(name);
        if name.encoded().len() > MAX_ENCODED_ROLE_NAME {
            return Err(NameError::Role(name.0));
        }
        Ok(name)
    }

    /// Whether this is the top-level role.
    pub fn is_top(&self) -> bool {
        self.0 == "targets"
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as file names carry it: everything but letters, digits and `_.-~` percent-encoded, as Python's `quote` does.
    pub fn encoded(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }
}

impl RoleName {
    /// Inverse of [`RoleName::encoded`].
    pub fn decode(encoded: &str) -> Option<RoleName> {
        let mut bytes = Vec::with_capacity(encoded.len());
        let mut rest = encoded.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(tail.get(..2)?).ok()?, 16).ok()?);
                rest = &tail[2..];
            } else {
                bytes.push(first);
                rest = tail;
            }
        }
        RoleName::new(String::from_utf8(bytes).ok()?).ok()
    }
}

/// Path of a target relative to the publisher's `targets/` folder; opaque, compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath(String);

impl TargetPath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`NameError::Path`].
    pub fn new(path: impl Into<String>) -> Result<TargetPath, NameError> {
        let path = path.into();
        if path.is_empty() || path.len() > MAX_TARGET_PATH {
            return Err(NameError::Path(path));
        }
        Ok(TargetPath(path))
    }

    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                $name::new(text)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                $name::new(text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}
text_type!(RoleName);
text_type!(TargetPath);
