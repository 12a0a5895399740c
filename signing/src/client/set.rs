//! What a device trusts of one publisher: versions, hashes and keys, but not the lists of lessons.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::UnixSeconds;
use crate::metadata::{
    Delegations, Envelope, FileMeta, RoleName, Root, Scope, Snapshot, TargetPath, Targets,
    Timestamp,
};

use super::verify::{self, Authority, Held};
use super::{
    AcceptedRole, MAX_ROOT_BYTES, MAX_TARGETS_BYTES, MetaFile, MetaRole, Policy, TrustError, Update,
};

/// Verified state of one publisher. Small: a few hundred bytes per role, whatever the number of lessons.
///
/// Always true: every file summed up here met its threshold under a root of the chain that starts at the pinned root;
/// the versions in `timestamp` and `snapshot` are the floors below which no update goes. What is large is shared between
/// copies until one of them changes it, since every update works on a copy.
#[derive(Debug, Clone)]
pub struct TrustedSet {
    pub(super) first_root: u64,
    pub(super) root: Arc<Root>,
    pub(super) root_held: Held,
    pub(super) timestamp: Option<TrustedTimestamp>,
    pub(super) snapshot: Option<TrustedSnapshot>,
    /// A newer root took the keys away that signed `timestamp` or `snapshot`: both are kept only to read the lessons
    /// back after a restart. They are no floors, and nobody else would believe them.
    pub(super) rotated: bool,
    pub(super) targets: Arc<TargetsRoles>,
    /// Chains of the terminating delegations, in the order in which the search leaves them (TUF 5.6.7.2.1).
    pub(super) ended: Arc<Vec<Chain>>,
}

/// The targets roles that are trusted, by name.
pub(super) type TargetsRoles = BTreeMap<RoleName, Arc<TrustedTargets>>;

#[derive(Debug, Clone)]
pub(super) struct TrustedTimestamp {
    pub(super) held: Held,
    pub(super) snapshot: FileMeta,
}

#[derive(Debug, Clone)]
pub(super) struct TrustedSnapshot {
    pub(super) held: Held,
    pub(super) meta: Arc<BTreeMap<RoleName, FileMeta>>,
}

#[derive(Debug, Clone)]
pub(super) struct TrustedTargets {
    pub(super) held: Held,
    pub(super) delegations: Option<Delegations>,
    pub(super) scopes: Scopes,
}

/// Scopes of delegations from the top down. Shared, since a scope may hold thousands of patterns and thousands of roles
/// may lie below it.
pub(super) type Chain = Vec<Arc<Scope>>;

/// What a role may vouch for, by every chain of delegations that leads to it.
pub(super) type Scopes = Vec<Reach>;

/// One chain of delegations that leads to a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Scopes from the top down: all of them must cover a path. Empty for the top-level role.
    pub(super) chain: Chain,
    /// Where this chain stands in the order of search: a path that one of so many entries of
    /// [`TrustedSet::ended`] covers never gets here, because a terminating delegation took it.
    pub(super) ended: usize,
}

impl TrustedSet {
    /// Starts from the first root file, which a person or an installer vouches for (TUF 5.2).
    ///
    /// # Errors
    /// [`TrustError`] when it is not a root file signed by its own keys: wrong file, or damaged.
    pub fn pin(first_root: &[u8]) -> Result<TrustedSet, TrustError> {
        let unversioned = MetaFile {
            role: MetaRole::Root,
            version: None,
        };
        let envelope: Envelope<Root> = verify::parse(&unversioned, first_root, MAX_ROOT_BYTES)?;
        let file = MetaFile::new(MetaRole::Root, envelope.document.version);
        let signers =
            verify::check_threshold(&file, &envelope, &own_authority(&envelope.document))?;
        let root_held = verify::summary(&envelope, first_root, signers);
        Ok(TrustedSet {
            first_root: envelope.document.version,
            root: Arc::new(envelope.document),
            root_held,
            timestamp: None,
            snapshot: None,
            rotated: false,
            targets: Arc::default(),
            ended: Arc::default(),
        })
    }

    /// One update of root, timestamp, snapshot and the top-level targets role only (TUF 5.3 to 5.6.6); delegated roles
    /// are then looked into by [`TrustedSet::begin_search`].
    pub fn begin_refresh(&self, now: UnixSeconds, policy: Policy) -> Update {
        Update::new(self.clone(), now, policy).top_only()
    }

    /// One update of everything against one source. `now` matters under [`Policy::Strict`] only.
    pub fn begin_update(&self, now: UnixSeconds, policy: Policy) -> Update {
        Update::new(self.clone(), now, policy)
    }

    /// The trusted version of a role.
    pub fn version(&self, role: &MetaRole) -> Option<u64> {
        self.held_of(role).map(|held| held.version)
    }

    /// When a role's trusted file expires.
    pub fn expires(&self, role: &MetaRole) -> Option<UnixSeconds> {
        self.held_of(role).map(|held| held.expires)
    }

    /// Length in bytes and SHA-256 of a role's trusted file.
    pub fn digest(&self, role: &MetaRole) -> Option<(u64, [u8; 32])> {
        self.held_of(role).map(|held| (held.length, held.sha256))
    }

    /// When the first of the held files expires: FRESH means that this lies ahead. `None` before the first update.
    pub fn fresh_until(&self) -> Option<UnixSeconds> {
        if self.rotated {
            return None;
        }
        let top = [
            &self.timestamp.as_ref()?.held,
            &self.snapshot.as_ref()?.held,
            &self.root_held,
        ];
        top.into_iter()
            .chain(self.targets.values().map(|targets| &targets.held))
            .map(|held| held.expires)
            .min()
    }

    /// Whether the publisher's file names carry versions and hashes.
    pub fn consistent_snapshot(&self) -> bool {
        self.root.consistent_snapshot
    }

    /// The targets roles held, the top-level one included.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.targets.keys()
    }

    /// Every file that this state rests on, in the order in which a client asks for them: what must stay on disk.
    /// Of these, those whose [`TrustedSet::version`] is known may be served to others.
    pub fn held(&self) -> impl Iterator<Item = MetaFile> + '_ {
        let roots = (self.first_root..=self.root.version)
            .map(|version| MetaFile::new(MetaRole::Root, version));
        let timestamp = self.timestamp.iter().map(|_| MetaFile::timestamp());
        let snapshot = self
            .snapshot
            .iter()
            .map(|s| MetaFile::new(MetaRole::Snapshot, s.held.version));
        let targets = self
            .targets
            .iter()
            .map(|(name, t)| MetaFile::new(MetaRole::from(name), t.held.version));
        roots.chain(timestamp).chain(snapshot).chain(targets)
    }

    /// Puts a targets role in place of the one held.
    pub(super) fn put_targets(&mut self, role: RoleName, trusted: TrustedTargets) {
        Arc::make_mut(&mut self.targets).insert(role, Arc::new(trusted));
    }

    fn held_of(&self, role: &MetaRole) -> Option<&Held> {
        match role {
            MetaRole::Root => Some(&self.root_held),
            MetaRole::Timestamp | MetaRole::Snapshot if self.rotated => None,
            MetaRole::Timestamp => self.timestamp.as_ref().map(|timestamp| &timestamp.held),
            MetaRole::Snapshot => self.snapshot.as_ref().map(|snapshot| &snapshot.held),
            MetaRole::Targets => self.targets.get("targets").map(|targets| &targets.held),
            MetaRole::Delegated(name) => self.targets.get(name).map(|targets| &targets.held),
        }
    }

    /// Content of a role from bytes that are already verified for this state; `None` when they are not those.
    pub fn accept(&self, role: &RoleName, bytes: &[u8]) -> Option<AcceptedRole> {
        let trusted = self.targets.get(role)?;
        // The hash stands for signatures, version and expiry, which were checked when it was taken.
        if trusted.held.sha256 != <[u8; 32]>::from(Sha256::digest(bytes)) {
            return None;
        }
        let mut targets: Targets = Envelope::parse_verified(bytes).ok()?;
        let outside: Vec<TargetPath> = targets
            .targets
            .keys()
            .filter(|path| !self.reaches(&trusted.scopes, path))
            .cloned()
            .collect();
        for path in &outside {
            targets.targets.remove(path);
        }
        Some(AcceptedRole {
            role: role.clone(),
            targets,
            outside,
        })
    }

    /// Whether a search for `path` would come by a role with these scopes.
    fn reaches(&self, scopes: &Scopes, path: &TargetPath) -> bool {
        scopes.iter().any(|reach| {
            let ended = self.ended.iter().take(reach.ended);
            covers(&reach.chain, path) && !ended.into_iter().any(|chain| covers(chain, path))
        })
    }

    /// TUF 5.3.11: after a rotation of timestamp or snapshot keys neither file counts any more, and with them go the
    /// version floors that a thief of those keys may have driven up (fast-forward recovery).
    ///
    /// "Rotated" is read as: the keys that signed what we hold no longer reach the new threshold. A key added beside
    /// them ends nothing.
    pub(super) fn mark_rotated(&mut self) {
        let timestamp_stands = self
            .timestamp
            .as_ref()
            .is_none_or(|t| self.timestamp_authority().is_met_by(&t.held.signers));
        let snapshot_stands = self
            .snapshot
            .as_ref()
            .is_none_or(|s| self.snapshot_authority().is_met_by(&s.held.signers));
        self.rotated |= !timestamp_stands || !snapshot_stands;
    }

    /// Drops what [`TrustedSet::mark_rotated`] marked, at the latest when new files are to be judged.
    pub(super) fn forget_rotated(&mut self) {
        self.mark_rotated();
        if std::mem::take(&mut self.rotated) {
            self.timestamp = None;
            self.snapshot = None;
        }
    }

    pub(super) fn root_authority(&self) -> Authority<'_> {
        own_authority(&self.root)
    }

    pub(super) fn timestamp_authority(&self) -> Authority<'_> {
        Authority {
            by: root_name(&self.root),
            keys: &self.root.keys,
            role: &self.root.timestamp,
        }
    }

    pub(super) fn snapshot_authority(&self) -> Authority<'_> {
        Authority {
            by: root_name(&self.root),
            keys: &self.root.keys,
            role: &self.root.snapshot,
        }
    }

    pub(super) fn targets_authority(&self) -> Authority<'_> {
        Authority {
            by: root_name(&self.root),
            keys: &self.root.keys,
            role: &self.root.targets,
        }
    }

    /// Takes root version N+1 (TUF 5.3.3 to 5.3.8).
    pub(super) fn take_root(&mut self, file: &MetaFile, bytes: &[u8]) -> Result<(), TrustError> {
        let envelope: Envelope<Root> = verify::parse(file, bytes, MAX_ROOT_BYTES)?;
        // 5.3.4: signed by a threshold of the keys in the trusted root, and of its own keys.
        verify::check_threshold(file, &envelope, &self.root_authority())?;
        let signers = verify::check_threshold(file, &envelope, &own_authority(&envelope.document))?;
        // 5.3.5: exactly the next version.
        verify::check_version(
            file,
            self.root.version.saturating_add(1),
            envelope.document.version,
        )?;
        // 5.3.6, 5.3.10: an intermediate root may be expired; 5.3.7, 5.3.8: it becomes the trusted one.
        self.root_held = verify::summary(&envelope, bytes, signers);
        self.root = Arc::new(envelope.document);
        Ok(())
    }

    /// Takes a timestamp (TUF 5.4.2, 5.4.3, 5.4.5). Says whether it is newer than the one held.
    pub(super) fn take_timestamp(
        &mut self,
        file: &MetaFile,
        bytes: &[u8],
    ) -> Result<bool, TrustError> {
        let envelope: Envelope<Timestamp> = verify::parse(file, bytes, super::MAX_TIMESTAMP_BYTES)?;
        let signers = verify::check_threshold(file, &envelope, &self.timestamp_authority())?;
        let offered = &envelope.document;
        if let Some(trusted) = &self.timestamp {
            let refuse = |role, trusted, offered| {
                Err(TrustError::Rollback {
                    file: file.clone(),
                    role,
                    trusted,
                    offered,
                })
            };
            // 5.4.3.1: not older; equal means that nothing happened, and the one held stays.
            if offered.version < trusted.held.version {
                return refuse(MetaRole::Timestamp, trusted.held.version, offered.version);
            }
            if offered.version == trusted.held.version {
                return Ok(false);
            }
            // 5.4.3.2: the snapshot does not go back either.
            if offered.snapshot.version < trusted.snapshot.version {
                return refuse(
                    MetaRole::Snapshot,
                    trusted.snapshot.version,
                    offered.snapshot.version,
                );
            }
        }
        let held = verify::summary(&envelope, bytes, signers);
        self.timestamp = Some(TrustedTimestamp {
            held,
            snapshot: envelope.document.snapshot,
        });
        Ok(true)
    }

    /// Takes the snapshot that the trusted timestamp lists as `meta` (TUF 5.5.2 to 5.5.5, 5.5.7).
    pub(super) fn take_snapshot(
        &mut self,
        file: &MetaFile,
        meta: &FileMeta,
        bytes: &[u8],
    ) -> Result<(), TrustError> {
        verify::check_listed(file, MetaRole::Timestamp, meta, bytes)?;
        let envelope: Envelope<Snapshot> = verify::parse(file, bytes, super::MAX_SNAPSHOT_BYTES)?;
        let signers = verify::check_threshold(file, &envelope, &self.snapshot_authority())?;
        verify::check_version(file, meta.version, envelope.document.version)?;
        // 5.5.5: no listed role disappears or goes back.
        for (name, trusted) in self.snapshot.iter().flat_map(|snapshot| &*snapshot.meta) {
            let role = MetaRole::from(name);
            let Some(offered) = envelope.document.meta.get(name) else {
                return Err(TrustError::NotListed {
                    file: file.clone(),
                    role,
                });
            };
            if offered.version < trusted.version {
                let (trusted, offered) = (trusted.version, offered.version);
                return Err(TrustError::Rollback {
                    file: file.clone(),
                    role,
                    trusted,
                    offered,
                });
            }
        }
        let held = verify::listed_summary(&envelope, meta, bytes, signers);
        self.snapshot = Some(TrustedSnapshot {
            held,
            meta: Arc::new(envelope.document.meta),
        });
        Ok(())
    }

    /// Checks a targets file against its listing and its delegator (TUF 5.6.2 to 5.6.4).
    pub(super) fn check_targets(
        file: &MetaFile,
        meta: &FileMeta,
        authority: &Authority<'_>,
        bytes: &[u8],
    ) -> Result<(Held, Targets), TrustError> {
        verify::check_listed(file, MetaRole::Snapshot, meta, bytes)?;
        let envelope: Envelope<Targets> = verify::parse(file, bytes, MAX_TARGETS_BYTES)?;
        let signers = verify::check_threshold(file, &envelope, authority)?;
        verify::check_version(file, meta.version, envelope.document.version)?;
        Ok((
            verify::listed_summary(&envelope, meta, bytes, signers),
            envelope.document,
        ))
    }
}

fn own_authority(root: &Root) -> Authority<'_> {
    Authority {
        by: root_name(root),
        keys: &root.keys,
        role: &root.root,
    }
}

fn root_name(root: &Root) -> String {
    MetaFile::new(MetaRole::Root, root.version).file_name()
}

fn covers(chain: &[Arc<Scope>], path: &TargetPath) -> bool {
    chain.iter().all(|scope| scope.covers(path))
}
