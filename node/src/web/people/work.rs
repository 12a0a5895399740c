//! A learner's work in words and bars, the same for a teacher and for the learner.

use fluent_bundle::FluentValue;

use crate::{
    people::{Help, LessonWork},
    web::{
        backend::Backend,
        cards,
        locale::{Lang, Texts},
        words,
    },
};

/// One lesson of one learner.
pub(super) struct Work {
    pub(super) lesson: String,
    pub(super) title: String,
    pub(super) lang: String,
    pub(super) href: Option<String>,
    pub(super) permille: u32,
    pub(super) percent: u32,
    pub(super) done: bool,
    pub(super) begun: bool,
    /// Points of exercises, `3/5`.
    pub(super) points: Option<String>,
    pub(super) assigned: bool,
    pub(super) help: Option<String>,
    pub(super) when: Option<String>,
    /// All of it in one sentence, for those who hear the page.
    pub(super) says: String,
}

/// The title of a lesson in the reader's language, and the language it is in; its id where no catalogue has it.
pub(super) fn title(backend: &dyn Backend, id: &str, texts: &Texts) -> (String, String, bool) {
    match backend.lesson(id) {
        Some(view) => {
            let title = cards::Card::new(&view, texts).title;
            (title.text, title.lang, true)
        }
        None => (
            id.rsplit('/').next().unwrap_or(id).to_owned(),
            String::new(),
            false,
        ),
    }
}

impl Work {
    pub(super) fn of(work: &LessonWork, backend: &dyn Backend, texts: &Texts) -> Work {
        let id = work.lesson.as_str();
        let (title, lang, known) = title(backend, id, texts);
        let permille = work.progress_permille.min(1000);
        let percent = permille / 10;
        let points = (work.points_of > 0).then(|| format!("{}/{}", work.points, work.points_of));
        let begun = permille > 0 || work.attempts > 0;
        let state = match (work.completed, begun) {
            (true, _) => texts.get("work-done").into_owned(),
            (false, true) => texts
                .number("work-percent", "percent", percent)
                .into_owned(),
            (false, false) => texts.get("work-not-begun").into_owned(),
        };
        let help = work.help.as_ref().map(|help| reason(help, texts));
        let parts = [Some(state), points.clone(), help.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        Work {
            lesson: id.to_owned(),
            says: format!("{title}: {}", parts.join(", ")),
            title,
            lang,
            href: known.then(|| format!("/lesson/{id}")),
            permille,
            percent,
            done: work.completed,
            begun,
            points,
            assigned: work.assigned,
            help,
            when: work.last_activity.map(|at| words::date(texts, at)),
        }
    }
}

/// Why somebody needs help, in words.
pub(super) fn reason(help: &Help, texts: &Texts) -> String {
    let words = match help {
        Help::Stuck { tries, best, of } => texts.with(
            "help-stuck",
            &[
                ("count", FluentValue::from(*tries as u64)),
                ("best", FluentValue::from(*best)),
                ("of", FluentValue::from(*of)),
            ],
        ),
        Help::Overdue { due } => texts.text("help-overdue", "date", &day(due, texts)),
        Help::Stopped { days } => texts.count("help-stopped", days.unsigned_abs()),
    };
    words.into_owned()
}

/// A day written `2026-12-15` as the language writes it.
pub(super) fn day(iso: &str, texts: &Texts) -> String {
    if texts.lang == Lang::En {
        return iso.to_owned();
    }
    let parts = iso
        .split('-')
        .rev()
        .map(|part| part.trim_start_matches('0'));
    parts.collect::<Vec<_>>().join(".")
}
