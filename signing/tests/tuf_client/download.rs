//! Downloads: names, cache, hashes, and what never reaches the folder.

use std::collections::BTreeMap;

use pishtar_signing::metadata::{Hashes, TargetPath};

use crate::server::Answer;
use crate::world::*;

fn files(expected: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    let owned = expected
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    owned.collect()
}

#[test]
fn several_files_in_order_by_one_client() {
    let mut world = World::new();
    world.delegate("targets", "a", &["path/to/a/*"], false);
    world.file("a", "path/to/a/file.txt", b"deep");
    world.file("targets", "top ë?.txt", b"top");
    world.publish_all();
    let names = [
        "--target-name",
        "path/to/a/file.txt",
        "--target-name",
        "top ë?.txt",
    ];
    assert!(
        world
            .run(&[&names[..], &["download"]].concat())
            .status
            .code()
            == Some(1)
    );
    let escaped = prefixed("top%20%C3%AB%3F.txt", &Hashes::of(b"top").0["sha256"]);
    world
        .server
        .set(escaped.clone(), Answer::Bytes(b"top".to_vec()));
    world.server.asked();
    assert!(
        world
            .run(&[&names[..], &["download"]].concat())
            .status
            .success()
    );
    let mut order = metadata(&["2.root.json", "timestamp.json"]);
    order.push(escaped);
    assert_eq!(world.server.asked(), order);
    assert_eq!(
        world.downloaded(),
        files(&[
            ("path%2Fto%2Fa%2Ffile.txt", b"deep"),
            ("top%20%C3%AB%3F.txt", b"top")
        ])
    );
}

#[test]
fn the_first_failure_ends_the_list() {
    let mut world = World::new();
    world.file("targets", "one", b"1");
    world.file("targets", "three", b"3");
    world.publish_all();
    let names = ["one", "two", "three"]
        .map(|name| ["--target-name", name])
        .concat();
    let said = world.fails(&[&names[..], &["download"]].concat());
    assert_eq!(said, "the repository has no file `two`");
    assert_eq!(world.downloaded(), files(&[("one", b"1")]));
}

#[test]
fn what_is_held_is_not_fetched_and_what_changed_takes_its_place() {
    let mut world = World::new();
    world.file("targets", "x", b"first");
    world.publish_all();
    world.download("x");
    world.server.asked();
    world.download("x");
    assert_eq!(
        world.server.asked(),
        metadata(&["2.root.json", "timestamp.json"])
    );
    std::fs::write(world.target_dir().join("x"), b"fIrst").unwrap();
    world.download("x");
    assert_eq!(world.server.asked().len(), 3);
    assert_eq!(world.downloaded(), files(&[("x", b"first")]));
    world.file("targets", "x", b"second");
    world.next("targets");
    world.download("x");
    assert_eq!(world.downloaded(), files(&[("x", b"second")]));
}

#[test]
fn other_bytes_of_any_length_are_refused_and_leave_the_folder_as_it_was() {
    let mut world = World::new();
    world.file("targets", "x", b"first");
    world.publish_all();
    world.download("x");
    world.file("targets", "x", b"second");
    world.next("targets");
    let served = prefixed("x", &Hashes::of(b"second").0["sha256"]);
    for wrong in [&b"secone"[..], b"secon", b"second and more", b""] {
        world
            .server
            .set(served.clone(), Answer::Bytes(wrong.to_vec()));
        let said = world.fails(&["--target-name", "x", "download"]);
        let expected = format!(
            "{} is not the file `x` of the metadata: length or hash differ",
            world.server.url(&served)
        );
        assert_eq!(said, expected);
        assert_eq!(world.downloaded(), files(&[("x", b"first")]));
    }
    world.server.remove(&served);
    let said = world.fails(&["--target-name", "x", "download"]);
    assert!(said.ends_with(", which the metadata promise"), "{said}");
}

#[test]
fn an_endless_file_is_cut_at_the_promised_length() {
    let mut world = World::new();
    world.file("targets", "x", b"content");
    world.publish_all();
    world.refresh();
    let served = prefixed("x", &Hashes::of(b"content").0["sha256"]);
    world.server.set(served, Answer::Endless(b'c'));
    let before = world.server.sent();
    world.fails(&["--target-name", "x", "download"]);
    assert!(world.downloaded().is_empty());
    // What the buffers of both ends took, not more.
    assert!(world.server.sent() - before < 16 << 20);
}

/// Slow retrieval: a server that sends ever less is left, and nothing of its file is kept.
#[test]
fn a_file_that_stalls_is_given_up() {
    let mut world = World::new();
    world.file("targets", "x", b"content");
    world.publish_all();
    world.refresh();
    let served = prefixed("x", &Hashes::of(b"content").0["sha256"]);
    world
        .server
        .set(served, Answer::Stalled(b"content".to_vec()));
    let said = world.fails(&["--patience", "1", "--target-name", "x", "download"]);
    assert!(
        said.ends_with("timeout: receive body; try again later"),
        "{said}"
    );
    assert!(world.downloaded().is_empty());
}

#[test]
fn sha256_sha512_or_both_and_nothing_without_either() {
    let content = b"content";
    let both = {
        use sha2::Digest as _;
        let sha512 = hex::encode(sha2::Sha512::digest(content));
        let mut hashes = Hashes::of(content);
        hashes.0.insert("sha512".to_owned(), sha512);
        hashes
    };
    let only =
        |name: &str, as_name: &str| Hashes([(as_name.to_owned(), both.0[name].clone())].into());
    let mut wrong = both.clone();
    wrong.0.insert("sha512".to_owned(), "00".repeat(64));
    let cases = [
        (only("sha256", "sha256"), Some("sha256")),
        (only("sha512", "sha512"), Some("sha512")),
        (both.clone(), Some("sha256")),
        (only("sha512", "unknown"), None),
        (wrong, None),
    ];
    for (hashes, prefix) in cases {
        let mut world = World::new();
        world.file("targets", "x", content);
        let path = TargetPath::new("x").unwrap();
        let top = world.targets.get_mut("targets").unwrap();
        top.targets.get_mut(&path).unwrap().hashes = hashes.clone();
        world.server.set(
            prefixed("x", &both.0["sha512"]),
            Answer::Bytes(content.to_vec()),
        );
        world.publish_all();
        match prefix {
            Some(prefix) => {
                world.download("x");
                assert_eq!(world.server.asked()[4..], [prefixed("x", &both.0[prefix])]);
            }
            None => {
                world.fails(&["--target-name", "x", "download"]);
                assert!(world.downloaded().is_empty(), "{hashes:?}");
            }
        }
    }
}

#[test]
fn a_path_never_leaves_the_folder() {
    let long = "x".repeat(600);
    let hashed = format!("sha256-{}", Hashes::of(long.as_bytes()).0["sha256"]);
    for (path, stored) in [
        ("..", "%2E."),
        ("../../x", "%2E.%2F..%2Fx"),
        ("/etc/x", "%2Fetc%2Fx"),
        (".hidden", "%2Ehidden"),
        (&long, &hashed),
    ] {
        let mut world = World::new();
        world.file("targets", path, b"content");
        world.publish_all();
        world.download(path);
        assert_eq!(world.downloaded(), files(&[(stored, b"content")]));
    }
}
