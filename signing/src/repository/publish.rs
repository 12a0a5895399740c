//! Snapshot and timestamp, and the repository as files.

use std::collections::BTreeMap;

use serde_json::Map;

use crate::UnixSeconds;
use crate::client::{
    MAX_ROOT_BYTES, MAX_SNAPSHOT_BYTES, MAX_TARGETS_BYTES, MAX_TIMESTAMP_BYTES, MetaFile, MetaRole,
};
use crate::metadata::{Document, Envelope, RoleName, Root, SPEC_VERSION, Snapshot, Timestamp};

use super::{Repository, RepositoryError, Signed};

impl Repository {
    /// Lists the present targets roles in a snapshot. Says whether a new one was made: the same listing with the same
    /// expiry, fully signed, stays.
    ///
    /// # Errors
    /// [`RepositoryError::Incomplete`] when the root or a targets role lacks signatures, since signing changes its bytes.
    pub fn build_snapshot(&mut self, expires: UnixSeconds) -> Result<bool, RepositoryError> {
        self.require(&MetaRole::Root)?;
        // Entries never leave the list, else every client that saw them refuses the snapshot (TUF 5.5.5).
        let mut meta = self
            .snapshot
            .as_ref()
            .map(|s| s.envelope.document.meta.clone())
            .unwrap_or_default();
        for (name, signed) in &self.targets {
            self.require(&MetaRole::from(name))?;
            meta.insert(name.clone(), signed.meta());
        }
        let previous = self
            .snapshot
            .as_ref()
            .map(|signed| &signed.envelope.document);
        let same =
            previous.is_some_and(|previous| previous.meta == meta && previous.expires == expires);
        if same && self.is_complete(&MetaRole::Snapshot) {
            return Ok(false);
        }
        // Listed by a timestamp means perhaps published.
        let listed = self
            .timestamp
            .as_ref()
            .map_or(0, |signed| signed.envelope.document.snapshot.version);
        let version = previous
            .map_or(1, |previous| previous.version)
            .max(listed + 1);
        let spec_version = SPEC_VERSION.to_owned();
        self.snapshot = Some(Signed::new(Snapshot {
            spec_version,
            version,
            expires,
            meta,
            extra: Map::new(),
        })?);
        Ok(true)
    }

    /// Lists the present snapshot in a new timestamp. Says whether a new one was made.
    ///
    /// # Errors
    /// [`RepositoryError::Incomplete`] when the snapshot lacks signatures; [`RepositoryError::Missing`] without one.
    pub fn build_timestamp(&mut self, expires: UnixSeconds) -> Result<bool, RepositoryError> {
        let Some(snapshot) = &self.snapshot else {
            return Err(missing("there is no snapshot yet; build it first"));
        };
        self.require(&MetaRole::Snapshot)?;
        let listed = snapshot.meta();
        let complete = self.is_complete(&MetaRole::Timestamp);
        let previous = self
            .timestamp
            .as_ref()
            .map(|signed| &signed.envelope.document);
        if complete
            && previous
                .is_some_and(|previous| previous.snapshot == listed && previous.expires == expires)
        {
            return Ok(false);
        }
        let version = previous.map_or(1, |previous| previous.version + 1);
        let spec_version = SPEC_VERSION.to_owned();
        let timestamp = Timestamp {
            spec_version,
            version,
            expires,
            snapshot: listed,
            extra: Map::new(),
        };
        self.timestamp = Some(Signed::new(timestamp)?);
        Ok(true)
    }

    /// Every metadata file by its published name, drafts and missing signatures included: what [`Repository::load`] reads back.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let roots = self
            .roots
            .iter()
            .map(|root| named(root.file(MetaRole::Root), root));
        let targets = self
            .targets
            .iter()
            .map(|(name, targets)| named(targets.file(MetaRole::from(name)), targets));
        let snapshot = self
            .snapshot
            .iter()
            .map(|snapshot| named(snapshot.file(MetaRole::Snapshot), snapshot));
        let timestamp = self
            .timestamp
            .iter()
            .map(|timestamp| named(MetaFile::timestamp(), timestamp));
        roots
            .chain(targets)
            .chain(snapshot)
            .chain(timestamp)
            .collect()
    }

    /// The files of a consistent, completely signed repository, in the order in which to write them: whoever reads
    /// meanwhile sees the old timestamp or the new one, and everything that it leads to.
    ///
    /// # Errors
    /// [`RepositoryError::Incomplete`] naming the signatures that lack; [`RepositoryError::Missing`] when snapshot or
    /// timestamp are older than what they list.
    pub fn publish(&self) -> Result<Vec<(String, Vec<u8>)>, RepositoryError> {
        self.require(&MetaRole::Root)?;
        let snapshot = self
            .snapshot
            .as_ref()
            .ok_or_else(|| missing("there is no snapshot yet; build it first"))?;
        let timestamp = self
            .timestamp
            .as_ref()
            .ok_or_else(|| missing("there is no timestamp yet; build it first"))?;
        for (name, signed) in &self.targets {
            self.require(&MetaRole::from(name))?;
            if snapshot.envelope.document.meta.get(name) != Some(&signed.meta()) {
                return Err(missing(&format!(
                    "the snapshot does not list the present {name}; build it again"
                )));
            }
        }
        self.require(&MetaRole::Snapshot)?;
        if timestamp.envelope.document.snapshot != snapshot.meta() {
            return Err(missing(
                "the timestamp does not list the present snapshot; build it again",
            ));
        }
        self.require(&MetaRole::Timestamp)?;
        Ok(self.files())
    }

    /// Reads files by their published names. Of each role the newest version counts; of one version given twice the
    /// later one, so give drafts after published files. Signatures are not judged here, see [`Repository::status`].
    ///
    /// # Errors
    /// [`RepositoryError::Metadata`] for a damaged file, [`RepositoryError::Missing`] when root or targets are not there.
    pub fn load(
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Repository, RepositoryError> {
        let mut roots: BTreeMap<u64, Signed<Root>> = BTreeMap::new();
        let mut targets = BTreeMap::new();
        let (mut snapshot, mut timestamp): (Option<Signed<Snapshot>>, Option<Signed<Timestamp>>) =
            (None, None);
        for (name, bytes) in files {
            let Some(file) = MetaFile::parse(&name) else {
                continue;
            };
            match &file.role {
                MetaRole::Root => {
                    let root: Signed<Root> = read(&name, bytes, MAX_ROOT_BYTES)?;
                    roots.insert(root.version(), root);
                }
                MetaRole::Timestamp => {
                    newest(&mut timestamp, read(&name, bytes, MAX_TIMESTAMP_BYTES)?)
                }
                MetaRole::Snapshot => {
                    newest(&mut snapshot, read(&name, bytes, MAX_SNAPSHOT_BYTES)?)
                }
                MetaRole::Targets => newest(
                    targets.entry(RoleName::targets()).or_insert(None),
                    read(&name, bytes, MAX_TARGETS_BYTES)?,
                ),
                MetaRole::Delegated(role) => newest(
                    targets.entry(role.clone()).or_insert(None),
                    read(&name, bytes, MAX_TARGETS_BYTES)?,
                ),
            }
        }
        let roots: Vec<Signed<Root>> = roots.into_values().collect();
        let gap = roots
            .windows(2)
            .find(|pair| pair[1].version() != pair[0].version() + 1);
        if let Some(pair) = gap {
            return Err(missing(&format!(
                "{}.root.json is missing; restore it from a backup",
                pair[0].version() + 1
            )));
        }
        if roots.is_empty() || !targets.contains_key("targets") {
            return Err(missing(
                "no root or no targets file here; this is not a repository",
            ));
        }
        let targets = targets
            .into_iter()
            .filter_map(|(name, signed)| Some((name, signed?)))
            .collect();
        let mut repository = Repository {
            roots,
            targets,
            snapshot,
            timestamp,
        };
        let delegated = repository.top().delegations.clone();
        repository.targets.retain(|name, _| {
            name.is_top() || delegated.as_ref().is_some_and(|d| d.role(name).is_some())
        });
        Ok(repository)
    }

    fn require(&self, role: &MetaRole) -> Result<(), RepositoryError> {
        let status = self
            .status(role)
            .ok_or_else(|| RepositoryError::UnknownRole { role: role.clone() })?;
        if status.is_complete() {
            Ok(())
        } else {
            Err(RepositoryError::Incomplete(status))
        }
    }
}

fn missing(what: &str) -> RepositoryError {
    RepositoryError::Missing {
        what: what.to_owned(),
    }
}

fn named<T>(file: MetaFile, signed: &Signed<T>) -> (String, Vec<u8>) {
    (file.file_name(), signed.bytes.clone())
}

fn read<T: Document>(
    name: &str,
    bytes: Vec<u8>,
    max_bytes: u64,
) -> Result<Signed<T>, RepositoryError> {
    let envelope =
        Envelope::parse(&bytes, max_bytes).map_err(|problem| RepositoryError::Metadata {
            file: name.to_owned(),
            problem,
        })?;
    Ok(Signed { envelope, bytes })
}

fn newest<T: Document>(slot: &mut Option<Signed<T>>, found: Signed<T>) {
    if slot
        .as_ref()
        .is_none_or(|present| present.version() <= found.version())
    {
        *slot = Some(found);
    }
}
