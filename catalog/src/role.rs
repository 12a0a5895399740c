//! One targets role read into lessons: what is malformed is left out and named, the rest counts.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_signing::record::CollectionKeys;
use serde_json::{Map, Value};

use crate::MINISTRY;
use crate::catalog::Problem;
use crate::ids::{BlobHash, LessonId, Word, is_slug};
use crate::lesson::{Lesson, LessonFile, Localized, Part};
use crate::publishers::{PathPrefix, Publishers};
use crate::revoked::Revoked;
use crate::target::{self, LessonDraft};

/// The most files of one lesson: main file, captions and worksheets in every language fit ten times over.
const MAX_FILES: usize = 256;

/// The largest file: keeps sums of lengths far from overflow, and a mistyped length from filling quotas.
const MAX_FILE_BYTES: u64 = 1 << 40;

/// One signed target, borrowed from the metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) path: &'a str,
    pub(crate) length: u64,
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) custom: &'a Map<String, Value>,
}

/// A role's contents.
#[derive(Debug, Default)]
pub(crate) struct RoleContents {
    /// Hash of every entry in path order, also of those that are left out.
    pub(crate) files: Vec<BlobHash>,
    pub(crate) lessons: Vec<Lesson>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) collection: Option<CollectionKeys>,
    pub(crate) publishers: Publishers,
    pub(crate) revoked: Revoked,
}

/// Whose role is read, and where that publisher may publish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) publisher: &'a str,
    pub(crate) role: &'a str,
    /// `None` for a publisher that nobody lists: it may publish nothing.
    pub(crate) prefix: Option<&'a PathPrefix>,
}

impl Whose<'_> {
    fn problem(&self, path: &str, reason: String) -> Problem {
        let path = path.chars().take(300).collect();
        Problem {
            publisher: self.publisher.into(),
            role: self.role.into(),
            path,
            reason,
            owner: None,
        }
    }

    /// The problem with a path that the role's delegation does not cover.
    pub(crate) fn not_delegated(&self, path: &str) -> Problem {
        self.outside(path).unwrap_or_else(|| {
            let reason = format!("{} is not delegated this path", self.role);
            self.problem(path, reason)
        })
    }

    /// The problem with a path outside the prefix, named after whose path it is.
    pub(crate) fn outside(&self, path: &str) -> Option<Problem> {
        if self.prefix.is_some_and(|prefix| prefix.covers(path)) {
            return None;
        }
        let owner = path.split('/').next().unwrap_or_default();
        let owner: String = owner.chars().take(80).collect();
        let allowed = match self.prefix {
            Some(prefix) => format!("{} may publish at {prefix} only", self.publisher),
            None => format!("the ministry does not list {}", self.publisher),
        };
        let reason = match owner == self.publisher {
            true => allowed,
            false => format!("it is a path of {owner}, and {allowed}"),
        };
        Some(Problem {
            owner: Some(owner),
            ..self.problem(path, reason)
        })
    }
}

/// Texts that many lessons share, each kept once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(BTreeSet<Word>);

impl Words {
    fn word(&mut self, text: &str) -> Word {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let word = Word::from(text);
        self.0.insert(word.clone());
        word
    }
}

/// Reads the entries of a delegated (course) role; they come in sorted path order.
pub(crate) fn course<'a>(
    whose: Whose<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
    words: &mut Words,
) -> RoleContents {
    let mut out = RoleContents::default();
    let mut lessons: BTreeMap<LessonId, Vec<Entry<'a>>> = BTreeMap::new();
    for entry in entries {
        out.files.push(target::blake3_of(entry.custom));
        if let Some(violation) = whose.outside(entry.path) {
            out.problems.push(violation);
            continue;
        }
        match lesson_of(whose.publisher, whose.role, entry.path) {
            Ok(id) => lessons.entry(id).or_default().push(entry),
            Err(reason) => out.problems.push(whose.problem(entry.path, reason)),
        }
    }
    for (id, entries) in lessons {
        match lesson(&id, &entries, words) {
            Ok((lesson, left_out)) => {
                out.lessons.push(lesson);
                out.problems.extend(
                    left_out
                        .into_iter()
                        .map(|(path, reason)| whose.problem(path, reason)),
                );
            }
            Err(reason) => out.problems.push(whose.problem(&id, reason)),
        }
    }
    out
}

/// Reads the entries of the top-level targets role: no lessons, but the collection key, and of the ministry the further
/// publishers and the revoked keys.
pub(crate) fn top_level<'a>(
    whose: Whose<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
) -> RoleContents {
    let mut out = RoleContents::default();
    for entry in entries {
        out.files.push(target::blake3_of(entry.custom));
        if let Some(violation) = whose.outside(entry.path) {
            out.problems.push(violation);
            continue;
        }
        let Some(name) = entry
            .path
            .strip_prefix(whose.publisher)
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            continue;
        };
        let said = match (name, whose.publisher == MINISTRY) {
            ("collection.json", _) => out.take_collection(entry.custom),
            ("publishers.json", true) => out.take_publishers(entry.custom),
            ("revoked.json", true) => out.take_revoked(entry.custom),
            _ => Vec::new(),
        };
        let problems = said
            .into_iter()
            .map(|reason| whose.problem(entry.path, reason));
        out.problems.extend(problems);
    }
    out
}

impl RoleContents {
    fn take_collection(&mut self, custom: &Map<String, Value>) -> Vec<String> {
        let read = custom
            .get("collection")
            .map(|value| serde_json::from_value(value.clone()));
        match read {
            Some(Ok(key)) => self.collection = Some(key),
            Some(Err(error)) => return vec![format!("its collection key is malformed: {error}")],
            None => return vec!["it has no member custom.collection".to_owned()],
        }
        Vec::new()
    }

    fn take_publishers(&mut self, custom: &Map<String, Value>) -> Vec<String> {
        let (list, problems) = Publishers::read(custom.get("publishers").unwrap_or(&Value::Null));
        self.publishers = list;
        problems.iter().map(ToString::to_string).collect()
    }

    fn take_revoked(&mut self, custom: &Map<String, Value>) -> Vec<String> {
        let (list, problems) = Revoked::read(custom.get("revoked").unwrap_or(&Value::Null));
        self.revoked = list;
        problems
    }
}

/// The lesson that a target path belongs to, only inside `<publisher>/<role>/`.
fn lesson_of(publisher: &str, role: &str, path: &str) -> Result<LessonId, String> {
    let outside =
        || format!("a lesson of this role must lie at {publisher}/{role}/<lesson>/<file>");
    let (id, file) = path.rsplit_once('/').ok_or_else(outside)?;
    let id = LessonId::new(id).map_err(|_| outside())?;
    if id.publisher() != publisher || id.course() != role || !is_slug(file) {
        return Err(outside());
    }
    Ok(id)
}

/// A companion that is left out: its path and the reason.
type LeftOut<'a> = (&'a str, String);

fn lesson<'a>(
    id: &LessonId,
    entries: &[Entry<'a>],
    words: &mut Words,
) -> Result<(Lesson, Vec<LeftOut<'a>>), String> {
    let mut main = None;
    let mut companions = Vec::new();
    let mut left_out = Vec::new();
    for entry in entries {
        match file(id, entry, words) {
            Ok((file, Some(draft))) if main.is_none() => main = Some((file, draft)),
            Ok((_, Some(_))) => return Err("it has two main files".into()),
            Ok((file, None)) if companions.len() < MAX_FILES => companions.push(file),
            Ok((_, None)) => left_out.push((
                entry.path,
                format!("the lesson has more than {MAX_FILES} files"),
            )),
            Err(reason) => left_out.push((entry.path, reason)),
        }
    }
    let Some((main, draft)) = main else {
        return Err(match left_out.first() {
            Some((path, reason)) => format!("it has no readable main file; {path}: {reason}"),
            None => "it has no main file".into(),
        });
    };
    let files = std::iter::once(main).chain(companions).collect();
    Ok((assemble(id, draft, files, words)?, left_out))
}

fn file(
    id: &LessonId,
    entry: &Entry<'_>,
    words: &mut Words,
) -> Result<(LessonFile, Option<LessonDraft>), String> {
    let (draft, lesson) = target::parse(entry.custom, id)?;
    let sha256 = entry.sha256.ok_or("it has no SHA-256 hash")?;
    if !(1..=MAX_FILE_BYTES).contains(&entry.length) {
        return Err(format!(
            "its length is {} bytes, allowed are 1 to {MAX_FILE_BYTES}",
            entry.length
        ));
    }
    let file = LessonFile {
        path: entry.path.into(),
        part: draft.part,
        lang: draft.lang.as_deref().map(|lang| words.word(lang)),
        media_type: words.word(&draft.media_type),
        length: entry.length,
        sha256,
        blake3: draft.blake3,
        head_bytes: draft.head_bytes.min(entry.length),
        tail_bytes: draft.tail_bytes.min(entry.length),
    };
    debug_assert!(lesson.is_some() == (file.part == Part::Main));
    Ok((file, lesson))
}

fn assemble(
    id: &LessonId,
    draft: LessonDraft,
    files: Box<[LessonFile]>,
    words: &mut Words,
) -> Result<Lesson, String> {
    let localized = |texts: std::collections::BTreeMap<String, String>, words: &mut Words| {
        Localized::from_pairs(
            texts
                .into_iter()
                .map(|(lang, text)| (words.word(&lang), text)),
        )
    };
    let prerequisites = draft.prerequisites.iter().map(|id| LessonId::new(id));
    Ok(Lesson {
        publisher: words.word(id.publisher()),
        course: words.word(id.course()),
        version: draft.version,
        title: localized(draft.title, words),
        description: localized(draft.description, words),
        grade: draft.grade,
        subject: words.word(&draft.subject),
        language: words.word(&draft.language),
        duration_s: draft.duration_s,
        licence: words.word(&draft.licence),
        author: words.word(&draft.author),
        curriculum_code: draft.code.into(),
        prerequisites: prerequisites
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?,
        keywords: draft.keywords.into_iter().map(Into::into).collect(),
        completion: draft.completion,
        files,
        id: id.clone(),
    })
}
