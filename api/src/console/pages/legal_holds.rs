//! Legal holds: whose data must be kept, and the forms that place and release one.

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::super::Console;
use super::super::address::{after, encoded, with_query};
use super::super::form::{Fields, ONCE, body};
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part, problem};
use super::super::session::{ConsoleSession, PageQuery};
use super::table::{table, words};
use super::{audit, items, reports, text};

const HERE: &str = "/console/audit/legal-holds";
/// Whose hold, and which one is released.
const CUSTOMER: &str = "customer";
const HOLD: &str = "hold";

/// Shows the holds, the latest first.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    page(&layout, &query, None).await
}

/// Places a hold or releases one, and shows them again.
pub(in super::super) async fn send(
    State(console): State<Console>,
    session: ConsoleSession,
    Form(fields): Form<Fields>,
) -> Response {
    let layout = match Layout::of(&console, session, HERE.to_owned()).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    let (path, sent) = command(layout.locale, &fields);
    let once = fields.get(ONCE).map(String::as_str);
    match layout.command(axum::http::Method::POST, &path, once, &sent).await {
        Ok(done) => Redirect::to(&after(HERE, &done, &[("done", Some("hold"))])).into_response(),
        Err(error) => {
            let mut page = page(&layout, &PageQuery(fields), Some(&error)).await;
            *page.status_mut() = error.status;
            page
        }
    }
}

/// The command of a form: a release, where it names a hold.
fn command(locale: Locale, fields: &Fields) -> (String, Value) {
    let customer = encoded(fields.get(CUSTOMER).map_or("", |customer| customer.trim()));
    let act = if fields.contains_key(HOLD) { "legal-hold-releases" } else { "legal-holds" };
    let mut said = fields.clone();
    said.remove(CUSTOMER);
    (format!("/v1/customers/{customer}/{act}"), body(locale, &said))
}

async fn page(layout: &Layout, query: &PageQuery, refused: Option<&ApiError>) -> Response {
    let locale = layout.locale;
    let customer = query.get(CUSTOMER).filter(|_| refused.is_none());
    let asked = [(CUSTOMER, customer), ("limit", Some("50")), ("cursor", query.get("cursor"))];
    let asked = with_query("/v1/audit/legal-holds", asked);
    let holds = match layout.get(&asked).await {
        Ok(holds) => holds,
        Err(error) => return layout.failed(Part::Audit, refused.unwrap_or(&error)),
    };
    let next = holds["next_cursor"].as_str();
    let next = next.map(|cursor| with_query(HERE, [(CUSTOMER, customer), ("cursor", Some(cursor))]));
    let shown = html! {
        (audit::sections(locale, HERE))
        p.hint {
            (locale.text(
                "在保留期内，任何人都不能以任何方式删除该客户的个人资料。",
                "While a hold is in force nobody can erase the customer's personal data, in whatever way.",
            ))
        }
        @if let Some(error) = refused { (problem(locale, error)) }
        @if customer.is_some() { p { a href=(HERE) { "← " (locale.text("全部依法保留", "All legal holds")) } } }
        @if items(&holds).is_empty() {
            p.empty {
                (locale.text(
                    "没有依法保留。打开客户，在资料下选择“依法保留”，或在下面填写客户编号。",
                    "There are no legal holds. Open a customer and choose Legal holds below the details, or give the customer's ID below.",
                ))
            }
        } @else { (listed(layout, &holds)) }
        @if let Some(next) = next { a.more href=(next) { (locale.text("下一页", "Next page")) } }
        (reports::links(locale, &[&asked]))
        (form(layout, query))
    };
    let done = query.get("done").filter(|_| refused.is_none());
    let done = done.map(|_| html! { p.notice { (locale.text("已完成", "Done")) } });
    layout.page_with(Part::Audit, None, locale.text("依法保留", "Legal holds"), done, &shown)
}

fn listed(layout: &Layout, holds: &Value) -> Markup {
    let locale = layout.locale;
    let columns = [
        words(locale.text("依据", "Ground")),
        words(locale.text("客户", "Customer")),
        words(locale.text("状态", "State")),
        words(locale.text("设置", "Placed")),
        words(locale.text("操作", "Actions")),
    ];
    let rows: Vec<Vec<Markup>> = items(holds)
        .iter()
        .map(|hold| {
            let customer = text(&hold["customer"]);
            vec![
                html! { span.prose { (text(&hold["ground"])) } },
                html! {
                    a href={ "/console/customers/" (customer) } {
                        (hold["customer_name"].as_str().unwrap_or_else(|| locale.text("无名称的客户", "a customer without a name")))
                    }
                },
                state(locale, hold),
                html! { (locale.moment(&hold["placed_at"])) br; span.hint { (text(&hold["placed_by"])) } },
                html! { @if hold["in_force"] == true { (release(layout, customer, text(&hold["id"]))) } },
            ]
        })
        .collect();
    table(locale.text("依法保留", "Legal holds"), &columns, &rows)
}

/// Whether a hold is in force, until when, or how it ended.
fn state(locale: Locale, hold: &Value) -> Markup {
    html! {
        @if hold["released_at"].is_string() {
            (locale.text("已解除", "released")) " " (locale.moment(&hold["released_at"])) br;
            span.hint { (text(&hold["released_by"])) @if let Some(why) = hold["release_reason"].as_str() { ": " (why) } }
        } @else if hold["in_force"] == true {
            strong { (locale.text("生效中", "in force")) }
            @if hold["until"].is_string() { " " (locale.text("至", "until")) " " (locale.moment(&hold["until"])) }
        } @else {
            (locale.text("已到期", "ended")) " " (locale.moment(&hold["until"]))
        }
    }
}

fn release(layout: &Layout, customer: &str, hold: &str) -> Markup {
    let locale = layout.locale;
    html! {
        details.act {
            summary { (locale.text("解除", "Release")) }
            form.fields method="post" action=(HERE) {
                input type="hidden" name=(ONCE) value={ (layout.once()) ":" (hold) };
                input type="hidden" name=(CUSTOMER) value=(customer);
                input type="hidden" name=(HOLD) value=(hold);
                label { (locale.text("原因", "Reason")) input name="reason"; }
                button { (locale.text("确认解除", "Release this hold")) }
            }
        }
    }
}

fn form(layout: &Layout, query: &PageQuery) -> Markup {
    let locale = layout.locale;
    let typed = |name: &str| query.get(name).unwrap_or_default();
    html! {
        h2 { (locale.text("新的依法保留", "Place a hold")) }
        form.fields.sheet method="post" action=(HERE) {
            input type="hidden" name=(ONCE) value=(layout.once());
            label { (locale.text("客户编号", "Customer's ID")) input name=(CUSTOMER) value=(typed(CUSTOMER)) required; }
            label { (locale.text("依据，如案号；不写个人信息", "Ground, such as the number of a case; no personal data"))
                input name="ground" value=(typed("ground")) required; }
            label { (locale.text("保留至，留空则直到解除", "Until; until it is released when empty"))
                input type="datetime-local" name="until:instant" value=(typed("until:instant")); }
            button { (locale.text("设置", "Place")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;
    use crate::domain::Language;

    #[test]
    fn a_form_places_a_hold_and_one_that_names_a_hold_releases_it() {
        let locale = Locale { language: Language::En, zone: Tz::Asia__Shanghai };
        let sent = |pairs: &[(&str, &str)]| {
            let fields =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            command(locale, &fields)
        };
        let placed = [
            ("customer", " 0190/b "),
            ("ground", "Case 4"),
            ("until:instant", "2027-12-31T16:00"),
            ("once", "k"),
        ];
        assert_eq!(
            sent(&placed),
            (
                "/v1/customers/0190%2Fb/legal-holds".to_owned(),
                json!({"ground": "Case 4", "until": "2027-12-31T16:00:00+08:00"})
            )
        );
        let released = [("customer", "c"), ("hold", "h"), ("reason", "")];
        assert_eq!(sent(&released), ("/v1/customers/c/legal-hold-releases".to_owned(), json!({"hold": "h"})));
    }
}
