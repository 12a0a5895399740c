//! The set-ups in the simulator: the same numbers in a scenario, the times out of its journal.

use std::sync::Arc;

use pishtar_mesh::{Event, Hint};

use super::{CATALOGUE, HINT, Measured, RECORD, Setup, Transfer, median, transfer_name};
use crate::sim::{
    SECOND,
    editions::Editions,
    scenario::{Scenario, ScenarioError},
    world::{Journal, Line, Options, Part, Said, World},
};

/// Seeds of which the median counts where a single message is measured.
const SEEDS: u64 = 3;
/// Second in which the measured edition is published.
const PUBLISHED_S: u64 = 3_600;

/// Measures every quantity of the set-up in the simulator.
///
/// # Errors
/// A sentence that names what did not happen in the simulated world.
pub fn measure_model(setup: &Setup) -> Result<Measured, String> {
    let mut measured = Measured::new();
    for transfer in &setup.transfers {
        let lines = run(&room(setup, transfer), 1)?;
        let time = lesson(&lines, transfer.receivers)?;
        measured.insert(transfer_name(transfer.receivers), time);
    }
    let (mut hints, mut catalogues, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=SEEDS {
        let lines = run(&far(setup), seed)?;
        hints.extend(hint(&lines)?);
        catalogues.push(catalogue(&lines)?);
        records.push(record(&lines)?);
    }
    for (name, times) in [(HINT, hints), (CATALOGUE, catalogues), (RECORD, records)] {
        measured.insert(name.to_owned(), median(times));
    }
    Ok(measured)
}

/// A room with the ministry's node at its access point, where one lesson is published after an hour.
fn room(setup: &Setup, transfer: &Transfer) -> String {
    let receivers = transfer.receivers;
    scenario(
        receivers,
        transfer.lesson_bytes,
        setup.air_mbit,
        setup.delay[0].as_millis(),
        0,
    )
}

/// A room in which every frame takes long, and air is no limit.
fn far(setup: &Setup) -> String {
    scenario(
        setup.far_receivers,
        2_000,
        10_000,
        setup.delay[1].as_millis(),
        1_000,
    )
}

fn scenario(homes: usize, bytes: u64, air_mbit: u64, air_delay_ms: u128, records: u32) -> String {
    // Learners work in the day; lessons are published after an hour.
    let hours = if records > 0 { 16 } else { 2 };
    format!(
        r#"
name = "calibration"
hours = {hours}

[lessons]
grades = 1
subjects = 1
languages = ["en"]
per_course = 1
bytes = {bytes}
edition_every_h = 1
added = 1

[ministry]
in_class = true

[[municipality]]
name = "A room"
schools = 0
learners = {homes}
homes = {homes}

[school]
air_mbit = {air_mbit}
air_delay_ms = {air_delay_ms}
neighbours = 64

[home]
follow = ["all"]
stays = true

[records]
a_day_per_mille = {records}
home_per_mille = 1000
sealed = true
real_exchange = true
"#
    )
}

fn run(text: &str, seed: u64) -> Result<Vec<Line>, String> {
    let scenario = Scenario::parse(text).map_err(|error: ScenarioError| error.to_string())?;
    let scenario = Arc::new(scenario);
    let editions = Arc::new(Editions::new(&scenario, seed));
    let journal = Journal::default();
    let options = Options {
        journal: Some(journal.clone()),
        ..Options::default()
    };
    let part = Part {
        municipalities: vec![0],
        share_per_mille: 1_000,
    };
    World::new(&scenario, &editions, &part, seed, options).run();
    Ok(journal.lines())
}

/// Times of what these hosts said since the second edition was published, in seconds.
fn times(
    lines: &[Line],
    hosts: std::ops::Range<u32>,
    said: impl Fn(&Said) -> bool,
) -> Vec<(u32, f64)> {
    let since = lines.iter().filter(|line| line.at >= PUBLISHED_S * SECOND);
    since
        .filter(|line| hosts.contains(&line.host) && said(&line.said))
        .map(|line| (line.host, line.at as f64 / SECOND as f64))
        .collect()
}

fn first(what: &str, times: &[(u32, f64)]) -> Result<f64, String> {
    let found = times.first().map(|(_, time)| *time);
    found.ok_or_else(|| format!("{what} did not happen in the simulated world"))
}

fn installed(said: &Said) -> bool {
    matches!(said, Said::Event(Event::CatalogInstalled { .. }))
}

/// The ministry's node has the new catalogue.
fn began(lines: &[Line]) -> Result<f64, String> {
    first("a second edition", &times(lines, 0..1, installed))
}

fn lesson(lines: &[Line], receivers: usize) -> Result<f64, String> {
    let began = began(lines)?;
    let complete = |said: &Said| matches!(said, Said::Event(Event::LessonComplete { .. }));
    let all = times(lines, 1..u32::MAX, complete);
    // The next edition brings another lesson.
    let mut ended: std::collections::BTreeMap<u32, f64> = std::collections::BTreeMap::new();
    for (host, time) in all {
        ended.entry(host).or_insert(time - began);
    }
    match ended.len() == receivers {
        true => Ok(median(ended.into_values().collect())),
        false => Err(format!(
            "{} of {receivers} receivers got the lesson",
            ended.len()
        )),
    }
}

fn hint(lines: &[Line]) -> Result<Vec<f64>, String> {
    let timestamp = |hint: &Hint| matches!(hint, Hint::Timestamp { .. });
    let told = |said: &Said| matches!(said, Said::Told(hint) if timestamp(hint));
    let heard = |said: &Said| matches!(said, Said::Heard(hint) if timestamp(hint));
    let told = first("a hint", &times(lines, 0..1, told))?;
    let heard = times(lines, 1..u32::MAX, heard);
    let mut by_host: std::collections::BTreeMap<u32, f64> = std::collections::BTreeMap::new();
    for (host, time) in heard {
        by_host.entry(host).or_insert(time - told);
    }
    Ok(by_host.into_values().collect())
}

fn catalogue(lines: &[Line]) -> Result<f64, String> {
    let used = first(
        "a catalogue elsewhere",
        &times(lines, 1..u32::MAX, installed),
    )?;
    Ok(used - began(lines)?)
}

/// The first record of all: how long until the ministry's node tells of a set that has changed.
fn record(lines: &[Line]) -> Result<f64, String> {
    let told = |said: &Said| matches!(said, Said::Told(Hint::Records { .. }));
    let saved = times(lines, 1..u32::MAX, told);
    let (saver, saved) = *saved
        .first()
        .ok_or("no record was saved in the simulated world")?;
    let there = times(lines, 0..1, told);
    let there = there
        .iter()
        .map(|(_, time)| *time)
        .find(|time| *time > saved);
    there
        .map(|time| time - saved)
        .ok_or_else(|| format!("the record of host {saver} did not reach the ministry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_measures_every_quantity() {
        let setup = Setup {
            transfers: vec![
                Transfer {
                    receivers: 1,
                    lesson_bytes: 1 << 20,
                },
                Transfer {
                    receivers: 4,
                    lesson_bytes: 1 << 20,
                },
            ],
            ..Setup::default()
        };
        let measured = measure_model(&setup).expect("measured");
        assert_eq!(measured.len(), 5, "{measured:?}");
        // One copy of 1 MiB takes 0.42 s of the air at least, four take four times as long.
        assert!(measured[&transfer_name(1)] > 0.42, "{measured:?}");
        assert!(measured[&transfer_name(4)] > 1.6, "{measured:?}");
        assert!(measured[HINT] >= 0.25, "{measured:?}");
    }
}
