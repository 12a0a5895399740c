//! `pishtar ministry publisher`: who may publish beside the ministry, where, and who may no longer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use pishtar_catalog::publishers::BadPublisher;
use pishtar_catalog::{MINISTRY, Publisher, Publishers};
use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{MAX_ROOT_BYTES, MetaRole, TrustedSet};
use sha2::{Digest, Sha256};

use super::error::MinistryError;
use super::inline;
use super::roles::Staged;
use super::workshop::Workshop;

/// File and member of the list.
const NAME: &str = "publishers.json";
const MEMBER: &str = "publishers";

/// What a clerk does with further publishers.
#[derive(Debug, Clone, Subcommand)]
pub enum PublisherCommand {
    /// Let a municipality or a school publish below a prefix of its own
    Add {
        /// The folder of the ministry's workshop
        dir: PathBuf,
        /// The publisher's id: 1 to 40 of a-z, 0-9 and -; its paths begin with it
        #[arg(long)]
        id: String,
        /// Its name as people see it, by language: sq=Shkolla Dardania (may be given more than once), or just the name
        #[arg(long, value_name = "[LANG=]NAME", required = true)]
        name: Vec<String>,
        /// Its first root file, brought by hand: `pishtar school init` and `pishtar ministry init` say which it is
        #[arg(long, value_name = "FIRST_ROOT.json")]
        root: PathBuf,
        /// Where it may publish: ID/ or ID/COURSE/; without it ID/
        #[arg(long, value_name = "P/")]
        prefix: Option<String>,
        /// Put this in place of what is listed under the same id: after its keys were lost, or to let it publish again
        #[arg(long)]
        replace: bool,
    },
    /// Let a publisher publish no more: nodes drop its lessons when they hear of it
    Revoke {
        /// The folder of the ministry's workshop
        dir: PathBuf,
        /// The publisher's id
        id: String,
        /// Why, for people
        #[arg(long, default_value = "revoked by the ministry")]
        reason: String,
    },
    /// Who may publish, where, and who was revoked
    List {
        /// The folder of the ministry's workshop
        dir: PathBuf,
    },
}

/// Why the list of publishers was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The entry breaks a rule.
    #[error(transparent)]
    Bad(#[from] BadPublisher),
    /// The workshop is another publisher's.
    #[error("{0} is the workshop of {1}: only the ministry lists publishers and revokes devices")]
    NotTheMinistry(String, String),
    /// The root file is none.
    #[error("{path} is not a publisher's first root file: {reason}")]
    Root {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The id is listed.
    #[error(
        "{id} is listed already, {state}: give --replace to put this in its place; its lessons then begin anew with the new root"
    )]
    Listed {
        /// The id.
        id: String,
        /// With which prefix, revoked or not.
        state: String,
    },
    /// Another publisher has this root.
    #[error("{path} is the first root of {other} already: every publisher has keys of its own")]
    RootTaken {
        /// The file.
        path: String,
        /// Who has it.
        other: String,
    },
    /// Nobody of that id is listed.
    #[error("no publisher {id} is listed: {known}")]
    Unknown {
        /// As written.
        id: String,
        /// What there is.
        known: String,
    },
    /// No school in the data folder.
    #[error(
        "there is no school in {0} yet: make one with `pishtar school init --data D --id ID --name NAME`"
    )]
    NoSchool(String),
    /// A school is there.
    #[error("a school is in {0} already: its key stays; add lessons with `pishtar school publish`")]
    SchoolIsThere(String),
    /// The staged list is damaged.
    #[error("the staged list of publishers or revoked keys is damaged: {0}")]
    Damaged(String),
    /// Not a key.
    #[error(
        "“{0}” is neither a node's peer id (`pishtar status` prints it) nor a key of 64 hex digits"
    )]
    Key(String),
    /// A key that is not revoked.
    #[error("{0} is not among the revoked keys: `pishtar ministry device list` shows them")]
    NotRevoked(String),
    /// No room.
    #[error("the list of revoked keys is full: restore those that are long gone")]
    Full,
}

/// Carries out one command and tells what people should read.
pub(super) fn run(command: PublisherCommand, now: UnixSeconds) -> Result<String, MinistryError> {
    match command {
        PublisherCommand::Add {
            dir,
            id,
            name,
            root,
            prefix,
            replace,
        } => {
            let prefix = prefix.unwrap_or_else(|| format!("{id}/"));
            let publisher = Publisher::new(&id, names(&name), first_root(&root)?, &prefix)
                .map_err(PublisherError::Bad)?;
            add(&dir, &root, publisher, replace, now)
        }
        PublisherCommand::Revoke { dir, id, reason } => revoke(&dir, &id, &reason, now),
        PublisherCommand::List { dir } => list(&dir),
    }
}

/// Opens the ministry's workshop, and no other publisher's.
pub(super) fn open_ministry(dir: &Path) -> Result<Workshop, MinistryError> {
    let workshop = Workshop::open(dir)?;
    match &*workshop.about.publisher {
        MINISTRY => Ok(workshop),
        other => {
            Err(PublisherError::NotTheMinistry(dir.display().to_string(), other.into()).into())
        }
    }
}

/// Names by language from `sq=Shkolla` or just `Shkolla`.
pub(crate) fn names(given: &[String]) -> BTreeMap<String, String> {
    let split = |text: &String| match text.split_once('=') {
        Some((tag, name)) if is_tag(tag) => (tag.to_owned(), name.trim().to_owned()),
        _ => ("und".to_owned(), text.trim().to_owned()),
    };
    given.iter().map(split).collect()
}

fn is_tag(text: &str) -> bool {
    (2..=35).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The hash of a file that really is a first root.
fn first_root(path: &Path) -> Result<[u8; 32], PublisherError> {
    let bad = |reason: String| PublisherError::Root {
        path: path.display().to_string(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    if bytes.len() as u64 > MAX_ROOT_BYTES {
        return Err(bad(format!("it is larger than {MAX_ROOT_BYTES} bytes")));
    }
    let pinned = TrustedSet::pin(&bytes).map_err(|error| bad(error.to_string()))?;
    match pinned.version(&MetaRole::Root) {
        Some(1) => Ok(Sha256::digest(&bytes).into()),
        version => Err(bad(format!(
            "it is version {}; the first one is called 1.root.json",
            version.unwrap_or(0)
        ))),
    }
}

fn staged_list(staged: &Staged<'_>) -> Result<Publishers, PublisherError> {
    let Some(value) = inline::load(staged, NAME, MEMBER) else {
        return Ok(Publishers::default());
    };
    match Publishers::read(&value) {
        (list, problems) if problems.is_empty() => Ok(list),
        (_, problems) => Err(PublisherError::Damaged(problems[0].to_string())),
    }
}

fn add(
    dir: &Path,
    root: &Path,
    publisher: Publisher,
    replace: bool,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let workshop = open_ministry(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let mut list = staged_list(&staged)?;
    match list.remove(&publisher.id) {
        Some(old) if !replace => {
            let state = state(&old);
            return Err(PublisherError::Listed { id: old.id, state }.into());
        }
        _ => {}
    }
    if let Some(other) = list.of_first_root(&publisher.first_root) {
        return Err(PublisherError::RootTaken {
            path: root.display().to_string(),
            other: other.id.clone(),
        }
        .into());
    }
    let (id, prefix) = (publisher.id.clone(), publisher.prefix.clone());
    list.insert(publisher).map_err(PublisherError::Bad)?;
    inline::stage(&mut staged, NAME, MEMBER, &list.to_value(), now)?;
    Ok(format!(
        "{id} may publish at {prefix}. Its nodes and all others accept its lessons once they have the ministry's next version.\n{}",
        next(&workshop)
    ))
}

fn revoke(dir: &Path, id: &str, reason: &str, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = open_ministry(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let mut list = staged_list(&staged)?;
    let Some(publisher) = list.remove(id) else {
        let ids: Vec<&str> = list.iter().map(|publisher| &*publisher.id).collect();
        let known = match ids.is_empty() {
            true => "none is listed yet".to_owned(),
            false => format!("it is one of {}", ids.join(", ")),
        };
        return Err(PublisherError::Unknown {
            id: id.into(),
            known,
        }
        .into());
    };
    // It stays listed, so that nobody else gets its id and its paths.
    list.insert(publisher.revoked(reason))
        .map_err(PublisherError::Bad)?;
    inline::stage(&mut staged, NAME, MEMBER, &list.to_value(), now)?;
    Ok(format!(
        "{id} is revoked. Nodes drop its lessons when they hear of the ministry's next version, whether it is fresh or not.\n{}",
        next(&workshop)
    ))
}

fn list(dir: &Path) -> Result<String, MinistryError> {
    let workshop = open_ministry(dir)?;
    let list = staged_list(&Staged::load(&workshop)?)?;
    if list.iter().len() == 0 {
        return Ok("Nobody but the ministry may publish.".into());
    }
    let line = |publisher: &Publisher| {
        format!(
            "{}  {}  first root {}…  {}\n",
            publisher.id,
            state(publisher),
            &hex::encode(publisher.first_root)[..16],
            publisher.name_in(&["en", "sq"])
        )
    };
    Ok(list.iter().map(line).collect())
}

fn state(publisher: &Publisher) -> String {
    match &publisher.revoked {
        Some(reason) => format!("revoked ({reason})"),
        None => format!("publishes at {}", publisher.prefix),
    }
}

pub(super) fn next(workshop: &Workshop) -> String {
    let dir = workshop.shown();
    format!("Next: pishtar ministry sign {dir}, then pishtar ministry publish {dir}")
}
