//! Tests of the repository side. That clients accept what it makes is tested with the client.

use crate::fixture::*;

use super::*;

fn unsigned() -> Repository {
    let one = |seed| Signatories::one(key(seed).public());
    Repository::create(NewRepository {
        root: Signatories {
            keys: [1, 2, 3].map(|seed| key(seed).public()).to_vec(),
            threshold: 2,
        },
        targets: one(10),
        snapshot: one(20),
        timestamp: one(30),
        root_expires: LATER,
        targets_expires: LATER,
    })
    .unwrap()
}

#[test]
fn status_counts_signatures_and_names_the_missing_keys() {
    let mut repository = unsigned();
    repository.sign(&MetaRole::Root, &key(2)).unwrap();
    repository.sign(&MetaRole::Root, &key(2)).unwrap();
    let status = repository.status(&MetaRole::Root).unwrap();
    assert!(!status.is_complete());
    let mut missing = [key(1).public().id().0, key(3).public().id().0];
    missing.sort();
    assert_eq!(
        status.to_string(),
        format!(
            "1.root.json: 1 of 2 signatures by the keys in 1.root.json, missing key ids {}, {}",
            missing[0], missing[1]
        )
    );
    repository.sign(&MetaRole::Root, &key(3)).unwrap();
    assert!(repository.is_complete(&MetaRole::Root));
}

#[test]
fn a_foreign_key_and_a_stale_signature_are_refused() {
    let mut repository = unsigned();
    let (role, foreign) = (MetaRole::Targets, key(99).public().id());
    let allowed = vec![key(10).public().id()];
    let error = repository.sign(&role, &key(99)).unwrap_err();
    assert_eq!(
        error,
        RepositoryError::NotASigner {
            role: role.clone(),
            key: foreign,
            allowed
        }
    );
    let early = key(10).sign(repository.to_sign(&role).unwrap());
    repository
        .edit_targets(LATER, |files| {
            drop(files.insert(path("ministry/collection.json"), target("x")))
        })
        .unwrap();
    let error = repository.add_signature(&role, early).unwrap_err();
    assert_eq!(
        error,
        RepositoryError::WrongSignature {
            role,
            key: key(10).public().id()
        }
    );
}

#[test]
fn thresholds_that_can_never_be_met_are_refused() {
    for threshold in [0, 2] {
        let by = Signatories {
            keys: vec![key(40).public(), key(40).public()],
            threshold,
        };
        let error = unsigned()
            .set_role(&role("c"), &by, course_scope("c"), BTreeMap::new(), LATER)
            .unwrap_err();
        assert_eq!(error, RepositoryError::Threshold { threshold, keys: 1 });
    }
}

#[test]
fn a_file_outside_its_course_is_refused() {
    let by = Signatories::one(key(40).public());
    let outside = path("ministry/other/1/video.mp4");
    let files = BTreeMap::from([(outside.clone(), target("x"))]);
    let error = unsigned()
        .set_role(&role("c"), &by, course_scope("c"), files, LATER)
        .unwrap_err();
    assert_eq!(
        error,
        RepositoryError::OutOfScope {
            role: role("c"),
            path: outside
        }
    );
}

#[test]
fn snapshot_and_publish_wait_for_signatures() {
    let mut repository = unsigned();
    assert!(matches!(
        repository.build_snapshot(LATER).unwrap_err(),
        RepositoryError::Incomplete(_)
    ));
    assert!(matches!(
        repository.publish().unwrap_err(),
        RepositoryError::Incomplete(_)
    ));
    for (role, seed) in [
        (MetaRole::Root, 1),
        (MetaRole::Root, 2),
        (MetaRole::Targets, 10),
    ] {
        repository.sign(&role, &key(seed)).unwrap();
    }
    assert!(matches!(
        repository.publish().unwrap_err(),
        RepositoryError::Missing { .. }
    ));
    repository.build_snapshot(LATER).unwrap();
    assert!(matches!(
        repository.build_timestamp(LATER).unwrap_err(),
        RepositoryError::Incomplete(_)
    ));
    repository.sign(&MetaRole::Snapshot, &key(20)).unwrap();
    repository.build_timestamp(LATER).unwrap();
    assert!(matches!(
        repository.publish().unwrap_err(),
        RepositoryError::Incomplete(_)
    ));
    repository.sign(&MetaRole::Timestamp, &key(30)).unwrap();
    let names: Vec<String> = repository
        .publish()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "1.root.json",
            "1.targets.json",
            "1.snapshot.json",
            "timestamp.json"
        ]
    );
}

#[test]
fn published_versions_are_never_rewritten_and_drafts_are_edited_in_place() {
    let mut ministry = Ministry::new();
    let before = ministry.files();
    ministry.course("math-6-sq", &["3"]);
    ministry.course("math-6-sq", &["4"]);
    assert_eq!(
        ministry.repository.version(&delegated("math-6-sq")),
        Some(2)
    );
    assert_eq!(ministry.repository.version(&delegated("art-1-sr")), Some(1));
    assert_eq!(ministry.repository.version(&MetaRole::Targets), Some(1));
    let after = ministry.publish();
    for (name, bytes) in before.iter().filter(|(name, _)| *name != "timestamp.json") {
        assert_eq!(after[name], *bytes, "{name}");
    }
}

#[test]
fn nothing_changed_makes_no_new_file() {
    let mut ministry = Ministry::new();
    let before = ministry.files();
    ministry.course("math-6-sq", &["1", "2"]);
    assert!(!ministry.repository.edit_targets(LATER, |_| ()).unwrap());
    assert_eq!(ministry.publish(), before);
}

#[test]
fn files_load_back_with_drafts_and_signatures() {
    let mut ministry = Ministry::new();
    ministry.course("math-6-sq", &["9"]);
    let drafts = ministry.repository.files();
    let mut all: Vec<(String, Vec<u8>)> = ministry.files().into_iter().collect();
    all.extend(drafts.clone());
    all.push(("README.md".to_owned(), b"not metadata".to_vec()));
    let loaded = Repository::load(all).unwrap();
    assert_eq!(loaded.files(), drafts);
    assert!(
        !loaded.is_complete(&delegated("math-6-sq")) && loaded.is_complete(&delegated("art-1-sr"))
    );
    ministry.repository = loaded;
    let files = ministry.publish();
    let outcome = update(&ministry.client(), &files).unwrap();
    assert_eq!(outcome.set.version(&delegated("math-6-sq")), Some(2));
}

#[test]
fn a_folder_that_is_no_repository_is_refused() {
    assert!(matches!(
        Repository::load([]).unwrap_err(),
        RepositoryError::Missing { .. }
    ));
    let mut files = Ministry::new().files();
    files.insert("3.root.json".to_owned(), files["1.root.json"].clone());
    let broken = Repository::load([("1.root.json".to_owned(), b"{}".to_vec())]).unwrap_err();
    assert!(matches!(broken, RepositoryError::Metadata { file, .. } if file == "1.root.json"));
}

#[test]
fn rotated_root_needs_both_old_and_new_keys() {
    let mut ministry = Ministry::new();
    let keys = [4, 5].map(|seed| key(seed).public()).to_vec();
    ministry
        .repository
        .rotate(&MetaRole::Root, &Signatories { keys, threshold: 2 }, LATER)
        .unwrap();
    for seed in [4, 5] {
        ministry
            .repository
            .sign(&MetaRole::Root, &key(seed))
            .unwrap();
    }
    let status = ministry.repository.status(&MetaRole::Root).unwrap();
    assert_eq!(
        status
            .requirements
            .iter()
            .map(Requirement::is_met)
            .collect::<Vec<_>>(),
        [false, true]
    );
    for seed in [1, 2] {
        ministry
            .repository
            .sign(&MetaRole::Root, &key(seed))
            .unwrap();
    }
    assert!(ministry.repository.is_complete(&MetaRole::Root));
    let files = ministry.publish();
    assert!(update(&ministry.client(), &files).is_ok());
}

#[test]
fn keys_that_no_role_uses_leave_the_files() {
    let mut ministry = Ministry::new();
    ministry
        .repository
        .rotate(
            &MetaRole::Timestamp,
            &Signatories::one(key(31).public()),
            LATER,
        )
        .unwrap();
    assert!(
        !ministry
            .repository
            .root()
            .keys
            .contains_key(&key(30).public().id())
    );
    for course in ["math-6-sq", "art-1-sr"] {
        ministry.repository.remove_role(&role(course)).unwrap();
    }
    let top = ministry.repository.targets(&RoleName::targets()).unwrap();
    assert!(top.delegations.as_ref().unwrap().keys.is_empty());
}

/// The files of [`Ministry::new`] without those of the course `art-1-sr`.
fn without_art(ministry: &Ministry) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = ministry.files().into_iter().collect();
    files.retain(|(name, _)| name != "1.art-1-sr.json");
    files
}

#[test]
fn a_role_left_unread_is_kept_as_the_snapshot_lists_it() {
    let mut ministry = Ministry::new();
    let mut part = Repository::load(without_art(&ministry)).unwrap();
    let kept: Vec<String> = part.kept().map(|(file, _)| file.file_name()).collect();
    assert_eq!(kept, ["1.art-1-sr.json"]);
    assert_eq!(part.version(&delegated("art-1-sr")), Some(1));
    assert!(part.is_complete(&delegated("art-1-sr")) && part.is_snapshot_current());
    let all: Vec<&str> = part.roles().map(RoleName::as_str).collect();
    assert_eq!(all, ["art-1-sr", "math-6-sq"]);

    // Edits elsewhere publish with it as before; an edit of it needs its file.
    let (by, scope) = (Signatories::one(key(40).public()), course_scope("art-1-sr"));
    let edit = part.set_role(&role("art-1-sr"), &by, scope, BTreeMap::new(), LATER);
    let not_loaded = RepositoryError::NotLoaded {
        role: role("art-1-sr"),
    };
    assert_eq!(edit.unwrap_err(), not_loaded);
    assert_eq!(
        part.renew(&role("art-1-sr"), LATER).unwrap_err(),
        not_loaded
    );
    ministry.repository = part;
    ministry.course("math-6-sq", &["7"]);
    let files = ministry.publish();
    let outcome = update(&ministry.client(), &files).unwrap();
    assert_eq!(outcome.set.version(&delegated("math-6-sq")), Some(2));
    assert_eq!(outcome.set.version(&delegated("art-1-sr")), Some(1));
}

#[test]
fn only_the_listed_file_is_taken_for_a_role_left_unread() {
    let ministry = Ministry::new();
    let mut part = Repository::load(without_art(&ministry)).unwrap();
    let mut other = ministry.files()["1.art-1-sr.json"].clone();
    let listed = other.clone();
    other[20] ^= 1;
    let file = "1.art-1-sr.json".to_owned();
    assert_eq!(
        part.provide(&role("art-1-sr"), other).unwrap_err(),
        RepositoryError::NotListed { file }
    );
    part.provide(&role("art-1-sr"), listed).unwrap();
    assert_eq!(part.kept().count(), 0);
    assert_eq!(part.targets(&role("art-1-sr")).unwrap().targets.len(), 1);
    assert!(matches!(
        part.provide(&role("no-such"), Vec::new()).unwrap_err(),
        RepositoryError::UnknownRole { .. }
    ));
}

#[test]
fn a_course_can_get_keys_and_a_threshold_of_its_own() {
    let mut ministry = Ministry::new();
    let keys = [41, 42].map(|seed| key(seed).public()).to_vec();
    let to = Signatories { keys, threshold: 2 };
    let course = delegated("math-6-sq");
    ministry.repository.rotate(&course, &to, LATER).unwrap();
    assert_eq!(ministry.repository.version(&course), Some(2));
    assert_eq!(ministry.repository.version(&delegated("art-1-sr")), Some(1));
    for seed in [41, 42] {
        assert!(!ministry.repository.is_complete(&course));
        ministry.repository.sign(&course, &key(seed)).unwrap();
    }
    let files = ministry.publish();
    let outcome = update(&ministry.client(), &files).unwrap();
    assert_eq!(outcome.set.version(&course), Some(2));
}
