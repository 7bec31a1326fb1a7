//! What each rep does, and what comes of it.

use maud::{Markup, html};
use serde_json::Value;

use super::super::super::charts::{Bar, bars};
use super::super::super::gateway::ApiError;
use super::super::table::{amounts, cell, count, number, share, table, undecided, words};
use super::super::{figure as value_of, items, text};
use super::compared::{difference, points, same};
use super::{Content, PageRequest, Windows, encoded};

/// Shows the reps, by name.
pub(super) async fn content(asked: &PageRequest<'_>) -> Result<Content, ApiError> {
    let locale = asked.locale;
    let mut more = vec![("pipeline", asked.pipeline), ("limit", "100")];
    more.extend(asked.query.get("cursor").map(|cursor| ("cursor", cursor)));
    let source = asked.path("/v1/reps", Windows::Both, &more);
    let report = asked.layout.read(&source).await?;
    let body = html! {
        (outcome(asked, &report, &source))
        (work(asked, &report, &source))
        @if let Some(cursor) = report["next_cursor"].as_str() {
            a.more href=(asked.link("reps", &[("cursor", cursor)])) { (locale.text("下一页", "Next page")) }
        }
    };
    Ok(Content { echoed: report, choices: html! {}, body })
}

/// A rep, who leads to the customers that are theirs.
fn rep(asked: &PageRequest<'_>, item: &Value) -> Markup {
    html! { a href=(customers(asked, item)) { (text(&item["rep"])) } }
}

fn customers(asked: &PageRequest<'_>, item: &Value) -> String {
    asked.customers(&[("owner", &format!("rep:{}", text(&item["rep"])))])
}

/// The customers that a rep has in hand at the end of the period, as the figure counts them.
fn in_hand(asked: &PageRequest<'_>, report: &Value, item: &Value) -> String {
    let (owner, stages) = (format!("rep:{}", text(&item["rep"])), asked.names.worked().join(","));
    let mut found_by = vec![("owner", owner.as_str()), ("stage", stages.as_str())];
    if asked.query.get("to").is_some() {
        found_by.push(("effective_at", text(&report["to"])));
    }
    asked.customers(&found_by)
}

/// Won and lost.
fn outcome(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let before = |item: &Value| same(report, "items", "rep", &item["rep"]).clone();
    let drawn: Vec<Bar> = items(report)
        .iter()
        .map(|item| Bar {
            label: text(&item["rep"]).to_owned(),
            // What was won in a period is not who is there now: the table has the reps' customers.
            link: None,
            length: value_of(&item["won"]),
            before: asked.compares().then(|| value_of(&before(item)["won"])),
            text: locale.number(&item["won"]),
            kind: "won".to_owned(),
        })
        .collect();
    let mut columns = vec![
        words(locale.text("销售", "Rep")),
        number(locale.text("新客户", "New customers")),
        number(locale.text("成交", "Won")),
        number(locale.text("流失", "Lost")),
        number(locale.text("赢单率及 95% 置信区间", "Win rate and 95% interval")),
        number(locale.text("成交金额", "Amount won")),
    ];
    if asked.compares() {
        columns.push(number(locale.text("对比时段成交", "Won before")));
        columns.push(number(locale.text("对比时段赢单率", "Win rate before")));
    }
    let rows: Vec<Vec<Markup>> = items(report)
        .iter()
        .map(|item| {
            let then = before(item);
            vec![
                rep(asked, item),
                count(locale, &item["new_customers"]),
                count(locale, &item["won"]),
                count(locale, &item["lost"]),
                html! { (share(locale, &item["conversion"])) (undecided(locale, &item["maturity"])) },
                amounts(locale, &item["won_amounts"]),
                count(locale, &then["won"]),
                share(locale, &then["conversion"]),
            ]
        })
        .collect();
    let title = locale.text("各人成交", "Deals by rep");
    let explained = locale.text(
        "时段内记在各人名下的成交与流失；赢单率为成交除以成交与流失之和。",
        "Deals won and lost in the period that are credited to each rep; the win rate is won divided by won and lost.",
    );
    let all = difference(report, "win_share", &Value::Null);
    let shown = html! {
        @if rows.is_empty() { (asked.nothing()) }
        @else {
            p { (locale.text("全体赢单率：", "Win rate of all: ")) (share(locale, &report["totals"]["conversion"]))
                @if all.is_object() { " · " (points(locale, all)) } }
            (bars(title, &drawn))
            (table(title, &columns, &rows))
        }
    };
    asked.figure(title, &asked.explained(explained), &shown, &[source])
}

/// What they did, and what waits for them.
fn work(asked: &PageRequest<'_>, report: &Value, source: &str) -> Markup {
    let locale = asked.locale;
    let columns = [
        words(locale.text("销售", "Rep")),
        number(locale.text("跟进次数", "Follow-ups")),
        number(locale.text("每客户每月跟进", "Per customer and month")),
        number(locale.text("平均记录字数", "Average length")),
        words(locale.text("停留最久的状态", "Slowest stage")),
        number(locale.text("领取", "Claims")),
        number(locale.text("被收回", "Reclaimed")),
        number(locale.text("首次联系超时", "First contact missed")),
        number(locale.text("在手客户", "Open customers")),
        number(locale.text("联系逾期", "Overdue")),
        number(locale.text("久未跟进", "Neglected")),
    ];
    let rows: Vec<Vec<Markup>> = items(report)
        .iter()
        .map(|item| {
            let slowest = &item["slowest_stage"];
            let overdue = format!("/console/work?list=overdue&owner=rep:{}", encoded(text(&item["rep"])));
            vec![
                rep(asked, item),
                count(locale, &item["follow_ups"]),
                count(locale, &item["follow_ups_per_customer_month"]),
                count(locale, &item["average_follow_up_chars"]),
                html! {
                    @if slowest.is_object() {
                        (asked.names.stage(locale, &slowest["stage"]))
                        @if let Some(median) = slowest["median_seconds"].as_f64() { " " span.hint { (locale.briefly(median)) } }
                    } @else { "—" }
                },
                count(locale, &item["claims"]),
                count(locale, &item["reclaims"]),
                count(locale, &item["missed_first_contacts"]),
                html! { a href=(in_hand(asked, report, item)) { (item["open_customers"]) } },
                html! { a href=(overdue) { (item["overdue"]) } },
                cell(locale.number(&item["sat_on"])),
            ]
        })
        .collect();
    let title = locale.text("各人工作", "Work by rep");
    let explained = locale.text(
        "时段内的跟进与公海往来，以及时段末在手的客户。",
        "Conversations and dealings with the pools in the period, and the customers in hand at its end.",
    );
    let shown = html! { @if rows.is_empty() { (asked.nothing()) } @else { (table(title, &columns, &rows)) } };
    asked.figure(title, explained, &shown, &[source])
}
