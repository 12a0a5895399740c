//! Keys over the years: locked ones, ones kept elsewhere, lost ones, thresholds, renewal, what the status says.

use std::path::PathBuf;

use super::tests::{Bench, DAY, NOW};
use super::*;

fn change(role: &str) -> RotateArgs {
    RotateArgs {
        role: role.into(),
        ..Default::default()
    }
}

fn words(bench: &Bench, now: UnixSeconds) -> String {
    status::status(&bench.dir, status::Form::Words, now).unwrap()
}

fn passphrase_file(bench: &Bench, text: &str) -> PassphraseArgs {
    let file = bench.dir.parent().unwrap().join("passphrase");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    PassphraseArgs {
        passphrase_file: vec![file],
    }
}

#[test]
fn a_workshop_with_locked_keys_signs_and_publishes_with_the_passphrase_only() {
    let bench = Bench::unlocked_by(|bench| NewKeysArgs {
        encrypt_keys: true,
        passphrase: passphrase_file(bench, "gjithçka në rregull"),
    });
    let given = passphrase_file(&bench, "gjithçka në rregull");
    bench.add("v1");
    let error = sign::sign(&bench.sign_args(), NOW).unwrap_err().to_string();
    assert!(
        error.contains("root-1 is locked and was not used"),
        "{error}"
    );
    let args = SignArgs {
        passphrase: given.clone(),
        ..bench.sign_args()
    };
    assert!(
        sign::sign(&args, NOW)
            .unwrap()
            .contains("root: 2 signatures added")
    );
    let publish = |given: &PassphraseArgs| {
        publish::publish(&bench.dir, None, publish::Extent::Changes, given, NOW)
    };
    let error = publish(&PassphraseArgs::default()).unwrap_err();
    assert!(matches!(error, MinistryError::Unsealed { .. }), "{error}");
    publish(&given).unwrap();
    bench.verify().unwrap();
    let wrong = passphrase_file(&bench, "something else");
    assert!(keys::open_collection(&bench.key("collection"), &wrong).is_err());
    let given = passphrase_file(&bench, "gjithçka në rregull");
    assert_eq!(
        keys::open_collection(&bench.key("collection"), &given)
            .unwrap()
            .epoch(),
        1
    );
}

#[test]
fn one_of_three_root_keys_may_be_lost() {
    let bench = Bench::published();
    std::fs::remove_file(bench.key("root-1")).unwrap();
    let said = bench
        .rotate(RotateArgs {
            replace: Some("root-1".into()),
            ..change("root")
        })
        .unwrap();
    assert!(
        said.contains("root-1 signs root no longer; its file is not in the workshop"),
        "{said}"
    );
    assert!(words(&bench, NOW).contains("missing old root-1 or root-2 or root-3"));
    bench.sign();
    bench.publish(NOW);
    assert_eq!(bench.verify().unwrap().root_version, 2);
    // Two more losses, one after the other: always two of the three that are listed then.
    for lost in ["root-2", "root-3"] {
        std::fs::remove_file(bench.key(lost)).unwrap();
        let replace = Some(lost.to_owned());
        bench
            .rotate(RotateArgs {
                replace,
                ..change("root")
            })
            .unwrap();
        bench.sign();
        bench.publish(NOW);
    }
    assert_eq!(bench.verify().unwrap().root_version, 4);
}

#[test]
fn two_lost_root_keys_are_said_to_be_missing() {
    let bench = Bench::published();
    for lost in ["root-1", "root-2"] {
        std::fs::remove_file(bench.key(lost)).unwrap();
    }
    let replace = Some("root-1".to_owned());
    bench
        .rotate(RotateArgs {
            replace,
            ..change("root")
        })
        .unwrap();
    let said = bench.sign();
    assert!(
        said.contains("root: 1 of 2 signatures, missing old root-1 or root-2"),
        "{said}"
    );
    let status = words(&bench, NOW);
    assert!(
        status.contains("kept elsewhere are missing") && status.contains("ceremony export"),
        "{status}"
    );
}

#[test]
fn keys_are_added_and_removed_and_thresholds_changed() {
    let bench = Bench::published();
    let key = bench.dir.parent().unwrap().join("targets-b.json");
    keys::create(&key, None).unwrap();
    let said = bench.rotate(RotateArgs {
        add_key: vec![key.clone()],
        threshold: Some(2),
        ..change("targets")
    });
    assert!(
        said.unwrap()
            .contains("From now on 2 of 2 keys must sign targets")
    );
    let said = bench.sign();
    assert!(
        said.contains("targets: 1 of 2 signatures, missing targets-b"),
        "{said}"
    );
    let args = SignArgs {
        key: vec![key],
        ..bench.sign_args()
    };
    assert!(
        sign::sign(&args, NOW)
            .unwrap()
            .contains("All signatures are there")
    );
    bench.publish(NOW);
    bench.verify().unwrap();

    let remove = |threshold| {
        bench.rotate(RotateArgs {
            remove: vec!["targets".into()],
            threshold,
            ..change("targets")
        })
    };
    let error = remove(None).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("give --threshold 1 to 1"),
        "{error}"
    );
    assert!(
        bench.key("targets").exists(),
        "a refused change moves no key"
    );
    remove(Some(1)).unwrap();
    assert!(!bench.key("targets").exists());
}

#[test]
fn a_published_snapshot_is_not_signed_anew_but_followed_by_the_next() {
    let bench = Bench::published();
    let first = bench.out.join("metadata/1.snapshot.json");
    let before = std::fs::read(&first).unwrap();
    bench.rotate(change("snapshot")).unwrap();
    assert!(!bench.sign().contains("snapshot"));
    let said = words(&bench, NOW);
    assert!(said.contains("published, its keys changed since"), "{said}");
    assert!(said.contains("Next: pishtar ministry publish"), "{said}");
    bench.publish(NOW);
    assert_eq!(std::fs::read(&first).unwrap(), before);
    assert!(bench.out.join("metadata/2.snapshot.json").exists());
    bench.verify().unwrap();
}

#[test]
fn what_rotate_cannot_do_is_said() {
    let bench = Bench::published();
    let error = |change: RotateArgs| bench.rotate(change).unwrap_err().to_string();
    assert!(
        error(change("root"))
            .contains("say with --replace which of its keys: root-1, root-2, root-3")
    );
    let unknown = RotateArgs {
        replace: Some("root-9".into()),
        ..change("root")
    };
    assert!(error(unknown).contains("it has no key root-9: its keys are root-1, root-2, root-3"));
    assert!(
        error(change("rot"))
            .contains("it is one of root, targets, snapshot, timestamp, courses, collection, ")
    );
    let twice = RotateArgs {
        add_key: vec![bench.key("targets")],
        ..change("targets")
    };
    assert!(error(twice).contains("signs it already"));
}

#[test]
fn one_course_can_have_a_key_of_its_own() {
    let bench = Bench::published();
    let said = bench.rotate(change("math-6-sq")).unwrap();
    assert!(
        said.contains("courses signs math-6-sq no longer; it goes on signing other roles"),
        "{said}"
    );
    assert!(bench.key("math-6-sq-1").exists() && bench.key("courses").exists());
    assert!(!bench.dir.join("keys/retired").exists());
    bench.sign();
    bench.publish(NOW);
    bench.verify().unwrap();
    // Adding lessons leaves the course its own key.
    std::fs::remove_file(bench.key("courses")).unwrap();
    bench.add("v2");
    assert!(bench.sign().contains("math-6-sq: 1 signature added"));
    bench.publish(NOW);
    bench.verify().unwrap();
}

#[test]
fn a_new_keys_name_is_a_files_name_and_no_other_keys() {
    let bench = Bench::published();
    for (name, words) in [
        ("../x", "cannot be a key's name"),
        ("targets", "there is a key targets already"),
    ] {
        let error = bench.rotate(RotateArgs {
            new_key: vec![name.into()],
            ..change("snapshot")
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_expires_soon_is_renewed_with_one_command() {
    let bench = Bench::published();
    assert!(words(&bench, NOW).contains("courses are published; the first expires"));
    let late = NOW + 370 * DAY;
    let said = words(&bench, late);
    assert!(
        said.contains("(30 days left)") && said.contains("ministry renew"),
        "{said}"
    );
    assert!(said.contains("expired 340 days ago"), "{said}");
    let args = RenewArgs {
        dir: bench.dir.clone(),
        within: 90,
        ..Default::default()
    };
    let said = sign::renew(&args, late).unwrap();
    assert!(
        said.contains("root: renewed\nroot: 3 signatures added"),
        "{said}"
    );
    assert!(said.contains("math-6-sq: renewed"), "{said}");
    bench.publish(late);
    assert!(verify(&bench.out, None, late + 29 * DAY).is_ok());
    assert_eq!(
        sign::renew(&args, late).unwrap(),
        "Nothing expires within 90 days."
    );
}

#[test]
fn the_status_for_machines_names_what_is_missing_and_the_next_command() {
    let bench = Bench::empty();
    std::fs::remove_file(bench.key("root-3")).unwrap();
    let json = status::status(&bench.dir, status::Form::Json, NOW).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let root = &json["roles"][0];
    assert_eq!(
        (root["role"].as_str(), root["state"].as_str()),
        (Some("root"), Some("waits"))
    );
    let missing = &root["missing"][0];
    assert_eq!(
        missing["of"],
        serde_json::json!(["root-1", "root-2", "root-3"])
    );
    assert_eq!(missing["here"], serde_json::json!(["root-1", "root-2"]));
    assert_eq!(root["expires_in_s"], 400 * DAY);
    let next = format!("pishtar ministry sign {}", bench.dir.display());
    assert_eq!(json["next"], serde_json::json!(next));
}

/// Shell commands that stand for a card: the secret half is in `file`.
pub(super) fn openssl(bench: &Bench, kind: &str) -> (PathBuf, String) {
    let folder = bench.dir.parent().unwrap();
    let (secret, public) = (
        folder.join(format!("{kind}.key")),
        folder.join(format!("{kind}.pem")),
    );
    let (make, sign) = match kind {
        "ed25519" => (
            "-algorithm ed25519",
            "openssl pkeyutl -sign -rawin -inkey KEY -in FILE",
        ),
        "p256" => (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            "openssl dgst -sha256 -sign KEY FILE",
        ),
        _ => (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -sign KEY FILE",
        ),
    };
    let (key, pem) = (secret.display().to_string(), public.display().to_string());
    let made =
        format!("openssl genpkey {make} -out {key} && openssl pkey -in {key} -pubout -out {pem}");
    let output = std::process::Command::new("sh")
        .args(["-c", &made])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl is needed here: {output:?}"
    );
    let file = folder.join("in").display().to_string();
    let sign = sign.replace("KEY", &key).replace("FILE", &file);
    (public, format!("cat > {file}; {sign} | base64"))
}

#[test]
fn openssl_signs_as_a_card_would_with_every_kind_of_key() {
    let bench = Bench::published();
    for (role, kind) in [
        ("math-6-sq", "p256"),
        ("targets", "ed25519"),
        ("snapshot", "p256"),
        ("timestamp", "rsa"),
    ] {
        let (public, command) = openssl(&bench, kind);
        let (replace, add_key) = (None, vec![public]);
        let remove = match role {
            "math-6-sq" => vec!["courses".to_owned()],
            role => vec![role.to_owned()],
        };
        bench
            .rotate(RotateArgs {
                replace,
                add_key,
                remove,
                ..change(role)
            })
            .unwrap();
        bench.sign();
        let by_card = |role: &str| {
            let args = SignArgs {
                role: Some(role.into()),
                signer: SignerArgs {
                    signer: Some(command.clone()),
                    ..Default::default()
                },
                ..bench.sign_args()
            };
            sign::sign(&args, NOW).unwrap()
        };
        if matches!(role, "snapshot" | "timestamp") {
            let open = PassphraseArgs::default();
            let error = publish::publish(&bench.dir, None, publish::Extent::Changes, &open, NOW)
                .unwrap_err();
            assert!(
                error.to_string().contains(&format!("missing {kind}")),
                "{error}"
            );
        }
        assert!(by_card(role).contains("1 signature added"), "{role}");
        if role == "timestamp" {
            // The snapshot's card is another one; nothing new to sign there.
            bench.publish(NOW);
            bench
                .verify()
                .unwrap_or_else(|error| panic!("after {role}: {error}"));
        }
    }
}
