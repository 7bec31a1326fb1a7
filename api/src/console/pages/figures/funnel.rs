//! The funnel: how many come from stage to stage, and how many are won.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{cell, count, number, share, table, undecided, words};
use super::super::{figure as value_of, text};
use super::compared::{difference, points, same};
use super::{Content, PageRequest, Windows};

/// What may be counted, and in a sentence what that is.
const DEFINITIONS: [(&str, [&str; 2], [&str; 2]); 6] = [
    (
        "entered",
        ["进入", "Entered"],
        [
            "时段内首次进入各状态的周期，及其中至今已进入下一状态的。",
            "Cycles that first came to each stage in the period, and those of them that have come to the next one by now.",
        ],
    ),
    (
        "cohort",
        ["同期群", "Cohort"],
        [
            "时段内首次进入各状态的周期，及其中 30 天内进入下一状态的；都已满 30 天。",
            "Cycles that first came to each stage in the period, and those that came to the next one within 30 days; all have had the time.",
        ],
    ),
    (
        "period",
        ["期间", "Period"],
        [
            "时段内进入下一状态的次数除以进入本状态的次数；不是同一批客户，可能超过 100%。",
            "Entries into the next stage divided by entries into this one in the period; not the same customers, so that it may exceed 100%.",
        ],
    ),
    (
        "active",
        ["在途", "Active"],
        ["时段内任何时候处于各状态的周期。", "Cycles that were in each stage at any time in the period."],
    ),
    (
        "snapshot",
        ["结案", "Ended"],
        [
            "时段内结束的周期：成交数除以成交与流失之和。",
            "Cycles that ended in the period: won divided by won and lost.",
        ],
    ),
    (
        "stock",
        ["现状", "Stock"],
        [
            "此刻处于各状态的客户，不受时段影响。",
            "Customers in each stage at this moment, whatever the period.",
        ],
    ),
];

/// Shows the funnel, by one of its definitions.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let chosen = asked.query.get("definition").unwrap_or(DEFINITIONS[0].0);
    let windows = if chosen == "stock" { Windows::None } else { Windows::Both };
    let source = asked.report("funnels", windows, &[("definition", chosen)]);
    let funnel = asked.layout.read(&source).await?;
    let known = DEFINITIONS.iter().find(|(key, ..)| *key == chosen);
    let explained = known.map_or("", |(_, _, [zh, en])| locale.text(zh, en));
    let options: Vec<(&str, &str)> =
        DEFINITIONS.iter().map(|(key, [zh, en], _)| (*key, locale.text(zh, en))).collect();
    let title = locale.text("转化漏斗", "Conversion funnel");
    let shown = html! {
        (totals(asked, &funnel))
        @if value_of(&funnel["totals"]["count"]) == 0.0 { (asked.nothing()) }
        @else if !stages(&funnel).is_empty() { (drawn(asked, title, &funnel)) (tabled(asked, title, &funnel)) }
    };
    let body = html! {
        (asked.choices("funnel", locale.text("统计口径", "Count"), "definition", &options))
        (asked.figure(title, explained, &shown, &[&source]))
    };
    Ok(Content { echoed: funnel, choices: html! {}, body })
}

fn stages(funnel: &Value) -> &[Value] {
    funnel["stages"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// All that is counted, each once, and the outcome.
fn totals(asked: &PageRequest<'_>, funnel: &Value) -> Markup {
    let locale = asked.locale;
    let totals = &funnel["totals"];
    let before = &funnel["compared"]["totals"];
    let each = [
        ("count", "合计", "Total"),
        ("open", "进行中", "Open"),
        ("won", "成交", "Won"),
        ("lost", "流失", "Lost"),
        ("closed", "已结束", "Closed"),
    ];
    html! {
        div.tiles {
            @for (key, zh, en) in each {
                div.tile {
                    strong { (locale.number(&totals[key])) }
                    @if key == "won" { (undecided(locale, &funnel["maturity"])) }
                    span {
                        (locale.text(zh, en))
                        @if before.is_object() { " · " (locale.text("对比", "before")) " " (locale.number(&before[key])) }
                    }
                }
            }
            @if funnel["closed"].is_object() {
                div.tile {
                    strong { (locale.share(value_of(&funnel["closed"]["win_rate"]["share"]))) }
                    span { (locale.text("赢单率", "Win rate")) " " (share(locale, &funnel["closed"]["win_rate"])) }
                }
            }
            @let won = difference(funnel, "win_share", &Value::Null);
            @if won.is_object() {
                div.tile { span { (locale.text("成交占比之差", "Difference of the share won")) } div { (points(locale, won)) } }
            }
        }
    }
}

fn drawn(asked: &PageRequest<'_>, title: &str, funnel: &Value) -> Markup {
    let locale = asked.locale;
    let rows: Vec<Bar> = stages(funnel)
        .iter()
        .map(|stage| Bar {
            label: asked.names.stage(locale, &stage["stage"]),
            link: None,
            length: value_of(&stage["count"]),
            before: same(funnel, "stages", "stage", &stage["stage"])["count"].as_f64(),
            text: match stage["next"]["ratio"].as_f64() {
                Some(ratio) => format!("{} → {}", stage["count"], locale.share(ratio)),
                None => stage["count"].to_string(),
            },
            kind: text(&stage["type"]).to_owned(),
        })
        .collect();
    bars(title, &rows)
}

fn tabled(asked: &PageRequest<'_>, title: &str, funnel: &Value) -> Markup {
    let locale = asked.locale;
    let mut columns = vec![
        words(locale.text("状态", "Stage")),
        number(locale.text("数量", "Count")),
        words(locale.text("下一状态", "Next stage")),
        number(locale.text("进入下一状态", "Came to the next")),
        number(locale.text("比例及 95% 置信区间", "Share and 95% interval")),
        number(locale.text("已成交", "Won")),
        number(locale.text("成交比例", "Share won")),
    ];
    if asked.compares() {
        columns.push(number(locale.text("对比时段数量", "Count before")));
        columns.push(number(locale.text("对比时段比例", "Share before")));
    }
    let rows: Vec<Vec<Markup>> = stages(funnel).iter().map(|stage| row(asked, funnel, stage)).collect();
    table(title, &columns, &rows)
}

fn row(asked: &PageRequest<'_>, funnel: &Value, stage: &Value) -> Vec<Markup> {
    let locale = asked.locale;
    let (next, won) = (&stage["next"], &stage["won"]);
    let before = same(funnel, "stages", "stage", &stage["stage"]);
    // A ratio of a period is no share and has no interval.
    let of = |step: &Value| match step["ratio"].as_f64() {
        _ if step["share"].is_object() => share(locale, &step["share"]),
        Some(ratio) => html! { (locale.share(ratio)) },
        None => html! { "—" },
    };
    let name = asked.names.stage(locale, &stage["stage"]);
    vec![
        html! { a href=(asked.customers(&[("stage", text(&stage["stage"]))])) { (name) } },
        count(locale, &stage["count"]),
        html! { @if next["to"].is_string() { (asked.names.stage(locale, &next["to"])) } @else { "—" } },
        count(locale, &next["count"]),
        html! { @if stage["share"].is_object() { (share(locale, &stage["share"])) } @else { (of(next)) } },
        count(locale, &won["count"]),
        of(won),
        cell(locale.number(&before["count"])),
        of(&before["next"]),
    ]
}
