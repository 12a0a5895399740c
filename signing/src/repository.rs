//! The publisher's side: a repository that is edited, signed and published, without any I/O.
//!
//! Edit roles, [`Repository::sign`] what [`Repository::status`] says is missing, [`Repository::build_snapshot`], sign,
//! [`Repository::build_timestamp`], sign, [`Repository::publish`]. Between any two of these the state may be carried
//! as files: [`Repository::files`] there, [`Repository::load`] back, so that offline keys sign on another machine.
//!
//! Always true: a version that a snapshot lists is never given other content; an edit makes the next version and
//! drops its signatures. A draft that no snapshot lists yet is edited in place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use crate::UnixSeconds;
use crate::client::{MetaFile, MetaRole};
use crate::key::{PublicKey, RoleKeys};
use crate::metadata::{
    DelegatedRole, Delegations, Document, Envelope, FileMeta, RoleName, Root, SPEC_VERSION, Scope,
    Snapshot, TargetFile, TargetPath, Targets, Timestamp,
};

mod error;
mod publish;
mod sign;

pub use error::RepositoryError;
pub use sign::{Requirement, SignatureStatus};

/// A publisher's metadata: what is published, and drafts on top of it.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Consecutive versions, all but perhaps the last complete; never empty.
    roots: Vec<Signed<Root>>,
    /// The top-level role, always there, and the delegated ones.
    targets: BTreeMap<RoleName, Signed<Targets>>,
    snapshot: Option<Signed<Snapshot>>,
    timestamp: Option<Signed<Timestamp>>,
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
            extra: Map::new(),
        };
        let top = Signed::new(Targets::empty(1, new.targets_expires))?;
        Ok(Repository {
            roots: vec![Signed::new(root)?],
            targets: BTreeMap::from([(RoleName::targets(), top)]),
            snapshot: None,
            timestamp: None,
        })
    }

    /// The newest root, which may be a draft.
    pub fn root(&self) -> &Root {
        &self.newest_root().envelope.document
    }

    /// The newest content of a targets role, which may be a draft.
    pub fn targets(&self, role: &RoleName) -> Option<&Targets> {
        self.targets
            .get(role)
            .map(|signed| &signed.envelope.document)
    }

    /// The delegated roles.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.targets.keys().filter(|name| !name.is_top())
    }

    /// The newest version of a role.
    pub fn version(&self, role: &MetaRole) -> Option<u64> {
        match role {
            MetaRole::Root => Some(self.root().version),
            MetaRole::Timestamp => self.timestamp.as_ref().map(Signed::version),
            MetaRole::Snapshot => self.snapshot.as_ref().map(Signed::version),
            MetaRole::Targets => self.targets.get("targets").map(Signed::version),
            MetaRole::Delegated(name) => self.targets.get(name).map(Signed::version),
        }
    }

    /// Edits the root. Signed by the thresholds of both the previous and the new key lists before it can be published.
    /// Other roles whose keys changed get a new version, to be signed by their new keys.
    ///
    /// # Errors
    /// [`RepositoryError::Metadata`] when the result has no canonical form.
    pub fn edit_root(
        &mut self,
        expires: UnixSeconds,
        edit: impl FnOnce(&mut Root),
    ) -> Result<(), RepositoryError> {
        let mut root = self.root().clone();
        let published = self.is_complete(&MetaRole::Root);
        root.version += u64::from(published);
        root.expires = expires;
        edit(&mut root);
        let used = |id: &_| {
            [&root.root, &root.timestamp, &root.snapshot, &root.targets]
                .iter()
                .any(|r| r.keyids.contains(id))
        };
        let unused: Vec<_> = root.keys.keys().filter(|id| !used(id)).cloned().collect();
        for id in unused {
            root.keys.remove(&id);
        }
        let signed = Signed::new(root)?;
        if !published {
            self.roots.pop();
        }
        self.roots.push(signed);
        self.reissue(&RoleName::targets())
    }

    /// Gives a top-level role other keys: an edit of the root.
    ///
    /// # Errors
    /// [`RepositoryError::Threshold`] when the role could never be signed; [`RepositoryError::UnknownRole`] for a
    /// delegated role, whose keys [`Repository::set_role`] sets.
    pub fn rotate(
        &mut self,
        role: &MetaRole,
        to: &Signatories,
        expires: UnixSeconds,
    ) -> Result<(), RepositoryError> {
        let keys = to.role_keys()?;
        if let MetaRole::Delegated(_) = role {
            return Err(RepositoryError::UnknownRole { role: role.clone() });
        }
        self.edit_root(expires, |root| {
            root.keys
                .extend(to.keys.iter().map(|key| (key.id(), key.clone())));
            match role {
                MetaRole::Root => root.root = keys,
                MetaRole::Timestamp => root.timestamp = keys,
                MetaRole::Snapshot => root.snapshot = keys,
                MetaRole::Targets | MetaRole::Delegated(_) => root.targets = keys,
            }
        })
    }

    /// Edits the files that the top-level role itself vouches for. Says whether anything changed.
    ///
    /// # Errors
    /// [`RepositoryError::Metadata`] when the result has no canonical form (a fraction in a custom field).
    pub fn edit_targets(
        &mut self,
        expires: UnixSeconds,
        edit: impl FnOnce(&mut BTreeMap<TargetPath, TargetFile>),
    ) -> Result<bool, RepositoryError> {
        let mut targets = self.top().clone();
        edit(&mut targets.targets);
        self.put(RoleName::targets(), targets, expires)
    }

    /// Adds a delegated role below the top-level one or replaces its content, keys and scope. Says whether its content
    /// changed; the same content again makes no new version.
    ///
    /// # Errors
    /// [`RepositoryError::OutOfScope`] for a file that `scope` does not cover: clients would ignore it.
    /// [`RepositoryError::Threshold`] when the role could never be signed.
    pub fn set_role(
        &mut self,
        name: &RoleName,
        signatories: &Signatories,
        scope: Scope,
        files: BTreeMap<TargetPath, TargetFile>,
        expires: UnixSeconds,
    ) -> Result<bool, RepositoryError> {
        if name.is_top() {
            return Err(RepositoryError::UnknownRole {
                role: MetaRole::Targets,
            });
        }
        if let Some(path) = files.keys().find(|path| !scope.covers(path)) {
            return Err(RepositoryError::OutOfScope {
                role: name.clone(),
                path: path.clone(),
            });
        }
        let keys = signatories.role_keys()?;
        let mut content = self
            .targets(name)
            .cloned()
            .unwrap_or_else(|| Targets::empty(0, expires));
        content.targets = files;
        let changed = self.put(name.clone(), content, expires)?;
        self.delegate(name, signatories, keys, scope)?;
        self.reissue(name)?;
        Ok(changed)
    }

    /// Ends a delegation. The snapshot goes on listing the role's last version, as TUF 5.5.5 demands. Says whether there was one.
    ///
    /// # Errors
    /// As [`Repository::edit_targets`].
    pub fn remove_role(&mut self, name: &RoleName) -> Result<bool, RepositoryError> {
        if name.is_top() || self.targets.remove(name).is_none() {
            return Ok(false);
        }
        let mut top = self.top().clone();
        if let Some(delegations) = &mut top.delegations {
            delegations.roles.retain(|role| role.name != *name);
            drop_unused_keys(delegations);
        }
        let expires = top.expires;
        self.put(RoleName::targets(), top, expires)
    }

    /// A new version of a targets role with the same content and a later expiry.
    ///
    /// # Errors
    /// [`RepositoryError::UnknownRole`].
    pub fn renew(&mut self, name: &RoleName, expires: UnixSeconds) -> Result<(), RepositoryError> {
        let content = self.targets(name).cloned();
        let content = content.ok_or_else(|| RepositoryError::UnknownRole {
            role: MetaRole::from(name),
        })?;
        self.replace(name.clone(), content, expires)
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

    fn delegate(
        &mut self,
        name: &RoleName,
        by: &Signatories,
        keys: RoleKeys,
        scope: Scope,
    ) -> Result<(), RepositoryError> {
        let mut top = self.top().clone();
        let delegations = top.delegations.get_or_insert_with(Delegations::empty);
        delegations
            .keys
            .extend(by.keys.iter().map(|key| (key.id(), key.clone())));
        match delegations.roles.iter_mut().find(|role| role.name == *name) {
            Some(role) => (role.keys, role.scope) = (keys, scope),
            None => {
                let role = DelegatedRole {
                    name: name.clone(),
                    keys,
                    terminating: false,
                    scope,
                    extra: Map::new(),
                };
                delegations.roles.push(role);
            }
        }
        drop_unused_keys(delegations);
        let expires = top.expires;
        self.put(RoleName::targets(), top, expires)?;
        Ok(())
    }

    /// Puts content in place, as a new version if it differs from the present one.
    fn put(
        &mut self,
        name: RoleName,
        content: Targets,
        expires: UnixSeconds,
    ) -> Result<bool, RepositoryError> {
        if self
            .targets
            .get(&name)
            .is_some_and(|present| present.envelope.document == content)
        {
            return Ok(false);
        }
        self.replace(name, content, expires)?;
        Ok(true)
    }

    fn replace(
        &mut self,
        name: RoleName,
        mut content: Targets,
        expires: UnixSeconds,
    ) -> Result<(), RepositoryError> {
        let listed = self.listed_version(&name);
        content.version = content.version.max(1);
        if content.version <= listed {
            content.version = listed + 1;
        }
        content.expires = expires;
        self.targets.insert(name, Signed::new(content)?);
        Ok(())
    }

    /// A new version where a listed one is no longer signed by enough of its role's present keys.
    fn reissue(&mut self, name: &RoleName) -> Result<(), RepositoryError> {
        let Some(content) = self.targets(name).cloned() else {
            return Ok(());
        };
        if content.version > self.listed_version(name) || self.is_complete(&MetaRole::from(name)) {
            return Ok(());
        }
        let expires = content.expires;
        self.replace(name.clone(), content, expires)
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

fn drop_unused_keys(delegations: &mut Delegations) {
    let used: BTreeSet<_> = delegations
        .roles
        .iter()
        .flat_map(|role| role.keys.keyids.iter().cloned())
        .collect();
    delegations.keys.retain(|id, _| used.contains(id));
}

#[cfg(test)]
mod tests;
