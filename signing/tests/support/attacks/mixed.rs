//! Mix-and-match, wrong and partial files: every file is genuine, but they do not belong together.

use pishtar_signing::metadata::FileMeta;

use super::*;

const fn mixed(
    name: &'static str,
    what: &'static str,
    error: &'static str,
    act: fn(&mut Publication),
) -> Attack {
    Attack {
        name,
        what,
        client: Client::UpToDate,
        rule: Rule::Offline,
        error,
        act,
    }
}

/// The present file of another name, put in the place of `name`.
fn swap(it: &mut Publication, name: &str, other: &str) {
    let bytes = it.files[&format!("metadata/{other}.json")].clone();
    it.put(&format!("metadata/{name}.json"), bytes);
}

pub(super) const ATTACKS: &[&Attack] = &[
    &mixed(
        "old-snapshot-under-the-new-name",
        "A new timestamp with the old snapshot in the place of the new one.",
        "3.snapshot.json is not the file that timestamp lists: length or hash differ",
        |it| {
            it.next_snapshot();
            swap(it, "3.snapshot", "2.snapshot");
        },
    ),
    &mixed(
        "old-snapshot-without-a-hash",
        "The same where the timestamp gives no hash: the version inside tells.",
        "3.snapshot.json says that it is version 2, expected 3",
        |it| {
            it.next_snapshot();
            (it.timestamp.snapshot.hashes, it.timestamp.snapshot.length) = (None, None);
            it.publish_timestamp();
            swap(it, "3.snapshot", "2.snapshot");
        },
    ),
    &mixed(
        "old-targets-under-the-new-name",
        "New timestamp and snapshot with the old list of courses.",
        "3.targets.json is not the file that snapshot lists: length or hash differ",
        |it| {
            it.next("targets");
            swap(it, "3.targets", "2.targets");
        },
    ),
    &mixed(
        "old-course-under-the-new-name",
        "New timestamp and snapshot with an old course.",
        "2.math-6-sq.json is not the file that snapshot lists: length or hash differ",
        |it| {
            it.next(COURSE);
            swap(it, "2.math-6-sq", "1.math-6-sq");
        },
    ),
    &mixed(
        "old-course-without-a-hash",
        "The same where the snapshot gives no hash: the version inside tells.",
        "2.math-6-sq.json says that it is version 1, expected 2",
        |it| {
            it.next(COURSE);
            let meta = FileMeta {
                length: None,
                hashes: None,
                ..it.snapshot.meta[COURSE].clone()
            };
            it.list(&role(COURSE), meta);
            it.next_snapshot();
            swap(it, "2.math-6-sq", "1.math-6-sq");
        },
    ),
    &mixed(
        "a-course-for-another",
        "Wrong software: one course's file in the place of another's, the snapshot's thief lists it.",
        "1.art-1-sr.json has 0 valid signatures of distinct keys that targets names, 1 are needed",
        |it| {
            it.delegate("targets", "art-1-sr", &["ministry/art-1-sr/*/*"], false);
            let keys = [key(41).public()];
            let top = it.targets.get_mut("targets").unwrap();
            let delegations = top.delegations.as_mut().unwrap();
            delegations.keys.insert(keys[0].id(), keys[0].clone());
            delegations.roles[1].keys = pishtar_signing::key::RoleKeys::new(&keys, 1);
            it.publish("art-1-sr");
            swap(it, "1.art-1-sr", "1.math-6-sq");
            it.list(&role("art-1-sr"), it.snapshot.meta[COURSE].clone());
            it.next("targets");
        },
    ),
    &mixed(
        "another-type-under-the-name",
        "A genuine timestamp in the place of the snapshot that it lists.",
        "3.snapshot.json is malformed: its `_type` is `timestamp`, expected `snapshot`",
        |it| {
            it.next_snapshot();
            (it.timestamp.snapshot.hashes, it.timestamp.snapshot.length) = (None, None);
            it.publish_timestamp();
            swap(it, "3.snapshot", "timestamp");
        },
    ),
    &mixed(
        "a-course-held-back",
        "A stick that someone pulled out too early, or a mirror that holds a course back.",
        "the source has no 2.math-6-sq.json; try another source",
        |it| {
            it.next(COURSE);
            it.files.remove("metadata/2.math-6-sq.json");
        },
    ),
    &mixed(
        "everything-held-back",
        "A mirror that has nothing but roots.",
        "the source has no timestamp.json; try another source",
        |it| it.files.retain(|name, _| name.ends_with("root.json")),
    ),
    &mixed(
        "a-role-that-the-snapshot-does-not-list",
        "A delegation to a role that the snapshot leaves out.",
        "3.snapshot.json does not list art-1-sr",
        |it| {
            it.delegate("targets", "art-1-sr", &["ministry/art-1-sr/*/*"], false);
            it.next("targets");
        },
    ),
    &mixed(
        "another-ministry",
        "The complete publication of another ministry.",
        "timestamp.json has 0 valid signatures of distinct keys that 1.root.json names, 1 are needed",
        |it| {
            it.timestamp_signers = vec![60];
            it.snapshot_signers = vec![61];
            it.targets_signers = vec![62];
            it.next("targets");
        },
    ),
    &mixed(
        "targets-outside-the-delegation",
        "A course that lists another course's file: the rest of it is taken, that file is left out.",
        "none",
        |it| {
            it.file(COURSE, "ministry/art-1-sr/1/video.mp4", b"intruder");
            it.next(COURSE);
        },
    ),
];
