//! All lessons of all trusted publishers, updated role by role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::MINISTRY;
use crate::ids::{BlobHash, LessonId, Word};
use crate::lesson::{Lesson, LessonFile};

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

/// The public side of a publisher's collection key: whom learner records are sealed to and who acknowledges them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionKey {
    /// Raised with every new key.
    pub epoch: u32,
    /// X25519 public key that records are sealed to.
    #[serde(with = "hex::serde")]
    pub seal: [u8; 32],
    /// Ed25519 public key that signs acknowledgements.
    #[serde(with = "hex::serde")]
    pub ack: [u8; 32],
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
}
