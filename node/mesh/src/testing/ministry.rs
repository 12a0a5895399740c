//! A publisher in memory: real keys and signatures, lessons whose bytes are only numbers.

use std::collections::BTreeMap;

use pishtar_catalog::{
    BlobHash, LessonId, MINISTRY, Part, Publisher, Publishers, Revoked,
    revoked::{KeyKind, RevokedKey},
    target::{FileDraft, LessonDraft, custom},
};
use pishtar_signing::{
    client::{MetaRole, TrustedSet},
    key::SigningKey,
    metadata::{Hashes, PathPattern, RoleName, Scope, TargetFile, TargetPath},
    repository::{NewRepository, Repository, Signatories},
};

/// Expiry of everything, far from any test's clock.
pub(super) const EXPIRES: i64 = 4_000_000_000;

/// A ministry, or another publisher, whose published folder is a map.
#[derive(Debug, Clone)]
pub struct Ministry {
    id: String,
    /// First of its key seeds.
    seed: u8,
    /// Seed of the present timestamp key, beyond `seed`.
    pub(super) timestamp_key: u8,
    expires: i64,
    publishers: Publishers,
    revoked: Revoked,
    /// Lengths that it claims falsely.
    lengths: BTreeMap<BlobHash, u64>,
    /// Further lessons of the roles: what their ids say need not be where they may lie.
    foreign: BTreeMap<String, Vec<(LessonId, u64)>>,
    pub(super) repository: Repository,
    courses: BTreeMap<String, BTreeMap<String, Vec<u64>>>,
    pub(super) published: BTreeMap<String, Vec<u8>>,
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
        Ministry::publisher(MINISTRY, 0)
    }

    /// A publisher with this id and keys from this seed, without lessons, published once.
    pub fn publisher(id: &str, seed: u8) -> Self {
        let one = |at| Signatories::one(key(seed + at).public());
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
            id: id.to_owned(),
            seed,
            timestamp_key: 4,
            expires: EXPIRES,
            publishers: Publishers::default(),
            revoked: Revoked::default(),
            lengths: BTreeMap::new(),
            foreign: BTreeMap::new(),
            repository,
            courses: BTreeMap::new(),
            published: BTreeMap::new(),
        };
        ministry.publish();
        ministry
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is published from now on expires then, Unix seconds.
    pub fn expires(&mut self, at: i64) {
        self.expires = at;
    }

    /// Lists another publisher, or puts what is said here in the place of what was.
    pub fn list(&mut self, other: &Ministry, prefix: &str) {
        self.publishers.remove(&other.id);
        let name = BTreeMap::from([("en".to_owned(), format!("The {}", other.id))]);
        let root = Hashes::of(&other.published["1.root.json"]).sha256();
        let root = root.expect("Hashes::of makes a SHA-256");
        let entry = Publisher::new(&other.id, name, root, prefix).expect("test entries are sound");
        self.publishers
            .insert(entry)
            .expect("it was taken out before");
    }

    /// Revokes another publisher.
    pub fn revoke(&mut self, id: &str, reason: &str) {
        let entry = self.publishers.remove(id).expect("a listed publisher");
        self.publishers
            .insert(entry.revoked(reason))
            .expect("it was taken out before");
    }

    /// Revokes a device, or restores it.
    pub fn revoke_device(&mut self, key: [u8; 32], revoked: bool) {
        let reason = "lost on a bus".to_owned();
        let (kind, since) = (KeyKind::Node, None);
        match revoked {
            true => drop(self.revoked.insert(RevokedKey {
                key,
                kind,
                reason,
                since,
            })),
            false => drop(self.revoked.remove(&key)),
        }
    }

    /// Claims from now on that this blob has this length, whatever its lessons say.
    pub fn claim_length(&mut self, hash: BlobHash, length: u64) {
        self.lengths.insert(hash, length);
    }

    /// Lists, in one of its roles, a lesson that may be somebody else's.
    pub fn foreign_lesson(&mut self, course: &str, id: &str, length: u64) {
        self.courses.entry(course.to_owned()).or_default();
        let id = LessonId::new(id).expect("test names are plain");
        let role = self.foreign.entry(course.to_owned()).or_default();
        role.push((id, length));
    }

    /// Adds or changes a lesson of a course such as `math-6-sq`: one file per length in bytes.
    pub fn lesson(&mut self, course: &str, lesson: &str, lengths: &[u64]) -> LessonId {
        let lessons = self.courses.entry(course.to_owned()).or_default();
        lessons.insert(lesson.to_owned(), lengths.to_vec());
        lesson_id(&self.id, course, lesson)
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
            let foreign = self.foreign.get(course).into_iter().flatten();
            let scope = match self.foreign.contains_key(course) {
                true => Scope::Paths(vec![PathPattern("*/*/*/*".to_owned())]),
                false => Scope::Paths(vec![PathPattern(format!("{}/{course}/*/*", self.id))]),
            };
            let by = Signatories::one(key(self.seed + 5).public());
            let own = lessons
                .iter()
                .flat_map(|(lesson, lengths)| files(&lesson_id(&self.id, course, lesson), lengths));
            let foreign = foreign.flat_map(|(id, length)| files(id, &[*length]));
            let mut files: BTreeMap<TargetPath, TargetFile> = own.chain(foreign).collect();
            for file in files.values_mut() {
                let hash = file.hashes.sha256().map(BlobHash);
                let claimed = hash.and_then(|hash| self.lengths.get(&hash));
                file.length = claimed.copied().unwrap_or(file.length);
            }
            self.repository
                .set_role(&role(course), &by, scope, files, EXPIRES)
                .expect("the course's scope covers its files");
        }
        self.list_all();
        self.sign(&MetaRole::Root, 1);
        self.sign(&MetaRole::Targets, 2);
        for course in self.courses.keys().cloned().collect::<Vec<_>>() {
            self.sign(&MetaRole::Delegated(role(&course)), 5);
        }
        self.repository
            .build_snapshot(self.expires)
            .expect("all targets roles are signed");
        self.sign(&MetaRole::Snapshot, 3);
        self.repository
            .build_timestamp(self.expires)
            .expect("the snapshot is signed");
        self.sign(&MetaRole::Timestamp, self.timestamp_key);
        self.published
            .extend(self.repository.publish().expect("everything is signed"));
    }

    /// Puts publishers and revoked keys into the top-level role, where there are any.
    fn list_all(&mut self) {
        let lists = [
            ("publishers", self.publishers.to_value()),
            ("revoked", self.revoked.to_value()),
        ];
        for (name, value) in lists {
            let path = TargetPath::new(format!("{}/{name}.json", self.id)).expect("a short path");
            let there = self.repository.targets(&RoleName::targets());
            let there = there.is_some_and(|top| top.targets.contains_key(&path));
            if !there && value.as_array().is_some_and(Vec::is_empty) {
                continue;
            }
            let bytes = value.to_string();
            let file = TargetFile {
                length: bytes.len() as u64,
                hashes: Hashes::of(bytes.as_bytes()),
                custom: [(name.to_owned(), value)].into_iter().collect(),
                extra: Default::default(),
            };
            self.repository
                .edit_targets(EXPIRES, |targets| drop(targets.insert(path, file)))
                .expect("strings have a canonical form");
        }
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

    pub(super) fn sign(&mut self, role: &MetaRole, seed: u8) {
        if !self.repository.is_complete(role) {
            self.repository
                .sign(role, &key(self.seed + seed))
                .expect("the role's own key signs it");
        }
    }
}

/// The public half of one of a publisher's keys, alone.
pub(super) fn signatory(ministry: &Ministry, at: u8) -> Signatories {
    Signatories::one(key(ministry.seed + at).public())
}

fn lesson_id(publisher: &str, course: &str, lesson: &str) -> LessonId {
    LessonId::new(&format!("{publisher}/{course}/{lesson}")).expect("test names are plain")
}

fn files(id: &LessonId, lengths: &[u64]) -> Vec<(TargetPath, TargetFile)> {
    let (course, lesson) = (id.course(), id.slug());
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
            custom: custom(&draft_file, id, &draft),
            extra: Default::default(),
        };
        let path = TargetPath::new(format!("{id}/file{part}.mp4")).expect("test names are plain");
        (path, target)
    };
    lengths.iter().enumerate().map(file).collect()
}
