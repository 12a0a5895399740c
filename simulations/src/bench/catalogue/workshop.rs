//! The made-up ministry as a workshop: small files and a table, brought in by the commands that a clerk uses.
//!
//! `OUT/import` holds the files and `lessons.csv`, `OUT/workshop` the workshop. Files hold 64 bytes, so that hashing them
//! costs nothing beside what is measured.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use pishtar_catalog::target::LessonDraft;

use super::{
    Size,
    lessons::{Course, courses, lesson, reworded},
    text::Text,
};

/// Columns of the table, besides a description in the lesson's own language.
const HEADER: &str = "file,id,lang,grade,subject,title_sq,title_sr-Cyrl,title_en,description,captions,worksheet,thumbnail,author,licence,code,keywords,duration\n";

/// Makes the files, the table and the workshop; signs and publishes it. Says where the workshop is.
///
/// # Errors
/// When a file cannot be written or a command of `pishtar` fails.
pub fn make(pishtar: &Path, out: &Path, size: Size) -> Result<PathBuf> {
    let import = out.join("import");
    let mut text = Text::new(size.seed);
    let mut table = HEADER.to_owned();
    for course in courses(size.lessons) {
        for number in 0..course.lessons {
            let (_, draft) = lesson(&course, number, &mut text);
            table.push_str(&row(&import, &course, number, &draft, &mut text)?);
        }
    }
    fs::write(import.join("lessons.csv"), table).context("writing the table")?;
    let workshop = out.join("workshop");
    ministry(pishtar, [OsStr::new("init"), workshop.as_os_str()])?;
    add(pishtar, &workshop, &import)?;
    Ok(workshop)
}

/// Gives one lesson each of `count` courses another title and video, in a workshop that [`make`] made; stages and signs
/// it and publishes nothing: that is to be measured.
///
/// # Errors
/// When a file cannot be written or a command of `pishtar` fails.
pub fn touch(pishtar: &Path, out: &Path, size: Size, count: usize) -> Result<PathBuf> {
    let import = edit(out, size, count)?;
    let workshop = out.join("workshop");
    add(pishtar, &workshop, &import)?;
    Ok(workshop)
}

/// Writes the files and the table of such an edit, each time another one, and says where they are.
///
/// # Errors
/// When a file cannot be written.
pub fn edit(out: &Path, size: Size, count: usize) -> Result<PathBuf> {
    let edits = (1u64..).map(|number| (number, out.join(format!("edit-{number}"))));
    let (number, import) = edits
        .into_iter()
        .find(|(_, folder)| !folder.exists())
        .context("a free name")?;
    let mut text = Text::new(size.seed.wrapping_add(number).wrapping_mul(31));
    let mut table = HEADER.to_owned();
    let courses = courses(size.lessons);
    ensure!(
        count > 0 && count <= courses.len(),
        "there are {} courses",
        courses.len()
    );
    for course in courses.iter().step_by(courses.len() / count).take(count) {
        let number = text.between(0, course.lessons as u64) as usize;
        let (_, draft) = lesson(course, number, &mut text);
        let draft = reworded(draft, &mut text);
        table.push_str(&row(&import, course, number, &draft, &mut text)?);
    }
    fs::write(import.join("lessons.csv"), table).context("writing the table")?;
    Ok(import)
}

fn add(pishtar: &Path, workshop: &Path, import: &Path) -> Result<()> {
    let [add, from] = ["add", "--from"].map(OsStr::new);
    ministry(
        pishtar,
        [add, workshop.as_os_str(), from, import.as_os_str()],
    )?;
    ministry(pishtar, [OsStr::new("sign"), workshop.as_os_str()])
}

/// Runs one `pishtar ministry` command.
///
/// # Errors
/// When it cannot be started or fails.
pub(in crate::bench) fn ministry<'a>(
    pishtar: &Path,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<()> {
    let mut command = Command::new(pishtar);
    command.arg("ministry").args(arguments);
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("starting {}", pishtar.display()))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// Writes a lesson's files and gives its row.
fn row(
    import: &Path,
    course: &Course,
    number: usize,
    draft: &LessonDraft,
    text: &mut Text,
) -> Result<String> {
    let folder = import.join(course.role.as_str());
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut file = |ending: &str| {
        let name = format!("lesson-{number:03}.{ending}");
        fs::write(folder.join(&name), [text.hash(), text.hash()].concat())
            .with_context(|| format!("writing {name}"))?;
        anyhow::Ok(format!("{}/{name}", course.role))
    };
    let (video, captions) = (file("webm")?, file("vtt")?);
    let (worksheet, picture) = (file("pdf")?, file("jpg")?);
    let title = |language: &str| draft.title.get(language).cloned().unwrap_or_default();
    let description = draft.description.get(course.language);
    let cells = [
        video,
        format!("lesson-{number:03}"),
        course.language.to_owned(),
        course.grade.to_string(),
        course.subject.clone(),
        title("sq"),
        title("sr-Cyrl"),
        title("en"),
        description.cloned().unwrap_or_default(),
        format!("{}:{captions}", course.language),
        worksheet,
        picture,
        draft.author.clone(),
        draft.licence.clone(),
        draft.code.clone(),
        draft.keywords.join(";"),
        draft.duration_s.to_string(),
    ];
    // Nothing made up holds a comma or a quotation mark.
    Ok(cells.join(",") + "\n")
}
