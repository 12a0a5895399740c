//! Drawings: scales, axes and lines as SVG text. Colours come from the page's styles, so that dark mode holds here too.

use super::escape;

/// Width of a drawing in its own units; the page scales it.
pub(super) const WIDTH: f64 = 720.0;

/// Turns values into places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// 0 lies at `from`, `most` at `to`.
    pub(super) fn new(most: f64, from: f64, to: f64) -> Scale {
        let most = if most > 0.0 { most } else { 1.0 };
        Scale { most, from, to }
    }

    pub(super) fn at(self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value / self.most)
    }

    /// Round values from 0 to the end, some five of them.
    pub(super) fn ticks(self) -> Vec<f64> {
        let step = round_step(self.most / 5.0);
        let count = (self.most / step + 1e-9).floor() as usize;
        (0..=count).map(|at| at as f64 * step).collect()
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(10.0 * power)
}

/// A drawing that grows; `label` says in words what it shows, for those who do not see it.
#[derive(Debug)]
pub(super) struct Svg {
    height: f64,
    width: f64,
    label: String,
    class: &'static str,
    body: String,
}

impl Svg {
    pub(super) fn new(height: f64, label: &str) -> Svg {
        Svg {
            height,
            width: WIDTH,
            label: escape(label),
            class: "",
            body: String::new(),
        }
    }

    pub(super) fn sized(width: f64, height: f64, class: &'static str, label: &str) -> Svg {
        Svg {
            width,
            class,
            ..Svg::new(height, label)
        }
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.body.push_str(text);
    }

    /// Text at a place; `anchor` is `start`, `middle` or `end`.
    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
        let text = escape(text);
        self.body += &format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        );
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        self.body += &format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"/>"
        );
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], class: &str) {
        let path = path(points.iter().copied());
        self.body += &format!("<path d=\"{path}\" class=\"{class}\"/>");
    }

    /// The area between two lines with the same x.
    pub(super) fn area(&mut self, low: &[(f64, f64)], high: &[(f64, f64)], class: &str) {
        let path = path(low.iter().copied().chain(high.iter().rev().copied()));
        self.body += &format!("<path d=\"{path}Z\" class=\"{class}\"/>");
    }

    pub(super) fn finish(self) -> String {
        let Svg {
            height,
            width,
            label,
            class,
            body,
        } = self;
        format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" class=\"{class}\" role=\"img\" aria-label=\"{label}\">{body}</svg>"
        )
    }
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let point = |(at, (x, y)): (usize, (f64, f64))| {
        let letter = if at == 0 { 'M' } else { 'L' };
        format!("{letter}{x:.1} {y:.1}")
    };
    points.enumerate().map(point).collect()
}

/// What the axis that goes up counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Values are divided by this.
    pub(super) per: f64,
    /// Its name.
    pub(super) name: &'static str,
}

/// Axes of a plot over days, with a grid; gives the scales.
pub(super) fn day_axes(svg: &mut Svg, days: f64, most: f64, unit: Unit) -> (Scale, Scale) {
    const LEFT: f64 = 56.0;
    const RIGHT: f64 = WIDTH - 14.0;
    const TOP: f64 = 26.0;
    let bottom = svg.height - 44.0;
    let across = Scale::new(days, LEFT, RIGHT);
    let up = Scale::new(most / unit.per * 1.05, bottom, TOP);
    for value in up.ticks() {
        let y = up.at(value);
        svg.line(&[(LEFT, y), (RIGHT, y)], "axis");
        svg.text((LEFT - 8.0, y + 4.5), "end", "quiet", &tick(value));
    }
    for value in across.ticks() {
        let x = across.at(value);
        svg.line(&[(x, bottom), (x, bottom + 5.0)], "axis");
        svg.text((x, bottom + 21.0), "middle", "quiet", &tick(value));
    }
    svg.text(
        (RIGHT, bottom + 39.0),
        "end",
        "quiet",
        "days since the start",
    );
    svg.text((4.0, 14.0), "start", "quiet", unit.name);
    (across, Scale::new(most * 1.05, bottom, TOP))
}

fn tick(value: f64) -> String {
    format!("{value:.2}")
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Bars that lie, each with its name before it and its value behind it.
pub(super) fn lying_bars(
    label: &str,
    bars: &[(String, f64, String)],
    late: impl Fn(usize) -> bool,
) -> String {
    const ROW: f64 = 32.0;
    const LEFT: f64 = 210.0;
    let mut svg = Svg::new(bars.len() as f64 * ROW + 6.0, label);
    let most = bars.iter().map(|(_, value, _)| *value).fold(0.0, f64::max);
    let scale = Scale::new(most, LEFT, WIDTH - 150.0);
    for (at, (name, value, text)) in bars.iter().enumerate() {
        let y = at as f64 * ROW + 4.0;
        let width = (scale.at(*value) - LEFT).max(if *value > 0.0 { 1.5 } else { 0.0 });
        svg.text((LEFT - 10.0, y + 17.0), "end", "", name);
        svg.rect(
            (LEFT, y),
            (width, ROW - 9.0),
            if late(at) { "late" } else { "bar" },
        );
        svg.text((LEFT + width + 8.0, y + 17.0), "start", "quiet", text);
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        assert_eq!(
            Scale::new(90.0, 0.0, 1.0).ticks(),
            [0.0, 20.0, 40.0, 60.0, 80.0]
        );
        assert_eq!(
            Scale::new(1.0, 0.0, 1.0).ticks(),
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|t: f64| (t * 5.0).round() * 0.2)
        );
        assert_eq!(Scale::new(0.0, 0.0, 1.0).ticks().len(), 6);
        assert_eq!(tick(2.50), "2.5");
    }

    #[test]
    fn foreign_text_stays_text() {
        let mut svg = Svg::new(10.0, "a \"b\"");
        svg.text((0.0, 0.0), "start", "", "<script>");
        let drawn = svg.finish();
        assert!(
            drawn.contains("&lt;script&gt;") && !drawn.contains("<script>"),
            "{drawn}"
        );
        assert!(drawn.contains("a &quot;b&quot;"), "{drawn}");
    }
}
