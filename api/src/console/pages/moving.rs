//! Moving a customer: every stage with what the move asks for, or why it cannot be made; and undoing a move.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{HOME, after, encoded, own};
use super::super::form::{Fields, NEXT, ONCE, VERSION, body, fields};
use super::super::gateway::{ApiError, CommandHeaders};
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part, problem};
use super::super::session::{ConsoleSession, PageQuery};
use super::customers::primary;
use super::{figure, items, text};

/// The field that names the move to undo.
const EVENT: &str = "event";

/// What was sent and refused, to be mended and sent again.
struct Refused {
    fields: Fields,
    error: ApiError,
}

/// Shows where a customer may go.
pub(in super::super) async fn show(layout: Layout, Path(id): Path<String>, query: PageQuery) -> Response {
    let next = own(query.get(NEXT)).to_owned();
    page(&layout, &id, &next, query.get("to"), None).await
}

/// Moves a customer, and leads back to where the move was begun.
pub(in super::super) async fn send(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let headers = CommandHeaders { key: fields.get(ONCE).cloned(), version: fields.get(VERSION).cloned() };
    let path = format!("/v1/customers/{}/transitions", encoded(&id));
    let sent = body(Locale::from(&session), &fields);
    let error = match console.api.post(&session, &path, &headers, &sent).await {
        Ok(done) => return back(&fields, &id, &done),
        Err(error) => error,
    };
    let next = own(fields.get(NEXT).map(String::as_str)).to_owned();
    let layout = match Layout::of(&console, session, HOME.to_owned()).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    let to = fields.get("to").cloned();
    let refused = Refused { fields, error };
    page(&layout, &id, &next, to.as_deref(), Some(&refused)).await
}

/// Takes a move back: it is voided by an event of its own.
pub(in super::super) async fn undo(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let locale = Locale::from(&session);
    let reason = locale.text("误操作，随即撤销", "Made by mistake, undone at once");
    let sent = json!({"corrects": fields.get(EVENT), "kind": "void", "reason": reason});
    let headers = CommandHeaders { key: fields.get(ONCE).cloned(), version: fields.get(VERSION).cloned() };
    let path = format!("/v1/customers/{}/corrections", encoded(&id));
    match console.api.post(&session, &path, &headers, &sent).await {
        Ok(done) => back(&fields, &id, &done),
        Err(error) => match Layout::of(&console, session, HOME.to_owned()).await {
            Ok(layout) => layout.failed(Part::Board, &error),
            Err(response) => response,
        },
    }
}

/// The way back, with what was done.
fn back(fields: &Fields, id: &str, done: &Value) -> Response {
    let next = own(fields.get(NEXT).map(String::as_str));
    let event = &done["events"][0];
    let told = [("done", event["type"].as_str()), ("customer", Some(id)), ("event", event["id"].as_str())];
    Redirect::to(&after(next, done, &told)).into_response()
}

async fn page(
    layout: &Layout,
    id: &str,
    next: &str,
    to: Option<&str>,
    refused: Option<&Refused>,
) -> Response {
    let at = format!("/v1/customers/{}", encoded(id));
    let ways = format!("{at}/allowed-transitions");
    let (customer, ways) = match tokio::try_join!(layout.read(&at), layout.get(&ways)) {
        Ok(answers) => answers,
        Err(error) => return layout.failed(Part::Board, &error),
    };
    let locale = layout.locale;
    let name = customer["name"].as_str().unwrap_or(id);
    let journey = primary(&customer);
    let once = layout.once();
    let nothing = Fields::new();
    let closed: Vec<&Value> = items(&ways).iter().filter(|way| way["allowed"] != true).collect();
    let common = against_all(&closed);
    let body = html! {
        section #moving data-customer=(id) {
            h1 { (name) }
            p.hint {
                (text(&journey["stage_name"])) " · " (locale.lasting(figure(&journey["age_seconds"])))
                " · " (locale.owner(&customer["owner"]))
            }
            @if let Some(refused) = refused { (problem(locale, &refused.error)) }
            div.ways {
                @for way in items(&ways) {
                    @let is_chosen = to == way["to"].as_str();
                    @let filled = refused.filter(|_| is_chosen).map_or(&nothing, |refused| &refused.fields);
                    @if way["allowed"] == true {
                        (open_way(locale, way, is_chosen, &html! {
                            form.fields method="post" action={ "/console/customers/" (encoded(id)) "/move" } {
                                input type="hidden" name=(VERSION) value=(customer["version"]);
                                input type="hidden" name=(ONCE) value={ (once) ":" (text(&way["to"])) };
                                input type="hidden" name=(NEXT) value=(next);
                                (fields(locale, &way["form"], filled))
                                button { (locale.text("移到", "Move to")) " " (text(&way["name"])) }
                            }
                        }))
                    }
                }
                @if !common.is_empty() && !closed.is_empty() {
                    p.reason { @for violation in &common { (said(violation)) " " } }
                }
                @for way in &closed { (closed_way(way, &common)) }
            }
            p { a data-back href=(next) { (locale.text("取消", "Cancel")) } }
        }
    };
    let mut page = layout.page(Part::Board, None, name, &body);
    *page.status_mut() = refused.map_or(StatusCode::OK, |refused| refused.error.status);
    page
}

fn open_way(locale: Locale, way: &Value, is_chosen: bool, form: &Markup) -> Markup {
    html! {
        details.way name="way" data-to=(text(&way["to"])) data-allowed="true" open[is_chosen] {
            summary {
                (text(&way["name"]))
                @if !way["approval"].is_null() { " " span.flag { (locale.text("需要审批", "requires approval")) } }
            }
            (form)
        }
    }
}

/// A stage that the customer does not go to now, and why. What stands against all such stages was said above; columns of a board
/// say it of themselves.
fn closed_way(way: &Value, common: &[&Value]) -> Markup {
    html! {
        div.way data-to=(text(&way["to"])) data-allowed="false" {
            strong { (text(&way["name"])) }
            p.reason {
                @for violation in violations(way) {
                    span hidden[common.contains(&violation)] { (said(violation)) " " }
                }
            }
        }
    }
}

/// What stands against every one of several ways.
pub(super) fn against_all<'a>(ways: &[&'a Value]) -> Vec<&'a Value> {
    let [first, rest @ ..] = ways else { return Vec::new() };
    if rest.is_empty() {
        return Vec::new();
    }
    let is_common = |violation: &&Value| rest.iter().all(|way| violations(way).contains(violation));
    violations(first).iter().filter(is_common).collect()
}

/// What stands against a way.
pub(super) fn violations(way: &Value) -> &[Value] {
    way["violations"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What is wrong, and how to mend it.
pub(super) fn said(violation: &Value) -> Markup {
    html! { (text(&violation["message"])) " " (text(&violation["how_to_fix"])) }
}

/// What was just done to a customer, with the way to undo a move for a minute.
pub(super) async fn notice(layout: &Layout, query: &PageQuery, now: &Value) -> Option<Markup> {
    let (done, id, event) = (query.get("done")?, query.get("customer")?, query.get("event")?);
    let customer = layout.read(&format!("/v1/customers/{}", encoded(id))).await.ok()?;
    let locale = layout.locale;
    let name = customer["name"].as_str().unwrap_or(id);
    let stage = text(&primary(&customer)["stage_name"]).to_owned();
    let left = seconds_left(event, now)?;
    Some(html! {
        div.notice data-seconds=(left) {
            p {
                strong { (name) } " "
                @match done {
                    "customer.moved" => { "→ " (stage) }
                    "customer.move_voided" => { (locale.text("已撤销，回到", "is back in")) " " (stage) }
                    "customer.transition_requested" => { (locale.text("已提交审批", "waits for approval")) }
                    other => { (locale.event(other)) }
                }
            }
            @if done == "customer.moved" {
                form method="post" action={ "/console/customers/" (encoded(id)) "/undo" } {
                    input type="hidden" name=(VERSION) value=(customer["version"]);
                    input type="hidden" name=(ONCE) value={ (layout.once()) ":undo" };
                    input type="hidden" name=(NEXT) value=(layout.here());
                    input type="hidden" name=(EVENT) value=(event);
                    button.quiet { (locale.text("撤销", "Undo")) }
                }
            }
        }
    })
}

/// For how many seconds more a move is undone by a press: a minute from when it was recorded, which its id tells.
fn seconds_left(event: &str, now: &Value) -> Option<i64> {
    let recorded = uuid::Uuid::parse_str(event).ok()?.get_timestamp()?.to_unix().0;
    let now = super::super::i18n::read(now)?.timestamp();
    let left = i64::try_from(recorded).ok()?.checked_add(60)?.checked_sub(now)?;
    (1..=60).contains(&left).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_can_be_undone_for_a_minute_and_no_longer() {
        // 2026-11-29T08:00:00Z, by the first 48 bits of a UUID of version 7.
        let millis = 1_795_939_200_000_u64;
        let event = format!("{:08x}-{:04x}-7000-8000-000000000000", millis >> 16, millis & 0xffff);
        assert_eq!(seconds_left(&event, &json!("2026-11-29T08:00:00Z")), Some(60));
        assert_eq!(seconds_left(&event, &json!("2026-11-29T08:00:59Z")), Some(1));
        assert_eq!(seconds_left(&event, &json!("2026-11-29T08:01:00Z")), None);
        assert_eq!(seconds_left("x", &json!("2026-11-29T08:00:00Z")), None);
    }

    #[test]
    fn what_stands_against_every_way_is_said_once() {
        let ways = json!([
            {"to": "a", "violations": [{"message": "not yours"}, {"message": "a: no such move"}]},
            {"to": "b", "violations": [{"message": "b: no such move"}, {"message": "not yours"}]},
        ]);
        let ways: Vec<&Value> = ways.as_array().unwrap().iter().collect();
        let common = against_all(&ways);
        assert_eq!(common, [&json!({"message": "not yours"})]);
        assert!(against_all(&ways[..1]).is_empty() && against_all(&[]).is_empty());
        let shown = closed_way(ways[0], &common).into_string();
        assert!(
            shown.contains("<span hidden>not yours") && shown.contains("<span>a: no such move"),
            "{shown}"
        );
    }

    #[test]
    fn the_way_back_has_the_filters_and_what_was_done_once() {
        let fields =
            [(NEXT.to_owned(), "/console/boards/p?tier=A&done=x&event=old&min_position=1".to_owned())];
        let done = json!({"position": 9, "events": [{"type": "customer.moved", "id": "e"}]});
        let answer = back(&fields.into(), "c", &done);
        let expected = "/console/boards/p?done=customer.moved&customer=c&event=e&min_position=9&tier=A";
        assert_eq!(answer.headers()["location"], expected);
    }
}
