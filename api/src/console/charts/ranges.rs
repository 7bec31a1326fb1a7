//! Dwell times by stage: the median with its 95% interval, and the 90% quantile.

use maud::{Markup, html};

use super::plot::{Mark, Row, of_most, plot};
use super::step;
use crate::console::i18n::Locale;

/// One stage's figures in seconds. What is not known is not drawn.
pub(in super::super) struct Range {
    pub(in super::super) label: String,
    pub(in super::super) median: Option<f64>,
    pub(in super::super) low: Option<f64>,
    pub(in super::super) high: Option<f64>,
    pub(in super::super) p90: Option<f64>,
    /// The median of the period that it is compared with.
    pub(in super::super) before: Option<f64>,
    pub(in super::super) kind: String,
}

/// Ranges on a common axis of time.
pub(in super::super) fn ranges(locale: Locale, title: &str, ranges: &[Range]) -> Markup {
    let known = ranges.iter().flat_map(|range| [range.median, range.high, range.p90, range.before]).flatten();
    let most = known.fold(0.0, f64::max);
    let rows: Vec<Row> = ranges.iter().map(|range| row(locale, range, most)).collect();
    plot(title, &rows, &time_ticks(locale, most))
}

fn row(locale: Locale, range: &Range, most: f64) -> Row {
    let place = |seconds: f64| of_most(seconds, most);
    let reach = range.p90.map(|p90| Mark::Reach { to: place(p90) });
    let band = range.low.zip(range.high).map(|(low, high)| Mark::Band {
        from: place(low),
        to: place(high),
        kind: range.kind.clone(),
    });
    let before = range.before.map(|before| Mark::Before { at: place(before) });
    let median = range.median.map(|median| Mark::Dot { at: place(median) });
    let unknown = || locale.text("未达到", "not reached").to_owned();
    Row {
        label: html! { (range.label) },
        marks: [reach, band, before, median].into_iter().flatten().collect(),
        figure: range.median.map_or_else(unknown, |median| locale.lasting(median)),
    }
}

/// Ticks of an axis of time that ends at `most` seconds.
pub(in super::super) fn time_ticks(locale: Locale, most: f64) -> Vec<(f64, String)> {
    let step = step(most);
    let ticks = (0..=5_u8).map(|n| f64::from(n) * step).take_while(|tick| *tick <= most && most > 0.0);
    ticks.map(|tick| (of_most(tick, most), locale.briefly(tick))).collect()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::Language;

    #[test]
    fn a_median_that_was_never_reached_is_said_and_not_drawn() {
        let locale = Locale { language: Language::En, zone: Tz::UTC };
        let range = |median| Range {
            label: "a".into(),
            median,
            low: None,
            high: None,
            p90: None,
            before: None,
            kind: "open".into(),
        };
        let drawn = ranges(locale, "t", &[range(None), range(Some(86_400.0))]).into_string();
        assert_eq!(drawn.matches("<circle").count(), 1);
        assert!(drawn.contains("not reached") && drawn.contains("1 d"), "{drawn}");
        assert!(drawn.contains("cx=\"100%\""), "the longest ends where the room does: {drawn}");
    }
}
