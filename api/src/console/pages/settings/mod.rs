//! Settings: the pipelines in words, rules, calendars, people, keys, receivers and read models. Each command is the API's, with
//! the rights of the person who gives it.

mod calendars;
mod commands;
mod consumers;
mod difference;
mod keys;
mod members;
mod pipelines;
pub(in super::super) mod publishing;
mod read_models;
mod receivers;
mod rules;
mod teams;
mod words;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use super::super::Console;
use super::super::address::{after, encoded, with_query};
use super::super::form::{Fields, ONCE};
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part, problem};
use super::super::session::{ConsoleSession, PageQuery, Preferences};
use super::nowhere;

/// A section: its address, what it is called, and which roles it is for.
struct Section {
    key: &'static str,
    zh: &'static str,
    en: &'static str,
    roles: &'static [&'static str],
}

const LEADS: &[&str] = &["supervisor", "manager", "admin", "auditor"];

const SECTIONS: [Section; 9] = [
    Section { key: "pipelines", zh: "销售流程", en: "Pipelines", roles: LEADS },
    Section { key: "rules", zh: "公海与规则", en: "Pools and rules", roles: LEADS },
    Section { key: "calendars", zh: "工作日历", en: "Calendars", roles: LEADS },
    Section { key: "teams", zh: "团队", en: "Teams", roles: LEADS },
    Section { key: "members", zh: "成员", en: "Members", roles: &["admin"] },
    Section { key: "keys", zh: "API 密钥", en: "API keys", roles: &["admin"] },
    Section { key: "receivers", zh: "推送与机器人", en: "Webhooks and robots", roles: &["admin"] },
    Section {
        key: "consumers",
        zh: "事件消费者",
        en: "Consumers",
        roles: &["manager", "admin", "analyst", "auditor"],
    },
    Section {
        key: "read-models", zh: "读模型", en: "Read models", roles: &["manager", "admin", "auditor"]
    },
];

/// The page of a section.
struct Settings<'a> {
    layout: &'a Layout,
    locale: Locale,
    query: &'a PageQuery,
    /// What was sent and refused: its form is shown with what was typed.
    refused: Option<Refused<'a>>,
}

struct Refused<'a> {
    act: &'a str,
    fields: &'a Fields,
}

/// The first section that one may see.
pub(in super::super) async fn home(layout: Layout) -> Response {
    let first = SECTIONS.iter().find(|section| layout.has_role(section.roles));
    let key = first.map_or(SECTIONS[0].key, |section| section.key);
    Redirect::to(&format!("/console/settings/{key}")).into_response()
}

/// Shows a section.
pub(in super::super) async fn show(
    layout: Layout,
    Path(section): Path<String>,
    query: PageQuery,
) -> Response {
    page(&layout, &section, &query, None, None).await
}

/// The address of a command that was refused, when it is loaded again.
pub(in super::super) async fn again(Path((section, _)): Path<(String, String)>) -> Response {
    Redirect::to(&format!("/console/settings/{}", encoded(&section))).into_response()
}

/// Carries a command out, and shows the section again: with the secret that is shown once, or with what is wrong.
pub(in super::super) async fn act(
    State(console): State<Console>,
    session: ConsoleSession,
    Path((section, act)): Path<(String, String)>,
    Form(fields): Form<Fields>,
) -> Response {
    let here = format!("/console/settings/{section}");
    let layout = match Layout::of(&console, session, here.clone()).await {
        Ok(layout) => layout,
        Err(response) => return response,
    };
    let Some(command) = commands::of(layout.locale, &section, &act, &fields) else {
        let Locale { language, zone } = layout.locale;
        return nowhere(Preferences { language, zone }).await;
    };
    let key = fields.get(ONCE).map(String::as_str);
    let done = layout.command(command.method, &command.path, key, &command.body).await;
    let query =
        PageQuery(command.shown.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
    match done {
        Ok(answer) => match secret(layout.locale, &answer) {
            Some(secret) => page(&layout, &section, &query, Some(secret), None).await,
            None => {
                let kept = command.shown.iter().map(|(name, value)| (*name, Some(value.as_str())));
                let told = [("done", Some(act.as_str()))];
                Redirect::to(&after(&with_query(&here, kept), &answer, &told)).into_response()
            }
        },
        Err(error) => {
            let refused = Refused { act: &act, fields: &fields };
            let mut page =
                page(&layout, &section, &query, Some(problem(layout.locale, &error)), Some(refused)).await;
            *page.status_mut() = error.status;
            page
        }
    }
}

/// What is shown this once: a key, a secret, or the way to sign in; or that it was shown before.
fn secret(locale: Locale, answer: &Value) -> Option<Markup> {
    let told = |name: &str| answer[name].as_str();
    if answer["secret_already_shown"] == true {
        return Some(html! {
            section.secret role="status" {
                h2 { (locale.text("已经建好", "Already done")) }
                p {
                    (locale.text(
                        "这张表单先前已经提交，没有重复执行。密钥或代码当时只显示过一次；如未保存，请吊销或更换后重新生成。",
                        "This form was sent before and was not carried out again. The key or code was shown once, at that time: if it was not kept, revoke or rotate it and create another.",
                    ))
                }
            }
        });
    }
    let (caption, secret) = match (told("key"), told("secret"), told("code")) {
        (Some(key), ..) if answer["roles"].is_array() => (locale.text("新密钥", "The new key"), key),
        (_, Some(secret), _) => (locale.text("签名密钥", "The signing secret"), secret),
        (.., Some(code)) => (locale.text("登录代码", "The code to sign in with"), code),
        _ => return None,
    };
    Some(html! {
        section.secret role="status" {
            h2 { (caption) }
            p { code { (secret) } }
            @if let Some(path) = told("path") { p { a href=(path) { (path) } } }
            p.hint { (locale.text("只显示这一次，请立即保存。", "It is shown this once: keep it now.")) }
        }
    })
}

async fn page(
    layout: &Layout,
    key: &str,
    query: &PageQuery,
    told: Option<Markup>,
    refused: Option<Refused<'_>>,
) -> Response {
    let locale = layout.locale;
    let Some(section) = SECTIONS.iter().find(|section| section.key == key) else {
        return nowhere(Preferences { language: locale.language, zone: locale.zone }).await;
    };
    let has_failed = refused.is_some();
    let settings = Settings { layout, locale, query, refused };
    let title = locale.text(section.zh, section.en);
    match settings.content(key).await {
        Ok(content) => {
            let body = html! {
                (settings.sections(key))
                @if let Some(told) = told { (told) }
                (content)
            };
            let done = query.get("done").filter(|_| !has_failed);
            let notice = done.map(|_| html! { p.notice { (locale.text("已完成", "Done")) } });
            layout.page_with(Part::Settings, None, title, notice, &body)
        }
        // What was refused says more than what may not be seen.
        Err(_) if told.is_some() => {
            let body = html! { (settings.sections(key)) @if let Some(told) = told { (told) } };
            let mut page = layout.page(Part::Settings, None, title, &body);
            *page.status_mut() = StatusCode::FORBIDDEN;
            page
        }
        Err(error) => layout.failed(Part::Settings, &error),
    }
}

impl Settings<'_> {
    async fn content(&self, section: &str) -> Result<Markup, ApiError> {
        match section {
            "rules" => rules::content(self).await,
            "calendars" => calendars::content(self).await,
            "teams" => teams::content(self).await,
            "members" => members::content(self).await,
            "keys" => keys::content(self).await,
            "receivers" => receivers::content(self).await,
            "consumers" => consumers::content(self).await,
            "read-models" => read_models::content(self).await,
            _ => pipelines::content(self).await,
        }
    }

    fn sections(&self, current: &str) -> Markup {
        let locale = self.locale;
        html! {
            h1 { (locale.text("设置", "Settings")) }
            nav.tabs aria-label=(locale.text("设置", "Settings")) {
                @for section in SECTIONS.iter().filter(|section| self.layout.has_role(section.roles)) {
                    a href={ "/console/settings/" (section.key) }
                        aria-current=[(section.key == current).then_some("page")] { (locale.text(section.zh, section.en)) }
                }
                @if self.layout.has_role(&["manager", "admin"]) {
                    a href="/console/imports" { (locale.text("导入", "Import")) }
                }
            }
        }
    }

    /// Whether the user may set the system up.
    fn sets_up(&self) -> bool {
        self.layout.has_role(&["admin"])
    }

    /// What was typed into a field of a form that was refused.
    fn typed(&self, act: &str, field: &str) -> &str {
        let refused = self.refused.as_ref().filter(|refused| refused.act == act);
        refused.and_then(|refused| refused.fields.get(field)).map_or("", String::as_str)
    }

    /// A list of definitions, with the command that led here.
    async fn list(&self, path: &str) -> Result<Value, ApiError> {
        self.layout.read(&with_query(path, [("limit", Some("500"))])).await
    }

    /// A form that sends a command of this page.
    fn form(&self, section: &str, act: &str, caption: &str, fields: &Markup) -> Markup {
        html! {
            form.fields.sheet method="post" action={ "/console/settings/" (section) "/" (act) } {
                input type="hidden" name=(ONCE) value=(self.layout.once());
                (fields)
                button { (caption) }
            }
        }
    }

    /// A button for one thing of a list.
    fn button(&self, section: &str, act: &str, hidden: &[(&str, &str)], caption: &str) -> Markup {
        html! {
            form.inline method="post" action={ "/console/settings/" (section) "/" (act) } {
                input type="hidden" name=(ONCE) value=(self.layout.once());
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                button.quiet { (caption) }
            }
        }
    }

    /// A field for a text.
    fn field(&self, act: &str, name: &str, caption: &str, required: bool) -> Markup {
        html! { label { (caption) input name=(name) value=(self.typed(act, name)) required[required]; } }
    }

    /// Boxes for roles.
    fn roles(&self, act: &str) -> Markup {
        const ROLES: [&str; 6] = ["rep", "supervisor", "manager", "admin", "analyst", "auditor"];
        let locale = self.locale;
        html! {
            fieldset.boxes {
                legend { (locale.text("角色", "Roles")) }
                @for role in ROLES {
                    @let name = format!("roles+{role}");
                    label.box { input type="checkbox" name=(name) checked[!self.typed(act, &name).is_empty()]; " " (locale.role(role)) }
                }
            }
        }
    }
}

/// Roles, as people call them.
fn roles_of(locale: Locale, of: &Value) -> String {
    let roles = of["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    roles.map(|role| locale.role(role)).collect::<Vec<_>>().join(locale.text("、", ", "))
}
