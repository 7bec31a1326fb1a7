//! The work page: six worklists, the inbox, tasks and reminders.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::Console;
use super::super::address::{encoded, with_query};
use super::super::form::{Fields, NEXT, ONCE, fields};
use super::super::i18n::{Locale, read};
use super::super::layout::{Layout, Part};
use super::super::session::{ConsoleSession, PageQuery};
use super::customer::follow_up_schema;
use super::remaining::soon_in_pool;
use super::sending::send;
use super::{approvals, figure, items, text};

/// The lists, with what they are for.
const LISTS: [(&str, &str, &str); 6] = [
    ("today", "今日待联系", "Contact today"),
    ("overdue", "逾期未跟进", "Overdue"),
    ("stalled", "停滞", "Stalled"),
    ("push", "高意向待推进", "High intent, to push"),
    ("give-up", "建议放弃", "Suggested to give up"),
    ("supervise", "需主管介入", "Needs a supervisor"),
];

/// Shows a list, and the tasks beside it: a rep's own, for anyone who leads everybody's or one's.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    let locale = layout.locale;
    let list = query.get("list").unwrap_or("today");
    let own = layout.rep().filter(|_| !layout.has_role(&["supervisor", "manager", "admin"]));
    let own = own.map(|rep| format!("rep:{rep}"));
    let owner = query.get("owner").map(str::to_owned).or(own);
    let of_owner = |path: &str, more: &[(&'static str, &str)]| {
        let more = more.iter().map(|(name, value)| (*name, Some(*value)));
        with_query(path, more.chain([("owner", owner.as_deref())]))
    };
    let entries = of_owner(&format!("/v1/worklists/{}", encoded(list)), &[("limit", "100")]);
    let tasks = of_owner("/v1/tasks", &[("state", "open"), ("limit", "50")]);
    let reminders = of_owner("/v1/reminders", &[("limit", "20")]);
    let answers = tokio::try_join!(
        layout.read(&entries),
        layout.read(&tasks),
        layout.read(&reminders),
        layout.read("/v1/me/inbox?limit=20"),
        layout.read("/v1/approvals?status=requested&limit=50")
    );
    let (entries, tasks, reminders, inbox, approvals) = match answers {
        Ok(answers) => answers,
        Err(error) => return layout.failed(Part::Work, &error),
    };
    let definitions = approvals::definitions(&layout, &approvals).await;
    let once = layout.once();
    let body = html! {
        h1 { (locale.text("工作", "Work")) }
        nav.tabs {
            @for (name, zh, en) in LISTS {
                a href=(with_query("/console/work", [("list", Some(name)), ("owner", query.get("owner"))]))
                    aria-current=[(name == list).then_some("page")] { (locale.text(zh, en)) }
            }
        }
        form.fields {
            input type="hidden" name="list" value=(list);
            label { (locale.text("负责人", "Owner"))
                input name="owner" value=(owner.as_deref().unwrap_or_default()) placeholder="rep:li"; }
            button { (locale.text("查看", "Apply")) }
        }
        div.columns {
            section {
                h2 { (locale.customers(&entries["total"])) }
                ol.todo { @for entry in items(&entries) { li { (customer(&layout, entry, &once)) } } }
                @if items(&entries).is_empty() { (nothing(&layout, list)) }
            }
            div {
                @if !items(&approvals).is_empty() {
                    section {
                        h2 { (locale.text("审批", "Approvals")) }
                        ol.todo { @for request in items(&approvals) { li { (approvals::card(&layout, request, &definitions, &once)) } } }
                    }
                }
                section {
                    h2 { (locale.text("任务", "Tasks")) }
                    ol.todo { @for task in items(&tasks) { li { (self::task(&layout, task, &once)) } } }
                    @if items(&tasks).is_empty() { p.hint { (locale.text("没有待办任务。", "No open tasks.")) } }
                }
                section {
                    h2 { (locale.text("消息", "Inbox")) }
                    (unread(locale, &inbox, &once))
                    ol.todo { @for message in items(&inbox) { li { (self::message(locale, message)) } } }
                    @if items(&inbox).is_empty() { p.hint { (locale.text("没有消息。", "No messages.")) } }
                }
                section {
                    h2 { (locale.text("提醒", "Reminders")) }
                    ol.todo { @for reminder in items(&reminders) { li { (self::reminder(locale, reminder)) } } }
                    @if items(&reminders).is_empty() { p.hint { (locale.text("没有提醒。", "No reminders.")) } }
                }
            }
        }
    };
    layout.page(Part::Work, None, locale.text("工作", "Work"), &body)
}

/// Completes a task, and shows the work that is left.
pub(in super::super) async fn complete(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(task): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let path = format!("/v1/tasks/{}/completions", encoded(&task));
    send(&console, session, &path, &fields).await
}

/// Marks the inbox as read up to the newest message that was shown, and shows the work that is left.
pub(in super::super) async fn mark_read(
    State(console): State<Console>,
    session: ConsoleSession,
    Form(fields): Form<Fields>,
) -> Response {
    send(&console, session, "/v1/me/inbox/read", &fields).await
}

/// What to do where a list is empty.
fn nothing(layout: &Layout, list: &str) -> Markup {
    let locale = layout.locale;
    html! {
        p.hint {
            (locale.text("没有待处理的客户。", "Nothing to do here.")) " "
            @if list == "today" {
                a href="/console/work?list=overdue" { (locale.text("看看逾期的客户", "Look at overdue customers")) } " · "
            }
            a href="/console/pools" { (locale.text("从公海领取客户", "Claim a customer from a pool")) }
        }
    }
}

fn customer(layout: &Layout, entry: &Value, once: &str) -> Markup {
    let (locale, id) = (layout.locale, text(&entry["customer_id"]));
    html! {
        div.card {
            a.name href={ "/console/customers/" (id) } { (entry["customer_name"].as_str().unwrap_or(id)) }
            span.line {
                span title=(text(&entry["owner"]["id"])) { (locale.holder(&entry["owner"])) }
                @if let Some(since) = entry["since_last_activity_seconds"].as_f64() {
                    span { (locale.text("未跟进", "no activity for")) " " (locale.briefly(since)) }
                }
            }
            @if let Some(soon) = soon_in_pool(locale, entry) { span.line { (soon) } }
            @if !entry["next_contact_at"].is_null() {
                span.line { span { (locale.text("约定", "due")) } span { (locale.moment(&entry["next_contact_at"])) } }
            }
            @if let Some(stage) = entry["stage_name"].as_str().or_else(|| entry["stage"].as_str()) {
                span.line { span { (stage) } span { (locale.briefly(figure(&entry["since_stage_entry_seconds"]))) } }
            }
            @if layout.works() { (acts(layout, id, once)) }
        }
    }
}

/// What is done on the row: the contact is recorded with what comes next, or the customer is moved.
fn acts(layout: &Layout, id: &str, once: &str) -> Markup {
    let locale = layout.locale;
    html! {
        div.acts {
            details.act {
                summary { (locale.text("已联系…", "Contacted…")) }
                form.fields method="post" action={ "/console/customers/" (id) "/follow-ups" } {
                    input type="hidden" name=(ONCE) value={ (once) ":" (id) };
                    input type="hidden" name=(NEXT) value=(layout.here());
                    (fields(locale, &follow_up_schema(locale), &Fields::new()))
                    button { (locale.text("保存", "Save")) }
                }
            }
            a.move href=(with_query(&format!("/console/customers/{id}/move"), [("next", Some(layout.here()))])) {
                (locale.text("变更状态…", "Move…"))
            }
        }
    }
}

fn task(layout: &Layout, task: &Value, once: &str) -> Markup {
    let locale = layout.locale;
    let id = text(&task["id"]);
    html! {
        div.card {
            strong { (locale.label(&task["title"])) }
            span.line {
                span {
                    a href={ "/console/customers/" (text(&task["customer_id"])) } { (text(&task["customer_name"])) }
                    " · " (locale.holder(&task["owner"]))
                }
                span.late[task["overdue"] == true] { (locale.moment(&task["due_at"])) }
            }
            @if layout.works() && task["state"] == "open" {
                form method="post" action={ "/console/tasks/" (id) } {
                    input type="hidden" name=(ONCE) value={ (once) ":" (id) };
                    button.quiet { (locale.text("完成", "Complete")) }
                }
            }
        }
    }
}

fn reminder(locale: Locale, reminder: &Value) -> Markup {
    html! {
        div.card {
            span { (locale.label(&reminder["text"])) }
            span.line {
                a href={ "/console/customers/" (text(&reminder["customer_id"])) } { (text(&reminder["customer_name"])) }
                time datetime=[read(&reminder["at"]).map(|at| at.to_rfc3339())] { (locale.moment(&reminder["at"])) }
            }
        }
    }
}

/// Whether anything is unread, and the way to say that it was read.
fn unread(locale: Locale, inbox: &Value, once: &str) -> Markup {
    let messages = items(inbox);
    let newest = messages.first().filter(|_| messages.iter().any(|message| message["read"] == false));
    html! {
        @if let Some(position) = newest.and_then(|message| message["position"].as_u64()) {
            form method="post" action="/console/inbox" {
                input type="hidden" name=(ONCE) value={ (once) ":inbox:" (position) };
                input type="hidden" name="up_to:number" value=(position);
                button.quiet { (locale.text("全部标为已读", "Mark all as read")) }
            }
        }
    }
}

fn message(locale: Locale, message: &Value) -> Markup {
    let next = &message["next_action"];
    html! {
        div.card {
            @if message["read"] == false { strong { (news(locale, message)) } } @else { span { (news(locale, message)) } }
            span.line {
                @if let Some(customer) = message["customer_id"].as_str() {
                    a href={ "/console/customers/" (customer) } {
                        (message["customer_name"].as_str().unwrap_or(customer))
                    }
                }
                time datetime=[read(&message["at"]).map(|at| at.to_rfc3339())] { (locale.moment(&message["at"])) }
            }
            @if let Some(what) = next["text"].as_str() {
                span.line {
                    span { (locale.text("下一步：", "Next: ")) (what) }
                    span { (locale.moment(&next["due_at"])) }
                }
            }
        }
    }
}

/// What a message says, in a line.
fn news(locale: Locale, message: &Value) -> String {
    let actor = text(&message["actor"]);
    let named = |name: &str, id: &str| {
        text(if message[name].is_null() { &message[id] } else { &message[name] }).to_owned()
    };
    let stage = named("stage_name", "stage_to");
    match text(&message["kind"]) {
        "moved" => format!("{actor}: {} → {stage}", named("stage_from_name", "stage_from")),
        "sub_status" => format!("{actor}: {stage} · {}", named("sub_status_name", "sub_status")),
        "assigned" => format!("{actor}: {}", locale.text("客户归您负责", "the customer is yours now")),
        "released" => {
            format!("{actor}: {}", locale.text("客户不再归您负责", "the customer is no longer yours"))
        }
        _ => locale.label(&message["text"]).to_owned(),
    }
}
