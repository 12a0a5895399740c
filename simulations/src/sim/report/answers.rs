//! The questions of those who decide, answered in sentences with what the run found.

use super::{bytes, duration, escape, percent, thousands, words};
use crate::sim::outcome::{Delay, Outcome};

/// An answer: its sentence, what stands below it, and whether all is well.
struct Answer {
    sentence: String,
    more: String,
    well: bool,
}

fn all(outcome: &Outcome) -> impl Iterator<Item = Answer> {
    let answers = [
        lessons(outcome),
        new_lessons(outcome),
        catalogue(outcome),
        progress(outcome),
        sticks(outcome),
        Some(rules(outcome)),
    ];
    answers.into_iter().flatten()
}

/// The answers as lines of text.
pub fn lines(outcome: &Outcome) -> Vec<String> {
    let line = |answer: Answer| format!("{} {}", answer.sentence, answer.more);
    all(outcome).map(line).collect()
}

/// The section at the top of the page.
pub(super) fn section(outcome: &Outcome) -> String {
    let item = |answer: Answer| {
        let class = if answer.well { "" } else { " class=\"late\"" };
        let (sentence, more) = (escape(&answer.sentence), escape(&answer.more));
        format!("<li{class}><strong>{sentence}</strong>{more}</li>")
    };
    let items: String = all(outcome).map(item).collect();
    format!("<section><h2>Answers</h2><ul class=\"answers\">{items}</ul></section>")
}

/// How long until every school has the new lessons?
fn lessons(outcome: &Outcome) -> Option<Answer> {
    let delay = &outcome.lesson_delay_s;
    if delay.count + delay.pending == 0 {
        return coverage_alone(outcome);
    }
    let spread = format!(
        "Half of them were there within {}, nine of ten within {}.",
        duration(delay.p50 as f64),
        duration(delay.p90 as f64)
    );
    if delay.pending == 0 {
        return Some(Answer {
            sentence: format!(
                "Every school had every lesson that it keeps after {} at the latest.",
                duration(delay.max as f64)
            ),
            more: format!(
                "Counted from the day on which the ministry published the lesson. {spread}"
            ),
            well: true,
        });
    }
    let all = delay.count + delay.pending;
    let mut more = format!(
        "{} of {} were still missing at the end. {spread}",
        thousands(delay.pending),
        thousands(all)
    );
    if let Some((name, share)) = worst_place(outcome) {
        more += &format!(
            " Least was in {name}: {} of what its schools keep.",
            percent(share)
        );
    }
    Some(Answer {
        sentence: format!(
            "{} of the lessons reached the schools that keep them.",
            percent(delay.count as f64 / all as f64)
        ),
        more,
        well: false,
    })
}

/// How long until every village has a new lesson?
fn new_lessons(outcome: &Outcome) -> Option<Answer> {
    let delay = &outcome.new_lesson_delay_s;
    let all = delay.count + delay.pending;
    if all == 0 || delay.count == 0 {
        return None;
    }
    let more = format!(
        "The last that arrived took {}. {} of {} had not arrived when the {:.0} days were over; those published shortly before are among them.",
        duration(delay.max as f64),
        thousands(delay.pending),
        thousands(all),
        outcome.simulated_days
    );
    Some(Answer {
        sentence: format!(
            "A lesson that the ministry adds during the term is at half of the schools within {}, at nine of ten of those that it reaches within {}.",
            duration(delay.p50 as f64),
            duration(delay.p90 as f64)
        ),
        more,
        well: delay.pending * 10 <= all,
    })
}

/// What the map alone tells, when the run did not follow single lessons.
fn coverage_alone(outcome: &Outcome) -> Option<Answer> {
    let (name, share) = worst_place(outcome)?;
    Some(match everywhere_since(outcome) {
        Some(seconds) => Answer {
            sentence: format!(
                "Every school had all its lessons after {}.",
                duration(seconds as f64)
            ),
            more: "From then on to the end no municipality lacked any.".to_owned(),
            well: true,
        },
        None => Answer {
            sentence: format!(
                "Not every school had all its lessons when the {:.0} days were over.",
                outcome.simulated_days
            ),
            more: format!(
                "Least was in {name}: {} of what its schools keep.",
                percent(share)
            ),
            well: false,
        },
    })
}

/// The municipality with the least at the end.
pub(super) fn worst_place(outcome: &Outcome) -> Option<(&str, f64)> {
    let last = |(name, shares): (&'_ String, &Vec<f64>)| Some((name.clone(), *shares.last()?));
    let places = outcome.coverage.municipalities.iter().filter_map(last);
    let (name, share) = places.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (name, _) = outcome.coverage.municipalities.get_key_value(&name)?;
    Some((name, share))
}

/// Since when every municipality had everything to the end; `None` when that is not so at the end.
pub(super) fn everywhere_since(outcome: &Outcome) -> Option<u64> {
    const ALL: f64 = 0.9995;
    let coverage = &outcome.coverage;
    let whole = |at: usize| {
        coverage
            .municipalities
            .values()
            .all(|shares| shares.get(at).is_some_and(|share| *share >= ALL))
    };
    let first = (0..coverage.t_s.len())
        .rev()
        .take_while(|at| whole(*at))
        .last()?;
    coverage.t_s.get(first).copied()
}

/// Is everybody up to date?
fn catalogue(outcome: &Outcome) -> Option<Answer> {
    let age = &outcome.catalogue_age;
    let (p50, p90, max) = (age.p50.last()?, age.p90.last()?, age.max.last()?);
    let which = |behind: f64| match behind <= 0.0 {
        true => "has the newest".to_owned(),
        false => format!("is {} behind", duration(behind)),
    };
    let (sentence, more) = match *max <= 0.0 {
        true => (
            "At the end every device had the newest catalogue.".to_owned(),
            String::new(),
        ),
        false => (
            match *p90 <= 0.0 {
                true => "At the end nine of ten devices had the newest catalogue.".to_owned(),
                false => format!(
                    "At the end nine of ten devices were no more than {} behind the newest catalogue.",
                    duration(*p90)
                ),
            },
            format!(
                "The device in the middle {}, the last one {}.",
                which(*p50),
                which(*max)
            ),
        ),
    };
    Some(Answer {
        sentence,
        more,
        well: *p90 <= 0.0,
    })
}

/// How late is progress?
fn progress(outcome: &Outcome) -> Option<Answer> {
    let delay = &outcome.progress_delay_s;
    if delay.count + delay.pending == 0 {
        return None;
    }
    if delay.count == 0 {
        return Some(Answer {
            sentence: "No learner's progress reached the ministry.".to_owned(),
            more: format!("{} records are on their way.", thousands(delay.pending)),
            well: false,
        });
    }
    let rest = match delay.pending {
        0 => format!(
            "Every one of the {} records arrived.",
            thousands(delay.count)
        ),
        pending => format!(
            "{} arrived; {} were still on their way at the end, kept by the devices that carry them.",
            words::count(delay.count, "record", "records"),
            thousands(pending)
        ),
    };
    Some(Answer {
        sentence: format!(
            "Half of what learners did is known to the ministry within {}; nine of ten records take {} at most.",
            duration(delay.p50.max(60) as f64),
            duration(delay.p90 as f64)
        ),
        more: format!("The slowest took {}. {rest}", duration(delay.max as f64)),
        well: few(delay),
    })
}

/// Records of the last days are always on their way; a tenth is more than that.
fn few(delay: &Delay) -> bool {
    delay.pending * 10 <= delay.count
}

/// How many sticks are enough?
fn sticks(outcome: &Outcome) -> Option<Answer> {
    let couriers = &outcome.couriers;
    if couriers.is_empty() {
        return Some(Answer {
            sentence: "Nobody carried a stick.".to_owned(),
            more: "Everything travelled over the air, over lines, and with devices that are taken to school and home.".to_owned(),
            well: true,
        });
    }
    let trips: u64 = couriers.iter().map(|courier| courier.trips).sum();
    let carried: u64 = couriers.iter().map(|courier| courier.bytes).sum();
    let enough = outcome.lesson_delay_s.pending == 0 && few(&outcome.progress_delay_s);
    let count = couriers.len() as u64;
    Some(Answer {
        sentence: match enough {
            true => format!("{} enough.", words::count(count, "stick is", "sticks are")),
            false => format!(
                "With {} not everything arrived.",
                words::count(count, "stick", "sticks")
            ),
        },
        more: format!(
            "They made {} and carried {}. To find the smallest number that is enough, run the scenario with fewer couriers and compare.",
            words::count(trips, "visit", "visits"),
            bytes(carried as f64)
        ),
        well: enough,
    })
}

fn rules(outcome: &Outcome) -> Answer {
    match outcome.violations.len() as u64 {
        0 => Answer {
            sentence: "No rule was broken.".to_owned(),
            more: format!(
                "Checked at each of {} events: nothing unsigned is shown, no catalogue goes back, no record is lost or counted twice, quotas hold.",
                thousands(outcome.events)
            ),
            well: true,
        },
        broken => Answer {
            sentence: format!("{} broken.", words::count(broken, "rule was", "rules were")),
            more: "See the top of this page.".to_owned(),
            well: false,
        },
    }
}
