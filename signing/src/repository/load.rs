//! The repository read back from files, delegated roles only when they are needed.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::{
    MAX_ROOT_BYTES, MAX_SNAPSHOT_BYTES, MAX_TARGETS_BYTES, MAX_TIMESTAMP_BYTES, MetaFile, MetaRole,
};
use crate::metadata::{Document, Envelope, RoleName, Root, Snapshot, Timestamp};

use super::publish::missing;
use super::{Repository, RepositoryError, Signed};

impl Repository {
    /// Reads files by their published names. Of each role the newest version counts; of one version given twice the
    /// later one, so give drafts after published files. Signatures are not judged here, see [`Repository::status`].
    ///
    /// A delegated role that the newest snapshot lists and that is not among the files is kept as it is listed, until
    /// [`Repository::provide`] loads it. Whoever leaves a file out must know that it is the listed one, and that the
    /// delegation to its role is as it was when the snapshot was made.
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
            kept: BTreeMap::new(),
            snapshot,
            timestamp,
            now: None,
        };
        repository.keep_what_is_listed();
        Ok(repository)
    }

    /// Gives the file of a role that was kept unread; a role that is loaded stays as it is.
    ///
    /// # Errors
    /// [`RepositoryError::UnknownRole`] for a role that the repository does not have; [`RepositoryError::NotListed`] for
    /// bytes other than those that the snapshot lists.
    pub fn provide(&mut self, name: &RoleName, bytes: Vec<u8>) -> Result<(), RepositoryError> {
        if self.targets.contains_key(name) {
            return Ok(());
        }
        let role = MetaRole::from(name);
        let Some(meta) = self.kept.get(name) else {
            return Err(RepositoryError::UnknownRole { role });
        };
        let file = MetaFile::new(role, meta.version).file_name();
        let fits = meta
            .length
            .is_none_or(|length| length == bytes.len() as u64)
            && meta.hashes.as_ref().is_none_or(|h| h.match_bytes(&bytes));
        if !fits {
            return Err(RepositoryError::NotListed { file });
        }
        let signed = read(&file, bytes, MAX_TARGETS_BYTES)?;
        self.kept.remove(name);
        self.targets.insert(name.clone(), signed);
        Ok(())
    }

    /// Drops roles that nobody delegates to, and notes those whose files were left out.
    fn keep_what_is_listed(&mut self) {
        let delegations = self.top().delegations.as_ref();
        let delegated: BTreeSet<RoleName> = delegations
            .iter()
            .flat_map(|d| d.roles.iter().map(|role| role.name.clone()))
            .collect();
        self.targets
            .retain(|name, _| name.is_top() || delegated.contains(name));
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        let listed = &snapshot.envelope.document.meta;
        let left_out = delegated
            .into_iter()
            .filter(|name| !self.targets.contains_key(name));
        self.kept = left_out
            .filter_map(|name| listed.get(&name).cloned().map(|meta| (name, meta)))
            .collect();
    }
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
