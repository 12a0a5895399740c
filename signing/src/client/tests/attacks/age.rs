//! Old for new: rollback, freeze, mix-and-match, fast-forward, withheld files.

use super::*;

#[test]
fn rollback_of_last_months_whole_catalogue() {
    let mut ministry = Ministry::new();
    let old = ministry.files();
    ministry.course("math-6-sq", &["1"]);
    ministry.publish();
    let error = update(&ministry.client(), &old).unwrap_err();
    assert_eq!(
        error,
        TrustError::Rollback {
            file: MetaFile::timestamp(),
            role: MetaRole::Timestamp,
            trusted: 2,
            offered: 1
        }
    );
    assert_eq!(error.fault(), Fault::Behind);
}

#[test]
fn rollback_of_the_snapshot_by_the_timestamp_key() {
    let mut ministry = Ministry::new();
    let old: Timestamp = read(&ministry.files(), "timestamp.json");
    ministry.course("math-6-sq", &["1"]);
    let mut files = ministry.publish();
    let client = ministry.client();
    replace(
        &mut files,
        "timestamp.json",
        Timestamp { version: 3, ..old },
        &[&ministry.timestamp],
    );
    let error = update(&client, &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::Rollback {
            file: MetaFile::timestamp(),
            role: MetaRole::Snapshot,
            trusted: 2,
            offered: 1
        }
    );
}

#[test]
fn rollback_of_one_course_by_the_snapshot_key() {
    let mut ministry = Ministry::new();
    let old: Snapshot = read(&ministry.files(), "1.snapshot.json");
    ministry.course("math-6-sq", &["1"]);
    let mut files = ministry.publish();
    let client = ministry.client();
    list_snapshot(&ministry, &mut files, Snapshot { version: 3, ..old }, 3);
    let error = update(&client, &files).unwrap_err();
    let (file, role) = (file("3.snapshot.json"), delegated("math-6-sq"));
    assert_eq!(
        error,
        TrustError::Rollback {
            file,
            role,
            trusted: 2,
            offered: 1
        }
    );
}

#[test]
fn a_course_vanishes_from_the_snapshot() {
    let ministry = Ministry::new();
    let (client, mut files) = (ministry.client(), ministry.files());
    let mut snapshot: Snapshot = read(&files, "1.snapshot.json");
    snapshot.version = 2;
    snapshot.meta.remove("art-1-sr");
    list_snapshot(&ministry, &mut files, snapshot, 2);
    let error = update(&client, &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::NotListed {
            file: file("2.snapshot.json"),
            role: delegated("art-1-sr")
        }
    );
}

#[test]
fn a_delegated_course_that_the_snapshot_never_listed() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let mut snapshot: Snapshot = read(&files, "1.snapshot.json");
    snapshot.meta.remove("art-1-sr");
    list_snapshot(&ministry, &mut files, snapshot, 1);
    let error = update(&pinned(&ministry), &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::NotListed {
            file: file("1.snapshot.json"),
            role: delegated("art-1-sr")
        }
    );
}

#[test]
fn freeze_with_an_old_timestamp_shows_under_the_strict_policy_only() {
    let ministry = Ministry::new();
    let (client, files) = (ministry.client(), ministry.files());
    let now = LATER + 1;
    let (outcome, asked) = update_with(&client, &files, now, Policy::Strict);
    assert_eq!(
        outcome.unwrap_err(),
        TrustError::Expired {
            file: file("1.root.json"),
            expired: LATER,
            now
        }
    );
    assert_eq!(asked, ["2.root.json"]);
    assert!(update_with(&client, &files, now, Policy::Offline).0.is_ok());
}

#[test]
fn each_expired_role_is_named_under_the_strict_policy() {
    let mut ministry = Ministry::new();
    ministry.expires = NOW;
    let expired = |name| TrustError::Expired {
        file: file(name),
        expired: NOW,
        now: NOW,
    };
    let (outcome, _) = update_with(&pinned(&ministry), &ministry.publish(), NOW, Policy::Strict);
    assert_eq!(outcome.unwrap_err(), expired("timestamp.json"));

    ministry.course("math-6-sq", &["1"]);
    ministry.expires = LATER;
    let (outcome, _) = update_with(&pinned(&ministry), &ministry.publish(), NOW, Policy::Strict);
    assert_eq!(outcome.unwrap_err(), expired("2.math-6-sq.json"));

    ministry.course("math-6-sq", &["2"]);
    ministry.repository.build_snapshot(NOW).unwrap_err();
    assert!(
        update_with(&pinned(&ministry), &ministry.publish(), NOW, Policy::Strict)
            .0
            .is_ok()
    );
}

#[test]
fn mix_of_a_new_timestamp_with_old_targets() {
    let mut ministry = Ministry::new();
    let old = ministry.files();
    ministry.course("math-6-sq", &["1"]);
    let mut files = ministry.publish();
    files.insert(
        "2.math-6-sq.json".to_owned(),
        old["1.math-6-sq.json"].clone(),
    );
    let error = update(&pinned(&ministry), &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::Hash {
            file: file("2.math-6-sq.json"),
            listed_in: MetaRole::Snapshot
        }
    );
    assert_eq!(error.fault(), Fault::Source);
}

#[test]
fn mix_of_a_new_timestamp_with_an_old_snapshot() {
    let mut ministry = Ministry::new();
    let old = ministry.files();
    ministry.course("math-6-sq", &["1"]);
    let mut files = ministry.publish();
    files.insert("2.snapshot.json".to_owned(), old["1.snapshot.json"].clone());
    let error = update(&pinned(&ministry), &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::Hash {
            file: file("2.snapshot.json"),
            listed_in: MetaRole::Timestamp
        }
    );
}

#[test]
fn mix_without_hashes_is_caught_by_the_version() {
    let mut ministry = Ministry::new();
    let old = ministry.files();
    ministry.course("math-6-sq", &["1"]);
    let mut files = ministry.publish();
    let mut snapshot: Snapshot = read(&files, "2.snapshot.json");
    for meta in snapshot.meta.values_mut() {
        (meta.length, meta.hashes) = (None, None);
    }
    list_snapshot(&ministry, &mut files, snapshot, 2);
    files.insert(
        "2.math-6-sq.json".to_owned(),
        old["1.math-6-sq.json"].clone(),
    );
    let error = update(&pinned(&ministry), &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::Version {
            file: file("2.math-6-sq.json"),
            expected: 2,
            found: 1
        }
    );
}

#[test]
fn a_file_of_another_role_under_the_name() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    files.insert(
        "timestamp.json".to_owned(),
        files["1.snapshot.json"].clone(),
    );
    let error = update(&pinned(&ministry), &files).unwrap_err();
    let problem = MetadataError::WrongType {
        expected: "timestamp",
        found: "snapshot".to_owned(),
    };
    assert_eq!(
        error,
        TrustError::Malformed {
            file: MetaFile::timestamp(),
            problem
        }
    );
}

#[test]
fn fast_forward_is_undone_by_rotating_the_keys() {
    let mut ministry = Ministry::new();
    let honest = ministry.files();
    let mut stolen = honest.clone();
    let mut snapshot: Snapshot = read(&stolen, "1.snapshot.json");
    snapshot.version = i64::MAX as u64;
    list_snapshot(&ministry, &mut stolen, snapshot, i64::MAX as u64);
    let driven = update(&pinned(&ministry), &stolen).unwrap().set;
    assert!(matches!(
        update(&driven, &honest).unwrap_err(),
        TrustError::Rollback { .. }
    ));

    ministry
        .repository
        .rotate(
            &MetaRole::Snapshot,
            &Signatories::one(key(21).public()),
            LATER,
        )
        .unwrap();
    ministry
        .repository
        .rotate(
            &MetaRole::Timestamp,
            &Signatories::one(key(31).public()),
            LATER,
        )
        .unwrap();
    (ministry.snapshot, ministry.timestamp) = (key(21), key(31));
    let recovered = update(&driven, &ministry.publish()).unwrap().set;
    assert_eq!(recovered.version(&MetaRole::Timestamp), Some(2));
    assert_eq!(recovered.version(&MetaRole::Snapshot), Some(2));
}

#[test]
fn a_key_added_beside_the_old_one_forgets_no_floor() {
    let mut ministry = Ministry::new();
    ministry.course("math-6-sq", &["1"]);
    ministry.publish();
    let client = ministry.client();
    let both = Signatories {
        keys: vec![key(30).public(), key(31).public()],
        threshold: 1,
    };
    ministry
        .repository
        .rotate(&MetaRole::Timestamp, &both, LATER)
        .unwrap();
    let mut files = ministry.publish();
    let mut old: Timestamp = read(&files, "timestamp.json");
    old.version = 1;
    replace(&mut files, "timestamp.json", old, &[&key(31)]);
    assert!(matches!(
        update(&client, &files).unwrap_err(),
        TrustError::Rollback {
            trusted: 2,
            offered: 1,
            ..
        }
    ));
}

#[test]
fn a_stolen_timestamp_key_signs_year_2100() {
    let mut ministry = Ministry::new();
    let mut stolen = ministry.files();
    let mut timestamp: Timestamp = read(&stolen, "timestamp.json");
    (timestamp.version, timestamp.expires) = (4_000_000_000, 4_102_444_800);
    replace(
        &mut stolen,
        "timestamp.json",
        timestamp,
        &[&ministry.timestamp],
    );
    let driven = update(&ministry.client(), &stolen).unwrap().set;
    ministry
        .repository
        .rotate(
            &MetaRole::Timestamp,
            &Signatories::one(key(31).public()),
            LATER,
        )
        .unwrap();
    ministry.timestamp = key(31);
    let outcome = update(&driven, &ministry.publish()).unwrap();
    assert_eq!(outcome.set.expires(&MetaRole::Timestamp), Some(LATER));
}

#[test]
fn a_source_that_withholds_a_listed_file() {
    let ministry = Ministry::new();
    for name in [
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.art-1-sr.json",
    ] {
        let mut files = ministry.files();
        files.remove(name);
        let error = update(&pinned(&ministry), &files).unwrap_err();
        assert_eq!(error, TrustError::Missing { file: file(name) });
        assert_eq!(error.fault(), Fault::Behind);
    }
}
