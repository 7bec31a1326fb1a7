//! Pipeline changes between two moments, as a waterfall, with the customers behind each step.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::super::address::{encoded, with_query};
use super::super::super::charts::{Mark, Row, linked, of_most, plot};
use super::super::super::gateway::ApiError;
use super::super::super::i18n::Locale;
use super::super::super::layout::{Layout, Part};
use super::super::super::session::PageQuery;
use super::super::names::Names;
use super::super::table::{amounts, cell, number, table, words};
use super::super::{FilterBar, figure as value_of, items, text};
use super::{Content, PageRequest, period, reports};

/// What a change is called.
const KINDS: [(&str, &str, &str); 26] = [
    ("known_late", "补录", "Recorded late"),
    ("withdrawn", "撤回", "Withdrawn"),
    ("corrected_in", "更正后计入", "Corrected into the value"),
    ("corrected_out", "更正后移出", "Corrected out of the value"),
    ("merged", "合并", "Merged"),
    ("erased", "个人资料删除", "Erased"),
    ("kept", "不变", "As it was known"),
    ("created", "新增", "New"),
    ("reactivated", "重新激活", "Reactivated"),
    ("woken", "恢复跟进", "Taken up again"),
    ("pulled_in", "预计成交提前到本期", "Expected close moved in"),
    ("entered_scope", "进入筛选范围", "Came into the filter"),
    ("won", "成交", "Won"),
    ("partial", "部分成交", "Partially won"),
    ("lost", "流失", "Lost"),
    ("rested", "转入休眠或暂停", "Put to rest"),
    ("closed", "结束", "Closed"),
    ("pushed_out", "预计成交推迟出本期", "Expected close moved out"),
    ("left_scope", "离开筛选范围", "Left the filter"),
    ("advanced", "推进", "Advanced"),
    ("moved_back", "后退", "Moved back"),
    ("stayed", "停留", "Stayed"),
    ("amount_up", "金额增加", "Amount raised"),
    ("amount_down", "金额减少", "Amount lowered"),
    ("opening", "期初", "Opening"),
    ("closing", "期末", "Closing"),
];

fn kind_name(locale: Locale, kind: &str) -> &str {
    let known = KINDS.iter().find(|(known, ..)| *known == kind);
    known.map_or(kind, |(_, zh, en)| locale.text(zh, en))
}

/// One step of the waterfall.
struct Step<'a> {
    label: String,
    link: Option<String>,
    count: &'a Value,
    /// What it adds to the number of cycles; none for the value at a moment.
    change: Option<f64>,
    amounts: &'a Value,
    kind: &'static str,
}

/// Shows the waterfall: of the period, or of the last 30 days.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let source = source(asked);
    let report = asked.layout.read(&source).await?;
    let steps = steps(asked, &report);
    let title = locale.text("销售流程变化", "Pipeline changes");
    let explained = locale.text(
        "期初到期末，在途客户（进行中、休眠、暂停）因什么增减。先列事后才知道的更正，再列期间发生的事；每一步可查看涉及的客户。未选时段时为最近 30 天。",
        "From opening to closing: what added to the customers under way (open, dormant, paused) and what took from them. First what became known later, then what happened; each step leads to its customers. The last 30 days unless a period is chosen.",
    );
    let shown = html! { (drawn(title, &steps)) (tabled(locale, title, &steps)) };
    let body = html! {
        @if asked.query.get("from").is_none() {
            p.hint {
                (locale.moment(&report["from"]["effective_at"])) " – " (locale.moment(&report["to"]["effective_at"]))
            }
        }
        (asked.figure(title, explained, &shown, &[&source]))
    };
    Ok(Content { echoed: report["to"].clone(), choices: html! {}, body })
}

/// The path of the report: the period's ends are its two moments, and what the filters let through counts at both.
fn source(asked: &PageRequest<'_>) -> String {
    let instant = |name: &str| asked.query.get(name).map(|given| period::instant(asked.locale, name, given));
    let to = instant("to").or_else(|| instant("effective_at"));
    let pairs = [
        ("from_effective_at", instant("from")),
        ("to_effective_at", to),
        ("to_known_at", instant("known_at")),
    ];
    let who = FilterBar::WHO.iter().map(|name| (*name, asked.query.get(name)));
    let moments = pairs.iter().map(|(name, value)| (*name, value.as_deref()));
    with_query(&format!("/v1/changes/{}", encoded(asked.pipeline)), moments.chain(who))
}

fn steps<'a>(asked: &PageRequest<'_>, report: &'a Value) -> Vec<Step<'a>> {
    let locale = asked.locale;
    let total = |label: &str, of: &'a Value| Step {
        label: label.to_owned(),
        link: None,
        count: &of["count"],
        change: None,
        amounts: &of["amounts"],
        kind: "open",
    };
    let of = |part: &'static str| {
        report[part].as_array().into_iter().flatten().map(move |bucket| {
            let kind = text(&bucket["kind"]);
            let change = value_of(&bucket["change"]);
            let cursor = [("cursor", text(&bucket["customers"])), ("part", part), ("kind", kind)];
            Step {
                label: kind_name(locale, kind).to_owned(),
                link: (bucket["count"] != 0).then(|| asked.link("changes/customers", &cursor)),
                count: &bucket["count"],
                change: Some(change),
                amounts: &bucket["amounts"],
                kind: if change < 0.0 {
                    "lost"
                } else if change > 0.0 {
                    "won"
                } else {
                    "paused"
                },
            }
        })
    };
    let mut steps = vec![total(locale.text("期初", "Opening"), &report["opening"])];
    steps.extend(of("learned"));
    steps.push(total(locale.text("期初（更正后）", "Opening, restated"), &report["restated"]));
    steps.extend(of("happened"));
    steps.push(total(locale.text("期末", "Closing"), &report["closing"]));
    steps
}

/// Each step begins where the one before ended.
fn drawn(title: &str, steps: &[Step<'_>]) -> Markup {
    let mut level = 0.0;
    let mut spans = Vec::new();
    for step in steps {
        let (from, to) = match step.change {
            None => (0.0, value_of(step.count)),
            Some(change) => (level, level + change),
        };
        level = to;
        spans.push((step, from, to));
    }
    let most = spans.iter().flat_map(|(_, from, to)| [*from, *to]).fold(0.0, f64::max);
    // What changes nothing about the number has no bar.
    let rows: Vec<Row> = spans
        .iter()
        .filter(|(step, ..)| step.change != Some(0.0))
        .map(|(step, from, to)| Row {
            label: linked(&step.label, step.link.as_deref()),
            marks: vec![Mark::Bar {
                from: of_most(from.min(*to), most),
                to: of_most(from.max(*to), most),
                kind: step.kind.to_owned(),
            }],
            figure: step.change.map_or_else(|| to.to_string(), signed),
        })
        .collect();
    plot(title, &rows, &[])
}

fn signed(change: f64) -> String {
    if change == 0.0 { "0".to_owned() } else { format!("{change:+}") }
}

fn tabled(locale: Locale, title: &str, steps: &[Step<'_>]) -> Markup {
    let columns = [
        words(locale.text("步骤", "Step")),
        number(locale.text("周期数", "Cycles")),
        number(locale.text("数量变化", "Change")),
        number(locale.text("金额变化", "Amount")),
    ];
    let rows: Vec<Vec<Markup>> = steps
        .iter()
        .map(|step| {
            vec![
                html! { @if step.change.is_none() { strong { (step.label) } } @else { (step.label) } },
                linked(&locale.number(step.count), step.link.as_deref()),
                cell(step.change.map_or_else(String::new, signed)),
                amounts(locale, step.amounts),
            ]
        })
        .collect();
    table(title, &columns, &rows)
}

/// Shows the customers behind a step, a page at a time.
pub(in super::super::super) async fn customers(
    layout: Layout,
    Path(pipeline): Path<String>,
    query: PageQuery,
) -> Response {
    match behind(&layout, &pipeline, &query).await {
        Ok(body) => {
            let title = layout.locale.text("涉及的客户", "The customers behind it");
            layout.page(Part::Figures, Some(&pipeline), title, &body)
        }
        Err(error) => layout.failed(Part::Figures, &error),
    }
}

async fn behind(layout: &Layout, pipeline: &str, query: &PageQuery) -> Result<Markup, ApiError> {
    let locale = layout.locale;
    let names = Names(layout.read(&format!("/v1/pipelines/{}", encoded(pipeline))).await?);
    let asked = PageRequest { layout, locale, pipeline, tab: "changes", query, names };
    let path = format!("/v1/changes/{}/customers", encoded(pipeline));
    let source = with_query(&path, [("cursor", Some(query.get("cursor").unwrap_or_default()))]);
    let list = layout.get(&source).await?;
    let kind = query.get("kind").unwrap_or_default();
    let part = match query.get("part") {
        Some("learned") => locale.text("期初以后得知", "Learned since the opening"),
        _ => locale.text("期间发生", "Happened in the period"),
    };
    let title = kind_name(locale, kind);
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("之前的状态", "Stage before")),
        words(locale.text("之后的状态", "Stage after")),
        number(locale.text("之前的金额", "Amount before")),
        number(locale.text("之后的金额", "Amount after")),
    ];
    let stage = |id: &Value| html! { @if id.is_string() { (asked.names.stage(locale, id)) } @else { "—" } };
    let money = |money: &Value| html! { @if money.is_object() { (locale.money(money)) } @else { "—" } };
    let rows: Vec<Vec<Markup>> = items(&list)
        .iter()
        .map(|cycle| {
            let id = text(&cycle["customer_id"]);
            vec![
                html! {
                    a href={ "/console/customers/" (id) } { (cycle["name"].as_str().unwrap_or(id)) }
                    @if cycle["cycle"] != 1 { " " span.hint { (locale.cycle(&cycle["cycle"])) } }
                },
                stage(&cycle["stage_before"]),
                stage(&cycle["stage_after"]),
                money(&cycle["amount_before"]),
                money(&cycle["amount_after"]),
            ]
        })
        .collect();
    let next = list["next_cursor"].as_str().map(|cursor| {
        let kept = [("cursor", cursor), ("part", query.get("part").unwrap_or_default()), ("kind", kind)];
        asked.link("changes/customers", &kept)
    });
    Ok(html! {
        p { a href=(asked.link("changes", &[])) { "← " (locale.text("销售流程变化", "Pipeline changes")) } }
        h1 { (title) " " small { (part) } }
        @if rows.is_empty() { (asked.nothing()) } @else { (table(title, &columns, &rows)) }
        @if let Some(next) = next { a.more href=(next) { (locale.text("下一页", "Next page")) } }
        (reports::links(locale, &[&source]))
    })
}
