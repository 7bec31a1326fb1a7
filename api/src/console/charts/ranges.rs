//! Dwell times by stage: the median with its 95% interval, and the 90% quantile.

use maud::{Markup, html};

use super::{FIGURES, LABELS, ROW, WIDTH, at, step};
use crate::console::i18n::Locale;

/// One stage's figures in seconds. What is not known is not drawn.
pub(in super::super) struct Range {
    pub(in super::super) label: String,
    pub(in super::super) median: Option<f64>,
    pub(in super::super) low: Option<f64>,
    pub(in super::super) high: Option<f64>,
    pub(in super::super) p90: Option<f64>,
    pub(in super::super) kind: String,
}

/// Ranges on a common axis of time.
pub(in super::super) fn ranges(locale: Locale, title: &str, ranges: &[Range]) -> Markup {
    let room = WIDTH - LABELS - FIGURES;
    let known = ranges.iter().flat_map(|range| [range.median, range.high, range.p90]).flatten();
    let most = known.fold(0.0, f64::max);
    let x = |seconds: f64| LABELS + if most > 0.0 { room * seconds / most } else { 0.0 };
    let height = ROW * (ranges.len() as f64 + 1.0);
    let step = step(most);
    let ticks = (0..=5_u8).map(|n| f64::from(n) * step).take_while(|tick| *tick <= most && most > 0.0);
    html! {
        svg.chart viewBox={ "0 0 " (at(WIDTH)) " " (at(height)) } role="img" aria-label=(title) {
            @for tick in ticks {
                line.grid x1=(at(x(tick))) x2=(at(x(tick))) y1="0" y2=(at(height - ROW)) {}
                text.tick x=(at(x(tick))) y=(at(height - 8.0)) text-anchor="middle" { (locale.lasting(tick)) }
            }
            @for (row, range) in ranges.iter().enumerate() {
                @let y = ROW * row as f64 + ROW / 2.0;
                text.label x=(at(LABELS - 10.0)) y=(at(y + 5.0)) text-anchor="end" { (range.label) }
                @if let Some(p90) = range.p90 {
                    line.reach x1=(at(x(0.0))) x2=(at(x(p90))) y1=(at(y)) y2=(at(y)) {}
                }
                @if let (Some(low), Some(high)) = (range.low, range.high) {
                    rect.band data-type=(range.kind) x=(at(x(low))) y=(at(y - 6.0)) width=(at(x(high) - x(low))) height="12" rx="3" {}
                }
                @match range.median {
                    Some(median) => {
                        circle.median cx=(at(x(median))) cy=(at(y)) r="4.5" {}
                        text.figure x=(at(WIDTH - FIGURES + 12.0)) y=(at(y + 5.0)) { (locale.lasting(median)) }
                    }
                    None => text.figure x=(at(WIDTH - FIGURES + 12.0)) y=(at(y + 5.0)) { (locale.text("未达到", "not reached")) },
                }
            }
        }
    }
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
            kind: "open".into(),
        };
        let drawn = ranges(locale, "t", &[range(None), range(Some(86_400.0))]).into_string();
        assert_eq!(drawn.matches("<circle").count(), 1);
        assert!(drawn.contains("not reached") && drawn.contains("1 d"), "{drawn}");
        assert!(drawn.contains("cx=\"510\""), "the longest ends where the room does: {drawn}");
    }
}
