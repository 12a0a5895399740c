//! `pishtar ministry verify`: a published folder judged as a stranger would, from the first root file alone.

use std::fmt;
use std::io::Read;
use std::path::Path;

use pishtar_catalog::{BlobHash, Catalog, MINISTRY, Publisher, Publishers, target};
use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{Fetched, MetaRole, Outcome, Policy, Step, TrustedSet};
use pishtar_signing::metadata::{TargetFile, TargetPath, format_utc};

use super::error::MinistryError;
use super::files::{Progress, hash_file};

/// How many faults are listed one by one.
const LISTED_FAULTS: usize = 20;

/// What a folder that verifies holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Version of the timestamp.
    pub version: u64,
    /// Version of the newest root.
    pub root_version: u64,
    /// Lessons in all courses.
    pub lessons: usize,
    /// Course roles.
    pub courses: usize,
    /// Files of which every byte was hashed.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// When the first signed file expires.
    pub fresh_until: UnixSeconds,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Every signature and every file is right.")?;
        writeln!(
            f,
            "  version {} (root version {})",
            self.version, self.root_version
        )?;
        writeln!(f, "  {} lessons in {} courses", self.lessons, self.courses)?;
        writeln!(
            f,
            "  {} files, {} bytes: length, SHA-256 and BLAKE3 as signed",
            self.files, self.bytes
        )?;
        write!(f, "  fresh until {}", format_utc(self.fresh_until))
    }
}

/// Verifies metadata by the TUF client workflow (strict about expiry), then every file against it.
///
/// # Errors
/// [`MinistryError::NotVerified`] naming what is wrong.
pub fn verify(
    out: &Path,
    root: Option<&Path>,
    now: UnixSeconds,
) -> Result<Verified, MinistryError> {
    let first_root = root.map_or_else(|| out.join("metadata/1.root.json"), Path::to_owned);
    let not_there = |_| {
        let remedy =
            "give the folder that `pishtar ministry publish` wrote, and its first root file";
        MinistryError::NotVerified(format!(
            "there is no root file {}: {remedy}",
            first_root.display()
        ))
    };
    let root = std::fs::read(&first_root).map_err(not_there)?;
    let outcome = update(out, &root, now)?;
    let publisher = publisher_of(&outcome);
    let mut judge = Judge {
        out,
        catalog: catalog_for(&publisher),
        faults: Vec::new(),
        files: 0,
        bytes: 0,
        progress: progress(&outcome),
    };
    for accepted in outcome.targets() {
        for path in &accepted.outside {
            judge
                .faults
                .push(format!("{path}: role {} may not list it", accepted.role));
        }
        let (_, problems) = judge.catalog.replace_role(
            &publisher,
            accepted.role.as_str(),
            accepted.targets.version,
            &accepted.targets,
        );
        judge
            .faults
            .extend(problems.iter().map(ToString::to_string));
        for (path, file) in &accepted.targets.targets {
            judge.check(path, file);
        }
    }
    judge.progress.end();
    if !judge.faults.is_empty() {
        return Err(MinistryError::NotVerified(list(&judge.faults)));
    }
    let version = |role| outcome.set.version(role).unwrap_or(0);
    Ok(Verified {
        version: version(&MetaRole::Timestamp),
        root_version: version(&MetaRole::Root),
        lessons: judge.catalog.lessons().len(),
        courses: outcome.set.roles().filter(|role| !role.is_top()).count(),
        files: judge.files,
        bytes: judge.bytes,
        fresh_until: outcome.set.fresh_until().unwrap_or(now),
    })
}

/// Whose catalogue it is, by its first path: a path of anybody else is then a fault.
fn publisher_of(outcome: &Outcome) -> String {
    let first = outcome
        .targets()
        .find_map(|role| Some(role.targets.targets.keys().next()?.to_string()));
    let id = first.as_deref().and_then(|path| path.split('/').next());
    id.unwrap_or(MINISTRY).to_owned()
}

fn catalog_for(publisher: &str) -> Catalog {
    let mut list = Publishers::default();
    let name = [("und".to_owned(), publisher.to_owned())].into();
    if let Ok(entry) = Publisher::new(publisher, name, [0; 32], &format!("{publisher}/")) {
        // An empty list has room for one.
        let _ = list.insert(entry);
    }
    Catalog::of(list)
}

/// The client workflow against the folder.
fn update(out: &Path, root: &[u8], now: UnixSeconds) -> Result<Outcome, MinistryError> {
    let refused = |error: &dyn fmt::Display| {
        MinistryError::NotVerified(format!("{} does not verify: {error}", out.display()))
    };
    let trusted = TrustedSet::pin(root).map_err(|error| refused(&error))?;
    let mut update = trusted.begin_update(now, Policy::Strict);
    loop {
        match update.next() {
            Step::Fetch { file, max_bytes } => {
                let path = out.join("metadata").join(file.file_name());
                let answer = match read_bounded(&path, max_bytes) {
                    Ok(bytes) => Fetched::Bytes(bytes),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Fetched::Absent,
                    Err(error) => return Err(MinistryError::io("reading", &path)(error)),
                };
                update
                    .provide(&file, answer)
                    .map_err(|error| refused(&error))?;
            }
            Step::Done(outcome) => return Ok(*outcome),
            Step::Over => return Err(refused(&"the update ended without a result")),
        }
    }
}

/// One byte more than allowed is enough for the client to refuse the file.
fn read_bounded(path: &Path, max_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn progress(outcome: &Outcome) -> Progress {
    let bytes = |targets: &pishtar_signing::metadata::Targets| -> u64 {
        targets.targets.values().map(|file| file.length).sum()
    };
    Progress::new(
        outcome
            .targets()
            .map(|accepted| bytes(&accepted.targets))
            .sum(),
    )
}

struct Judge<'o> {
    out: &'o Path,
    catalog: Catalog,
    faults: Vec<String>,
    files: usize,
    bytes: u64,
    progress: Progress,
}

impl Judge<'_> {
    /// Length, SHA-256 and BLAKE3 of one file.
    fn check(&mut self, path: &TargetPath, file: &TargetFile) {
        let sha256 = file.hashes.sha256();
        let (folder, name) = path
            .as_str()
            .rsplit_once('/')
            .unwrap_or(("", path.as_str()));
        let place = self.out.join("targets").join(folder).join(format!(
            "{}.{name}",
            hex::encode(sha256.unwrap_or_default())
        ));
        let found = match hash_file(&place, &mut self.progress) {
            Ok(found) => found,
            Err(error) => {
                return self
                    .faults
                    .push(format!("{path}: {error} ({})", place.display()));
            }
        };
        if found.length != file.length {
            self.faults.push(format!(
                "{path}: {} bytes, signed are {}",
                found.length, file.length
            ));
        } else if Some(found.sha256) != sha256 {
            self.faults
                .push(format!("{path}: SHA-256 differs from the signed one"));
        } else if target::blake3_of(&file.custom) != BlobHash::NONE
            && target::blake3_of(&file.custom) != found.blake3
        {
            self.faults
                .push(format!("{path}: BLAKE3 differs from the signed one"));
        }
        self.files += 1;
        self.bytes += found.length;
    }
}

fn list(faults: &[String]) -> String {
    let shown = faults
        .iter()
        .take(LISTED_FAULTS)
        .map(|fault| format!("  {fault}\n"))
        .collect::<String>();
    let more = match faults.len().saturating_sub(LISTED_FAULTS) {
        0 => String::new(),
        more => format!("  and {more} more\n"),
    };
    format!(
        "{} faults:\n{shown}{more}Write it again from the workshop with `pishtar ministry publish WORKSHOP --repair`, or copy the folder again",
        faults.len()
    )
}
