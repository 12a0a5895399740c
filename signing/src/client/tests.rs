//! Tests of the client: what an update asks for and yields. The attacks are in `attacks`.

use crate::fixture::*;
use crate::key::SigningKey;
use crate::metadata::{PathPattern, Scope, Targets};
use crate::repository::Signatories;

use super::*;

mod attacks;
mod model;
mod reload;
mod restore;
mod search;
mod time;
mod upcoming;

fn names(files: &[(MetaFile, Vec<u8>)]) -> Vec<String> {
    files.iter().map(|(file, _)| file.file_name()).collect()
}

#[test]
fn first_update_asks_for_everything_in_order() {
    let ministry = Ministry::new();
    let pinned = TrustedSet::pin(&ministry.first_root()).unwrap();
    let (outcome, asked) = update_with(&pinned, &ministry.files(), NOW, Policy::Strict);
    let outcome = outcome.unwrap();
    let order = [
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        "1.math-6-sq.json",
        "1.art-1-sr.json",
    ];
    assert_eq!(asked, [&["2.root.json"], &order[..]].concat());
    assert_eq!(names(&outcome.new_files), order);
    assert!(outcome.changed && outcome.removed_roles.is_empty());
    let accepted: Vec<(String, usize)> = outcome
        .targets()
        .map(|accepted| (accepted.role.to_string(), accepted.targets.targets.len()))
        .collect();
    assert_eq!(
        accepted,
        [
            ("targets".to_owned(), 0),
            ("math-6-sq".to_owned(), 2),
            ("art-1-sr".to_owned(), 1)
        ]
    );
    assert_eq!(outcome.set.version(&delegated("art-1-sr")), Some(1));
    assert_eq!(outcome.set.fresh_until(), Some(LATER));
}

#[test]
fn an_unchanged_repository_costs_one_timestamp() {
    let ministry = Ministry::new();
    let (outcome, asked) = update_with(&ministry.client(), &ministry.files(), NOW, Policy::Strict);
    let outcome = outcome.unwrap();
    assert_eq!(asked, ["2.root.json", "timestamp.json"]);
    assert!(!outcome.changed && outcome.new_files.is_empty() && outcome.removed_roles.is_empty());
}

#[test]
fn only_the_changed_course_moves() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.course("math-6-sq", &["1", "3"]);
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(
        names(&outcome.new_files),
        ["timestamp.json", "2.snapshot.json", "2.math-6-sq.json"]
    );
    let accepted: Vec<AcceptedRole> = outcome.targets().collect();
    assert_eq!(accepted.len(), 1);
    assert!(
        accepted[0]
            .targets
            .targets
            .contains_key("ministry/math-6-sq/3/video.mp4")
    );
    assert!(
        !accepted[0]
            .targets
            .targets
            .contains_key("ministry/math-6-sq/2/video.mp4")
    );
}

#[test]
fn a_removed_course_is_reported_and_may_come_back() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.repository.remove_role(&role("art-1-sr")).unwrap();
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(outcome.removed_roles, [role("art-1-sr")]);
    assert_eq!(outcome.set.version(&delegated("art-1-sr")), None);
    ministry.course("art-1-sr", &["1"]);
    let outcome = update(&outcome.set, &ministry.publish()).unwrap();
    assert_eq!(outcome.set.version(&delegated("art-1-sr")), Some(2));
}

#[test]
fn a_new_root_key_list_is_followed_through_the_chain() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    let keys = [2, 3, 4].map(|seed| key(seed).public()).to_vec();
    ministry
        .repository
        .rotate(&MetaRole::Root, &Signatories { keys, threshold: 2 }, LATER)
        .unwrap();
    ministry.root = vec![key(2), key(3)];
    ministry.publish();
    let keys = [3, 4, 5].map(|seed| key(seed).public()).to_vec();
    ministry
        .repository
        .rotate(&MetaRole::Root, &Signatories { keys, threshold: 2 }, LATER)
        .unwrap();
    ministry.root = vec![key(3), key(4)];
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(names(&outcome.new_files), ["2.root.json", "3.root.json"]);
    assert_eq!(outcome.set.version(&MetaRole::Root), Some(3));
    let held: Vec<String> = outcome.set.held().map(|file| file.file_name()).collect();
    assert_eq!(
        held[..4],
        [
            "1.root.json",
            "2.root.json",
            "3.root.json",
            "timestamp.json"
        ]
    );
}

#[test]
fn a_rotated_targets_key_brings_the_targets_anew() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry
        .repository
        .rotate(
            &MetaRole::Targets,
            &Signatories::one(key(11).public()),
            LATER,
        )
        .unwrap();
    ministry.targets = key(11);
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(
        names(&outcome.new_files),
        [
            "2.root.json",
            "timestamp.json",
            "2.snapshot.json",
            "2.targets.json"
        ]
    );
}

#[test]
fn a_rotated_course_key_brings_the_courses_anew() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.courses = key(41);
    ministry.course("math-6-sq", &["1", "2"]);
    ministry.courses = key(40);
    ministry.sign_course_with("math-6-sq", &key(41));
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(
        names(&outcome.new_files),
        [
            "timestamp.json",
            "2.snapshot.json",
            "2.targets.json",
            "2.math-6-sq.json"
        ]
    );
}

impl Ministry {
    fn sign_course_with(&mut self, course: &str, key: &SigningKey) {
        self.repository.sign(&delegated(course), key).unwrap();
    }
}

#[test]
fn a_late_or_foreign_answer_does_not_disturb() {
    let ministry = Ministry::new();
    let mut update = TrustedSet::pin(&ministry.first_root())
        .unwrap()
        .begin_update(NOW, Policy::Offline);
    let file = MetaFile::timestamp();
    let error = update.provide(&file, Fetched::Absent).unwrap_err();
    assert_eq!(error, TrustError::Unexpected { file });
    assert_eq!(error.fault(), Fault::Caller);
    assert!(matches!(update.next(), Step::Fetch { file, .. } if file.file_name() == "2.root.json"));
}

#[test]
fn targets_outside_the_delegated_paths_are_left_out_and_reported() {
    let ministry = Ministry::new();
    let mut files = ministry.files();
    let mut course: Targets = read(&files, "1.math-6-sq.json");
    for outside in [
        "ministry/art-1-sr/1/video.mp4",
        "ministry/math-6-sq/1/sub/video.mp4",
        "ministry/math-6-sq/video.mp4",
        "other/x",
    ] {
        course.targets.insert(path(outside), target("intruder"));
    }
    republish_course(&ministry, &mut files, course);
    let outcome = update(&TrustedSet::pin(&ministry.first_root()).unwrap(), &files).unwrap();
    let accepted = outcome
        .targets()
        .find(|accepted| accepted.role == role("math-6-sq"))
        .unwrap();
    assert_eq!(accepted.outside.len(), 4);
    assert_eq!(accepted.targets.targets.len(), 2);
}

/// The holder of the courses, snapshot and timestamp keys publishes a course as he likes.
fn republish_course(ministry: &Ministry, files: &mut Files, course: Targets) {
    let bytes = forge(course, &[&ministry.courses]);
    let mut snapshot: crate::metadata::Snapshot = read(files, "1.snapshot.json");
    snapshot
        .meta
        .insert(role("math-6-sq"), crate::metadata::FileMeta::of(1, &bytes));
    let snapshot = forge(snapshot, &[&ministry.snapshot]);
    let mut timestamp: crate::metadata::Timestamp = read(files, "timestamp.json");
    timestamp.snapshot = crate::metadata::FileMeta::of(1, &snapshot);
    files.insert(
        "timestamp.json".to_owned(),
        forge(timestamp, &[&ministry.timestamp]),
    );
    files.insert("1.snapshot.json".to_owned(), snapshot);
    files.insert("1.math-6-sq.json".to_owned(), bytes);
}

#[test]
fn a_changed_scope_is_applied_to_an_unchanged_course() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    let present = ministry
        .repository
        .targets(&role("math-6-sq"))
        .unwrap()
        .targets
        .clone();
    let scope = Scope::Paths(vec![PathPattern("ministry/math-6-sq/[12]/*".to_owned())]);
    let by = Signatories::one(ministry.courses.public());
    let changed = ministry
        .repository
        .set_role(&role("math-6-sq"), &by, scope, present, LATER)
        .unwrap();
    assert!(!changed);
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(
        names(&outcome.new_files),
        [
            "timestamp.json",
            "2.snapshot.json",
            "2.targets.json",
            "1.math-6-sq.json"
        ]
    );
    assert!(!update(&outcome.set, &ministry.files()).unwrap().changed);
}

#[test]
fn a_term_offline_changes_nothing_but_the_age() {
    let ministry = Ministry::new();
    let client = ministry.client();
    for now in [0, NOW, LATER + 400 * DAY, 4_102_444_800] {
        let (outcome, _) = update_with(&client, &ministry.files(), now, Policy::Offline);
        assert!(!outcome.unwrap().changed);
    }
    assert_eq!(client.fresh_until(), Some(LATER));
}

#[test]
fn a_withdrawal_in_an_expired_newer_catalogue_is_applied() {
    let mut ministry = Ministry::new();
    let client = ministry.client();
    ministry.expires = NOW - 30 * DAY;
    ministry.course("math-6-sq", &["1"]);
    let outcome = update(&client, &ministry.publish()).unwrap();
    assert_eq!(outcome.targets().next().unwrap().targets.targets.len(), 1);
}

#[test]
fn file_names_round_trip() {
    for name in [
        "3.root.json",
        "timestamp.json",
        "7.math-6-sq.json",
        "1.a%2Fb%20%C3%AB.json",
        "2.targets.json",
    ] {
        assert_eq!(MetaFile::parse(name).unwrap().file_name(), name);
    }
    for name in [
        "root.json",
        "x.json",
        "01.root.json",
        "1.a/b.json",
        "1..json",
        "1.%zz.json",
        "README.md",
    ] {
        assert_eq!(MetaFile::parse(name), None, "{name}");
    }
}
