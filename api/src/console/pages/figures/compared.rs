//! How a report differs from the same one of the period that it is compared with.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::i18n::Locale;
use super::super::figure as value_of;

/// From this rate of false discoveries on a difference counts as none.
const BY_CHANCE: f64 = 0.05;

/// The entry of a list of the compared report that is of the same thing.
pub(super) fn same<'v>(report: &'v Value, list: &str, key: &str, id: &Value) -> &'v Value {
    let mut all = report["compared"][list].as_array().into_iter().flatten();
    all.find(|one| one[key] == *id).unwrap_or(&Value::Null)
}

/// The difference of a figure, of a stage or (null) of the whole.
pub(super) fn difference<'v>(report: &'v Value, figure: &str, stage: &Value) -> &'v Value {
    let mut all = report["compared"]["differences"].as_array().into_iter().flatten();
    all.find(|one| one["figure"] == figure && one["stage"] == *stage).unwrap_or(&Value::Null)
}

/// A difference of shares, in percentage points.
pub(super) fn points(locale: Locale, difference: &Value) -> Markup {
    let unit = locale.text("个百分点", "pts");
    told(locale, difference, |value| format!("{:+.1}", value * 100.0), unit)
}

/// A difference of lengths of time.
pub(super) fn time(locale: Locale, difference: &Value) -> Markup {
    let signed = |seconds: f64| {
        let sign = match seconds {
            none if none.abs() < 0.5 => "",
            less if less < 0.0 => "−",
            _ => "+",
        };
        format!("{sign}{}", locale.briefly(seconds.abs()))
    };
    told(locale, difference, signed, "")
}

fn told(locale: Locale, difference: &Value, write: impl Fn(f64) -> String, unit: &str) -> Markup {
    let Some(estimate) = difference["estimate"].as_f64() else { return html! { "—" } };
    let is_sure = difference["q_value"].as_f64().is_some_and(|q| q < BY_CHANCE);
    let (low, high) = (difference["low"].as_f64(), difference["high"].as_f64());
    html! {
        span.change data-sure=(is_sure) data-direction=(if estimate < 0.0 { "down" } else { "up" })
            title={ (value_of_test(difference)) } {
            (write(estimate)) " " (unit)
        }
        @if let (Some(low), Some(high)) = (low, high) { " " small.hint { (write(low)) " … " (write(high)) } }
        @if !is_sure { " " span.flag { (locale.text("可能是偶然", "may be chance")) } }
    }
}

/// The test and its values, for the reader who wants to know.
fn value_of_test(difference: &Value) -> String {
    let figure =
        |name: &str| difference[name].as_f64().map(|_| format!("{name} {:.3}", value_of(&difference[name])));
    let parts = [difference["test"].as_str().map(str::to_owned), figure("p_value"), figure("q_value")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::Language;

    const LOCALE: Locale = Locale { language: Language::En, zone: Tz::UTC };

    #[test]
    fn a_difference_that_may_be_chance_is_said_to_be() {
        let of = |q: f64| json!({"estimate": -0.122, "low": -0.242, "high": -0.025, "q_value": q});
        let (sure, unsure) =
            (points(LOCALE, &of(0.01)).into_string(), points(LOCALE, &of(0.05)).into_string());
        assert!(sure.contains("-12.2 pts") && sure.contains("-24.2 … -2.5"), "{sure}");
        assert!(!sure.contains("may be chance") && unsure.contains("may be chance"), "{unsure}");
        assert_eq!(time(LOCALE, &Value::Null).into_string(), "—");
    }

    #[test]
    fn what_is_compared_is_found_by_what_it_is_of() {
        let report = json!({"compared": {
            "stages": [{"stage": "a", "count": 1}, {"stage": "b", "count": 2}],
            "differences": [{"figure": "x", "stage": null, "estimate": 1}, {"figure": "x", "stage": "b", "estimate": 2}]
        }});
        assert_eq!(same(&report, "stages", "stage", &json!("b"))["count"], 2);
        assert_eq!(same(&report, "stages", "stage", &json!("c")), &Value::Null);
        assert_eq!(difference(&report, "x", &Value::Null)["estimate"], 1);
        assert_eq!(difference(&report, "x", &json!("b"))["estimate"], 2);
    }
}
