//! The customer page: current stage, possible actions, history.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{HOME, encoded, with_query};
use super::super::form::{Fields, ONCE, VERSION, body, fields};
use super::super::gateway::{ApiError, CommandHeaders};
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part, problem};
use super::super::session::{ConsoleSession, PageQuery};
use super::customers::primary;
use super::{figure, items, text};

/// What can be done from here: the commands of the API under a customer's address.
const ACTS: [&str; 6] = ["transitions", "reactivations", "notes", "follow-ups", "claims", "releases"];
/// How a customer can be talked with.
const CHANNELS: [(&str, &str, &str); 6] = [
    ("phone", "电话", "Phone"),
    ("wechat", "微信", "WeChat"),
    ("visit", "拜访", "Visit"),
    ("email", "邮件", "E-mail"),
    ("meeting", "会议", "Meeting"),
    ("other", "其他", "Other"),
];

/// A command that was refused, to be mended and sent again.
struct Refused {
    act: String,
    fields: Fields,
    error: ApiError,
}

/// Everything that the page is made of.
struct PageData {
    customer: Value,
    moves: Value,
    timeline: Value,
    stays: Value,
    pipeline: Value,
    once: String,
    /// Whether it is the customer as it stood at another time than now.
    is_past: bool,
}

/// Shows a customer.
pub(in super::super) async fn show(layout: Layout, Path(id): Path<String>, query: PageQuery) -> Response {
    page(&layout, &id, &query, None).await
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
    let sent = body(Locale::from(&session), &fields);
    match console.api.post(&session, &path, &headers, &sent).await {
        Ok(done) => {
            let position = done["position"].to_string();
            let here = format!("/console/customers/{}", encoded(&id));
            Redirect::to(&with_query(&here, [("min_position", Some(position.as_str()))])).into_response()
        }
        Err(error) => {
            let refused = Refused { act, fields, error };
            match Layout::of(&console, session, HOME.to_owned()).await {
                Ok(layout) => page(&layout, &id, &PageQuery::default(), Some(&refused)).await,
                Err(response) => response,
            }
        }
    }
}

async fn page(layout: &Layout, id: &str, query: &PageQuery, refused: Option<&Refused>) -> Response {
    let data = match PageData::load(layout, id, query).await {
        Ok(data) => data,
        Err(error) => return layout.failed(Part::Customers, &error),
    };
    let locale = layout.locale;
    let name = data.customer["name"].as_str().unwrap_or(id);
    let body = html! {
        @if let Some(refused) = refused { (problem(locale, &refused.error)) }
        @if data.is_past { (banner(locale, &data)) }
        (head(locale, &data, name))
        div.columns {
            div {
                @if layout.works() && !data.is_past { (acts(layout, &data, refused)) }
                (facts(locale, &data.customer))
            }
            div { (story(locale, &data, query)) }
        }
    };
    let mut page = layout.page(Part::Customers, None, name, &body);
    if let Some(refused) = refused {
        *page.status_mut() = refused.error.status;
    }
    page
}

impl PageData {
    async fn load(layout: &Layout, id: &str, query: &PageQuery) -> Result<Self, ApiError> {
        let id = encoded(id);
        let instant = |name: &str| query.get(name).map(|field| layout.locale.instant(field));
        let (effective_at, known_at) = (instant("effective_at"), instant("known_at"));
        let is_past = effective_at.is_some() || known_at.is_some();
        let position = || {
            [
                ("min_position", query.get("min_position")),
                ("effective_at", effective_at.as_deref()),
                ("known_at", known_at.as_deref()),
            ]
        };
        let customer = layout.get(&with_query(&format!("/v1/customers/{id}"), position())).await?;
        let view = query.get("view").unwrap_or("both");
        let story = position().into_iter().chain([("view", Some(view)), ("limit", Some("500"))]);
        let timeline = layout.get(&with_query(&format!("/v1/customers/{id}/timeline"), story)).await?;
        let stays = layout.get(&with_query(&format!("/v1/customers/{id}/stays"), position())).await?;
        let moves = layout.get(&format!("/v1/customers/{id}/allowed-transitions")).await?;
        let journey = primary(&customer);
        let key = encoded(text(&journey["pipeline"]));
        let version = journey["pipeline_version"].to_string();
        let definition = with_query(&format!("/v1/pipelines/{key}"), [("version", Some(version.as_str()))]);
        let pipeline = layout.get(&definition).await?;
        Ok(Self { customer, moves, timeline, stays, pipeline, once: layout.once(), is_past })
    }

    /// Why the present cycle ended: the reason of the move by which the customer came to where it stands. Releases,
    /// handovers and corrections have reasons of their own, which say nothing of the deal.
    fn ended_because(&self) -> Option<&str> {
        let journey = primary(&self.customer);
        let stands = |stay: &&Value| stay["journey"] == journey["pipeline"] && stay["open"] == true;
        let stay = items(&self.stays).iter().rev().find(stands)?;
        let entered =
            |item: &&Value| item["id"] == stay["entered_event"] && item["stage_to"] == stay["stage"];
        items(&self.timeline).iter().find(entered)?["data"]["reason"].as_str()
    }

    fn stage(&self, id: &str) -> &Value {
        let mut stages = self.pipeline["stages"].as_array().into_iter().flatten();
        stages.find(|stage| stage["id"] == id).unwrap_or(&Value::Null)
    }

    /// What a stage is called; what the definition does not know is called by its id.
    fn name<'a>(&'a self, locale: Locale, id: &'a Value) -> &'a str {
        let name = locale.label(&self.stage(text(id))["name"]);
        if name.is_empty() { text(id) } else { name }
    }
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

fn head(locale: Locale, data: &PageData, name: &str) -> Markup {
    let journey = primary(&data.customer);
    let stage = data.stage(text(&journey["stage"]));
    let next = &data.customer["next_action"];
    html! {
        header.customer {
            h1 { (name) }
            p.status {
                span.stage data-type=(text(&stage["type"])) { (data.name(locale, &journey["stage"])) }
                @if let Some(sub) = journey["sub_status"].as_str() { " · " (sub) }
                " " (locale.text("已停留", "for")) " " (locale.lasting(figure(&journey["age_seconds"])))
                " · " (locale.cycle(&journey["cycle"]))
            }
            p { (locale.text("负责人", "Owner")) ": " strong { (locale.owner(&data.customer["owner"])) } }
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
            @if in_pool && layout.rep().is_some() {
                (form(locale, data, refused, "claims", "", locale.text("领取", "Claim"), &json!({})))
            }
            @if !in_pool {
                @let why = json!({"required": ["reason"], "properties": {"reason": {"type": "string"}}});
                (form(locale, data, refused, "releases", "", locale.text("退回公海", "Release to pool"), &why))
            }
        }
    }
}

fn moves(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    // A move that the definition does not have cannot be mended here; whatever else is unmet can.
    let is_way = |item: &&Value| {
        let violations = item["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
        !violations.iter().any(|violation| violation["code"] == "transition-not-allowed")
    };
    let (ways, closed): (Vec<&Value>, Vec<&Value>) = items(&data.moves).iter().partition(is_way);
    html! {
        @for way in ways {
            @let hints = way["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
            (form(locale, data, refused, "transitions", text(&way["to"]), text(&way["name"]), &way["form"]))
            @for hint in hints {
                p.hint { (text(&hint["message"])) " " (text(&hint["how_to_fix"])) }
            }
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
        "properties": {"to": {"oneOf": choices}, "reason": {"type": "string", "maxLength": 4000}}
    });
    html! {
        @if let Some(reason) = data.ended_because() {
            p.hint { (locale.text("上次的原因：", "Previous reason: ")) strong { (self::reason(locale, data, reason)) } }
        }
        (form(locale, data, refused, "reactivations", "", locale.text("重新激活", "Reactivate"), &schema))
    }
}

/// A reason by its code, or the text that was given.
fn reason<'a>(locale: Locale, data: &'a PageData, code: &'a str) -> &'a str {
    let mut reasons = data.pipeline["reasons"].as_array().into_iter().flatten();
    reasons.find(|reason| reason["code"] == code).map_or(code, |reason| locale.label(&reason["name"]))
}

fn follow_up(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let channels: Vec<Value> =
        CHANNELS.iter().map(|(code, zh, en)| json!({"const": code, "title": locale.text(zh, en)})).collect();
    let schema = json!({
        "required": ["channel", "summary"],
        "properties": {
            "channel": {"oneOf": channels},
            "summary": {"type": "string", "maxLength": 4000},
            "goal_reached": {"type": "boolean"},
            "next_plan": {"type": "object", "properties": {
                "at": {"type": "string", "format": "date-time"}, "text": {"type": "string"}
            }},
        }
    });
    form(locale, data, refused, "follow-ups", "", locale.text("跟进记录", "Follow-up"), &schema)
}

fn note(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let schema = json!({"required": ["text"], "properties": {"text": {"type": "string", "maxLength": 4000}}});
    form(locale, data, refused, "notes", "", locale.text("备注", "Note"), &schema)
}

/// A form that is folded up until it is wanted, or has to be mended.
fn form(
    locale: Locale,
    data: &PageData,
    refused: Option<&Refused>,
    act: &str,
    to: &str,
    name: &str,
    schema: &Value,
) -> Markup {
    let nothing = Fields::new();
    let again = refused.filter(|refused| {
        refused.act == act && (to.is_empty() || refused.fields.get("to").is_some_and(|sent| sent == to))
    });
    let filled = again.map_or(&nothing, |refused| &refused.fields);
    let path = format!("/console/customers/{}/{act}", text(&data.customer["id"]));
    html! {
        details.act open[again.is_some()] {
            summary { (name) }
            form.fields method="post" action=(path) {
                input type="hidden" name=(VERSION) value=(data.customer["version"]);
                input type="hidden" name=(ONCE) value={ (data.once) ":" (act) ":" (to) };
                (fields(locale, schema, filled))
                button { (locale.text("保存", "Save")) }
            }
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
        section {
            h2 { (locale.text("资料", "Details")) }
            dl {
                (line(locale.text("金额", "Amount"), money(&customer["amount"])))
                (line(locale.text("等级", "Tier"), text(&customer["tier"]).to_owned()))
                (line(locale.text("标签", "Tags"), joined(&customer["tags"])))
                (line(locale.text("来源", "Source"), text(&customer["source"]).to_owned()))
                (line(locale.text("行业", "Industry"), text(&customer["industry"]).to_owned()))
                (line(locale.text("地区", "Region"), text(&customer["region"]).to_owned()))
                @for contact in customer["contacts"].as_array().into_iter().flatten() {
                    (line(text(&contact["kind"]), text(&contact["value"]).to_owned()))
                }
                (line(locale.text("成交金额", "Won amount"), money(&customer["won_amount"])))
                (line(locale.text("延期至", "Postponed until"), text(&customer["postponed_until"]).to_owned()))
                (line(locale.text("外部编号", "External ID"), text(&customer["external_id"]).to_owned()))
            }
        }
    }
}

/// What happened, the latest first, and how long each stage lasted.
fn story(locale: Locale, data: &PageData, query: &PageQuery) -> Markup {
    let view = query.get("view").unwrap_or("both");
    let views = [
        ("both", locale.text("全部", "All")),
        ("effective", locale.text("更正后", "As corrected")),
        ("recorded", locale.text("按原始记录", "As recorded")),
    ];
    html! {
        section {
            h2 { (locale.text("停留记录", "Stays")) }
            ol.stays {
                @for stay in items(&data.stays) {
                    li {
                        span { (data.name(locale, &stay["stage"])) }
                        span { (locale.lasting(figure(&stay["seconds"]))) @if stay["open"] == true { " …" } }
                    }
                }
            }
        }
        section {
            h2 { (locale.text("时间线", "Timeline")) }
            nav.tabs {
                @for (name, caption) in views {
                    a href={ "?view=" (name) } aria-current=[(name == view).then_some("page")] { (caption) }
                }
            }
            ol.timeline {
                // That a rule acted is told by what it did; anyone who wants the record as it is sees both.
                @for item in items(&data.timeline).iter().rev()
                    .filter(|item| view == "recorded" || item["type"] != "customer.automation_ran") {
                    (happening(locale, data, item))
                }
            }
        }
    }
}

fn happening(locale: Locale, data: &PageData, item: &Value) -> Markup {
    let late = item["recorded_at"] != item["effective_at"];
    html! {
        li.superseded[!item["superseded_by"].is_null()] {
            p.line {
                strong { (locale.event(text(&item["type"]))) }
                time datetime=(text(&item["effective_at"])) { (locale.moment(&item["effective_at"])) }
            }
            @if !item["stage_to"].is_null() {
                p {
                    @if !item["stage_from"].is_null() { (data.name(locale, &item["stage_from"])) " → " }
                    strong { (data.name(locale, &item["stage_to"])) }
                    @if let Some(code) = item["data"]["reason"].as_str() { " · " (reason(locale, data, code)) }
                }
            }
            @if let Some(note) = item["note"].as_str() { p { (note) } }
            @if item["data"]["title"].is_object() { p { (locale.label(&item["data"]["title"])) } }
            @if item["data"]["text"].is_object() { p { (locale.label(&item["data"]["text"])) } }
            p.hint {
                (text(&item["actor"]))
                @if late { " · " (locale.text("记录于", "recorded")) " " (locale.moment(&item["recorded_at"])) }
                @if !item["superseded_by"].is_null() { " · " (locale.text("已被更正", "superseded by a correction")) }
                " · #" (item["position"])
            }
        }
    }
}
