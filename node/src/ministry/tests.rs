//! The workshop from `init` to `verify` on the sample lessons, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pishtar_catalog::{Catalog, LessonId, Part};
use pishtar_signing::client::{Fetched, Policy, Step, TrustedSet};
use pishtar_signing::record::CollectionSecret;

use super::files::Storing;
use super::publish::Extent;
use super::workshop::Workshop;
use super::*;

pub(super) const NOW: UnixSeconds = 1_795_464_000;
pub(super) const DAY: UnixSeconds = 86_400;

fn samples(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(version)
}

/// A workshop in a temporary folder.
pub(super) struct Bench {
    _dir: tempfile::TempDir,
    pub(super) dir: PathBuf,
    pub(super) out: PathBuf,
}

impl Bench {
    pub(super) fn empty() -> Bench {
        Bench::unlocked_by(|_| NewKeysArgs::default())
    }

    /// A new workshop whose keys are made as `keys` says.
    pub(super) fn unlocked_by(keys: impl FnOnce(&Bench) -> NewKeysArgs) -> Bench {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("workshop");
        let bench = Bench {
            out: dir.join("published"),
            dir,
            _dir: temporary,
        };
        init::init(&bench.dir, MINISTRY, &keys(&bench), NOW).unwrap();
        bench
    }

    pub(super) fn published() -> Bench {
        let bench = Bench::empty();
        bench.add("v1");
        bench.sign();
        bench.publish(NOW);
        bench
    }

    pub(super) fn add(&self, version: &str) -> String {
        add::add(&self.dir, &samples(version), None, Storing::Copy, NOW).unwrap()
    }

    pub(super) fn sign(&self) -> String {
        sign::sign(&self.sign_args(), NOW).unwrap()
    }

    pub(super) fn sign_args(&self) -> SignArgs {
        SignArgs {
            dir: self.dir.clone(),
            ..Default::default()
        }
    }

    pub(super) fn rotate(&self, change: RotateArgs) -> Result<String, MinistryError> {
        let dir = self.dir.clone();
        rotate::rotate(&RotateArgs { dir, ..change }, NOW)
    }

    pub(super) fn publish(&self, now: UnixSeconds) -> String {
        publish::publish(
            &self.dir,
            None,
            Extent::Changes,
            &PassphraseArgs::default(),
            now,
        )
        .unwrap()
    }

    pub(super) fn repair(&self) {
        publish::publish(
            &self.dir,
            None,
            Extent::Everything,
            &PassphraseArgs::default(),
            NOW,
        )
        .unwrap();
    }

    fn sign_with(&self, role: &str, key: &str) -> Result<String, MinistryError> {
        let args = SignArgs {
            role: Some(role.into()),
            key: vec![self.key(key)],
            ..self.sign_args()
        };
        sign::sign(&args, NOW)
    }

    pub(super) fn verify(&self) -> Result<Verified, MinistryError> {
        verify(&self.out, None, NOW)
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.dir.join(format!("keys/{name}.json"))
    }

    /// What a node knows after it synchronised with the published folder.
    fn catalog(&self) -> Catalog {
        let trusted =
            TrustedSet::pin(&fs::read(self.out.join("metadata/1.root.json")).unwrap()).unwrap();
        let mut update = trusted.begin_update(NOW, Policy::Offline);
        let outcome = loop {
            match update.next() {
                Step::Fetch { file, .. } => {
                    let bytes = fs::read(self.out.join("metadata").join(file.file_name()));
                    update
                        .provide(&file, bytes.map_or(Fetched::Absent, Fetched::Bytes))
                        .unwrap();
                }
                Step::Done(outcome) => break outcome,
                Step::Over => panic!("the update ended without a result"),
            }
        };
        let mut catalog = Catalog::new();
        for accepted in outcome.targets() {
            let version = accepted.targets.version;
            let (_, problems) = catalog.replace_role(
                "ministry",
                accepted.role.as_str(),
                version,
                &accepted.targets,
            );
            assert_eq!(problems, []);
        }
        catalog
    }
}

fn id(text: &str) -> LessonId {
    LessonId::new(text).unwrap()
}

#[test]
fn sample_lessons_survive_publishing_with_all_their_letters() {
    let bench = Bench::published();
    let verified = bench.verify().unwrap();
    assert_eq!(
        (verified.version, verified.root_version, verified.lessons),
        (1, 1, 8)
    );

    let catalog = bench.catalog();
    let lesson = catalog.lesson(&id("ministry/math-6-sq/thyesat")).unwrap();
    assert_eq!(
        lesson.title.get(&["sq"]),
        Some("Thyesat: pjesët e së tërës")
    );
    assert_eq!(
        lesson.title.get(&["sr-Cyrl"]),
        Some("Разломци: делови целине")
    );
    assert_eq!(
        lesson.description.get(&["sq"]),
        Some("Një pite, katër pjesë: çfarë tregojnë numëruesi dhe emëruesi.")
    );
    assert_eq!(
        (
            lesson.version,
            lesson.grade,
            lesson.parts(Part::Captions).count()
        ),
        (1, 6, 3)
    );
    assert!(lesson.duration_s > 5, "read from the mp4");
    assert!(lesson.main().head_bytes > 0 && lesson.main().tail_bytes == 0);
    let late_moov = catalog.lesson(&id("ministry/math-6-sq/kendet")).unwrap();
    assert!(late_moov.main().tail_bytes > 0);
    assert_eq!(
        &*late_moov.prerequisites,
        [id("ministry/math-6-sq/thyesat")]
    );

    let secret = CollectionSecret::from_json(&fs::read(bench.key("collection")).unwrap()).unwrap();
    assert_eq!(catalog.collection_key("ministry"), Some(&secret.public()));
}

#[test]
fn secret_keys_are_readable_by_their_owner_only() {
    let bench = Bench::empty();
    let keys: Vec<_> = fs::read_dir(bench.dir.join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(keys.len(), 8);
    for key in keys {
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            key.display()
        );
    }
}

#[test]
fn doing_a_step_again_changes_nothing() {
    let bench = Bench::published();
    let files = |dir: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    };
    let before = files(&bench.out.join("metadata"));
    assert!(bench.add("v1").contains("0 new, 0 changed, 8 as before"));
    assert_eq!(bench.sign(), "Nothing waits for a signature.\n");
    bench.publish(NOW + DAY);
    assert_eq!(files(&bench.out.join("metadata")), before);
    // Half of the timestamp's life is over: schools are told again that nothing newer exists.
    assert!(bench.publish(NOW + 20 * DAY).starts_with("Version 2"));
}

#[test]
fn version_2_changes_one_lesson_and_withdraws_another() {
    let bench = Bench::published();
    assert!(bench.add("v2").contains("0 new, 1 changed, 0 as before"));
    assert!(withdraw::withdraw(&bench.dir, "geography-5-en/reading-a-map", NOW).is_ok());
    bench.sign();
    assert!(bench.publish(NOW).starts_with("Version 2"));
    assert_eq!(bench.verify().unwrap().lessons, 7);
    let catalog = bench.catalog();
    assert_eq!(
        catalog
            .lesson(&id("ministry/math-6-sq/thyesat"))
            .unwrap()
            .version,
        2
    );
    assert_eq!(
        catalog
            .lesson(&id("ministry/math-6-sq/kendet"))
            .unwrap()
            .version,
        1
    );
    assert!(
        catalog
            .lesson(&id("ministry/geography-5-en/reading-a-map"))
            .is_none()
    );
    assert_eq!(catalog.role_files("ministry", "math-6-sq").unwrap().0, 2);
    assert_eq!(
        catalog
            .role_files("ministry", "science-4-sr-cyrl")
            .unwrap()
            .0,
        1,
        "untouched courses are not sent again"
    );
}

#[test]
fn nothing_is_published_while_signatures_are_missing() {
    let bench = Bench::empty();
    bench.add("v1");
    let refused = publish::publish(
        &bench.dir,
        None,
        Extent::Changes,
        &PassphraseArgs::default(),
        NOW,
    )
    .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("root: 0 of 2 signatures, missing root-"),
        "{refused}"
    );
    assert!(!bench.out.exists());

    let said = bench.sign_with("root", "root-2").unwrap();
    assert!(
        said.contains("root: 1 of 2 signatures, missing root-1 or root-3")
            || said.contains("root-3 or root-1"),
        "{said}"
    );
    let wrong = bench.sign_with("root", "courses").unwrap_err();
    assert!(matches!(wrong, MinistryError::NothingSigned(_)), "{wrong}");
    // The other keys come on another stick, the first one is gone.
    fs::remove_file(bench.key("root-1")).unwrap();
    bench.sign();
    bench.publish(NOW);
    assert!(
        status::status(&bench.dir, status::Form::Words, NOW)
            .unwrap()
            .ends_with("Nothing waits.")
    );
}

#[test]
fn damage_anywhere_in_a_published_folder_is_found() {
    let bench = Bench::published();
    let some_file = |extension: &str| {
        let course = bench.out.join("targets/ministry/math-6-sq/thyesat");
        let mut files = fs::read_dir(course)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .find(|path| path.extension().is_some_and(|end| end == extension))
            .unwrap()
    };
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    };
    flip(&some_file("mp4"));
    let error = bench.verify().unwrap_err().to_string();
    assert!(
        error.contains("1 faults") && error.contains("main.mp4: SHA-256 differs"),
        "{error}"
    );
    bench.add("v1");
    fs::remove_file(some_file("mp4")).unwrap();
    bench.repair();
    bench.verify().unwrap();

    fs::remove_file(some_file("pdf")).unwrap();
    assert!(
        bench
            .verify()
            .unwrap_err()
            .to_string()
            .contains("worksheet.pdf: No such file")
    );
    bench.repair();
    flip(&bench.out.join("metadata/1.math-6-sq.json"));
    assert!(
        bench
            .verify()
            .unwrap_err()
            .to_string()
            .contains("does not verify")
    );

    let other = Bench::published();
    let error = verify(
        &bench.out,
        Some(&other.out.join("metadata/1.root.json")),
        NOW,
    )
    .unwrap_err();
    assert!(error.to_string().contains("valid signatures"), "{error}");
    let expired = verify(&other.out, None, NOW + 31 * DAY).unwrap_err();
    assert!(expired.to_string().contains("expired"), "{expired}");
}

#[test]
fn every_key_can_be_replaced() {
    let bench = Bench::published();
    for (role, replace) in [
        ("root", Some("root-2")),
        ("targets", None),
        ("snapshot", None),
        ("timestamp", None),
        ("courses", None),
        ("collection", None),
    ] {
        let change = RotateArgs {
            role: role.into(),
            replace: replace.map(str::to_owned),
            ..Default::default()
        };
        bench.rotate(change).unwrap();
        bench.sign();
        bench.publish(NOW);
        bench
            .verify()
            .unwrap_or_else(|error| panic!("after {role}: {error}"));
    }
    assert_eq!(bench.catalog().collection_key("ministry").unwrap().epoch, 2);
    assert_eq!(
        fs::read_dir(bench.dir.join("keys/retired"))
            .unwrap()
            .count(),
        6
    );
}

#[test]
fn wrong_folders_are_named() {
    let bench = Bench::empty();
    let nowhere = bench.dir.join("published");
    let error = status::status(&nowhere, status::Form::Words, NOW).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("pishtar ministry init"),
        "{error}"
    );
    assert!(matches!(
        init::init(&bench.dir, MINISTRY, &NewKeysArgs::default(), NOW),
        Err(MinistryError::NotEmpty(_))
    ));
    let open = Workshop::open(&bench.dir).unwrap();
    assert!(matches!(
        status::status(&bench.dir, status::Form::Words, NOW),
        Err(MinistryError::Locked(_))
    ));
    drop(open);
    let error = add::add(&bench.dir, &nowhere, None, Storing::Copy, NOW).unwrap_err();
    assert!(matches!(error, MinistryError::NoFolder(_)), "{error}");
    let error = add::add(&bench.dir, &bench.dir, None, Storing::Copy, NOW).unwrap_err();
    assert!(matches!(error, MinistryError::NoTable(_)), "{error}");
    assert!(matches!(
        verify(&bench.dir, None, NOW),
        Err(MinistryError::NotVerified(_))
    ));
    let error = withdraw::withdraw(&bench.dir, "math-6-sq/x", NOW).unwrap_err();
    assert!(error.to_string().contains("no lessons yet"), "{error}");
}

#[test]
fn a_foreign_folder_is_not_overwritten() {
    let (one, other) = (Bench::published(), Bench::published());
    let error = publish::publish(
        &one.dir,
        Some(&other.out),
        Extent::Changes,
        &PassphraseArgs::default(),
        NOW,
    )
    .unwrap_err();
    assert!(matches!(error, MinistryError::ForeignOut(_)), "{error}");
}

#[test]
fn files_can_be_shared_with_the_folder() {
    use std::os::unix::fs::MetadataExt;

    let bench = Bench::empty();
    let folder = bench.dir.parent().unwrap().join("lessons");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("fletë.pdf"), "%PDF-1.4 fletë").unwrap();
    fs::write(
        folder.join("lessons.csv"),
        "file,title,lang,grade,subject\nfletë.pdf,Fletë,sq,1,art\n",
    )
    .unwrap();
    add::add(&bench.dir, &folder, None, Storing::HardLink, NOW).unwrap();
    assert_eq!(fs::metadata(folder.join("fletë.pdf")).unwrap().nlink(), 2);
    bench.sign();
    bench.publish(NOW);
    assert_eq!(bench.verify().unwrap().lessons, 1);
    assert!(
        bench
            .catalog()
            .lesson(&id("ministry/art-1-sq/flete"))
            .is_some()
    );
}

#[test]
fn a_video_that_was_cut_off_is_named_with_its_row() {
    let bench = Bench::empty();
    let folder = bench.dir.parent().unwrap().join("lessons");
    fs::create_dir(&folder).unwrap();
    let mut video = fs::read(samples("v1").join("kendet/lesson.mp4")).unwrap();
    video.truncate(video.len() / 2);
    fs::write(folder.join("a.mp4"), video).unwrap();
    fs::write(
        folder.join("lessons.csv"),
        "file;title;lang;grade;subject\na.mp4;A;sq;1;art\n",
    )
    .unwrap();
    let error = add::add(&bench.dir, &folder, None, Storing::Copy, NOW)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("row 2: “a.mp4”: it is not a complete mp4"),
        "{error}"
    );
}
