//! Lesson coverage on a map of municipalities: a tile for each, at the end with names and shares, and some steps before.

use super::{
    answers::{everywhere_since, worst_place},
    country::{TILES, tile},
    duration, escape, percent,
    svg::Svg,
    table,
};
use crate::sim::outcome::{Coverage, Outcome};

const TILE: (f64, f64) = (80.0, 54.0);
const COLUMNS: usize = 9;
/// Lower bounds of the six colours.
const CLASSES: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 0.9995];

/// The section with the large map, the small ones before it, and the places with least in words.
pub(super) fn section(outcome: &Outcome) -> String {
    let coverage = &outcome.coverage;
    let Some(last) = coverage.t_s.len().checked_sub(1) else {
        return String::new();
    };
    let Some((worst, share)) = worst_place(outcome) else {
        return String::new();
    };
    let title = match everywhere_since(outcome) {
        Some(seconds) => format!(
            "After {} schools everywhere hold all lessons that they know of",
            duration(seconds as f64)
        ),
        None => format!(
            "{} has least: {} of what its schools keep",
            escape(worst),
            percent(share)
        ),
    };
    let label = format!(
        "Map of municipalities at the end; the least is {worst} with {}",
        percent(share)
    );
    // What comes after the last change of colour shows nothing new.
    let settled = coverage
        .t_s
        .iter()
        .position(|t| everywhere_since(outcome) == Some(*t));
    let steps: String = steps(settled.unwrap_or(last))
        .into_iter()
        .map(|at| {
            let when = format!("After {}", duration(coverage.t_s[at] as f64));
            let small = draw(coverage, at, Detail::Colours, &when);
            format!("<figure>{small}<figcaption>{when}</figcaption></figure>")
        })
        .collect();
    let steps = match steps.is_empty() {
        true => steps,
        false => format!("<h3>How it got there</h3><div class=\"steps\">{steps}</div>"),
    };
    format!(
        "<section><h2>{title}</h2><p class=\"quiet\">Share of the lessons that a school keeps, by the catalogue that it has, which are whole on its disk; the mean of a municipality's schools. Each tile is a municipality, about where it lies.</p>{}<figure class=\"wide\">{}</figure>{}{steps}</section>",
        legend(),
        draw(coverage, last, Detail::Names, &label),
        least(coverage, last),
    )
}

/// Some moments, evenly spread from the first one until before `end`.
fn steps(end: usize) -> Vec<usize> {
    const STEPS: usize = 6;
    let mut chosen: Vec<usize> = (0..STEPS).map(|step| end * step / STEPS).collect();
    chosen.dedup();
    chosen.retain(|at| *at < end);
    chosen
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Names,
    Colours,
}

fn draw(coverage: &Coverage, at: usize, detail: Detail, label: &str) -> String {
    let (placed, others): (Vec<_>, Vec<_>) = coverage
        .municipalities
        .iter()
        .partition(|(name, _)| tile(name).is_some());
    let country = !placed.is_empty();
    let rows = if country { 9 } else { 0 };
    let other_rows = others.len().div_ceil(COLUMNS);
    let height = (rows + other_rows) as f64 * TILE.1 + 4.0;
    let class = if detail == Detail::Names { "map" } else { "" };
    let mut svg = Svg::sized(COLUMNS as f64 * TILE.0 + 4.0, height, class, label);
    if country {
        for (number, (x, y, name)) in TILES.iter().enumerate() {
            let shares = placed
                .iter()
                .find(|(own, _)| tile(own) == Some(number))
                .map(|(_, shares)| shares);
            let share = shares.and_then(|shares| shares.get(at)).copied();
            one(
                &mut svg,
                (usize::from(*x), usize::from(*y)),
                name,
                share,
                detail,
            );
        }
    }
    for (number, (name, shares)) in others.iter().enumerate() {
        let place = (number % COLUMNS, rows + number / COLUMNS);
        one(&mut svg, place, name, shares.get(at).copied(), detail);
    }
    svg.finish()
}

fn one(svg: &mut Svg, place: (usize, usize), name: &str, share: Option<f64>, detail: Detail) {
    let (x, y) = (place.0 as f64 * TILE.0 + 2.0, place.1 as f64 * TILE.1 + 2.0);
    let class = share.map_or("none".to_owned(), |share| format!("c{}", class_of(share)));
    let said = share.map_or("not in this scenario".to_owned(), percent);
    svg.raw(&format!(
        "<g class=\"tile {class}\"><title>{}: {said}</title>",
        escape(name)
    ));
    svg.rect((x, y), TILE, "");
    if detail == Detail::Names {
        let middle = x + TILE.0 / 2.0;
        let lines = two_lines(name);
        let first = if lines.len() == 1 { y + 19.0 } else { y + 14.0 };
        for (at, line) in lines.iter().enumerate() {
            svg.text((middle, first + at as f64 * 13.0), "middle", "", line);
        }
        if let Some(share) = share {
            svg.text((middle, y + 45.0), "middle", "share", &short(share));
        }
    }
    svg.raw("</g>");
}

/// Long names on two lines.
fn two_lines(name: &str) -> Vec<&str> {
    match (name.len() > 12).then(|| name.split_once(' ')).flatten() {
        Some((first, rest)) => vec![first, rest],
        None => vec![name],
    }
}

/// A share in a tile: never rounded to all.
fn short(share: f64) -> String {
    match share * 100.0 {
        p if (99.5..100.0).contains(&p) => ">99 %".to_owned(),
        p if p > 0.0 && p < 0.5 => "<1 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

fn class_of(share: f64) -> usize {
    CLASSES
        .iter()
        .rposition(|least| share >= *least)
        .unwrap_or(0)
}

fn legend() -> String {
    let names = [
        "under 20 %",
        "20 to 40 %",
        "40 to 60 %",
        "60 to 80 %",
        "80 % and more",
        "all lessons",
    ];
    let item = |(at, name): (usize, &&str)| {
        format!(
            "<li><svg viewBox=\"0 0 24 16\" aria-hidden=\"true\"><g class=\"c{at}\"><rect width=\"24\" height=\"16\"/></g></svg>{name}</li>"
        )
    };
    let items: String = names.iter().enumerate().map(item).collect();
    format!("<ul class=\"legend\">{items}</ul>")
}

/// The municipalities with least, as a table for those who cannot read the map.
fn least(coverage: &Coverage, at: usize) -> String {
    const MOST: usize = 8;
    let mut places: Vec<(&String, f64)> = coverage
        .municipalities
        .iter()
        .filter_map(|(name, shares)| Some((name, *shares.get(at)?)))
        .collect();
    places.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(b.0)));
    if places
        .first()
        .is_none_or(|(_, share)| class_of(*share) == CLASSES.len() - 1)
    {
        return String::new();
    }
    let rows: Vec<Vec<String>> = places
        .iter()
        .take(MOST)
        .map(|(name, share)| vec![escape(name), percent(*share)])
        .collect();
    let all = match places.len() > MOST {
        true => format!(
            "<p class=\"quiet\">The others have {} and more.</p>",
            percent(places[MOST].1)
        ),
        false => String::new(),
    };
    format!(
        "<h3>Where least is at the end</h3>{}{all}",
        table(&["Municipality", "Lessons held"], &rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_lessons_get_the_last_colour() {
        assert_eq!(class_of(1.0), 5);
        assert_eq!(class_of(0.999), 4);
        assert_eq!(class_of(0.2), 1);
        assert_eq!(class_of(0.0), 0);
        assert_eq!(short(0.999), ">99 %");
    }

    #[test]
    fn steps_lie_before_the_end() {
        assert_eq!(steps(90), [0, 15, 30, 45, 60, 75]);
        assert_eq!(steps(2), [0, 1]);
        assert!(steps(0).is_empty());
    }
}
