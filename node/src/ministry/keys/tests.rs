//! Key files: locked and unlocked, asked for at a terminal or given by a script, damaged.

use std::fs;

use super::file::{lock_file, unlock_file};
use super::*;

const PHRASE: &str = "katër fjalë në rresht";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_locked_key_shows_its_public_half_and_signs_only_with_its_passphrase() {
    let folder = folder();
    let path = folder.path().join("root-1.json");
    let made = create(&path, Some(PHRASE)).unwrap();
    assert!(
        !fs::read_to_string(&path)
            .unwrap()
            .contains(&hex::encode(*made.seed()))
    );
    let found = FoundKey::read(&path).unwrap();
    assert!(found.is_locked());
    assert_eq!(
        (found.name.as_str(), found.public.id()),
        ("root-1", made.public().id())
    );

    let mut script = Passphrases::of(&["something else", PHRASE]);
    assert_eq!(found.open(&mut script).unwrap().seed(), made.seed());
    // The same letters, written with combining signs by another keyboard.
    let decomposed = "kate\u{308}r fjale\u{308} ne\u{308} rresht";
    assert!(found.open(&mut Passphrases::of(&[decomposed])).is_ok());
    let error = |passphrases: &mut Passphrases| found.open(passphrases).unwrap_err().to_string();
    assert!(error(&mut Passphrases::of(&[])).contains("--passphrase-file"));
    assert!(error(&mut Passphrases::of(&["wrong"])).contains("the passphrase does not open it"));
}

#[test]
fn the_terminal_is_asked_again_after_a_slip_and_not_for_ever() {
    let folder = folder();
    let path = folder.path().join("courses.json");
    create(&path, Some(PHRASE)).unwrap();
    let found = FoundKey::read(&path).unwrap();
    let mut typed = Passphrases::typed(vec![PHRASE, "slip"]);
    found.open(&mut typed).unwrap();
    found
        .open(&mut typed)
        .expect("remembered for the next role");
    let mut typed = Passphrases::typed(vec![PHRASE, "3", "2", "1"]);
    assert!(matches!(
        found.open(&mut typed),
        Err(MinistryError::Passphrase { .. })
    ));
    // Enter alone passes a key over.
    let mut typed = Passphrases::typed(vec![PHRASE, ""]);
    assert!(matches!(
        found.open(&mut typed),
        Err(MinistryError::Passphrase { .. })
    ));
}

#[test]
fn a_new_passphrase_is_long_and_typed_twice_alike() {
    let choose = |answers| Passphrases::typed(answers).choose();
    assert_eq!(*choose(vec![PHRASE, PHRASE]).unwrap(), PHRASE);
    let error = |answers| choose(answers).unwrap_err().to_string();
    assert!(error(vec!["another passphrase", PHRASE]).contains("differ"));
    assert!(error(vec!["short", "short"]).contains("less than 10 characters"));
    assert!(
        Passphrases::of(&[])
            .choose()
            .unwrap_err()
            .to_string()
            .contains("no terminal")
    );
}

#[test]
fn locks_are_put_on_changed_and_taken_off() {
    let folder = folder();
    let signing = folder.path().join("targets.json");
    let plain = create(&signing, None).unwrap();
    let collection = create_collection(folder.path(), 3, None).unwrap();
    for path in [signing.clone(), folder.path().join(COLLECTION)] {
        let before = fs::read(&path).unwrap();
        lock_file(&path, &mut Passphrases::of(&[]), "the first passphrase").unwrap();
        assert!(is_locked(&path).unwrap());
        let mut wrong = Passphrases::of(&["not the first one"]);
        assert!(lock_file(&path, &mut wrong, PHRASE).is_err());
        lock_file(
            &path,
            &mut Passphrases::of(&["the first passphrase"]),
            PHRASE,
        )
        .unwrap();
        assert!(unlock_file(&path, &mut Passphrases::of(&["the first passphrase"])).is_err());
        assert!(is_locked(&path).unwrap());
        unlock_file(&path, &mut Passphrases::of(&[PHRASE])).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    assert_eq!(
        FoundKey::read(&signing).unwrap().public.id(),
        plain.public().id()
    );
    assert_eq!(
        collection_epoch(&folder.path().join(COLLECTION)).unwrap(),
        collection.epoch()
    );
}

#[test]
fn what_is_no_key_file_is_named() {
    let folder = folder();
    let path = folder.path().join("k.json");
    let made = create(&path, Some(PHRASE)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let public = made.public().to_json()["keyval"]["public"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = create(&folder.path().join("other.json"), None)
        .unwrap()
        .public();
    let other = other.to_json()["keyval"]["public"]
        .as_str()
        .unwrap()
        .to_owned();
    for (content, words) in [
        ("[]".to_owned(), "not a key file"),
        (text.replace("\"ed25519\"", "\"dsa\""), "of a kind"),
        (
            text.replace("\"memory_kib\": 64", "\"memory_kib\": 99999999"),
            "99999999 KiB",
        ),
        (text.replace("argon2id", "md5"), "in a form (version 1, md5"),
        // Another public half beside the locked seed: found out, whatever the passphrase.
        (text.replace(&public, &other), "does not open it"),
    ] {
        assert_ne!(content, text);
        fs::write(&path, content).unwrap();
        let opened =
            FoundKey::read(&path).and_then(|key| key.open(&mut Passphrases::of(&[PHRASE])));
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("k.json"), "{error}");
    }
}
