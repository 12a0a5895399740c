//! The publisher's side: a repository that is edited, signed and published, without any I/O.
//!
//! Edit roles, [`Repository::sign`] what [`Repository::status`] says is missing, [`Repository::build_snapshot`], sign,
//! [`Repository::build_timestamp`], sign, [`Repository::publish`]. Between any two of these the state may be carried
//! as files: [`Repository::files`] there, [`Repository::load`] back, so that offline keys sign on another machine.
//! Loading may leave out the files of roles that nobody will edit: a country's catalogue costs what changes in it.
//!
//! Always true: a version that a snapshot lists is never given other content; an edit makes the next version and
//! drops its signatures. A draft that no snapshot lists yet is edited in place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::UnixSeconds;
use crate::client::{MetaFile, MetaRole};
use crate::key::{PublicKey, RoleKeys};
use crate::metadata::{
    self, Document, Envelope, FileMeta, RoleName, Root, SPEC_VERSION, Snapshot, Targets, Timestamp,
};

mod dated;
mod edit;
mod error;
mod load;
mod publish;
mod sign;

pub use error::RepositoryError;
pub use sign::{KeyList, Requirement, SignatureStatus};

/// A publisher's metadata: what is published, and drafts on top of it.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Consecutive versions, all but perhaps the last complete; never empty.
    roots: Vec<Signed<Root>>,
    /// The top-level role, always there, and the delegated ones that are loaded.
    targets: BTreeMap<RoleName, Signed<Targets>>,
    /// Delegated roles that are not loaded: the file is the one listed here and in the snapshot, and its delegation is as
    /// it was when that snapshot was made. Never one that is in `targets`.
    kept: BTreeMap<RoleName, FileMeta>,
    snapshot: Option<Signed<Snapshot>>,
    timestamp: Option<Signed<Timestamp>>,
    /// The date that new versions bear.
    now: Option<UnixSeconds>,
}

/// A file: content, signatures and the bytes that hold both.
#[derive(Debug, Clone)]
struct Signed<T> {
    envelope: Envelope<T>,
    bytes: Vec<u8>,
}

/// Public keys that may sign a role, and how many of them must.
#[derive(Debug, Clone)]
pub struct Signatories {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many must sign; 1 to the number of keys.
    pub threshold: u64,
}

/// What [`Repository::create`] needs.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Keys of the root role: offline, such as 2 of 3.
    pub root: Signatories,
    /// Keys of the top-level targets role: offline.
    pub targets: Signatories,
    /// Keys of the snapshot role.
    pub snapshot: Signatories,
    /// Keys of the timestamp role.
    pub timestamp: Signatories,
    /// Expiry of the first root.
    pub root_expires: UnixSeconds,
    /// Expiry of the first, empty, top-level targets file.
    pub targets_expires: UnixSeconds,
}

impl Signatories {
    /// One key that signs alone.
    pub fn one(key: PublicKey) -> Signatories {
        Signatories {
            keys: vec![key],
            threshold: 1,
        }
    }

    fn role_keys(&self) -> Result<RoleKeys, RepositoryError> {
        let keys = RoleKeys::new(&self.keys, self.threshold);
        let count = keys.keyids.len() as u64;
        if self.threshold == 0 || self.threshold > count {
            return Err(RepositoryError::Threshold {
                threshold: self.threshold,
                keys: count,
            });
        }
        Ok(keys)
    }
}

impl Repository {
    /// A new repository: root version 1 and an empty top-level targets role, both still to be signed.
    ///
    /// # Errors
    /// [`RepositoryError::Threshold`] when a role could never be signed.
    pub fn create(new: NewRepository) -> Result<Repository, RepositoryError> {
        Repository::create_with(new, Map::new())
    }

    /// [`Repository::create`], then [`Repository::issue_at`], with both first files dated as well.
    ///
    /// # Errors
    /// As [`Repository::create`].
    pub fn create_at(new: NewRepository, now: UnixSeconds) -> Result<Repository, RepositoryError> {
        let mut extra = Map::new();
        metadata::set_issued(&mut extra, now);
        let mut repository = Repository::create_with(new, extra)?;
        repository.issue_at(now);
        Ok(repository)
    }

    fn create_with(
        new: NewRepository,
        extra: Map<String, Value>,
    ) -> Result<Repository, RepositoryError> {
        let signatories = [&new.root, &new.targets, &new.snapshot, &new.timestamp];
        let keys = signatories
            .iter()
            .flat_map(|s| &s.keys)
            .map(|key| (key.id(), key.clone()))
            .collect();
        let root = Root {
            spec_version: SPEC_VERSION.to_owned(),
            version: 1,
            expires: new.root_expires,
            consistent_snapshot: true,
            keys,
            root: new.root.role_keys()?,
            timestamp: new.timestamp.role_keys()?,
            snapshot: new.snapshot.role_keys()?,
            targets: new.targets.role_keys()?,
            extra: extra.clone(),
        };
        let top = Signed::new(Targets {
            extra,
            ..Targets::empty(1, new.targets_expires)
        })?;
        Ok(Repository {
            roots: vec![Signed::new(root)?],
            targets: BTreeMap::from([(RoleName::targets(), top)]),
            kept: BTreeMap::new(),
            snapshot: None,
            timestamp: None,
            now: None,
        })
    }

    /// The newest root, which may be a draft.
    pub fn root(&self) -> &Root {
        &self.newest_root().envelope.document
    }

    /// The newest content of a targets role, which may be a draft; `None` also while it is not loaded.
    pub fn targets(&self, role: &RoleName) -> Option<&Targets> {
        self.targets
            .get(role)
            .map(|signed| &signed.envelope.document)
    }

    /// The delegated roles, in order, loaded or not.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        let loaded = self.targets.keys().filter(|name| !name.is_top());
        let all: BTreeSet<&RoleName> = loaded.chain(self.kept.keys()).collect();
        all.into_iter()
    }

    /// The newest version of a role.
    pub fn version(&self, role: &MetaRole) -> Option<u64> {
        match role {
            MetaRole::Root => Some(self.root().version),
            MetaRole::Timestamp => self.timestamp.as_ref().map(Signed::version),
            MetaRole::Snapshot => self.snapshot.as_ref().map(Signed::version),
            MetaRole::Targets => self.targets.get("targets").map(Signed::version),
            MetaRole::Delegated(name) => match self.targets.get(name) {
                Some(signed) => Some(signed.version()),
                None => self.kept.get(name).map(|meta| meta.version),
            },
        }
    }

    /// When the newest file of a role expires; `None` also while it is not loaded.
    pub fn expires(&self, role: &MetaRole) -> Option<UnixSeconds> {
        match role {
            MetaRole::Root => Some(self.root().expires),
            MetaRole::Timestamp => Some(self.timestamp.as_ref()?.envelope.document.expires),
            MetaRole::Snapshot => Some(self.snapshot.as_ref()?.envelope.document.expires),
            MetaRole::Targets => Some(self.top().expires),
            MetaRole::Delegated(name) => self.targets(name).map(|targets| targets.expires),
        }
    }

    /// The keys that may sign a role now, and how many must: for a root draft the new ones.
    pub fn signatories(&self, role: &MetaRole) -> Option<Signatories> {
        let root = self.root();
        let (keys, role) = match role {
            MetaRole::Root => (&root.keys, &root.root),
            MetaRole::Timestamp => (&root.keys, &root.timestamp),
            MetaRole::Snapshot => (&root.keys, &root.snapshot),
            MetaRole::Targets => (&root.keys, &root.targets),
            MetaRole::Delegated(name) => {
                let delegations = self.top().delegations.as_ref()?;
                (&delegations.keys, &delegations.role(name)?.keys)
            }
        };
        let listed = role.keyids.iter().filter_map(|id| keys.get(id).cloned());
        Some(Signatories {
            keys: listed.collect(),
            threshold: role.threshold,
        })
    }

    fn newest_root(&self) -> &Signed<Root> {
        self.roots
            .last()
            .expect("a repository is made with one root and never loses it")
    }

    fn top(&self) -> &Targets {
        self.targets(&RoleName::targets())
            .expect("a repository is made with a top-level targets role")
    }

    /// Version that the newest snapshot lists; 0 for none.
    fn listed_version(&self, name: &RoleName) -> u64 {
        let listed = self
            .snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.envelope.document.meta.get(name));
        listed.map_or(0, |meta| meta.version)
    }
}

impl<T: Document> Signed<T> {
    fn new(document: T) -> Result<Signed<T>, RepositoryError> {
        let file = T::TYPE.to_owned();
        let envelope = Envelope::unsigned(document)
            .map_err(|problem| RepositoryError::Metadata { file, problem })?;
        let bytes = envelope.to_bytes();
        Ok(Signed { envelope, bytes })
    }

    fn version(&self) -> u64 {
        self.envelope.document.header().version
    }

    fn meta(&self) -> FileMeta {
        FileMeta::of(self.version(), &self.bytes)
    }

    fn file(&self, role: MetaRole) -> MetaFile {
        MetaFile::new(role, self.version())
    }
}

#[cfg(test)]
mod tests;
