//! Moves that wait for somebody's approval, and what agents propose, decided on the row.

use std::collections::{BTreeMap, BTreeSet};

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::Console;
use super::super::address::encoded;
use super::super::form::{Fields, ONCE};
use super::super::layout::Layout;
use super::super::session::ConsoleSession;
use super::names::Names;
use super::sending::send;
use super::{items, text};

/// The definitions of the pipelines that requests are of, by their keys.
pub(super) async fn definitions(layout: &Layout, requests: &Value) -> BTreeMap<String, Names> {
    let keys: BTreeSet<&str> = items(requests).iter().map(|request| text(&request["pipeline"])).collect();
    let mut definitions = BTreeMap::new();
    for key in keys {
        // Without it stages are called by their ids.
        let definition = layout.read(&format!("/v1/pipelines/{}", encoded(key))).await;
        definitions.insert(key.to_owned(), Names(definition.unwrap_or_default()));
    }
    definitions
}

/// A request, and the forms that decide it.
pub(super) fn card(
    layout: &Layout,
    request: &Value,
    definitions: &BTreeMap<String, Names>,
    once: &str,
) -> Markup {
    let (locale, id) = (layout.locale, text(&request["id"]));
    let customer = text(&request["customer_id"]);
    html! {
        div.card {
            a.name href={ "/console/customers/" (customer) } {
                (request["customer_name"].as_str().unwrap_or_else(|| locale.text("打开客户", "Open the customer")))
            }
            span { (what(layout, request, definitions)) }
            (proposed(layout, &request["proposal"]))
            span.line {
                span { (text(&request["requested_by"])) }
                span { (locale.text("截止", "expires")) " " (locale.moment(&request["expires_at"])) }
            }
            @if !may_decide(layout, request) {
                p.hint { (locale.text("等待审批：", "Waiting for: ")) (approvers(layout, request)) }
            } @else {
                form.fields method="post" action={ "/console/approvals/" (encoded(id)) } {
                    input type="hidden" name=(ONCE) value={ (once) ":" (id) };
                    label.wide { (locale.text("意见", "Note")) input name="note" required; }
                    span {
                        button name="decision" value="approve" { (locale.text("批准", "Approve")) } " "
                        button.quiet name="decision" value="reject" { (locale.text("驳回", "Reject")) }
                    }
                }
            }
        }
    }
}

/// Whether the reader is one of those who decide the request. Of proposals the API says who does.
fn may_decide(layout: &Layout, request: &Value) -> bool {
    let roles: Vec<&str> = roles(request).collect();
    let is_approver = request["proposal"].is_object() || layout.has_role(&roles);
    layout.works() && is_approver && !layout.is(text(&request["requested_by"]))
}

fn roles(request: &Value) -> impl Iterator<Item = &str> {
    request["roles"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn approvers(layout: &Layout, request: &Value) -> String {
    let names: Vec<&str> = roles(request).map(|role| layout.locale.role(role)).collect();
    names.join(layout.locale.text("、", ", "))
}

/// What is asked for, in a line.
fn what(layout: &Layout, request: &Value, definitions: &BTreeMap<String, Names>) -> Markup {
    let locale = layout.locale;
    let names = definitions.get(text(&request["pipeline"]));
    let stage = |id: &Value| names.map_or_else(|| text(id).to_owned(), |names| names.stage(locale, id));
    let moves = html! { (stage(&request["from"])) " → " (stage(&request["to"])) };
    match request["proposal"]["command"].as_str() {
        Some("follow_up") => html! { (locale.text("记录跟进", "Record a follow-up")) },
        Some("correction") => html! { (locale.text("更正记录：", "Correct the record: ")) (moves) },
        _ => moves,
    }
}

/// What an agent proposes: who it is, what it was asked, and what would be recorded word for word.
fn proposed(layout: &Layout, proposal: &Value) -> Markup {
    let locale = layout.locale;
    let fields = proposal["body"].as_object().into_iter().flatten();
    html! {
        @if proposal.is_object() {
            span.hint {
                (locale.text("智能体建议：", "Proposed by an agent: ")) (text(&proposal["agent"])) ", "
                (text(&proposal["model"]["name"])) " " (text(&proposal["model"]["version"]))
            }
            @if let Some(prompt) = proposal["prompt"].as_str() {
                span.prose { (locale.text("收到的请求：", "Asked: ")) (prompt) }
            }
            dl {
                @for (field, value) in fields {
                    dt { (locale.caption(field)) }
                    dd { (locale.value(value)) }
                }
            }
        }
    }
}

/// Decides a request, and shows the work that is left.
pub(in super::super) async fn decide(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    send(&console, session, &format!("/v1/approvals/{}/decisions", encoded(&id)), &fields).await
}
