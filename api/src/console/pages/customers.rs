//! Finding customers.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::with_query;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::remaining::soon_in_pool;
use super::{called, figure, items, text};

/// What customers are found by.
const SOUGHT: [&str; 10] =
    ["q", "owner", "pipeline", "sort", "team", "stage", "tag", "tier", "source", "channel"];

/// How many of these do not stand among the further filters.
const FIRST: usize = 4;

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
        (search(locale, &query))
        @if items(&list).is_empty() { (nobody(&layout)) }
        @else {
            (table(locale, &list))
            @if let Some(cursor) = list["next_cursor"].as_str() {
                a.more href=(with_query("/console/customers", sought().chain([("cursor", Some(cursor))]))) {
                    (locale.text("下一页", "Next page"))
                }
            }
        }
    };
    layout.page(Part::Customers, None, title, &body)
}

/// What customers are sought by.
fn search(locale: Locale, query: &PageQuery) -> Markup {
    let told = |name: &str| query.get(name).unwrap_or_default();
    html! {
        form.fields role="search" {
            @for name in TIMES { @if let Some(then) = query.get(name) { input type="hidden" name=(name) value=(then); } }
            label { (locale.text("名称", "Name")) input type="search" name="q" value=(told("q")); }
            label { (locale.text("负责人", "Owner")) input name="owner" value=(told("owner")) placeholder="rep:li"; }
            @if let Some(pipeline) = query.get("pipeline") { input type="hidden" name="pipeline" value=(pipeline); }
            @if TIMES.iter().all(|name| query.get(name).is_none()) {
                label { (locale.text("排序", "Sort by"))
                    select name="sort" {
                        option value="" { (locale.text("登记先后", "Registration")) }
                        option value="value" selected[told("sort") == "value"] { (locale.text("等级和金额", "Tier and amount")) }
                        option value="remaining_ownership" selected[told("sort") == "remaining_ownership"] {
                            (locale.text("退回公海的先后", "Return to the pool"))
                        }
                    }
                }
            }
            button { (locale.text("查找", "Search")) }
            details.narrowing open[SOUGHT[FIRST..].iter().any(|name| query.get(name).is_some())] {
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
    }
}

/// That there are none, and what can be done about it.
fn nobody(layout: &Layout) -> Markup {
    let locale = layout.locale;
    html! {
        p.empty {
            (locale.text("没有找到客户。请减少筛选条件", "No customers found. Remove a filter"))
            @if layout.works() {
                (locale.text("，或", ", or ")) a href="/console/customers/new" { (locale.text("登记新客户", "register a new one")) }
            }
            (locale.text("。", "."))
        }
    }
}

/// The customers of a page of the list.
fn table(locale: Locale, list: &Value) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { (locale.text("客户", "Customer")) } th { (locale.text("状态", "Stage")) }
                th { (locale.text("已停留", "Time in stage")) } th { (locale.text("负责人", "Owner")) }
                th { (locale.text("等级", "Tier")) } th.number { (locale.text("金额", "Amount")) }
                th { (locale.text("预计成交", "Expected close")) } th { (locale.text("下次联系", "Next contact")) }
            } }
            tbody {
                @for customer in items(list) {
                    @let journey = primary(customer);
                    tr {
                        td { a href={ "/console/customers/" (text(&customer["id"])) } {
                            (called(locale, &customer["name"], text(&customer["id"])))
                        } }
                        td { (text(&journey["stage_name"])) }
                        td { (locale.lasting(figure(&journey["age_seconds"]))) }
                        td title=(text(&customer["owner"]["id"])) {
                            (locale.holder(&customer["owner"]))
                            @if let Some(soon) = soon_in_pool(locale, customer) { br; (soon) }
                        }
                        td { (text(&customer["tier"])) }
                        td.number { @if customer["amount"].is_object() { (locale.money(&customer["amount"])) } }
                        td { (expected_close(locale, &customer["expected_close"])) }
                        td { (locale.moment(&customer["next_action"]["at"])) }
                    }
                }
            }
        } }
    }
}

/// The day on which a deal is expected to close, and how often that was put off.
fn expected_close(locale: Locale, close: &Value) -> Markup {
    html! {
        (text(&close["on"]))
        @if let Some(pushes) = close["pushes"].as_u64().filter(|pushes| *pushes > 0) {
            " " span.flag data-flag="put_off" { (locale.text("推迟次数：", "Times put off: ")) (pushes) }
        }
    }
}

/// The journey that a customer is shown by.
pub(super) fn primary(customer: &Value) -> &Value {
    let journeys = customer["journeys"].as_array().map(Vec::as_slice).unwrap_or_default();
    journeys.iter().find(|journey| journey["primary"] == true).or(journeys.first()).unwrap_or(&Value::Null)
}
