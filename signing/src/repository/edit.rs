//! Edits: each makes a draft, which is the next version where the present one may be published.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use crate::UnixSeconds;
use crate::client::MetaRole;
use crate::key::RoleKeys;
use crate::metadata::{
    DelegatedRole, Delegations, RoleName, Root, Scope, TargetFile, TargetPath, Targets,
};

use super::{Repository, RepositoryError, Signatories, Signed};

impl Repository {
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
        self.date(&mut root.extra);
        let signed = Signed::new(root)?;
        if !published {
            self.roots.pop();
        }
        self.roots.push(signed);
        self.reissue(&RoleName::targets())
    }

    /// Gives a role other keys: an edit of the root for a top-level role, of the delegation for another. A role whose
    /// present file the new keys did not sign gets a new version.
    ///
    /// # Errors
    /// [`RepositoryError::Threshold`] when the role could never be signed; [`RepositoryError::UnknownRole`].
    pub fn rotate(
        &mut self,
        role: &MetaRole,
        to: &Signatories,
        expires: UnixSeconds,
    ) -> Result<(), RepositoryError> {
        let keys = to.role_keys()?;
        if let MetaRole::Delegated(name) = role {
            let scope = self.scope(name)?;
            self.loaded(name)?;
            self.delegate(name, to, keys, scope)?;
            return self.reissue(name);
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
        let present = self.loaded(name)?.cloned();
        let mut content = present.unwrap_or_else(|| Targets::empty(0, expires));
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
        let kept = self.kept.remove(name).is_some();
        if name.is_top() || self.targets.remove(name).is_none() && !kept {
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
        let content = self.loaded(name)?.cloned();
        let content = content.ok_or_else(|| RepositoryError::UnknownRole {
            role: MetaRole::from(name),
        })?;
        self.replace(name.clone(), content, expires)
    }

    fn scope(&self, name: &RoleName) -> Result<Scope, RepositoryError> {
        let delegations = self.top().delegations.as_ref();
        let role = delegations.and_then(|delegations| delegations.role(name));
        role.map(|role| role.scope.clone())
            .ok_or_else(|| RepositoryError::UnknownRole { role: name.into() })
    }

    /// The content of a role, `None` where there is none yet.
    fn loaded(&self, name: &RoleName) -> Result<Option<&Targets>, RepositoryError> {
        match self.kept.contains_key(name) {
            true => Err(RepositoryError::NotLoaded { role: name.clone() }),
            false => Ok(self.targets(name)),
        }
    }

    fn delegate(
        &mut self,
        name: &RoleName,
        by: &Signatories,
        keys: RoleKeys,
        scope: Scope,
    ) -> Result<(), RepositoryError> {
        let present = self.top().delegations.as_ref();
        if let Some(role) = present.and_then(|delegations| delegations.role(name))
            && (&role.keys, &role.scope) == (&keys, &scope)
        {
            return Ok(());
        }
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
        self.date(&mut content.extra);
        self.targets.insert(name, Signed::new(content)?);
        Ok(())
    }

    /// A new version where a listed one is no longer signed by enough of its role's present keys.
    fn reissue(&mut self, name: &RoleName) -> Result<(), RepositoryError> {
        let Some(content) = self.loaded(name)?.cloned() else {
            return Ok(());
        };
        if content.version > self.listed_version(name) || self.is_complete(&MetaRole::from(name)) {
            return Ok(());
        }
        let expires = content.expires;
        self.replace(name.clone(), content, expires)
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
