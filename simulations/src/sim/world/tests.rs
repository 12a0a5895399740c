//! Small worlds hold every invariant, and each planted fault is found by the invariant against which it is.

use std::sync::Arc;

use super::{Options, Part, Plant, World};
use crate::sim::{editions::Editions, outcome::Outcome, scenario::Scenario};

/// A school with two tablets for two school days and a calm one.
const SMALL: &str = r#"
name = "small"
days = 3
calm_hours = 24

[lessons]
grades = 1
subjects = 2
languages = ["sq"]
per_course = 2
bytes = 3_000_000
edition_every_h = 16
added = 1
withdrawn = 1

[[municipality]]
name = "Here"
schools = 1
learners = 6
homes = 2

[school]
wan_down_mbit = 8
wan_up_mbit = 1
wan_hours = [7, 16]
quota_gb = 1

[home]
follow = ["all"]
quota_gb = 1
carried_per_mille = 1000
school_minutes = 20
home_minutes = 10

[records]
real_exchange = true
sealed = true
home_per_mille = 300

[faults]
cut_hours = [12, 13]
"#;

fn play(change: impl FnOnce(&mut Scenario), options: Options) -> Outcome {
    let mut scenario = Scenario::parse(SMALL).unwrap();
    change(&mut scenario);
    let scenario = Arc::new(scenario);
    let editions = Arc::new(Editions::new(&scenario, 3));
    let part = Part {
        municipalities: vec![0],
        share_per_mille: 1_000,
    };
    World::new(&scenario, &editions, &part, 3, options).run()
}

fn violated(plant: Plant, change: impl FnOnce(&mut Scenario)) -> Vec<String> {
    let options = Options {
        plant: Some(plant),
        ..Options::default()
    };
    let outcome = play(change, options);
    outcome
        .violations
        .into_iter()
        .map(|violation| violation.invariant)
        .collect()
}

#[test]
fn a_good_world_violates_nothing_and_has_one_history() {
    let outcome = play(|_| {}, Options::default());
    assert_eq!(outcome.violations, []);
    assert_eq!(play(|_| {}, Options::default()).digest, outcome.digest);
    assert!(
        outcome.progress_delay_s.count >= 10,
        "{:?}",
        outcome.progress_delay_s
    );
    let traced = Options {
        trace: true,
        ..Options::default()
    };
    assert_eq!(
        play(|_| {}, traced).digest,
        outcome.digest,
        "looking changes nothing"
    );
    let other = play(
        |scenario| scenario.school.wan_up_mbit = 2,
        Options::default(),
    );
    assert_ne!(other.digest, outcome.digest);
}

#[test]
fn an_unsigned_catalogue_is_found() {
    let found = violated(Plant::ShowUnsigned, |_| {});
    assert!(found.contains(&"unsigned-shown".to_owned()), "{found:?}");
}

#[test]
fn an_older_catalogue_is_found() {
    let found = violated(Plant::CatalogueBack, |_| {});
    assert!(found.contains(&"catalogue-back".to_owned()), "{found:?}");
}

#[test]
fn a_lost_record_is_found() {
    let found = violated(Plant::DropRecord, |scenario| {
        scenario.school.wan_per_mille = 0
    });
    assert!(found.contains(&"record-dropped".to_owned()), "{found:?}");
}

#[test]
fn a_record_that_counts_twice_is_found() {
    let found = violated(Plant::CountTwice, |_| {});
    assert!(found.contains(&"counted-once".to_owned()), "{found:?}");
}

#[test]
fn a_kept_acknowledged_record_is_found() {
    let found = violated(Plant::KeepAcked, |_| {});
    assert!(found.contains(&"acked-leaves".to_owned()), "{found:?}");
}

#[test]
fn a_disk_over_its_quota_is_found() {
    let found = violated(Plant::OverQuota, |scenario| {
        scenario.lessons.bytes = 600_000_000
    });
    assert!(found.contains(&"quota".to_owned()), "{found:?}");
}

#[test]
fn a_readable_record_is_found() {
    let found = violated(Plant::Plaintext, |_| {});
    assert!(found.contains(&"carrier-reads".to_owned()), "{found:?}");
}

#[test]
fn a_range_from_three_peers_is_found() {
    let found = violated(Plant::FetchTwice, |_| {});
    assert!(found.contains(&"double-fetch".to_owned()), "{found:?}");
}

#[test]
fn silence_is_found_after_the_calm() {
    let found = violated(Plant::Silence, |_| {});
    assert!(found.contains(&"liveness".to_owned()), "{found:?}");
}
