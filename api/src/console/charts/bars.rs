//! Horizontal bar charts.

use maud::{Markup, html};

use super::{FIGURES, LABELS, ROW, WIDTH, at};

/// One bar.
pub(in super::super) struct Bar {
    pub(in super::super) label: String,
    /// How long, in the unit of all bars.
    pub(in super::super) length: f64,
    /// The side tables.
    pub(in super::super) text: String,
    /// Which kind of thing it is, for its colour.
    pub(in super::super) kind: String,
}

/// Bars that begin at a common line, the longest as long as there is room.
pub(in super::super) fn bars(title: &str, bars: &[Bar]) -> Markup {
    let room = WIDTH - LABELS - FIGURES;
    let longest = bars.iter().map(|bar| bar.length).fold(0.0, f64::max);
    let height = ROW * bars.len() as f64;
    html! {
        svg.chart viewBox={ "0 0 " (at(WIDTH)) " " (at(height)) } role="img" aria-label=(title) {
            @for (row, bar) in bars.iter().enumerate() {
                @let y = ROW * row as f64;
                @let length = if longest > 0.0 { room * bar.length / longest } else { 0.0 };
                text.label x=(at(LABELS - 10.0)) y=(at(y + 19.0)) text-anchor="end" { (bar.label) }
                rect.bar data-type=(bar.kind) x=(at(LABELS)) y=(at(y + 5.0)) width=(at(length)) height=(at(ROW - 10.0)) rx="3" {}
                text.figure x=(at(LABELS + length + 8.0)) y=(at(y + 19.0)) { (bar.text) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_takes_the_room_and_the_others_their_share() {
        let bar = |length| Bar { label: "报价".into(), length, text: "x".into(), kind: "open".into() };
        let drawn = bars("t", &[bar(4.0), bar(1.0), bar(0.0)]).into_string();
        for width in ["width=\"340\"", "width=\"85\"", "width=\"0\""] {
            assert!(drawn.contains(width), "{width} is not in {drawn}");
        }
        assert!(
            bars("t", &[bar(0.0)]).into_string().contains("width=\"0\""),
            "nothing is divided by nothing"
        );
    }
}
