//! Further publishers and lost devices: what the ministry's commands write, and what they refuse.

use std::fs;
use std::path::{Path, PathBuf};

use pishtar_catalog::Catalog;
use pishtar_signing::client::{Fetched, Policy, Step, TrustedSet};

use super::*;
use crate::net::NodeKey;

const NOW: UnixSeconds = 1_795_464_000;

/// A ministry's workshop and, beside it, the workshop of a town with its first publication.
struct Bench {
    _dir: tempfile::TempDir,
    ministry: PathBuf,
    town: PathBuf,
}

impl Bench {
    fn new() -> Bench {
        let temporary = tempfile::tempdir().unwrap();
        let (ministry, town) = (
            temporary.path().join("ministry"),
            temporary.path().join("town"),
        );
        init::init(&ministry, MINISTRY, &NewKeysArgs::default(), NOW).unwrap();
        init::init(&town, "prizren", &NewKeysArgs::default(), NOW).unwrap();
        let bench = Bench {
            _dir: temporary,
            ministry,
            town,
        };
        publish(&bench.town);
        bench
    }

    fn root(&self) -> PathBuf {
        self.town.join("published/metadata/1.root.json")
    }

    fn add(&self, id: &str, prefix: Option<&str>, replace: bool) -> Result<String, MinistryError> {
        let command = PublisherCommand::Add {
            dir: self.ministry.clone(),
            id: id.into(),
            name: vec!["sq=Komuna e Prizrenit".into(), "Prizren".into()],
            root: self.root(),
            prefix: prefix.map(str::to_owned),
            replace,
        };
        publisher::run(command, NOW)
    }

    fn revoke(&self, id: &str) -> Result<String, MinistryError> {
        let (dir, reason) = (self.ministry.clone(), "its keys were stolen".to_owned());
        let id = id.into();
        publisher::run(PublisherCommand::Revoke { dir, id, reason }, NOW)
    }

    fn list(&self) -> String {
        let dir = self.ministry.clone();
        publisher::run(PublisherCommand::List { dir }, NOW).unwrap()
    }

    /// The catalogue as a node reads it that pinned the ministry's first root.
    fn catalog(&self) -> Catalog {
        publish(&self.ministry);
        let metadata = self.ministry.join("published/metadata");
        let root = fs::read(metadata.join("1.root.json")).unwrap();
        let mut update = TrustedSet::pin(&root)
            .unwrap()
            .begin_update(NOW, Policy::Offline);
        loop {
            match update.next() {
                Step::Fetch { file, .. } => {
                    let bytes = fs::read(metadata.join(file.file_name()));
                    let answer = bytes.map_or(Fetched::Absent, Fetched::Bytes);
                    update.provide(&file, answer).unwrap();
                }
                Step::Done(outcome) => {
                    let mut catalog = Catalog::new();
                    for role in outcome.targets() {
                        let (_, problems) = catalog.accept_role(MINISTRY, &role);
                        assert_eq!(problems, []);
                    }
                    return catalog;
                }
                Step::Over => panic!("over before it was done"),
            }
        }
    }
}

fn publish(dir: &Path) {
    let args = SignArgs {
        dir: dir.to_owned(),
        ..Default::default()
    };
    sign::sign(&args, NOW).unwrap();
    let (extent, open) = (publish::Extent::Changes, PassphraseArgs::default());
    publish::publish(dir, None, extent, &open, NOW).unwrap();
}

#[test]
fn a_listed_publisher_reaches_nodes_and_so_does_its_revocation() {
    let bench = Bench::new();
    assert!(bench.list().contains("Nobody but the ministry"));
    bench.add("prizren", None, false).unwrap();
    let catalog = bench.catalog();
    let town = catalog.publishers().active("prizren").unwrap();
    assert_eq!(town.prefix.as_str(), "prizren/");
    assert_eq!(town.name_in(&["sq"]), "Komuna e Prizrenit");
    assert_eq!(town.name_in(&["tr", "und"]), "Prizren");
    let root = fs::read(bench.root()).unwrap();
    assert_eq!(
        town.first_root,
        <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(root))
    );
    assert!(bench.list().contains("prizren  publishes at prizren/"));
    verify(&bench.ministry.join("published"), None, NOW).unwrap();

    bench.revoke("prizren").unwrap();
    let catalog = bench.catalog();
    assert!(catalog.publishers().active("prizren").is_none());
    let entry = catalog.publishers().get("prizren").unwrap();
    assert_eq!(entry.revoked.as_deref(), Some("its keys were stolen"));
    assert!(bench.list().contains("revoked (its keys were stolen)"));
    assert!(bench.add("prizren", None, false).is_err());
    bench
        .add("prizren", Some("prizren/math-6-sq/"), true)
        .unwrap();
    let catalog = bench.catalog();
    let town = catalog.publishers().active("prizren").unwrap();
    assert_eq!(town.prefix.as_str(), "prizren/math-6-sq/");
}

#[test]
fn what_the_ministry_must_not_list_is_refused_by_name() {
    let bench = Bench::new();
    let refused = |result: Result<String, MinistryError>, words: &[&str]| {
        let error = result.unwrap_err();
        assert!(error.is_usage());
        let said = error.to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    refused(bench.add("ministry", None, false), &["ministry"]);
    refused(
        bench.add("prizren", Some("ministry/"), false),
        &["prizren", "ministry"],
    );
    refused(
        bench.add("prizren", Some("gjakova/"), false),
        &["prizren", "gjakova"],
    );
    refused(bench.add("Prizren", None, false), &["Prizren", "a-z"]);
    refused(bench.revoke("prizren"), &["prizren", "none is listed yet"]);
    bench.add("prizren", None, false).unwrap();
    refused(
        bench.add("gjakova", None, false),
        &["1.root.json", "prizren"],
    );
    refused(bench.revoke("gjakova"), &["gjakova", "one of prizren"]);
    fs::write(bench.root(), b"{}").unwrap();
    refused(
        bench.add("peja", None, false),
        &["1.root.json", "first root"],
    );
    let command = PublisherCommand::List {
        dir: bench.town.clone(),
    };
    refused(
        publisher::run(command, NOW),
        &["prizren", "only the ministry"],
    );
}

#[test]
fn a_towns_own_workshop_has_no_collection_key_and_its_folder_verifies_by_itself() {
    let bench = Bench::new();
    assert!(bench.ministry.join("keys/collection.json").exists());
    assert!(!bench.town.join("keys/collection.json").exists());
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
    add::add(&bench.town, &samples, None, files::Storing::Copy, NOW).unwrap();
    publish(&bench.town);
    let verified = verify(&bench.town.join("published"), None, NOW).unwrap();
    assert_eq!(verified.lessons, 8);
}

#[test]
fn a_lost_device_is_revoked_and_restored() {
    let bench = Bench::new();
    let dir = bench.ministry.clone();
    let lost = NodeKey::from_seed([7; 32]).node_id();
    let peer = lost.to_string();
    let revoke = |key: &str| {
        let command = DeviceCommand::Revoke {
            dir: dir.clone(),
            key: key.into(),
            kind: device::Kind::Node,
            reason: "lost on a bus".into(),
        };
        device::run(command, NOW)
    };
    revoke(&peer).unwrap();
    revoke(&"08".repeat(32)).unwrap();
    let catalog = bench.catalog();
    assert!(catalog.is_revoked(&lost.0) && catalog.is_revoked(&[8; 32]));
    let list = device::run(DeviceCommand::List { dir: dir.clone() }, NOW).unwrap();
    assert!(
        list.contains(&format!("{peer}  2026-11-23  lost on a bus")),
        "{list}"
    );

    let restore = |key: &str| {
        let (dir, key) = (dir.clone(), key.to_owned());
        device::run(DeviceCommand::Restore { dir, key }, NOW)
    };
    restore(&peer).unwrap();
    assert!(!bench.catalog().is_revoked(&lost.0));
    for (result, word) in [(restore(&peer), &*peer), (revoke("a tablet"), "a tablet")] {
        let said = result.unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
    }
}
