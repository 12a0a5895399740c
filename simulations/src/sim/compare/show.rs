//! A comparison as a table for a terminal and as a page.

use std::path::Path;

use super::{Line, Verdict, compare};
use crate::sim::{
    outcome::Outcome,
    report::{self, ReportError, escape, page, table},
};

/// What a run is called in a comparison.
fn name(outcome: &Outcome) -> String {
    let variant = if outcome.variant.is_empty() {
        "mesh"
    } else {
        &outcome.variant
    };
    format!("{} ({variant}, seed {})", outcome.scenario, outcome.seed)
}

/// The table as text for a terminal.
pub fn text(a: &Outcome, b: &Outcome) -> String {
    let mut text = format!(
        "A: {}\nB: {}\n\n{:55} {:>14} {:>14}  B is\n",
        name(a),
        name(b),
        "",
        "A",
        "B"
    );
    for line in compare(a, b) {
        let [first, second] = line.values.map(|value| line.show(value));
        text += &format!(
            "{:55} {first:>14} {second:>14}  {}\n",
            line.what,
            line.change()
        );
    }
    text
}

/// The page `compare.html`.
pub fn html(a: &Outcome, b: &Outcome) -> String {
    let lines = compare(a, b);
    let said = |verdict: Verdict| {
        let items: String = lines
            .iter()
            .filter(|line| line.verdict() == verdict)
            .map(|line| {
                let [first, second] = line.values.map(|value| line.show(value));
                format!(
                    "<li><strong>{}</strong>{first} became {second} ({})</li>",
                    escape(&line.what),
                    escape(&line.change())
                )
            })
            .collect();
        items
    };
    let section = |title: &str, items: String, class: &str| match items.is_empty() {
        true => String::new(),
        false => format!(
            "<section><h2 class=\"{class}\">{title}</h2><ul class=\"answers\">{items}</ul></section>"
        ),
    };
    let cell = |line: &Line| {
        let [first, second] = line.values.map(|value| line.show(value));
        let class = match line.verdict() {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Same => "quiet",
        };
        vec![
            escape(&line.what),
            first,
            second,
            format!("<span class=\"{class}\">{}</span>", escape(&line.change())),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(cell).collect();
    let (a, b) = (escape(&name(a)), escape(&name(b)));
    let body = format!(
        "<p>A is {a}.<br>B is {b}.</p>{}{}<section><h2>Everything that was compared</h2>{}</section>",
        section("Better in B", said(Verdict::Better), "better"),
        section("Worse in B", said(Verdict::Worse), "worse"),
        table(&["", "A", "B", "B is"], &rows),
    );
    page("Two runs compared", &body)
}

/// Compares two runs, given their folders or `report.json`; writes `compare.html` into `folder` and gives the table.
///
/// # Errors
/// [`ReportError`]: a file is missing, is no report, or cannot be written.
pub fn write(a: &Path, b: &Path, folder: &Path) -> Result<String, ReportError> {
    let (a, b) = (report::read(a)?, report::read(b)?);
    report::put(folder, "compare.html", &html(&a, &b))?;
    Ok(text(&a, &b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::outcome::Delay;

    /// Ten that arrived, half of them early.
    fn delay(pending: u64) -> Delay {
        Delay {
            count: 10,
            pending,
            p50: 50,
            p90: 90,
            p99: 99,
            max: 100,
            histogram: vec![(60, 5), (120, 5)],
        }
    }

    #[test]
    fn the_table_and_the_page_name_both_runs() {
        let mesh = Outcome {
            scenario: "class".to_owned(),
            variant: "mesh".to_owned(),
            lesson_delay_s: delay(0),
            ..Outcome::default()
        };
        let central = Outcome {
            variant: "central".to_owned(),
            lesson_delay_s: delay(10),
            ..mesh.clone()
        };
        let text = text(&central, &mesh);
        assert!(
            text.contains("A: class (central, seed 0)\nB: class (mesh, seed 0)"),
            "{text}"
        );
        assert!(text.contains("never"), "{text}");
        let page = html(&central, &mesh);
        assert!(
            page.contains("Better in B") && !page.contains("Worse in B"),
            "{page}"
        );
    }
}
