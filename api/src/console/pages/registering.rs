//! A new customer.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::super::Console;
use super::super::address::{HOME, after};
use super::super::form::{Fields, ONCE};
use super::super::gateway::{ApiError, CommandHeaders};
use super::super::layout::{Layout, Part, problem};
use super::super::session::ConsoleSession;
use super::details::{CONTACTS, contacts, parts};

/// Texts of the form that go into the command as they are.
const TEXTS: [&str; 6] = ["pipeline", "name", "tier", "source", "channel", "owner"];

/// Asks for what is known of the customer.
pub(in super::super) async fn show(layout: Layout) -> Response {
    page(&layout, &Fields::new(), None)
}

/// Registers the customer, and shows it.
pub(in super::super) async fn send(
    State(console): State<Console>,
    session: ConsoleSession,
    Form(fields): Form<Fields>,
) -> Response {
    let headers = CommandHeaders { key: fields.get(ONCE).cloned(), version: None };
    match console.api.post(&session, "/v1/customers", &headers, &body(&fields)).await {
        Ok(done) => {
            let page = format!("/console/customers/{}", done["id"].as_str().unwrap_or_default());
            Redirect::to(&after(&page, &done, &[])).into_response()
        }
        Err(error) => match Layout::of(&console, session, HOME.to_owned()).await {
            Ok(layout) => page(&layout, &fields, Some(&error)),
            Err(response) => response,
        },
    }
}

fn page(layout: &Layout, filled: &Fields, error: Option<&ApiError>) -> Response {
    let locale = layout.locale;
    let told = |name: &str| filled.get(name).map_or("", String::as_str);
    let own = layout.rep().unwrap_or_default();
    let owner = filled.get("owner").map_or(own, String::as_str);
    let text = |name: &str, caption: &str| -> Markup {
        html! { label { (caption) input name=(name) value=(told(name)); } }
    };
    let title = locale.text("新客户", "New customer");
    let body = html! {
        h1 { (title) }
        @if let Some(error) = error { (problem(locale, error)) }
        form.fields.sheet method="post" action="/console/customers" {
            input type="hidden" name=(ONCE) value=(layout.once());
            label { (locale.text("销售流程", "Pipeline"))
                select name="pipeline" {
                    @for key in layout.pipelines() { option value=(key) selected[key == told("pipeline")] { (layout.pipeline_name(key)) } }
                }
            }
            label { (locale.text("名称", "Name")) input name="name" value=(told("name")) required autofocus; }
            label { (locale.text("负责人，留空则进入公海", "Owner; the pool when empty")) input name="owner" value=(owner); }
            @for (kind, zh, en) in CONTACTS { (text(kind, locale.text(zh, en))) }
            (text("amount", locale.text("金额", "Amount")))
            label { (locale.text("币种", "Currency"))
                input name="currency" maxlength="3" value=(if told("currency").is_empty() { "CNY" } else { told("currency") }); }
            (text("tier", locale.text("等级", "Tier")))
            (text("source", locale.text("来源", "Source")))
            (text("channel", locale.text("渠道", "Channel")))
            (text("tags", locale.text("标签，用逗号分隔", "Tags, separated by commas")))
            button { (locale.text("登记", "Register")) }
        }
    };
    let mut page = layout.page(Part::Customers, None, title, &body);
    *page.status_mut() = error.map_or(StatusCode::OK, |error| error.status);
    page
}

/// The body of the command.
fn body(fields: &Fields) -> Value {
    let told = |name: &str| fields.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut body = Map::new();
    for name in TEXTS {
        if let Some(value) = told(name) {
            body.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(owner) = told("owner") {
        let id = owner.strip_prefix("rep:").unwrap_or(owner);
        body.insert("owner".to_owned(), json!({"kind": "rep", "id": id}));
    }
    if let Some(amount) = told("amount") {
        body.insert("amount".to_owned(), json!({"amount": amount, "currency": told("currency")}));
    }
    let contacts = contacts(fields);
    if !contacts.is_empty() {
        body.insert("contacts".to_owned(), Value::from(contacts));
    }
    if let Some(tags) = told("tags") {
        body.insert("tags".to_owned(), json!(parts(tags)));
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_empty_is_not_sent() {
        let fields = [
            ("pipeline", "p"),
            ("name", " 海港 "),
            ("owner", "rep:li"),
            ("phone", "138"),
            ("email", ""),
            ("amount", ""),
            ("currency", "CNY"),
            ("tags", "a，b"),
            ("once", "k"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let expected = json!({
            "pipeline": "p", "name": "海港", "owner": {"kind": "rep", "id": "li"},
            "contacts": [{"kind": "phone", "value": "138"}], "tags": ["a", "b"]
        });
        assert_eq!(body(&fields), expected);
    }
}
