//! Figures in words that people use: ages, lengths, sizes.

use std::borrow::Cow;

use pishtar_signing::metadata::format_utc;

use super::locale::{Lang, Texts};
use crate::handle::status::Age;

/// How long ago a catalogue was checked, in words.
pub(crate) fn checked(texts: &Texts, age: Age) -> Cow<'_, str> {
    match age {
        Age::Never => texts.get("checked-never"),
        Age::Unknown => texts.get("checked-unknown"),
        Age::Seconds(0..60) => texts.get("checked-now"),
        Age::Seconds(age @ 60..3_600) => texts.count("checked-minutes", age / 60),
        Age::Seconds(age @ 3_600..172_800) => texts.count("checked-hours", age / 3_600),
        Age::Seconds(age) => texts.count("checked-days", age / 86_400),
    }
}

/// The day of a time in Unix seconds: `2026-11-23` in English, `23.11.2026` elsewhere.
pub(crate) fn date(texts: &Texts, seconds: i64) -> String {
    let written = format_utc(seconds);
    let day = written.split('T').next().unwrap_or_default();
    if texts.lang == Lang::En {
        return day.to_owned();
    }
    let parts: Vec<&str> = day
        .split('-')
        .rev()
        .map(|part| part.trim_start_matches('0'))
        .collect();
    parts.join(".")
}

/// A playing time as `4:05` or `1:02:33`; empty for a lesson without one.
pub(crate) fn clock(seconds: u32) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, 0, 0) => String::new(),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A size in decimal units, as disks and sticks are sold: `980 B`, `1,4 GB`.
pub(crate) fn size(texts: &Texts, bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    let number = format!("{value:.digits$}");
    let number = number
        .trim_end_matches(".0")
        .replace('.', &texts.lang.decimal().to_string());
    format!("{number} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let say = |lang: Lang, age| checked(lang.texts(), Age::Seconds(age)).into_owned();
        assert_eq!(say(Lang::En, 5), "checked just now");
        assert_eq!(say(Lang::En, 3 * 60 + 20), "checked 3 minutes ago");
        assert_eq!(say(Lang::Sq, 3 * 60), "kontrolluar 3 minuta më parë");
        assert_eq!(say(Lang::SrCyrl, 21 * 60), "проверено пре 21 минут");
        assert_eq!(say(Lang::SrLatn, 4 * 3600), "provereno pre 4 sata");
        assert_eq!(say(Lang::En, 47 * 3600), "checked 47 hours ago");
        assert_eq!(say(Lang::En, 41 * 86_400), "checked 41 days ago");
        assert_eq!(say(Lang::SrCyrl, 41 * 86_400), "проверено пре 41 дан");
        assert_eq!(checked(Lang::En.texts(), Age::Never), "never checked");
    }

    #[test]
    fn days() {
        assert_eq!(date(Lang::En.texts(), 0), "1970-01-01");
        assert_eq!(date(Lang::Sq.texts(), 1_795_464_000), "23.11.2026");
        assert_eq!(date(Lang::SrCyrl.texts(), 4_102_444_800), "1.1.2100");
    }

    #[test]
    fn playing_times() {
        assert_eq!(clock(0), "");
        assert_eq!(clock(9), "0:09");
        assert_eq!(clock(245), "4:05");
        assert_eq!(clock(3753), "1:02:33");
    }

    #[test]
    fn sizes() {
        let say = |bytes| size(Lang::Sq.texts(), bytes);
        assert_eq!(say(0), "0 B");
        assert_eq!(say(980), "980 B");
        assert_eq!(say(32_480), "32,5 kB");
        assert_eq!(say(999_999), "1 MB");
        assert_eq!(say(100_000_000), "100 MB");
        assert_eq!(size(Lang::En.texts(), 1_400_000_000), "1.4 GB");
    }
}
