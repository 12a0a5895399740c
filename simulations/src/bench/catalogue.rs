//! A catalogue of a country's size without its videos: what a node must know before it fetches anything.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use pishtar_catalog::{
    BlobHash, LessonId, MINISTRY, Part,
    target::{FileDraft, LessonDraft, custom},
};
use pishtar_signing::{
    UnixSeconds,
    client::MetaRole,
    key::SigningKey,
    metadata::{Hashes, PathPattern, RoleName, Scope, TargetFile, TargetPath},
    repository::{NewRepository, Repository, Signatories},
};

/// Lessons of one course; a country's 14,000 lessons are 200 courses.
const LESSONS_PER_COURSE: usize = 70;
/// Bytes that the catalogue says a video has; none is written.
const VIDEO_BYTES: u64 = 100_000_000;
const YEAR: UnixSeconds = 365 * 86_400;

/// How large the catalogue is to be, and what it is made from.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Lessons, each with a video, captions, a worksheet and a thumbnail.
    pub lessons: usize,
    /// The same seed gives the same keys, texts and hashes.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Lessons in all courses.
    pub lessons: usize,
    /// Delegated roles.
    pub courses: usize,
    /// Bytes of all metadata files.
    pub metadata_bytes: u64,
    /// The first root, to be pinned.
    pub root: PathBuf,
}

/// Writes a published folder, completely signed and valid for a year from `now`, with metadata and no targets.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(out: &Path, size: Size, now: UnixSeconds) -> Result<Written> {
    let mut words = Words(size.seed);
    let keys: [SigningKey; 5] = std::array::from_fn(|_| SigningKey::from_seed(words.hash()));
    let [root, targets, snapshot, timestamp, courses] = &keys;
    let one = |key: &SigningKey| Signatories::one(key.public());
    let expires = now + YEAR;
    let mut repository = Repository::create(NewRepository {
        root: one(root),
        targets: one(targets),
        snapshot: one(snapshot),
        timestamp: one(timestamp),
        root_expires: expires,
        targets_expires: expires,
    })?;
    let names = course_names(size.lessons.div_ceil(LESSONS_PER_COURSE));
    let mut left = size.lessons;
    for (name, subject, grade, language) in &names {
        let count = left.min(LESSONS_PER_COURSE);
        left -= count;
        let role = RoleName::new(name.as_str())?;
        let files = course(name, subject, *grade, language, count, &mut words);
        let scope = Scope::Paths(vec![PathPattern(format!("{MINISTRY}/{name}/*/*"))]);
        repository.set_role(&role, &one(courses), scope, files, expires)?;
        repository.sign(&MetaRole::Delegated(role), courses)?;
    }
    repository.sign(&MetaRole::Root, root)?;
    repository.sign(&MetaRole::Targets, targets)?;
    repository.build_snapshot(expires)?;
    repository.sign(&MetaRole::Snapshot, snapshot)?;
    repository.build_timestamp(expires)?;
    repository.sign(&MetaRole::Timestamp, timestamp)?;

    let folder = out.join("metadata");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    fs::create_dir_all(out.join("targets")).context("making the folder of targets")?;
    let mut metadata_bytes = 0;
    for (name, bytes) in repository.publish()? {
        metadata_bytes += bytes.len() as u64;
        fs::write(folder.join(&name), bytes).with_context(|| format!("writing {name}"))?;
    }
    Ok(Written {
        lessons: size.lessons,
        courses: names.len(),
        metadata_bytes,
        root: folder.join("1.root.json"),
    })
}

/// Courses as (role, subject, grade, language): every grade of a subject in a language before the next subject.
fn course_names(count: usize) -> Vec<(String, String, u8, &'static str)> {
    const GRADES: u8 = 13;
    const SUBJECTS: [&str; 12] = [
        "math",
        "language",
        "science",
        "history",
        "geography",
        "physics",
        "chemistry",
        "biology",
        "music",
        "art",
        "civics",
        "informatics",
    ];
    let every = ["sq", "sr-Cyrl", "tr", "bs", "en", "sr-Latn", "rom"]
        .into_iter()
        .flat_map(|language| {
            SUBJECTS.into_iter().flat_map(move |subject| {
                (1..=GRADES).map(move |grade| (subject.to_owned(), grade, language))
            })
        });
    // Beyond all grades of all subjects, subjects get numbers.
    let more = (2..).map(|number: usize| (format!("elective{number}"), (number % 13) as u8, "sq"));
    let named = every.chain(more).take(count);
    named
        .map(|(subject, grade, language)| {
            let name = LessonDraft {
                subject: subject.clone(),
                grade,
                language: language.into(),
                ..Default::default()
            }
            .course();
            (name, subject, grade, language)
        })
        .collect()
}

fn course(
    name: &str,
    subject: &str,
    grade: u8,
    language: &str,
    lessons: usize,
    words: &mut Words,
) -> BTreeMap<TargetPath, TargetFile> {
    let mut files = BTreeMap::new();
    for number in 0..lessons {
        let title = words.sentence(5);
        let slug = format!("lesson-{number:03}");
        let id = LessonId::new(&format!("{MINISTRY}/{name}/{slug}"))
            .expect("made of small letters, digits and hyphens");
        let lesson = LessonDraft {
            version: 1,
            title: BTreeMap::from([
                (language.to_owned(), title),
                ("en".to_owned(), words.sentence(4)),
            ]),
            description: BTreeMap::from([(language.to_owned(), words.sentence(18))]),
            grade,
            subject: subject.to_owned(),
            language: language.to_owned(),
            duration_s: 600,
            licence: "CC-BY-4.0".to_owned(),
            author: "Ministria e Arsimit".to_owned(),
            code: format!("{subject}.{grade}.{number}"),
            keywords: (0..4).map(|_| words.word()).collect(),
            ..LessonDraft::default()
        };
        files.extend(lesson_files(&id, &lesson, words));
    }
    files
}

fn lesson_files(
    id: &LessonId,
    lesson: &LessonDraft,
    words: &mut Words,
) -> Vec<(TargetPath, TargetFile)> {
    let kinds = [
        (Part::Main, "main.mp4", "video/mp4", VIDEO_BYTES),
        (Part::Captions, "captions.vtt", "text/vtt", 8_000),
        (Part::Worksheet, "worksheet.pdf", "application/pdf", 200_000),
        (Part::Thumbnail, "thumbnail.jpg", "image/jpeg", 20_000),
    ];
    let file = |(part, name, media_type, length): (Part, &str, &str, u64)| {
        let about = FileDraft {
            part,
            lang: (part == Part::Captions).then(|| lesson.language.clone()),
            media_type: media_type.to_owned(),
            blake3: BlobHash(words.hash()),
            head_bytes: if part == Part::Main { 60_000 } else { 0 },
            tail_bytes: 0,
        };
        let path = TargetPath::new(format!("{id}/{name}")).expect("a lesson's path is short");
        let hashes = Hashes::from_sha256(words.hash());
        (
            path,
            TargetFile {
                length,
                hashes,
                custom: custom(&about, id, lesson),
                extra: Default::default(),
            },
        )
    };
    kinds.map(file).into()
}

/// Words, keys and hashes from a seed (splitmix64: evenly spread and exactly repeatable, nothing secret).
struct Words(u64);

impl Words {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn hash(&mut self) -> [u8; 32] {
        let mut hash = [0; 32];
        for part in hash.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes());
        }
        hash
    }

    /// Syllables joined: a vocabulary about as large as a school's.
    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 24] = [
            "ma", "të", "shko", "lla", "për", "qin", "dja", "num", "ri", "thye", "sa", "kë", "ndi",
            "gje", "ra", "зна", "ње", "бро", "ји", "ци", "çe", "lës", "ujë", "vend",
        ];
        let count = 2 + self.next() % 2;
        (0..count)
            .map(|_| SYLLABLES[(self.next() % SYLLABLES.len() as u64) as usize])
            .collect()
    }

    fn sentence(&mut self, words: usize) -> String {
        (0..words)
            .map(|_| self.word())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use pishtar_catalog::Catalog;
    use pishtar_signing::client::{Fetched, Policy, Step, TrustedSet};

    use super::*;

    #[test]
    fn a_client_accepts_the_whole_catalogue() {
        let dir = tempfile::tempdir().unwrap();
        let written = write(
            dir.path(),
            Size {
                lessons: 150,
                seed: 7,
            },
            1_000_000,
        )
        .unwrap();
        assert_eq!((written.lessons, written.courses), (150, 3));
        let mut update = TrustedSet::pin(&fs::read(&written.root).unwrap())
            .unwrap()
            .begin_update(1_000_000, Policy::Strict);
        let outcome = loop {
            match update.next() {
                Step::Fetch { file, .. } => {
                    let bytes = fs::read(dir.path().join("metadata").join(file.file_name()));
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
            assert_eq!(accepted.outside, []);
            let (_, problems) =
                catalog.replace_role(MINISTRY, accepted.role.as_str(), 1, &accepted.targets);
            assert_eq!(problems, []);
        }
        assert_eq!(catalog.lessons().len(), 150);
        assert_eq!(
            catalog
                .lessons()
                .map(|lesson| lesson.files.len())
                .sum::<usize>(),
            600
        );
    }
}
