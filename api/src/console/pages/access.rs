//! The access log: who read what, and whose data.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::with_query;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::table::{cell, table, words};
use super::{audit, items, reports, text};

/// What reads are found by, as they are asked of the API.
const SOUGHT: [&str; 3] = ["actor", "customer", "kind"];
/// Instants between which it was read.
const WINDOW: [&str; 2] = ["from", "to"];
/// What can be read.
const KINDS: [&str; 4] = ["customers", "events", "export", "audit"];

/// Shows the reads that are sought, the latest first.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    let locale = layout.locale;
    let instants = WINDOW.map(|name| (name, query.get(name).map(|field| locale.instant(field))));
    let sought = SOUGHT.iter().map(|name| (*name, query.get(name)));
    let sought = sought.chain(instants.iter().map(|(name, instant)| (*name, instant.as_deref())));
    let asked = with_query(
        "/v1/audit/access",
        sought.chain([("limit", Some("50")), ("cursor", query.get("cursor"))]),
    );
    let reads = match layout.get(&asked).await {
        Ok(reads) => reads,
        Err(error) => return layout.failed(Part::Audit, &error),
    };
    let next = reads["next_cursor"].as_str().map(|cursor| {
        let sought = SOUGHT.iter().chain(&WINDOW).map(|name| (*name, query.get(name)));
        with_query("/console/audit/access", sought.chain([("cursor", Some(cursor))]))
    });
    let body = html! {
        (audit::sections(locale, "/console/audit/access"))
        p.hint {
            (locale.text(
                "凡是列出客户、事件或证明的查询都在这里：谁、何时、用什么凭据、看了谁的资料；审计员也不例外。",
                "Every answer that named customers, or showed the log or its proofs: who read, when, with what, and whose data. Auditors are no exception.",
            ))
        }
        (filters(locale, &query))
        @if items(&reads).is_empty() {
            p.empty { (locale.text("没有符合条件的查阅。请减少筛选条件。", "No reads match. Remove a filter.")) }
        } @else { (listed(locale, &reads)) }
        @if let Some(next) = next { a.more href=(next) { (locale.text("下一页", "Next page")) } }
        (reports::links(locale, &[&asked, "/v1/audit/access/bundle"]))
    };
    layout.page(Part::Audit, None, locale.text("查阅记录", "Access log"), &body)
}

fn filters(locale: Locale, query: &PageQuery) -> Markup {
    let told = |name: &str| query.get(name).unwrap_or_default();
    html! {
        form.fields role="search" {
            label { (locale.text("查阅人", "Who")) input name="actor" value=(told("actor")) placeholder="rep:li"; }
            label { (locale.text("客户编号", "Customer's ID")) input name="customer" value=(told("customer")); }
            label { (locale.text("内容", "What"))
                select name="kind" {
                    option value="" { (locale.text("全部", "all")) }
                    @for kind in KINDS { option value=(kind) selected[told("kind") == kind] { (named(locale, kind)) } }
                }
            }
            label { (locale.text("自", "From")) input type="datetime-local" name="from" value=(told("from")); }
            label { (locale.text("至", "To")) input type="datetime-local" name="to" value=(told("to")); }
            button { (locale.text("查看", "Apply")) }
        }
    }
}

fn named(locale: Locale, kind: &str) -> &str {
    match kind {
        "customers" => locale.text("客户", "Customers"),
        "events" => locale.text("事件", "Events"),
        "export" => locale.text("导出文件", "Exported file"),
        "audit" => locale.text("审计资料", "Audit data"),
        other => other,
    }
}

fn listed(locale: Locale, reads: &Value) -> Markup {
    let columns = [
        words(locale.text("时间", "Time")),
        words(locale.text("查阅人", "Who")),
        words(locale.text("内容", "What")),
        words(locale.text("请求", "Request")),
        words(locale.text("谁的资料", "Whose data")),
    ];
    let rows: Vec<Vec<Markup>> = items(reads)
        .iter()
        .map(|read| {
            vec![
                html! { (locale.moment(&read["at"])) br; span.hint { "#" (read["position"]) } },
                html! {
                    (text(&read["actor"]))
                    @if let Some(via) = read["via"].as_str().or(read["key_id"].as_str()) { br; span.hint { (via) } }
                },
                cell(named(locale, text(&read["kind"]))),
                html! { span.prose { (text(&read["path"])) (parameters(locale, &read["parameters"])) } },
                whose(locale, &read["customers"]),
            ]
        })
        .collect();
    table(locale.text("查阅记录", "Access log"), &columns, &rows)
}

/// What was asked for, without what may be somebody's name, number or address.
fn parameters(locale: Locale, parameters: &Value) -> Markup {
    let told = parameters.as_object().into_iter().flatten();
    let told: Vec<String> = told
        .map(|(name, value)| {
            format!("{name}={}", value.as_str().unwrap_or_else(|| locale.text("（略）", "(left out)")))
        })
        .collect();
    html! { @if !told.is_empty() { br; span.hint { (told.join(" ")) } } }
}

fn whose(locale: Locale, customers: &Value) -> Markup {
    let all = customers.as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @match all {
            [] => { "—" }
            [one] => { a href={ "/console/customers/" (text(one)) } { (locale.text("打开客户", "Open the customer")) } }
            many => { (locale.customers(&Value::from(many.len()))) }
        }
    }
}
