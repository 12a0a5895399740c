//! All lessons of all trusted publishers, updated role by role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pishtar_signing::metadata::{TargetFile, TargetPath, Targets};
use pishtar_signing::record::CollectionKey;
use serde::Serialize;

use crate::MINISTRY;
use crate::ids::{BlobHash, LessonId, Word};
use crate::lesson::{Lesson, LessonFile};
use crate::role::{self, Entry, RoleContents, Words};

/// The name of the top-level targets role.
const TOP_LEVEL: &str = "targets";

/// The lessons that verified metadata names at this moment.
///
/// Always true: every lesson was signed by the role that its id names, and the hash index has exactly the
/// files of the lessons held.
#[derive(Debug, Default)]
pub struct Catalog {
    lessons: BTreeMap<LessonId, Arc<Lesson>>,
    roles: BTreeMap<(Word, Word), Role>,
    by_hash: BTreeSet<(BlobHash, LessonId, u16)>,
    collection: BTreeMap<Word, CollectionKey>,
    words: Words,
}

/// What is kept of one targets role.
#[derive(Debug)]
struct Role {
    version: u64,
    files: Box<[BlobHash]>,
    lessons: BTreeSet<LessonId>,
}

/// What one update changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Lessons that were not there before.
    pub added: Vec<LessonId>,
    /// Lessons of which a text or a file changed.
    pub changed: Vec<LessonId>,
    /// Lessons that the publisher took out.
    pub withdrawn: Vec<LessonId>,
}

impl Diff {
    /// Did nothing change?
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.withdrawn.is_empty()
    }

    /// Joins the changes of another role.
    pub fn merge(&mut self, other: Diff) {
        self.added.extend(other.added);
        self.changed.extend(other.changed);
        self.withdrawn.extend(other.withdrawn);
    }
}

/// A signed entry that is not a lesson we can show: it is left out and named, the rest of the role counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} in role {role} of {publisher} is left out: {reason}")]
pub struct Problem {
    /// Who signed it.
    pub publisher: String,
    /// The role that lists it.
    pub role: String,
    /// Target path or lesson id.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Catalog {
    /// An empty catalogue.
    pub fn new() -> Catalog {
        Catalog::default()
    }

    /// All lessons in id order.
    pub fn lessons(&self) -> impl ExactSizeIterator<Item = &Arc<Lesson>> {
        self.lessons.values()
    }

    /// One lesson.
    pub fn lesson(&self, id: &LessonId) -> Option<&Arc<Lesson>> {
        self.lessons.get(id)
    }

    /// The file with this hash, where several lessons name it the ministry's entry: another publisher's
    /// claim about length never replaces the ministry's.
    pub fn file(&self, hash: &BlobHash) -> Option<(&Arc<Lesson>, &LessonFile)> {
        let ministry = self
            .files(hash)
            .find(|(lesson, _)| lesson.publisher == MINISTRY);
        ministry.or_else(|| self.files(hash).next())
    }

    /// Every lesson file with this hash (a thumbnail may serve many lessons), in lesson order.
    pub fn files(&self, hash: &BlobHash) -> impl Iterator<Item = (&Arc<Lesson>, &LessonFile)> {
        let from = (*hash, LessonId::lowest(), 0);
        let wanted = *hash;
        self.by_hash
            .range(from..)
            .take_while(move |(hash, ..)| *hash == wanted)
            .filter_map(|(_, id, index)| {
                let lesson = self.lessons.get(id)?;
                Some((lesson, lesson.files.get(usize::from(*index))?))
            })
    }

    /// A role's version and the hashes of its targets in sorted path order: the order of holdings bitmaps.
    ///
    /// A target without a readable hash holds its place as [`BlobHash::NONE`], so that every reader of the
    /// same role file counts alike.
    pub fn role_files(&self, publisher: &str, role: &str) -> Option<(u64, &[BlobHash])> {
        self.roles
            .get(&(Word::from(publisher), Word::from(role)))
            .map(|role| (role.version, &*role.files))
    }

    /// All roles held as (publisher, role, version).
    pub fn roles(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.roles
            .iter()
            .map(|((publisher, name), role)| (publisher.as_str(), name.as_str(), role.version))
    }

    /// The collection key that a publisher's signed metadata names now.
    pub fn collection_key(&self, publisher: &str) -> Option<&CollectionKey> {
        self.collection.get(publisher)
    }

    /// Puts a newly verified role in place of the one held.
    ///
    /// A lesson whose targets are gone from the role is withdrawn: the role is newer than the one held by its
    /// signed version, so no expiry and no clock has a say in it.
    pub fn replace_role(
        &mut self,
        publisher: &str,
        role: &str,
        version: u64,
        targets: &Targets,
    ) -> (Diff, Vec<Problem>) {
        self.replace(
            publisher,
            role,
            version,
            targets.targets.iter().map(|(path, file)| entry(path, file)),
        )
    }

    /// Takes out a role that the publisher no longer delegates to: its lessons are withdrawn.
    pub fn remove_role(&mut self, publisher: &str, role: &str) -> Diff {
        let key = (Word::from(publisher), Word::from(role));
        let Some(old) = self.roles.remove(&key) else {
            return Diff::default();
        };
        if role == TOP_LEVEL {
            self.collection.remove(publisher);
        }
        let withdrawn: Vec<LessonId> = old.lessons.into_iter().collect();
        for id in &withdrawn {
            self.take(id);
        }
        Diff {
            withdrawn,
            ..Diff::default()
        }
    }

    fn replace<'a>(
        &mut self,
        publisher: &str,
        role: &str,
        version: u64,
        entries: impl Iterator<Item = Entry<'a>>,
    ) -> (Diff, Vec<Problem>) {
        let contents = if role == TOP_LEVEL {
            role::top_level(publisher, entries)
        } else {
            role::course(publisher, role, entries, &mut self.words)
        };
        let RoleContents {
            files,
            lessons,
            problems,
            collection,
        } = contents;
        if role == TOP_LEVEL {
            match collection {
                Some(key) => self.collection.insert(publisher.into(), key),
                None => self.collection.remove(publisher),
            };
        }
        let kept = lessons.iter().map(|lesson| lesson.id.clone()).collect();
        let new = Role {
            version,
            files: files.into(),
            lessons: kept,
        };
        let old = self
            .roles
            .insert((publisher.into(), role.into()), new)
            .map(|old| old.lessons)
            .unwrap_or_default();
        (self.install(lessons, old), problems)
    }

    /// Puts the lessons of one role in place of those with the ids `gone`.
    fn install(&mut self, lessons: Vec<Lesson>, mut gone: BTreeSet<LessonId>) -> Diff {
        let mut diff = Diff::default();
        for lesson in lessons {
            gone.remove(&lesson.id);
            match self.lessons.get(&lesson.id) {
                Some(held) if **held == lesson => continue,
                Some(_) => {
                    self.take(&lesson.id);
                    diff.changed.push(lesson.id.clone());
                }
                None => diff.added.push(lesson.id.clone()),
            }
            self.put(lesson);
        }
        for id in gone {
            self.take(&id);
            diff.withdrawn.push(id);
        }
        diff
    }

    fn put(&mut self, lesson: Lesson) {
        for (index, file) in (0..).zip(&lesson.files) {
            self.by_hash.insert((file.blake3, lesson.id.clone(), index));
        }
        self.lessons.insert(lesson.id.clone(), Arc::new(lesson));
    }

    fn take(&mut self, id: &LessonId) {
        let Some(lesson) = self.lessons.remove(id) else {
            return;
        };
        for (index, file) in (0..).zip(&lesson.files) {
            self.by_hash.remove(&(file.blake3, id.clone(), index));
        }
    }
}

fn entry<'a>(path: &'a TargetPath, file: &'a TargetFile) -> Entry<'a> {
    Entry {
        path: path.as_str(),
        length: file.length,
        sha256: file.hashes.sha256(),
        custom: &file.custom,
    }
}

#[cfg(test)]
mod tests;
