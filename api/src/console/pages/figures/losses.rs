//! Why and where deals are lost.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{amounts, cell, count, number, table, words};
use super::super::{figure as value_of, items};
use super::compared::{difference, points};
use super::{Asked, Content, Windows};

/// Shows the losses by reason, and by reason and stage.
pub(super) async fn content(asked: &Asked<'_>) -> Result<Content, ApiError> {
    let source = asked.report("losses", Windows::Both, &[]);
    let report = asked.layout.read(&source).await?;
    let body = html! {
        (tiles(asked, &report))
        (reasons(asked, &report, &source))
        (places(asked, &report, &source))
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

fn tiles(asked: &Asked<'_>, report: &Value) -> Markup {
    let locale = asked.locale;
    let before = &report["compared"];
    let each = [("ended", "结束的周期", "Cycles that ended"), ("lost", "其中流失", "Lost of them")];
    let share = difference(report, "lost_share", &Value::Null);
    html! {
        div.tiles {
            @for (name, zh, en) in each {
                div.tile {
                    strong { (locale.number(&report[name])) }
                    span {
                        (locale.text(zh, en))
                        @if before.is_object() { " · " (locale.text("对比", "before")) " " (locale.number(&before[name])) }
                    }
                }
            }
            @if share.is_object() {
                div.tile { span { (locale.text("流失占比之差", "Difference of the share lost")) } div { (points(locale, share)) } }
            }
        }
    }
}

/// How many of a report were lost for each reason, the most frequent first.
fn by_reason(report: &Value) -> Vec<(Value, f64)> {
    let mut sums: Vec<(Value, f64)> = Vec::new();
    for item in items(report) {
        let count = value_of(&item["count"]);
        match sums.iter_mut().find(|(reason, _)| *reason == item["reason"]) {
            Some((_, sum)) => *sum += count,
            None => sums.push((item["reason"].clone(), count)),
        }
    }
    sums.sort_by(|one, other| other.1.total_cmp(&one.1));
    sums
}

fn reasons(asked: &Asked<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let (now, before) = (by_reason(report), by_reason(&report["compared"]));
    let then = |reason: &Value| before.iter().find(|(known, _)| known == reason).map_or(0.0, |(_, sum)| *sum);
    let lost = value_of(&report["lost"]).max(1.0);
    let lost_before = value_of(&report["compared"]["lost"]).max(1.0);
    let drawn: Vec<Bar> = now
        .iter()
        .map(|(reason, sum)| Bar {
            label: asked.names.reason(locale, reason),
            link: None,
            length: *sum,
            before: asked.compares().then(|| then(reason)),
            text: format!("{sum} · {}", locale.share(sum / lost)),
            kind: "lost".to_owned(),
        })
        .collect();
    let mut columns = vec![
        words(locale.text("原因", "Reason")),
        number(locale.text("流失", "Lost")),
        number(locale.text("占比", "Share")),
    ];
    if asked.compares() {
        columns.push(number(locale.text("对比时段", "Before")));
        columns.push(number(locale.text("对比时段占比", "Share before")));
    }
    let rows: Vec<Vec<Markup>> = now
        .iter()
        .map(|(reason, sum)| {
            vec![
                cell(asked.names.reason(locale, reason)),
                cell(sum.to_string()),
                cell(locale.share(sum / lost)),
                cell(then(reason).to_string()),
                cell(locale.share(then(reason) / lost_before)),
            ]
        })
        .collect();
    let title = locale.text("流失原因", "Reasons for losses");
    let explained = locale.text(
        "时段内流失且没有重新激活的周期，按登记的原因。竖线为对比时段。",
        "Cycles that were lost in the period and not taken up again, by the reason recorded. The upright line is the period compared.",
    );
    let shown = html! {
        @if rows.is_empty() { (asked.nothing()) } @else { (bars(title, &drawn)) (table(title, &columns, &rows)) }
    };
    asked.figure(title, explained, &shown, &[source])
}

fn places(asked: &Asked<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("原因", "Reason")),
        words(locale.text("流失前的状态", "Stage before")),
        number(locale.text("流失", "Lost")),
        number(locale.text("占比", "Share")),
        number(locale.text("金额", "Amount")),
    ];
    let rows: Vec<Vec<Markup>> = items(report)
        .iter()
        .map(|item| {
            vec![
                cell(asked.names.reason(locale, &item["reason"])),
                html! { @if item["stage"].is_string() { (asked.names.stage(locale, &item["stage"])) } @else { "—" } },
                count(locale, &item["count"]),
                cell(locale.share(value_of(&item["share"]))),
                amounts(locale, &item["amounts"]),
            ]
        })
        .collect();
    let title = locale.text("在哪个状态因什么流失", "Where and why deals are lost");
    let explained = locale.text(
        "流失前所在的状态和原因，次数最多的在前。",
        "The stage before the loss and the reason, the most frequent first.",
    );
    let shown = html! { @if rows.is_empty() { (asked.nothing()) } @else { (table(title, &columns, &rows)) } };
    asked.figure(title, explained, &shown, &[source])
}
