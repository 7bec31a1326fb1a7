//! Why and where deals are lost.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{amounts, cell, count, customer, number, share, table, undecided, words};
use super::super::{figure as value_of, items, text};
use super::compared::{difference, points};
use super::{Content, PageRequest, Windows, encoded};

/// By what losses are counted beside their reason: as the API calls it, and what the tables say.
const KEYS: [(&str, &str, [&str; 2], [&str; 2]); 4] = [
    ("stage", "by_stage", ["按流失前的状态", "By stage before"], ["流失前的状态", "Stage before"]),
    ("rep", "by_rep", ["按负责人", "By rep"], ["负责人", "Rep"]),
    ("source", "by_source", ["按来源", "By source"], ["来源", "Source"]),
    ("month", "by_month", ["按月份", "By month"], ["月份", "Month"]),
];

/// Shows the losses by reason, stage, rep, source and month; and the deals behind a row, where one was chosen.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let source = asked.report("losses", Windows::Both, &[]);
    let report = asked.layout.read(&source).await?;
    let body = html! {
        @if let Some(by) = asked.query.get("by") { (deals(asked, by).await?) }
        (tiles(asked, &report))
        (reasons(asked, &report, &source))
        (places(asked, &report, &source))
        @for (key, list, title, column) in KEYS { (rows_of(asked, &report, &source, (key, list, title, column))) }
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

fn tiles(asked: &PageRequest<'_>, report: &Value) -> Markup {
    let locale = asked.locale;
    let before = &report["compared"];
    let each = [("ended", "结束的周期", "Cycles that ended"), ("lost", "其中流失", "Lost of them")];
    let share = difference(report, "lost_share", &Value::Null);
    html! {
        div.tiles {
            @for (name, zh, en) in each {
                div.tile {
                    strong { (locale.number(&report[name])) }
                    @if name == "ended" { (undecided(locale, &report["maturity"])) }
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

fn reasons(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let (now, before) = (by_reason(report), by_reason(&report["compared"]));
    let then = |reason: &Value| before.iter().find(|(known, _)| known == reason).map_or(0.0, |(_, sum)| *sum);
    let lost = value_of(&report["lost"]).max(1.0);
    let lost_before = value_of(&report["compared"]["lost"]).max(1.0);
    let drawn: Vec<Bar> = now
        .iter()
        .map(|(reason, sum)| Bar {
            label: asked.names.reason(locale, reason),
            link: Some(behind(asked, "reason", reason)),
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
                html! { a href=(behind(asked, "reason", reason)) { (asked.names.reason(locale, reason)) } },
                cell(sum.to_string()),
                cell(locale.share(sum / lost)),
                cell(then(reason).to_string()),
                cell(locale.share(then(reason) / lost_before)),
            ]
        })
        .collect();
    let title = locale.text("流失原因", "Reasons for losses");
    let explained = locale.text(
        "时段内流失且没有重新激活的周期，按登记的原因。",
        "Cycles that were lost in the period and not taken up again, by the reason recorded.",
    );
    let shown = html! {
        @if rows.is_empty() { (asked.nothing()) } @else { (bars(title, &drawn)) (table(title, &columns, &rows)) }
    };
    asked.figure(title, &asked.explained(explained), &shown, &[source])
}

fn places(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
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

/// Where the deals behind a row are shown.
fn behind(asked: &PageRequest<'_>, by: &str, value: &Value) -> String {
    asked.link("losses", &[("by", by), ("value", text(value)), ("cursor", "")])
}

/// What the value of a key is called.
fn called(asked: &PageRequest<'_>, by: &str, value: &Value) -> String {
    match (by, value.as_str()) {
        ("reason", _) => asked.names.reason(asked.locale, value),
        (_, None) => asked.locale.text("未知", "unknown").to_owned(),
        ("stage", Some(_)) => asked.names.stage(asked.locale, value),
        ("rep", Some(rep)) => rep.strip_prefix("rep:").unwrap_or(rep).to_owned(),
        (_, Some(value)) => value.to_owned(),
    }
}

/// The losses by one key.
fn rows_of(
    asked: &PageRequest<'_>,
    report: &Value,
    source: &str,
    (by, list, [zh, en], column): (&str, &str, [&str; 2], [&str; 2]),
) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text(column[0], column[1])),
        number(locale.text("流失", "Lost")),
        number(locale.text("占比", "Share")),
        number(locale.text("结束的周期", "Cycles that ended")),
        number(locale.text("流失率及 95% 置信区间", "Share lost of them and 95% interval")),
        number(locale.text("金额", "Amount")),
    ];
    let row = |item: &Value| -> Vec<Markup> {
        let named = called(asked, by, &item["value"]);
        vec![
            html! { a href=(behind(asked, by, &item["value"])) { (named) } (undecided(locale, &item["maturity"])) },
            count(locale, &item["count"]),
            cell(locale.share(value_of(&item["share"]))),
            count(locale, &item["ended"]),
            share(locale, &item["lost_share"]),
            amounts(locale, &item["amounts"]),
        ]
    };
    let rows: Vec<Vec<Markup>> = report[list].as_array().into_iter().flatten().map(row).collect();
    let title = locale.text(zh, en);
    let explained = locale.text(
        "流失的周期，以及它们占同类结束周期的比例；点击名称查看涉及的客户。“未定”为时段内开始、尚无结果的周期。",
        "What was lost, and its share of all such cycles that ended; each name leads to the customers. Undecided are those that began in the period and have not ended.",
    );
    let shown = html! { @if rows.is_empty() { (asked.nothing()) } @else { (table(title, &columns, &rows)) } };
    asked.figure(title, explained, &shown, &[source])
}

/// The deals behind a row.
async fn deals(asked: &PageRequest<'_>, by: &str) -> Result<Markup, ApiError> {
    let locale = asked.locale;
    let mut more = vec![("by", by)];
    more.extend(asked.query.get("value").map(|value| ("value", value)));
    more.extend(asked.query.get("cursor").map(|cursor| ("cursor", cursor)));
    let path = format!("/v1/losses/{}/customers", encoded(asked.pipeline));
    let source = asked.path(&path, Windows::One, &more);
    let report = asked.layout.read(&source).await?;
    let value = asked.query.get("value").map_or(Value::Null, Value::from);
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("流失时间", "Lost at")),
        words(locale.text("原因", "Reason")),
        words(locale.text("流失前的状态", "Stage before")),
        words(locale.text("负责人", "Rep")),
        number(locale.text("金额", "Amount")),
    ];
    let row = |deal: &Value| -> Vec<Markup> {
        vec![
            customer(deal),
            cell(locale.moment(&deal["lost_at"])),
            cell(asked.names.reason(locale, &deal["reason"])),
            cell(called(asked, "stage", &deal["stage"])),
            cell(called(asked, "rep", &deal["rep"])),
            html! { @if deal["amount"].is_object() { (locale.money(&deal["amount"])) } @else { "—" } },
        ]
    };
    let rows: Vec<Vec<Markup>> = items(&report).iter().map(row).collect();
    let title = format!("{}{}", locale.text("流失的客户：", "Lost customers: "), called(asked, by, &value));
    let explained = locale.text("最近流失的在前。", "The one lost last first.");
    let shown = html! {
        @if rows.is_empty() { (asked.nothing()) } @else { (table(&title, &columns, &rows)) }
        @if let Some(cursor) = report["next_cursor"].as_str() {
            a.more href=(asked.link("losses", &[("cursor", cursor)])) { (locale.text("下一页", "Next page")) }
        }
        a href=(asked.link("losses", &[("by", ""), ("value", ""), ("cursor", "")])) { (locale.text("收起", "Close the list")) }
    };
    Ok(asked.figure(&title, explained, &shown, &[&source]))
}
