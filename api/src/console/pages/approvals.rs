//! Moves that wait for somebody's approval, decided on the row.

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
            a href={ "/console/customers/" (customer) } { (text(&request["from"])) " → " (text(&request["to"])) }
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

/// Decides a request, and shows the work that is left.
pub(in super::super) async fn decide(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    send(&console, session, &format!("/v1/approvals/{}/decisions", encoded(&id)), &fields).await
}
