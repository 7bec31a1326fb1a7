//! Activity by weekday and hour as a heat map.

use maud::{Markup, html};
use serde_json::Value;

use super::at;
use crate::console::i18n::Locale;

const CELL: f64 = 22.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 18.0;

/// A cell an hour, the fuller the darker. `weekdays` holds 24 counts a day, Monday first.
pub(in super::super) fn heat(locale: Locale, title: &str, weekdays: &Value) -> Markup {
    const DAYS: [(&str, &str); 7] = [
        ("周一", "Mon"),
        ("周二", "Tue"),
        ("周三", "Wed"),
        ("周四", "Thu"),
        ("周五", "Fri"),
        ("周六", "Sat"),
        ("周日", "Sun"),
    ];
    let count = |day: usize, hour: usize| weekdays[day][hour].as_f64().unwrap_or_default();
    let most = (0..7).flat_map(|day| (0..24).map(move |hour| count(day, hour))).fold(0.0, f64::max);
    let (width, height) = (LEFT + 24.0 * CELL, TOP + 7.0 * CELL);
    html! {
        svg.chart viewBox={ "0 0 " (at(width)) " " (at(height)) } role="img" aria-label=(title) {
            @for hour in (0..24_u32).step_by(3) {
                text.tick x=(at(LEFT + f64::from(hour) * CELL)) y="12" { (hour) ":00" }
            }
            @for (day, (zh, en)) in DAYS.iter().enumerate() {
                @let y = TOP + day as f64 * CELL;
                text.tick x=(at(LEFT - 6.0)) y=(at(y + 15.0)) text-anchor="end" { (locale.text(zh, en)) }
                @for hour in 0..24_usize {
                    @let here = count(day, hour);
                    @let strength = if most > 0.0 { here / most } else { 0.0 };
                    rect.cell x=(at(LEFT + hour as f64 * CELL)) y=(at(y)) width=(at(CELL - 2.0)) height=(at(CELL - 2.0))
                        rx="3" fill-opacity=(format!("{:.2}", 0.06 + 0.94 * strength)) {
                        title { (locale.text(zh, en)) " " (hour) ":00 · " (here) }
                    }
                }
            }
        }
    }
}
