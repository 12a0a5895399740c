//! A repository in memory that a test edits and publishes as it likes, also as no honest publisher would.

use std::collections::BTreeMap;

use pishtar_signing::client::{MetaFile, MetaRole};
use pishtar_signing::key::{RoleKeys, Signature, SigningKey};
use pishtar_signing::metadata::{
    DelegatedRole, Delegations, Document, Envelope, FileMeta, Hashes, PathPattern, RoleName, Root,
    SPEC_VERSION, Scope, Snapshot, TargetFile, TargetPath, Targets, Timestamp,
};

/// The year 2100.
pub(crate) const LATER: i64 = 4_102_444_800;
/// The year 2020.
pub(crate) const PAST: i64 = 1_577_836_800;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

/// Is told every path that is published, and its bytes.
type Sink = Box<dyn Fn(&str, &[u8])>;

/// Seeds: root 1, targets 10, snapshot 20, timestamp 30, delegated roles 40.
pub(crate) struct Publication {
    pub(crate) root: Root,
    pub(crate) timestamp: Timestamp,
    pub(crate) snapshot: Snapshot,
    pub(crate) targets: BTreeMap<RoleName, Targets>,
    /// Who signs the next files of each role.
    pub(crate) root_signers: Vec<u8>,
    pub(crate) timestamp_signers: Vec<u8>,
    pub(crate) snapshot_signers: Vec<u8>,
    pub(crate) targets_signers: Vec<u8>,
    pub(crate) course_signers: Vec<u8>,
    /// Everything published so far by its path: `metadata/…` and `targets/…`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    sink: Sink,
}

impl Publication {
    /// Version 1 of everything, published; every published file goes to `sink` as well.
    pub(crate) fn new(sink: Sink) -> Publication {
        let keys = [1, 10, 20, 30].map(|seed| key(seed).public());
        let role_keys = |index: usize| RoleKeys::new([&keys[index]], 1);
        let spec_version = SPEC_VERSION.to_owned();
        let mut publication = Publication {
            root: Root {
                spec_version: spec_version.clone(),
                version: 1,
                expires: LATER,
                consistent_snapshot: true,
                keys: keys.iter().map(|key| (key.id(), key.clone())).collect(),
                root: role_keys(0),
                targets: role_keys(1),
                snapshot: role_keys(2),
                timestamp: role_keys(3),
                extra: Default::default(),
            },
            timestamp: Timestamp {
                spec_version: spec_version.clone(),
                version: 1,
                expires: LATER,
                snapshot: FileMeta::of(1, b""),
                extra: Default::default(),
            },
            snapshot: Snapshot {
                spec_version,
                version: 1,
                expires: LATER,
                meta: BTreeMap::new(),
                extra: Default::default(),
            },
            targets: [(RoleName::targets(), Targets::empty(1, LATER))].into(),
            root_signers: vec![1],
            timestamp_signers: vec![30],
            snapshot_signers: vec![20],
            targets_signers: vec![10],
            course_signers: vec![40],
            files: BTreeMap::new(),
            sink,
        };
        publication.publish_root();
        publication.publish_all();
        publication
    }

    /// Puts any bytes under any path.
    pub(crate) fn put(&mut self, path: &str, bytes: Vec<u8>) {
        (self.sink)(path, &bytes);
        self.files.insert(path.to_owned(), bytes);
    }

    pub(crate) fn publish_root(&mut self) {
        let bytes = sign(self.root.clone(), &self.root_signers);
        self.put(&format!("metadata/{}.root.json", self.root.version), bytes);
    }

    /// The next root, signed by `root_signers`.
    pub(crate) fn next_root(&mut self) {
        self.root.version += 1;
        self.publish_root();
    }

    /// Gives the role `timestamp` or `snapshot` this key in place of the one it has, in the next root.
    pub(crate) fn rotate(&mut self, role: &MetaRole, seed: u8) {
        let public = key(seed).public();
        self.root.keys.insert(public.id(), public.clone());
        let keys = RoleKeys::new([&public], 1);
        match role {
            MetaRole::Timestamp => {
                (self.root.timestamp, self.timestamp_signers) = (keys, vec![seed]);
            }
            MetaRole::Snapshot => (self.root.snapshot, self.snapshot_signers) = (keys, vec![seed]),
            other => panic!("{other} is not rotated here"),
        }
        self.next_root();
    }

    /// Publishes a targets role as it is and lists its version, length and hash in the snapshot.
    pub(crate) fn publish(&mut self, name: &str) {
        let targets = self.targets[name].clone();
        let (version, name) = (targets.version, role(name));
        let signers = if name.is_top() {
            &self.targets_signers
        } else {
            &self.course_signers
        };
        let bytes = sign(targets, signers);
        self.list(&name, FileMeta::of(version, &bytes));
        self.set_file(MetaFile::new(MetaRole::from(&name), version), bytes);
    }

    /// What the next snapshot says of a role.
    pub(crate) fn list(&mut self, name: &RoleName, meta: FileMeta) {
        self.snapshot.meta.insert(name.clone(), meta);
    }

    /// Publishes the snapshot as it is and lists it in the timestamp.
    pub(crate) fn publish_snapshot(&mut self) {
        let bytes = sign(self.snapshot.clone(), &self.snapshot_signers);
        let version = self.snapshot.version;
        self.timestamp.snapshot = FileMeta::of(version, &bytes);
        self.set_file(MetaFile::new(MetaRole::Snapshot, version), bytes);
    }

    pub(crate) fn publish_timestamp(&mut self) {
        let bytes = sign(self.timestamp.clone(), &self.timestamp_signers);
        self.set_file(MetaFile::timestamp(), bytes);
    }

    /// Next versions of a targets role, snapshot and timestamp.
    pub(crate) fn next(&mut self, name: &str) {
        self.targets.get_mut(name).unwrap().version += 1;
        self.publish(name);
        self.next_snapshot();
    }

    /// Next versions of snapshot and timestamp.
    pub(crate) fn next_snapshot(&mut self) {
        self.snapshot.version += 1;
        self.publish_snapshot();
        self.next_timestamp();
    }

    pub(crate) fn next_timestamp(&mut self) {
        self.timestamp.version += 1;
        self.publish_timestamp();
    }

    /// Puts a role's file under the name that clients ask for.
    pub(crate) fn set_file(&mut self, file: MetaFile, bytes: Vec<u8>) {
        let name = if self.root.consistent_snapshot {
            file.file_name()
        } else {
            file.plain_name()
        };
        self.put(&format!("metadata/{name}"), bytes);
    }

    /// `delegator` trusts `name`, which is made empty if it is new, for these paths.
    pub(crate) fn delegate(
        &mut self,
        delegator: &str,
        name: &str,
        paths: &[&str],
        terminating: bool,
    ) {
        let keys = [key(40).public()];
        self.targets
            .entry(role(name))
            .or_insert(Targets::empty(1, LATER));
        let delegator = self.targets.get_mut(delegator).unwrap();
        let delegations = delegator.delegations.get_or_insert_with(Delegations::empty);
        delegations.keys.insert(keys[0].id(), keys[0].clone());
        delegations.roles.push(DelegatedRole {
            name: role(name),
            keys: RoleKeys::new(&keys, 1),
            terminating,
            scope: Scope::Paths(paths.iter().map(|p| PathPattern((*p).to_owned())).collect()),
            extra: Default::default(),
        });
    }

    /// Version 1 of every targets role anew, for a repository that no client has seen yet.
    pub(crate) fn publish_all(&mut self) {
        for name in self.targets.keys().cloned().collect::<Vec<_>>() {
            self.publish(name.as_str());
        }
        self.publish_snapshot();
        self.publish_timestamp();
    }

    /// Lists a file in a role, and puts it under its hash-prefixed name.
    pub(crate) fn file(&mut self, name: &str, path: &str, content: &[u8]) {
        let hashes = Hashes::of(content);
        self.put(&prefixed(path, &hashes.0["sha256"]), content.to_vec());
        let target = TargetFile {
            length: content.len() as u64,
            hashes,
            custom: Default::default(),
            extra: Default::default(),
        };
        let role = self.targets.get_mut(name).unwrap();
        role.targets.insert(TargetPath::new(path).unwrap(), target);
    }
}

/// Signs whatever it is with these keys.
pub(crate) fn sign<T: Document>(document: T, seeds: &[u8]) -> Vec<u8> {
    let mut envelope = Envelope::unsigned(document).unwrap();
    let signatures = seeds
        .iter()
        .map(|seed| key(*seed).sign(&envelope.canonical));
    let signatures: Vec<Signature> = signatures.collect();
    envelope.signatures = signatures;
    envelope.to_bytes()
}

pub(crate) fn prefixed(path: &str, hash: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, file)) => format!("targets/{folder}/{hash}.{file}"),
        None => format!("targets/{hash}.{path}"),
    }
}
