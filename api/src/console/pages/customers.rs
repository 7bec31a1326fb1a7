//! Finding customers.

use axum::response::Response;
use maud::html;
use serde_json::Value;

use super::super::address::with_query;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::{called, figure, items, text};

/// What customers are found by.
const SOUGHT: [&str; 9] = ["q", "owner", "pipeline", "team", "stage", "tag", "tier", "source", "channel"];

/// As of when, and by which knowledge.
const TIMES: [&str; 2] = ["effective_at", "known_at"];

/// Shows the customers that are sought, a page at a time.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    let sought = || SOUGHT.iter().chain(&TIMES).map(|name| (*name, query.get(name)));
    let instants = TIMES.map(|name| (name, query.get(name).map(|field| layout.locale.instant(field))));
    let asked = SOUGHT.iter().map(|name| (*name, query.get(name)));
    let asked = asked.chain(instants.iter().map(|(name, instant)| (*name, instant.as_deref())));
    let path = with_query("/v1/customers", asked.chain([("cursor", query.get("cursor"))]));
    let list = match layout.read(&path).await {
        Ok(list) => list,
        Err(error) => return layout.failed(Part::Customers, &error),
    };
    let locale = layout.locale;
    let told = |name: &str| query.get(name).unwrap_or_default();
    let title = locale.text("客户", "Customers");
    let body = html! {
        header.heading {
            h1 { (title) }
            @if layout.works() { a.button href="/console/customers/new" { (locale.text("新客户", "New customer")) } }
        }
        @if let Some(then) = TIMES.iter().find_map(|name| query.get(name)) {
            p.banner role="note" {
                (locale.text("历史名单：", "The list as of ")) strong { (then) } " · "
                a href="?" { (locale.text("回到现在", "Back to now")) }
            }
        }
        form.fields role="search" {
            @for name in TIMES { @if let Some(then) = query.get(name) { input type="hidden" name=(name) value=(then); } }
            label { (locale.text("名称", "Name")) input type="search" name="q" value=(told("q")); }
            label { (locale.text("负责人", "Owner")) input name="owner" value=(told("owner")) placeholder="rep:li"; }
            @if let Some(pipeline) = query.get("pipeline") { input type="hidden" name="pipeline" value=(pipeline); }
            button { (locale.text("查找", "Search")) }
            details.narrowing open[SOUGHT[3..].iter().any(|name| query.get(name).is_some())] {
                summary { (locale.text("更多筛选", "More filters")) }
                div.fields {
                    label { (locale.text("状态", "Stage")) input name="stage" value=(told("stage")); }
                    label { (locale.text("标签", "Tag")) input name="tag" value=(told("tag")); }
                    label { (locale.text("等级", "Tier")) input name="tier" value=(told("tier")); }
                    label { (locale.text("团队", "Team")) input name="team" value=(told("team")); }
                    label { (locale.text("来源", "Source")) input name="source" value=(told("source")); }
                    label { (locale.text("渠道", "Channel")) input name="channel" value=(told("channel")); }
                }
            }
        }
        @if items(&list).is_empty() {
            p.empty {
                (locale.text("没有找到客户。请减少筛选条件", "No customers found. Remove a filter"))
                @if layout.works() {
                    (locale.text("，或", ", or ")) a href="/console/customers/new" { (locale.text("登记新客户", "register a new one")) }
                }
                (locale.text("。", "."))
            }
        }
        @else {
            div.scroll { table {
                thead { tr {
                    th { (locale.text("客户", "Customer")) } th { (locale.text("状态", "Stage")) }
                    th { (locale.text("已停留", "Time in stage")) } th { (locale.text("负责人", "Owner")) }
                    th { (locale.text("等级", "Tier")) } th.number { (locale.text("金额", "Amount")) }
                    th { (locale.text("下次联系", "Next contact")) }
                } }
                tbody {
                    @for customer in items(&list) {
                        @let journey = primary(customer);
                        tr {
                            td { a href={ "/console/customers/" (text(&customer["id"])) } {
                                (called(locale, &customer["name"], text(&customer["id"])))
                            } }
                            td { (text(&journey["stage_name"])) }
                            td { (locale.lasting(figure(&journey["age_seconds"]))) }
                            td title=(text(&customer["owner"]["id"])) { (locale.holder(&customer["owner"])) }
                            td { (text(&customer["tier"])) }
                            td.number { @if customer["amount"].is_object() { (locale.money(&customer["amount"])) } }
                            td { (locale.moment(&customer["next_action"]["at"])) }
                        }
                    }
                }
            } }
            @if let Some(cursor) = list["next_cursor"].as_str() {
                a.more href=(with_query("/console/customers", sought().chain([("cursor", Some(cursor))]))) {
                    (locale.text("下一页", "Next page"))
                }
            }
        }
    };
    layout.page(Part::Customers, None, title, &body)
}

/// The journey that a customer is shown by.
pub(super) fn primary(customer: &Value) -> &Value {
    let journeys = customer["journeys"].as_array().map(Vec::as_slice).unwrap_or_default();
    journeys.iter().find(|journey| journey["primary"] == true).or(journeys.first()).unwrap_or(&Value::Null)
}
