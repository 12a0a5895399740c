//! `pishtar ministry withdraw`: a lesson's targets leave their course; the next version says so by their absence.

use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::metadata::RoleName;

use super::add::extract;
use super::error::MinistryError;
use super::roles::Staged;
use super::workshop::Workshop;

pub(super) fn withdraw(
    dir: &Path,
    lesson: &str,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let mut staged = Staged::load(&workshop)?;
    let Some(id) = workshop.lesson_id(lesson) else {
        return Err(unknown(&mut staged, lesson));
    };
    let Ok(role) = RoleName::new(id.course()) else {
        return Err(unknown(&mut staged, lesson));
    };
    let mut files = staged.course(&role)?;
    let removed = extract(&mut files, &format!("{id}/")).len();
    if removed == 0 {
        return Err(unknown(&mut staged, lesson));
    }
    // An empty course stays: TUF 5.5.5 lets no role vanish from the snapshot.
    staged.set_course(&role, files, now)?;
    staged.save()?;
    let dir = workshop.shown();
    Ok(format!(
        "{id} is withdrawn ({removed} files).\n\
         Next: pishtar ministry sign {dir}, then pishtar ministry publish {dir}. Schools drop it when they hear of that version"
    ))
}

fn unknown(staged: &mut Staged<'_>, lesson: &str) -> MinistryError {
    if let Err(error) = staged.need_all() {
        return error;
    }
    MinistryError::UnknownLesson {
        lesson: lesson.into(),
        hint: hint(staged, lesson),
    }
}

/// Lessons that the clerk may have meant.
fn hint(staged: &Staged<'_>, lesson: &str) -> String {
    let slug = lesson.rsplit('/').next().unwrap_or_default();
    let mut ids: Vec<&str> = Vec::new();
    for role in staged.repository.roles() {
        let paths = staged
            .repository
            .targets(role)
            .into_iter()
            .flat_map(|targets| targets.targets.keys());
        ids.extend(paths.filter_map(|path| Some(path.as_str().rsplit_once('/')?.0)));
    }
    ids.dedup();
    let alike: Vec<&str> = ids
        .iter()
        .filter(|id| !slug.is_empty() && id.contains(slug))
        .take(5)
        .copied()
        .collect();
    match (ids.first(), alike.is_empty()) {
        (None, _) => "the workshop has no lessons yet".into(),
        (Some(first), true) => format!("write its id as in {first}"),
        (Some(_), false) => format!("did you mean {}?", alike.join(" or ")),
    }
}
