//! A publisher in memory: real keys and signatures, lessons whose bytes are only numbers.

use std::collections::BTreeMap;

use pishtar_catalog::{
    BlobHash, LessonId, Part,
    target::{FileDraft, LessonDraft, custom},
};
use pishtar_signing::{
    client::{MetaRole, TrustedSet},
    key::SigningKey,
    metadata::{Hashes, PathPattern, RoleName, Scope, TargetFile, TargetPath},
    repository::{NewRepository, Repository, Signatories},
};

/// Expiry of everything, far from any test's clock.
const EXPIRES: i64 = 4_000_000_000;

/// A ministry whose published folder is a map.
#[derive(Debug, Clone)]
pub struct Ministry {
    repository: Repository,
    courses: BTreeMap<String, BTreeMap<String, Vec<u64>>>,
    published: BTreeMap<String, Vec<u8>>,
}

/// The hash that stands for the file number `part` of a lesson in its current content.
pub fn blob_of(course: &str, lesson: &str, part: usize, length: u64) -> BlobHash {
    BlobHash::of(format!("{course}/{lesson}/{part}/{length}").as_bytes())
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).expect("test course names are role names")
}

impl Default for Ministry {
    fn default() -> Self {
        Ministry::new()
    }
}

impl Ministry {
    /// Without lessons, published once.
    pub fn new() -> Self {
        let one = |seed| Signatories::one(key(seed).public());
        let new = NewRepository {
            root: one(1),
            targets: one(2),
            snapshot: one(3),
            timestamp: one(4),
            root_expires: EXPIRES,
            targets_expires: EXPIRES,
        };
        let repository = Repository::create(new).expect("one key each meets every threshold");
        let mut ministry = Ministry {
            repository,
            courses: BTreeMap::new(),
            published: BTreeMap::new(),
        };
        ministry.publish();
        ministry
    }

    /// Adds or changes a lesson of a course such as `math-6-sq`: one file per length in bytes.
    pub fn lesson(&mut self, course: &str, lesson: &str, lengths: &[u64]) -> LessonId {
        let lessons = self.courses.entry(course.to_owned()).or_default();
        lessons.insert(lesson.to_owned(), lengths.to_vec());
        LessonId::new(&format!("ministry/{course}/{lesson}")).expect("test names are plain")
    }

    /// Withdraws a lesson.
    pub fn withdraw(&mut self, course: &str, lesson: &str) {
        if let Some(lessons) = self.courses.get_mut(course) {
            lessons.remove(lesson);
        }
    }

    /// Signs and publishes everything.
    pub fn publish(&mut self) {
        for (course, lessons) in &self.courses {
            let scope = Scope::Paths(vec![PathPattern(format!("ministry/{course}/*/*"))]);
            let by = Signatories::one(key(5).public());
            let files = lessons
                .iter()
                .flat_map(|(lesson, lengths)| files(course, lesson, lengths))
                .collect();
            self.repository
                .set_role(&role(course), &by, scope, files, EXPIRES)
                .expect("the course's scope covers its files");
        }
        self.sign(&MetaRole::Root, 1);
        self.sign(&MetaRole::Targets, 2);
        for course in self.courses.keys().cloned().collect::<Vec<_>>() {
            self.sign(&MetaRole::Delegated(role(&course)), 5);
        }
        self.repository
            .build_snapshot(EXPIRES)
            .expect("all targets roles are signed");
        self.sign(&MetaRole::Snapshot, 3);
        self.repository
            .build_timestamp(EXPIRES)
            .expect("the snapshot is signed");
        self.sign(&MetaRole::Timestamp, 4);
        self.published
            .extend(self.repository.publish().expect("everything is signed"));
    }

    /// The published files by name.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.published.clone()
    }

    /// A device that pinned the first root and knows nothing else.
    pub fn pinned(&self) -> TrustedSet {
        TrustedSet::pin(&self.published["1.root.json"]).expect("own root verifies")
    }

    /// Version of the newest timestamp.
    pub fn version(&self) -> u64 {
        self.repository.version(&MetaRole::Timestamp).unwrap_or(0)
    }

    /// All blobs of the current catalogue with their lengths.
    pub fn blobs(&self) -> Vec<(BlobHash, u64)> {
        let of_lesson = |course: &String, (lesson, lengths): (&String, &Vec<u64>)| {
            let numbered = lengths.iter().enumerate();
            numbered
                .map(|(part, &length)| (blob_of(course, lesson, part, length), length))
                .collect::<Vec<_>>()
        };
        let of_course = |(course, lessons): (&String, &BTreeMap<String, Vec<u64>>)| {
            lessons
                .iter()
                .flat_map(|lesson| of_lesson(course, lesson))
                .collect::<Vec<_>>()
        };
        self.courses.iter().flat_map(of_course).collect()
    }

    fn sign(&mut self, role: &MetaRole, seed: u8) {
        if !self.repository.is_complete(role) {
            self.repository
                .sign(role, &key(seed))
                .expect("the role's own key signs it");
        }
    }
}

fn files(course: &str, lesson: &str, lengths: &[u64]) -> Vec<(TargetPath, TargetFile)> {
    let id = LessonId::new(&format!("ministry/{course}/{lesson}")).expect("test names are plain");
    let mut words = course.split('-');
    let mut next = || words.next().unwrap_or_default().to_owned();
    let draft = LessonDraft {
        version: 1,
        title: BTreeMap::from([("en".to_owned(), lesson.to_owned())]),
        subject: next(),
        grade: next().parse().unwrap_or(0),
        language: next(),
        duration_s: 60,
        ..LessonDraft::default()
    };
    let file = |(part, &length): (usize, &u64)| {
        let kind = if part == 0 { Part::Main } else { Part::Other };
        let hash = blob_of(course, lesson, part, length);
        let draft_file = FileDraft {
            part: kind,
            lang: None,
            media_type: "video/mp4".to_owned(),
            blake3: hash,
            head_bytes: 0,
            tail_bytes: 0,
        };
        let target = TargetFile {
            length,
            hashes: Hashes::from_sha256(hash.0),
            custom: custom(&draft_file, &id, &draft),
            extra: Default::default(),
        };
        let path = TargetPath::new(format!("{id}/file{part}.mp4")).expect("test names are plain");
        (path, target)
    };
    lengths.iter().enumerate().map(file).collect()
}
