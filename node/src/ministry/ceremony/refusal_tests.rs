//! Sticks that are damaged, stale or forged, keys that are not asked for, people who do not agree.

use std::fs;

use super::super::tests::NOW;
use super::super::{keys, withdraw};
use super::tests::{Ministry, Person};
use super::*;

fn refused(result: Result<String, MinistryError>) -> String {
    let error = result.unwrap_err();
    assert!(!error.to_string().is_empty());
    error.to_string()
}

#[test]
fn nothing_is_signed_that_nobody_agreed_to() {
    let ministry = Ministry::new();
    ministry.withdraw();
    ministry.export("stick");
    let args = CeremonySignArgs {
        stick: ministry.stick("stick"),
        key: vec![ministry.key("courses")],
        ..Default::default()
    };
    let mut no = Person {
        answer: Some(false),
        seen: String::new(),
    };
    assert!(
        offline::sign(&args, &mut no, NOW)
            .unwrap()
            .contains("2.math-6-sq.json: not signed")
    );
    assert!(
        no.seen.contains("withdrawn  ministry/math-6-sq/thyesat"),
        "{}",
        no.seen
    );
    assert!(
        no.seen.contains("Sign 2.math-6-sq.json with courses ("),
        "{}",
        no.seen
    );
    let mut nobody = Person {
        answer: None,
        seen: String::new(),
    };
    let error = offline::sign(&args, &mut nobody, NOW).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("--yes"),
        "{error}"
    );
    assert!(refused(ministry.import(&["stick"])).contains("no signature on the stick yet"));
    let mut yes = Person {
        answer: Some(true),
        seen: String::new(),
    };
    offline::sign(&args, &mut yes, NOW).unwrap();
    ministry.import(&["stick"]).unwrap();
}

#[test]
fn a_key_that_is_not_asked_for_signs_nothing() {
    let ministry = Ministry::new();
    ministry.withdraw();
    ministry.export("stick");
    let error = refused(ministry.sign("stick", "root-1"));
    assert!(
        error.contains("none of the keys given may sign")
            && error.contains("missing, any of courses ("),
        "{error}"
    );
    // Forced onto the stick all the same, it is refused by name.
    let signature = keys::FoundKey::read(&ministry.key("root-1")).unwrap();
    let forged = stick::read_stick(&ministry.stick("stick")).unwrap();
    let key = signature.open(&mut keys::Passphrases::of(&[])).unwrap();
    forged[0].add(&key.sign(forged[0].new.message())).unwrap();
    let error = refused(ministry.import(&["stick"]));
    assert!(error.contains("the signature by root-1 is refused: that key may not sign math-6-sq; these may: courses"), "{error}");
}

#[test]
fn signatures_over_other_bytes_are_refused_and_the_good_ones_taken() {
    let ministry = Ministry::new();
    ministry.withdraw();
    ministry.export("old");
    ministry.sign("old", "courses").unwrap();
    // The course is edited again before the stick comes back.
    withdraw::withdraw(&ministry.bench.dir, "math-6-sq/kendet", NOW).unwrap();
    let error = refused(ministry.import(&["old"]));
    assert!(
        error.contains(
            "2.math-6-sq.json: the signature by courses is refused: it was made over other content"
        ),
        "{error}"
    );
    ministry.export("new");
    ministry.sign("new", "courses").unwrap();
    let error = refused(ministry.import(&["old", "new"]));
    assert!(
        error.contains("The others were taken:\n2.math-6-sq.json: signed by courses"),
        "{error}"
    );
    // The same stick written again forgets signatures over bytes that are gone.
    ministry.export("old");
    let again = fs::read_dir(ministry.case("old", "2.math-6-sq").join("signatures"));
    assert_eq!(
        again.map_or(0, Iterator::count),
        1,
        "complete: nothing was written"
    );
}

#[test]
fn a_forged_or_damaged_stick_is_named() {
    let ministry = Ministry::new();
    ministry.withdraw();
    ministry.export("stick");
    ministry.sign("stick", "courses").unwrap();
    let case = ministry.case("stick", "2.math-6-sq");
    let signature = fs::read_dir(case.join("signatures"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let there = fs::read_to_string(&signature).unwrap();
    let at = there.find("\"sig\": \"").unwrap() + 8;
    let mut forged = there.clone();
    let flipped = if &there[at..=at] == "0" { "1" } else { "0" };
    forged.replace_range(at..=at, flipped);
    fs::write(&signature, forged).unwrap();
    let error = refused(ministry.import(&["stick"]));
    assert!(
        error.contains("it is not that key's signature of these bytes"),
        "{error}"
    );

    let to_sign = case.join("to-sign");
    let mut bytes = fs::read(&to_sign).unwrap();
    bytes[30] ^= 1;
    fs::write(&to_sign, bytes).unwrap();
    let error = refused(ministry.sign("stick", "courses"));
    assert!(
        error.contains("to-sign: it holds other bytes than the file beside it"),
        "{error}"
    );
    let error = ministry.import(&["nothing"]).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("ceremony export"),
        "{error}"
    );
}

#[test]
fn a_false_version_before_is_pointed_out() {
    let ministry = Ministry::new();
    ministry.withdraw();
    ministry.export("stick");
    let case = ministry.case("stick", "2.math-6-sq");
    // Somebody puts the new version in the place of the old one: "nothing changes".
    fs::copy(case.join("2.math-6-sq.json"), case.join("previous.json")).unwrap();
    let args = CeremonySignArgs {
        stick: ministry.stick("stick"),
        key: vec![ministry.key("courses")],
        ..Default::default()
    };
    let mut no = Person {
        answer: Some(false),
        seen: String::new(),
    };
    offline::sign(&args, &mut no, NOW).unwrap();
    assert!(
        no.seen.contains("this key did not sign the version before"),
        "{}",
        no.seen
    );
    assert!(
        no.seen.contains("WARNING: it does not raise the version"),
        "{}",
        no.seen
    );
}
