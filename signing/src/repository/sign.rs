//! Signing roles, and what is still missing.

use std::collections::BTreeMap;
use std::fmt;

use crate::client::{MetaFile, MetaRole};
use crate::key::{KeyId, PublicKey, RoleKeys, Signature, SigningKey};
use crate::metadata::{Document, RoleName};

use super::{Repository, RepositoryError, Signed};

/// Which signatures a role's newest file has and lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureStatus {
    /// The file.
    pub file: MetaFile,
    /// Every key list whose threshold it must meet: one, and for a root after the first also the previous root's.
    pub requirements: Vec<Requirement>,
}

/// One threshold that a file must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Who set it, such as `1.root.json` or `targets`.
    pub by: String,
    /// How many distinct keys must sign.
    pub needed: u64,
    /// Keys whose signature is there and valid.
    pub signed: Vec<KeyId>,
    /// Keys that have not signed.
    pub missing: Vec<KeyId>,
}

/// Keys of which some must sign a file.
#[derive(Debug, Clone)]
pub struct KeyList {
    /// Who set it, such as `1.root.json` or `targets`.
    pub by: String,
    /// How many distinct keys must sign.
    pub threshold: u64,
    /// The keys, by the ids that the metadata use.
    pub keys: BTreeMap<KeyId, PublicKey>,
}

impl Requirement {
    /// Whether enough keys signed.
    pub fn is_met(&self) -> bool {
        self.signed.len() as u64 >= self.needed
    }
}

impl SignatureStatus {
    /// Whether every threshold is met.
    pub fn is_complete(&self) -> bool {
        self.requirements.iter().all(Requirement::is_met)
    }
}

impl fmt::Display for SignatureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        for (i, requirement) in self.requirements.iter().enumerate() {
            let separator = if i == 0 { ": " } else { "; " };
            write!(
                f,
                "{separator}{} of {} signatures by the keys in {}",
                requirement.signed.len(),
                requirement.needed,
                requirement.by
            )?;
            if !requirement.is_met() {
                let missing: Vec<&str> =
                    requirement.missing.iter().map(|id| id.0.as_str()).collect();
                write!(f, ", missing key ids {}", missing.join(", "))?;
            }
        }
        Ok(())
    }
}

/// A key list that a role's file must satisfy.
struct Demand<'a> {
    by: String,
    keys: &'a BTreeMap<KeyId, PublicKey>,
    role: &'a RoleKeys,
}

impl Repository {
    /// Which signatures the newest file of a role has and lacks; `None` when there is no such file.
    ///
    /// A role that is kept unread was complete when the snapshot listed it: its status has no requirements.
    pub fn status(&self, role: &MetaRole) -> Option<SignatureStatus> {
        if let MetaRole::Delegated(name) = role
            && let Some(meta) = self.kept.get(name)
        {
            return Some(SignatureStatus {
                file: MetaFile::new(role.clone(), meta.version),
                requirements: Vec::new(),
            });
        }
        let (message, signatures, version) = self.signed_parts(role)?;
        let file = match role {
            MetaRole::Timestamp => MetaFile::timestamp(),
            role => MetaFile::new(role.clone(), version),
        };
        let requirements = self.demands(role).into_iter().map(|demand| {
            let signers = demand.role.valid_signers(demand.keys, message, signatures);
            Requirement {
                by: demand.by,
                needed: demand.role.threshold,
                missing: demand
                    .role
                    .keyids
                    .iter()
                    .filter(|id| !signers.contains(id))
                    .cloned()
                    .collect(),
                signed: signers.iter().cloned().collect(),
            }
        });
        Some(SignatureStatus {
            file,
            requirements: requirements.collect(),
        })
    }

    /// Status of every role that has a file, in publishing order.
    pub fn statuses(&self) -> Vec<SignatureStatus> {
        let targets = self.targets.keys().map(MetaRole::from);
        let roles = [MetaRole::Root]
            .into_iter()
            .chain(targets)
            .chain([MetaRole::Snapshot, MetaRole::Timestamp]);
        roles.filter_map(|role| self.status(&role)).collect()
    }

    /// Whether a role has a file with all signatures.
    pub fn is_complete(&self, role: &MetaRole) -> bool {
        self.status(role).is_some_and(|status| status.is_complete())
    }

    /// Every key list whose threshold the newest file of a role must meet, with the keys themselves.
    pub fn key_lists(&self, role: &MetaRole) -> Vec<KeyList> {
        let demands = self.demands(role).into_iter();
        let list = |demand: Demand<'_>| {
            let listed = demand.role.keyids.iter();
            KeyList {
                keys: listed
                    .filter_map(|id| Some((id.clone(), demand.keys.get(id)?.clone())))
                    .collect(),
                by: demand.by,
                threshold: demand.role.threshold,
            }
        };
        demands.map(list).collect()
    }

    /// Every key whose signature the newest file of a role may carry, by the ids that the metadata use.
    pub fn signers(&self, role: &MetaRole) -> BTreeMap<KeyId, PublicKey> {
        let lists = self.key_lists(role).into_iter();
        lists.flat_map(|list| list.keys).collect()
    }

    /// The newest file of a role with the signatures that it has; `None` where there is none or it is not loaded.
    pub fn file(&self, role: &MetaRole) -> Option<(MetaFile, &[u8])> {
        let status = self.status(role)?;
        let bytes = match role {
            MetaRole::Root => &self.roots.last()?.bytes,
            MetaRole::Timestamp => &self.timestamp.as_ref()?.bytes,
            MetaRole::Snapshot => &self.snapshot.as_ref()?.bytes,
            MetaRole::Targets => &self.targets.get("targets")?.bytes,
            MetaRole::Delegated(name) => &self.targets.get(name)?.bytes,
        };
        Some((status.file, bytes))
    }

    /// The root before the newest one, as it was published.
    pub fn previous_root(&self) -> Option<&[u8]> {
        let before = self.roots.len().checked_sub(2)?;
        Some(&self.roots[before].bytes)
    }

    /// The bytes to be signed for a role by a key that is kept elsewhere; see [`Repository::add_signature`].
    pub fn to_sign(&self, role: &MetaRole) -> Option<&[u8]> {
        self.signed_parts(role).map(|(message, _, _)| message)
    }

    /// Signs the newest file of a role.
    ///
    /// # Errors
    /// [`RepositoryError::NotASigner`] when the role does not list the key; [`RepositoryError::UnknownRole`].
    pub fn sign(&mut self, role: &MetaRole, key: &SigningKey) -> Result<(), RepositoryError> {
        let message = self
            .to_sign(role)
            .ok_or_else(|| RepositoryError::UnknownRole { role: role.clone() })?;
        let signature = key.sign(message);
        self.add_signature(role, signature)
    }

    /// Adds a signature made elsewhere, in place of an earlier one by the same key.
    ///
    /// # Errors
    /// [`RepositoryError::NotASigner`], [`RepositoryError::WrongSignature`], [`RepositoryError::UnknownRole`].
    pub fn add_signature(
        &mut self,
        role: &MetaRole,
        signature: Signature,
    ) -> Result<(), RepositoryError> {
        let id = &signature.keyid;
        let message = self
            .to_sign(role)
            .ok_or_else(|| RepositoryError::UnknownRole { role: role.clone() })?;
        let demands = self.demands(role);
        let listed = demands
            .iter()
            .filter(|demand| demand.role.keyids.contains(id))
            .find_map(|demand| demand.keys.get(id));
        let Some(key) = listed else {
            let allowed = demands
                .iter()
                .flat_map(|demand| demand.role.keyids.iter().cloned());
            let allowed = allowed
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            return Err(RepositoryError::NotASigner {
                role: role.clone(),
                key: id.clone(),
                allowed,
            });
        };
        if !key.verify(message, &signature.sig) {
            return Err(RepositoryError::WrongSignature {
                role: role.clone(),
                key: id.clone(),
            });
        }
        match role {
            MetaRole::Root => add(self.roots.last_mut(), signature),
            MetaRole::Timestamp => add(self.timestamp.as_mut(), signature),
            MetaRole::Snapshot => add(self.snapshot.as_mut(), signature),
            MetaRole::Targets => add(self.targets.get_mut("targets"), signature),
            MetaRole::Delegated(name) => add(self.targets.get_mut(name), signature),
        }
        Ok(())
    }

    fn signed_parts(&self, role: &MetaRole) -> Option<(&[u8], &[Signature], u64)> {
        match role {
            MetaRole::Root => self.roots.last().map(parts),
            MetaRole::Timestamp => self.timestamp.as_ref().map(parts),
            MetaRole::Snapshot => self.snapshot.as_ref().map(parts),
            MetaRole::Targets => self.targets.get("targets").map(parts),
            MetaRole::Delegated(name) => self.targets.get(name).map(parts),
        }
    }

    fn demands(&self, role: &MetaRole) -> Vec<Demand<'_>> {
        let root = self.root();
        let by_root = |role| {
            vec![Demand {
                by: root_name(root.version),
                keys: &root.keys,
                role,
            }]
        };
        match role {
            MetaRole::Root => {
                let previous = self
                    .roots
                    .iter()
                    .rev()
                    .nth(1)
                    .map(|signed| &signed.envelope.document);
                let previous = previous.map(|p| Demand {
                    by: root_name(p.version),
                    keys: &p.keys,
                    role: &p.root,
                });
                previous.into_iter().chain(by_root(&root.root)).collect()
            }
            MetaRole::Timestamp => by_root(&root.timestamp),
            MetaRole::Snapshot => by_root(&root.snapshot),
            MetaRole::Targets => by_root(&root.targets),
            MetaRole::Delegated(name) => self.delegated_demand(name).into_iter().collect(),
        }
    }

    fn delegated_demand(&self, name: &RoleName) -> Option<Demand<'_>> {
        let delegations = self.top().delegations.as_ref()?;
        let role = &delegations.role(name)?.keys;
        Some(Demand {
            by: "targets".to_owned(),
            keys: &delegations.keys,
            role,
        })
    }
}

fn root_name(version: u64) -> String {
    MetaFile::new(MetaRole::Root, version).file_name()
}

fn parts<T: Document>(signed: &Signed<T>) -> (&[u8], &[Signature], u64) {
    (
        &signed.envelope.canonical,
        &signed.envelope.signatures,
        signed.version(),
    )
}

fn add<T: Document>(signed: Option<&mut Signed<T>>, signature: Signature) {
    let Some(signed) = signed else { return };
    signed
        .envelope
        .signatures
        .retain(|present| present.keyid != signature.keyid);
    signed.envelope.signatures.push(signature);
    signed
        .envelope
        .signatures
        .sort_by(|a, b| a.keyid.cmp(&b.keyid));
    signed.bytes = signed.envelope.to_bytes();
}
