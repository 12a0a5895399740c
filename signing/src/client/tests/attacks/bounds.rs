//! Bounds on size, depth and number, and what errors say.

use super::*;

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
    let refused = |error: TrustError| error.to_string();
    for depth in [64, 1000, 8000] {
        let deep = format!(
            "{{\"signatures\":[],\"signed\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        files.insert("timestamp.json".to_owned(), deep.into_bytes());
        assert_eq!(
            refused(update(&client, &files).unwrap_err()),
            "timestamp.json is malformed: JSON nested deeper than 64"
        );
    }

    let timestamp = String::from_utf8(ministry.files()["timestamp.json"].clone()).unwrap();
    files.insert(
        "timestamp.json".to_owned(),
        timestamp
            .replace("\"version\":1", "\"version\":1.0")
            .into_bytes(),
    );
    assert_eq!(
        refused(update(&client, &files).unwrap_err()),
        "timestamp.json is malformed: the number 1.0 is not a 64-bit integer; signed metadata may hold integers only"
    );

    // Whichever of two values another reader takes, neither is believed.
    for twice in [
        timestamp.replace("\"_type\":", "\"version\":7,\"_type\":"),
        timestamp.replace("\"version\":1}}", "\"version\":1,\"version\":9}}"),
    ] {
        assert_ne!(twice, timestamp);
        files.insert("timestamp.json".to_owned(), twice.into_bytes());
        assert_eq!(
            refused(update(&client, &files).unwrap_err()),
            "timestamp.json is malformed: the key `version` occurs twice in one object"
        );
    }
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

/// What becomes of a list of courses with these delegations, however its signers were made to sign it.
fn judge(delegations: impl FnOnce(&mut Delegations)) -> TrustError {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let mut targets: Targets = read(&files, "1.targets.json");
    delegations(targets.delegations.as_mut().unwrap());
    let bytes = forge(targets, &[&ministry.targets]);
    let mut snapshot: Snapshot = read(&files, "1.snapshot.json");
    snapshot
        .meta
        .insert(RoleName::targets(), FileMeta::of(1, &bytes));
    files.insert("1.targets.json".to_owned(), bytes);
    list_snapshot(&ministry, &mut files, snapshot, 1);
    update(&pinned(&ministry), &files).unwrap_err()
}

#[test]
fn a_million_delegations_are_refused_before_any_is_followed() {
    let too_many = TrustError::TooManyDelegations {
        delegator: MetaRole::Targets,
    };
    for bit_length in [20, 32] {
        let error = judge(|delegations| {
            delegations.succinct = Some(Succinct {
                keys: delegations.roles[0].keys.clone(),
                bit_length,
                name_prefix: "bin".to_owned(),
                extra: Default::default(),
            });
            delegations.roles.clear();
        });
        assert_eq!(error, too_many);
    }
    let error = judge(|delegations| {
        let one = delegations.roles[0].clone();
        delegations.roles = (0..=MAX_DELEGATIONS)
            .map(|number| DelegatedRole {
                name: role(&format!("r{number}")),
                ..one.clone()
            })
            .collect();
    });
    assert_eq!(error, too_many);
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
