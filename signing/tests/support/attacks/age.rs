//! Rollback, freeze and fast-forward: what is old, what is too new, what has expired.

use pishtar_signing::client::MetaRole;

use super::*;

const fn aged(
    rule: Rule,
    name: &'static str,
    what: &'static str,
    error: &'static str,
    act: fn(&mut Publication),
) -> Attack {
    Attack {
        name,
        what,
        client: Client::UpToDate,
        rule,
        error,
        act,
    }
}

/// A version that leaves little room for later ones.
const FAR: u64 = (1 << 63) - 1;

pub(super) const ATTACKS: &[&Attack] = &[
    &aged(
        Rule::Offline,
        "rollback-everything",
        "Last month's complete and genuine publication.",
        "timestamp.json offers version 1 of timestamp, but version 2 is already trusted",
        |it| *it = Publication::new(Box::new(|_, _| {})),
    ),
    &aged(
        Rule::Offline,
        "rollback-snapshot",
        "A new timestamp that lists an old snapshot.",
        "timestamp.json offers version 1 of snapshot, but version 2 is already trusted",
        |it| {
            it.snapshot.version = 1;
            it.publish_snapshot();
            it.next_timestamp();
        },
    ),
    &aged(
        Rule::Offline,
        "rollback-targets",
        "A new snapshot that lists an old list of courses.",
        "3.snapshot.json offers version 1 of targets, but version 2 is already trusted",
        |it| {
            it.targets.get_mut("targets").unwrap().version = 1;
            it.publish("targets");
            it.next_snapshot();
        },
    ),
    &aged(
        Rule::Offline,
        "rollback-by-vanishing",
        "A new snapshot that no longer lists a course, so that it could begin anew at version 1.",
        "3.snapshot.json does not list math-6-sq",
        |it| {
            it.snapshot.meta.remove(COURSE);
            it.next_snapshot();
        },
    ),
    &aged(
        Rule::Offline,
        "root-version-skipped",
        "Root version 3 in the place of version 2.",
        "2.root.json says that it is version 3, expected 2",
        |it| {
            it.root.version = 3;
            it.publish_root();
            let skipped = it.files["metadata/3.root.json"].clone();
            it.put("metadata/2.root.json", skipped);
        },
    ),
    &aged(
        Rule::Offline,
        "root-version-repeated",
        "Root version 1 in the place of version 2.",
        "2.root.json says that it is version 1, expected 2",
        |it| {
            let repeated = it.files["metadata/1.root.json"].clone();
            it.put("metadata/2.root.json", repeated);
        },
    ),
    &aged(
        Rule::Strict,
        "timestamp-of-equal-version",
        "Another timestamp of the version that is held: nothing changes.",
        "none",
        |it| {
            it.timestamp.snapshot.version = 100;
            it.publish_timestamp();
        },
    ),
    &aged(
        Rule::Strict,
        "fast-forward",
        "Thieves of the timestamp and snapshot keys drive the versions up: believed, for lack of anything better.",
        "none",
        |it| {
            it.timestamp.version = FAR;
            it.snapshot.version = FAR;
            it.publish_snapshot();
            it.publish_timestamp();
        },
    ),
    &aged(
        Rule::Strict,
        "fast-forward-recovered",
        "After that the keys are replaced: the floors go with them.",
        "none",
        |it| {
            it.rotate(&MetaRole::Timestamp, 50);
            it.rotate(&MetaRole::Snapshot, 51);
            it.timestamp.version = 1;
            it.snapshot.version = 1;
            it.targets.get_mut("targets").unwrap().version = 1;
            it.publish("targets");
            it.publish_snapshot();
            it.publish_timestamp();
        },
    ),
    &aged(
        Rule::Strict,
        "key-added-beside-the-old-one",
        "A second timestamp key ends no floor as long as the first still counts.",
        "timestamp.json offers version 1 of timestamp, but version 2 is already trusted",
        |it| {
            let second = key(31).public();
            it.root.timestamp.keyids.insert(second.id());
            it.root.keys.insert(second.id(), second);
            it.next_root();
            it.timestamp.version = 1;
            it.publish_timestamp();
        },
    ),
    &aged(
        Rule::Strict,
        "freeze-root",
        "The newest root has expired.",
        "2.root.json expired at 2020-01-01T00:00:00Z, now is 2026-11-23T20:00:00Z",
        |it| {
            it.root.expires = PAST;
            it.next_root();
        },
    ),
    &aged(
        Rule::Strict,
        "freeze-timestamp",
        "A newer timestamp that has expired.",
        "timestamp.json expired at 2020-01-01T00:00:00Z, now is 2026-11-23T20:00:00Z",
        |it| {
            it.timestamp.expires = PAST;
            it.next_timestamp();
        },
    ),
    &aged(
        Rule::Strict,
        "freeze-snapshot",
        "A newer snapshot that has expired.",
        "3.snapshot.json expired at 2020-01-01T00:00:00Z, now is 2026-11-23T20:00:00Z",
        |it| {
            it.snapshot.expires = PAST;
            it.next_snapshot();
        },
    ),
    &aged(
        Rule::Strict,
        "freeze-targets",
        "A newer list of courses that has expired.",
        "3.targets.json expired at 2020-01-01T00:00:00Z, now is 2026-11-23T20:00:00Z",
        |it| {
            it.targets.get_mut("targets").unwrap().expires = PAST;
            it.next("targets");
        },
    ),
    &aged(
        Rule::Strict,
        "freeze-course",
        "A course that has expired.",
        "2.math-6-sq.json expired at 2020-01-01T00:00:00Z, now is 2026-11-23T20:00:00Z",
        |it| {
            it.targets.get_mut(COURSE).unwrap().expires = PAST;
            it.next(COURSE);
        },
    ),
    &aged(
        Rule::Offline,
        "old-but-authentic",
        "Everything has expired, but nothing newer is known: a school that was offline for a term goes on learning.",
        "none",
        |it| {
            it.root.expires = PAST;
            it.next_root();
            for name in ["targets", COURSE] {
                it.targets.get_mut(name).unwrap().expires = PAST;
                it.next(name);
            }
            (it.snapshot.expires, it.timestamp.expires) = (PAST, PAST);
            it.next_snapshot();
        },
    ),
    &aged(
        Rule::Offline,
        "withdrawal-that-has-expired",
        "A lesson is withdrawn in a newer publication that has expired: it counts all the same.",
        "none",
        |it| {
            let course = it.targets.get_mut(COURSE).unwrap();
            course.targets.clear();
            course.expires = PAST;
            it.timestamp.expires = PAST;
            it.next(COURSE);
        },
    ),
];
