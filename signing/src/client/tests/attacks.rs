//! The attacks of TUF 1.5.2 and of our own list, one named test each, with the exact verdict.

use crate::fixture::*;
use crate::key::{KeyId, PublicKey, RoleKeys};
use crate::metadata::{
    Delegations, Document, Envelope, FileMeta, Hashes, MetadataError, Root, Snapshot, Succinct,
    Timestamp,
};

use super::*;

fn pinned(ministry: &Ministry) -> TrustedSet {
    TrustedSet::pin(&ministry.first_root()).unwrap()
}

fn file(name: &str) -> MetaFile {
    MetaFile::parse(name).unwrap()
}

fn threshold(name: &str, by: &str, valid: u64, needed: u64) -> TrustError {
    TrustError::Threshold {
        file: file(name),
        by: by.to_owned(),
        valid,
        needed,
    }
}

/// Replaces a file with what the given keys sign.
fn replace<T: Document>(files: &mut Files, name: &str, document: T, keys: &[&SigningKey]) {
    files.insert(name.to_owned(), forge(document, keys));
}

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

/// The holder of snapshot and timestamp keys lists whatever he likes.
fn list_snapshot(
    ministry: &Ministry,
    files: &mut Files,
    snapshot: Snapshot,
    timestamp_version: u64,
) {
    let version = snapshot.version;
    let bytes = forge(snapshot, &[&ministry.snapshot]);
    let mut timestamp: Timestamp = read(files, "timestamp.json");
    timestamp.version = timestamp_version;
    timestamp.snapshot = FileMeta::of(version, &bytes);
    files.insert(format!("{version}.snapshot.json"), bytes);
    replace(files, "timestamp.json", timestamp, &[&ministry.timestamp]);
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
fn every_role_signed_by_the_wrong_key() {
    let ministry = Ministry::new();
    let thief = key(99);
    let mut files = ministry.files();
    let timestamp: Timestamp = read(&files, "timestamp.json");
    replace(&mut files, "timestamp.json", timestamp, &[&thief]);
    assert_eq!(
        update(&pinned(&ministry), &files).unwrap_err(),
        threshold("timestamp.json", "1.root.json", 0, 1)
    );

    let mut files = ministry.files();
    let snapshot: Snapshot = read(&files, "1.snapshot.json");
    let bytes = forge(snapshot, &[&thief]);
    let mut timestamp: Timestamp = read(&files, "timestamp.json");
    timestamp.snapshot = FileMeta::of(1, &bytes);
    replace(
        &mut files,
        "timestamp.json",
        timestamp,
        &[&ministry.timestamp],
    );
    files.insert("1.snapshot.json".to_owned(), bytes);
    assert_eq!(
        update(&pinned(&ministry), &files).unwrap_err(),
        threshold("1.snapshot.json", "1.root.json", 0, 1)
    );

    for (name, by) in [
        ("1.targets.json", "1.root.json"),
        ("1.math-6-sq.json", "targets"),
    ] {
        let mut files = ministry.files();
        let targets: Targets = read(&files, name);
        let bytes = forge(targets, &[&thief]);
        let mut snapshot: Snapshot = read(&files, "1.snapshot.json");
        let role = file(name).role.targets_role().unwrap();
        snapshot.meta.insert(role, FileMeta::of(1, &bytes));
        files.insert(name.to_owned(), bytes);
        list_snapshot(&ministry, &mut files, snapshot, 1);
        assert_eq!(
            update(&pinned(&ministry), &files).unwrap_err(),
            threshold(name, by, 0, 1)
        );
    }
}

#[test]
fn a_root_signed_by_one_of_two_needed_keys() {
    let ministry = Ministry::new();
    let (client, mut files) = (ministry.client(), ministry.files());
    let root: Root = read(&files, "1.root.json");
    replace(
        &mut files,
        "2.root.json",
        Root { version: 2, ..root },
        &[&ministry.root[0]],
    );
    assert_eq!(
        update(&client, &files).unwrap_err(),
        threshold("2.root.json", "1.root.json", 1, 2)
    );
}

#[test]
fn one_key_that_signs_twice_counts_once() {
    let ministry = Ministry::new();
    let (client, mut files) = (ministry.client(), ministry.files());
    let root: Root = read(&files, "1.root.json");
    replace(
        &mut files,
        "2.root.json",
        Root { version: 2, ..root },
        &[&ministry.root[0], &ministry.root[0]],
    );
    assert_eq!(
        update(&client, &files).unwrap_err(),
        threshold("2.root.json", "1.root.json", 1, 2)
    );
}

#[test]
fn one_key_under_two_key_ids_counts_once() {
    // The same key with an extra field hashes to another id when all fields are hashed.
    let plain = key(1).public();
    let mut json = plain.to_json().clone();
    json.insert("note".to_owned(), "twin".into());
    let twin = PublicKey::from_json(json.clone()).unwrap();
    let canonical = crate::canonical::to_canonical(&json.into()).unwrap();
    let twin_id = KeyId(Hashes::of(&canonical).0["sha256"].clone());
    assert!(twin.has_id(&twin_id) && twin_id != plain.id());

    let ministry = Ministry::new();
    let mut root: Root = read(&ministry.files(), "1.root.json");
    root.keys.insert(twin_id.clone(), twin);
    root.root = RoleKeys {
        keyids: [plain.id(), twin_id.clone()].into(),
        threshold: 2,
    };
    let mut envelope = Envelope::unsigned(root).unwrap();
    let first = key(1).sign(&envelope.canonical);
    let second = crate::key::Signature {
        keyid: twin_id,
        sig: first.sig.clone(),
    };
    envelope.signatures = vec![first, second];
    let error = TrustedSet::pin(&envelope.to_bytes()).unwrap_err();
    assert_eq!(error, threshold("1.root.json", "1.root.json", 1, 2));
}

#[test]
fn a_key_id_that_is_not_its_keys_hash_does_not_count() {
    let ministry = Ministry::new();
    let mut root: Root = read(&ministry.files(), "1.root.json");
    let false_id = KeyId("00".repeat(32));
    root.keys.insert(false_id.clone(), key(7).public());
    root.root = RoleKeys {
        keyids: [key(1).public().id(), false_id.clone()].into(),
        threshold: 2,
    };
    let mut envelope = Envelope::unsigned(root).unwrap();
    let mut second = key(7).sign(&envelope.canonical);
    second.keyid = false_id;
    envelope.signatures = vec![key(1).sign(&envelope.canonical), second];
    let error = TrustedSet::pin(&envelope.to_bytes()).unwrap_err();
    assert_eq!(error, threshold("1.root.json", "1.root.json", 1, 2));
}

#[test]
fn bad_and_empty_extra_signatures_do_no_harm() {
    let ministry = Ministry::new();
    let root: Root = read(&ministry.files(), "1.root.json");
    let mut envelope = Envelope::unsigned(root).unwrap();
    let id = key(1).public().id();
    for sig in ["", "zz", "00", &"00".repeat(64)] {
        envelope.signatures.push(crate::key::Signature {
            keyid: id.clone(),
            sig: sig.to_owned(),
        });
        envelope.signatures.push(crate::key::Signature {
            keyid: KeyId("unknown".to_owned()),
            sig: sig.to_owned(),
        });
    }
    envelope
        .signatures
        .extend([1, 2].map(|seed| key(seed).sign(&envelope.canonical)));
    assert!(TrustedSet::pin(&envelope.to_bytes()).is_ok());
}

#[test]
fn a_root_signed_by_its_own_new_keys_only() {
    let ministry = Ministry::new();
    let (client, mut files) = (ministry.client(), ministry.files());
    let mut root: Root = read(&files, "1.root.json");
    root.version = 2;
    let thieves = [key(91), key(92)];
    root.keys
        .extend(thieves.iter().map(|key| (key.public().id(), key.public())));
    root.root = RoleKeys::new(&thieves.each_ref().map(|key| key.public()), 2);
    replace(&mut files, "2.root.json", root, &[&thieves[0], &thieves[1]]);
    assert_eq!(
        update(&client, &files).unwrap_err(),
        threshold("2.root.json", "1.root.json", 0, 2)
    );
}

#[test]
fn a_root_signed_by_the_old_keys_only() {
    let ministry = Ministry::new();
    let (client, mut files) = (ministry.client(), ministry.files());
    let mut root: Root = read(&files, "1.root.json");
    root.version = 2;
    root.keys.insert(key(91).public().id(), key(91).public());
    root.root = RoleKeys::new(&[key(91).public()], 1);
    replace(
        &mut files,
        "2.root.json",
        root,
        &[&ministry.root[0], &ministry.root[1]],
    );
    assert_eq!(
        update(&client, &files).unwrap_err(),
        threshold("2.root.json", "2.root.json", 0, 1)
    );
}

#[test]
fn a_root_that_skips_or_repeats_a_version() {
    let ministry = Ministry::new();
    let (client, files) = (ministry.client(), ministry.files());
    for found in [1, 3, u64::MAX] {
        let mut files = files.clone();
        let root: Root = read(&files, "1.root.json");
        replace(
            &mut files,
            "2.root.json",
            Root {
                version: found,
                ..root
            },
            &[&ministry.root[0], &ministry.root[1]],
        );
        assert_eq!(
            update(&client, &files).unwrap_err(),
            TrustError::Version {
                file: file("2.root.json"),
                expected: 2,
                found
            }
        );
    }
}

#[test]
fn endless_data_is_cut_at_the_bound() {
    let ministry = Ministry::new();
    let client = ministry.client();
    let mut files = ministry.files();
    files.insert(
        "2.root.json".to_owned(),
        vec![b' '; MAX_ROOT_BYTES as usize + 1],
    );
    let found = MAX_ROOT_BYTES + 1;
    let too_large = TrustError::TooLarge {
        file: file("2.root.json"),
        limit: MAX_ROOT_BYTES,
        found,
    };
    assert_eq!(update(&client, &files).unwrap_err(), too_large);

    let mut files = ministry.files();
    files.insert(
        "timestamp.json".to_owned(),
        vec![b'['; MAX_TIMESTAMP_BYTES as usize + 1],
    );
    let (limit, found) = (MAX_TIMESTAMP_BYTES, MAX_TIMESTAMP_BYTES + 1);
    assert_eq!(
        update(&client, &files).unwrap_err(),
        TrustError::TooLarge {
            file: MetaFile::timestamp(),
            limit,
            found
        }
    );
}

#[test]
fn the_listed_length_bounds_the_fetch() {
    let ministry = Ministry::new();
    let files = ministry.files();
    let mut update = pinned(&ministry).begin_update(NOW, Policy::Offline);
    let mut bounds = Vec::new();
    while let Step::Fetch { file, max_bytes } = update.next() {
        let bytes = files.get(&file.file_name()).cloned();
        bounds.push((max_bytes, bytes.as_ref().map(|bytes| bytes.len() as u64)));
        update
            .provide(&file, bytes.map_or(Fetched::Absent, Fetched::Bytes))
            .unwrap();
    }
    assert_eq!(
        bounds[..2].iter().map(|(max, _)| *max).collect::<Vec<_>>(),
        [MAX_ROOT_BYTES, MAX_TIMESTAMP_BYTES]
    );
    assert!(
        bounds[2..]
            .iter()
            .all(|(max, length)| Some(*max) == *length),
        "{bounds:?}"
    );
}

#[test]
fn deep_json_floats_and_duplicate_keys() {
    let ministry = Ministry::new();
    let client = ministry.client();
    let mut files = ministry.files();
    let deep = format!(
        "{{\"signatures\":[],\"signed\":{}{}}}",
        "[".repeat(1000),
        "]".repeat(1000)
    );
    files.insert("timestamp.json".to_owned(), deep.into_bytes());
    assert!(matches!(
        update(&client, &files).unwrap_err(),
        TrustError::Malformed {
            problem: MetadataError::Parse(_),
            ..
        }
    ));

    let timestamp = String::from_utf8(ministry.files()["timestamp.json"].clone()).unwrap();
    files.insert(
        "timestamp.json".to_owned(),
        timestamp
            .replace("\"version\":1", "\"version\":1.0")
            .into_bytes(),
    );
    assert!(matches!(
        update(&client, &files).unwrap_err(),
        TrustError::Malformed {
            problem: MetadataError::Canonical(_),
            ..
        }
    ));

    // The last value counts for the signature and for the content alike: before it, another value changes nothing.
    let earlier = timestamp.replace("\"_type\":", "\"version\":7,\"_type\":");
    files.insert("timestamp.json".to_owned(), earlier.into_bytes());
    assert!(!update(&client, &files).unwrap().changed);
    let later = timestamp.replace("\"version\":1}}", "\"version\":1,\"version\":9}}");
    assert_ne!(later, timestamp);
    files.insert("timestamp.json".to_owned(), later.into_bytes());
    assert_eq!(
        update(&client, &files).unwrap_err(),
        threshold("timestamp.json", "1.root.json", 0, 1)
    );
}

#[test]
fn another_major_version_of_the_specification() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    for found in ["2.0.0", "1", "1.0.0.0", "one", "1.x.0", ""] {
        let mut timestamp: Timestamp = read(&ministry.files(), "timestamp.json");
        timestamp.spec_version = found.to_owned();
        replace(
            &mut files,
            "timestamp.json",
            timestamp,
            &[&ministry.timestamp],
        );
        let error = TrustError::SpecVersion {
            file: MetaFile::timestamp(),
            found: found.to_owned(),
        };
        assert_eq!(update(&pinned(&ministry), &files).unwrap_err(), error);
    }
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

#[test]
fn the_first_root_must_be_signed_by_itself_and_be_a_root() {
    let ministry = Ministry::new();
    let root: Root = read(&ministry.files(), "1.root.json");
    let one = forge(root, &[&ministry.root[0]]);
    assert_eq!(
        TrustedSet::pin(&one).unwrap_err(),
        threshold("1.root.json", "1.root.json", 1, 2)
    );
    assert!(matches!(
        TrustedSet::pin(b"{}").unwrap_err(),
        TrustError::Malformed { .. }
    ));
    assert!(matches!(
        TrustedSet::pin(&ministry.files()["timestamp.json"]).unwrap_err(),
        TrustError::Malformed { .. }
    ));
}

#[test]
fn more_roots_than_one_update_follows() {
    let ministry = Ministry::new();
    let mut client = ministry.client();
    let first: Root = read(&ministry.files(), "1.root.json");
    let mut files = ministry.files();
    for version in 2..=MAX_ROOTS + 2 {
        let root = Root {
            version,
            ..first.clone()
        };
        replace(
            &mut files,
            &format!("{version}.root.json"),
            root,
            &[&ministry.root[0], &ministry.root[1]],
        );
    }
    client = update(&client, &files).unwrap().set;
    assert_eq!(client.version(&MetaRole::Root), Some(MAX_ROOTS + 1));
    client = update(&client, &files).unwrap().set;
    assert_eq!(client.version(&MetaRole::Root), Some(MAX_ROOTS + 2));
}

#[test]
fn a_million_delegations_and_deep_chains_are_refused() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let mut targets: Targets = read(&files, "1.targets.json");
    targets.delegations = Some(Delegations {
        keys: [(ministry.courses.public().id(), ministry.courses.public())].into(),
        roles: Vec::new(),
        succinct: Some(Succinct {
            keys: RoleKeys::new(&[ministry.courses.public()], 1),
            bit_length: 20,
            name_prefix: "bin".to_owned(),
            extra: Default::default(),
        }),
        extra: Default::default(),
    });
    let bytes = forge(targets, &[&ministry.targets]);
    let mut snapshot: Snapshot = read(&files, "1.snapshot.json");
    snapshot
        .meta
        .insert(RoleName::targets(), FileMeta::of(1, &bytes));
    files.insert("1.targets.json".to_owned(), bytes);
    list_snapshot(&ministry, &mut files, snapshot, 1);
    let error = update(&pinned(&ministry), &files).unwrap_err();
    assert_eq!(
        error,
        TrustError::TooManyDelegations {
            delegator: MetaRole::Targets
        }
    );
}

#[test]
fn errors_name_the_file_the_reason_and_the_remedy() {
    assert_eq!(
        threshold("2.root.json", "1.root.json", 1, 2).to_string(),
        "2.root.json has 1 valid signatures of distinct keys that 1.root.json names, 2 are needed"
    );
    let expired = TrustError::Expired {
        file: MetaFile::timestamp(),
        expired: 0,
        now: 1_795_464_000,
    };
    assert_eq!(
        expired.to_string(),
        "timestamp.json expired at 1970-01-01T00:00:00Z, now is 2026-11-23T20:00:00Z"
    );
}
