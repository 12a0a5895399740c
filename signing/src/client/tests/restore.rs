//! Own state read back from disk: the same state as before, or an error.

use crate::fixture::*;
use crate::repository::Signatories;

use super::*;

#[test]
fn restore_gives_the_same_state_and_lessons() {
    let mut ministry = Ministry::new();
    ministry.course("math-6-sq", &["1"]);
    ministry.publish();
    let client = ministry.client();
    let files = ministry.files();
    let mut roles = Vec::new();
    let restored = TrustedSet::restore(&ministry.first_root(), lookup(&files), |accepted| {
        roles.push(accepted.role.to_string())
    })
    .unwrap();
    assert_eq!(roles, ["targets", "math-6-sq", "art-1-sr"]);
    assert_eq!(
        restored.held().collect::<Vec<_>>(),
        client.held().collect::<Vec<_>>()
    );
    assert!(!update(&restored, &files).unwrap().changed);
}

#[test]
fn restore_of_a_pinned_publisher_without_files_is_the_pin() {
    let ministry = Ministry::new();
    let restored =
        TrustedSet::restore(&ministry.first_root(), |_| None, |_| panic!("no lessons")).unwrap();
    assert_eq!(restored.version(&MetaRole::Root), Some(1));
    assert_eq!(restored.version(&MetaRole::Timestamp), None);
}

#[test]
fn restore_fails_closed_on_a_damaged_or_missing_file() {
    let ministry = Ministry::new();
    for name in ["1.snapshot.json", "1.targets.json", "1.art-1-sr.json"] {
        let mut files = ministry.files();
        files.get_mut(name).unwrap()[40] ^= 1;
        let error =
            TrustedSet::restore(&ministry.first_root(), lookup(&files), |_| {}).unwrap_err();
        assert!(matches!(error, TrustError::Hash { .. }), "{name}: {error}");
        files.remove(name);
        let error =
            TrustedSet::restore(&ministry.first_root(), lookup(&files), |_| {}).unwrap_err();
        assert_eq!(
            error,
            TrustError::Missing {
                file: MetaFile::parse(name).unwrap()
            }
        );
    }
    let mut files = ministry.files();
    files.insert("timestamp.json".to_owned(), Vec::new());
    let error = TrustedSet::restore(&ministry.first_root(), lookup(&files), |_| {}).unwrap_err();
    assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
}

#[test]
fn roots_that_arrive_alone_are_salvaged_and_survive_a_restart() {
    let mut ministry = Ministry::new();
    let (client, first_root, old) = (ministry.client(), ministry.first_root(), ministry.files());
    ministry
        .repository
        .rotate(
            &MetaRole::Timestamp,
            &Signatories::one(key(31).public()),
            LATER,
        )
        .unwrap();
    ministry.timestamp = key(31);
    let root = ministry.publish()["2.root.json"].clone();

    let mut halting = client.begin_update(NOW, Policy::Offline);
    let second = MetaFile::new(MetaRole::Root, 2);
    halting
        .provide(&second, Fetched::Bytes(root.clone()))
        .unwrap();
    halting
        .provide(&MetaFile::new(MetaRole::Root, 3), Fetched::Absent)
        .unwrap();
    assert!(halting.salvage().is_none());
    let error = halting
        .provide(&MetaFile::timestamp(), Fetched::Absent)
        .unwrap_err();
    assert_eq!(
        error,
        TrustError::Missing {
            file: MetaFile::timestamp()
        }
    );
    let salvaged = halting.salvage().unwrap();
    assert_eq!(names(&salvaged.new_files), ["2.root.json"]);
    assert_eq!(salvaged.set.version(&MetaRole::Timestamp), None);
    assert_eq!(salvaged.set.version(&MetaRole::Snapshot), None);
    // Still on disk for the restart, and the lessons with them.
    let kept: Vec<MetaFile> = client.held().chain([second]).collect();
    assert!(
        kept.iter()
            .all(|file| salvaged.set.held().any(|held| held == *file))
    );

    let mut disk = old.clone();
    disk.insert("2.root.json".to_owned(), root);
    let mut roles = 0;
    let restored = TrustedSet::restore(&first_root, lookup(&disk), |_| roles += 1).unwrap();
    assert_eq!(roles, 3);
    assert_eq!(restored.version(&MetaRole::Timestamp), None);
    assert_eq!(restored.version(&MetaRole::Root), Some(2));
    assert_eq!(
        update(&restored, &ministry.files())
            .unwrap()
            .set
            .version(&MetaRole::Timestamp),
        Some(2)
    );
}
