//! `pishtar ministry device`: lost devices, whose submissions count no more.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use pishtar_catalog::revoked::{KeyKind, Revoked, RevokedKey};
use pishtar_mesh::NodeId;
use pishtar_signing::UnixSeconds;
use pishtar_signing::metadata::format_utc;

use super::error::MinistryError;
use super::inline;
use super::publisher::{PublisherError, next, open_ministry};
use super::roles::Staged;
use crate::net::ids;

/// File and member of the list.
const NAME: &str = "revoked.json";
const MEMBER: &str = "revoked";

/// What a clerk does with lost devices.
#[derive(Debug, Clone, Subcommand)]
pub enum DeviceCommand {
    /// Accept nothing more from a lost or stolen device; it can still play public lessons
    Revoke {
        /// The folder of the ministry's workshop
        dir: PathBuf,
        /// The device's peer id (its status page and `pishtar peers` show it), or a key of 64 hex digits
        #[arg(value_name = "PEER|KEY")]
        key: String,
        /// What the key was for
        #[arg(long, value_enum, default_value_t = Kind::Node)]
        kind: Kind,
        /// Why, for people; never a learner's name, since everyone reads it
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Accept a device again that was found
    Restore {
        /// The folder of the ministry's workshop
        dir: PathBuf,
        /// As it was revoked
        #[arg(value_name = "PEER|KEY")]
        key: String,
    },
    /// Which devices are revoked
    List {
        /// The folder of the ministry's workshop
        dir: PathBuf,
    },
}

/// What a revoked key was for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// A node's own key
    Node,
    /// A learner's device
    Device,
    /// A school's signing key
    School,
}

/// Carries out one command and tells what people should read.
pub(super) fn run(command: DeviceCommand, now: UnixSeconds) -> Result<String, MinistryError> {
    match command {
        DeviceCommand::Revoke {
            dir,
            key,
            kind,
            reason,
        } => {
            let kind = match kind {
                Kind::Node => KeyKind::Node,
                Kind::Device => KeyKind::Device,
                Kind::School => KeyKind::School,
            };
            let since = Some(now);
            let entry = RevokedKey {
                key: read_key(&key)?,
                kind,
                reason,
                since,
            };
            revoke(&dir, entry, now)
        }
        DeviceCommand::Restore { dir, key } => restore(&dir, &key, now),
        DeviceCommand::List { dir } => list(&dir),
    }
}

fn read_key(text: &str) -> Result<[u8; 32], PublisherError> {
    if let Some(NodeId(key)) = ids::parse(text) {
        return Ok(key);
    }
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key)
        .map(|()| key)
        .map_err(|_| PublisherError::Key(text.chars().take(80).collect()))
}

fn shown(entry: &RevokedKey) -> String {
    match entry.kind {
        KeyKind::Node => NodeId(entry.key).to_string(),
        _ => hex::encode(entry.key),
    }
}

fn staged_list(staged: &Staged<'_>) -> Result<Revoked, PublisherError> {
    let Some(value) = inline::load(staged, NAME, MEMBER) else {
        return Ok(Revoked::default());
    };
    match Revoked::read(&value) {
        (list, problems) if problems.is_empty() => Ok(list),
        (_, problems) => Err(PublisherError::Damaged(problems[0].clone())),
    }
}

fn revoke(dir: &Path, entry: RevokedKey, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = open_ministry(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let mut list = staged_list(&staged)?;
    let name = shown(&entry);
    if !list.insert(entry) {
        return Err(PublisherError::Full.into());
    }
    inline::stage(&mut staged, NAME, MEMBER, &list.to_value(), now)?;
    Ok(format!(
        "{name} is revoked: nodes accept no records from it once they have the ministry's next version. It can still fetch and play lessons.\n{}",
        next(&workshop)
    ))
}

fn restore(dir: &Path, text: &str, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = open_ministry(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let mut list = staged_list(&staged)?;
    let Some(entry) = list.remove(&read_key(text)?) else {
        return Err(PublisherError::NotRevoked(text.into()).into());
    };
    inline::stage(&mut staged, NAME, MEMBER, &list.to_value(), now)?;
    Ok(format!(
        "{} is accepted again once nodes have the ministry's next version.\n{}",
        shown(&entry),
        next(&workshop)
    ))
}

fn list(dir: &Path) -> Result<String, MinistryError> {
    let workshop = open_ministry(dir)?;
    let list = staged_list(&Staged::load(&workshop)?)?;
    if list.iter().len() == 0 {
        return Ok("No device is revoked.".into());
    }
    let line = |entry: &RevokedKey| {
        let since = entry.since.map(format_utc).unwrap_or_default();
        let day = since.get(..10).unwrap_or("undated");
        format!("{}  {day}  {}\n", shown(entry), entry.reason)
    };
    Ok(list.iter().map(line).collect())
}
