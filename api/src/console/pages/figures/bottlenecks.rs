//! Where deals stick: the stages by the time that is lost in them.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{amounts, count, lasting, number, table, words};
use super::super::{figure as value_of, items, text};
use super::{Content, PageRequest, Windows};

/// Shows the bottlenecks, the worst first.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let source = asked.report("bottlenecks", Windows::One, &[]);
    let report = asked.layout.read(&source).await?;
    let title = locale.text("瓶颈", "Bottlenecks");
    let explained = locale.text(
        "停留超过目标的时间之和，按金额加权排序。未选时段时为最近 90 天；没有目标的状态以前一时段的中位数为准。",
        "The time that stays lasted beyond the target, ranked by what the deals may be worth. The last 90 days unless a period is chosen; without a target the median of the period before counts.",
    );
    let lost = |item: &Value| value_of(&item["lost_seconds"]);
    let bars_of: Vec<Bar> = items(&report)
        .iter()
        .map(|item| Bar {
            label: asked.names.stage(locale, &item["stage"]),
            link: Some(asked.customers(&[("stage", text(&item["stage"]))])),
            length: lost(item),
            before: None,
            text: locale.briefly(lost(item)),
            kind: asked.names.kind(&item["stage"]).to_owned(),
        })
        .collect();
    let shown = html! {
        @if items(&report).is_empty() { (asked.nothing()) }
        @else { (bars(title, &bars_of)) (tabled(asked, title, &report)) }
    };
    let body = html! {
        @if asked.query.get("from").is_none() {
            p.hint { (locale.moment(&report["from"])) " – " (locale.moment(&report["to"])) }
        }
        (asked.figure(title, explained, &shown, &[&source]))
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

fn tabled(asked: &PageRequest<'_>, title: &str, report: &Value) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("状态", "Stage")),
        number(locale.text("现有客户", "There now")),
        number(locale.text("停留次数", "Stays")),
        number(locale.text("中位数", "Median")),
        number(locale.text("前一时段", "Median before")),
        number(locale.text("目标", "Target")),
        number(locale.text("超时合计", "Time lost")),
        number(locale.text("金额 × 天数", "Amount × days lost")),
    ];
    let rows: Vec<Vec<Markup>> = items(report)
        .iter()
        .map(|item| {
            let there = asked.customers(&[("stage", text(&item["stage"]))]);
            vec![
                html! { (item["rank"]) ". " (asked.names.stage(locale, &item["stage"])) },
                html! { a href=(there) { (item["open"]) } },
                count(locale, &item["stays"]),
                lasting(locale, &item["median_seconds"]),
                lasting(locale, &item["previous_median_seconds"]),
                lasting(locale, &item["target_seconds"]),
                lasting(locale, &item["lost_seconds"]),
                amounts(locale, &item["lost_value"]),
            ]
        })
        .collect();
    table(title, &columns, &rows)
}
