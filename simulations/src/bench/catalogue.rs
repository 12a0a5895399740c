//! A catalogue of a country's size without its videos: what a node must know before it fetches anything.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use pishtar_catalog::{
    BlobHash, LessonId, MINISTRY, Part,
    target::{self, FileDraft},
};
use pishtar_signing::{
    UnixSeconds,
    client::{MetaFile, MetaRole},
    key::SigningKey,
    metadata::{Hashes, PathPattern, RoleName, Scope, TargetFile, TargetPath},
    repository::{NewRepository, Repository, Signatories},
};
use serde::Serialize;

use self::text::Text;

mod lessons;
mod text;
pub mod workshop;

use lessons::{Course, courses, lesson, reworded};

const YEAR: UnixSeconds = 365 * 86_400;
/// Drawn apart from the texts, so that an edit finds the keys again.
const KEYS: u64 = 0x6b65_7973;

/// How large the catalogue is to be, and what it is made from.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Lessons, each with a video, captions, a worksheet and a thumbnail.
    pub lessons: usize,
    /// The same seed gives the same keys, texts and hashes.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Lessons in all courses.
    pub lessons: usize,
    /// Delegated roles.
    pub courses: usize,
    /// Bytes of all metadata files that a node needs.
    pub metadata_bytes: u64,
    /// Version of the timestamp.
    pub version: u64,
    /// The first root, to be pinned.
    pub root: PathBuf,
}

/// The keys of every role, from the seed.
struct Keys {
    root: SigningKey,
    targets: SigningKey,
    snapshot: SigningKey,
    timestamp: SigningKey,
    courses: SigningKey,
}

impl Keys {
    fn new(seed: u64) -> Keys {
        let mut text = Text::new(seed ^ KEYS);
        let mut key = || SigningKey::from_seed(text.hash());
        Keys {
            root: key(),
            targets: key(),
            snapshot: key(),
            timestamp: key(),
            courses: key(),
        }
    }
}

/// Writes a published folder, completely signed and valid for a year from `now`, with metadata and no targets.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(out: &Path, size: Size, now: UnixSeconds) -> Result<Written> {
    let mut text = Text::new(size.seed);
    let keys = Keys::new(size.seed);
    let one = |key: &SigningKey| Signatories::one(key.public());
    let expires = now + YEAR;
    let mut repository = Repository::create(NewRepository {
        root: one(&keys.root),
        targets: one(&keys.targets),
        snapshot: one(&keys.snapshot),
        timestamp: one(&keys.timestamp),
        root_expires: expires,
        targets_expires: expires,
    })?;
    for course in courses(size.lessons) {
        let files = course_files(&course, &mut text);
        set_course(&mut repository, &keys, &course.role, files, expires)?;
    }
    repository.sign(&MetaRole::Root, &keys.root)?;
    repository.sign(&MetaRole::Targets, &keys.targets)?;
    fs::create_dir_all(out.join("targets")).context("making the folder of targets")?;
    publish(&mut repository, &keys, out, expires)
}

/// Edits one lesson each of `count` courses in a folder that [`write()`] made with this seed, as a clerk would who has a
/// better video and title: new versions of the courses, snapshot and timestamp, written beside the old ones.
///
/// # Errors
/// When the folder does not hold such a catalogue, or cannot be written.
pub fn touch(out: &Path, seed: u64, count: usize, now: UnixSeconds) -> Result<Written> {
    let keys = Keys::new(seed);
    let mut repository = load(out)?;
    let roles: Vec<RoleName> = repository.roles().cloned().collect();
    ensure!(
        count > 0 && count <= roles.len(),
        "the catalogue has {} courses",
        roles.len()
    );
    let version = repository.version(&MetaRole::Timestamp).unwrap_or(0);
    let mut text = Text::new(seed.wrapping_add(version));
    let expires = now + YEAR;
    for role in roles.iter().step_by(roles.len() / count).take(count) {
        let targets = repository.targets(role).context("a role has targets")?;
        let mut files = targets.targets.clone();
        edit_one(&mut files, &mut text)?;
        set_course(&mut repository, &keys, role, files, expires)?;
    }
    publish(&mut repository, &keys, out, expires)
}

fn set_course(
    repository: &mut Repository,
    keys: &Keys,
    role: &RoleName,
    files: BTreeMap<TargetPath, TargetFile>,
    expires: UnixSeconds,
) -> Result<()> {
    let by = Signatories::one(keys.courses.public());
    let scope = Scope::Paths(vec![PathPattern(format!("{MINISTRY}/{role}/*/*"))]);
    repository.set_role(role, &by, scope, files, expires)?;
    repository.sign(&MetaRole::Delegated(role.clone()), &keys.courses)?;
    Ok(())
}

/// Signs snapshot and timestamp, and writes what is new; the timestamp last.
fn publish(
    repository: &mut Repository,
    keys: &Keys,
    out: &Path,
    expires: UnixSeconds,
) -> Result<Written> {
    repository.build_snapshot(expires)?;
    repository.sign(&MetaRole::Snapshot, &keys.snapshot)?;
    repository.build_timestamp(expires)?;
    repository.sign(&MetaRole::Timestamp, &keys.timestamp)?;
    let folder = out.join("metadata");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut metadata_bytes = 0;
    for (name, bytes) in repository.publish()? {
        metadata_bytes += bytes.len() as u64;
        let path = folder.join(&name);
        let is_timestamp = MetaFile::parse(&name) == Some(MetaFile::timestamp());
        if is_timestamp || !path.exists() {
            let temporary = path.with_extension("tmp");
            fs::write(&temporary, bytes)
                .and_then(|()| fs::rename(&temporary, &path))
                .with_context(|| format!("writing {name}"))?;
        }
    }
    let roles = repository.roles();
    let targets = roles.filter_map(|role| repository.targets(role));
    let files: usize = targets.map(|targets| targets.targets.len()).sum();
    Ok(Written {
        lessons: files / lessons::FILES,
        courses: repository.roles().count(),
        metadata_bytes,
        version: repository.version(&MetaRole::Timestamp).unwrap_or(0),
        root: folder.join("1.root.json"),
    })
}

fn load(out: &Path) -> Result<Repository> {
    let folder = out.join("metadata");
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, fs::read(entry.path())?));
    }
    Ok(Repository::load(files)?)
}

fn course_files(course: &Course, text: &mut Text) -> BTreeMap<TargetPath, TargetFile> {
    let mut files = BTreeMap::new();
    for number in 0..course.lessons {
        let (id, draft) = lesson(course, number, text);
        files.extend(lessons::PARTS.map(|(part, name, media_type, low, high)| {
            let about = FileDraft {
                part,
                lang: (part == Part::Captions).then(|| draft.language.clone()),
                media_type: media_type.to_owned(),
                blake3: BlobHash(text.hash()),
                head_bytes: match part {
                    Part::Main => text.between(20_000, 90_000),
                    _ => 0,
                },
                tail_bytes: 0,
            };
            let file = TargetFile {
                length: text.between(low, high),
                hashes: Hashes::from_sha256(text.hash()),
                custom: target::custom(&about, &id, &draft),
                extra: Default::default(),
            };
            let path = TargetPath::new(format!("{id}/{name}")).expect("a lesson's path is short");
            (path, file)
        }));
    }
    files
}

/// Another title and another video for one lesson in the middle of its course.
fn edit_one(files: &mut BTreeMap<TargetPath, TargetFile>, text: &mut Text) -> Result<()> {
    let videos: Vec<TargetPath> = files
        .keys()
        .filter(|path| path.as_str().ends_with("/main.mp4"))
        .cloned()
        .collect();
    let path = &videos[text.between(0, videos.len() as u64) as usize];
    let id = LessonId::new(path.as_str().trim_end_matches("/main.mp4"))?;
    let file = files.get_mut(path).context("it was listed")?;
    let (mut about, draft) = target::parse(&file.custom, &id).map_err(anyhow::Error::msg)?;
    let draft = reworded(draft.context("a video has its lesson")?, text);
    about.blake3 = BlobHash(text.hash());
    file.length = text.between(40_000_000, 160_000_000);
    file.hashes = Hashes::from_sha256(text.hash());
    file.custom = target::custom(&about, &id, &draft);
    Ok(())
}

#[cfg(test)]
mod tests {
    use pishtar_catalog::Catalog;
    use pishtar_signing::client::{Fetched, Policy, Step, TrustedSet};

    use super::*;

    fn update(set: &TrustedSet, out: &Path) -> Box<pishtar_signing::client::Outcome> {
        let mut update = set.begin_update(1_000_000, Policy::Strict);
        loop {
            match update.next() {
                Step::Fetch { file, .. } => {
                    let bytes = fs::read(out.join("metadata").join(file.file_name()));
                    update
                        .provide(&file, bytes.map_or(Fetched::Absent, Fetched::Bytes))
                        .unwrap();
                }
                Step::Done(outcome) => break outcome,
                Step::Over => panic!("the update ended without a result"),
            }
        }
    }

    #[test]
    fn a_client_accepts_the_whole_catalogue_and_its_edit() {
        let dir = tempfile::tempdir().unwrap();
        let size = Size {
            lessons: 150,
            seed: 7,
        };
        let written = write(dir.path(), size, 1_000_000).unwrap();
        assert_eq!((written.lessons, written.courses), (150, 3));
        let pinned = TrustedSet::pin(&fs::read(&written.root).unwrap()).unwrap();
        let first = update(&pinned, dir.path());
        let mut catalog = Catalog::new();
        for accepted in first.targets() {
            assert_eq!(accepted.outside, []);
            let (_, problems) =
                catalog.replace_role(MINISTRY, accepted.role.as_str(), 1, &accepted.targets);
            assert_eq!(problems, []);
        }
        assert_eq!(catalog.lessons().len(), 150);
        let files = catalog.lessons().map(|lesson| lesson.files.len());
        assert_eq!(files.sum::<usize>(), 600);

        let edited = touch(dir.path(), 7, 2, 1_000_000).unwrap();
        assert_eq!((edited.lessons, edited.version), (150, written.version + 1));
        let second = update(&first.set, dir.path());
        let mut changed = 0;
        for accepted in second.targets() {
            let (diff, problems) =
                catalog.replace_role(MINISTRY, accepted.role.as_str(), 2, &accepted.targets);
            assert_eq!((diff.changed.len(), problems), (1, vec![]));
            changed += 1;
        }
        assert_eq!(changed, 2, "one lesson in each of two courses");
    }
}
