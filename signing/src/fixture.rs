//! A ministry in memory, for all tests of this crate: keys, a repository, its published files and a client loop.

use std::collections::BTreeMap;

use serde_json::json;

use crate::UnixSeconds;
use crate::client::{Fetched, MetaFile, MetaRole, Outcome, Policy, Step, TrustError, TrustedSet};
use crate::key::SigningKey;
use crate::metadata::{
    Document, Envelope, Hashes, PathPattern, RoleName, Scope, TargetFile, TargetPath,
};
use crate::repository::{NewRepository, Repository, Signatories};

pub(crate) const NOW: UnixSeconds = 1_795_464_000;
pub(crate) const DAY: UnixSeconds = 86_400;
pub(crate) const LATER: UnixSeconds = NOW + 365 * DAY;

/// Published files by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(crate) fn delegated(name: &str) -> MetaRole {
    MetaRole::Delegated(role(name))
}

pub(crate) fn path(path: &str) -> TargetPath {
    TargetPath::new(path).unwrap()
}

pub(crate) fn target(content: &str) -> TargetFile {
    let serde_json::Value::Object(custom) = json!({"title": content}) else {
        unreachable!()
    };
    TargetFile {
        length: content.len() as u64,
        hashes: Hashes::of(content.as_bytes()),
        custom,
        extra: Default::default(),
    }
}

pub(crate) fn course_scope(course: &str) -> Scope {
    Scope::Paths(vec![PathPattern(format!("ministry/{course}/*/*"))])
}

/// Signs any document with any keys: what an attacker with those keys could do.
pub(crate) fn forge<T: Document>(document: T, keys: &[&SigningKey]) -> Vec<u8> {
    let mut envelope = Envelope::unsigned(document).unwrap();
    envelope.signatures = keys
        .iter()
        .map(|key| key.sign(&envelope.canonical))
        .collect();
    envelope.to_bytes()
}

/// The document of a published file, to be forged upon.
pub(crate) fn read<T: Document>(files: &Files, name: &str) -> T {
    Envelope::parse(&files[name], 1 << 24).unwrap().document
}

/// Root 2 of 3 (seeds 1, 2, 3), targets 10, snapshot 20, timestamp 30, courses 40.
pub(crate) struct Ministry {
    pub(crate) repository: Repository,
    pub(crate) root: Vec<SigningKey>,
    pub(crate) targets: SigningKey,
    pub(crate) snapshot: SigningKey,
    pub(crate) timestamp: SigningKey,
    pub(crate) courses: SigningKey,
    pub(crate) expires: UnixSeconds,
    published: Files,
}

impl Ministry {
    /// With the courses `math-6-sq` (lessons 1 and 2) and `art-1-sr` (lesson 1), published.
    pub(crate) fn new() -> Ministry {
        let one = |seed| Signatories::one(key(seed).public());
        let repository = Repository::create(NewRepository {
            root: Signatories {
                keys: [1, 2, 3].map(|seed| key(seed).public()).to_vec(),
                threshold: 2,
            },
            targets: one(10),
            snapshot: one(20),
            timestamp: one(30),
            root_expires: LATER,
            targets_expires: LATER,
        })
        .unwrap();
        let mut ministry = Ministry {
            repository,
            root: vec![key(1), key(2)],
            targets: key(10),
            snapshot: key(20),
            timestamp: key(30),
            courses: key(40),
            expires: LATER,
            published: Files::new(),
        };
        ministry.course("math-6-sq", &["1", "2"]);
        ministry.course("art-1-sr", &["1"]);
        ministry.publish();
        ministry
    }

    /// Sets a course to these lessons.
    pub(crate) fn course(&mut self, course: &str, lessons: &[&str]) {
        let files = lessons
            .iter()
            .map(|l| (path(&format!("ministry/{course}/{l}/video.mp4")), target(l)))
            .collect();
        let by = Signatories::one(self.courses.public());
        self.repository
            .set_role(
                &role(course),
                &by,
                course_scope(course),
                files,
                self.expires,
            )
            .unwrap();
    }

    /// Signs what lacks signatures with the keys at hand and publishes.
    pub(crate) fn publish(&mut self) -> Files {
        for key in self.root.clone() {
            self.sign(&MetaRole::Root, &key);
        }
        self.sign(&MetaRole::Targets, &self.targets.clone());
        for name in self.repository.roles().cloned().collect::<Vec<_>>() {
            self.sign(&MetaRole::Delegated(name), &self.courses.clone());
        }
        self.repository.build_snapshot(self.expires).unwrap();
        self.sign(&MetaRole::Snapshot, &self.snapshot.clone());
        self.repository.build_timestamp(self.expires).unwrap();
        self.sign(&MetaRole::Timestamp, &self.timestamp.clone());
        self.published.extend(self.repository.publish().unwrap());
        self.files()
    }

    fn sign(&mut self, role: &MetaRole, key: &SigningKey) {
        if !self.repository.is_complete(role) {
            self.repository.sign(role, key).unwrap();
        }
    }

    /// Everything published so far, as a folder would hold it.
    pub(crate) fn files(&self) -> Files {
        self.published.clone()
    }

    pub(crate) fn first_root(&self) -> Vec<u8> {
        self.published["1.root.json"].clone()
    }

    /// A client that pinned the first root and is up to date.
    pub(crate) fn client(&self) -> TrustedSet {
        update(&TrustedSet::pin(&self.first_root()).unwrap(), &self.files())
            .unwrap()
            .set
    }
}

/// Runs an update from a folder of files under the offline policy.
pub(crate) fn update(set: &TrustedSet, files: &Files) -> Result<Outcome, TrustError> {
    update_with(set, files, NOW, Policy::Offline).0
}

/// The same with a policy; also which files were asked for, in order.
pub(crate) fn update_with(
    set: &TrustedSet,
    files: &Files,
    now: UnixSeconds,
    policy: Policy,
) -> (Result<Outcome, TrustError>, Vec<String>) {
    let mut update = set.begin_update(now, policy);
    let mut asked = Vec::new();
    loop {
        match update.next() {
            Step::Fetch { file, .. } => {
                asked.push(file.file_name());
                let answer = files
                    .get(&file.file_name())
                    .cloned()
                    .map_or(Fetched::Absent, Fetched::Bytes);
                if let Err(error) = update.provide(&file, answer) {
                    assert!(matches!(update.next(), Step::Over));
                    return (Err(error), asked);
                }
            }
            Step::Done(outcome) => {
                assert!(matches!(update.next(), Step::Over));
                return (Ok(*outcome), asked);
            }
            Step::Over => unreachable!("done or failed before"),
        }
    }
}

/// A file lookup over a folder, for `TrustedSet::restore`.
pub(crate) fn lookup(files: &Files) -> impl Fn(&MetaFile) -> Option<Vec<u8>> {
    |file| files.get(&file.file_name()).cloned()
}
