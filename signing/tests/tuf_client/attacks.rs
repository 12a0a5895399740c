//! The attacks of TUF 1.5.2, carried out by the server.

use pishtar_signing::client::MetaRole;

use crate::server::Answer;
use crate::world::*;

/// Everything at version 2, seen by the client.
fn at_version_two() -> World {
    let mut world = World::new();
    world.refresh();
    world.next("targets");
    world.refresh();
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 2", "targets 2", "timestamp 2"]
    );
    world.server.asked();
    world
}

#[test]
fn expired_roles_are_refused_and_not_kept() {
    let mut world = at_version_two();
    world.targets.get_mut("targets").unwrap().expires = PAST;
    world.next("targets");
    let said = world.refresh_fails();
    assert!(
        said.starts_with("3.targets.json expired at 2020-01-01T00:00:00Z, now is "),
        "{said}"
    );
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 3", "targets 2", "timestamp 3"]
    );

    let mut world = at_version_two();
    world.snapshot.expires = PAST;
    world.next_snapshot();
    assert!(
        world
            .refresh_fails()
            .starts_with("3.snapshot.json expired at ")
    );
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 2", "targets 2", "timestamp 3"]
    );

    let mut world = at_version_two();
    world.timestamp.expires = PAST;
    world.next_timestamp();
    assert!(
        world
            .refresh_fails()
            .starts_with("timestamp.json expired at ")
    );
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 2", "targets 2", "timestamp 2"]
    );

    let mut world = at_version_two();
    world.root.expires = PAST;
    world.next_root();
    assert!(world.refresh_fails().starts_with("2.root.json expired at "));
    assert_eq!(
        world.stored(),
        ["root 2", "snapshot 2", "targets 2", "timestamp 2"]
    );
    assert_eq!(
        world.server.asked(),
        metadata(&["2.root.json", "3.root.json"])
    );
}

#[test]
fn an_older_timestamp_snapshot_or_role_is_refused() {
    let mut world = at_version_two();
    world.timestamp.version = 1;
    world.publish_timestamp();
    assert_eq!(
        world.refresh_fails(),
        "timestamp.json offers version 1 of timestamp, but version 2 is already trusted"
    );

    let mut world = at_version_two();
    world.snapshot.version = 1;
    world.publish_snapshot();
    world.next_timestamp();
    assert_eq!(
        world.refresh_fails(),
        "timestamp.json offers version 1 of snapshot, but version 2 is already trusted"
    );
    assert_eq!(
        world.server.asked().last().unwrap(),
        "metadata/timestamp.json"
    );
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 2", "targets 2", "timestamp 2"]
    );

    let mut world = at_version_two();
    world.targets.get_mut("targets").unwrap().version = 1;
    world.publish("targets");
    world.next_snapshot();
    assert_eq!(
        world.refresh_fails(),
        "3.snapshot.json offers version 1 of targets, but version 2 is already trusted"
    );
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 2", "targets 2", "timestamp 3"]
    );
    // The floor of the snapshot holds although timestamp and snapshot are of different age now.
    world.server.asked();
    assert_eq!(
        world.refresh_fails(),
        "3.snapshot.json offers version 1 of targets, but version 2 is already trusted"
    );
}

#[test]
fn a_role_that_vanishes_from_the_snapshot_is_refused() {
    let mut world = World::new();
    world.delegate("targets", "a", &["*"], false);
    world.publish_all();
    world.refresh();
    world.snapshot.meta.remove("a");
    world.next_snapshot();
    assert_eq!(world.refresh_fails(), "2.snapshot.json does not list a");
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 1", "targets 1", "timestamp 2"]
    );
}

#[test]
fn rotating_the_key_recovers_from_a_fast_forward() {
    let thief = u64::MAX >> 1;
    for role in [MetaRole::Timestamp, MetaRole::Snapshot] {
        let mut world = at_version_two();
        world.timestamp.version = thief;
        if role == MetaRole::Snapshot {
            world.targets.get_mut("targets").unwrap().version = thief;
            world.publish("targets");
            world.snapshot.version += 1;
            world.publish_snapshot();
        }
        world.publish_timestamp();
        world.refresh();
        assert!(world.stored().contains(&format!("timestamp {thief}")));

        world.timestamp.version = 3;
        world.targets.get_mut("targets").unwrap().version = 3;
        world.publish("targets");
        world.snapshot.version += 1;
        world.publish_snapshot();
        world.publish_timestamp();
        assert!(world.refresh_fails().contains("already trusted"));
        world.rotate(&role, 50);
        world.publish_snapshot();
        world.publish_timestamp();
        world.refresh();
        let snapshot = format!("snapshot {}", world.snapshot.version);
        assert_eq!(
            world.stored(),
            ["root 2", &snapshot, "targets 3", "timestamp 3"]
        );
    }
}

#[test]
fn a_rotation_deletes_the_floors_even_if_the_rest_is_held_back() {
    let mut world = at_version_two();
    world.rotate(&MetaRole::Timestamp, 50);
    world.server.remove("metadata/timestamp.json");
    world.refresh_fails();
    assert_eq!(world.stored(), ["root 2", "targets 2"]);
}

#[test]
fn files_of_different_publications_are_not_mixed() {
    let mut world = at_version_two();
    let old = sign(world.targets["targets"].clone(), &[10]);
    world.next("targets");
    world
        .server
        .set("metadata/3.targets.json", Answer::Bytes(old));
    assert_eq!(
        world.refresh_fails(),
        "3.targets.json is not the file that snapshot lists: length or hash differ"
    );

    let mut world = at_version_two();
    let old = sign(world.snapshot.clone(), &[20]);
    world.next_snapshot();
    world
        .server
        .set("metadata/3.snapshot.json", Answer::Bytes(old.clone()));
    assert_eq!(
        world.refresh_fails(),
        "3.snapshot.json is not the file that timestamp lists: length or hash differ"
    );
    // The same where the timestamp gives no hash.
    (
        world.timestamp.snapshot.length,
        world.timestamp.snapshot.hashes,
    ) = (None, None);
    world.next_timestamp();
    assert_eq!(
        world.refresh_fails(),
        "3.snapshot.json says that it is version 2, expected 3"
    );
}

#[test]
fn endless_metadata_are_cut_at_the_bound() {
    for (name, limit) in [("2.root.json", 512 << 10), ("timestamp.json", 16 << 10)] {
        let world = World::new();
        world
            .server
            .set(format!("metadata/{name}"), Answer::Endless(b'['));
        let found = limit + 1;
        assert_eq!(
            world.refresh_fails(),
            format!("{name} has {found} bytes; at most {limit} are allowed")
        );
        assert!(world.server.sent() < 16 << 20);
    }
    let world = World::new();
    world
        .server
        .set("metadata/1.snapshot.json", Answer::Endless(b'{'));
    assert_eq!(
        world.refresh_fails(),
        "1.snapshot.json is not the file that timestamp lists: length or hash differ"
    );
    assert_eq!(world.stored(), ["root 1", "timestamp 1"]);
}

#[test]
fn floors_are_read_back_even_when_they_expired() {
    let mut world = at_version_two();
    // As if time had passed: the same versions, but expired, are what the client holds.
    world.timestamp.expires = PAST;
    world.snapshot.expires = PAST;
    world.store("snapshot", &sign(world.snapshot.clone(), &[20]));
    world.store("timestamp", &sign(world.timestamp.clone(), &[30]));
    world.timestamp.expires = LATER;
    world.timestamp.version = 1;
    world.publish_timestamp();
    assert_eq!(
        world.refresh_fails(),
        "timestamp.json offers version 1 of timestamp, but version 2 is already trusted"
    );
    world.timestamp.version = 2;
    world.snapshot.expires = LATER;
    world.next_snapshot();
    world.refresh();
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 3", "targets 2", "timestamp 3"]
    );
}
