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

/// TUF 4.2: key ids are unique in `signatures`, even where one signature each would do.
#[test]
fn two_signatures_under_one_key_id_are_refused() {
    let ministry = Ministry::new();
    let (client, mut files) = (ministry.client(), ministry.files());
    let root: Root = read(&files, "1.root.json");
    let (first, second) = (&ministry.root[0], &ministry.root[1]);
    for signers in [&[first, first][..], &[first, second, first]] {
        let root = Root {
            version: 2,
            ..root.clone()
        };
        replace(&mut files, "2.root.json", root, signers);
        let id = first.public().id();
        assert_eq!(
            update(&client, &files).unwrap_err().to_string(),
            format!("2.root.json is malformed: field `signatures`: key id `{id}` is listed twice")
        );
    }
}

/// A first root of threshold 2 whose keys, under these ids, all signed it.
fn root_of_two(keys: Vec<(KeyId, PublicKey)>, seeds: &[u8]) -> Vec<u8> {
    let mut root: Root = read(&Ministry::new().files(), "1.root.json");
    root.root = RoleKeys {
        keyids: keys.iter().map(|(id, _)| id.clone()).collect(),
        threshold: 2,
    };
    let ids: Vec<KeyId> = keys.iter().map(|(id, _)| id.clone()).collect();
    root.keys.extend(keys);
    let mut envelope = Envelope::unsigned(root).unwrap();
    envelope.signatures = ids
        .into_iter()
        .zip(seeds)
        .map(|(keyid, seed)| Signature {
            keyid,
            sig: key(*seed).sign(&envelope.canonical).sig,
        })
        .collect();
    envelope.to_bytes()
}

#[test]
fn one_key_under_nine_key_ids_counts_once() {
    let mut json = key(1).public().to_json().clone();
    json.insert("note".to_owned(), "twin".into());
    let twins = (0..9).map(|number| {
        json.insert("number".to_owned(), number.into());
        let twin = PublicKey::from_json(json.clone()).unwrap();
        (KeyId(format!("{number:064}")), twin)
    });
    let root = root_of_two(twins.collect(), &[1; 9]);
    let error = TrustedSet::pin(&root).unwrap_err();
    assert_eq!(error, threshold("1.root.json", "1.root.json", 1, 2));
}

/// Real repositories carry such ids; an id proves nothing, so it can be any text, as long as distinct keys are counted.
#[test]
fn a_key_id_that_is_not_its_keys_hash_is_only_a_name() {
    let names = ["00".repeat(32), "a card in the safe".to_owned()];
    let keys = names.into_iter().zip([7, 8]);
    let keys = keys.map(|(name, seed)| (KeyId(name), key(seed).public()));
    let root = root_of_two(keys.clone().collect(), &[7, 8]);
    assert!(TrustedSet::pin(&root).is_ok());
    let root = root_of_two(keys.collect(), &[7, 7]);
    let error = TrustedSet::pin(&root).unwrap_err();
    assert_eq!(error, threshold("1.root.json", "1.root.json", 1, 2));
}

#[test]
fn bad_and_empty_extra_signatures_do_no_harm() {
    let ministry = Ministry::new();
    let root: Root = read(&ministry.files(), "1.root.json");
    let unsigned = Envelope::unsigned(root).unwrap();
    for sig in ["", "zz", "00", "ë", &"00".repeat(64)] {
        let mut envelope = unsigned.clone();
        for keyid in [key(3).public().id(), KeyId("unknown".to_owned())] {
            let sig = sig.to_owned();
            envelope.signatures.push(Signature { keyid, sig });
        }
        envelope
            .signatures
            .extend([1, 2].map(|seed| key(seed).sign(&envelope.canonical)));
        assert!(TrustedSet::pin(&envelope.to_bytes()).is_ok(), "{sig}");
    }
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
