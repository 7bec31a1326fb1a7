//! One customer: where they stand, what can be done, what happened.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{HOME, encoded, with_query};
use super::super::form::{Fields, ONCE, VERSION, body, fields};
use super::super::frame::{Frame, Part, problem};
use super::super::gateway::{Precautions, Trouble};
use super::super::visitor::{Asked, Visitor};
use super::super::words::Words;
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
    trouble: Trouble,
}

/// Everything that the page is made of.
struct Sheet {
    customer: Value,
    moves: Value,
    timeline: Value,
    stays: Value,
    pipeline: Value,
    once: String,
}

/// Shows a customer.
pub(in super::super) async fn show(frame: Frame, Path(id): Path<String>, asked: Asked) -> Response {
    page(&frame, &id, &asked, None).await
}

/// Carries out what a form of the page asks for, and shows the customer again.
pub(in super::super) async fn act(
    State(console): State<Console>,
    visitor: Visitor,
    Path((id, act)): Path<(String, String)>,
    Form(fields): Form<Fields>,
) -> Response {
    if !ACTS.contains(&act.as_str()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let precautions = Precautions { key: fields.get(ONCE).cloned(), version: fields.get(VERSION).cloned() };
    let path = format!("/v1/customers/{}/{act}", encoded(&id));
    let sent = body(Words::from(&visitor), &fields);
    match console.api.post(&visitor, &path, &precautions, &sent).await {
        Ok(done) => {
            let position = done["position"].to_string();
            let here = format!("/console/customers/{}", encoded(&id));
            Redirect::to(&with_query(&here, [("min_position", Some(position.as_str()))])).into_response()
        }
        Err(trouble) => {
            let refused = Refused { act, fields, trouble };
            match Frame::of(&console, visitor, HOME.to_owned()).await {
                Ok(frame) => page(&frame, &id, &Asked::default(), Some(&refused)).await,
                Err(response) => response,
            }
        }
    }
}

async fn page(frame: &Frame, id: &str, asked: &Asked, refused: Option<&Refused>) -> Response {
    let sheet = match Sheet::load(frame, id, asked).await {
        Ok(sheet) => sheet,
        Err(trouble) => return frame.trouble(Part::Customers, &trouble),
    };
    let words = frame.words;
    let name = sheet.customer["name"].as_str().unwrap_or(id);
    let body = html! {
        @if let Some(refused) = refused { (problem(words, &refused.trouble)) }
        (head(words, &sheet, name))
        div.columns {
            div {
                @if frame.works() { (acts(frame, &sheet, refused)) }
                (facts(words, &sheet.customer))
            }
            div { (story(words, &sheet, asked)) }
        }
    };
    let mut page = frame.page(Part::Customers, None, name, &body);
    if let Some(refused) = refused {
        *page.status_mut() = refused.trouble.status;
    }
    page
}

impl Sheet {
    async fn load(frame: &Frame, id: &str, asked: &Asked) -> Result<Self, Trouble> {
        let id = encoded(id);
        let position = || [("min_position", asked.get("min_position"))];
        let customer = frame.get(&with_query(&format!("/v1/customers/{id}"), position())).await?;
        let view = asked.get("view").unwrap_or("both");
        let story = position().into_iter().chain([("view", Some(view)), ("limit", Some("500"))]);
        let timeline = frame.get(&with_query(&format!("/v1/customers/{id}/timeline"), story)).await?;
        let stays = frame.get(&with_query(&format!("/v1/customers/{id}/stays"), position())).await?;
        let moves = frame.get(&format!("/v1/customers/{id}/allowed-transitions")).await?;
        let journey = primary(&customer);
        let key = encoded(text(&journey["pipeline"]));
        let version = journey["pipeline_version"].to_string();
        let definition = with_query(&format!("/v1/pipelines/{key}"), [("version", Some(version.as_str()))]);
        let pipeline = frame.get(&definition).await?;
        Ok(Self { customer, moves, timeline, stays, pipeline, once: frame.once() })
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
    fn name<'a>(&'a self, words: Words, id: &'a Value) -> &'a str {
        let name = words.label(&self.stage(text(id))["name"]);
        if name.is_empty() { text(id) } else { name }
    }
}

fn head(words: Words, sheet: &Sheet, name: &str) -> Markup {
    let journey = primary(&sheet.customer);
    let stage = sheet.stage(text(&journey["stage"]));
    let next = &sheet.customer["next_action"];
    html! {
        header.customer {
            h1 { (name) }
            p.status {
                span.stage data-type=(text(&stage["type"])) { (sheet.name(words, &journey["stage"])) }
                @if let Some(sub) = journey["sub_status"].as_str() { " · " (sub) }
                " " (words.say("已", "for")) " " (words.lasting(figure(&journey["age_seconds"])))
                " · " (words.say("第", "cycle ")) (journey["cycle"]) (words.say("轮", ""))
            }
            p { (words.say("负责人", "Owner")) ": " strong { (words.owner(&sheet.customer["owner"])) } }
            @if next.is_object() {
                p { (words.say("下次联系", "Next contact")) ": " strong { (words.moment(&next["at"])) } " " (text(&next["text"])) }
            }
            @if stage["next_action"].is_object() {
                p.hint { (words.say("该做什么：", "What to do: ")) (words.label(&stage["next_action"]["what"])) }
            }
            @if stage["playbook"].is_object() { p.hint { (words.label(&stage["playbook"])) } }
        }
    }
}

/// What can be done with the customer.
fn acts(frame: &Frame, sheet: &Sheet, refused: Option<&Refused>) -> Markup {
    let words = frame.words;
    let kind = text(&sheet.stage(text(&primary(&sheet.customer)["stage"]))["type"]);
    let in_pool = sheet.customer["owner"]["kind"] == "pool";
    html! {
        section {
            h2 { (words.say("变更状态", "Move on")) }
            @if matches!(kind, "lost" | "dormant") { (reactivate(words, sheet, refused)) }
            (moves(words, sheet, refused))
        }
        section {
            h2 { (words.say("记录", "Record")) }
            (follow_up(words, sheet, refused))
            (note(words, sheet, refused))
            @if in_pool && frame.rep().is_some() {
                (form(words, sheet, refused, "claims", "", words.say("领取", "Claim"), &json!({})))
            }
            @if !in_pool {
                @let why = json!({"required": ["reason"], "properties": {"reason": {"type": "string"}}});
                (form(words, sheet, refused, "releases", "", words.say("退回公海", "Release to the pool"), &why))
            }
        }
    }
}

fn moves(words: Words, sheet: &Sheet, refused: Option<&Refused>) -> Markup {
    // A move that the definition does not have cannot be mended here; whatever else is unmet can.
    let is_way = |item: &&Value| {
        let violations = item["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
        !violations.iter().any(|violation| violation["code"] == "transition-not-allowed")
    };
    let (ways, closed): (Vec<&Value>, Vec<&Value>) = items(&sheet.moves).iter().partition(is_way);
    html! {
        @for way in ways {
            @let hints = way["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
            (form(words, sheet, refused, "transitions", text(&way["to"]), text(&way["name"]), &way["form"]))
            @for hint in hints {
                p.hint { (text(&hint["message"])) " " (text(&hint["how_to_fix"])) }
            }
            @if !way["approval"].is_null() { p.hint { (words.say("需要审批。", "Needs approval.")) } }
        }
        @if !closed.is_empty() {
            details {
                summary.hint { (words.say("从这里不能到", "Not from here")) " (" (closed.len()) ")" }
                p.hint { (closed.iter().map(|item| text(&item["name"])).collect::<Vec<_>>().join(" · ")) }
            }
        }
    }
}

fn reactivate(words: Words, sheet: &Sheet, refused: Option<&Refused>) -> Markup {
    let stages = sheet.pipeline["stages"].as_array().into_iter().flatten();
    let open = stages.filter(|stage| stage["type"] == "open");
    let choices: Vec<Value> =
        open.map(|stage| json!({"const": stage["id"], "title": words.label(&stage["name"])})).collect();
    let schema = json!({
        "required": ["to", "reason"],
        "properties": {"to": {"oneOf": choices}, "reason": {"type": "string", "maxLength": 4000}}
    });
    html! {
        @if let Some(reason) = sheet.ended_because() {
            p.hint { (words.say("上次的原因：", "The reason last time: ")) strong { (self::reason(words, sheet, reason)) } }
        }
        (form(words, sheet, refused, "reactivations", "", words.say("重新激活", "Reactivate"), &schema))
    }
}

/// A reason by its code, or the text that was given.
fn reason<'a>(words: Words, sheet: &'a Sheet, code: &'a str) -> &'a str {
    let mut reasons = sheet.pipeline["reasons"].as_array().into_iter().flatten();
    reasons.find(|reason| reason["code"] == code).map_or(code, |reason| words.label(&reason["name"]))
}

fn follow_up(words: Words, sheet: &Sheet, refused: Option<&Refused>) -> Markup {
    let channels: Vec<Value> =
        CHANNELS.iter().map(|(code, zh, en)| json!({"const": code, "title": words.say(zh, en)})).collect();
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
    form(words, sheet, refused, "follow-ups", "", words.say("跟进记录", "Follow-up"), &schema)
}

fn note(words: Words, sheet: &Sheet, refused: Option<&Refused>) -> Markup {
    let schema = json!({"required": ["text"], "properties": {"text": {"type": "string", "maxLength": 4000}}});
    form(words, sheet, refused, "notes", "", words.say("备注", "Note"), &schema)
}

/// A form that is folded up until it is wanted, or has to be mended.
fn form(
    words: Words,
    sheet: &Sheet,
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
    let path = format!("/console/customers/{}/{act}", text(&sheet.customer["id"]));
    html! {
        details.act open[again.is_some()] {
            summary { (name) }
            form.fields method="post" action=(path) {
                input type="hidden" name=(VERSION) value=(sheet.customer["version"]);
                input type="hidden" name=(ONCE) value={ (sheet.once) ":" (act) ":" (to) };
                (fields(words, schema, filled))
                button { (words.say("保存", "Save")) }
            }
        }
    }
}

fn facts(words: Words, customer: &Value) -> Markup {
    let line = |name: &str, value: String| {
        html! { @if !value.is_empty() { dt { (name) } dd { (value) } } }
    };
    let money = |value: &Value| if value.is_object() { words.money(value) } else { String::new() };
    let joined = |list: &Value| {
        let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.collect::<Vec<_>>().join(", ")
    };
    html! {
        section {
            h2 { (words.say("资料", "Details")) }
            dl {
                (line(words.say("金额", "Amount"), money(&customer["amount"])))
                (line(words.say("等级", "Tier"), text(&customer["tier"]).to_owned()))
                (line(words.say("标签", "Tags"), joined(&customer["tags"])))
                (line(words.say("来源", "Source"), text(&customer["source"]).to_owned()))
                (line(words.say("行业", "Industry"), text(&customer["industry"]).to_owned()))
                (line(words.say("地区", "Region"), text(&customer["region"]).to_owned()))
                @for contact in customer["contacts"].as_array().into_iter().flatten() {
                    (line(text(&contact["kind"]), text(&contact["value"]).to_owned()))
                }
                (line(words.say("成交金额", "Won amount"), money(&customer["won_amount"])))
                (line(words.say("延期至", "Postponed until"), text(&customer["postponed_until"]).to_owned()))
                (line(words.say("外部编号", "External id"), text(&customer["external_id"]).to_owned()))
            }
        }
    }
}

/// What happened, the latest first, and how long each stage lasted.
fn story(words: Words, sheet: &Sheet, asked: &Asked) -> Markup {
    let view = asked.get("view").unwrap_or("both");
    let views = [
        ("both", words.say("全部", "Everything")),
        ("effective", words.say("更正后", "As corrected")),
        ("recorded", words.say("按记录", "As recorded")),
    ];
    html! {
        section {
            h2 { (words.say("停留", "Stays")) }
            ol.stays {
                @for stay in items(&sheet.stays) {
                    li {
                        span { (sheet.name(words, &stay["stage"])) }
                        span { (words.lasting(figure(&stay["seconds"]))) @if stay["open"] == true { " …" } }
                    }
                }
            }
        }
        section {
            h2 { (words.say("时间线", "Timeline")) }
            nav.tabs {
                @for (name, caption) in views {
                    a href={ "?view=" (name) } aria-current=[(name == view).then_some("page")] { (caption) }
                }
            }
            ol.timeline {
                // That a rule acted is told by what it did; whoever wants the record as it is sees both.
                @for item in items(&sheet.timeline).iter().rev()
                    .filter(|item| view == "recorded" || item["type"] != "customer.automation_ran") {
                    (happening(words, sheet, item))
                }
            }
        }
    }
}

fn happening(words: Words, sheet: &Sheet, item: &Value) -> Markup {
    let late = item["recorded_at"] != item["effective_at"];
    html! {
        li.superseded[!item["superseded_by"].is_null()] {
            p.line {
                strong { (words.event(text(&item["type"]))) }
                time datetime=(text(&item["effective_at"])) { (words.moment(&item["effective_at"])) }
            }
            @if !item["stage_to"].is_null() {
                p {
                    @if !item["stage_from"].is_null() { (sheet.name(words, &item["stage_from"])) " → " }
                    strong { (sheet.name(words, &item["stage_to"])) }
                    @if let Some(code) = item["data"]["reason"].as_str() { " · " (reason(words, sheet, code)) }
                }
            }
            @if let Some(note) = item["note"].as_str() { p { (note) } }
            @if item["data"]["title"].is_object() { p { (words.label(&item["data"]["title"])) } }
            @if item["data"]["text"].is_object() { p { (words.label(&item["data"]["text"])) } }
            p.hint {
                (text(&item["actor"]))
                @if late { " · " (words.say("记录于", "recorded")) " " (words.moment(&item["recorded_at"])) }
                @if !item["superseded_by"].is_null() { " · " (words.say("已被更正", "corrected since")) }
                " · #" (item["position"])
            }
        }
    }
}
