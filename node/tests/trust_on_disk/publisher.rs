//! A publisher in memory with real keys and signatures, whose lessons are only names.

use std::collections::BTreeMap;

use pishtar_signing::{
    client::MetaRole,
    key::SigningKey,
    metadata::{Hashes, PathPattern, RoleName, Scope, TargetFile, TargetPath},
    repository::{NewRepository, Repository, Signatories},
};

const EXPIRES: i64 = 4_000_000_000;

/// Its repository and everything published so far.
pub(super) struct Publisher {
    repository: Repository,
    timestamp: u8,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn one(seed: u8) -> Signatories {
    Signatories::one(key(seed).public())
}

impl Publisher {
    /// With two courses, published.
    pub(super) fn new() -> Publisher {
        let new = NewRepository {
            root: one(1),
            targets: one(2),
            snapshot: one(3),
            timestamp: one(4),
            root_expires: EXPIRES,
            targets_expires: EXPIRES,
        };
        let mut publisher = Publisher {
            repository: Repository::create(new).unwrap(),
            timestamp: 4,
            files: BTreeMap::new(),
        };
        publisher.course("math-6-sq", &["fractions"]);
        publisher.course("art-1-sr", &["colours", "shapes"]);
        publisher.publish();
        publisher
    }

    /// Another catalogue: a new root, a changed course, one that is new, a lesson withdrawn.
    pub(super) fn update(&mut self) {
        self.course("math-6-sq", &["fractions", "angles"]);
        self.course("music-2-en", &["scales"]);
        self.course("art-1-sr", &["shapes"]);
        self.timestamp = 6;
        let role = &MetaRole::Timestamp;
        self.repository.rotate(role, &one(6), EXPIRES).unwrap();
        self.publish();
    }

    fn course(&mut self, course: &str, lessons: &[&str]) {
        let scope = Scope::Paths(vec![PathPattern(format!("ministry/{course}/*/*"))]);
        let file = |lesson: &&str| {
            let target = TargetFile {
                length: lesson.len() as u64,
                hashes: Hashes::of(lesson.as_bytes()),
                custom: Default::default(),
                extra: Default::default(),
            };
            let path = format!("ministry/{course}/{lesson}/video.mp4");
            (TargetPath::new(path).unwrap(), target)
        };
        let (name, files) = (
            RoleName::new(course).unwrap(),
            lessons.iter().map(file).collect(),
        );
        self.repository
            .set_role(&name, &one(5), scope, files, EXPIRES)
            .unwrap();
    }

    fn publish(&mut self) {
        self.sign(MetaRole::Root, 1);
        self.sign(MetaRole::Targets, 2);
        for name in self.repository.roles().cloned().collect::<Vec<_>>() {
            self.sign(MetaRole::Delegated(name), 5);
        }
        self.repository.build_snapshot(EXPIRES).unwrap();
        self.sign(MetaRole::Snapshot, 3);
        self.repository.build_timestamp(EXPIRES).unwrap();
        self.sign(MetaRole::Timestamp, self.timestamp);
        self.files.extend(self.repository.publish().unwrap());
    }

    fn sign(&mut self, role: MetaRole, seed: u8) {
        if !self.repository.is_complete(&role) {
            self.repository.sign(&role, &key(seed)).unwrap();
        }
    }
}
