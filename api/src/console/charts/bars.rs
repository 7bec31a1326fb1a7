//! Horizontal bar charts.

use maud::{Markup, html};

use super::plot::{Mark, Row, of_most, plot};

/// One bar.
pub(in super::super) struct Bar {
    pub(in super::super) label: String,
    /// Where the label leads, if anywhere.
    pub(in super::super) link: Option<String>,
    /// How long, in the unit of all bars.
    pub(in super::super) length: f64,
    /// How long it was in the period that it is compared with.
    pub(in super::super) before: Option<f64>,
    /// The figure beside it.
    pub(in super::super) text: String,
    /// Which kind of thing it is, for its colour.
    pub(in super::super) kind: String,
}

/// Bars that begin at a common line, the longest as long as there is room.
pub(in super::super) fn bars(title: &str, bars: &[Bar]) -> Markup {
    let lengths = bars.iter().flat_map(|bar| [Some(bar.length), bar.before]).flatten();
    let longest = lengths.fold(0.0, f64::max);
    let rows: Vec<Row> = bars
        .iter()
        .map(|bar| {
            let to = of_most(bar.length, longest);
            let bar_itself = Mark::Bar { from: 0.0, to, kind: bar.kind.clone() };
            let before = bar.before.map(|before| Mark::Before { at: of_most(before, longest) });
            Row {
                label: linked(&bar.label, bar.link.as_deref()),
                marks: std::iter::once(bar_itself).chain(before).collect(),
                figure: bar.text.clone(),
            }
        })
        .collect();
    plot(title, &rows, &[])
}

/// A text, as a link where it leads somewhere.
pub(in super::super) fn linked(text: &str, to: Option<&str>) -> Markup {
    html! { @if let Some(to) = to { a href=(to) { (text) } } @else { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_takes_the_room_and_the_others_their_share() {
        let bar = |length, before| Bar {
            label: "报价".into(),
            link: None,
            length,
            before,
            text: "x".into(),
            kind: "open".into(),
        };
        let drawn = bars("t", &[bar(2.0, Some(4.0)), bar(1.0, None), bar(0.0, None)]).into_string();
        for part in ["width=\"50%\"", "width=\"25%\"", "width=\"0%\"", "class=\"before\" x1=\"100%\""] {
            assert!(drawn.contains(part), "{part} is not in {drawn}");
        }
        assert!(bars("t", &[bar(0.0, None)]).into_string().contains("width=\"0%\""), "nothing by nothing");
    }
}
