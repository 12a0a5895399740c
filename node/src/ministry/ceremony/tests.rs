//! Ceremonies with keys that never lie in the workshop, and sticks that are damaged, stale or forged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::tests::{Bench, NOW};
use super::super::{RotateArgs, SignArgs, keys, publish, sign, status, withdraw};
use super::*;

/// Answers every question alike and remembers what was shown.
pub(super) struct Person {
    pub(super) answer: Option<bool>,
    pub(super) seen: String,
}

impl offline::Agrees for Person {
    fn show(&mut self, text: &str) {
        self.seen += text;
    }

    fn agrees(&mut self, question: &str) -> io::Result<Option<bool>> {
        self.seen += question;
        Ok(self.answer)
    }
}

/// A published workshop whose keys lie in a safe.
pub(super) struct Ministry {
    pub(super) bench: Bench,
    pub(super) safe: PathBuf,
}

impl Ministry {
    pub(super) fn new() -> Ministry {
        let bench = Bench::published();
        let safe = bench.dir.parent().unwrap().join("safe");
        fs::rename(bench.dir.join("keys"), &safe).unwrap();
        fs::create_dir(bench.dir.join("keys")).unwrap();
        Ministry { bench, safe }
    }

    pub(super) fn stick(&self, name: &str) -> PathBuf {
        self.bench.dir.parent().unwrap().join(name)
    }

    pub(super) fn export(&self, stick: &str) -> String {
        export::export(&self.bench.dir, &[], &self.stick(stick), NOW).unwrap()
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.safe.join(format!("{name}.json"))
    }

    pub(super) fn sign(&self, stick: &str, key: &str) -> Result<String, MinistryError> {
        let args = CeremonySignArgs {
            stick: self.stick(stick),
            key: vec![self.key(key)],
            yes: true,
            ..Default::default()
        };
        let mut nobody = Person {
            answer: None,
            seen: String::new(),
        };
        offline::sign(&args, &mut nobody, NOW)
    }

    pub(super) fn import(&self, sticks: &[&str]) -> Result<String, MinistryError> {
        let sticks: Vec<PathBuf> = sticks.iter().map(|stick| self.stick(stick)).collect();
        import::import(&self.bench.dir, &sticks)
    }

    pub(super) fn withdraw(&self) {
        withdraw::withdraw(&self.bench.dir, "math-6-sq/thyesat", NOW).unwrap();
    }

    pub(super) fn publish(&self) -> Result<String, MinistryError> {
        let open = PassphraseArgs::default();
        publish::publish(&self.bench.dir, None, publish::Extent::Changes, &open, NOW)
    }

    pub(super) fn case(&self, stick: &str, case: &str) -> PathBuf {
        self.stick(stick)
            .join("pishtar-ceremony/ministry")
            .join(case)
    }
}

#[test]
fn every_role_is_signed_by_keys_that_never_touch_the_workshop() {
    let ministry = Ministry::new();
    ministry.withdraw();
    ministry.export("stick");
    assert!(
        ministry
            .sign("stick", "courses")
            .unwrap()
            .contains("2.math-6-sq.json: signed by courses (")
    );
    let said = ministry.import(&["stick"]).unwrap();
    assert!(
        said.contains("2.math-6-sq.json: signed by courses\nAll signatures are there."),
        "{said}"
    );
    for role in ["snapshot", "timestamp"] {
        let error = ministry.publish().unwrap_err().to_string();
        assert!(
            error.contains(&format!("the {role} that was built waits")),
            "{error}"
        );
        ministry.export(role);
        ministry.sign(role, role).unwrap();
        ministry.import(&[role]).unwrap();
    }
    ministry.publish().unwrap();
    assert_eq!(ministry.bench.verify().unwrap().lessons, 7);
}

#[test]
fn signers_meet_in_any_order_on_any_number_of_sticks() {
    let ministry = Ministry::new();
    let new = ministry.safe.join("root-4.json");
    keys::create(&new, None).unwrap();
    let change = RotateArgs {
        role: "root".into(),
        replace: Some("root-3".into()),
        add_key: vec![new],
        ..Default::default()
    };
    ministry.bench.rotate(change).unwrap();
    let status = status::status(&ministry.bench.dir, status::Form::Words, NOW).unwrap();
    assert!(
        status.contains("Next: pishtar ministry ceremony export"),
        "{status}"
    );
    for stick in ["a", "b"] {
        ministry.export(stick);
    }
    ministry.sign("a", "root-4").unwrap();
    ministry.sign("b", "root-2").unwrap();
    ministry.sign("b", "root-1").unwrap();
    let said = ministry.import(&["b"]).unwrap();
    assert!(said.contains("All signatures are there."), "{said}");
    let said = ministry.import(&["a", "b"]).unwrap();
    assert!(said.contains("2.root.json: signed by root-4"), "{said}");
    assert!(
        said.contains("2.root.json: root-1 has signed already"),
        "{said}"
    );
    ministry.publish().unwrap();
    assert_eq!(ministry.bench.verify().unwrap().root_version, 2);
}

#[test]
fn a_root_change_is_shown_from_its_bytes() {
    let ministry = Ministry::new();
    let change = RotateArgs {
        role: "root".into(),
        remove: vec!["root-2".into()],
        ..Default::default()
    };
    ministry.bench.rotate(change).unwrap();
    ministry.export("stick");
    // What the stick claims is not believed: the words come from the bytes.
    fs::write(
        ministry.case("stick", "2.root").join("summary.txt"),
        "nothing changes",
    )
    .unwrap();
    let short = |name: &str| {
        let key = keys::FoundKey::read(&ministry.key(name)).unwrap();
        key.public.id().0[..12].to_owned()
    };
    let said = show(&ministry.stick("stick"));
    assert!(said.starts_with("Root version 2 of the publisher ministry, after version 1\n  expires 2027-12-28 (400 days"), "{said}");
    assert!(
        said.contains("  root: 2 of 2 keys must sign; before it was 2 of 3\n"),
        "{said}"
    );
    for (word, name) in [
        ("stays", "root-1"),
        ("stays", "root-3"),
        ("gone ", "old root-2"),
    ] {
        let id = short(name.trim_start_matches("old "));
        assert!(
            said.contains(&format!("    {word}  {name} ({id}…)")),
            "{word} {name}: {said}"
        );
    }
    assert!(
        said.contains("  targets: 1 of 1 keys must sign, as before\n"),
        "{said}"
    );
    assert!(
        said.contains("2.root.json: 0 of 2 signatures that 1.root.json asks for; missing, any of "),
        "{said}"
    );
}

fn show(stick: &Path) -> String {
    offline::show(stick, NOW).unwrap()
}

#[test]
fn a_course_change_names_its_lessons() {
    let ministry = Ministry::new();
    ministry.bench.add("v2");
    withdraw::withdraw(&ministry.bench.dir, "math-6-sq/kendet", NOW).unwrap();
    ministry.export("stick");
    let said = show(&ministry.stick("stick"));
    assert!(
        said.starts_with("Course math-6-sq version 2 of the publisher ministry, after version 1\n"),
        "{said}"
    );
    assert!(
        said.contains("  lessons: 2 change, 0 stay as they were\n"),
        "{said}"
    );
    assert!(
        said.contains("    withdrawn  ministry/math-6-sq/kendet  “"),
        "{said}"
    );
    assert!(
        said.contains("    changed    ministry/math-6-sq/thyesat  “Thyesat: pjesët e së tërës”"),
        "{said}"
    );
}

#[test]
fn a_command_signs_at_a_ceremony() {
    let ministry = Ministry::new();
    let (public, command) = super::super::ceremony_tests::openssl(&ministry.bench, "p256");
    let change = RotateArgs {
        role: "timestamp".into(),
        add_key: vec![public.clone()],
        remove: vec!["timestamp".into()],
        ..Default::default()
    };
    ministry.bench.rotate(change).unwrap();
    let args = SignArgs {
        key: vec![ministry.key("root-1"), ministry.key("root-2")],
        ..ministry.bench.sign_args()
    };
    sign::sign(&args, NOW).unwrap();
    ministry.publish().unwrap_err();
    ministry.export("stick");
    let args = CeremonySignArgs {
        stick: ministry.stick("stick"),
        yes: true,
        signer: SignerArgs {
            signer: Some(command),
            public_key: Some(public),
            ..Default::default()
        },
        ..Default::default()
    };
    let mut nobody = Person {
        answer: None,
        seen: String::new(),
    };
    let said = offline::sign(&args, &mut nobody, NOW).unwrap();
    assert!(said.contains("timestamp.json: signed by p256 ("), "{said}");
    ministry.import(&["stick"]).unwrap();
    ministry.publish().unwrap();
    ministry.bench.verify().unwrap();
}
