//! A repository that a test edits and publishes to a [`Server`], and the program that follows it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

use pishtar_signing::client::{MetaFile, MetaRole};
use pishtar_signing::key::{RoleKeys, Signature, SigningKey};
use pishtar_signing::metadata::{
    DelegatedRole, Delegations, Document, Envelope, FileMeta, Hashes, PathPattern, RoleName, Root,
    SPEC_VERSION, Scope, Snapshot, TargetFile, TargetPath, Targets, Timestamp,
};
use tempfile::TempDir;

use crate::server::{Answer, Server};

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

/// Seeds: root 1, targets 10, snapshot 20, timestamp 30, delegated roles 40.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) root: Root,
    pub(crate) timestamp: Timestamp,
    pub(crate) snapshot: Snapshot,
    pub(crate) targets: BTreeMap<RoleName, Targets>,
    /// Who signs root, besides the keys that it names now.
    pub(crate) root_signers: Vec<u8>,
    pub(crate) timestamp_signer: u8,
    pub(crate) snapshot_signer: u8,
    first_root: Vec<u8>,
    folder: TempDir,
}

impl World {
    /// Version 1 of everything, published; the client knows the root.
    pub(crate) fn new() -> World {
        let world = World::unknown();
        let first = world.folder.path().join("first.json");
        std::fs::write(&first, &world.first_root).unwrap();
        assert!(
            world
                .run(&["init", first.to_str().unwrap()])
                .status
                .success()
        );
        assert_eq!(world.server.asked(), [""; 0]);
        world
    }

    /// The same, but no root was given to the client yet.
    pub(crate) fn unknown() -> World {
        let keys = [1, 10, 20, 30].map(|seed| key(seed).public());
        let role_keys = |index: usize| RoleKeys::new([&keys[index]], 1);
        let meta = |version| FileMeta {
            version,
            length: None,
            hashes: None,
            extra: Default::default(),
        };
        let header = (SPEC_VERSION.to_owned(), 1, LATER);
        let mut world = World {
            server: Server::start(),
            root: Root {
                spec_version: header.0.clone(),
                version: header.1,
                expires: header.2,
                consistent_snapshot: true,
                keys: keys.iter().map(|key| (key.id(), key.clone())).collect(),
                root: role_keys(0),
                targets: role_keys(1),
                snapshot: role_keys(2),
                timestamp: role_keys(3),
                extra: Default::default(),
            },
            timestamp: Timestamp {
                spec_version: header.0.clone(),
                version: header.1,
                expires: header.2,
                snapshot: meta(1),
                extra: Default::default(),
            },
            snapshot: Snapshot {
                spec_version: header.0,
                version: header.1,
                expires: header.2,
                meta: [(RoleName::targets(), meta(1))].into(),
                extra: Default::default(),
            },
            targets: [(RoleName::targets(), Targets::empty(1, LATER))].into(),
            root_signers: vec![1],
            timestamp_signer: 30,
            snapshot_signer: 20,
            first_root: Vec::new(),
            folder: TempDir::new().unwrap(),
        };
        world.first_root = world.publish_root();
        world.publish("targets");
        world.publish_snapshot();
        world.publish_timestamp();
        world
    }

    pub(crate) fn publish_root(&mut self) -> Vec<u8> {
        let bytes = sign(self.root.clone(), &self.root_signers);
        let name = format!("metadata/{}.root.json", self.root.version);
        self.server.set(name, Answer::Bytes(bytes.clone()));
        bytes
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
            MetaRole::Timestamp => (self.root.timestamp, self.timestamp_signer) = (keys, seed),
            MetaRole::Snapshot => (self.root.snapshot, self.snapshot_signer) = (keys, seed),
            other => panic!("{other} is not rotated here"),
        }
        self.next_root();
    }

    /// Publishes a targets role as it is and lists its version, length and hash in the snapshot.
    pub(crate) fn publish(&mut self, name: &str) {
        let targets = self.targets[name].clone();
        let (version, name) = (targets.version, role(name));
        let bytes = sign(targets, if name.is_top() { &[10] } else { &[40] });
        self.snapshot
            .meta
            .insert(name.clone(), FileMeta::of(version, &bytes));
        self.set_file(MetaFile::new(MetaRole::from(&name), version), bytes);
    }

    /// Publishes the snapshot as it is and lists it in the timestamp.
    pub(crate) fn publish_snapshot(&mut self) {
        let bytes = sign(self.snapshot.clone(), &[self.snapshot_signer]);
        let version = self.snapshot.version;
        self.timestamp.snapshot = FileMeta::of(version, &bytes);
        self.set_file(MetaFile::new(MetaRole::Snapshot, version), bytes);
    }

    pub(crate) fn publish_timestamp(&mut self) {
        let bytes = sign(self.timestamp.clone(), &[self.timestamp_signer]);
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

    fn set_file(&self, file: MetaFile, bytes: Vec<u8>) {
        let name = if self.root.consistent_snapshot {
            file.file_name()
        } else {
            file.plain_name()
        };
        self.server
            .set(format!("metadata/{name}"), Answer::Bytes(bytes));
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

    /// Lists a file in a role, and serves it under its hash-prefixed name.
    pub(crate) fn file(&mut self, name: &str, path: &str, content: &[u8]) {
        let hashes = Hashes::of(content);
        self.server.set(
            prefixed(path, &hashes.0["sha256"]),
            Answer::Bytes(content.to_vec()),
        );
        let target = TargetFile {
            length: content.len() as u64,
            hashes,
            custom: Default::default(),
            extra: Default::default(),
        };
        let role = self.targets.get_mut(name).unwrap();
        role.targets.insert(TargetPath::new(path).unwrap(), target);
    }

    pub(crate) fn metadata_dir(&self) -> PathBuf {
        self.folder.path().join("metadata")
    }

    pub(crate) fn target_dir(&self) -> PathBuf {
        self.folder.path().join("targets")
    }

    /// A command line of the program, folders and addresses included.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuf-client"));
        command
            .args(["--metadata-dir", self.metadata_dir().to_str().unwrap()])
            .args(["--metadata-url", &self.server.url("metadata")])
            .args(["--target-dir", self.target_dir().to_str().unwrap()])
            // With and without a slash at the end must be the same.
            .args(["--target-base-url", &self.server.url("targets/")])
            .args(arguments)
            .env_remove("http_proxy")
            .env_remove("HTTP_PROXY")
            .env_remove("ALL_PROXY")
            .env_remove("all_proxy");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn refresh(&self) {
        let output = self.run(&["refresh"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// What the failing command says.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        said.trim().strip_prefix("tuf-client: ").unwrap().to_owned()
    }

    pub(crate) fn refresh_fails(&self) -> String {
        self.fails(&["refresh"])
    }

    pub(crate) fn download(&self, path: &str) {
        let output = self.run(&["--target-name", path, "download"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Stored metadata as `role version`, in order of names.
    pub(crate) fn stored(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.metadata_dir()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            let json = pishtar_signing::canonical::parse(&bytes, 1 << 24).unwrap();
            let name = name.strip_suffix(".json").expect("nothing else is there");
            found.push(format!("{name} {}", json["signed"]["version"]));
        }
        found.sort();
        found
    }

    /// Downloaded files by name.
    pub(crate) fn downloaded(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.target_dir()) else {
            return BTreeMap::new();
        };
        let entries = entries.map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    /// Changes the stored file of a role.
    pub(crate) fn store(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.metadata_dir().join(format!("{name}.json")), bytes).unwrap();
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

/// The names of metadata files as the server sees them.
pub(crate) fn metadata(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("metadata/{name}"))
        .collect()
}
