//! `/keep`: what this device keeps, with sizes before anybody commits to them; and the buttons of a lesson.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use askama::Template;
use axum::{
    extract::{ConnectInfo, FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use fluent_bundle::FluentValue;
use pishtar_catalog::{LessonId, Selection};

use super::{
    backend::Backend,
    cards::{language, subject},
    errors::Trouble,
    home::grade_name,
    locale::Texts,
    page::Page,
    url, words,
};
use crate::handle::{Change, Choice, ChooseError, Keeping, Sizes};

/// Where a request came from; absent where nobody says, which counts as far away.
pub(crate) struct From(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<From, Self::Rejection> {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(From(info.map(|ConnectInfo(address)| address.ip())))
    }
}

/// Whether whoever asks may choose what is kept: somebody at the device, or an administrator from anywhere.
pub(crate) fn may_choose(backend: &dyn Backend, from: Option<IpAddr>, page: &Page) -> bool {
    page.is_administrator() || backend.may_choose(from)
}

#[derive(Template)]
#[template(path = "keep.html")]
struct KeepPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    used: String,
    free: Option<String>,
    quota: Option<String>,
    rules: Vec<String>,
    single: u64,
    left_out: u64,
    pinned: u64,
    groups: Vec<Group>,
    /// What the choice in question comes to.
    sum: String,
    here: String,
    /// Why it cannot all be kept.
    too_much: Option<String>,
    chosen: Vec<(&'static str, String)>,
    may_choose: bool,
    saved: bool,
}

struct Group {
    heading: &'static str,
    name: &'static str,
    ticks: Vec<Tick>,
}

struct Tick {
    value: String,
    text: String,
    lang: Option<String>,
    size: String,
    on: bool,
}

/// What is ticked, by the names of the form's fields. An empty group means all of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ticked {
    grades: BTreeSet<String>,
    subjects: BTreeSet<String>,
    languages: BTreeSet<String>,
}

impl Ticked {
    /// What stands in the form's fields, as far as there are such lessons.
    fn of_fields(fields: &[(String, String)], keeping: &Keeping) -> Ticked {
        let known = |name: &str, exists: &dyn Fn(&str) -> bool| {
            let values = fields.iter().filter(|(field, _)| field == name);
            let values = values.map(|(_, value)| value.clone());
            values.filter(|value| exists(value)).collect()
        };
        let groups = || keeping.groups.keys();
        Ticked {
            grades: known("grade", &|v| {
                groups().any(|(grade, _, _)| grade.to_string() == v)
            }),
            subjects: known("subject", &|v| groups().any(|(_, subject, _)| subject == v)),
            languages: known("language", &|v| {
                groups().any(|(_, _, language)| language == v)
            }),
        }
    }

    /// What the rules in force come closest to.
    fn of_rules(rules: &[Selection], keeping: &Keeping) -> Ticked {
        let mut ticked = Ticked::default();
        for rule in rules {
            let text = rule.to_string();
            for (key, values) in text.split(',').filter_map(|part| part.split_once('=')) {
                let set = match key {
                    "grade" => &mut ticked.grades,
                    "subject" => &mut ticked.subjects,
                    "lang" => &mut ticked.languages,
                    _ => continue,
                };
                set.extend(values.split('|').map(str::to_owned));
            }
        }
        // `lang=sr` includes `sr-Cyrl`; the form has only what lessons have.
        let all = keeping
            .groups
            .keys()
            .map(|(_, _, language)| language.clone());
        let wanted = ticked.languages;
        let close = |tag: &String| {
            let tag = tag.to_ascii_lowercase();
            wanted
                .iter()
                .any(|range| tag == *range || tag.starts_with(&format!("{range}-")))
        };
        ticked.languages = all.filter(close).collect();
        ticked
    }

    fn rule(&self) -> Selection {
        let group = |key: &str, values: &BTreeSet<String>| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            (!values.is_empty()).then(|| format!("{key}={}", values.join("|")))
        };
        let conditions: Vec<String> = [
            group("grade", &self.grades),
            group("subject", &self.subjects),
            group("lang", &self.languages),
        ]
        .into_iter()
        .flatten()
        .collect();
        // Values come from verified lessons; one that reads as a rule's own marks selects all.
        conditions.join(",").parse().unwrap_or_default()
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let group = |name, values: &BTreeSet<String>| {
            values
                .iter()
                .map(move |value| (name, value.clone()))
                .collect::<Vec<_>>()
        };
        [
            group("grade", &self.grades),
            group("subject", &self.subjects),
            group("language", &self.languages),
        ]
        .concat()
    }
}

/// `GET /keep`
pub(crate) async fn show(
    State(backend): State<Arc<dyn Backend>>,
    From(from): From,
    page: Page,
) -> Response {
    let now = backend.keeping(None);
    let asked = page.parameter("try").is_some();
    let ticked = match asked {
        true => Ticked::of_fields(page.parameters(), &now),
        false => Ticked::of_rules(&now.rules, &now),
    };
    let keeping = match asked {
        true => backend.keeping(Some(&[ticked.rule()])),
        false => now,
    };
    let texts = page.texts();
    let size = |bytes: u64| words::size(texts, bytes);
    let chosen = keeping.chosen;
    let template = KeepPage {
        t: texts,
        page: &page,
        used: size(keeping.used),
        free: keeping.free.map(size),
        quota: keeping.quota.map(size),
        rules: keeping.rules.iter().map(ToString::to_string).collect(),
        single: keeping.single,
        left_out: keeping.left_out,
        pinned: keeping.pinned,
        groups: groups(&keeping, &ticked, texts),
        sum: sum(texts, chosen),
        here: size(chosen.held_bytes),
        too_much: too_much(texts, &keeping),
        chosen: ticked.fields(),
        may_choose: may_choose(backend.as_ref(), from, &page),
        saved: page.parameter("saved").is_some(),
    };
    page.answer(StatusCode::OK, &template)
}

/// `POST /keep`: the rules for all lessons, or what is to happen with one.
pub(crate) async fn save(
    State(backend): State<Arc<dyn Backend>>,
    From(from): From,
    page: Page,
    body: String,
) -> Response {
    if !may_choose(backend.as_ref(), from, &page) {
        return Trouble::NotHere.answer(page);
    }
    let fields = url::parse_query(&body);
    let (choice, back) = match lesson_choice(&fields) {
        Some(Ok((lesson, change))) => {
            let back = format!("/lesson/{lesson}");
            (Choice::Lesson(lesson, change), back)
        }
        Some(Err(())) => return Trouble::Missing.answer(page),
        None => {
            let rules = match url::first(&fields, "none") {
                Some(_) => Vec::new(),
                None => {
                    let keeping = backend.keeping(None);
                    std::iter::once(Ticked::of_fields(&fields, &keeping).rule()).collect()
                }
            };
            (Choice::Rules(rules), "/keep?saved=1".to_owned())
        }
    };
    match backend.choose(choice).await {
        Ok(()) => (StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response(),
        Err(ChooseError::Unknown(_)) => Trouble::Missing.answer(page),
        Err(error @ ChooseError::Disk(_)) => {
            tracing::error!(%error, "a choice was not saved");
            Trouble::Failed.answer(page)
        }
    }
}

/// What a lesson page's button asks for, if the fields are such a button's.
fn lesson_choice(fields: &[(String, String)]) -> Option<Result<(LessonId, Change), ()>> {
    let lesson = url::first(fields, "lesson")?;
    let change = match url::first(fields, "change") {
        Some("follow") => Change::Follow,
        Some("remove") => Change::Remove,
        Some("pin") => Change::Pin,
        Some("unpin") => Change::Unpin,
        _ => return Some(Err(())),
    };
    Some(
        LessonId::new(lesson)
            .map(|lesson| (lesson, change))
            .map_err(drop),
    )
}

fn sum(texts: &Texts, sizes: Sizes) -> String {
    let values = [
        ("count", FluentValue::from(sizes.lessons as f64)),
        ("size", FluentValue::from(words::size(texts, sizes.bytes))),
    ];
    texts.with("keep-sum", &values).into()
}

/// What is missing where not all of it fits.
fn too_much(texts: &Texts, keeping: &Keeping) -> Option<String> {
    let sizes = keeping.chosen;
    let missing = sizes.bytes - sizes.held_bytes;
    let above_quota = keeping
        .quota
        .map_or(0, |quota| sizes.bytes.saturating_sub(quota));
    // What is held and not chosen gives way.
    let spare = keeping.used.saturating_sub(sizes.held_bytes);
    let above_disk = keeping
        .free
        .map_or(0, |free| missing.saturating_sub(free.saturating_add(spare)));
    let above = above_quota.max(above_disk);
    let size = words::size(texts, above);
    (above > 0).then(|| texts.text("keep-too-much", "size", &size).into())
}

fn groups(keeping: &Keeping, ticked: &Ticked, texts: &Texts) -> Vec<Group> {
    let mut grades: BTreeMap<u8, Sizes> = BTreeMap::new();
    let mut subjects: BTreeMap<&str, Sizes> = BTreeMap::new();
    let mut languages: BTreeMap<&str, Sizes> = BTreeMap::new();
    for ((grade, subject, language), sizes) in &keeping.groups {
        add(grades.entry(*grade).or_default(), sizes);
        add(subjects.entry(subject).or_default(), sizes);
        add(languages.entry(language).or_default(), sizes);
    }
    let tick = |value: String, text: String, lang, sizes: &Sizes, on: &BTreeSet<String>| Tick {
        on: on.contains(&value),
        size: sum(texts, *sizes),
        value,
        text,
        lang,
    };
    let grade = |(grade, sizes): (&u8, &Sizes)| {
        let name = grade_name(*grade, texts);
        tick(grade.to_string(), name, None, sizes, &ticked.grades)
    };
    let of_subject = |(id, sizes): (&&str, &Sizes)| {
        tick(
            (*id).to_owned(),
            subject(id, texts).name,
            None,
            sizes,
            &ticked.subjects,
        )
    };
    let of_language = |(tag, sizes): (&&str, &Sizes)| {
        let name = language(tag);
        tick(
            (*tag).to_owned(),
            name.name,
            Some(name.tag),
            sizes,
            &ticked.languages,
        )
    };
    vec![
        Group {
            heading: "filter-grade",
            name: "grade",
            ticks: grades.iter().map(grade).collect(),
        },
        Group {
            heading: "filter-subject",
            name: "subject",
            ticks: subjects.iter().map(of_subject).collect(),
        },
        Group {
            heading: "lesson-language",
            name: "language",
            ticks: languages.iter().map(of_language).collect(),
        },
    ]
}

fn add(sum: &mut Sizes, part: &Sizes) {
    sum.lessons += part.lessons;
    sum.bytes += part.bytes;
    sum.held_bytes += part.held_bytes;
}
