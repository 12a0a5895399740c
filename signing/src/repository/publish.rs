//! Snapshot and timestamp, and the repository as files.

use std::collections::BTreeMap;

use crate::UnixSeconds;
use crate::client::{MetaFile, MetaRole};
use crate::metadata::{FileMeta, RoleName, SPEC_VERSION, Snapshot, Timestamp};

use super::{Repository, RepositoryError, Signed};

impl Repository {
    /// Lists the present targets roles in a snapshot. Says whether a new one was made: the same listing with the same
    /// expiry, fully signed, stays.
    ///
    /// # Errors
    /// [`RepositoryError::Incomplete`] when the root or a targets role lacks signatures, since signing changes its bytes.
    pub fn build_snapshot(&mut self, expires: UnixSeconds) -> Result<bool, RepositoryError> {
        self.require(&MetaRole::Root)?;
        for name in self.targets.keys() {
            self.require(&MetaRole::from(name))?;
        }
        let meta = self.listing();
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
            extra: self.dated(),
        })?);
        Ok(true)
    }

    /// Whether the present snapshot lists the present targets roles, whoever signed it.
    pub fn is_snapshot_current(&self) -> bool {
        let snapshot = self.snapshot.as_ref();
        snapshot.is_some_and(|signed| signed.envelope.document.meta == self.listing())
    }

    /// Whether the present timestamp lists the present snapshot, whoever signed it.
    pub fn is_timestamp_current(&self) -> bool {
        let (Some(snapshot), Some(timestamp)) = (&self.snapshot, &self.timestamp) else {
            return false;
        };
        timestamp.envelope.document.snapshot == snapshot.meta()
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
            extra: self.dated(),
        };
        self.timestamp = Some(Signed::new(timestamp)?);
        Ok(true)
    }

    /// Every metadata file at hand by its published name, drafts and missing signatures included: what
    /// [`Repository::load`] reads back, together with the files of [`Repository::kept`].
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

    /// The delegated roles that were never loaded: their files are those that the snapshot lists, and are as published
    /// as the snapshot is.
    pub fn kept(&self) -> impl Iterator<Item = (MetaFile, &FileMeta)> {
        let file = |name: &RoleName, meta: &FileMeta| MetaFile::new(name.into(), meta.version);
        self.kept
            .iter()
            .map(move |(name, meta)| (file(name, meta), meta))
    }

    /// The files of a consistent, completely signed repository, in the order in which to write them: whoever reads
    /// meanwhile sees the old timestamp or the new one, and everything that it leads to. The files of
    /// [`Repository::kept`] belong to it too.
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

    /// What a snapshot of the present roles says. Entries never leave the list, else every client that saw them refuses
    /// the snapshot (TUF 5.5.5).
    fn listing(&self) -> BTreeMap<RoleName, FileMeta> {
        let before = self.snapshot.as_ref();
        let mut meta = before
            .map(|signed| signed.envelope.document.meta.clone())
            .unwrap_or_default();
        let present = self.targets.iter();
        meta.extend(present.map(|(name, signed)| (name.clone(), signed.meta())));
        meta
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

pub(super) fn missing(what: &str) -> RepositoryError {
    RepositoryError::Missing {
        what: what.to_owned(),
    }
}

fn named<T>(file: MetaFile, signed: &Signed<T>) -> (String, Vec<u8>) {
    (file.file_name(), signed.bytes.clone())
}
