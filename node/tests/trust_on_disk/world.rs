//! Two publishers that publish an update, a store that holds what was before, and the child that installs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use pishtar::store::trust::TrustStore;
use pishtar_signing::client::{Fetched, MetaFile, MetaRole, Policy, Step, TrustedSet};

use super::publisher::Publisher;

/// What is trusted of each publisher: root version, timestamp version, lesson files.
pub(super) type State = BTreeMap<String, Trusted>;

/// What is trusted of one publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trusted {
    pub(super) root: u64,
    pub(super) timestamp: u64,
    pub(super) files: BTreeSet<String>,
}

/// A store and the update to it.
pub(super) struct World {
    dir: tempfile::TempDir,
    pub(super) before: State,
    pub(super) after: State,
    pub(super) first_roots: BTreeMap<String, Vec<u8>>,
}

impl World {
    /// With these publishers, all at an old catalogue, and an update of each: a new root, a changed course, one that is
    /// new and a lesson that is withdrawn.
    pub(super) fn new(publishers: &[&str]) -> World {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        let (data, published) = (dir.path().join("data"), dir.path().join("published"));
        let store = TrustStore::open(data.join("trust")).unwrap();
        let mut first_roots = BTreeMap::new();
        for publisher in publishers {
            let files = Publisher::new().files;
            publish(&published.join(publisher), &files);
            let root = files["1.root.json"].clone();
            store.pin(publisher, &root).unwrap();
            first_roots.insert((*publisher).to_owned(), root);
        }
        update(&data, &published).unwrap();
        let before = state(&data).unwrap();
        for name in publishers {
            let mut publisher = Publisher::new();
            publisher.update();
            publish(&published.join(name), &publisher.files);
        }
        let world = World {
            before: before.clone(),
            after: before,
            dir,
            first_roots,
        };
        let updated = world.copy();
        update(updated.path(), &world.published()).unwrap();
        let after = state(updated.path()).unwrap();
        World { after, ..world }
    }

    /// The folder that the update comes from.
    pub(super) fn published(&self) -> PathBuf {
        self.dir.path().join("published")
    }

    /// A data folder of its own at the old catalogue.
    pub(super) fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_into(&self.dir.path().join("data"), copy.path());
        copy
    }

    /// Copies the data folder at the old catalogue into an existing one.
    pub(super) fn copy_to(&self, folder: &Path) {
        copy_into(&self.dir.path().join("data"), folder);
    }

    /// What must hold after any fault; then that the update still works.
    pub(super) fn check(&self, data: &Path, what: &str) {
        self.check_whole(data, what);
        if let Err(error) = update(data, &self.published()) {
            panic!("{what}: the next update failed: {error}");
        }
        assert_eq!(
            state(data).unwrap(),
            self.after,
            "{what}: after the next update"
        );
        assert_swept(data, what);
    }

    /// Each publisher is at the old or the new catalogue, and nothing half written stays.
    pub(super) fn check_whole(&self, data: &Path, what: &str) -> State {
        let found = match state(data) {
            Ok(found) => found,
            Err(error) => panic!("{what}: does not restore: {error}"),
        };
        assert!(found.keys().eq(self.before.keys()), "{what}: {found:?}");
        for (publisher, trusted) in &found {
            assert!(
                [&self.before[publisher], &self.after[publisher]].contains(&trusted),
                "{what}: {publisher} is mixed: {trusted:?}"
            );
        }
        assert_swept(data, what);
        found
    }
}

/// The child: one update of every publisher, as a node does it. Says why it could not.
pub(super) fn install(data: &Path, published: &Path) -> ExitCode {
    match update(data, published) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be what is refused.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Restores, updates and installs every publisher.
pub(super) fn update(data: &Path, published: &Path) -> Result<(), Box<dyn Error>> {
    let store = TrustStore::open(data.join("trust"))?;
    for publisher in store.publishers()? {
        let set = restore(&store, &publisher)?.0;
        let folder = published.join(&publisher);
        let mut update = set.begin_update(0, Policy::Offline);
        let outcome = loop {
            match update.next() {
                Step::Fetch { file, .. } => {
                    let answer = match fs::read(folder.join(file.file_name())) {
                        Ok(bytes) => Fetched::Bytes(bytes),
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                            Fetched::Absent
                        }
                        Err(error) => return Err(error.into()),
                    };
                    update.provide(&file, answer)?;
                }
                Step::Done(outcome) => break outcome,
                Step::Over => unreachable!("done or failed before"),
            }
        };
        if outcome.changed {
            let kept: BTreeSet<MetaFile> = outcome.set.held().collect();
            let removed: Vec<_> = set.held().filter(|file| !kept.contains(file)).collect();
            store.install(&publisher, &outcome.new_files, &removed)?;
        }
    }
    Ok(())
}

/// What a node that starts now would trust.
pub(super) fn state(data: &Path) -> Result<State, Box<dyn Error>> {
    let store = TrustStore::open(data.join("trust"))?;
    let mut found = State::new();
    for publisher in store.publishers()? {
        let (set, files) = restore(&store, &publisher)?;
        let version = |role| set.version(&role).unwrap_or(0);
        let trusted = Trusted {
            root: version(MetaRole::Root),
            timestamp: version(MetaRole::Timestamp),
            files,
        };
        found.insert(publisher, trusted);
    }
    Ok(found)
}

fn restore(
    store: &TrustStore,
    publisher: &str,
) -> Result<(TrustedSet, BTreeSet<String>), Box<dyn Error>> {
    let first_root = store.first_root(publisher)?;
    let (mut unreadable, mut files) = (None, BTreeSet::new());
    let read = |file: &MetaFile| {
        store.read(publisher, file).unwrap_or_else(|error| {
            unreadable = Some(error);
            None
        })
    };
    let set = TrustedSet::restore(&first_root, read, |role| {
        files.extend(role.targets.targets.keys().map(ToString::to_string));
    });
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    Ok((set?, files))
}

/// Opening the store swept everything that no manifest names.
fn assert_swept(data: &Path, what: &str) {
    let store = TrustStore::open(data.join("trust")).unwrap();
    for publisher in store.publishers().unwrap() {
        let named = store.held(&publisher).unwrap().len() + 1;
        let there = fs::read_dir(data.join("trust").join(&publisher))
            .unwrap()
            .count();
        assert_eq!(
            there, named,
            "{what}: files of {publisher} that nobody names"
        );
    }
}

fn publish(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
