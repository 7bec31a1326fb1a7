//! Finding customers.

use axum::response::Response;
use maud::html;
use serde_json::Value;

use super::super::address::with_query;
use super::super::frame::{Frame, Part};
use super::super::visitor::Asked;
use super::{figure, items, text};

/// What customers are found by.
const SOUGHT: [&str; 5] = ["q", "owner", "stage", "tag", "tier"];

/// Shows the customers that are sought, a page at a time.
pub(in super::super) async fn show(frame: Frame, asked: Asked) -> Response {
    let sought = || SOUGHT.iter().map(|name| (*name, asked.get(name)));
    let path = with_query("/v1/customers", sought().chain([("cursor", asked.get("cursor"))]));
    let list = match frame.get(&path).await {
        Ok(list) => list,
        Err(trouble) => return frame.trouble(Part::Customers, &trouble),
    };
    let words = frame.words;
    let told = |name: &str| asked.get(name).unwrap_or_default();
    let title = words.say("客户", "Customers");
    let body = html! {
        h1 { (title) }
        form.fields role="search" {
            label { (words.say("名称", "Name")) input type="search" name="q" value=(told("q")); }
            label { (words.say("负责人", "Owner")) input name="owner" value=(told("owner")) placeholder="rep:li"; }
            label { (words.say("状态", "Stage")) input name="stage" value=(told("stage")); }
            label { (words.say("标签", "Tag")) input name="tag" value=(told("tag")); }
            label { (words.say("等级", "Tier")) input name="tier" value=(told("tier")); }
            button { (words.say("查找", "Find")) }
        }
        @if items(&list).is_empty() { p.hint { (words.say("没有找到客户。", "No customer was found.")) } }
        @else {
            div.scroll { table {
                thead { tr {
                    th { (words.say("客户", "Customer")) } th { (words.say("状态", "Stage")) }
                    th { (words.say("已停留", "For")) } th { (words.say("负责人", "Owner")) }
                    th { (words.say("等级", "Tier")) } th.number { (words.say("金额", "Amount")) }
                    th { (words.say("下次联系", "Next contact")) }
                } }
                tbody {
                    @for customer in items(&list) {
                        @let journey = primary(customer);
                        tr {
                            td { a href={ "/console/customers/" (text(&customer["id"])) } {
                                (customer["name"].as_str().unwrap_or(text(&customer["id"])))
                            } }
                            td { (text(&journey["stage_name"])) }
                            td { (words.lasting(figure(&journey["age_seconds"]))) }
                            td title=(text(&customer["owner"]["id"])) { (words.holder(&customer["owner"])) }
                            td { (text(&customer["tier"])) }
                            td.number { @if customer["amount"].is_object() { (words.money(&customer["amount"])) } }
                            td { (words.moment(&customer["next_action"]["at"])) }
                        }
                    }
                }
            } }
            @if let Some(cursor) = list["next_cursor"].as_str() {
                a.more href=(with_query("/console/customers", sought().chain([("cursor", Some(cursor))]))) {
                    (words.say("下一页", "Next page"))
                }
            }
        }
    };
    frame.page(Part::Customers, None, title, &body)
}

/// The journey that a customer is shown by.
pub(super) fn primary(customer: &Value) -> &Value {
    let journeys = customer["journeys"].as_array().map(Vec::as_slice).unwrap_or_default();
    journeys.iter().find(|journey| journey["primary"] == true).or(journeys.first()).unwrap_or(&Value::Null)
}
