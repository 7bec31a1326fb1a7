//! What is to be done: six lists, tasks, and what was reminded of.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::super::Console;
use super::super::address::{HOME, encoded, with_query};
use super::super::form::{Fields, ONCE, body};
use super::super::frame::{Frame, Part};
use super::super::gateway::Precautions;
use super::super::visitor::{Asked, Visitor};
use super::super::words::{Words, read};
use super::{figure, items, text};

/// The lists, with what they are for.
const LISTS: [(&str, &str, &str); 6] = [
    ("today", "今日待联系", "To contact today"),
    ("overdue", "逾期未跟进", "Overdue"),
    ("stalled", "高意向未推进", "Promising but stalled"),
    ("push", "该推一把", "To push"),
    ("give-up", "该放弃", "To give up"),
    ("supervise", "需主管介入", "For the supervisor"),
];

/// Shows a list, and the tasks beside it: a rep's own, for whoever leads everybody's or one's.
pub(in super::super) async fn show(frame: Frame, asked: Asked) -> Response {
    let words = frame.words;
    let list = asked.get("list").unwrap_or("today");
    let own = frame.rep().filter(|_| !frame.has_role(&["supervisor", "manager", "admin"]));
    let own = own.map(|rep| format!("rep:{rep}"));
    let owner = asked.get("owner").map(str::to_owned).or(own);
    let of_owner = |path: &str, more: Option<(&'static str, &str)>| {
        let more = more.into_iter().map(|(name, value)| (name, Some(value)));
        with_query(path, more.chain([("owner", owner.as_deref())]))
    };
    let entries = of_owner(&format!("/v1/worklists/{}", encoded(list)), Some(("limit", "100")));
    let tasks = of_owner("/v1/tasks", Some(("limit", "50")));
    let reminders = of_owner("/v1/reminders", Some(("limit", "20")));
    let (entries, tasks, reminders) =
        tokio::join!(frame.get(&entries), frame.get(&tasks), frame.get(&reminders));
    let (entries, tasks, reminders) = match (entries, tasks, reminders) {
        (Ok(entries), Ok(tasks), Ok(reminders)) => (entries, tasks, reminders),
        (Err(trouble), ..) | (_, Err(trouble), _) | (.., Err(trouble)) => {
            return frame.trouble(Part::Work, &trouble);
        }
    };
    let once = frame.once();
    let body = html! {
        h1 { (words.say("工作", "Work")) }
        nav.tabs {
            @for (name, zh, en) in LISTS {
                a href=(with_query("/console/work", [("list", Some(name)), ("owner", asked.get("owner"))]))
                    aria-current=[(name == list).then_some("page")] { (words.say(zh, en)) }
            }
        }
        form.fields {
            input type="hidden" name="list" value=(list);
            label { (words.say("负责人", "Owner"))
                input name="owner" value=(owner.as_deref().unwrap_or_default()) placeholder="rep:li"; }
            button { (words.say("查看", "Show")) }
        }
        div.columns {
            section {
                h2 { (entries["total"]) " " (words.say("位客户", "customers")) }
                ol.todo { @for entry in items(&entries) { li { (customer(words, entry)) } } }
                @if items(&entries).is_empty() { p.hint { (words.say("没有了，很好。", "None: well done.")) } }
            }
            div {
                section {
                    h2 { (words.say("任务", "Tasks")) }
                    ol.todo { @for task in items(&tasks) { li { (self::task(&frame, task, &once)) } } }
                    @if items(&tasks).is_empty() { p.hint { (words.say("没有任务。", "No tasks.")) } }
                }
                section {
                    h2 { (words.say("提醒", "Reminders")) }
                    ol.todo { @for reminder in items(&reminders) { li { (self::reminder(words, reminder)) } } }
                    @if items(&reminders).is_empty() { p.hint { (words.say("没有提醒。", "No reminders.")) } }
                }
            }
        }
    };
    frame.page(Part::Work, None, words.say("工作", "Work"), &body)
}

/// Completes a task, and shows the work that is left.
pub(in super::super) async fn complete(
    State(console): State<Console>,
    visitor: Visitor,
    Path(task): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let precautions = Precautions { key: fields.get(ONCE).cloned(), version: None };
    let path = format!("/v1/tasks/{}/completions", encoded(&task));
    let sent = body(Words::from(&visitor), &fields);
    match console.api.post(&visitor, &path, &precautions, &sent).await {
        Ok(_) => Redirect::to("/console/work").into_response(),
        Err(trouble) => match Frame::of(&console, visitor, HOME.to_owned()).await {
            Ok(frame) => frame.trouble(Part::Work, &trouble),
            Err(response) => response,
        },
    }
}

fn customer(words: Words, entry: &Value) -> Markup {
    html! {
        a.card href={ "/console/customers/" (text(&entry["customer_id"])) } {
            strong { (entry["customer_name"].as_str().unwrap_or(text(&entry["customer_id"]))) }
            span.line {
                span title=(text(&entry["owner"]["id"])) { (words.holder(&entry["owner"])) }
                @if let Some(since) = entry["since_last_activity_seconds"].as_f64() {
                    span { (words.say("未联系", "silent for")) " " (words.lasting(since)) }
                }
            }
            @if !entry["next_contact_at"].is_null() {
                span.line { span { (words.say("约定", "due")) } span { (words.moment(&entry["next_contact_at"])) } }
            }
            @if let Some(stage) = entry["stage"].as_str() {
                span.line { span { (stage) } span { (words.lasting(figure(&entry["since_stage_entry_seconds"]))) } }
            }
        }
    }
}

fn task(frame: &Frame, task: &Value, once: &str) -> Markup {
    let words = frame.words;
    let id = text(&task["id"]);
    html! {
        div.card {
            strong { (words.label(&task["title"])) }
            span.line {
                a href={ "/console/customers/" (text(&task["customer_id"])) } { (text(&task["customer_name"])) }
                span.late[task["overdue"] == true] { (words.moment(&task["due_at"])) }
            }
            @if frame.works() && task["state"] == "open" {
                form method="post" action={ "/console/tasks/" (id) } {
                    input type="hidden" name=(ONCE) value={ (once) ":" (id) };
                    button.quiet { (words.say("完成", "Done")) }
                }
            }
        }
    }
}

fn reminder(words: Words, reminder: &Value) -> Markup {
    html! {
        div.card {
            span { (words.label(&reminder["text"])) }
            span.line {
                a href={ "/console/customers/" (text(&reminder["customer_id"])) } { (text(&reminder["customer_name"])) }
                time datetime=[read(&reminder["at"]).map(|at| at.to_rfc3339())] { (words.moment(&reminder["at"])) }
            }
        }
    }
}
