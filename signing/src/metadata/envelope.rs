//! A signed file: the `signed` object with its canonical bytes, and the signatures over them (TUF 4.2).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::UnixSeconds;
use crate::canonical::{self, CanonicalError, ParseError};
use crate::key::{MAX_SIGNATURES, Signature};

use super::fields::{self, Object};
use super::{format_utc, parse_utc};

/// Why bytes are not a metadata file of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON that we accept.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Signed content without a canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A file of another type under this name.
    #[error("its `_type` is `{found}`, expected `{expected}`")]
    WrongType {
        /// Type that the file's name promises.
        expected: &'static str,
        /// Type found.
        found: String,
    },
    /// A major version of the specification that we do not speak.
    #[error("it follows TUF specification {found}, this program knows 1.x; update this program")]
    SpecVersion {
        /// As written in the file.
        found: String,
    },
    /// A field that is missing or wrong.
    #[error("field `{field}`: {problem}")]
    Field {
        /// Its name.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More signatures than we look at.
    #[error("{0} signatures where at most {MAX_SIGNATURES} are allowed")]
    TooManySignatures(usize),
}

/// One of the four document types.
pub trait Document: Sized {
    /// The value of `_type`.
    const TYPE: &'static str;

    /// Reads the fields other than `_type` and those of the header.
    ///
    /// # Errors
    /// [`MetadataError::Field`] naming the field.
    fn read(header: Header, fields: Map<String, Value>) -> Result<Self, MetadataError>;

    /// Header of this document.
    fn header(&self) -> Header;

    /// The fields other than `_type` and those of the header.
    fn write(&self) -> Map<String, Value>;

    /// Fields that we do not know, kept; and [`super::ISSUED`].
    fn extra(&self) -> &Map<String, Value>;

    /// The complete `signed` object.
    fn to_signed(&self) -> Value {
        let mut object = self.write();
        let header = self.header();
        object.insert("_type".to_owned(), Self::TYPE.into());
        object.insert("spec_version".to_owned(), header.spec_version.into());
        object.insert("version".to_owned(), header.version.into());
        object.insert("expires".to_owned(), format_utc(header.expires).into());
        object.into()
    }

    /// Reads a complete `signed` object.
    ///
    /// # Errors
    /// [`MetadataError`] other than `Parse` and `Canonical`.
    fn from_signed(signed: Value) -> Result<Self, MetadataError> {
        let Value::Object(mut object) = signed else {
            return Err(MetadataError::Field {
                field: "signed".to_owned(),
                problem: "not an object".to_owned(),
            });
        };
        let found: String = fields::take(&mut object, "_type")?;
        if found != Self::TYPE {
            return Err(MetadataError::WrongType {
                expected: Self::TYPE,
                found,
            });
        }
        let header = Header::take(&mut object)?;
        Self::read(header, object)
    }
}

/// What every document starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `spec_version` as written.
    pub spec_version: String,
    /// At least 1.
    pub version: u64,
    /// Expiry.
    pub expires: UnixSeconds,
}

impl Header {
    fn take(object: &mut Object) -> Result<Header, MetadataError> {
        let spec_version: String = fields::take(object, "spec_version")?;
        let parts: Vec<&str> = spec_version.split('.').collect();
        let numeric = parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        if !numeric || !(2..=3).contains(&parts.len()) || parts[0] != "1" {
            return Err(MetadataError::SpecVersion {
                found: spec_version,
            });
        }
        let version = fields::take_positive(object, "version")?;
        let expires: String = fields::take(object, "expires")?;
        let expires = parse_utc(&expires).ok_or_else(|| MetadataError::Field {
            field: "expires".to_owned(),
            problem: format!("`{expires}` is not of the form 2030-01-01T00:00:00Z"),
        })?;
        Ok(Header {
            spec_version,
            version,
            expires,
        })
    }
}

/// A parsed file. `canonical` is made from the very `signed` value that `document` was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope<T> {
    /// The content.
    pub document: T,
    /// What is signed.
    pub canonical: Vec<u8>,
    /// As listed; not yet checked.
    pub signatures: Vec<Signature>,
}

impl<T: Document> Envelope<T> {
    /// Reads a file of at most `max_bytes` bytes. Says nothing yet about who signed it.
    ///
    /// # Errors
    /// [`MetadataError`]: the fault is the giver's or the publisher's.
    pub fn parse(bytes: &[u8], max_bytes: u64) -> Result<Envelope<T>, MetadataError> {
        let problem = |text: &str| MetadataError::Field {
            field: "signed".to_owned(),
            problem: text.to_owned(),
        };
        let Value::Object(mut object) = canonical::parse(bytes, max_bytes)? else {
            return Err(problem("the file is not an object"));
        };
        let signatures: Vec<Signature> = fields::take(&mut object, "signatures")?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(MetadataError::TooManySignatures(signatures.len()));
        }
        check_unique(&signatures)?;
        let signed = object.remove("signed").ok_or_else(|| problem("missing"))?;
        let canonical = canonical::to_canonical(&signed)?;
        Ok(Envelope {
            document: T::from_signed(signed)?,
            canonical,
            signatures,
        })
    }

    /// The document in bytes that were verified before, without making their canonical form again.
    pub(crate) fn parse_verified(bytes: &[u8]) -> Result<T, MetadataError> {
        let mut file = canonical::parse(bytes, u64::MAX)?;
        T::from_signed(file.get_mut("signed").map(Value::take).unwrap_or_default())
    }

    /// An unsigned file with this content.
    ///
    /// # Errors
    /// [`MetadataError::Canonical`] when a custom field holds a fraction.
    pub fn unsigned(document: T) -> Result<Envelope<T>, MetadataError> {
        let canonical = canonical::to_canonical(&document.to_signed())?;
        Ok(Envelope {
            document,
            canonical,
            signatures: Vec::new(),
        })
    }

    /// The file's bytes: plain JSON, because canonical JSON leaves control characters unescaped and is not JSON then.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = json!({"signatures": self.signatures, "signed": self.document.to_signed()})
            .to_string()
            .into_bytes();
        bytes.push(b'\n');
        bytes
    }
}

/// TUF 4.2: no two signatures of one key id.
fn check_unique(signatures: &[Signature]) -> Result<(), MetadataError> {
    let mut seen = BTreeSet::new();
    let twice = signatures.iter().find(|one| !seen.insert(&one.keyid));
    twice.map_or(Ok(()), |twice| {
        Err(MetadataError::Field {
            field: "signatures".to_owned(),
            problem: format!("key id `{}` is listed twice", twice.keyid),
        })
    })
}
