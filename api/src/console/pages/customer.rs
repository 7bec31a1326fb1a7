//! The customer page: current stage, possible actions, history.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{HOME, after, encoded, own, with_query};
use super::super::form::{Fields, NEXT, ONCE, VERSION, body};
use super::super::gateway::CommandHeaders;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part, problem};
use super::super::session::{ConsoleSession, PageQuery};
use super::customers::primary;
use super::dealings::Dealings;
use super::moving::{against_all, said, violations};
use super::record::{PageData, Refused, form, reason};
use super::remaining::until_pool;
use super::{dealings, details, figure, history, items, text};
use crate::domain::ProfileField;

/// What can be done from here: the commands of the API under a customer's address.
const ACTS: [&str; 13] = [
    "transitions",
    "reactivations",
    "corrections",
    "details",
    "documents",
    "notes",
    "follow-ups",
    "claims",
    "releases",
    "owner-changes",
    "transactions",
    "merges",
    "distinctions",
];
/// How a customer can be talked with.
const CHANNELS: [(&str, &str, &str); 6] = [
    ("phone", "电话", "Phone"),
    ("wechat", "微信", "WeChat"),
    ("visit", "拜访", "Visit"),
    ("email", "邮件", "E-mail"),
    ("meeting", "会议", "Meeting"),
    ("other", "其他", "Other"),
];

/// Shows a customer.
pub(in super::super) async fn show(layout: Layout, Path(id): Path<String>, query: PageQuery) -> Response {
    page(&layout.with_script("customer.js"), &id, &query, None).await
}

/// The address of a form that was refused shows the customer when it is loaded again.
pub(in super::super) async fn again(Path((id, _)): Path<(String, String)>) -> Redirect {
    Redirect::to(&format!("/console/customers/{}", encoded(&id)))
}

/// Carries out what a form of the page asks for, and shows the customer again.
pub(in super::super) async fn act(
    State(console): State<Console>,
    session: ConsoleSession,
    Path((id, act)): Path<(String, String)>,
    Form(fields): Form<Fields>,
) -> Response {
    if !ACTS.contains(&act.as_str()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let headers = CommandHeaders { key: fields.get(ONCE).cloned(), version: fields.get(VERSION).cloned() };
    let path = format!("/v1/customers/{}/{act}", encoded(&id));
    let sent = match act.as_str() {
        "details" => details::changed(&fields),
        _ => body(Locale::from(&session), &fields),
    };
    match console.api.post(&session, &path, &headers, &sent).await {
        Ok(done) => {
            let here = own(fields.get(NEXT).map(String::as_str));
            let here =
                if here == HOME { format!("/console/customers/{}", encoded(&id)) } else { here.to_owned() };
            Redirect::to(&after(&here, &done, &[])).into_response()
        }
        Err(error) => {
            let refused = Refused { act, fields, error };
            match Layout::of(&console, session, HOME.to_owned()).await {
                Ok(layout) => {
                    let layout = layout.with_script("customer.js");
                    page(&layout, &id, &PageQuery::default(), Some(&refused)).await
                }
                Err(response) => response,
            }
        }
    }
}

async fn page(layout: &Layout, id: &str, query: &PageQuery, refused: Option<&Refused>) -> Response {
    let data = match PageData::load(layout, id, query).await {
        Ok(data) => data,
        Err(error) => {
            return match error.survivor() {
                Some(survivor) => Redirect::to(&format!("/console/customers/{survivor}")).into_response(),
                None => layout.failed(Part::Customers, &error),
            };
        }
    };
    let dealings = Dealings::load(layout, id, query).await;
    let locale = layout.locale;
    let name = data.customer["name"].as_str().unwrap_or(id);
    let body = html! {
        @if let Some(refused) = refused { (problem(locale, &refused.error)) }
        @if data.is_past { (banner(locale, &data)) }
        (ended(locale, &data))
        (head(locale, &data, name))
        (history::strip(locale, &data))
        div.columns {
            div {
                @if layout.works() && data.is_workable() { (acts(layout, &data, refused)) }
                section {
                    (facts(locale, &data.customer))
                    @if layout.works() && data.is_workable() { (details::form(locale, &data, refused)) }
                    (watched(layout, id))
                }
                @if !data.is_past { (dealings.purchases(layout, &data, refused)) }
                @if layout.works() && data.is_workable() { (dealings.duplicates(layout, &data, refused)) }
            }
            div { (history::story(layout, &data, query)) }
        }
    };
    let mut page = layout.page(Part::Customers, None, name, &body);
    if let Some(refused) = refused {
        *page.status_mut() = refused.error.status;
    }
    page
}

/// That this is the past, and the way back.
fn banner(locale: Locale, data: &PageData) -> Markup {
    html! {
        p.banner role="note" {
            (locale.text("业务时间", "As of")) " " strong { (locale.moment(&data.customer["effective_at"])) }
            (locale.text("，当时所知", ", as known at")) " " strong { (locale.moment(&data.customer["known_at"])) } " · "
            a href="?" { (locale.text("回到现在", "Back to now")) }
        }
    }
}

/// Why nothing can be done with the customer any more.
fn ended(locale: Locale, data: &PageData) -> Markup {
    let customer = &data.customer;
    html! {
        @if customer["erased"] == true {
            p.banner role="note" { (locale.text("个人资料已删除。", "The personal data is erased.")) }
        } @else if customer["withdrawn"] == true {
            p.banner role="note" {
                (locale.text("导入此客户的操作已撤销。", "The import that brought the customer was undone."))
            }
        }
    }
}

fn head(locale: Locale, data: &PageData, name: &str) -> Markup {
    let journey = primary(&data.customer);
    let stage = data.stage(text(&journey["stage"]));
    let next = &data.customer["next_action"];
    html! {
        header.customer {
            h1 { (name) }
            p.status {
                span.stage data-type=(text(&stage["type"])) { (data.name(locale, &journey["stage"])) }
                @if let Some(sub) = journey["sub_status"].as_str() { " · " (data.sub_status(locale, journey, sub)) }
                " " (locale.text("已停留", "for")) " " (locale.lasting(figure(&journey["age_seconds"])))
                " · " (locale.cycle(&journey["cycle"]))
            }
            p {
                (locale.text("负责人", "Owner")) ": " strong { (locale.owner(&data.customer["owner"])) }
                @if let Some(left) = until_pool(locale, &data.customer) { " · " (left) }
            }
            @if next.is_object() {
                p { (locale.text("下次联系", "Next contact")) ": " strong { (locale.moment(&next["at"])) } " " (text(&next["text"])) }
            }
            @if stage["next_action"].is_object() {
                p.hint { (locale.text("下一步动作：", "Next action: ")) (locale.label(&stage["next_action"]["what"])) }
            }
            @if stage["playbook"].is_object() { p.hint { (locale.label(&stage["playbook"])) } }
        }
    }
}

/// What can be done with the customer.
fn acts(layout: &Layout, data: &PageData, refused: Option<&Refused>) -> Markup {
    let locale = layout.locale;
    let kind = text(&data.stage(text(&primary(&data.customer)["stage"]))["type"]);
    let in_pool = data.customer["owner"]["kind"] == "pool";
    html! {
        section {
            h2 { (locale.text("变更状态", "Change stage")) }
            @if matches!(kind, "lost" | "dormant") { (reactivate(locale, data, refused)) }
            (moves(locale, data, refused))
        }
        section {
            h2 { (locale.text("记录", "Add a record")) }
            (follow_up(locale, data, refused))
            (note(locale, data, refused))
            (document(locale, data, refused))
            @if in_pool && layout.rep().is_some() {
                (form(locale, data, refused, "claims", "", locale.text("领取", "Claim"), &json!({})))
            }
            @if !in_pool {
                @let why = json!({"required": ["reason"], "properties": {"reason": {"type": "string"}}});
                (form(locale, data, refused, "releases", "", locale.text("退回公海", "Release to pool"), &why))
            }
            @if layout.has_role(&["supervisor", "manager", "admin"]) { (dealings::hand_over(locale, data, refused)) }
        }
    }
}

fn moves(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    // A move that the definition does not have, or of another rep's customer, cannot be mended here; whatever else is unmet can.
    let is_way = |item: &&Value| {
        let is_final = |code: &Value| *code == "transition-not-allowed" || *code == "not-owner";
        !violations(item).iter().any(|violation| is_final(&violation["code"]))
    };
    let (ways, closed): (Vec<&Value>, Vec<&Value>) = items(&data.moves).iter().partition(is_way);
    html! {
        @if ways.is_empty() { @for violation in against_all(&closed) { p.hint { (said(violation)) } } }
        @for way in ways {
            (form(locale, data, refused, "transitions", text(&way["to"]), text(&way["name"]), &way["form"]))
            @for violation in violations(way) { p.hint { (said(violation)) } }
            @if !way["approval"].is_null() { p.hint { (locale.text("需要审批。", "Requires approval.")) } }
        }
        @if !closed.is_empty() {
            details {
                summary.hint { (locale.text("不可变更到", "Not allowed from here")) " (" (closed.len()) ")" }
                p.hint { (closed.iter().map(|item| text(&item["name"])).collect::<Vec<_>>().join(" · ")) }
            }
        }
    }
}

fn reactivate(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let stages = data.pipeline["stages"].as_array().into_iter().flatten();
    let open = stages.filter(|stage| stage["type"] == "open");
    let choices: Vec<Value> =
        open.map(|stage| json!({"const": stage["id"], "title": locale.label(&stage["name"])})).collect();
    let schema = json!({
        "required": ["to", "reason"],
        "properties": {
            "to": {"oneOf": choices}, "reason": {"type": "string", "maxLength": 4000},
            "documents": {"type": "array", "items": document_schema()}
        }
    });
    html! {
        @if let Some(reason) = data.ended_because() {
            p.hint { (locale.text("上次的原因：", "Previous reason: ")) strong { (self::reason(locale, data, reason)) } }
        }
        (form(locale, data, refused, "reactivations", "", locale.text("重新激活", "Reactivate"), &schema))
    }
}

/// What the record of a contact asks for.
pub(super) fn follow_up_schema(locale: Locale) -> Value {
    let channels: Vec<Value> =
        CHANNELS.iter().map(|(code, zh, en)| json!({"const": code, "title": locale.text(zh, en)})).collect();
    json!({
        "required": ["channel", "summary"],
        "properties": {
            "channel": {"oneOf": channels},
            "summary": {"type": "string", "maxLength": 4000},
            "goal_reached": {"type": "boolean"},
            "next_plan": {"type": "object", "properties": {
                "at": {"type": "string", "format": "date-time"}, "text": {"type": "string"}
            }},
        }
    })
}

fn follow_up(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let name = locale.text("跟进记录", "Follow-up");
    form(locale, data, refused, "follow-ups", "", name, &follow_up_schema(locale))
}

fn note(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let schema = json!({"required": ["text"], "properties": {"text": {"type": "string", "maxLength": 4000}}});
    form(locale, data, refused, "notes", "", locale.text("备注", "Note"), &schema)
}

fn document(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    form(locale, data, refused, "documents", "", locale.text("文件", "Document"), &document_schema())
}

fn document_schema() -> Value {
    let short = json!({"type": "string"});
    json!({
        "required": ["kind", "reference", "sha256"],
        "properties": {"kind": short, "name": short, "reference": short, "sha256": short}
    })
}

/// What those who watch look at: who changed the customer, who read it, and whether it must be kept.
fn watched(layout: &Layout, id: &str) -> Markup {
    let locale = layout.locale;
    let pages = [
        ("/console/audit", locale.text("变更", "Changes")),
        ("/console/audit/access", locale.text("谁查阅过", "Who read it")),
        ("/console/audit/legal-holds", locale.text("依法保留", "Legal holds")),
        ("/console/audit/erasures", locale.text("谁还持有资料", "Who else holds data")),
    ];
    html! {
        @if layout.has_role(&["admin", "auditor"]) {
            p.downloads { @for (page, name) in pages { a href=(with_query(page, [("customer", Some(id))])) { (name) } } }
        }
    }
}

fn facts(locale: Locale, customer: &Value) -> Markup {
    let line = |name: &str, value: String| {
        html! { @if !value.is_empty() { dt { (name) } dd { (value) } } }
    };
    let money = |value: &Value| if value.is_object() { locale.money(value) } else { String::new() };
    let joined = |list: &Value| {
        let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.collect::<Vec<_>>().join(", ")
    };
    html! {
        h2 { (locale.text("资料", "Details")) }
        dl {
            (line(locale.text("金额", "Amount"), money(&customer["amount"])))
            (line(locale.text("等级", "Tier"), text(&customer["tier"]).to_owned()))
            (line(locale.text("标签", "Tags"), joined(&customer["tags"])))
            (line(locale.text("来源", "Source"), text(&customer["source"]).to_owned()))
            @for field in ProfileField::ALL.into_iter().filter(|field| field.is_in_reports()) {
                (line(locale.name_of(field), text(&customer[field.key()]).to_owned()))
            }
            @for contact in customer["contacts"].as_array().into_iter().flatten() {
                (line(&locale.caption(text(&contact["kind"])), text(&contact["value"]).to_owned()))
            }
            (line(locale.text("成交金额", "Won amount"), money(&customer["won_amount"])))
            (line(locale.text("延期至", "Postponed until"), text(&customer["postponed_until"]).to_owned()))
            (line(locale.text("外部编号", "External ID"), text(&customer["external_id"]).to_owned()))
        }
    }
}
