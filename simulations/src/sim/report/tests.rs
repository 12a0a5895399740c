//! The page as a whole: it stands alone, says what happened, and shows broken rules first.

use std::collections::BTreeMap;

use super::*;
use crate::sim::outcome::{Bands, Courier, Coverage, Delay, Storage, Violation};

/// A run of ten days in which everything arrived.
fn good() -> Outcome {
    let t_s: Vec<u64> = (0..=10).map(|day| day * 86_400).collect();
    let rising = |from: f64| -> Vec<f64> {
        (0..=10)
            .map(|day| (from + f64::from(day) / 8.0).min(1.0))
            .collect()
    };
    let ages = |most: f64| -> Vec<f64> { (0..=10).map(|day| most * f64::from(day % 5)).collect() };
    let names = ["Prishtinë", "Pejë", "Hani i Elezit"];
    let delay = |p50: u64| Delay {
        count: 100,
        pending: 0,
        p50,
        p90: p50 * 3,
        p99: p50 * 4,
        max: p50 * 5,
        histogram: vec![(p50, 50), (p50 * 3, 40), (p50 * 5, 10)],
    };
    Outcome {
        scenario: "flood-zone".to_owned(),
        variant: "mesh".to_owned(),
        seed: 7,
        digest: "abc".to_owned(),
        events: 1_000_000,
        wall_s: 2.0,
        simulated_days: 10.0,
        hosts: 30,
        learners: 345,
        lessons: 40,
        catalogue_age: Bands {
            t_s: t_s.clone(),
            p10: ages(0.0),
            p50: ages(3_600.0),
            p90: ages(7_200.0),
            max: ages(90_000.0),
        },
        coverage: Coverage {
            t_s: t_s.clone(),
            municipalities: names
                .iter()
                .map(|name| ((*name).to_owned(), rising(0.2)))
                .collect(),
        },
        lesson_delay_s: delay(86_400),
        new_lesson_delay_s: delay(172_800),
        progress_delay_s: delay(3_600),
        bytes_by_link_kind: BTreeMap::from([
            ("wan".to_owned(), 5_000_000_000),
            ("lan".to_owned(), 95_000_000_000),
        ]),
        storage: Storage {
            t_s,
            p50: vec![1 << 30; 11],
            p90: vec![2 << 30; 11],
            max: vec![3 << 30; 11],
        },
        couriers: vec![Courier {
            id: "Prizren 1".to_owned(),
            trips: 12,
            bytes: 4_000_000_000,
        }],
        notes: vec!["Numbers of <devices> are assumed.".to_owned()],
        ..Outcome::default()
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = html(&good());
    for word in ["http:", "https:", "<script", "@import", "url(", "src="] {
        assert!(!page.contains(word), "the page has {word}");
    }
    assert_eq!(
        page.matches("<section").count(),
        page.matches("</section>").count()
    );
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.contains("Numbers of &lt;devices&gt; are assumed."));
}

#[test]
fn a_good_run_is_said_in_sentences() {
    let page = html(&good());
    for sentence in [
        "Every school had every lesson that it keeps after 5 days at the latest.",
        "Half of what learners did is known to the ministry within 1 hour; nine of ten records take 3 hours at most.",
        "A lesson that the ministry adds during the term is at half of the schools within 2 days, at nine of ten of those that it reaches within 6 days.",
        "1 stick is enough.",
        "No rule was broken.",
        "5 % of 100 GB came over the internet",
        "schools everywhere hold all lessons that they know of",
    ] {
        assert!(page.contains(sentence), "{sentence} is missing in {page}");
    }
    assert!(!page.contains("class=\"broken\""));
}

#[test]
fn what_is_broken_stands_first_with_seed_time_and_trace() {
    let mut outcome = good();
    outcome.violations.push(Violation {
        invariant: "quota".to_owned(),
        time_s: 90_000,
        node: "school <3>".to_owned(),
        seed: 7,
        trace: vec!["stored 2 & more".to_owned()],
    });
    let page = html(&outcome);
    let broken = page.find("class=\"broken\"").expect("shown");
    assert!(broken < page.find("<h2>Answers").expect("answers"));
    assert!(
        page.contains("<strong>quota</strong> at school &lt;3&gt; after 25 hours, seed 7"),
        "{page}"
    );
    assert!(page.contains("stored 2 &amp; more"));
}

#[test]
fn what_did_not_arrive_is_said_with_the_place_that_has_least() {
    let mut outcome = good();
    outcome.lesson_delay_s.pending = 100;
    outcome
        .coverage
        .municipalities
        .insert("Dragash".to_owned(), vec![0.1; 11]);
    let page = html(&outcome);
    assert!(
        page.contains("50 % of the lessons reached the schools that keep them."),
        "{page}"
    );
    assert!(page.contains("Least was in Dragash: 10 %"), "{page}");
    assert!(
        page.contains("With 1 stick not everything arrived"),
        "{page}"
    );
    assert!(page.contains("Dragash has least: 10 %"), "{page}");
}

#[test]
fn an_empty_run_has_a_page_too() {
    let page = html(&Outcome::default());
    assert!(page.contains("What was simulated"));
}

#[test]
fn what_was_written_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = good();
    write(&outcome, &folder.path().join("new")).expect("written");
    assert_eq!(read(&folder.path().join("new")).expect("read"), outcome);
    let error = read(&folder.path().join("nothing"))
        .expect_err("not there")
        .to_string();
    assert!(error.contains("report.json"), "{error}");
}
