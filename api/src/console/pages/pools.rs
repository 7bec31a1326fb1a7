//! The pools, and who is in them to be claimed.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::{encoded, with_query};
use super::super::form::{NEXT, ONCE, VERSION};
use super::super::gateway::ApiError;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::customers::primary;
use super::{figure, items, text};

/// Shows a pool: the one that is asked for, or the first that has customers.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    match page(&layout, &query).await {
        Ok(body) => layout.page(Part::Pools, None, layout.locale.text("公海", "Pools"), &body),
        Err(error) => layout.failed(Part::Pools, &error),
    }
}

async fn page(layout: &Layout, query: &PageQuery) -> Result<Markup, ApiError> {
    let locale = layout.locale;
    let pools = layout.read("/v1/pools?limit=500").await?;
    let has_customers = |pool: &&Value| pool["customers"].as_u64().is_some_and(|count| count > 0);
    let first = items(&pools).iter().find(has_customers).or(items(&pools).first());
    let named = query.get("pool");
    let pool = items(&pools).iter().find(|pool| Some(text(&pool["key"])) == named).or(first);
    let Some(pool) = pool else {
        return Ok(html! {
            h1 { (locale.text("公海", "Pools")) }
            p.hint { (locale.text("销售流程没有定义公海。", "No pipeline defines a pool.")) }
        });
    };
    let key = text(&pool["key"]);
    let asked = [("limit", Some("50")), ("cursor", query.get("cursor"))];
    let list = layout.read(&with_query(&format!("/v1/pools/{}/customers", encoded(key)), asked)).await?;
    Ok(html! {
        h1 { (text(&pool["name"])) " " small { (locale.customers(&pool["customers"])) } }
        @if items(&pools).len() > 1 {
            nav.tabs { @for one in items(&pools) {
                a href=(with_query("/console/pools", [("pool", one["key"].as_str())]))
                    aria-current=[(one["key"] == pool["key"]).then_some("page")] { (text(&one["name"])) }
            } }
        }
        @if let Some(claims) = pool["claims_per_day"].as_u64() {
            p {
                @if let Some(left) = pool["claims_left"].as_u64() {
                    (locale.text("今天还可领取：", "Claims left today: ")) strong.left { (left) } " "
                }
                span.hint { (locale.text("每人每天最多领取：", "Claims per person and day: ")) (claims) }
            }
        }
        @if items(&list).is_empty() {
            p.hint { (locale.text("公海里没有客户。", "There is nobody in this pool.")) }
        } @else {
            div.scroll { table {
                thead { tr {
                    th { (locale.text("客户", "Customer")) } th { (locale.text("状态", "Stage")) }
                    th { (locale.text("已停留", "Time in stage")) } th { (locale.text("等级", "Tier")) }
                    th.number { (locale.text("金额", "Amount")) } th { (locale.text("操作", "Actions")) }
                } }
                tbody { @for customer in items(&list) { (row(layout, customer, key)) } }
            } }
        }
        @if let Some(cursor) = list["next_cursor"].as_str() {
            a.more href=(with_query("/console/pools", [("pool", Some(key)), ("cursor", Some(cursor))])) {
                (locale.text("下一页", "Next page"))
            }
        }
    })
}

fn row(layout: &Layout, customer: &Value, pool: &str) -> Markup {
    let (locale, id, journey) = (layout.locale, text(&customer["id"]), primary(customer));
    html! {
        tr data-customer=(id) {
            td { a href={ "/console/customers/" (id) } { (customer["name"].as_str().unwrap_or(id)) } }
            td { (text(&journey["stage_name"])) }
            td { (locale.briefly(figure(&journey["age_seconds"]))) }
            td { (text(&customer["tier"])) }
            td.number { @if customer["amount"].is_object() { (locale.money(&customer["amount"])) } }
            td {
                @if layout.rep().is_some() {
                    form method="post" action={ "/console/customers/" (id) "/claims" } {
                        input type="hidden" name=(VERSION) value=(customer["version"]);
                        input type="hidden" name=(ONCE) value={ (layout.once()) ":" (id) };
                        input type="hidden" name=(NEXT) value=(with_query("/console/pools", [("pool", Some(pool))]));
                        button.quiet { (locale.text("领取", "Claim")) }
                    }
                }
            }
        }
    }
}
