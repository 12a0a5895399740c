//! Two runs side by side: what got better, what worse, by how much. The gain of the mesh over a baseline is such a table.

mod show;

pub use self::show::{html, text, write};
use super::{
    outcome::{Bands, Delay, Outcome},
    report::{self, bytes, duration, percent, thousands},
};

/// Smaller differences count as none: two runs of the same country never differ by nothing.
const SAME: f64 = 0.01;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A share between 0 and 1.
    Share,
    /// Seconds; infinite for what never happened.
    Time,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
}

/// Which of two values is to be preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    /// The smaller one.
    Less,
    /// The larger one.
    More,
    /// None: it is only told.
    Neither,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The second run is better.
    Better,
    /// The second run is worse.
    Worse,
    /// No difference that counts, or none that is good or bad.
    Same,
}

/// One quantity of both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is, for people.
    pub what: String,
    /// In the first run and in the second; `None` where the run knows nothing of it.
    pub values: [Option<f64>; 2],
    /// Its kind.
    pub quantity: Quantity,
    /// Which is better.
    pub prefer: Prefer,
}

impl Line {
    fn new(what: &str, quantity: Quantity, prefer: Prefer, values: [Option<f64>; 2]) -> Line {
        Line {
            what: what.to_owned(),
            values,
            quantity,
            prefer,
        }
    }

    /// What the difference means.
    pub fn verdict(&self) -> Verdict {
        let [Some(a), Some(b)] = self.values else {
            return Verdict::Same;
        };
        let differs = match (self.quantity, a == b) {
            (_, true) => false,
            (Quantity::Share, _) => (a - b).abs() > SAME / 2.0,
            _ => !a.is_finite() || !b.is_finite() || (a - b).abs() > SAME * a.abs().max(b.abs()),
        };
        match (differs, self.prefer) {
            (true, Prefer::Less) if b < a => Verdict::Better,
            (true, Prefer::More) if b > a => Verdict::Better,
            (true, Prefer::Less | Prefer::More) => Verdict::Worse,
            _ => Verdict::Same,
        }
    }

    fn show(&self, value: Option<f64>) -> String {
        let Some(value) = value else {
            return "–".to_owned();
        };
        match self.quantity {
            Quantity::Time if value.is_infinite() => "never".to_owned(),
            Quantity::Share => percent(value),
            Quantity::Time => duration(value),
            Quantity::Bytes => bytes(value),
            Quantity::Count => thousands(value as u64),
        }
    }

    /// The difference in words, such as `better: 3.2 times less`.
    pub fn change(&self) -> String {
        let [Some(a), Some(b)] = self.values else {
            return String::new();
        };
        let word = match self.verdict() {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Same if a == b || self.prefer != Prefer::Neither => return "same".to_owned(),
            Verdict::Same => "differs",
        };
        let much = match self.quantity {
            Quantity::Share => format!("{:+.1} points", (b - a) * 100.0),
            _ if !a.is_finite() || !b.is_finite() || a == 0.0 || b == 0.0 => {
                return word.to_owned();
            }
            _ if b >= 2.0 * a => format!("{:.1} times as much", b / a),
            _ if a >= 2.0 * b => format!("{:.1} times less", a / b),
            _ => format!("{:+.0} %", (b / a - 1.0) * 100.0),
        };
        format!("{word}: {much}")
    }
}

/// Every quantity that both runs, or one of them, know.
pub fn compare(a: &Outcome, b: &Outcome) -> Vec<Line> {
    use Prefer::{Less, More, Neither};
    use Quantity::{Bytes, Count, Share, Time};
    let both = |value: &dyn Fn(&Outcome) -> Option<f64>| [value(a), value(b)];
    let late =
        |delay: fn(&Outcome) -> &Delay, share: f64| both(&|outcome| within(delay(outcome), share));
    let missing = |delay: fn(&Outcome) -> &Delay| both(&|outcome| missing(delay(outcome)));
    let (lessons, progress) = (
        |outcome: &Outcome| -> &Delay { &outcome.lesson_delay_s } as fn(&Outcome) -> &Delay,
        (|outcome: &Outcome| -> &Delay { &outcome.progress_delay_s }) as fn(&Outcome) -> &Delay,
    );
    let mut lines = vec![
        Line::new(
            "Lessons at schools at the end, mean",
            Share,
            More,
            both(&coverage_at_end),
        ),
        Line::new(
            "Lessons at schools at the end, least municipality",
            Share,
            More,
            both(&coverage_least),
        ),
        Line::new(
            "Lessons at schools over the whole time, mean",
            Share,
            More,
            both(&coverage_over_time),
        ),
        Line::new(
            "Lesson at a school, half of them within",
            Time,
            Less,
            late(lessons, 0.5),
        ),
        Line::new(
            "Lesson at a school, nine of ten within",
            Time,
            Less,
            late(lessons, 0.9),
        ),
        Line::new(
            "Lesson at a school, all within",
            Time,
            Less,
            late(lessons, 1.0),
        ),
        Line::new("Lessons that did not arrive", Share, Less, missing(lessons)),
        Line::new(
            "Catalogue behind, mean over time of the middle device",
            Time,
            Less,
            both(&|o| mean(&o.catalogue_age, |age| &age.p50)),
        ),
        Line::new(
            "Catalogue behind, mean over time of nine of ten",
            Time,
            Less,
            both(&|o| mean(&o.catalogue_age, |age| &age.p90)),
        ),
        Line::new(
            "Progress at the ministry, half within",
            Time,
            Less,
            late(progress, 0.5),
        ),
        Line::new(
            "Progress at the ministry, nine of ten within",
            Time,
            Less,
            late(progress, 0.9),
        ),
        Line::new(
            "Progress not there at the end",
            Share,
            Less,
            missing(progress),
        ),
    ];
    let kinds: std::collections::BTreeSet<&String> = a
        .bytes_by_link_kind
        .keys()
        .chain(b.bytes_by_link_kind.keys())
        .collect();
    for kind in kinds {
        let prefer = if kind == "wan" { Less } else { Neither };
        let moved = both(&|o| Some(o.bytes_by_link_kind.get(kind).copied().unwrap_or(0) as f64));
        lines.push(Line::new(
            &format!("Bytes over {}", report::link_name(kind)),
            Bytes,
            prefer,
            moved,
        ));
    }
    let full = both(&|o| o.storage.max.iter().max().map(|most| *most as f64));
    lines.push(Line::new("Fullest disk", Bytes, Neither, full));
    lines.push(Line::new(
        "Couriers",
        Count,
        Neither,
        both(&|o| Some(o.couriers.len() as f64)),
    ));
    lines.push(Line::new(
        "Rules broken",
        Count,
        Less,
        both(&|o| Some(o.violations.len() as f64)),
    ));
    lines.retain(|line| line.values.iter().any(Option::is_some));
    lines
}

/// Within which time this share arrived, of all and not only of those that arrived; infinite when fewer did.
pub(in crate::sim) fn within(delay: &Delay, share: f64) -> Option<f64> {
    let all = delay.count + delay.pending;
    if all == 0 {
        return None;
    }
    let wanted = (all as f64 * share).ceil() as u64;
    if wanted > delay.count {
        return Some(f64::INFINITY);
    }
    let exact = match (delay.pending, share) {
        (0, 0.5) => Some(delay.p50),
        (0, 0.9) => Some(delay.p90),
        (0, 1.0) => Some(delay.max),
        _ => None,
    };
    let mut seen = 0;
    let bound = delay.histogram.iter().find(|(_, count)| {
        seen += count;
        seen >= wanted
    });
    exact
        .or(bound.map(|(bound, _)| *bound))
        .map(|seconds| seconds as f64)
}

fn missing(delay: &Delay) -> Option<f64> {
    let all = delay.count + delay.pending;
    (all > 0).then(|| delay.pending as f64 / all as f64)
}

pub(super) fn coverage_at_end(outcome: &Outcome) -> Option<f64> {
    let last: Vec<f64> = outcome
        .coverage
        .municipalities
        .values()
        .filter_map(|shares| shares.last().copied())
        .collect();
    (!last.is_empty()).then(|| last.iter().sum::<f64>() / last.len() as f64)
}

fn coverage_least(outcome: &Outcome) -> Option<f64> {
    let last = outcome
        .coverage
        .municipalities
        .values()
        .filter_map(|shares| shares.last().copied());
    last.min_by(f64::total_cmp)
}

pub(super) fn coverage_over_time(outcome: &Outcome) -> Option<f64> {
    let all: Vec<f64> = outcome
        .coverage
        .municipalities
        .values()
        .flatten()
        .copied()
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

fn mean(age: &Bands, of: fn(&Bands) -> &Vec<f64>) -> Option<f64> {
    let values = of(age);
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(count: u64, pending: u64) -> Delay {
        Delay {
            count,
            pending,
            p50: 50,
            p90: 90,
            p99: 99,
            max: 100,
            histogram: vec![(60, count / 2), (120, count - count / 2)],
        }
    }

    #[test]
    fn what_never_arrived_counts_as_never() {
        assert_eq!(within(&delay(10, 0), 0.9), Some(90.0));
        assert_eq!(within(&delay(10, 10), 0.5), Some(120.0));
        assert_eq!(within(&delay(10, 10), 0.9), Some(f64::INFINITY));
        assert_eq!(within(&Delay::default(), 0.5), None);
    }

    #[test]
    fn verdicts_know_which_way_is_better() {
        let line = |quantity, prefer, a, b| Line::new("x", quantity, prefer, [Some(a), Some(b)]);
        let faster = line(Quantity::Time, Prefer::Less, 100.0, 40.0);
        assert_eq!(
            (faster.verdict(), faster.change().as_str()),
            (Verdict::Better, "better: 2.5 times less")
        );
        let fewer = line(Quantity::Share, Prefer::More, 1.0, 0.9);
        assert_eq!(
            (fewer.verdict(), fewer.change().as_str()),
            (Verdict::Worse, "worse: -10.0 points")
        );
        let never = line(Quantity::Time, Prefer::Less, 5.0, f64::INFINITY);
        assert_eq!(
            (never.verdict(), never.change().as_str()),
            (Verdict::Worse, "worse")
        );
        let near = line(Quantity::Time, Prefer::Less, 100.0, 100.5);
        assert_eq!(
            (near.verdict(), near.change().as_str()),
            (Verdict::Same, "same")
        );
        let told = line(Quantity::Bytes, Prefer::Neither, 10.0, 12.0);
        assert_eq!(
            (told.verdict(), told.change().as_str()),
            (Verdict::Same, "differs: +20 %")
        );
    }
}
