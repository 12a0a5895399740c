//! `/lesson/{id}`: the player and everything that belongs to a lesson.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use pishtar_catalog::{Completion, Lesson, LessonFile, Part};

use super::{
    backend::Backend,
    cards::{Card, Language, TextIn, file_href, language, primary, text_in},
    errors::Trouble,
    home::{grade_name, list_href},
    keep::{self, From},
    locale::{Lang, Texts},
    page::Page,
    words,
};

/// Further lessons of the course that the page offers.
const MAX_RELATED: usize = 12;

#[derive(Template)]
#[template(path = "lesson.html")]
struct LessonPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    card: Card,
    /// What is not here yet does not come before the disk has space.
    waits_for_space: bool,
    video: Option<Video>,
    captions: Vec<Track>,
    complete_percent: u8,
    state_url: String,
    grade_name: String,
    grade_href: String,
    subject_href: String,
    description: Option<TextIn>,
    downloads: Vec<Download>,
    author: &'a str,
    licence: &'a str,
    code: &'a str,
    related_heading: &'static str,
    related: Vec<Card>,
    keeping: Option<Keep>,
}

/// What whoever sits at the device can do with the lesson.
struct Keep {
    followed: bool,
    pinned: bool,
    size: String,
}

struct Video {
    href: String,
    media_type: String,
}

struct Track {
    href: String,
    language: Language,
    chosen: bool,
}

struct Download {
    href: String,
    name: String,
    icon: &'static str,
    label: &'static str,
    language: Option<Language>,
    size: String,
}

/// `GET /lesson/{publisher}/{course}/{lesson}`
pub(crate) async fn show(
    State(backend): State<Arc<dyn Backend>>,
    Path((publisher, course, slug)): Path<(String, String, String)>,
    From(from): From,
    page: Page,
) -> Response {
    let id = format!("{publisher}/{course}/{slug}");
    let Some(state) = backend.lesson(&id) else {
        let withdrawn = backend.was_withdrawn(&id);
        return if withdrawn {
            Trouble::Withdrawn
        } else {
            Trouble::Missing
        }
        .answer(page);
    };
    let texts = page.texts();
    let lesson = &*state.lesson;
    let (related_heading, related) = related(&*backend, lesson, texts);
    let template = LessonPage {
        t: texts,
        page: &page,
        card: Card::new(&state, texts),
        waits_for_space: !state.complete && backend.status().blobs.disk_full,
        video: video(lesson),
        captions: captions(lesson, page.lang),
        complete_percent: complete_percent(lesson),
        state_url: format!("/api/lesson/{id}/state"),
        grade_name: grade_name(lesson.grade, texts),
        grade_href: list_href(Some(lesson.grade), None, 0),
        subject_href: list_href(Some(lesson.grade), Some(&lesson.subject), 0),
        description: text_in(&lesson.description, lesson, page.lang),
        downloads: downloads(lesson, texts),
        author: &lesson.author,
        licence: &lesson.licence,
        code: &lesson.curriculum_code,
        related_heading,
        related,
        keeping: keep::may_choose(backend.as_ref(), from, &page).then(|| Keep {
            followed: state.followed,
            pinned: state.pinned,
            size: words::size(texts, state.total_bytes),
        }),
    };
    page.answer(StatusCode::OK, &template)
}

fn video(lesson: &Lesson) -> Option<Video> {
    let main = lesson.main();
    let playable = main.media_type.starts_with("video/") || main.media_type.starts_with("audio/");
    playable.then(|| Video {
        href: file_href(main),
        media_type: main.media_type.to_string(),
    })
}

/// Every captions file; the one that is shown from the start is in the page's language, or in the
/// lesson's when there is none, or simply the first. Readers of Latin script get Serbian captions
/// in it.
fn captions(lesson: &Lesson, lang: Lang) -> Vec<Track> {
    let mut tracks: Vec<Track> = lesson
        .parts(Part::Captions)
        .map(|file| Track {
            href: file_href(file),
            language: language(file.lang.as_deref().unwrap_or(&lesson.language)),
            chosen: false,
        })
        .collect();
    if lang == Lang::SrLatn {
        tracks.splice(0..0, latin_track(&tracks)).for_each(drop);
    }
    let exact = |tag: &str| {
        tracks
            .iter()
            .position(|track| track.language.tag.eq_ignore_ascii_case(tag))
    };
    let close = |tag: &str| {
        tracks
            .iter()
            .position(|track| primary(&track.language.tag) == primary(tag))
    };
    let chosen = lang
        .preferences()
        .iter()
        .find_map(|tag| exact(tag))
        .or_else(|| close(lang.tag()))
        .or_else(|| exact(&lesson.language))
        .or_else(|| close(&lesson.language))
        .unwrap_or(0);
    if let Some(track) = tracks.get_mut(chosen) {
        track.chosen = true;
    }
    tracks
}

/// The Serbian track in Latin script, unless the lesson has one already.
fn latin_track(tracks: &[Track]) -> Option<Track> {
    if tracks.iter().any(|track| track.language.tag == "sr-Latn") {
        return None;
    }
    let cyrillic = tracks
        .iter()
        .find(|track| primary(&track.language.tag) == "sr")?;
    Some(Track {
        href: cyrillic.href.replacen("/file/", "/latin/", 1),
        language: language("sr-Latn"),
        chosen: false,
    })
}

fn complete_percent(lesson: &Lesson) -> u8 {
    match lesson.completion {
        Completion::WatchedPercent(percent) => percent,
        Completion::Opened => 1,
        // The exercise decides; the page never says so by the playing time alone.
        Completion::Mastered { .. } => 101,
    }
}

/// Files to take along: worksheets and the like, and the lesson itself last.
fn downloads(lesson: &Lesson, texts: &Texts) -> Vec<Download> {
    let mut files: Vec<&LessonFile> = lesson.files.iter().collect();
    files.sort_by_key(|file| file.part == Part::Main);
    let download = |file: &LessonFile| {
        let (icon, label) = match file.part {
            Part::Worksheet => ("paper", "lesson-worksheet"),
            Part::AudioDescription => ("sound", "lesson-audio-description"),
            Part::Main if file.media_type.starts_with("video/") => ("film", "lesson-video"),
            Part::LowQuality => ("film", "lesson-small-video"),
            Part::Main => ("paper", "lesson-text"),
            Part::Captions | Part::Thumbnail | Part::Other => return None,
        };
        Some(Download {
            href: file_href(file),
            name: file.name().to_owned(),
            icon,
            label,
            language: file.lang.as_deref().map(language),
            size: words::size(texts, file.length),
        })
    };
    files.into_iter().filter_map(download).collect()
}

/// Other lessons of the course; where there are none, lessons of the same grade or subject.
fn related(backend: &dyn Backend, lesson: &Lesson, texts: &Texts) -> (&'static str, Vec<Card>) {
    let mut others = backend.lessons();
    others.retain(|other| other.lesson.id != lesson.id);
    let same_course =
        |other: &Lesson| (&other.publisher, &other.course) == (&lesson.publisher, &lesson.course);
    let heading = if others.iter().any(|other| same_course(&other.lesson)) {
        others.retain(|other| same_course(&other.lesson));
        "lesson-course"
    } else {
        others.retain(|other| {
            other.lesson.grade == lesson.grade || other.lesson.subject == lesson.subject
        });
        "lesson-more"
    };
    others.sort_by(|a, b| a.lesson.id.cmp(&b.lesson.id));
    (
        heading,
        others
            .iter()
            .take(MAX_RELATED)
            .map(|state| Card::new(state, texts))
            .collect(),
    )
}
