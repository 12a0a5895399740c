//! The pages' languages: which one a request gets, and the words in it.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use pishtar_mesh::people::to_latin;
use unic_langid::LanguageIdentifier;

/// A language (and script) the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lang {
    /// Albanian.
    Sq,
    /// Serbian in Cyrillic.
    SrCyrl,
    /// Serbian in Latin script, transliterated from the Cyrillic file.
    SrLatn,
    /// English.
    En,
}

impl Lang {
    /// Every language, in the order the pages offer them.
    pub(crate) const ALL: [Lang; 4] = [Lang::Sq, Lang::SrCyrl, Lang::SrLatn, Lang::En];

    /// BCP-47 tag for the `lang` attribute, the cookie and `?lang=`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Lang::Sq => "sq",
            Lang::SrCyrl => "sr",
            Lang::SrLatn => "sr-Latn",
            Lang::En => "en",
        }
    }

    /// The language's name in itself.
    pub(crate) fn autonym(self) -> &'static str {
        match self {
            Lang::Sq => "Shqip",
            Lang::SrCyrl => "Српски",
            Lang::SrLatn => "Srpski",
            Lang::En => "English",
        }
    }

    /// Tags to try, best first, when a lesson's text exists in several languages.
    pub(crate) fn preferences(self) -> &'static [&'static str] {
        match self {
            Lang::Sq => &["sq"],
            Lang::SrCyrl => &["sr", "sr-Cyrl", "sr-Latn"],
            Lang::SrLatn => &["sr-Latn", "sr", "sr-Cyrl"],
            Lang::En => &["en"],
        }
    }

    /// Decimal separator of the language.
    pub(crate) fn decimal(self) -> char {
        if self == Lang::En { '.' } else { ',' }
    }

    /// The language that a BCP-47 tag (any case, any region) asks for, if the pages have it.
    /// Bosnian, Croatian and Montenegrin readers get Serbian in Latin script.
    pub(crate) fn from_tag(tag: &str) -> Option<Lang> {
        let tag = tag.trim().to_ascii_lowercase();
        let mut parts = tag.split('-');
        match parts.next()? {
            "sq" => Some(Lang::Sq),
            "en" => Some(Lang::En),
            "sr" if parts.any(|part| part == "latn") => Some(Lang::SrLatn),
            "sr" => Some(Lang::SrCyrl),
            "bs" | "hr" | "cnr" | "sh" => Some(Lang::SrLatn),
            _ => None,
        }
    }

    /// The best language for an `Accept-Language` header (RFC 9110, 12.5.4).
    pub(crate) fn from_accept(header: &str) -> Option<Lang> {
        let mut best: Option<(u16, Lang)> = None;
        for item in header.split(',').take(32) {
            let (tag, rest) = item.split_once(';').unwrap_or((item, ""));
            let weight = quality_permille(rest);
            let Some(lang) = Lang::from_tag(tag).filter(|_| weight > 0) else {
                continue;
            };
            if best.is_none_or(|(other, _)| weight > other) {
                best = Some((weight, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }

    /// What a request gets: `?lang=`, else the cookie, else the browser's wish, else Albanian.
    pub(crate) fn choose(query: Option<&str>, cookie: Option<&str>, accept: Option<&str>) -> Lang {
        query
            .and_then(Lang::from_tag)
            .or_else(|| cookie.and_then(Lang::from_tag))
            .or_else(|| accept.and_then(Lang::from_accept))
            .unwrap_or(Lang::Sq)
    }

    /// The words of this language.
    pub(crate) fn texts(self) -> &'static Texts {
        let [sq, sr_cyrl, sr_latn, en] = &*TEXTS;
        match self {
            Lang::Sq => sq,
            Lang::SrCyrl => sr_cyrl,
            Lang::SrLatn => sr_latn,
            Lang::En => en,
        }
    }
}

/// `;q=0.7` as 700; absent or unreadable as 1000.
fn quality_permille(parameters: &str) -> u16 {
    let value = parameters
        .split(';')
        .find_map(|p| p.trim().strip_prefix("q="));
    let quality = value
        .and_then(|v| v.trim().parse::<f32>().ok())
        .unwrap_or(1.0);
    (quality.clamp(0.0, 1.0) * 1000.0) as u16
}

static TEXTS: LazyLock<[Texts; 4]> = LazyLock::new(|| Lang::ALL.map(Texts::load));

const SQ: &str = include_str!("../../locales/sq.ftl");
const SR: &str = include_str!("../../locales/sr.ftl");
const EN: &str = include_str!("../../locales/en.ftl");

/// The Fluent source of a language.
fn source(lang: Lang) -> Cow<'static, str> {
    match lang {
        Lang::Sq => Cow::Borrowed(SQ),
        Lang::SrCyrl => Cow::Borrowed(SR),
        // Keys, variables and plural names are ASCII, so the whole file can be transliterated.
        Lang::SrLatn => Cow::Owned(to_latin(SR)),
        Lang::En => Cow::Borrowed(EN),
    }
}

/// The words of one language. A test keeps the keys of all languages equal.
pub(crate) struct Texts {
    /// Which language this is.
    pub(crate) lang: Lang,
    bundle: FluentBundle<Arc<FluentResource>>,
}

impl Texts {
    fn load(lang: Lang) -> Texts {
        let id: LanguageIdentifier = lang.tag().parse().expect("the tags of Lang are BCP-47");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Isolation marks around every value would end up in titles and copied text.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match lang {
            Lang::Sq => |value, _| grouped(value, "\u{a0}"),
            Lang::SrCyrl | Lang::SrLatn => |value, _| grouped(value, "."),
            Lang::En => |value, _| grouped(value, ","),
        }));
        let resource = FluentResource::try_new(source(lang).into_owned())
            .unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(Arc::new(resource));
        Texts { lang, bundle }
    }

    /// The words under `key`.
    pub(crate) fn get(&self, key: &str) -> Cow<'_, str> {
        self.format(key, None)
    }

    /// The words under `key`, if the language has them.
    pub(crate) fn find(&self, key: &str) -> Option<Cow<'_, str>> {
        self.bundle.has_message(key).then(|| self.get(key))
    }

    /// The words under `key` for a number of things, in the right plural form; fills `$count`.
    pub(crate) fn count(&self, key: &str, count: impl Figure) -> Cow<'_, str> {
        self.number(key, "count", count)
    }

    /// The words under `key` with one number in them.
    pub(crate) fn number(&self, key: &str, name: &'static str, value: impl Figure) -> Cow<'_, str> {
        self.with(key, &[(name, FluentValue::from(value.figure()))])
    }

    /// The words under `key` with one text in them.
    pub(crate) fn text(&self, key: &str, name: &'static str, value: &str) -> Cow<'_, str> {
        self.with(key, &[(name, FluentValue::from(value.to_owned()))])
    }

    /// The words under `key` with `values` in them.
    pub(crate) fn with(
        &self,
        key: &str,
        values: &[(&'static str, FluentValue<'static>)],
    ) -> Cow<'_, str> {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, value.clone());
        }
        self.format(key, Some(&args))
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Cow<'_, str> {
        let Some(pattern) = self
            .bundle
            .get_message(key)
            .and_then(|message| message.value())
        else {
            return Cow::Owned(key.to_owned());
        };
        let text = self.bundle.format_pattern(pattern, args, &mut Vec::new());
        Cow::Owned(text.into_owned())
    }
}

/// A whole number from 1,000 up with its thousands apart; anything else is left to Fluent.
fn grouped(value: &FluentValue<'_>, separator: &str) -> Option<String> {
    let FluentValue::Number(number) = value else {
        return None;
    };
    if number.value < 1000.0 || number.value.fract() != 0.0 {
        return None;
    }
    let digits = (number.value as u64).to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    Some(groups.join(separator))
}

/// A number of things that a sentence speaks of; templates hand references over.
pub(crate) trait Figure {
    /// The number as Fluent counts: in `f64`, exact up to 2^53, far above any figure on a page.
    fn figure(&self) -> f64;
}

impl Figure for u8 {
    fn figure(&self) -> f64 {
        f64::from(*self)
    }
}

impl Figure for u32 {
    fn figure(&self) -> f64 {
        f64::from(*self)
    }
}

impl Figure for u64 {
    fn figure(&self) -> f64 {
        *self as f64
    }
}

impl Figure for usize {
    fn figure(&self) -> f64 {
        *self as f64
    }
}

impl<F: Figure> Figure for &F {
    fn figure(&self) -> f64 {
        (**self).figure()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Key -> the variables its text uses.
    fn keys(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
        let text = source(lang).into_owned();
        FluentResource::try_new(text.clone()).unwrap_or_else(|(_, errors)| {
            panic!("{}.ftl does not parse: {errors:?}", lang.tag());
        });
        let mut found = BTreeMap::<String, BTreeSet<String>>::new();
        let mut current = String::new();
        for line in text.lines() {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                current = line.split('=').next().unwrap().trim().to_owned();
                assert!(
                    found.insert(current.clone(), BTreeSet::new()).is_none(),
                    "{}.ftl has `{current}` twice",
                    lang.tag()
                );
            }
            for part in line.split('$').skip(1) {
                let name = part
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .next()
                    .unwrap();
                found.get_mut(&current).unwrap().insert(name.to_owned());
            }
        }
        found
    }

    #[test]
    fn every_language_has_the_same_keys_and_variables() {
        let english = keys(Lang::En);
        assert!(english.len() > 100);
        for lang in Lang::ALL {
            assert_eq!(
                keys(lang),
                english,
                "{}.ftl differs from en.ftl",
                lang.tag()
            );
        }
    }

    #[test]
    fn every_key_that_templates_and_code_use_exists() {
        let english = keys(Lang::En);
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut used = BTreeSet::new();
        for folder in ["templates", "src/web"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() || path.ends_with("locale.rs") {
                    continue;
                }
                let text = std::fs::read_to_string(path).unwrap();
                for call in [".get(\"", ".count(\"", ".text(\"", ".number(\"", ".with(\""] {
                    for part in text.split(call).skip(1) {
                        used.insert(part.split('"').next().unwrap().to_owned());
                    }
                }
            }
        }
        used.retain(|key| key.contains('-') && key.is_ascii() && !key.contains('/'));
        let headers = [
            "accept-language",
            "sec-fetch-site",
            "x-content-type-options",
        ];
        used.retain(|key| !headers.contains(&key.as_str()));
        let missing: Vec<_> = used
            .iter()
            .filter(|key| !english.contains_key(*key))
            .collect();
        assert!(missing.is_empty(), "not in en.ftl: {missing:?}");
        assert!(
            used.len() > 60,
            "the search for used keys found only {}",
            used.len()
        );
    }

    #[test]
    fn no_word_mixes_two_scripts() {
        for lang in Lang::ALL {
            for word in source(lang).split(|c: char| !c.is_alphabetic()) {
                let cyrillic = word.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
                let latin = word.chars().any(|c| c.is_ascii_alphabetic());
                assert!(!(cyrillic && latin), "{}.ftl: {word:?}", lang.tag());
                assert!(
                    lang == Lang::SrCyrl || !cyrillic,
                    "{}.ftl: {word:?}",
                    lang.tag()
                );
            }
        }
    }

    #[test]
    fn plurals_follow_the_language() {
        let words = |lang: Lang| {
            [1_u64, 2, 5, 21].map(|n| lang.texts().count("count-lessons", n).into_owned())
        };
        assert_eq!(
            words(Lang::En),
            ["1 lesson", "2 lessons", "5 lessons", "21 lessons"]
        );
        assert_eq!(
            words(Lang::Sq),
            ["1 mësim", "2 mësime", "5 mësime", "21 mësime"]
        );
        assert_eq!(
            words(Lang::SrCyrl),
            ["1 лекција", "2 лекције", "5 лекција", "21 лекција"]
        );
        assert_eq!(
            words(Lang::SrLatn),
            ["1 lekcija", "2 lekcije", "5 lekcija", "21 lekcija"]
        );
    }

    #[test]
    fn thousands_stand_apart() {
        let known = |lang: Lang, n: u64| lang.texts().count("status-lessons-known", n).into_owned();
        assert_eq!(
            known(Lang::En, 14_000),
            "The catalogue knows 14,000 lessons."
        );
        assert_eq!(
            known(Lang::Sq, 1_234_567),
            "Katalogu njeh 1\u{a0}234\u{a0}567 mësime."
        );
        assert_eq!(known(Lang::SrLatn, 1_001), "Katalog zna za 1.001 lekciju.");
        assert_eq!(known(Lang::En, 999), "The catalogue knows 999 lessons.");
    }

    #[test]
    fn a_request_gets_the_language_it_asks_for() {
        let accept = Some("de-DE,de;q=0.9,sr-Latn-RS;q=0.8,en;q=0.5");
        assert_eq!(Lang::choose(Some("sr"), Some("en"), accept), Lang::SrCyrl);
        assert_eq!(Lang::choose(Some("xx"), Some("en"), accept), Lang::En);
        assert_eq!(Lang::choose(None, None, accept), Lang::SrLatn);
        assert_eq!(
            Lang::choose(None, None, Some("en;q=0.1, SQ-XK;q=0.3")),
            Lang::Sq
        );
        assert_eq!(Lang::choose(None, None, Some("en;q=0, de")), Lang::Sq);
        assert_eq!(Lang::choose(None, None, None), Lang::Sq);
    }
}
