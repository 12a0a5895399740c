//! `pishtar ministry add`: a folder and its table become new versions of course roles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use pishtar_catalog::import::{
    self, FoundFile, ImportErrors, Plan, PlannedLesson, RowError, TABLE_NAME,
};
use pishtar_catalog::target::{self, FileDraft, LessonDraft};
use pishtar_catalog::{LessonId, Part, media};
use pishtar_signing::UnixSeconds;
use pishtar_signing::metadata::{Hashes, RoleName, TargetFile, TargetPath};
use serde_json::Map;

use super::error::MinistryError;
use super::files::{Store, Storing};
use super::roles::Staged;
use super::workshop::{Workshop, read_if_there};

/// Folders inside folders are followed this far; deeper ones are a loop of links or a mistake.
const MAX_DEPTH: usize = 16;

/// The targets of one lesson, by path.
type LessonTargets = BTreeMap<TargetPath, TargetFile>;

/// A lesson whose files are in the workshop.
struct StoredLesson {
    id: LessonId,
    draft: LessonDraft,
    files: Vec<StoredFile>,
}

/// One of its files.
struct StoredFile {
    name: String,
    about: FileDraft,
    hashes: Hashes,
    length: u64,
}

pub(super) fn add(
    dir: &Path,
    from: &Path,
    table: Option<&Path>,
    storing: Storing,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    if !from.is_dir() {
        return Err(MinistryError::NoFolder(from.display().to_string()));
    }
    let table = table.map_or_else(|| from.join(TABLE_NAME), Path::to_owned);
    let bytes = read_if_there(&table)?
        .ok_or_else(|| MinistryError::NoTable(table.display().to_string()))?;
    let found = scan(from, &table)?;
    let refused = |errors| MinistryError::Import {
        table: table.display().to_string(),
        errors,
    };
    let plan = import::plan(&bytes, &found, &workshop.about.publisher).map_err(refused)?;
    check_media(from, &plan).map_err(|errors| refused(ImportErrors(errors)))?;
    let lessons = store(&workshop, from, &plan, &found, storing)?;
    let report = stage(&workshop, lessons, now)?;
    Ok(report.words(&workshop, &plan))
}

/// Every file below `from` but hidden ones and the table.
fn scan(from: &Path, table: &Path) -> Result<Vec<FoundFile>, MinistryError> {
    let table = std::fs::canonicalize(table).map_err(MinistryError::io("reading", table))?;
    let mut found = Vec::new();
    let mut folders = vec![(from.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let failed = |error| MinistryError::io("reading", &folder)(error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let about = std::fs::metadata(entry.path()).map_err(failed)?;
            let is_table = Some(entry.file_name().as_os_str()) == table.file_name()
                && std::fs::canonicalize(entry.path()).is_ok_and(|path| path == table);
            if name.starts_with('.') || is_table {
                continue;
            }
            if about.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
            } else if about.is_file() {
                found.push(FoundFile {
                    name: format!("{prefix}{name}"),
                    length: about.len(),
                });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Opens every mp4 before anything is copied, so that all broken ones are named at once.
fn check_media(from: &Path, plan: &Plan) -> Result<(), Vec<RowError>> {
    let mut errors = Vec::new();
    for lesson in &plan.lessons {
        for file in lesson.files.iter().filter(|file| is_mp4(file.media_type)) {
            if let Err(error) = probe(&from.join(&file.source)) {
                errors.push(RowError {
                    row: lesson.row,
                    message: format!("“{}”: {error}", file.source),
                });
            }
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn is_mp4(media_type: &str) -> bool {
    matches!(media_type, "video/mp4" | "audio/mp4")
}

fn probe(path: &Path) -> Result<media::Mp4, media::ProbeError> {
    media::probe(&mut BufReader::new(File::open(path)?))
}

/// Brings all files in and writes each lesson as the targets that it will be.
fn store(
    workshop: &Workshop,
    from: &Path,
    plan: &Plan,
    found: &[FoundFile],
    storing: Storing,
) -> Result<Vec<StoredLesson>, MinistryError> {
    let named: BTreeSet<&str> = plan
        .lessons
        .iter()
        .flat_map(|l| &l.files)
        .map(|file| &*file.source)
        .collect();
    let total = found
        .iter()
        .filter(|file| named.contains(&*file.name))
        .map(|file| file.length)
        .sum();
    let mut store = Store::open(workshop, storing, total)?;
    let mut lessons = Vec::new();
    for planned in &plan.lessons {
        lessons.push(store_lesson(&mut store, from, planned)?);
    }
    store.close()?;
    Ok(lessons)
}

fn store_lesson(
    store: &mut Store<'_>,
    from: &Path,
    planned: &PlannedLesson,
) -> Result<StoredLesson, MinistryError> {
    let mut draft = planned.draft.clone();
    let mut files = Vec::new();
    for file in &planned.files {
        let source: PathBuf = from.join(&file.source);
        let stored = store.store(&source)?;
        // Checked before: what cannot be read any more has no known head, and its hash tells the truth.
        let mp4 = if is_mp4(file.media_type) {
            probe(&source).unwrap_or_default()
        } else {
            media::Mp4::default()
        };
        if file.part == Part::Main && draft.duration_s == 0 {
            draft.duration_s = mp4.duration_s;
        }
        let about = FileDraft {
            part: file.part,
            lang: file.lang.clone(),
            media_type: file.media_type.into(),
            blake3: stored.blake3,
            head_bytes: mp4.head_bytes,
            tail_bytes: mp4.tail_bytes,
        };
        let hashes = Hashes::from_sha256(stored.sha256);
        files.push(StoredFile {
            name: file.name.clone(),
            about,
            hashes,
            length: stored.length,
        });
    }
    Ok(StoredLesson {
        id: planned.id.clone(),
        draft,
        files,
    })
}

/// What became of the table's lessons.
#[derive(Debug, Default)]
struct Report {
    added: Vec<LessonId>,
    changed: Vec<LessonId>,
    unchanged: usize,
}

/// Writes the lessons into their course roles.
fn stage(
    workshop: &Workshop,
    lessons: Vec<StoredLesson>,
    now: UnixSeconds,
) -> Result<Report, MinistryError> {
    let mut report = Report::default();
    let mut staged = Staged::load(workshop)?;
    let mut courses: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for lesson in lessons {
        courses
            .entry(lesson.id.course().to_owned())
            .or_default()
            .push(lesson);
    }
    for (course, lessons) in courses {
        let role =
            RoleName::new(course.as_str()).expect("a course id is a short slug with hyphens");
        let mut new = staged.course(&role)?;
        let touched = report.added.len() + report.changed.len();
        for StoredLesson {
            id,
            mut draft,
            files,
        } in lessons
        {
            let prefix = format!("{id}/");
            let before: LessonTargets = extract(&mut new, &prefix);
            draft.version = version_of(&before, &id).unwrap_or(1);
            let mut after = targets(&id, &draft, &files);
            if before.is_empty() {
                report.added.push(id);
            } else if before == after {
                report.unchanged += 1;
            } else {
                draft.version += 1;
                after = targets(&id, &draft, &files);
                report.changed.push(id);
            }
            new.extend(after);
        }
        if report.added.len() + report.changed.len() > touched {
            staged.set_course(&role, new, now)?;
        }
    }
    staged.save()?;
    Ok(report)
}

/// Takes the entries below `prefix` out of a role.
pub(super) fn extract(
    targets: &mut BTreeMap<TargetPath, TargetFile>,
    prefix: &str,
) -> LessonTargets {
    let paths: Vec<TargetPath> = targets
        .keys()
        .filter(|path| path.as_str().starts_with(prefix))
        .cloned()
        .collect();
    paths
        .into_iter()
        .filter_map(|path| targets.remove_entry(&path))
        .collect()
}

fn version_of(targets: &LessonTargets, id: &LessonId) -> Option<u32> {
    targets
        .values()
        .find_map(|file| target::parse(&file.custom, id).ok()?.1)
        .map(|draft| draft.version)
}

fn targets(id: &LessonId, draft: &LessonDraft, files: &[StoredFile]) -> LessonTargets {
    let entry = |file: &StoredFile| {
        let path = TargetPath::new(format!("{id}/{}", file.name))
            .expect("lesson id and file name are short");
        let custom = target::custom(&file.about, id, draft);
        (
            path,
            TargetFile {
                length: file.length,
                hashes: file.hashes.clone(),
                custom,
                extra: Map::new(),
            },
        )
    };
    files.iter().map(entry).collect()
}

impl Report {
    fn words(&self, workshop: &Workshop, plan: &Plan) -> String {
        let mut out = String::new();
        for id in &self.added {
            out += &format!("new      {id}\n");
        }
        for id in &self.changed {
            out += &format!("changed  {id}\n");
        }
        for name in &plan.unused {
            out += &format!("unused   {name} (no row of the table names it)\n");
        }
        let (added, changed) = (self.added.len(), self.changed.len());
        out += &format!(
            "{added} new, {changed} changed, {} as before.",
            self.unchanged
        );
        if added + changed > 0 {
            let dir = workshop.shown();
            out += &format!(
                "\nNext: pishtar ministry sign {dir}, then pishtar ministry publish {dir}"
            );
        }
        out
    }
}
