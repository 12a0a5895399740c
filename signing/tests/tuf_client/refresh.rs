//! Refreshing: order of requests, chains of roots, what is kept when something fails.

use pishtar_signing::key::RoleKeys;

use crate::server::Answer;
use crate::world::*;

#[test]
fn a_first_refresh_asks_in_order_and_keeps_unversioned_names() {
    let world = World::new();
    assert_eq!(world.stored(), ["root 1"]);
    world.refresh();
    let order = [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
    ];
    assert_eq!(world.server.asked(), metadata(&order));
    assert_eq!(
        world.stored(),
        ["root 1", "snapshot 1", "targets 1", "timestamp 1"]
    );
    world.refresh();
    assert_eq!(world.server.asked(), metadata(&order[..2]));
}

#[test]
fn init_takes_only_a_root_that_signed_itself() {
    let world = World::unknown();
    let bad = world.metadata_dir().with_extension("bad");
    let mut unsigned = world.root.clone();
    unsigned.root = RoleKeys::new([&key(2).public()], 1);
    for bytes in [
        sign(unsigned, &[1]),
        b"{}".to_vec(),
        sign(world.timestamp.clone(), &[30]),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        world.fails(&["init", bad.to_str().unwrap()]);
    }
    std::fs::write(&bad, vec![b' '; (512 << 10) + 1]).unwrap();
    assert_eq!(
        world.fails(&["init", bad.to_str().unwrap()]),
        "root.json has 524289 bytes; at most 524288 are allowed"
    );
    let said = world.refresh_fails();
    assert!(
        said.ends_with("holds no root.json; run `init` with a root file that you trust first"),
        "{said}"
    );
    assert_eq!(world.server.asked(), [""; 0]);
}

#[test]
fn a_chain_of_roots_is_followed_to_the_newest() {
    let mut world = World::new();
    for seed in 2..5 {
        let public = key(seed).public();
        world.root.keys.insert(public.id(), public.clone());
        world.root.root = RoleKeys::new([&public], 1);
        world.root_signers = vec![seed - 1, seed];
        // Only the newest root's age counts.
        world.root.expires = if seed == 4 { LATER } else { PAST };
        world.next_root();
    }
    world.refresh();
    let roots = ["2.root.json", "3.root.json", "4.root.json", "5.root.json"];
    assert_eq!(world.server.asked()[..4], metadata(&roots));
    assert_eq!(world.stored()[0], "root 4");
}

#[test]
fn not_found_and_forbidden_end_the_chain_of_roots_and_a_failing_server_does_not() {
    let world = World::new();
    for status in [403, 404] {
        world
            .server
            .set("metadata/2.root.json", Answer::Status(status));
        world.refresh();
    }
    world.server.asked();
    world
        .server
        .set("metadata/2.root.json", Answer::Status(500));
    let said = world.refresh_fails();
    assert!(
        said.ends_with("2.root.json: the server answers with status 500; try again later"),
        "{said}"
    );
    assert_eq!(world.server.asked(), metadata(&["2.root.json"]));
}

#[test]
fn roots_verified_before_a_bad_one_are_kept() {
    let mut world = World::new();
    world.next_root();
    world.root_signers = vec![9];
    world.next_root();
    assert_eq!(
        world.refresh_fails(),
        "3.root.json has 0 valid signatures of distinct keys that 2.root.json names, 1 are needed"
    );
    assert_eq!(world.stored(), ["root 2"]);
}

#[test]
fn what_verified_before_a_failure_is_kept() {
    let cases = [
        ("timestamp.json", &["root 1"][..]),
        ("1.snapshot.json", &["root 1", "timestamp 1"]),
        ("1.targets.json", &["root 1", "snapshot 1", "timestamp 1"]),
    ];
    for (name, kept) in cases {
        let world = World::new();
        world.server.remove(&format!("metadata/{name}"));
        assert_eq!(
            world.refresh_fails(),
            format!("the source has no {name}; try another source")
        );
        assert_eq!(world.stored(), kept, "{name}");
    }
}

#[test]
fn a_timestamp_of_equal_version_changes_nothing() {
    let mut world = World::new();
    world.refresh();
    world.server.asked();
    world.timestamp.snapshot.version = 100;
    world.publish_timestamp();
    world.refresh();
    assert_eq!(
        world.server.asked(),
        metadata(&["2.root.json", "timestamp.json"])
    );
    let stored = std::fs::read_to_string(world.metadata_dir().join("timestamp.json")).unwrap();
    assert!(!stored.contains(":100"), "{stored}");
}

#[test]
fn without_consistent_snapshots_names_carry_no_version() {
    let mut world = World::new();
    world.root.consistent_snapshot = false;
    world.next_root();
    world.delegate("targets", "a", &["*"], false);
    world.file("a", "x.txt", b"x");
    world.publish_all();
    world
        .server
        .set("targets/x.txt", Answer::Bytes(b"x".to_vec()));
    world.download("x.txt");
    let mut order = metadata(&[
        "2.root.json",
        "3.root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "a.json",
    ]);
    order.push("targets/x.txt".to_owned());
    assert_eq!(world.server.asked(), order);
}

#[test]
fn a_damaged_floor_is_not_taken_for_no_floor() {
    let world = World::new();
    world.refresh();
    world.server.asked();
    world.store("snapshot", b"{");
    let said = world.refresh_fails();
    assert!(
        said.starts_with("the metadata in ")
            && said.contains(" are damaged: snapshot.json is malformed: "),
        "{said}"
    );
    assert!(
        said.ends_with("Begin anew in an empty folder, with a root file that you trust"),
        "{said}"
    );
    assert_eq!(world.server.asked(), [""; 0]);
}

#[test]
fn an_argument_that_is_missing_is_a_wrong_use() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tuf-client"))
        .args(["--metadata-dir", "/nonexistent", "refresh"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        output.stderr,
        b"tuf-client: this command needs --metadata-url; see --help\n"
    );
}
