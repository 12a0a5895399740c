//! Our client on a repository that python-tuf signed (`data/python-tuf/make.py`): P-256, RSA-PSS and ed25519 keys, a chain
//! of roots with a rotation, delegations by paths, by hash prefixes and by bins.

use std::path::Path;

use pishtar_signing::client::{
    Fetched, MetaFile, MetaRole, Outcome, Policy, Step, TrustError, TrustedSet,
};
use pishtar_signing::metadata::RoleName;

const NOW: i64 = 1_795_464_000;

fn read(name: &str) -> Option<Vec<u8>> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/python-tuf")
            .join(name),
    )
    .ok()
}

fn update(change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Result<Outcome, TrustError> {
    let set = TrustedSet::pin(&read("1.root.json").unwrap())?;
    let mut update = set.begin_update(NOW, Policy::Strict);
    loop {
        match update.next() {
            Step::Fetch { file, .. } => {
                let name = file.file_name();
                update.provide(
                    &file,
                    read(&name).map_or(Fetched::Absent, |bytes| {
                        Fetched::Bytes(change(&name, bytes))
                    }),
                )?;
            }
            Step::Done(outcome) => return Ok(*outcome),
            Step::Over => unreachable!("done or failed before"),
        }
    }
}

#[test]
fn a_repository_of_python_tuf_is_followed_through_its_root_rotation() {
    let outcome = update(|_, bytes| bytes).unwrap();
    assert_eq!(outcome.set.version(&MetaRole::Root), Some(3));
    let found: Vec<(String, Vec<String>, usize)> = outcome
        .targets()
        .map(|role| {
            let paths = role
                .targets
                .targets
                .keys()
                .map(ToString::to_string)
                .collect();
            (role.role.to_string(), paths, role.outside.len())
        })
        .collect();
    let names: Vec<&str> = found.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "targets", "course", "all/ë", "bin-0", "bin-1", "bin-2", "bin-3"
        ]
    );
    assert_eq!(
        found[1],
        ("course".to_owned(), vec!["school/1/a.mp4".to_owned()], 1)
    );
    // The bins 2 and 3 lie outside the hash prefixes 0 to 7 of their parent.
    let (inside, outside): (usize, usize) =
        found[3..].iter().fold((0, 0), |(inside, outside), bin| {
            (inside + bin.1.len(), outside + bin.2)
        });
    assert_eq!(inside + outside, 8);
    assert!(found[5].1.is_empty() && found[6].1.is_empty());
}

#[test]
fn one_changed_byte_in_what_p256_or_rsa_signed_is_refused() {
    for (name, by) in [
        ("timestamp.json", "3.root.json"),
        ("1.course.json", "targets"),
        ("1.bin-2.json", "all/ë"),
    ] {
        let error = update(|file, bytes| {
            if file != name {
                return bytes;
            }
            String::from_utf8(bytes)
                .unwrap()
                .replace("2030-01-01", "2031-01-01")
                .into_bytes()
        });
        let file = MetaFile::parse(name).unwrap();
        assert_eq!(
            error.unwrap_err(),
            TrustError::Threshold {
                file,
                by: by.to_owned(),
                valid: 0,
                needed: 1
            }
        );
    }
}

#[test]
fn the_odd_role_name_has_the_file_name_that_python_gives_it() {
    let role = RoleName::new("all/ë").unwrap();
    assert!(read(&MetaFile::new(MetaRole::from(&role), 1).file_name()).is_some());
}
