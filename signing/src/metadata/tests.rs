//! Tests of metadata types: globs, bins, unknown fields.

use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{Ministry, path, read};

use super::*;

fn glob(pattern: &str, path: &str) -> bool {
    PathPattern(pattern.to_owned()).matches(path)
}

#[test]
fn globs_never_cross_a_slash() {
    assert!(glob(
        "ministry/math-6-sq/*/*",
        "ministry/math-6-sq/12/video.mp4"
    ));
    assert!(!glob(
        "ministry/math-6-sq/*/*",
        "ministry/math-6-sq/12/sub/video.mp4"
    ));
    assert!(!glob(
        "ministry/math-6-sq/*/*",
        "ministry/math-6-sq/video.mp4"
    ));
    assert!(!glob("*", "a/b"));
    assert!(!glob("a?b", "a/b"));
    assert!(!glob("a[!x]b", "a/b"));
    assert!(glob("*", "a") && glob("*", "") && glob("**a", "bba"));
    assert!(!glob("ministry/*", "/ministry/x") && !glob("a", "a/"));
}

#[test]
fn globs_know_brackets_and_question_marks() {
    assert!(
        glob("f?o-[a-c]", "foo-b")
            && glob("[!a]x", "bx")
            && glob("[]]x", "]x")
            && glob("a[b", "a[b")
    );
    assert!(!glob("f?o-[a-c]", "foo-d") && !glob("[!a]x", "ax") && !glob("[ab]", "c"));
    assert!(glob("?", "ë") && glob("*ë*", "çëç"));
}

#[test]
fn a_hostile_glob_ends_in_time() {
    assert!(!glob(&"*a".repeat(400), &format!("{}b", "a".repeat(1000))));
}

#[test]
fn bins_follow_tap_15() {
    let succinct = Succinct {
        keys: crate::key::RoleKeys {
            keyids: Default::default(),
            threshold: 1,
        },
        bit_length: 10,
        name_prefix: "bin".to_owned(),
        extra: Default::default(),
    };
    assert_eq!(succinct.count(), 1024);
    assert_eq!(succinct.bin(0x3f).unwrap().as_str(), "bin-03f");
    let index = succinct.index_of(&path("a/b"));
    let digest = Sha256::digest("a/b");
    assert_eq!(
        index,
        u64::from(u16::from_be_bytes([digest[0], digest[1]])) >> 6
    );
    assert!(
        Scope::Bin {
            bit_length: 10,
            index
        }
        .covers(&path("a/b"))
    );
    let prefix = hex::encode(digest)[..3].to_owned();
    assert!(Scope::HashPrefixes(vec![prefix]).covers(&path("a/b")));
}

#[test]
fn unknown_fields_survive_reading_and_writing() {
    let files = Ministry::new().files();
    let mut signed = read::<Targets>(&files, "1.targets.json").to_signed();
    signed["x-new"] = json!({"a": [1, "ë"]});
    signed["delegations"]["x-new"] = json!(1);
    signed["delegations"]["roles"][0]["x-new"] = json!(2);
    signed["targets"]["a/b"] = json!({"length": 1, "hashes": {"sha256": "00"}, "x-new": 3});
    assert_eq!(
        Targets::from_signed(signed.clone()).unwrap().to_signed(),
        signed
    );
    let mut signed = read::<Root>(&files, "1.root.json").to_signed();
    signed["x-new"] = json!("kept");
    assert_eq!(
        Root::from_signed(signed.clone()).unwrap().to_signed(),
        signed
    );
}

#[test]
fn missing_and_wrong_fields_are_named() {
    let good = read::<Root>(&Ministry::new().files(), "1.root.json").to_signed();
    for (field, wrong) in [
        ("version", json!(0)),
        ("version", json!(-1)),
        ("version", json!("1")),
        ("expires", json!("tomorrow")),
        ("roles", json!({})),
        ("keys", json!([])),
    ] {
        let mut signed = good.clone();
        signed[field] = wrong;
        let error = Root::from_signed(signed).unwrap_err();
        let expected = if field == "roles" { "root" } else { field };
        assert!(
            matches!(&error, MetadataError::Field { field, .. } if field == expected),
            "{error}"
        );
    }
}

#[test]
fn fields_that_nobody_knows_survive_reading_and_writing() {
    let mut signed = read::<Root>(&Ministry::new().files(), "1.root.json").to_signed();
    signed["x-period"] = json!(7);
    signed["roles"]["timestamp"]["x-period"] = json!({"days": [1, 2]});
    signed["roles"]["mirrors"] = json!({"keyids": [], "threshold": 1});
    for key in signed["keys"].as_object_mut().unwrap().values_mut() {
        key["x-keyowner"] = json!("@arta");
    }
    let written = Root::from_signed(signed.clone()).unwrap().to_signed();
    assert_eq!(written, signed);

    let mut signed = read::<Targets>(&Ministry::new().files(), "1.targets.json").to_signed();
    signed["delegations"]["x-note"] = json!("kept");
    signed["delegations"]["roles"][0]["x-note"] = json!(null);
    let written = Targets::from_signed(signed.clone()).unwrap().to_signed();
    assert_eq!(written, signed);
}

#[test]
fn hashes_must_all_match_and_one_be_known() {
    let hashes = |list: &[(&str, String)]| {
        Hashes(
            list.iter()
                .map(|(a, h)| ((*a).to_owned(), h.clone()))
                .collect(),
        )
    };
    let (sha256, sha512) = (
        hex::encode(Sha256::digest("x")),
        hex::encode(Sha512::digest("x")),
    );
    assert!(hashes(&[("sha256", sha256.clone())]).match_bytes(b"x"));
    assert!(hashes(&[("sha512", sha512.clone())]).match_bytes(b"x"));
    assert!(
        hashes(&[
            ("sha256", sha256.clone()),
            ("sha512", sha512),
            ("new", "00".to_owned())
        ])
        .match_bytes(b"x")
    );
    assert!(!hashes(&[("sha256", sha256), ("sha512", "00".to_owned())]).match_bytes(b"x"));
    assert!(!hashes(&[("new", "00".to_owned())]).match_bytes(b"x"));
}

#[test]
fn role_names_are_percent_encoded_in_file_names() {
    let name = RoleName::new("a/b ë~.").unwrap();
    assert_eq!(name.encoded(), "a%2Fb%20%C3%AB~.");
    assert_eq!(RoleName::decode(&name.encoded()), Some(name));
    for bad in [
        "",
        "root",
        "snapshot",
        "timestamp",
        &"x".repeat(129),
        &"ë".repeat(40),
    ] {
        assert!(RoleName::new(bad).is_err(), "{bad}");
    }
    assert!(RoleName::new("x".repeat(128)).is_ok() && RoleName::new("ë".repeat(36)).is_ok());
}

proptest! {
    #[test]
    fn a_star_glob_is_a_prefix_and_suffix_test(head in "[a-z]{0,4}", middle in "[a-z]{0,6}", tail in "[a-z]{0,4}") {
        let pattern = format!("{head}*{tail}");
        let path = format!("{head}{middle}{tail}");
        prop_assert!(glob(&pattern, &path));
    }

    #[test]
    fn parsing_never_panics(text in r#"\{("signed"|"signatures"|"_type"|"version"|[:,\[\]{}]|[0-9"a]){0,30}"#) {
        let _ = Envelope::<Root>::parse(text.as_bytes(), 1000);
        let _ = Envelope::<Targets>::parse(text.as_bytes(), 1000);
    }
}
