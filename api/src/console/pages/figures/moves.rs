//! A table of single moves, with what is said of each.

use maud::{Markup, html};
use serde_json::Value;

use super::super::table::{cell, customer, rows, table, words};
use super::super::text;
use super::PageRequest;

/// Moves, each with its customer and what is said of it in the last column; none where there are none.
pub(super) fn moves(
    asked: &PageRequest<'_>,
    (title, said): (&str, &str),
    list: &Value,
    say: impl Fn(&Value) -> Markup,
) -> Option<Markup> {
    let locale = asked.locale;
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("变更", "Move")),
        words(locale.text("操作人", "Who")),
        words(locale.text("时间", "When")),
        words(said),
    ];
    let rows = rows(list, |one| {
        vec![
            customer(one),
            html! {
                @if one["from"].is_string() { (asked.names.stage(locale, &one["from"])) " → " }
                (asked.names.stage(locale, &one["to"]))
            },
            cell(text(&one["actor"])),
            cell(locale.moment(&one["effective_at"])),
            say(one),
        ]
    });
    (!rows.is_empty()).then(|| table(title, &columns, &rows))
}
