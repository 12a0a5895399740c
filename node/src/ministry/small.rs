//! The workshop of a school: the ministry's in small, with one key for every role, signed and published in one step.

use std::collections::BTreeMap;
use std::path::Path;

use pishtar_catalog::Publisher;
use pishtar_signing::UnixSeconds;
use pishtar_signing::repository::{NewRepository, Repository, Signatories};

use super::collection::Lock;
use super::error::MinistryError;
use super::files::Storing;
use super::keys::{FoundKey, PassphraseArgs};
use super::publish::Extent;
use super::publisher::{PublisherError, names};
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::sign::SignArgs;
use super::status::Form;
use super::workshop::{CourseKeys, Workshop, create_dir, write_atomic};
use super::{add, collection, keys, publish, sign, status, withdraw};

/// The one key's name.
const KEY: &str = "school";
/// The first root, as every published folder calls it.
const FIRST_ROOT: &str = "published/metadata/1.root.json";

/// Makes the key and publishes nothing yet, so that the first root is there for the ministry.
pub(crate) fn init(
    dir: &Path,
    id: &str,
    given: &[String],
    to: Option<&Path>,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let names = names(given);
    Publisher::new(id, names.clone(), [0; 32], &format!("{id}/")).map_err(PublisherError::Bad)?;
    if dir.join(FIRST_ROOT).exists() {
        return Err(PublisherError::SchoolIsThere(dir.display().to_string()).into());
    }
    let keys_dir = dir.join("keys");
    create_dir(&keys_dir)?;
    let path = keys_dir.join(format!("{KEY}.json"));
    let key = match FoundKey::read(&path) {
        // A first try that was cut short.
        Ok(found) => found.public,
        Err(_) => keys::create(&path, None)?.public(),
    };
    let one = || Signatories::one(key.clone());
    let expires = now + OFFLINE_LIFETIME;
    let repository = Repository::create(NewRepository {
        root: one(),
        targets: one(),
        snapshot: one(),
        timestamp: one(),
        root_expires: expires,
        targets_expires: expires,
    })?;
    let known = BTreeMap::from([(key.id(), KEY.to_owned())]);
    let workshop = Workshop::create(dir, id, CourseKeys::of(&one()), known)?;
    Staged::new(&workshop, repository).save()?;
    drop(workshop);
    collection::ensure(dir, now)?;
    sign_and_publish(dir, now)?;
    let root = dir.join(FIRST_ROOT);
    let root = match to {
        Some(folder) => copy_root(&root, folder, id)?,
        None => root.display().to_string(),
    };
    let shown: Vec<String> = names
        .iter()
        .map(|(tag, name)| match &**tag {
            "und" => format!("--name '{name}'"),
            tag => format!("--name '{tag}={name}'"),
        })
        .collect();
    Ok(format!(
        "The school {id} is ready; its key is {}.\n\
         Bring this file to the ministry, by hand: {root}\n\
         The ministry lists the school with: pishtar ministry publisher add WORKSHOP --id {id} {} --root FILE\n\
         Add lessons, now or later: pishtar school publish --data … --from FOLDER --csv FILE. They are seen as soon as the \
         ministry's list has come here.",
        path.display(),
        shown.join(" "),
    ))
}

fn copy_root(root: &Path, folder: &Path, id: &str) -> Result<String, MinistryError> {
    let bytes = std::fs::read(root).map_err(MinistryError::io("reading", root))?;
    create_dir(folder)?;
    let to = folder.join(format!("{id}.1.root.json"));
    write_atomic(&to, &bytes)?;
    Ok(to.display().to_string())
}

/// Adds what the table describes, signs it and publishes it.
pub(crate) fn publish(
    dir: &Path,
    from: &Path,
    table: Option<&Path>,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    must_be_there(dir)?;
    collection::ensure(dir, now)?;
    let added = add::add(dir, from, table, Storing::Copy, now)?;
    let added = added.split("\nNext:").next().unwrap_or_default();
    Ok(format!("{added}\n{}", sign_and_publish(dir, now)?))
}

/// Takes a lesson out and publishes that.
pub(crate) fn withdraw(
    dir: &Path,
    lesson: &str,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    must_be_there(dir)?;
    withdraw::withdraw(dir, lesson, now)?;
    Ok(format!(
        "{lesson} is withdrawn.\n{}",
        sign_and_publish(dir, now)?
    ))
}

/// A new term's key for learners' records, published at once.
pub(crate) fn rotate_collection(dir: &Path, now: UnixSeconds) -> Result<String, MinistryError> {
    must_be_there(dir)?;
    let workshop = Workshop::open(dir)?;
    let lock = Lock {
        always: false,
        passphrase: &PassphraseArgs::default(),
    };
    let epoch = collection::renew(&mut Staged::load(&workshop)?, &lock, now)?;
    drop(workshop);
    Ok(format!(
        "The key for learners' records is new: epoch {epoch}. Devices that have heard of it seal to it; the old one stays here until \
         pishtar school collection destroy --epoch {}.\n{}",
        epoch - 1,
        sign_and_publish(dir, now)?
    ))
}

/// Destroys the secret of an earlier term.
pub(crate) fn destroy_collection(dir: &Path, epoch: u32) -> Result<String, MinistryError> {
    must_be_there(dir)?;
    collection::destroy(dir, epoch)
}

/// Which terms' keys lie here.
pub(crate) fn list_collection(dir: &Path) -> Result<String, MinistryError> {
    must_be_there(dir)?;
    collection::list(dir)
}

/// The id of the school whose workshop this is.
pub(crate) fn id(dir: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Id {
        publisher: String,
    }
    let json = std::fs::read(dir.join("workshop.json")).ok()?;
    Some(serde_json::from_slice::<Id>(&json).ok()?.publisher)
}

/// What expires when.
pub(crate) fn status(dir: &Path, now: UnixSeconds) -> Result<String, MinistryError> {
    must_be_there(dir)?;
    let table = status::status(dir, Form::EveryRole, now)?;
    Ok(table.replace("pishtar ministry", "pishtar school"))
}

fn must_be_there(dir: &Path) -> Result<(), MinistryError> {
    match dir.join("workshop.json").exists() {
        true => Ok(()),
        false => Err(PublisherError::NoSchool(dir.display().to_string()).into()),
    }
}

fn sign_and_publish(dir: &Path, now: UnixSeconds) -> Result<String, MinistryError> {
    let args = SignArgs {
        dir: dir.to_owned(),
        ..Default::default()
    };
    sign::sign(&args, now)?;
    let said = publish::publish(dir, None, Extent::Changes, &args.passphrase, now)?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ministry::verify;

    const NOW: UnixSeconds = 1_795_464_000;

    #[test]
    fn a_teacher_publishes_in_one_step_and_a_second_try_breaks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, stick) = (
            folder.path().join("data/school"),
            folder.path().join("stick"),
        );
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1");
        let too_early = publish(&dir, &samples, None, NOW).unwrap_err();
        assert!(too_early.to_string().contains("pishtar school init"));
        let name = ["sq=Shkolla Dardania".to_owned()];
        let said = init(&dir, "shkolla-1", &name, Some(&stick), NOW).unwrap();
        assert!(said.contains("shkolla-1.1.root.json"), "{said}");
        let root = std::fs::read(stick.join("shkolla-1.1.root.json")).unwrap();
        assert_eq!(std::fs::read(dir.join(FIRST_ROOT)).unwrap(), root);
        assert!(init(&dir, "shkolla-1", &name, None, NOW).is_err());

        let said = publish(&dir, &samples, None, NOW).unwrap();
        assert!(
            said.contains("8 new") && said.contains("8 lessons"),
            "{said}"
        );
        let out = dir.join("published");
        assert_eq!(verify(&out, None, NOW).unwrap().lessons, 8);
        withdraw(&dir, "math-6-sq/thyesat", NOW).unwrap();
        assert_eq!(verify(&out, None, NOW).unwrap().lessons, 7);
        assert!(status(&dir, NOW).unwrap().contains("math-6-sq"));
    }

    #[test]
    fn an_id_that_cannot_be_listed_is_refused_before_a_key_is_made() {
        let folder = tempfile::tempdir().unwrap();
        for id in ["ministry", "Shkolla", ""] {
            let dir = folder.path().join("school");
            assert!(init(&dir, id, &["x".to_owned()], None, NOW).is_err());
            assert!(!dir.exists());
        }
    }
}
