//! Delegations: the exact list of requests, since a role is fetched only when the search reaches it.

use pishtar_signing::key::RoleKeys;
use pishtar_signing::metadata::{Delegations, Succinct, Targets};

use crate::world::*;

/// Requests for delegated roles while `path` is looked for and not found.
fn search(edges: &[(&str, &str, &[&str], bool)], path: &str) -> Vec<String> {
    let mut world = World::new();
    for (delegator, name, paths, terminating) in edges {
        world.delegate(delegator, name, paths, *terminating);
    }
    world.publish_all();
    let said = world.fails(&["--target-name", path, "download"]);
    assert_eq!(said, format!("the repository has no file `{path}`"));
    let asked = world.server.asked();
    let top = [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
    ];
    assert_eq!(asked[..4], metadata(&top));
    asked[4..].to_vec()
}

#[test]
fn the_search_is_depth_first_in_order() {
    let edges: &[(&str, &str, &[&str], bool)] = &[
        ("targets", "a", &["*"], false),
        ("targets", "b", &["*"], false),
        ("a", "c", &["*"], false),
        ("a", "d", &["*"], false),
    ];
    assert_eq!(
        search(edges, "x"),
        metadata(&["1.a.json", "1.c.json", "1.d.json", "1.b.json"])
    );
}

#[test]
fn a_terminating_delegation_ends_the_search_behind_it() {
    let edges: &[(&str, &str, &[&str], bool)] = &[
        ("targets", "a", &["*"], false),
        ("targets", "b", &["*"], false),
        ("a", "c", &["*"], true),
        ("a", "d", &["*"], false),
        ("c", "e", &["*"], false),
    ];
    assert_eq!(
        search(edges, "x"),
        metadata(&["1.a.json", "1.c.json", "1.e.json"])
    );
}

#[test]
fn what_is_not_delegated_is_not_asked() {
    let edges: &[(&str, &str, &[&str], bool)] = &[
        ("targets", "a", &["*.py", "x"], false),
        ("targets", "b", &["*"], false),
        ("targets", "deep", &["*/*"], true),
        ("a", "c", &["*.py"], false),
    ];
    assert_eq!(search(edges, "x"), metadata(&["1.a.json", "1.b.json"]));
    assert_eq!(search(edges, "folder/x"), metadata(&["1.deep.json"]));
}

#[test]
fn cycles_and_diamonds_are_visited_once() {
    let cycle: &[(&str, &str, &[&str], bool)] = &[
        ("targets", "a", &["*"], false),
        ("a", "b", &["*"], false),
        ("b", "a", &["*"], false),
        ("b", "b", &["*"], false),
    ];
    assert_eq!(search(cycle, "x"), metadata(&["1.a.json", "1.b.json"]));
    let diamond: &[(&str, &str, &[&str], bool)] = &[
        ("targets", "a", &["*"], false),
        ("targets", "b", &["*"], false),
        ("a", "c", &["*.py"], false),
        ("b", "c", &["*"], false),
    ];
    assert_eq!(
        search(diamond, "x"),
        metadata(&["1.a.json", "1.b.json", "1.c.json"])
    );
    assert_eq!(
        search(diamond, "x.py"),
        metadata(&["1.a.json", "1.c.json", "1.b.json"])
    );
}

#[test]
fn of_hashed_bins_only_the_right_one_is_asked() {
    // The first bits of SHA-256 of the path: `bar` begins with fcde, `foo` with 2c26.
    for (bit_length, path, bin) in [
        (1, "bar", "bin-1"),
        (1, "foo", "bin-0"),
        (3, "bar", "bin-7"),
        (8, "bar", "bin-fc"),
        (9, "foo", "bin-058"),
    ] {
        let mut world = World::new();
        let keys = [key(40).public()];
        let succinct = Succinct {
            keys: RoleKeys::new(&keys, 1),
            bit_length,
            name_prefix: "bin".to_owned(),
            extra: Default::default(),
        };
        let bins: Vec<_> = (0..succinct.count())
            .map(|at| succinct.bin(at).unwrap())
            .collect();
        world.targets.get_mut("targets").unwrap().delegations = Some(Delegations {
            keys: [(keys[0].id(), keys[0].clone())].into(),
            succinct: Some(succinct),
            ..Delegations::empty()
        });
        let empty = |name| (name, Targets::empty(1, LATER));
        world.targets.extend(bins.into_iter().map(empty));
        world.publish_all();
        world.fails(&["--target-name", path, "download"]);
        assert_eq!(
            world.server.asked()[4..],
            metadata(&[&format!("1.{bin}.json")])
        );
    }
}

#[test]
fn odd_role_names_are_escaped_in_requests_and_file_names() {
    for (name, escaped) in [
        ("?", "%3F"),
        ("#", "%23"),
        ("/delegated", "%2Fdelegated"),
        ("../delegated", "..%2Fdelegated"),
        ("..", ".."),
        ("ë да", "%C3%AB%20%D0%B4%D0%B0"),
        ("a%2Fb", "a%252Fb"),
    ] {
        let mut world = World::new();
        world.delegate("targets", name, &["*"], false);
        world.publish_all();
        world.fails(&["--target-name", "x", "download"]);
        assert_eq!(
            world.server.asked()[4..],
            metadata(&[&format!("1.{escaped}.json")])
        );
        assert_eq!(world.stored().len(), 5);
        assert!(
            world.stored().contains(&format!("{escaped} 1")),
            "{:?}",
            world.stored()
        );
    }
}

#[test]
fn a_role_that_is_held_is_not_asked_again_until_it_changes() {
    let mut world = World::new();
    world.delegate("targets", "a", &["*"], false);
    world.file("a", "x", b"first");
    world.publish_all();
    world.download("x");
    world.server.asked();
    world.fails(&["--target-name", "y", "download"]);
    assert_eq!(
        world.server.asked(),
        metadata(&["2.root.json", "timestamp.json"])
    );
    world.next("a");
    world.download("x");
    let changed = [
        "2.root.json",
        "timestamp.json",
        "2.snapshot.json",
        "2.a.json",
    ];
    assert_eq!(world.server.asked(), metadata(&changed));
}

#[test]
fn a_damaged_role_file_of_ones_own_is_fetched_again() {
    let mut world = World::new();
    world.delegate("targets", "a", &["*"], false);
    world.publish_all();
    world.fails(&["--target-name", "x", "download"]);
    world.store("a", b"{\"signed\": {\"version\": 1}}");
    world.server.asked();
    world.fails(&["--target-name", "x", "download"]);
    assert_eq!(
        world.server.asked(),
        metadata(&["2.root.json", "timestamp.json", "1.a.json"])
    );
}

#[test]
fn a_role_that_does_not_verify_ends_the_search_and_is_not_kept() {
    let mut world = World::new();
    world.delegate("targets", "good", &["*"], false);
    world.delegate("targets", "expired", &["*"], false);
    world.delegate("targets", "last", &["*"], false);
    world.targets.get_mut("expired").unwrap().expires = PAST;
    world.file("last", "x", b"content");
    world.publish_all();
    world.refresh();
    let said = world.fails(&["--target-name", "x", "download"]);
    assert!(
        said.starts_with("1.expired.json expired at 2020-01-01T00:00:00Z, now is "),
        "{said}"
    );
    assert_eq!(
        world.stored(),
        ["good 1", "root 1", "snapshot 1", "targets 1", "timestamp 1"]
    );
    assert!(world.downloaded().is_empty());
}
