//! The plots: age of the catalogue, delays, links, disks, couriers. Each heading says what the plot shows.

use super::{
    bytes, duration, escape, percent,
    svg::{Svg, Unit, WIDTH, day_axes, lying_bars},
    words,
};
use crate::sim::outcome::{Delay, Outcome};

const DAY_S: f64 = 86_400.0;
const HEIGHT: f64 = 300.0;

/// Age of the catalogue over time, as bands over all devices.
pub(super) fn catalogue_age(outcome: &Outcome) -> String {
    let age = &outcome.catalogue_age;
    let most = age.max.iter().copied().fold(0.0, f64::max);
    let Some(&last) = age.t_s.last() else {
        return String::new();
    };
    let unit = time_unit(most);
    let label = format!(
        "Age of the catalogue over {} days; the oldest is {}",
        last as f64 / DAY_S,
        duration(most)
    );
    let mut svg = Svg::new(HEIGHT, &label);
    let (across, up) = day_axes(&mut svg, last as f64 / DAY_S, most, unit);
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        let times = age.t_s.iter().map(|t| across.at(*t as f64 / DAY_S));
        times
            .zip(values.iter().map(|value| up.at(*value)))
            .collect()
    };
    svg.area(&points(&age.p10), &points(&age.p90), "band");
    svg.line(&points(&age.max), "third");
    svg.line(&points(&age.p50), "main");
    let keys = [
        ("band", "eight of ten devices"),
        ("main", "the device in the middle"),
        ("third", "the oldest"),
    ];
    figure(
        &format!(
            "How far behind the newest catalogue devices are: {} at most",
            duration(most)
        ),
        "Time since the ministry published the first version that a device does not have yet; 0 where it has the newest.",
        &(legend(&keys) + &svg.finish()),
    )
}

/// How long lessons took to be whole at the schools that keep them.
pub(super) fn lesson_delay(outcome: &Outcome) -> String {
    let delay = &outcome.lesson_delay_s;
    delays(
        delay,
        &format!(
            "Nine of ten lessons are at school within {}",
            duration(delay.p90 as f64)
        ),
        "From the ministry's publication until a school that keeps the lesson holds all of it; one for each school and lesson.",
        "never in this time",
    )
}

/// How long records took to the ministry.
pub(super) fn progress_delay(outcome: &Outcome) -> String {
    let delay = &outcome.progress_delay_s;
    delays(
        delay,
        &format!(
            "Nine of ten records of progress are at the ministry within {}",
            duration(delay.p90 as f64)
        ),
        "From the moment in which the learner's page said \u{201c}saved\u{201d} until the ministry's collector counted the record.",
        "still on their way",
    )
}

fn delays(delay: &Delay, title: &str, what: &str, missing: &str) -> String {
    let all = delay.count + delay.pending;
    if delay.count == 0 {
        return String::new();
    }
    let share = |count: u64| count as f64 / all as f64;
    let mut bars: Vec<(String, f64, String)> = delay
        .histogram
        .iter()
        .map(|(bound, count)| {
            (
                format!("up to {}", duration(*bound as f64)),
                share(*count),
                percent(share(*count)),
            )
        })
        .collect();
    while bars.last().is_some_and(|(_, value, _)| *value == 0.0) {
        bars.pop();
    }
    let first = bars
        .iter()
        .position(|(_, value, _)| *value > 0.0)
        .unwrap_or(0);
    bars.drain(..first);
    let late_from = bars.len();
    if delay.pending > 0 {
        bars.push((
            missing.to_owned(),
            share(delay.pending),
            percent(share(delay.pending)),
        ));
    }
    figure(title, what, &lying_bars(title, &bars, |at| at >= late_from))
}

/// Bytes by kind of link.
pub(super) fn links(outcome: &Outcome) -> String {
    let total: u64 = outcome.bytes_by_link_kind.values().sum();
    if total == 0 {
        return String::new();
    }
    let mut kinds: Vec<(&String, u64)> = outcome
        .bytes_by_link_kind
        .iter()
        .map(|(kind, count)| (kind, *count))
        .collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let bar = |(kind, count): &(&String, u64)| {
        let share = percent(*count as f64 / total as f64);
        (
            link_name(kind),
            *count as f64,
            format!("{} ({share})", bytes(*count as f64)),
        )
    };
    let bars: Vec<_> = kinds.iter().map(bar).collect();
    let wan = outcome.bytes_by_link_kind.get("wan").copied().unwrap_or(0);
    let title = match wan {
        0 => format!("{} moved without the internet", bytes(total as f64)),
        wan => format!(
            "{} of {} came over the internet",
            percent(wan as f64 / total as f64),
            bytes(total as f64)
        ),
    };
    figure(
        &title,
        "Bytes of lessons, catalogues and records by the kind of link that carried them.",
        &lying_bars(&title, &bars, |_| false),
    )
}

pub(crate) fn link_name(kind: &str) -> String {
    match kind {
        "wan" => "internet".to_owned(),
        "lan" => "Wi-Fi in the building".to_owned(),
        "stick" => "sticks".to_owned(),
        other => other.replace(['_', '-'], " "),
    }
}

/// Bytes on disks over time.
pub(super) fn storage(outcome: &Outcome) -> String {
    let storage = &outcome.storage;
    let most = storage.max.iter().copied().max().unwrap_or(0) as f64;
    let Some(&last) = storage.t_s.last() else {
        return String::new();
    };
    let unit = byte_unit(most);
    let title = format!("Lessons take {} on the fullest disk", bytes(most));
    let mut svg = Svg::new(HEIGHT, &title);
    let (across, up) = day_axes(&mut svg, last as f64 / DAY_S, most, unit);
    let mut line = |values: &[u64], class| {
        let times = storage.t_s.iter().map(|t| across.at(*t as f64 / DAY_S));
        let points: Vec<_> = times
            .zip(values.iter().map(|value| up.at(*value as f64)))
            .collect();
        svg.line(&points, class);
    };
    line(&storage.max, "third");
    line(&storage.p90, "second");
    line(&storage.p50, "main");
    let keys = [
        ("main", "the device in the middle"),
        ("second", "nine of ten have less"),
        ("third", "the fullest"),
    ];
    figure(
        &title,
        "Bytes of lessons on the disks of all devices over time.",
        &(legend(&keys) + &svg.finish()),
    )
}

/// What each courier carried.
pub(super) fn couriers(outcome: &Outcome) -> String {
    /// More are summed up in the sentence above.
    const MOST: usize = 20;
    if outcome.couriers.is_empty() {
        return String::new();
    }
    let mut couriers: Vec<_> = outcome.couriers.iter().collect();
    couriers.sort_by_key(|courier| (std::cmp::Reverse(courier.bytes), courier.id.clone()));
    let bar = |courier: &&crate::sim::outcome::Courier| {
        let text = format!(
            "{}, {}",
            bytes(courier.bytes as f64),
            words::count(courier.trips, "visit", "visits")
        );
        (courier.id.clone(), courier.bytes as f64, text)
    };
    let bars: Vec<_> = couriers.iter().take(MOST).map(bar).collect();
    let days = outcome.simulated_days.max(1.0);
    let busiest = couriers[0];
    let title = format!(
        "The busiest courier carries {} a day",
        bytes(busiest.bytes as f64 / days)
    );
    let what = match couriers.len() > MOST {
        true => format!(
            "The {MOST} busiest of {}; bytes put on and taken off their sticks.",
            couriers.len()
        ),
        false => "Bytes put on and taken off their sticks.".to_owned(),
    };
    figure(&title, &what, &lying_bars(&title, &bars, |_| false))
}

fn figure(title: &str, what: &str, drawing: &str) -> String {
    format!(
        "<section><h2>{}</h2><figure>{drawing}<figcaption>{}</figcaption></figure></section>",
        escape(title),
        escape(what)
    )
}

fn legend(keys: &[(&str, &str)]) -> String {
    let sample = |class: &str| match class {
        "band" => "<rect width=\"24\" height=\"16\" class=\"band\"/>".to_owned(),
        other => format!("<path d=\"M0 8L24 8\" class=\"{other}\"/>"),
    };
    let item = |(class, name): &(&str, &str)| {
        format!(
            "<li><svg viewBox=\"0 0 24 16\" aria-hidden=\"true\">{}</svg>{name}</li>",
            sample(class)
        )
    };
    let items: String = keys.iter().map(item).collect();
    format!("<ul class=\"legend\">{items}</ul>")
}

fn time_unit(most: f64) -> Unit {
    match most {
        m if m < 7_200.0 => Unit {
            per: 60.0,
            name: "minutes",
        },
        m if m < 2.0 * DAY_S => Unit {
            per: 3_600.0,
            name: "hours",
        },
        _ => Unit {
            per: DAY_S,
            name: "days",
        },
    }
}

fn byte_unit(most: f64) -> Unit {
    match most {
        m if m < 2e9 => Unit {
            per: 1e6,
            name: "MB",
        },
        m if m < 2e12 => Unit {
            per: 1e9,
            name: "GB",
        },
        _ => Unit {
            per: 1e12,
            name: "TB",
        },
    }
}

/// Drawings never get wider than the page.
const _: () = assert!(WIDTH <= 896.0);
