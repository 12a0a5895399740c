//! Numbers as people read them.

/// `40 minutes`, `3 hours`, `2.5 days`.
pub(crate) fn duration(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3_600.0;
    const DAY: f64 = 86_400.0;
    let (value, one, many) = match seconds {
        s if s < 1.5 * MINUTE => (s, "second", "seconds"),
        s if s < HOUR => (s / MINUTE, "minute", "minutes"),
        s if s < 2.0 * DAY => (s / HOUR, "hour", "hours"),
        s => (s / DAY, "day", "days"),
    };
    let rounded = match value {
        v if v >= 10.0 => format!("{v:.0}"),
        v => format!("{v:.1}").trim_end_matches(".0").to_owned(),
    };
    let unit = if rounded == "1" { one } else { many };
    format!("{rounded} {unit}")
}

/// `1.4 TB`, `20 GB`, `512 kB`: decimal units, as on disks and bills.
pub(crate) fn bytes(count: f64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (count, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let digits = match value {
        v if unit == 0 || v >= 10.0 => format!("{v:.0}"),
        v => format!("{v:.1}"),
    };
    format!("{digits} {}", units[unit])
}

/// A share as `97 %`; what is not all is never called 100 %, what is not nothing never 0 %.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p > 0.0 && p < 0.5 => "under 1 %".to_owned(),
        p if (99.5..100.0).contains(&p) => "over 99 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

/// `345 000`, with thin spaces.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 rule was`, `3 rules were`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", thousands(number))
}

/// A file's name as a heading: `flood-zone` is `Flood zone`.
pub(super) fn title(name: &str) -> String {
    let name = name.replace(['-', '_'], " ");
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "A simulation".to_owned(),
    }
}

/// How lessons and records travelled.
pub(super) fn variant(name: &str) -> &str {
    match name {
        "" | "mesh" => "the mesh",
        "central" => "a central server only",
        "sticks" => "sticks only",
        "single-source" => "whole files from one neighbour",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_people_would_choose() {
        for (seconds, text) in [
            (0.0, "0 seconds"),
            (1.0, "1 second"),
            (89.0, "89 seconds"),
            (150.0, "2.5 minutes"),
            (5_400.0, "1.5 hours"),
            (3_600.0, "1 hour"),
            (90_000.0, "25 hours"),
            (216_000.0, "2.5 days"),
            (864_000.0, "10 days"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.9999), "over 99 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.0001), "under 1 %");
        assert_eq!(percent(0.976), "98 %");
    }

    #[test]
    fn bytes_and_counts_are_grouped() {
        assert_eq!(bytes(1.4e12), "1.4 TB");
        assert_eq!(bytes(999_700.0), "1.0 MB");
        assert_eq!(bytes(12.0), "12 bytes");
        assert_eq!(thousands(345_000), "345\u{202f}000");
        assert_eq!(thousands(14), "14");
        assert_eq!(count(1, "rule was", "rules were"), "1 rule was");
    }
}
