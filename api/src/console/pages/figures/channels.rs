//! Where leads come from, and what comes of them.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{amounts, lasting, number, share, table, undecided, words};
use super::super::{figure as value_of, items};
use super::{Content, PageRequest, Windows};

/// Which contact is credited with a deal.
const ATTRIBUTIONS: [(&str, &str, &str); 3] = [
    ("first", "首次触点", "First contact"),
    ("last", "末次触点", "Last contact"),
    ("linear", "平均分配", "All in equal parts"),
];

/// Shows the sources and channels, those with most leads first.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let chosen = asked.query.get("attribution").unwrap_or(ATTRIBUTIONS[0].0);
    let more = [("pipeline", asked.pipeline), ("attribution", chosen)];
    let source = asked.path("/v1/channels", Windows::One, &more);
    let report = asked.layout.read(&source).await?;
    let before = match asked.before("/v1/channels", &more) {
        Some(before) => Some(asked.layout.read(&before).await?),
        None => None,
    };
    let options: Vec<(&str, &str)> =
        ATTRIBUTIONS.iter().map(|(key, zh, en)| (*key, locale.text(zh, en))).collect();
    let title = locale.text("渠道转化", "Conversion by channel");
    let explained = locale.text(
        "时段内开始的周期按来源和渠道，及其中至今成交的。",
        "Cycles that began in the period by source and channel, and those of them won by now.",
    );
    let shown = html! {
        @if items(&report).is_empty() { (asked.nothing()) }
        @else {
            (bars(title, &drawn(asked, &report, before.as_ref())))
            (tabled(asked, title, &report, before.as_ref()))
        }
    };
    let body = html! {
        (asked.choices("channels", locale.text("归因", "Credit"), "attribution", &options))
        (asked.figure(title, &asked.explained(explained), &shown, &[&source]))
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

/// What a channel is called: where the lead came from, and how.
fn name(asked: &PageRequest<'_>, item: &Value) -> String {
    let unknown = asked.locale.text("未知", "unknown");
    let of = |key: &str| item[key].as_str().unwrap_or(unknown).to_owned();
    format!("{} · {}", of("source"), of("channel"))
}

/// The same channel in the period that is compared.
fn then<'v>(before: Option<&'v Value>, item: &Value) -> &'v Value {
    let mut all = before.map(items).unwrap_or_default().iter();
    let found = all.find(|one| one["source"] == item["source"] && one["channel"] == item["channel"]);
    found.unwrap_or(&Value::Null)
}

/// Its customers; a channel without a name cannot be asked for.
fn customers(asked: &PageRequest<'_>, item: &Value) -> Option<String> {
    let (source, channel) = item["source"].as_str().zip(item["channel"].as_str())?;
    Some(asked.customers(&[("source", source), ("channel", channel)]))
}

fn drawn(asked: &PageRequest<'_>, report: &Value, before: Option<&Value>) -> Vec<Bar> {
    let bar = |item: &Value| Bar {
        label: name(asked, item),
        // Leads are the cycles that began in the period, not who is there now: the table has the channels' customers.
        link: None,
        length: value_of(&item["leads"]),
        before: before.map(|_| value_of(&then(before, item)["leads"])),
        text: match item["conversion"]["estimate"].as_f64() {
            Some(won) => format!("{} → {}", asked.locale.number(&item["leads"]), asked.locale.share(won)),
            None => asked.locale.number(&item["leads"]),
        },
        kind: "open".to_owned(),
    };
    items(report).iter().map(bar).collect()
}

fn tabled(asked: &PageRequest<'_>, title: &str, report: &Value, before: Option<&Value>) -> Markup {
    let locale = asked.locale;
    let mut columns = vec![
        words(locale.text("来源 · 渠道", "Source · channel")),
        number(locale.text("线索", "Leads")),
        number(locale.text("成交", "Won")),
        number(locale.text("转化率及 95% 置信区间", "Conversion and 95% interval")),
        number(locale.text("成交周期中位数", "Median time to a deal")),
        number(locale.text("成交金额", "Amount won")),
    ];
    if before.is_some() {
        columns.push(number(locale.text("对比时段线索", "Leads before")));
        columns.push(number(locale.text("对比时段转化率", "Conversion before")));
    }
    let row = |item: &Value| -> Vec<Markup> {
        let then = then(before, item);
        vec![
            html! { @if let Some(to) = customers(asked, item) { a href=(to) { (name(asked, item)) } } @else { (name(asked, item)) } },
            html! { (locale.number(&item["leads"])) },
            html! { (locale.number(&item["won"])) },
            html! { (share(locale, &item["conversion"])) (undecided(locale, &item["maturity"])) },
            lasting(locale, &item["median_cycle_seconds"]),
            amounts(locale, &item["amounts"]),
            html! { (locale.number(&then["leads"])) },
            share(locale, &then["conversion"]),
        ]
    };
    table(title, &columns, &items(report).iter().map(row).collect::<Vec<_>>())
}
