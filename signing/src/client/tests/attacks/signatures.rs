//! Signatures that must not count, and roots that must not be believed.

use super::*;

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
