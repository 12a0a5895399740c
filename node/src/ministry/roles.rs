//! The staged metadata: loaded from the workshop's files, saved as what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{MAX_SNAPSHOT_BYTES, MetaFile, MetaRole};
use pishtar_signing::metadata::{
    Envelope, PathPattern, RoleName, Scope, Snapshot, TargetFile, TargetPath,
};
use pishtar_signing::repository::{Repository, RepositoryError};

use super::error::MinistryError;
use super::workshop::{Published, Workshop, write_all};

pub(super) const DAY: UnixSeconds = 86_400;
/// Root and targets keys are brought out of the safe once a school year.
pub(super) const OFFLINE_LIFETIME: UnixSeconds = 400 * DAY;
/// Snapshot: renewed with every publication, at the latest once a term.
pub(super) const SNAPSHOT_LIFETIME: UnixSeconds = 120 * DAY;
/// Timestamp: how long a school may believe that nothing newer exists.
pub(super) const TIMESTAMP_LIFETIME: UnixSeconds = 30 * DAY;

/// The metadata of an open workshop, edited in memory until [`Staged::save`].
///
/// A course whose staged file is the one that the newest snapshot lists is read only when somebody asks for it.
#[derive(Debug)]
pub(super) struct Staged<'w> {
    pub(super) workshop: &'w Workshop,
    pub(super) repository: Repository,
    /// The folder's files by name, with their bytes where they were read.
    on_disk: BTreeMap<String, Option<Vec<u8>>>,
}

impl<'w> Staged<'w> {
    /// The metadata of a new workshop.
    pub(super) fn new(workshop: &'w Workshop, repository: Repository) -> Staged<'w> {
        Staged {
            workshop,
            repository,
            on_disk: BTreeMap::new(),
        }
    }

    /// Reads what is staged: root, targets, snapshot, timestamp and the drafts of courses.
    pub(super) fn load(workshop: &'w Workshop) -> Result<Staged<'w>, MinistryError> {
        let folder = workshop.staged();
        let mut on_disk = BTreeMap::new();
        let mut courses = BTreeMap::new();
        for name in file_names(&folder)? {
            match MetaFile::parse(&name) {
                None => continue,
                Some(file) if matches!(file.role, MetaRole::Delegated(_)) => {
                    courses.insert(name.clone(), file);
                    on_disk.insert(name, None);
                }
                Some(_) => {
                    let bytes = read(&folder.join(&name))?;
                    on_disk.insert(name, Some(bytes));
                }
            }
        }
        let listed = listed(&on_disk)?;
        for (name, file) in courses {
            let Some(role) = file.role.targets_role() else {
                continue;
            };
            if file.version != listed.get(&role).copied() {
                let bytes = read(&folder.join(&name))?;
                on_disk.insert(name, Some(bytes));
            }
        }
        let read = on_disk
            .iter()
            .filter_map(|(name, bytes)| Some((name.clone(), bytes.clone()?)));
        let mut repository = Repository::load(read)?;
        repository.issue_at(super::now());
        let lost = repository.kept().map(|(file, _)| file.file_name());
        if let Some(name) = lost.into_iter().find(|name| !on_disk.contains_key(name)) {
            return Err(MinistryError::LostRole {
                path: folder.join(&name).display().to_string(),
                name,
            });
        }
        Ok(Staged {
            workshop,
            repository,
            on_disk,
        })
    }

    /// Reads a course's file if that was not needed until now.
    pub(super) fn need(&mut self, role: &RoleName) -> Result<(), MinistryError> {
        let name = self.repository.kept().find_map(|(file, _)| {
            let is_it = file.role.targets_role().as_ref() == Some(role);
            is_it.then(|| file.file_name())
        });
        let Some(name) = name else {
            return Ok(());
        };
        let bytes = read(&self.workshop.staged().join(&name))?;
        self.repository.provide(role, bytes.clone())?;
        self.on_disk.insert(name, Some(bytes));
        Ok(())
    }

    /// Reads every course.
    pub(super) fn need_all(&mut self) -> Result<(), MinistryError> {
        let roles: Vec<RoleName> = self.repository.roles().cloned().collect();
        roles.iter().try_for_each(|role| self.need(role))
    }

    /// Writes what changed, then removes what it replaced: a crash in between leaves files that loading passes over.
    pub(super) fn save(&mut self) -> Result<(), MinistryError> {
        let files: BTreeMap<String, Vec<u8>> = self.repository.files().into_iter().collect();
        let folder = self.workshop.staged();
        let changed = files.iter().filter(|(name, bytes)| {
            self.on_disk.get(*name).and_then(Option::as_ref) != Some(bytes)
        });
        // Courses first: a delegation to new keys without the course's draft would pass for a signed course.
        let is_course = |name: &str| {
            MetaFile::parse(name).is_some_and(|file| matches!(file.role, MetaRole::Delegated(_)))
        };
        let (courses, others): (Vec<_>, Vec<_>) = changed
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .partition(|(name, _)| is_course(name));
        write_all(&folder, &courses)?;
        write_all(&folder, &others)?;
        let kept: BTreeSet<String> = self
            .repository
            .kept()
            .map(|(file, _)| file.file_name())
            .collect();
        let mut on_disk: BTreeMap<String, Option<Vec<u8>>> = files
            .into_iter()
            .map(|(name, bytes)| (name, Some(bytes)))
            .collect();
        on_disk.extend(kept.into_iter().map(|name| (name, None)));
        let gone = self
            .on_disk
            .keys()
            .filter(|name| !on_disk.contains_key(*name));
        for name in gone {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(MinistryError::io("removing", &path))?;
        }
        self.on_disk = on_disk;
        Ok(())
    }

    /// The targets of a course, empty for a course that is not there yet.
    pub(super) fn course(
        &mut self,
        role: &RoleName,
    ) -> Result<BTreeMap<TargetPath, TargetFile>, MinistryError> {
        self.need(role)?;
        let targets = self.repository.targets(role);
        Ok(targets.map(|t| t.targets.clone()).unwrap_or_default())
    }

    /// Gives a course this content; a new one the keys that sign courses.
    pub(super) fn set_course(
        &mut self,
        role: &RoleName,
        files: BTreeMap<TargetPath, TargetFile>,
        now: UnixSeconds,
    ) -> Result<(), MinistryError> {
        let by = match self.repository.signatories(&MetaRole::from(role)) {
            Some(present) => present,
            None => self.workshop.about.courses.signatories()?,
        };
        let scope = Scope::Paths(vec![PathPattern(format!(
            "{}/{role}/*/*",
            self.workshop.about.publisher
        ))]);
        self.repository
            .set_role(role, &by, scope, files, now + OFFLINE_LIFETIME)?;
        Ok(())
    }

    /// The roles that offline keys sign: root, targets, the courses.
    pub(super) fn signed_roles(&self) -> Vec<MetaRole> {
        let courses = self.repository.roles().map(MetaRole::from);
        [MetaRole::Root, MetaRole::Targets]
            .into_iter()
            .chain(courses)
            .collect()
    }

    /// The roles that a signature may be added to: those of offline keys, and what `publish` built and could not sign.
    /// A snapshot or timestamp that is published stays as it is: where its keys changed, `publish` makes the next one.
    pub(super) fn waiting_roles(&self) -> Vec<MetaRole> {
        let online = [MetaRole::Snapshot, MetaRole::Timestamp].into_iter();
        let built = online
            .filter(|role| self.repository.version(role).is_some() && !self.is_published(role));
        self.signed_roles().into_iter().chain(built).collect()
    }

    /// A role by the name that people write.
    pub(super) fn find(&self, name: &str) -> Result<MetaRole, MinistryError> {
        let roles = self.waiting_roles();
        let found = roles.iter().find(|role| role.to_string() == name).cloned();
        found.ok_or_else(|| {
            let known: Vec<String> = roles.iter().map(MetaRole::to_string).collect();
            MinistryError::UnknownRole {
                role: name.into(),
                known: known.join(", "),
            }
        })
    }

    /// When the newest file of a role expires.
    pub(super) fn expires(&self, role: &MetaRole) -> Option<UnixSeconds> {
        self.repository
            .expires(role)
            .or_else(|| Some(self.note(role)?.expires))
    }

    /// Is the newest file of a role part of the newest publication?
    pub(super) fn is_published(&self, role: &MetaRole) -> bool {
        let version = self.repository.version(role);
        version.is_some() && self.note(role).map(|note| note.version) == version
    }

    /// What was noted about a role when it was last published.
    pub(super) fn note(&self, role: &MetaRole) -> Option<&Published> {
        self.workshop.about.published.get(&role.to_string())
    }
}

/// Version of every role in the newest snapshot among the files.
fn listed(
    files: &BTreeMap<String, Option<Vec<u8>>>,
) -> Result<BTreeMap<RoleName, u64>, MinistryError> {
    let snapshots = files.iter().filter_map(|(name, bytes)| {
        let file = MetaFile::parse(name).filter(|file| file.role == MetaRole::Snapshot)?;
        Some((file.version, name, bytes.as_ref()?))
    });
    let Some((_, name, bytes)) = snapshots.max_by_key(|(version, ..)| *version) else {
        return Ok(BTreeMap::new());
    };
    let snapshot: Envelope<Snapshot> =
        Envelope::parse(bytes, MAX_SNAPSHOT_BYTES).map_err(|problem| {
            RepositoryError::Metadata {
                file: name.clone(),
                problem,
            }
        })?;
    let meta = snapshot.document.meta.into_iter();
    Ok(meta.map(|(role, meta)| (role, meta.version)).collect())
}

/// Names of the files in a folder, in order.
pub(super) fn file_names(folder: &Path) -> Result<Vec<String>, MinistryError> {
    let failed = |error| MinistryError::io("reading", folder)(error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>, MinistryError> {
    fs::read(path).map_err(MinistryError::io("reading", path))
}
