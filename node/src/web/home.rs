//! `/`: the followed lessons by grade and subject.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    backend::Backend,
    cards::{Card, subject},
    locale::Texts,
    page::Page,
    url, words,
};
use crate::handle::{LessonView, status::CatalogStatus};

/// Up to so many lessons in all, every group is shown whole.
const SHORT_LIST: usize = 60;
/// Cards of a group in a longer list, before "show all".
const GROUP_CARDS: usize = 8;
/// Cards on one page of a chosen grade and subject.
const PAGE_CARDS: usize = 48;
/// How often the list looks for news while lessons arrive, and while there are none yet.
const LIVE_SECONDS: u32 = 4;

/// Why there is nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    NoCatalog,
    /// Number of lessons known, none of them followed.
    NothingFollowed(u64),
    NothingChosen,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    t: &'static Texts,
    page: &'a Page,
    totals: Totals,
    /// How long ago a catalogue was checked, in words.
    checked: Option<String>,
    empty: Option<Empty>,
    /// Nothing can be fetched until there is space.
    disk_full: bool,
    grades: Vec<Chip>,
    subjects: Vec<Chip>,
    groups: Vec<Grade>,
    live_seconds: u32,
}

#[derive(Debug, Default)]
struct Totals {
    lessons: usize,
    here: usize,
    arriving: usize,
}

struct Chip {
    text: String,
    href: String,
    chosen: bool,
}

struct Grade {
    name: String,
    subjects: Vec<Group>,
}

struct Group {
    name: String,
    art: &'static str,
    count: usize,
    /// How many cards stand side by side where there is room.
    columns: usize,
    cards: Vec<Card>,
    all: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

/// What the address chooses.
struct Choice {
    grade: Option<u8>,
    subject: Option<String>,
    page: usize,
}

impl Choice {
    fn of(page: &Page) -> Choice {
        Choice {
            grade: page.parameter("grade").and_then(|grade| grade.parse().ok()),
            subject: page.parameter("subject").map(str::to_owned),
            page: page
                .parameter("page")
                .and_then(|page| page.parse().ok())
                .unwrap_or(0),
        }
    }

    fn takes(&self, state: &LessonView) -> bool {
        let lesson = &state.lesson;
        self.grade.is_none_or(|grade| grade == lesson.grade)
            && self
                .subject
                .as_deref()
                .is_none_or(|subject| subject == &*lesson.subject)
    }
}

/// The address of the list for a choice of grade, subject and page.
pub(crate) fn list_href(grade: Option<u8>, subject: Option<&str>, page: usize) -> String {
    let mut parameters = Vec::new();
    parameters.extend(grade.map(|grade| ("grade", grade.to_string())));
    parameters.extend(subject.map(|subject| ("subject", subject.to_owned())));
    parameters.extend((page > 0).then(|| ("page", page.to_string())));
    url::with_query("/", &parameters)
}

/// `GET /`
pub(crate) async fn show(State(backend): State<Arc<dyn Backend>>, page: Page) -> Response {
    let texts = page.texts();
    let lessons = backend.lessons();
    let choice = Choice::of(&page);
    let chosen: Vec<&LessonView> = lessons.iter().filter(|state| choice.takes(state)).collect();
    let totals = totals(&chosen);
    let status = backend.status();
    let checked = status.catalogs.iter().map(CatalogStatus::age).min();
    let empty = if lessons.is_empty() {
        match status.lessons.known {
            0 => Some(Empty::NoCatalog),
            known => Some(Empty::NothingFollowed(known)),
        }
    } else {
        chosen.is_empty().then_some(Empty::NothingChosen)
    };
    let live = totals.arriving > 0 || lessons.is_empty();
    let home = Home {
        t: texts,
        page: &page,
        checked: checked.map(|at| words::checked(texts, at).into()),
        empty,
        disk_full: status.blobs.disk_full,
        grades: grade_chips(&lessons, &choice, texts),
        subjects: subject_chips(&lessons, &choice, texts),
        groups: groups(&chosen, &choice, texts),
        totals,
        live_seconds: if live { LIVE_SECONDS } else { 0 },
    };
    page.answer(StatusCode::OK, &home)
}

fn totals(chosen: &[&LessonView]) -> Totals {
    let here = chosen.iter().filter(|state| state.complete).count();
    let arriving = chosen
        .iter()
        .filter(|state| !state.complete && state.held_bytes > 0)
        .count();
    Totals {
        lessons: chosen.len(),
        here,
        arriving,
    }
}

fn grade_chips(lessons: &[LessonView], choice: &Choice, texts: &Texts) -> Vec<Chip> {
    let mut grades: Vec<u8> = lessons.iter().map(|state| state.lesson.grade).collect();
    grades.sort_unstable();
    grades.dedup();
    let subject = choice.subject.as_deref();
    let chip = |grade: Option<u8>, text: String| Chip {
        href: list_href(grade, subject, 0),
        chosen: grade == choice.grade,
        text,
    };
    let all = chip(None, texts.get("filter-all").into());
    let rest = grades
        .into_iter()
        .map(|grade| chip(Some(grade), grade_name(grade, texts)));
    std::iter::once(all).chain(rest).collect()
}

fn subject_chips(lessons: &[LessonView], choice: &Choice, texts: &Texts) -> Vec<Chip> {
    let mut ids: Vec<&str> = lessons.iter().map(|state| &*state.lesson.subject).collect();
    ids.sort_unstable();
    ids.dedup();
    let chip = |id: Option<&str>, text: String| Chip {
        href: list_href(choice.grade, id, 0),
        chosen: id == choice.subject.as_deref(),
        text,
    };
    let all = chip(None, texts.get("filter-all").into());
    let rest = ids
        .into_iter()
        .map(|id| chip(Some(id), subject(id, texts).name));
    std::iter::once(all).chain(rest).collect()
}

pub(crate) fn grade_name(grade: u8, texts: &Texts) -> String {
    texts.number("grade-name", "grade", grade).into()
}

fn groups(chosen: &[&LessonView], choice: &Choice, texts: &Texts) -> Vec<Grade> {
    let mut sorted = BTreeMap::<u8, BTreeMap<&str, Vec<&LessonView>>>::new();
    for state in chosen {
        let lesson = &state.lesson;
        sorted
            .entry(lesson.grade)
            .or_default()
            .entry(&lesson.subject)
            .or_default()
            .push(state);
    }
    let short = chosen.len() <= SHORT_LIST;
    let grade_of = |(grade, subjects): (u8, BTreeMap<&str, Vec<&LessonView>>)| Grade {
        name: grade_name(grade, texts),
        subjects: subjects
            .into_iter()
            .map(|(id, states)| group(grade, id, states, choice, short, texts))
            .collect(),
    };
    sorted.into_iter().map(grade_of).collect()
}

/// One subject of one grade; of a long list only the part that the address asks for.
fn group(
    grade: u8,
    id: &str,
    mut states: Vec<&LessonView>,
    choice: &Choice,
    short: bool,
    texts: &Texts,
) -> Group {
    states.sort_by(|a, b| {
        (&*a.lesson.language, &a.lesson.id).cmp(&(&*b.lesson.language, &b.lesson.id))
    });
    let count = states.len();
    let paged = choice.grade.is_some() && choice.subject.is_some();
    let (first, size) = match (short, paged) {
        (true, _) => (0, count),
        (false, true) => (choice.page.saturating_mul(PAGE_CARDS), PAGE_CARDS),
        (false, false) => (0, GROUP_CARDS),
    };
    let href = |page| list_href(Some(grade), Some(id), page);
    let (paging, end) = (paged && !short, first.saturating_add(size));
    let subject = subject(id, texts);
    Group {
        name: subject.name,
        art: subject.art,
        count,
        columns: count.clamp(1, 4),
        cards: states
            .iter()
            .skip(first)
            .take(size)
            .map(|state| Card::new(state, texts))
            .collect(),
        all: (!paging && count > size).then(|| href(0)),
        previous: (paging && first > 0).then(|| href(choice.page - 1)),
        next: (paging && end < count).then(|| href(choice.page + 1)),
    }
}
