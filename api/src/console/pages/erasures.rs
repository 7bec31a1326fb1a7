//! Erasures: the certificates, and of one customer who outside may still hold what was known.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::{encoded, with_query};
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::table::{Column, cell, number, table, words};
use super::{audit, items, reports, text};

const HERE: &str = "/console/audit/erasures";
/// Whose erasure.
const CUSTOMER: &str = "customer";

/// Shows the erasures, the latest first; or, of one customer, whom its erasure does not reach.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    match query.get(CUSTOMER) {
        Some(customer) => of_customer(&layout, customer.trim()).await,
        None => all(&layout, &query).await,
    }
}

async fn all(layout: &Layout, query: &PageQuery) -> Response {
    let locale = layout.locale;
    let asked = with_query("/v1/audit/erasures", [("limit", Some("50")), ("cursor", query.get("cursor"))]);
    let erasures = match layout.get(&asked).await {
        Ok(erasures) => erasures,
        Err(error) => return layout.failed(Part::Audit, &error),
    };
    let next = erasures["next_cursor"].as_str().map(|cursor| with_query(HERE, [("cursor", Some(cursor))]));
    let body = html! {
        (audit::sections(locale, HERE))
        p.hint {
            (locale.text(
                "删除后，日志中的个人资料永远无法再读取；每次删除都有一份证明。",
                "What was personal of these customers can never be read in the log again. Each erasure has a certificate.",
            ))
        }
        form.fields role="search" {
            label { (locale.text("客户编号", "Customer's ID")) input name=(CUSTOMER) required; }
            button { (locale.text("查看谁还持有资料", "See who still holds data")) }
        }
        @if items(&erasures).is_empty() {
            p.empty { (locale.text("还没有删除过客户资料。", "Nobody was erased yet.")) }
        } @else { (listed(locale, items(&erasures))) }
        @if let Some(next) = next { a.more href=(next) { (locale.text("下一页", "Next page")) } }
        (reports::links(locale, &[&asked]))
    };
    layout.page(Part::Audit, None, locale.text("资料删除", "Erasures"), &body)
}

async fn of_customer(layout: &Layout, customer: &str) -> Response {
    let locale = layout.locale;
    let asked = format!("/v1/audit/erasures/{}", encoded(customer));
    let reach = match layout.get(&asked).await {
        Ok(reach) => reach,
        Err(error) => return layout.failed(Part::Audit, &error),
    };
    let body = html! {
        (audit::sections(locale, HERE))
        p { a href=(HERE) { "← " (locale.text("全部删除", "All erasures")) } }
        @if reach["certificate"].is_null() {
            p.notice {
                (locale.text("该客户的资料尚未删除。以下是删除无法触及之处。", "The customer was not erased. This is what an erasure would not reach."))
            }
        } @else { (listed(locale, std::slice::from_ref(&reach["certificate"]))) }
        p.hint {
            (locale.text(
                "日志之外，这些接收者和文件可能仍有该客户的资料，请通知对方。无法确定时宁可多列。",
                "Outside the log, these may still hold data of the customer: tell them. Where it is not certain, they are listed.",
            ))
        }
        (receivers(locale, &reach["receivers"]))
        (consumers(locale, &reach["consumers"]))
        (files(locale, &reach["files"]))
        (reports::links(locale, &[&asked]))
    };
    layout.page(Part::Audit, None, locale.text("资料删除", "Erasures"), &body)
}

fn listed(locale: Locale, certificates: &[Value]) -> Markup {
    let columns = [
        words(locale.text("客户", "Customer")),
        words(locale.text("删除时间", "Erased")),
        words(locale.text("依据", "Ground")),
        words(locale.text("密钥", "Key")),
        words(locale.text("事件", "Event")),
    ];
    let rows: Vec<Vec<Markup>> = certificates
        .iter()
        .map(|certificate| {
            let customer = text(&certificate["customer"]);
            vec![
                html! { a href=(with_query(HERE, [(CUSTOMER, Some(customer))])) { (customer) } },
                html! {
                    (locale.moment(&certificate["erased_at"])) br;
                    span.hint { (text(&certificate["erased_by"])) }
                    @if certificate["repeats"].is_string() {
                        br; span.flag { (locale.text("恢复备份后再次删除", "again, after a backup was restored")) }
                        @if certificate["first_erased_at"].is_string() {
                            " " (locale.text("首次：", "first: ")) (locale.moment(&certificate["first_erased_at"]))
                        }
                    }
                },
                cell(text(&certificate["ground"])),
                cell(key(locale, text(&certificate["key"]))),
                html! { span.hint { "#" (certificate["position"]) " " (text(&certificate["event_id"])) } },
            ]
        })
        .collect();
    table(locale.text("资料删除", "Erasures"), &columns, &rows)
}

/// What there is of the key.
fn key(locale: Locale, word: &str) -> &str {
    match word {
        "destroyed" => locale.text("已销毁", "destroyed"),
        "never_made" => locale.text("从未生成", "never made"),
        "live" => locale.text("仍存在", "still there"),
        other => other,
    }
}

fn receivers(locale: Locale, told: &Value) -> Markup {
    let title = locale.text("Webhook 和机器人", "Webhooks and robots");
    let columns = [
        words(locale.text("接收端", "Receiver")),
        words(locale.text("个人资料", "Personal data")),
        number(locale.text("消息数", "Messages")),
        words(locale.text("首次", "First")),
        words(locale.text("末次", "Last")),
    ];
    let rows: Vec<Vec<Markup>> = told
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let kind = text(&one["kind"]);
            vec![
                html! {
                    (one["host"].as_str().unwrap_or(kind)) br; span.hint { (text(&one["id"])) }
                    @if one["deleted"] == true { " " span.flag { (locale.text("已删除", "deleted")) } }
                },
                cell(match one["include_personal"] == true {
                    true => locale.text("含", "included"),
                    false => locale.text("不含", "left out"),
                }),
                html! { (one["messages"]) },
                html! { (locale.moment(&one["first_at"])) },
                html! { (locale.moment(&one["last_at"])) },
            ]
        })
        .collect();
    section(locale, title, &columns, &rows)
}

fn consumers(locale: Locale, told: &Value) -> Markup {
    let title = locale.text("日志消费者", "Consumers of the log");
    let columns = [
        words(locale.text("名称", "Name")),
        words(locale.text("使用者", "Who")),
        number(locale.text("条目数", "Entries")),
        words(locale.text("末次确认", "Acknowledged last")),
    ];
    let rows: Vec<Vec<Markup>> = told
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            vec![
                cell(text(&one["name"])),
                cell(text(&one["actor"])),
                html! { (one["entries"]) },
                html! { (locale.moment(&one["acknowledged_at"])) },
            ]
        })
        .collect();
    section(locale, title, &columns, &rows)
}

fn files(locale: Locale, told: &Value) -> Markup {
    let title = locale.text("导出的文件", "Files that were carried away");
    let columns = [
        words(locale.text("时间", "Time")),
        words(locale.text("导出人", "Who")),
        words(locale.text("内容", "What")),
        words(locale.text("筛选", "Filters")),
        number(locale.text("条目数", "Entries")),
    ];
    let rows: Vec<Vec<Markup>> = told
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| {
            let filters = one["filters"].as_object().into_iter().flatten();
            let left_out = locale.text("（略）", "(left out)");
            let filters: Vec<String> = filters
                .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or(left_out)))
                .collect();
            vec![
                html! { (locale.moment(&one["at"])) br; span.hint { (text(&one["event_id"])) } },
                cell(text(&one["actor"])),
                html! { (text(&one["kind"])) " " span.hint { (text(&one["format"])) } },
                html! { span.prose { (filters.join(" ")) } },
                html! { (one["entries"]) },
            ]
        })
        .collect();
    section(locale, title, &columns, &rows)
}

/// A table under its title, or that there is nobody.
fn section(locale: Locale, title: &str, columns: &[Column<'_>], rows: &[Vec<Markup>]) -> Markup {
    html! {
        h2 { (title) }
        @if rows.is_empty() { p.empty { (locale.text("无。", "None.")) } } @else { (table(title, columns, rows)) }
    }
}
