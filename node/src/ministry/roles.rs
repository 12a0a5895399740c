//! The staged metadata: loaded from the workshop's files, saved as what changed.

use std::collections::BTreeMap;
use std::fs;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::PublicKey;
use pishtar_signing::metadata::{PathPattern, RoleName, Scope, TargetFile, TargetPath};
use pishtar_signing::repository::{Repository, Signatories};

use super::error::MinistryError;
use super::workshop::{Workshop, write_atomic};

const DAY: UnixSeconds = 86_400;
/// Root and targets keys are brought out of the safe once a school year.
pub(super) const OFFLINE_LIFETIME: UnixSeconds = 400 * DAY;
/// Snapshot: renewed with every publication, at the latest once a term.
pub(super) const SNAPSHOT_LIFETIME: UnixSeconds = 120 * DAY;
/// Timestamp: how long a school may believe that nothing newer exists.
pub(super) const TIMESTAMP_LIFETIME: UnixSeconds = 30 * DAY;

/// The metadata of an open workshop, edited in memory until [`Staged::save`].
#[derive(Debug)]
pub(super) struct Staged<'w> {
    pub(super) workshop: &'w Workshop,
    pub(super) repository: Repository,
    on_disk: BTreeMap<String, Vec<u8>>,
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

    /// Reads what is staged.
    pub(super) fn load(workshop: &'w Workshop) -> Result<Staged<'w>, MinistryError> {
        let folder = workshop.staged();
        let mut on_disk = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(MinistryError::io("reading", &folder))? {
            let entry = entry.map_err(MinistryError::io("reading", &folder))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.ends_with(".json") {
                let bytes =
                    fs::read(entry.path()).map_err(MinistryError::io("reading", &entry.path()))?;
                on_disk.insert(name, bytes);
            }
        }
        let repository = Repository::load(on_disk.clone())?;
        Ok(Staged {
            workshop,
            repository,
            on_disk,
        })
    }

    /// Writes what changed, then removes what it replaced: a crash in between leaves files that loading passes over.
    pub(super) fn save(&mut self) -> Result<(), MinistryError> {
        let files: BTreeMap<String, Vec<u8>> = self.repository.files().into_iter().collect();
        let folder = self.workshop.staged();
        for (name, bytes) in files
            .iter()
            .filter(|(name, bytes)| self.on_disk.get(*name) != Some(bytes))
        {
            write_atomic(&folder.join(name), bytes)?;
        }
        for name in self
            .on_disk
            .keys()
            .filter(|name| !files.contains_key(*name))
        {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(MinistryError::io("removing", &path))?;
        }
        self.on_disk = files;
        Ok(())
    }

    /// The targets of a course, empty for a course that is not there yet.
    pub(super) fn course(&self, role: &RoleName) -> BTreeMap<TargetPath, TargetFile> {
        self.repository
            .targets(role)
            .map(|targets| targets.targets.clone())
            .unwrap_or_default()
    }

    /// Gives a course this content and the present courses key.
    pub(super) fn set_course(
        &mut self,
        role: &RoleName,
        files: BTreeMap<TargetPath, TargetFile>,
        now: UnixSeconds,
    ) -> Result<(), MinistryError> {
        let key = PublicKey::ed25519(self.workshop.about.courses_key);
        let scope = Scope::Paths(vec![PathPattern(format!(
            "{}/{role}/*/*",
            self.workshop.about.publisher
        ))]);
        self.repository.set_role(
            role,
            &Signatories::one(key),
            scope,
            files,
            now + OFFLINE_LIFETIME,
        )?;
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

    /// A role by the name that people write.
    pub(super) fn find(&self, name: &str) -> Result<MetaRole, MinistryError> {
        let found = self
            .signed_roles()
            .into_iter()
            .find(|role| role.to_string() == name);
        found.ok_or_else(|| {
            let known: Vec<String> = self
                .signed_roles()
                .iter()
                .map(MetaRole::to_string)
                .collect();
            MinistryError::UnknownRole {
                role: name.into(),
                known: known.join(", "),
            }
        })
    }

    /// When the newest file of a role expires.
    pub(super) fn expires(&self, role: &MetaRole) -> Option<UnixSeconds> {
        match role {
            MetaRole::Root => Some(self.repository.root().expires),
            role => self
                .repository
                .targets(&role.targets_role()?)
                .map(|targets| targets.expires),
        }
    }

    /// Is the newest file of a role part of the newest publication?
    pub(super) fn is_published(&self, role: &MetaRole) -> bool {
        let name = |role: &MetaRole| Some((role.clone(), self.repository.version(role)?));
        name(role).is_some_and(|(role, version)| {
            self.workshop.about.published.get(&role.to_string()) == Some(&version)
        })
    }
}
