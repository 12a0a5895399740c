//! How sinks and their passwords are given on the command line.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use data_encoding::BASE64;
use serde::Deserialize;
use thiserror::Error;

use super::{Lrs, LrsLogin, Postgres, Sink, SinkError, XapiFile};
use crate::collector::table::{TableFile, TableFormat};

/// Where progress goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSpec {
    /// Nowhere but the collector's own file.
    Embedded,
    /// A file of xAPI statements.
    Xapi(PathBuf),
    /// A Learning Record Store: the address before `/statements`.
    Lrs(String),
    /// A PostgreSQL database: a connection address without password.
    Postgres(String),
    /// A table, written anew while learners' work comes in.
    Table(TableFormat, PathBuf),
}

impl std::fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Xapi(path) => write!(f, "xapi:{}", path.display()),
            Self::Lrs(endpoint) => write!(f, "lrs:{endpoint}"),
            Self::Postgres(address) if address.starts_with("postgres") => f.write_str(address),
            Self::Postgres(address) => write!(f, "postgres:{address}"),
            Self::Table(TableFormat::Csv, path) => write!(f, "csv:{}", path.display()),
            Self::Table(TableFormat::Parquet, path) => write!(f, "parquet:{}", path.display()),
        }
    }
}

/// Why a sink cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// None of the forms.
    #[error(
        "a sink is written embedded, xapi:FILE, lrs:URL, postgres:URL, csv:FILE or parquet:FILE"
    )]
    Form,
    /// The list of processes shows command lines to everyone on the machine.
    #[error("a sink's address holds no password; put it into the file given with --credentials")]
    Password,
}

impl FromStr for SinkSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text == "embedded" {
            return Ok(Self::Embedded);
        }
        let (kind, place) = text
            .split_once(':')
            .filter(|(_, place)| !place.is_empty())
            .ok_or(SpecError::Form)?;
        match kind {
            "xapi" => Ok(Self::Xapi(place.into())),
            "lrs" => lrs(place),
            "postgres" | "postgresql" if place.starts_with("//") => postgres(text.to_owned()),
            "postgres" => postgres(place.to_owned()),
            "csv" => Ok(Self::Table(TableFormat::Csv, place.into())),
            "parquet" => Ok(Self::Table(TableFormat::Parquet, place.into())),
            _ => Err(SpecError::Form),
        }
    }
}

fn lrs(place: &str) -> Result<SinkSpec, SpecError> {
    let (scheme, rest) = place.split_once("://").ok_or(SpecError::Form)?;
    if !["http", "https"].contains(&scheme) {
        return Err(SpecError::Form);
    }
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.contains('@') {
        true => Err(SpecError::Password),
        false => Ok(SinkSpec::Lrs(place.to_owned())),
    }
}

fn postgres(place: String) -> Result<SinkSpec, SpecError> {
    let config: ::postgres::Config = place.parse().map_err(|_| SpecError::Form)?;
    match config.get_password() {
        Some(_) => Err(SpecError::Password),
        None => Ok(SinkSpec::Postgres(place)),
    }
}

/// What a [`SinkSpec`] opens as.
pub enum Target {
    /// Nothing besides the collector's own file.
    Nothing,
    /// Fed from a queue.
    Queue(Box<dyn Sink>),
    /// Written anew from the collector's own file.
    Table(TableFile),
}

impl SinkSpec {
    /// Makes the sink; nothing is connected or written yet.
    ///
    /// # Errors
    /// [`SinkError`] when its address or certificates are of no use.
    pub fn target(&self, credentials: &Credentials) -> Result<Target, SinkError> {
        Ok(match self {
            Self::Embedded => Target::Nothing,
            Self::Xapi(path) => Target::Queue(Box::new(XapiFile::new(path))),
            Self::Lrs(endpoint) => {
                Target::Queue(Box::new(Lrs::new(endpoint, credentials.lrs.clone())?))
            }
            Self::Postgres(address) => {
                let password = credentials.postgres.as_deref();
                Target::Queue(Box::new(Postgres::new(address, password)?))
            }
            Self::Table(format, path) => Target::Table(TableFile::new(*format, path)),
        })
    }
}

/// Passwords of sinks.
#[derive(Clone, Default)]
pub struct Credentials {
    lrs: LrsLogin,
    postgres: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Why a file of credentials is not used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others on this machine may read it.
    #[error("{0} can be read by others on this machine; run chmod 600 on it")]
    Open(PathBuf),
    /// It is not the expected JSON.
    #[error(
        "{path} is not a file of credentials ({reason}); it looks like {{\"lrs\": {{\"user\": \"…\", \"password\": \"…\"}}, \"postgres\": {{\"password\": \"…\"}}}}"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    lrs: LrsPart,
    #[serde(default)]
    postgres: PostgresPart,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LrsPart {
    user: String,
    password: String,
    /// Instead of user and password.
    token: String,
    /// PEM file of an authority of one's own, beside this file when relative.
    authority: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct PostgresPart {
    password: Option<String>,
}

impl Credentials {
    /// Reads the JSON file; only its owner may be able to read it.
    ///
    /// # Errors
    /// [`CredentialsError`] with the remedy.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        use std::os::unix::fs::PermissionsExt;
        let io = |source| CredentialsError::Io {
            path: path.to_owned(),
            source,
        };
        if fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
            return Err(CredentialsError::Open(path.to_owned()));
        }
        let file: File = serde_json::from_slice(&fs::read(path).map_err(io)?).map_err(|error| {
            CredentialsError::Form {
                path: path.to_owned(),
                reason: error.to_string(),
            }
        })?;
        let authority = match &file.lrs.authority {
            Some(name) => {
                let beside = path.parent().unwrap_or(Path::new(".")).join(name);
                fs::read(&beside).map_err(|source| CredentialsError::Io {
                    path: beside,
                    source,
                })?
            }
            None => Vec::new(),
        };
        Ok(Self {
            lrs: LrsLogin {
                authorization: file.lrs.authorization(),
                authority,
            },
            postgres: file.postgres.password,
        })
    }
}

impl LrsPart {
    fn authorization(&self) -> String {
        if !self.token.is_empty() {
            return format!("Bearer {}", self.token);
        }
        if self.user.is_empty() {
            return String::new();
        }
        let pair = format!("{}:{}", self.user, self.password);
        format!("Basic {}", BASE64.encode(pair.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinks_are_read_as_they_are_written() {
        let ok = |text: &str| text.parse::<SinkSpec>().unwrap();
        assert_eq!(ok("embedded"), SinkSpec::Embedded);
        assert_eq!(ok("xapi:a:b"), SinkSpec::Xapi("a:b".into()));
        assert_eq!(
            ok("lrs:https://lrs.example.org/xapi"),
            SinkSpec::Lrs("https://lrs.example.org/xapi".into())
        );
        assert_eq!(
            ok("postgres://c@localhost/p"),
            SinkSpec::Postgres("postgres://c@localhost/p".into())
        );
        assert_eq!(
            ok("postgres:host=/run/postgresql dbname=p"),
            SinkSpec::Postgres("host=/run/postgresql dbname=p".into())
        );
        assert_eq!(
            ok("parquet:p.parquet"),
            SinkSpec::Table(TableFormat::Parquet, "p.parquet".into())
        );
        for (text, error) in [
            ("xapi:", SpecError::Form),
            ("sql:x", SpecError::Form),
            ("lrs:ftp://x", SpecError::Form),
            ("lrs:https://u:p@x/", SpecError::Password),
            ("postgres://u:p@x/db", SpecError::Password),
        ] {
            assert_eq!(text.parse::<SinkSpec>(), Err(error), "{text}");
        }
    }

    #[test]
    fn credentials_are_for_their_owner_only_and_never_shown() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.json");
        fs::write(
            &path,
            r#"{"lrs": {"user": "pishtar", "password": "fshehtë"}}"#,
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Credentials::read(&path),
            Err(CredentialsError::Open(_))
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let read = Credentials::read(&path).unwrap();
        assert_eq!(read.lrs.authorization, "Basic cGlzaHRhcjpmc2hlaHTDqw==");
        assert_eq!(
            format!("{read:?} {:?}", read.lrs),
            "Credentials(hidden) LrsLogin(hidden)"
        );
        fs::write(&path, r#"{"lrs": {"pasword": "x"}}"#).unwrap();
        let error = Credentials::read(&path).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `pasword`"),
            "{error}"
        );
    }
}
