//! All lessons of all trusted publishers, updated role by role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pishtar_signing::client::AcceptedRole;
use pishtar_signing::metadata::{TargetFile, TargetPath, Targets};
use pishtar_signing::record::{CollectionKey, CollectionKeys};
use serde::Serialize;

use crate::MINISTRY;
use crate::ids::{BlobHash, LessonId, Word};
use crate::lesson::{Lesson, LessonFile};
use crate::publishers::{PathPrefix, Publishers};
use crate::revoked::Revoked;
use crate::role::{self, Entry, RoleContents, Whose, Words};

/// The name of the top-level targets role.
const TOP_LEVEL: &str = "targets";

/// The most problems of one role that are kept to be shown.
const MAX_PROBLEMS: usize = 16;

/// The lessons that verified metadata names at this moment.
///
/// Always true: every lesson was signed by the publisher and the role that its id names, and lies where that publisher
/// may publish; the hash index has exactly the files of the lessons held.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    lessons: BTreeMap<LessonId, Arc<Lesson>>,
    roles: BTreeMap<(Word, Word), Role>,
    by_hash: BTreeSet<(BlobHash, LessonId, u16)>,
    collection: BTreeMap<Word, CollectionKeys>,
    publishers: Publishers,
    revoked: Revoked,
    words: Words,
}

/// What is kept of one targets role.
#[derive(Debug, Clone)]
struct Role {
    version: u64,
    files: Box<[BlobHash]>,
    lessons: BTreeSet<LessonId>,
    /// The first of what was left out, and how much that was in all.
    problems: Box<[Problem]>,
    problem_count: usize,
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
    /// Whose path it is, where its publisher listed what it may not publish.
    pub owner: Option<String>,
}

impl Problem {
    /// Did the publisher list a path outside its own prefix?
    pub fn is_scope_violation(&self) -> bool {
        self.owner.is_some()
    }
}

impl Catalog {
    /// An empty catalogue.
    pub fn new() -> Catalog {
        Catalog::default()
    }

    /// An empty catalogue in which these publishers may publish, whatever the ministry lists: to check one publisher's
    /// folder by itself.
    pub fn of(publishers: Publishers) -> Catalog {
        Catalog {
            publishers,
            ..Catalog::default()
        }
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
        self.collection.get(publisher).map(CollectionKeys::current)
    }

    /// The same with the acknowledgement keys of earlier terms.
    pub fn collection_keys(&self, publisher: &str) -> Option<&CollectionKeys> {
        self.collection.get(publisher)
    }

    /// The further publishers that the ministry lists now.
    pub fn publishers(&self) -> &Publishers {
        &self.publishers
    }

    /// The keys that the ministry revoked.
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Did the ministry revoke this ed25519 public key, whatever it was for?
    pub fn is_revoked(&self, key: &[u8; 32]) -> bool {
        self.revoked.contains(key)
    }

    /// What was left out of a publisher's catalogue: how much in all, and the first of it.
    pub fn problems(&self, publisher: &str) -> (usize, impl Iterator<Item = &Problem>) {
        let from = (Word::from(publisher), Word::default());
        let roles = self
            .roles
            .range(from..)
            .take_while(move |((whose, _), _)| whose.as_str() == publisher)
            .map(|(_, role)| role);
        let count = roles.clone().map(|role| role.problem_count).sum();
        (count, roles.flat_map(|role| &role.problems))
    }

    /// Takes out everything of a publisher: its lessons are withdrawn.
    pub fn remove_publisher(&mut self, publisher: &str) -> Diff {
        let mut diff = Diff::default();
        let roles: Vec<String> = self
            .roles()
            .filter(|(whose, ..)| *whose == publisher)
            .map(|(_, role, _)| role.to_owned())
            .collect();
        for role in roles {
            diff.merge(self.remove_role(publisher, &role));
        }
        diff
    }

    /// Withdraws the lessons of a publisher that lie outside its prefix as the ministry lists it now.
    pub fn apply_prefix(&mut self, publisher: &str) -> Diff {
        let prefix = prefix_of(&self.publishers, publisher);
        let outside = |id: &LessonId| !prefix.as_ref().is_some_and(|p| p.covers(id.as_str()));
        let from = (Word::from(publisher), Word::default());
        let roles = self
            .roles
            .range_mut(from..)
            .take_while(|((whose, _), _)| whose.as_str() == publisher);
        let mut diff = Diff::default();
        for (_, role) in roles {
            let gone = role.lessons.extract_if(.., |id| outside(id));
            diff.withdrawn.extend(gone);
        }
        for id in &diff.withdrawn {
            self.take(id);
        }
        diff
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
            &[],
        )
    }

    /// The same for a role as the TUF client accepted it, which left out the paths that the role's delegation does not cover.
    pub fn accept_role(
        &mut self,
        publisher: &str,
        accepted: &AcceptedRole,
    ) -> (Diff, Vec<Problem>) {
        let targets = accepted.targets.targets.iter();
        self.replace(
            publisher,
            accepted.role.as_str(),
            accepted.targets.version,
            targets.map(|(path, file)| entry(path, file)),
            &accepted.outside,
        )
    }

    /// Takes out a role that the publisher no longer delegates to: its lessons are withdrawn.
    pub fn remove_role(&mut self, publisher: &str, role: &str) -> Diff {
        let key = (Word::from(publisher), Word::from(role));
        let Some(old) = self.roles.remove(&key) else {
            return Diff::default();
        };
        if role == TOP_LEVEL {
            self.take_top(publisher, None, Publishers::default(), Revoked::default());
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
        not_delegated: &[TargetPath],
    ) -> (Diff, Vec<Problem>) {
        let prefix = prefix_of(&self.publishers, publisher);
        let whose = Whose {
            publisher,
            role,
            prefix: prefix.as_ref(),
        };
        let contents = if role == TOP_LEVEL {
            role::top_level(whose, entries)
        } else {
            role::course(whose, entries, &mut self.words)
        };
        let RoleContents {
            files,
            lessons,
            mut problems,
            collection,
            publishers,
            revoked,
        } = contents;
        let left_out = not_delegated
            .iter()
            .map(|path| whose.not_delegated(path.as_str()));
        problems.extend(left_out);
        if role == TOP_LEVEL {
            self.take_top(publisher, collection, publishers, revoked);
        }
        let kept = lessons.iter().map(|lesson| lesson.id.clone()).collect();
        let new = Role {
            version,
            files: files.into(),
            lessons: kept,
            problem_count: problems.len(),
            problems: problems.iter().take(MAX_PROBLEMS).cloned().collect(),
        };
        let old = self
            .roles
            .insert((publisher.into(), role.into()), new)
            .map(|old| old.lessons)
            .unwrap_or_default();
        (self.install(lessons, old), problems)
    }

    /// What the top-level role says beside lessons; of publishers and revoked keys only the ministry's word counts.
    fn take_top(
        &mut self,
        publisher: &str,
        collection: Option<CollectionKeys>,
        publishers: Publishers,
        revoked: Revoked,
    ) {
        match collection {
            Some(key) => self.collection.insert(publisher.into(), key),
            None => self.collection.remove(publisher),
        };
        if publisher == MINISTRY {
            (self.publishers, self.revoked) = (publishers, revoked);
        }
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

/// Where a publisher may publish: the ministry below its own id, others where it says.
fn prefix_of(publishers: &Publishers, publisher: &str) -> Option<PathPrefix> {
    if publisher == MINISTRY {
        return PathPrefix::whole(MINISTRY).ok();
    }
    Some(publishers.active(publisher)?.prefix.clone())
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
