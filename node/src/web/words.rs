//! Figures in words that people use: ages, lengths, sizes.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use super::locale::Texts;

/// The system clock in Unix seconds; 0 where it stands before 1970.
pub(crate) fn now() -> i64 {
    let age = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

/// How long ago a catalogue was checked, in words. Both times in Unix seconds; a clock that runs
/// behind the check says "just now", never an age below zero.
pub(crate) fn checked(texts: &Texts, checked_at: Option<i64>, now: i64) -> Cow<'_, str> {
    let Some(at) = checked_at else {
        return texts.get("checked-never");
    };
    let seconds = u64::try_from(now.saturating_sub(at)).unwrap_or(0);
    match seconds {
        0..60 => texts.get("checked-now"),
        60..3_600 => texts.count("checked-minutes", seconds / 60),
        3_600..172_800 => texts.count("checked-hours", seconds / 3_600),
        _ => texts.count("checked-days", seconds / 86_400),
    }
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
    use crate::web::locale::Lang;

    #[test]
    fn ages() {
        let now = 1_800_000_000;
        let say = |lang: Lang, age: i64| checked(lang.texts(), Some(now - age), now).into_owned();
        assert_eq!(say(Lang::En, 5), "checked just now");
        assert_eq!(say(Lang::En, -500), "checked just now");
        assert_eq!(say(Lang::En, 3 * 60 + 20), "checked 3 minutes ago");
        assert_eq!(say(Lang::Sq, 3 * 60), "kontrolluar 3 minuta më parë");
        assert_eq!(say(Lang::SrCyrl, 21 * 60), "проверено пре 21 минут");
        assert_eq!(say(Lang::SrLatn, 4 * 3600), "provereno pre 4 sata");
        assert_eq!(say(Lang::En, 47 * 3600), "checked 47 hours ago");
        assert_eq!(say(Lang::En, 41 * 86_400), "checked 41 days ago");
        assert_eq!(say(Lang::SrCyrl, 41 * 86_400), "проверено пре 41 дан");
        assert_eq!(checked(Lang::En.texts(), None, now), "never checked");
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
