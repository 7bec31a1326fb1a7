//! Rows of marks on one axis: what each row is stands before it, its figure after it.
//!
//! Places are shares of the axis and labels are texts of the page, so that a drawing is as wide as there is room while letters
//! keep their size, on a phone as well.

use maud::{Markup, html};

/// The height of a row, in pixels.
const HEIGHT: f64 = 28.0;
/// How much of it a bar leaves free above and below.
const FREE: f64 = 5.0;

/// One row.
pub(in super::super) struct Row {
    pub(in super::super) label: Markup,
    pub(in super::super) marks: Vec<Mark>,
    /// The figure, as a text.
    pub(in super::super) figure: String,
}

/// What is drawn in a row. Places are shares of the axis.
pub(in super::super) enum Mark {
    /// A bar, in the colour of its kind.
    Bar { from: f64, to: f64, kind: String },
    /// A range, such as an interval of confidence.
    Band { from: f64, to: f64, kind: String },
    /// How far something goes.
    Reach { to: f64 },
    /// An estimate.
    Dot { at: f64 },
    /// What it is compared with.
    Before { at: f64 },
    /// One of many cells beside each other, the stronger the darker, and what it says when it is pointed at.
    Cell { from: f64, to: f64, strength: f64, text: String },
}

/// Rows, with the places of the ticks of their axis and what stands at them.
pub(in super::super) fn plot(title: &str, rows: &[Row], ticks: &[(f64, String)]) -> Markup {
    let lines: Vec<f64> = ticks.iter().map(|(at, _)| *at).collect();
    html! {
        ol.plot aria-label=(title) {
            @for row in rows {
                li {
                    span.label { (row.label) }
                    svg.track width="100%" height=(HEIGHT) aria-hidden="true" {
                        @for at in &lines { line.grid x1=(part(*at)) x2=(part(*at)) y1="0" y2=(HEIGHT) {} }
                        @for mark in &row.marks { (drawn(mark)) }
                    }
                    span.figure { (row.figure) }
                }
            }
            @if !ticks.is_empty() {
                li.axis aria-hidden="true" {
                    span.label {}
                    svg.track width="100%" height="18" {
                        @for (at, text) in ticks { text.tick x=(part(*at)) y="12" text-anchor=(anchor(*at)) { (text) } }
                    }
                    span.figure {}
                }
            }
        }
    }
}

fn drawn(mark: &Mark) -> Markup {
    let (middle, bar) = (HEIGHT / 2.0, HEIGHT - 2.0 * FREE);
    match mark {
        Mark::Bar { from, to, kind } => html! {
            rect.bar data-type=(kind) x=(part(*from)) width=(part(to - from)) y=(FREE) height=(bar) rx="3" {}
        },
        Mark::Band { from, to, kind } => html! {
            rect.band data-type=(kind) x=(part(*from)) width=(part(to - from)) y=(middle - 6.0) height="12" rx="3" {}
        },
        Mark::Reach { to } => html! { line.reach x1="0%" x2=(part(*to)) y1=(middle) y2=(middle) {} },
        Mark::Dot { at } => html! { circle.median cx=(part(*at)) cy=(middle) r="4.5" {} },
        Mark::Before { at } => {
            html! { line.before x1=(part(*at)) x2=(part(*at)) y1="2" y2=(HEIGHT - 2.0) {} }
        }
        Mark::Cell { from, to, strength, text } => html! {
            rect.cell x=(part(*from)) width=(part(to - from)) y="1" height=(HEIGHT - 2.0) rx="2"
                fill-opacity=(format!("{:.2}", 0.06 + 0.94 * strength)) { title { (text) } }
        },
    }
}

/// A place on the axis, or a part of it.
fn part(share: f64) -> String {
    let text = format!("{:.2}", share.clamp(0.0, 1.0) * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// On which side of its place a text at the axis stands, so that none sticks out.
pub(super) fn anchor(at: f64) -> &'static str {
    match at {
        at if at < 0.04 => "start",
        at if at > 0.94 => "end",
        _ => "middle",
    }
}

/// Ticks of an axis of numbers that ends at `most`: round steps, at most five of them.
pub(in super::super) fn ticks(most: f64) -> Vec<(f64, String)> {
    let steps = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let step = steps.into_iter().find(|step| most / step <= 5.0).unwrap_or(most);
    let ticks = (0..=5_u8).map(|n| f64::from(n) * step).take_while(|tick| *tick <= most && most > 0.0);
    ticks.map(|tick| (of_most(tick, most), tick.to_string())).collect()
}

/// A figure as a share of the largest one of its axis; nothing where that is nothing.
pub(in super::super) fn of_most(figure: f64, most: f64) -> f64 {
    if most > 0.0 { figure / most } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shares_of_the_axis_and_never_beside_it() {
        assert_eq!([part(0.0), part(0.125), part(1.0 / 3.0), part(1.0)], ["0%", "12.5%", "33.33%", "100%"]);
        assert_eq!([part(-0.2), part(1.2), part(f64::MAX)], ["0%", "100%", "100%"]);
        assert_eq!(of_most(3.0, 0.0), 0.0, "nothing is divided by nothing");
    }

    #[test]
    fn an_axis_of_numbers_has_round_steps() {
        let at = |most: f64| ticks(most).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(at(35.0), ["0", "10", "20", "30"]);
        assert_eq!(at(4.0), ["0", "1", "2", "3", "4"]);
        assert_eq!(at(0.0), [""; 0]);
        assert_eq!(ticks(50.0)[5].0, 1.0);
    }

    #[test]
    fn labels_and_figures_are_texts_of_the_page() {
        let row = Row {
            label: html! { "报价<1>" },
            marks: vec![Mark::Bar { from: 0.25, to: 0.75, kind: "open".into() }],
            figure: "3 · 50%".into(),
        };
        let drawn = plot("t", &[row], &[(0.0, "0".into()), (1.0, "6".into())]).into_string();
        for part in [
            "<span class=\"label\">报价&lt;1&gt;</span>",
            "data-type=\"open\" x=\"25%\" width=\"50%\"",
            "<span class=\"figure\">3 · 50%</span>",
            "x=\"0%\" y=\"12\" text-anchor=\"start\"",
            "x=\"100%\" y=\"12\" text-anchor=\"end\"",
        ] {
            assert!(drawn.contains(part), "{part} is not in {drawn}");
        }
    }
}
