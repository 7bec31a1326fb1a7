//! Tables of figures.

use maud::{Markup, html};
use serde_json::Value;

use super::super::i18n::Locale;

/// The head of a column.
pub(super) struct Column<'a> {
    title: &'a str,
    is_number: bool,
}

/// A column of words.
pub(super) fn words(title: &str) -> Column<'_> {
    Column { title, is_number: false }
}

/// A column of numbers, which stand one under the other by their last digits.
pub(super) fn number(title: &str) -> Column<'_> {
    Column { title, is_number: true }
}

/// A table, which scrolls by itself where it is wider than the page. The first cell of a row says what the row is of.
pub(super) fn table(caption: &str, columns: &[Column<'_>], rows: &[Vec<Markup>]) -> Markup {
    let class = |column: &Column<'_>| column.is_number.then_some("number");
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table {
                thead { tr { @for column in columns { th scope="col" class=[class(column)] { (column.title) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, (cell, column)) in row.iter().zip(columns).enumerate() {
                                @if place == 0 { th scope="row" { (cell) } }
                                @else { td class=[class(column)] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The rows of a list.
pub(super) fn rows(list: &Value, row: impl Fn(&Value) -> Vec<Markup>) -> Vec<Vec<Markup>> {
    list.as_array().into_iter().flatten().map(row).collect()
}

/// The customer of a row as a cell, by name where that is known, which leads to its page.
pub(super) fn customer(row: &Value) -> Markup {
    let id = row["customer_id"].as_str().unwrap_or_default();
    html! { a href={ "/console/customers/" (id) } { (row["customer_name"].as_str().unwrap_or(id)) } }
}

/// A text as a cell.
pub(super) fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}

/// A number as a cell; a dash where there is none.
pub(super) fn count(locale: Locale, number: &Value) -> Markup {
    html! { (locale.number(number)) }
}

/// A length of time in seconds as a cell; a dash where there is none.
pub(super) fn lasting(locale: Locale, seconds: &Value) -> Markup {
    html! { @if let Some(seconds) = seconds.as_f64() { (locale.lasting(seconds)) } @else { "—" } }
}

/// A share with its interval, and whether it rests on few.
pub(super) fn share(locale: Locale, share: &Value) -> Markup {
    let estimate = share["share"].as_f64().or_else(|| share["estimate"].as_f64());
    let Some(estimate) = estimate else { return html! { "—" } };
    html! {
        (locale.share(estimate))
        @if let (Some(low), Some(high)) = (share["low"].as_f64(), share["high"].as_f64()) {
            " " small.hint { (format!("{:.0}–{:.0}%", low * 100.0, high * 100.0)) }
        }
        (few(locale, &share["small"]))
    }
}

/// That a figure rests on few.
pub(super) fn few(locale: Locale, small: &Value) -> Markup {
    html! {
        @if *small == true {
            " " span.flag data-flag="small" title=(locale.text("样本不足 20，仅供参考", "Fewer than 20: no more than a hint")) {
                (locale.text("样本少", "few"))
            }
        }
    }
}

/// That it is not known yet what becomes of all cycles that a figure is about: it will change as they end.
pub(super) fn undecided(locale: Locale, maturity: &Value) -> Markup {
    let (open, all) = (locale.number(&maturity["undecided"]), locale.number(&maturity["cycles"]));
    html! {
        @if maturity["mature"] == false {
            " " span.flag data-flag="undecided" title=(locale.text("这些周期尚无结果，数字还会变化", "These cycles have not ended: the figures will change")) {
                (locale.text("未定", "undecided")) " " (open) "/" (all)
            }
        }
    }
}

/// Amounts by currency.
pub(super) fn amounts(locale: Locale, amounts: &Value) -> Markup {
    let each = amounts.as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @if each.is_empty() { "—" }
        @for (place, money) in each.iter().enumerate() {
            @if place > 0 { br; }
            span.money title=(locale.money(money)) { (locale.about(money)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::Language;

    const LOCALE: Locale = Locale { language: Language::En, zone: Tz::UTC };

    #[test]
    fn what_rests_on_few_is_flagged() {
        let of = |small| {
            share(LOCALE, &json!({"share": 0.5, "low": 0.2, "high": 0.8, "small": small})).into_string()
        };
        assert!(of(true).contains("20–80%") && of(true).contains("data-flag=\"small\""), "{}", of(true));
        assert!(!of(false).contains("flag"));
        assert_eq!(share(LOCALE, &Value::Null).into_string(), "—");
    }

    #[test]
    fn a_figure_says_how_many_cycles_are_undecided_until_none_is() {
        let of = |open: u64| {
            let maturity = json!({"mature": open == 0, "cycles": 12, "undecided": open, "matures_at": null});
            undecided(LOCALE, &maturity).into_string()
        };
        assert!(of(3).contains("undecided 3/12") && of(3).contains("data-flag=\"undecided\""), "{}", of(3));
        assert_eq!((of(0), undecided(LOCALE, &Value::Null).into_string()), (String::new(), String::new()));
    }

    #[test]
    fn numbers_stand_under_each_other_and_a_row_begins_with_what_it_is_of() {
        let shown =
            table("t", &[words("Stage"), number("Count")], &[vec![cell("报价"), cell("3")]]).into_string();
        for part in [
            "<th scope=\"row\">报价</th>",
            "<td class=\"number\">3</td>",
            "<th scope=\"col\" class=\"number\">",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }
}
