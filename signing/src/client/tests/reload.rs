//! Single files read back: floors whatever their age, or an error.

use crate::fixture::*;
use crate::metadata::{Snapshot, Timestamp};

use super::*;

/// What the program leaves behind after one publication.
fn stored(files: &Files) -> Stored {
    let newest = |name: &str| files.get(name).cloned();
    Stored {
        root: files["1.root.json"].clone(),
        timestamp: newest("timestamp.json"),
        snapshot: newest("1.snapshot.json"),
        targets: newest("1.targets.json"),
    }
}

#[test]
fn floors_come_back_even_when_they_expired() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let mut timestamp: Timestamp = read(&files, "timestamp.json");
    (timestamp.version, timestamp.expires) = (7, 0);
    files.insert(
        "timestamp.json".to_owned(),
        forge(timestamp, &[&ministry.timestamp]),
    );
    let set = TrustedSet::reload(&stored(&files)).unwrap();
    let versions = [MetaRole::Timestamp, MetaRole::Snapshot, MetaRole::Targets];
    assert_eq!(
        versions.map(|role| set.version(&role)),
        [Some(7), Some(1), Some(1)]
    );
    assert_eq!(
        update(&set, &ministry.files()).unwrap_err(),
        TrustError::Rollback {
            file: MetaFile::timestamp(),
            role: MetaRole::Timestamp,
            trusted: 7,
            offered: 1
        }
    );
}

#[test]
fn a_snapshot_older_than_the_timestamp_is_a_floor_all_the_same() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let mut snapshot: Snapshot = read(&files, "1.snapshot.json");
    snapshot.meta.get_mut("targets").unwrap().version = 9;
    files.insert(
        "1.snapshot.json".to_owned(),
        forge(snapshot, &[&ministry.snapshot]),
    );
    let set = TrustedSet::reload(&stored(&files)).unwrap();
    assert_eq!(set.version(&MetaRole::Targets), None);
    assert_eq!(
        update(&set, &ministry.files()).unwrap_err(),
        TrustError::Rollback {
            file: MetaFile::new(MetaRole::Snapshot, 1),
            role: MetaRole::Targets,
            trusted: 9,
            offered: 1
        }
    );
}

#[test]
fn what_other_keys_signed_is_no_floor_any_more() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let timestamp: Timestamp = read(&files, "timestamp.json");
    files.insert("timestamp.json".to_owned(), forge(timestamp, &[&key(99)]));
    let set = TrustedSet::reload(&stored(&files)).unwrap();
    assert_eq!(set.version(&MetaRole::Timestamp), None);
    assert_eq!(set.version(&MetaRole::Snapshot), None);
    assert!(update(&set, &ministry.files()).unwrap().changed);
}

#[test]
fn damage_is_an_error_and_absence_is_none() {
    let ministry = Ministry::new();
    for damage in [
        |stored: &mut Stored| stored.root.truncate(10),
        |stored: &mut Stored| stored.timestamp = Some(Vec::new()),
        |stored: &mut Stored| stored.snapshot = Some(b"{}".to_vec()),
    ] {
        let mut stored = stored(&ministry.files());
        damage(&mut stored);
        let error = TrustedSet::reload(&stored).unwrap_err();
        assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
    }
    let mut only_root = stored(&ministry.files());
    (only_root.timestamp, only_root.snapshot) = (None, None);
    let set = TrustedSet::reload(&only_root).unwrap();
    assert_eq!(set.version(&MetaRole::Targets), None);
}

#[test]
fn what_verified_before_an_error_can_be_taken() {
    let ministry = Ministry::new();
    let pinned = TrustedSet::pin(&ministry.first_root()).unwrap();
    let mut files = ministry.files();
    files.remove("1.targets.json");
    let mut update = pinned.begin_refresh(NOW, Policy::Strict);
    let mut kept = Vec::new();
    while let Step::Fetch { file, .. } = update.next() {
        let answer = files.get(&file.file_name()).cloned();
        let answer = answer.map_or(Fetched::Absent, Fetched::Bytes);
        let verdict = update.provide(&file, answer);
        kept.extend(names(&update.take_verified()));
        if verdict.is_err() {
            break;
        }
    }
    assert_eq!(kept, ["timestamp.json", "1.snapshot.json"]);
    assert_eq!(update.trusted().version(&MetaRole::Snapshot), Some(1));
}
