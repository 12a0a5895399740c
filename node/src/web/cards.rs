//! A lesson as the lists show it, with its texts in the reader's language.

use pishtar_catalog::{Lesson, LessonFile, Localized, Part};
use pishtar_mesh::people::to_latin;

use super::{
    locale::{Lang, Texts},
    url, words,
};
use crate::handle::LessonView;

/// A text and the language it is really in, for the `lang` attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextIn {
    pub(crate) lang: String,
    pub(crate) text: String,
}

/// A language by its tag, named in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Language {
    pub(crate) tag: String,
    pub(crate) name: String,
}

/// A subject: its name and which picture and colour it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) art: &'static str,
}

/// One lesson in a list.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) title: TextIn,
    pub(crate) subject: Subject,
    pub(crate) language: Language,
    pub(crate) length: String,
    pub(crate) percent: Option<u8>,
    pub(crate) thumbnail: Option<String>,
    /// Who made it, where that is not the ministry.
    pub(crate) publisher: Option<TextIn>,
}

impl Card {
    pub(crate) fn new(state: &LessonView, texts: &Texts) -> Card {
        let lesson = &*state.lesson;
        let id = lesson.id.to_string();
        Card {
            href: format!("/lesson/{id}"),
            title: text_in(&lesson.title, lesson, texts.lang).unwrap_or_else(|| TextIn {
                lang: "zxx".to_owned(),
                text: id.clone(),
            }),
            subject: subject(&lesson.subject, texts),
            language: language(&lesson.language),
            length: words::clock(lesson.duration_s),
            percent: percent(state),
            thumbnail: lesson.parts(Part::Thumbnail).next().map(file_href),
            publisher: state.publisher.as_ref().map(|name| {
                let unnamed = || TextIn {
                    lang: "zxx".to_owned(),
                    text: lesson.publisher.to_string(),
                };
                text_in(name, lesson, texts.lang).unwrap_or_else(unnamed)
            }),
            id,
        }
    }
}

/// How much of a lesson is here: `None` = nothing yet, `Some(100)` only when it is complete.
pub(crate) fn percent(state: &LessonView) -> Option<u8> {
    if state.complete {
        return Some(100);
    }
    let percent = (u128::from(state.held_bytes) * 100).checked_div(u128::from(state.total_bytes));
    (state.held_bytes > 0).then(|| percent.unwrap_or(0).min(99) as u8)
}

/// The address of a lesson's file.
pub(crate) fn file_href(file: &LessonFile) -> String {
    format!("/file/{}/{}", file.blake3, url::encode(file.name()))
}

/// The best text for the reader: the page's language, then the lesson's own, then any.
/// Serbian in Cyrillic is shown in Latin script to those who read Latin.
pub(crate) fn text_in(texts: &Localized, lesson: &Lesson, lang: Lang) -> Option<TextIn> {
    best_text(texts, &[&*lesson.language], lang)
}

/// The same for a text that has its own languages to fall back to.
pub(crate) fn best_text(texts: &Localized, own: &[&str], lang: Lang) -> Option<TextIn> {
    let wanted = lang.preferences().iter().chain(own);
    let exact = |tag: &str| {
        texts
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(tag))
    };
    let close = |tag: &str| texts.iter().find(|(have, _)| primary(have) == primary(tag));
    let (tag, text) = wanted
        .clone()
        .find_map(|tag| exact(tag))
        .filter(|(tag, _)| primary(tag) == primary(lang.tag()))
        .or_else(|| {
            wanted
                .clone()
                .find_map(|tag| exact(tag).or_else(|| close(tag)))
        })
        .or_else(|| texts.iter().next())?;
    Some(if lang == Lang::SrLatn && primary(tag) == "sr" {
        TextIn {
            lang: "sr-Latn".to_owned(),
            text: to_latin(text),
        }
    } else {
        TextIn {
            lang: tag.to_owned(),
            text: text.to_owned(),
        }
    })
}

/// The language part of a tag: `sr` of `sr-Latn`.
pub(crate) fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// A language named in itself; one we do not know keeps its tag.
pub(crate) fn language(tag: &str) -> Language {
    let name = match tag {
        "sr-Latn" => "Srpski",
        "sq" => "Shqip",
        "en" => "English",
        "tr" => "Türkçe",
        "bs" => "Bosanski",
        "rom" => "Romani",
        "hr" => "Hrvatski",
        _ if primary(tag) == "sr" => "Српски",
        _ => tag,
    };
    Language {
        tag: tag.to_owned(),
        name: name.to_owned(),
    }
}

/// A subject by its short form in the catalogue. One we have no words for keeps its id as its name.
pub(crate) fn subject(id: &str, texts: &Texts) -> Subject {
    let (key, art) = match id {
        "math" | "maths" | "mathematics" => ("mathematics", "mathematics"),
        "albanian" | "sq" => ("albanian", "albanian"),
        "serbian" | "sr" => ("serbian", "serbian"),
        "english" | "en" => ("english", "english"),
        "turkish" | "tr" => ("turkish", "language"),
        "bosnian" | "bs" => ("bosnian", "language"),
        "romani" | "rom" => ("romani", "language"),
        "language" => ("language", "language"),
        "reading" | "literature" => ("reading", "reading"),
        "nature" | "science" => ("nature", "nature"),
        "biology" | "bio" => ("biology", "nature"),
        "chemistry" | "chem" => ("chemistry", "chemistry"),
        "physics" | "phys" => ("physics", "physics"),
        "history" => ("history", "history"),
        "geography" | "geo" => ("geography", "geography"),
        "civics" | "society" => ("civics", "civics"),
        "music" => ("music", "music"),
        "art" => ("art", "art"),
        "sport" | "pe" => ("sport", "sport"),
        "computing" | "ict" | "informatics" => ("computing", "computing"),
        "health" => ("health", "health"),
        _ => ("", "other"),
    };
    let name = texts
        .find(&format!("subject-{key}"))
        .map_or_else(|| capital(id), Into::into);
    Subject { name, art }
}

fn capital(id: &str) -> String {
    let mut letters = id.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::testing::lesson;

    fn best(pairs: &[(&str, &str)], lang: Lang) -> (String, String) {
        let texts = Localized::from_pairs(pairs.iter().map(|&(lang, text)| (lang, text)));
        let text = text_in(&texts, &lesson("ministry/math-6-sq/fractions"), lang).unwrap();
        (text.lang, text.text)
    }

    #[test]
    fn texts_come_in_the_readers_language_then_the_lessons() {
        let pairs = [
            ("en", "Fractions"),
            ("sq", "Thyesat"),
            ("sr-Cyrl", "Разломци"),
        ];
        assert_eq!(best(&pairs, Lang::En), ("en".into(), "Fractions".into()));
        assert_eq!(
            best(&pairs, Lang::SrCyrl),
            ("sr-Cyrl".into(), "Разломци".into())
        );
        assert_eq!(
            best(&pairs, Lang::SrLatn),
            ("sr-Latn".into(), "Razlomci".into())
        );
        assert_eq!(
            best(&pairs[..2], Lang::SrCyrl),
            ("sq".into(), "Thyesat".into())
        );
        assert_eq!(
            best(&[("tr", "Kesirler")], Lang::SrLatn),
            ("tr".into(), "Kesirler".into())
        );
    }

    #[test]
    fn a_lesson_is_at_a_hundred_percent_only_when_complete() {
        let state = |held_bytes, complete| LessonView {
            lesson: lesson("ministry/math-6-sq/fractions"),
            publisher: None,
            followed: true,
            pinned: false,
            complete,
            held_bytes,
            total_bytes: 1000,
        };
        assert_eq!(percent(&state(0, false)), None);
        assert_eq!(percent(&state(1, false)), Some(0));
        assert_eq!(percent(&state(437, false)), Some(43));
        assert_eq!(percent(&state(1000, false)), Some(99));
        assert_eq!(percent(&state(1000, true)), Some(100));
    }

    #[test]
    fn subjects_are_named_in_the_pages_language() {
        assert_eq!(subject("math", Lang::Sq.texts()).name, "Matematikë");
        assert_eq!(subject("math", Lang::SrLatn.texts()).name, "Matematika");
        let unknown = subject("astronomy", Lang::En.texts());
        assert_eq!((unknown.name.as_str(), unknown.art), ("Astronomy", "other"));
    }
}
