//! The few drawings of the page, as inline SVG. Places are percentages across and pixels up, so that a drawing is as wide as
//! its reader's screen and its letters are as large as all others.

use maud::{Markup, PreEscaped, html};

use super::say;
use crate::report::seen::Micros;

/// The height of one panel without its axis.
const HEIGHT: f64 = 120.0;
/// Fewer intervals than this are drawn as narrow as if there were so many.
const NARROWEST: usize = 24;

/// One interval of a panel.
#[derive(Debug, Default)]
pub(super) struct Bar {
    /// From the ground up: the class of the colour, and how many.
    pub(super) parts: Vec<(&'static str, u64)>,
    /// What is said when somebody points at it.
    pub(super) title: String,
}

/// Stacked bars over time.
pub(super) fn stacked(label: &str, bars: &[Bar]) -> Markup {
    let sum = |bar: &Bar| bar.parts.iter().map(|(_, n)| n).sum::<u64>();
    let top = nice(bars.iter().map(sum).max().unwrap_or(0));
    let ticks = if top.is_multiple_of(2) { vec![0, top / 2, top] } else { vec![0, top] };
    let height = |n: u64| HEIGHT * n as f64 / top as f64;
    let grid: Vec<_> = ticks.iter().map(|n| (HEIGHT - height(*n), say::count(*n))).collect();
    let slots = Slots::new(bars.len());
    frame(
        label,
        &grid,
        html! {
            @for (n, bar) in bars.iter().enumerate().filter(|(_, bar)| sum(bar) > 0) {
                g {
                    title { (bar.title) }
                    (slots.target(n))
                    @for (class, y, high) in stack(&bar.parts, height) {
                        rect class=(class) x=(slots.left(n)) width=(slots.wide()) y=(px(y)) height=(px(high)) {}
                    }
                }
            }
        },
    )
}

/// The parts of one bar with their places: class, top, height.
fn stack(parts: &[(&'static str, u64)], height: impl Fn(u64) -> f64) -> Vec<(&'static str, f64, f64)> {
    let mut ground = HEIGHT;
    let present = parts.iter().filter(|(_, n)| *n > 0);
    present
        .map(|(class, n)| {
            let high = height(*n).max(1.0);
            ground -= high;
            (*class, ground, high)
        })
        .collect()
}

/// One interval of a panel of durations, in milliseconds.
#[derive(Debug)]
pub(super) struct Spread {
    /// The median, the 95th and the 99th percentile.
    pub(super) percentiles: Option<[f64; 3]>,
    pub(super) title: String,
}

/// Durations over time on a logarithmic scale: from the median to the 95th percentile, and a mark for the 99th.
pub(super) fn spreads(label: &str, spreads: &[Spread]) -> Markup {
    let all = || spreads.iter().filter_map(|spread| spread.percentiles).flatten();
    let decades = Decades::around(all());
    let y = |ms: f64| HEIGHT * (1.0 - decades.place(ms));
    let grid: Vec<_> = decades.marks().into_iter().map(|ms| (y(ms), say::duration_mark(ms))).collect();
    let slots = Slots::new(spreads.len());
    frame(
        label,
        &grid,
        html! {
            @for (n, spread) in spreads.iter().enumerate() {
                @if let Some([p50, p95, p99]) = spread.percentiles {
                    g {
                        title { (spread.title) }
                        (slots.target(n))
                        rect.spread x=(slots.left(n)) width=(slots.wide()) y=(px(y(p95))) height=(px((y(p50) - y(p95)).max(2.0))) {}
                        rect.tail x=(slots.left(n)) width=(slots.wide()) y=(px(y(p99) - 1.0)) height="2" {}
                    }
                }
            }
        },
    )
}

/// The axis below panels of intervals that begin at these times.
pub(super) fn time_axis(starts: &[Micros], width: Micros) -> Markup {
    let slots = Slots::new(starts.len());
    // On a phone every other one is left out.
    let marks = if starts.len() < 5 { 1 } else { 5 };
    let places = (0..marks).map(|mark| (mark, mark * starts.len().saturating_sub(1) / (marks - 1).max(1)));
    html! {
        div.panel aria-hidden="true" {
            span {}
            svg.axis height="18" {
                @for (mark, place) in places {
                    @if let Some(at) = starts.get(place) {
                        text.wide[mark % 2 == 1] x=(slots.middle(place)) y="13"
                            text-anchor=(anchor(slots.middle_of(place))) { (say::tick(*at, width)) }
                    }
                }
            }
        }
    }
}

/// How often each duration occurred: bars of these heights over an axis of decades.
pub(super) fn distribution(label: &str, decades: Decades, parts: &[u64], marks: &[(&str, f64)]) -> Markup {
    let top = parts.iter().copied().max().unwrap_or(0).max(1);
    let wide = 100.0 / parts.len().max(1) as f64;
    html! {
        svg.spectrum role="img" aria-label=(label) height="240" {
            title { (label) }
            @for (n, count) in parts.iter().enumerate().filter(|(_, count)| **count > 0) {
                @let high = (180.0 * *count as f64 / top as f64).max(1.0);
                rect.spread x=(percent(n as f64 * wide)) width=(percent(wide * 0.9)) y=(px(220.0 - high)) height=(px(high)) {
                    title { (say::counted(*count, "call")) " up to " (say::duration(decades.bound(n + 1, parts.len()))) }
                }
            }
            line.ground x1="0" x2="100%" y1="220" y2="220" {}
            @for (row, (name, ms)) in marks.iter().enumerate() {
                @let x = 100.0 * decades.place(*ms);
                @let y = 10.0 + 12.0 * (row % 3) as f64;
                line.mark x1=(percent(x)) x2=(percent(x)) y1=(px(y + 3.0)) y2="220" {}
                text.mark x=(percent(x)) y=(px(y)) text-anchor=(anchor(x)) { (name) " " (say::duration(*ms)) }
            }
            (decade_labels(decades, "234", 9))
        }
    }
}

/// The same as small as a cell of a table.
pub(super) fn small_distribution(
    label: &str,
    decades: Decades,
    parts: &[u64],
    median: Option<f64>,
) -> Markup {
    let top = parts.iter().copied().max().unwrap_or(0).max(1);
    html! {
        svg.small role="img" aria-label=(label) viewBox={"0 0 " (parts.len()) " 24"} preserveAspectRatio="none" {
            title { (label) }
            @for (n, count) in parts.iter().enumerate().filter(|(_, count)| **count > 0) {
                @let high = (22.0 * *count as f64 / top as f64).max(1.0);
                rect.spread x=(n) width="0.9" y=(px(24.0 - high)) height=(px(high)) {}
            }
            @if let Some(ms) = median {
                @let x = px(decades.place(ms) * parts.len() as f64);
                line.median x1=(x) x2=(x) y1="0" y2="24" {}
            }
        }
    }
}

/// The axis of all small distributions of a table.
pub(super) fn small_axis(decades: Decades) -> Markup {
    html! { svg.small-axis height="14" aria-hidden="true" { (decade_labels(decades, "11", 4)) } }
}

/// The names of as many decades as find room; on a phone there is less of it.
fn decade_labels(decades: Decades, y: &str, most: usize) -> Markup {
    let marks = decades.marks();
    let step = marks.len().div_ceil(most);
    html! {
        @for (n, ms) in marks.iter().step_by(step).enumerate() {
            @let x = 100.0 * decades.place(*ms);
            text.wide[step == 1 && marks.len() > 5 && n % 2 == 1] x=(percent(x)) y=(y) text-anchor=(anchor(x)) { (say::duration_mark(*ms)) }
        }
    }
}

/// One number among others, as a bar.
pub(super) fn bar(class: &str, part: u64, whole: u64) -> Markup {
    let wide = 100.0 * part as f64 / whole.max(1) as f64;
    let wide = if part > 0 { wide.max(0.5) } else { 0.0 };
    html! {
        svg.meter height="10" aria-hidden="true" {
            rect.rail width="100%" height="10" rx="2" {}
            rect class=(class) width=(percent(wide)) height="10" rx="2" {}
        }
    }
}

/// A whole number of powers of ten around durations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of an f64 fits into 10 bits")]
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Decades {
        let mut range: Option<(f64, f64)> = None;
        for ms in values.map(|ms| ms.max(0.001)) {
            range = Some(range.map_or((ms, ms), |(low, high)| (low.min(ms), high.max(ms))));
        }
        let (low, high) = range.unwrap_or((1.0, 1000.0));
        let (low, high) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        Decades { low, high: high.max(low + 1) }
    }

    /// From 0 at the low end to 1 at the high one.
    pub(super) fn place(self, ms: f64) -> f64 {
        let span = f64::from(self.high - self.low);
        ((ms.max(0.001).log10() - f64::from(self.low)) / span).clamp(0.0, 1.0)
    }

    fn marks(self) -> Vec<f64> {
        (self.low..=self.high).map(|power| 10_f64.powi(power)).collect()
    }

    /// Where part `n` of `parts` begins.
    fn bound(self, n: usize, parts: usize) -> f64 {
        let span = f64::from(self.high - self.low);
        10_f64.powf(f64::from(self.low) + span * n as f64 / parts.max(1) as f64)
    }

    /// The bounds of so many equal parts.
    pub(super) fn bounds(self, parts: usize) -> Vec<f64> {
        (0..=parts).map(|n| self.bound(n, parts)).collect()
    }
}

/// Where intervals stand.
struct Slots {
    before: usize,
    all: usize,
}

impl Slots {
    fn new(count: usize) -> Slots {
        let all = count.max(NARROWEST);
        Slots { before: (all - count) / 2, all }
    }

    fn step(&self) -> f64 {
        100.0 / self.all as f64
    }

    fn left(&self, n: usize) -> String {
        percent((n + self.before) as f64 * self.step())
    }

    fn wide(&self) -> String {
        percent(self.step() * 0.86)
    }

    fn middle_of(&self, n: usize) -> f64 {
        ((n + self.before) as f64 + 0.43) * self.step()
    }

    fn middle(&self, n: usize) -> String {
        percent(self.middle_of(n))
    }

    /// What can be pointed at: all of the interval's height.
    fn target(&self, n: usize) -> Markup {
        html! { rect.target x=(self.left(n)) width=(percent(self.step())) y="0" height=(px(HEIGHT)) {} }
    }
}

/// A drawing with a scale at its left.
fn frame(label: &str, grid: &[(f64, String)], content: Markup) -> Markup {
    html! {
        div.panel {
            svg.scale width="48" height=(px(HEIGHT + 12.0)) aria-hidden="true" {
                @for (y, text) in grid { text x="42" y=(px(y + 10.0)) text-anchor="end" { (text) } }
            }
            svg.plot height=(px(HEIGHT + 12.0)) role="img" aria-label=(label) {
                title { (label) }
                svg y="6" height=(px(HEIGHT)) overflow="visible" {
                    @for (y, _) in grid { line.grid x1="0" x2="100%" y1=(px(*y)) y2=(px(*y)) {} }
                    (content)
                }
            }
        }
    }
}

/// Texts near an end of the axis are written away from it.
fn anchor(percent: f64) -> &'static str {
    match percent {
        x if x < 8.0 => "start",
        x if x > 92.0 => "end",
        _ => "middle",
    }
}

/// The next round number.
fn nice(most: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for step in [1, 2, 4, 6, 8] {
            let top = unit.saturating_mul(step);
            if top >= most.max(1) || top == u64::MAX {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn px(number: f64) -> PreEscaped<String> {
    let text = format!("{number:.1}");
    PreEscaped(text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned))
}

fn percent(number: f64) -> String {
    format!("{number:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_above_everything() {
        for (most, top) in [(0, 1), (1, 1), (3, 4), (7, 8), (11, 20), (99, 100), (4001, 6000)] {
            assert_eq!(nice(most), top);
        }
        assert!(nice(u64::MAX) >= u64::MAX / 2);
    }

    #[test]
    fn every_duration_has_a_place_on_its_scale() {
        let decades = Decades::around([0.0, 3.0, 4_000_000.0].into_iter());
        assert_eq!((decades.place(0.0), decades.place(1e12)), (0.0, 1.0));
        assert_eq!(decades.bounds(4).len(), 5);
        let nothing = Decades::around(std::iter::empty());
        assert_eq!(nothing.marks(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn parts_of_a_bar_stand_on_each_other() {
        let parts = stack(&[("a", 1), ("b", 0), ("c", 3)], |n| 10.0 * n as f64);
        assert_eq!(parts, [("a", HEIGHT - 10.0, 10.0), ("c", HEIGHT - 40.0, 30.0)]);
    }
}
