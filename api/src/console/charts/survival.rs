//! A survival curve with its 95% band.

use maud::{Markup, html};
use serde_json::Value;

use super::plot::anchor;
use super::{at, step};
use crate::console::i18n::Locale;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 42.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 6.0;

/// One step of the curve.
#[derive(Clone, Copy)]
struct Step {
    x: f64,
    survival: f64,
    /// The ends of the band; none where nobody is left.
    band: Option<(f64, f64)>,
}

/// The curve of `[age, survival, low, high, at_risk]` by age, up to `until` seconds. The band ends where its limits do.
pub(in super::super) fn survival(locale: Locale, title: &str, curve: &Value, until: f64) -> Markup {
    let until = until.max(1.0);
    let x = |seconds: f64| LEFT + (WIDTH - LEFT - 8.0) * seconds / until;
    let y = |share: f64| TOP + (HEIGHT - BOTTOM - TOP) * (1.0 - share);
    let steps = thinned(curve, until, x);
    let step = step(until);
    let ticks = (0..=5_u8).map(|n| f64::from(n) * step).take_while(|tick| *tick <= until);
    html! {
        svg.chart viewBox={ "0 0 " (at(WIDTH)) " " (at(HEIGHT)) } role="img" aria-label=(title) {
            @for share in [0.0, 0.5, 1.0] {
                line.grid x1=(at(LEFT)) x2=(at(WIDTH - 8.0)) y1=(at(y(share))) y2=(at(y(share))) {}
                text.tick x=(at(LEFT - 5.0)) y=(at(y(share) + 4.0)) text-anchor="end" { (format!("{:.0}%", share * 100.0)) }
            }
            @for tick in ticks {
                text.tick x=(at(x(tick))) y=(at(HEIGHT - 7.0)) text-anchor=(anchor(tick / until)) { (locale.briefly(tick)) }
            }
            path.band d=(band(&steps, x(0.0), x(until), y)) {}
            path.curve d={ (line(&steps, x(0.0), x(until), y, |step| step.survival)) } {}
        }
    }
}

/// At most one step a pixel column: the last one, which is what is seen from there on.
fn thinned(curve: &Value, until: f64, x: impl Fn(f64) -> f64) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for point in curve.as_array().into_iter().flatten() {
        let figure = |place: usize| point[place].as_f64().unwrap_or_default();
        if figure(0) > until {
            break;
        }
        let band = point[2].as_f64().zip(point[3].as_f64());
        let step = Step { x: x(figure(0)), survival: figure(1), band };
        match steps.last_mut() {
            Some(last) if last.x.floor() == step.x.floor() => *last = step,
            _ => steps.push(step),
        }
    }
    steps
}

/// A staircase down from one.
fn line(steps: &[Step], from: f64, to: f64, y: impl Fn(f64) -> f64, of: impl Fn(&Step) -> f64) -> String {
    let mut path = format!("M{} {}", at(from), at(y(1.0)));
    for step in steps {
        path.push_str(&format!("H{}V{}", at(step.x), at(y(of(step)))));
    }
    path.push_str(&format!("H{}", at(to)));
    path
}

/// The room between both limits: along the upper one, and back along the lower.
fn band(steps: &[Step], from: f64, to: f64, y: impl Fn(f64) -> f64 + Copy) -> String {
    let open = steps.iter().take_while(|step| step.band.is_some()).count();
    let to = steps.get(open).map_or(to, |closed| closed.x);
    let steps = &steps[..open];
    let (low, high) = (
        |step: &Step| step.band.map_or(0.0, |band| band.0),
        |step: &Step| step.band.map_or(1.0, |band| band.1),
    );
    let mut path = line(steps, from, to, y, high);
    let lows: Vec<f64> = std::iter::once(1.0).chain(steps.iter().map(low)).collect();
    for (step, before) in steps.iter().zip(&lows).rev() {
        path.push_str(&format!("V{}H{}", at(y(low(step))), at(step.x)));
        path.push_str(&format!("V{}", at(y(*before))));
    }
    path.push('Z');
    path
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::Language;

    const LOCALE: Locale = Locale { language: Language::En, zone: Tz::UTC };

    #[test]
    fn the_curve_steps_down_at_each_age_and_not_before() {
        let curve = json!([[100.0, 0.5, 0.2, 0.8, 2], [200.0, 0.0, null, null, 1]]);
        let drawn = survival(LOCALE, "t", &curve, 200.0).into_string();
        assert!(drawn.contains("d=\"M42 6H167V67H292V128H292\""), "{drawn}");
        // The band ends where nobody is left, and so do its limits: not at a share of nothing.
        assert!(drawn.contains("d=\"M42 6H167V30.4H292V103.6H167V6Z\""), "{drawn}");
    }

    #[test]
    fn a_curve_of_many_steps_is_drawn_with_few() {
        let curve: Vec<Value> =
            (0..50_000).map(|n| json!([f64::from(n), 1.0 - f64::from(n) / 50_000.0, 0.0, 1.0, 1])).collect();
        let steps = thinned(&Value::Array(curve), 50_000.0, |seconds| 258.0 * seconds / 50_000.0);
        assert!(steps.len() <= 259, "{}", steps.len());
    }
}
