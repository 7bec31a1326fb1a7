//! Activity by weekday and hour as a heat map.

use maud::{Markup, html};
use serde_json::Value;

use super::plot::{Mark, Row, plot};
use crate::console::i18n::Locale;

/// A cell an hour, the fuller the darker. `weekdays` holds 24 counts a day, Monday first.
pub(in super::super) fn heat(locale: Locale, title: &str, weekdays: &Value) -> Markup {
    let count = |day: usize, hour: usize| weekdays[day][hour].as_f64().unwrap_or_default();
    let most = (0..7).flat_map(|day| (0..24).map(move |hour| count(day, hour))).fold(0.0, f64::max);
    let cell = |day: usize, hour: usize| Mark::Cell {
        from: hour as f64 / 24.0 + 0.001,
        to: (hour as f64 + 1.0) / 24.0 - 0.002,
        strength: if most > 0.0 { count(day, hour) / most } else { 0.0 },
        text: format!("{} {hour}:00 · {}", locale.weekday(day), count(day, hour)),
    };
    let rows: Vec<Row> = (0..7)
        .map(|day| Row {
            label: html! { (locale.weekday(day)) },
            marks: (0..24).map(|hour| cell(day, hour)).collect(),
            figure: (0..24).map(|hour| count(day, hour)).sum::<f64>().to_string(),
        })
        .collect();
    let ticks: Vec<(f64, String)> =
        (0..24_u8).step_by(6).map(|hour| (f64::from(hour) / 24.0, format!("{hour}:00"))).collect();
    plot(title, &rows, &ticks)
}
