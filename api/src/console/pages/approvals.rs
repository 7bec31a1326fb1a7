//! Moves that wait for somebody's approval, and what agents propose, decided on the row.

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
use super::sending::send;
use super::text;

/// A request, and the forms that decide it.
pub(super) fn card(layout: &Layout, request: &Value, once: &str) -> Markup {
    let (locale, id) = (layout.locale, text(&request["id"]));
    let customer = text(&request["customer_id"]);
    html! {
        div.card {
            a href={ "/console/customers/" (customer) } { (what(layout, request)) }
            (proposed(layout, &request["proposal"]))
            span.line {
                span { (text(&request["requested_by"])) }
                span { (locale.text("截止", "expires")) " " (locale.moment(&request["expires_at"])) }
            }
            @if layout.works() {
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

/// What is asked for, in a line.
fn what(layout: &Layout, request: &Value) -> Markup {
    let locale = layout.locale;
    let moves = html! { (text(&request["from"])) " → " (text(&request["to"])) };
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
                    dt { (field) }
                    dd { @match value.as_str() { Some(text) => { (text) } None => { (value.to_string()) } } }
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
