//! The layout of every page: navigation, the current user, and error messages.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::Console;
use super::address::{HOME, POSITION, encoded};
use super::gateway::{ApiError, CommandHeaders};
use super::i18n::Locale;
use super::script::imported_by;
use super::session::{ConsoleSession, PageQuery, cookie_of, to_sign_in};
use crate::domain::Language;

/// Which part of the console a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Board,
    Work,
    Customers,
    Figures,
    Audit,
    Imports,
    Pools,
    Settings,
}

/// Who looks, and what there is to look at: what the frame of a page shows.
pub(super) struct Layout {
    console: Console,
    session: ConsoleSession,
    pub(super) locale: Locale,
    me: Value,
    pipelines: Value,
    /// Where the page is, to come back to.
    here: String,
    /// The position that everything shown must know of: that of the command that led here.
    position: Option<u64>,
    /// The cookie with which the browser goes on remembering the session.
    cookie: String,
    /// The module that makes the page better where a browser runs scripts.
    script: Option<&'static str>,
}

impl FromRequestParts<Console> for Layout {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let session = ConsoleSession::from_request_parts(parts, console).await?;
        let here = parts.uri.path_and_query().map_or(HOME, |here| here.as_str()).to_owned();
        let cookie = cookie_of(&session, &parts.headers);
        let Ok(query) = PageQuery::from_request_parts(parts, console).await;
        let position = query.get(POSITION).and_then(|position| position.parse().ok());
        Self::load(console, session, here).await.map(|layout| Self { cookie, position, ..layout })
    }
}

impl Layout {
    /// The frame of a page that answers a form, with an address to come back to: what it shows is as fresh as the answer.
    pub(super) async fn of(
        console: &Console,
        session: ConsoleSession,
        here: String,
    ) -> Result<Self, Response> {
        let layout = Self::load(console, session, here).await?;
        let log = layout.get("/v1/events?after=0&limit=1").await;
        Ok(Self { position: log.ok().and_then(|log| log["head"].as_u64()), ..layout })
    }

    async fn load(console: &Console, session: ConsoleSession, here: String) -> Result<Self, Response> {
        let locale = Locale::from(&session);
        let pipelines = "/v1/pipelines?limit=500";
        let (me, pipelines) =
            tokio::join!(console.api.get(&session, "/v1/me"), console.api.get(&session, pipelines));
        match (me, pipelines) {
            (Ok(me), Ok(pipelines)) => Ok(Self {
                console: console.clone(),
                session,
                locale,
                me,
                pipelines,
                here,
                position: None,
                cookie: String::new(),
                script: None,
            }),
            (Err(error), _) | (_, Err(error)) if error.is_signed_out() => Err(to_sign_in(&here)),
            (Err(error), _) | (_, Err(error)) => {
                let page =
                    bare(locale, locale.text("出错了", "Something went wrong"), &problem(locale, &error));
                Err((error.status, page).into_response())
            }
        }
    }

    /// The same, with a script.
    pub(super) fn with_script(mut self, name: &'static str) -> Self {
        self.script = Some(name);
        self
    }

    /// Where the page is.
    pub(super) fn here(&self) -> &str {
        &self.here
    }

    /// Asks a read model for what the page shows, once it knows of the command that led here.
    pub(super) async fn read(&self, path: &str) -> Result<Value, ApiError> {
        let Some(position) = self.position else { return self.get(path).await };
        let joint = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{joint}{POSITION}={position}")).await
    }

    /// Asks for what stands in no read model: the log, and what is folded from it for the question.
    pub(super) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.console.api.get(&self.session, path).await
    }

    /// Asks for an answer as it is written.
    pub(super) async fn text(&self, path: &str) -> Result<String, ApiError> {
        let bytes = self.console.api.bytes(&self.session, path).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Now.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.console.clock)()
    }

    /// Which day it is for the reader.
    pub(super) fn today(&self) -> NaiveDate {
        self.locale.today(self.now())
    }

    /// Distinguishes a form from the next one, so that sending it twice does it once.
    pub(super) fn once(&self) -> String {
        self.console.once()
    }

    /// Sends a command in the user's name.
    ///
    /// # Errors
    /// The problem, where it is refused.
    pub(super) async fn command(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let headers = CommandHeaders { key: key.map(str::to_owned), version: None };
        self.console.api.call(method, path, &self.session, &headers, body).await
    }

    /// The keys of the pipelines there are.
    pub(super) fn pipelines(&self) -> impl Iterator<Item = &str> {
        self.pipelines["items"].as_array().into_iter().flatten().filter_map(|one| one["key"].as_str())
    }

    /// What the list of pipelines says of one.
    pub(super) fn pipeline(&self, key: &str) -> &Value {
        let mut all = self.pipelines["items"].as_array().into_iter().flatten();
        all.find(|one| one["key"] == key).unwrap_or(&Value::Null)
    }

    /// What a pipeline is called; one that nothing is known of by its key.
    pub(super) fn pipeline_name<'a>(&'a self, key: &'a str) -> &'a str {
        self.pipeline(key)["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(key)
    }

    /// Whether the user has one of these roles.
    pub(super) fn has_role(&self, roles: &[&str]) -> bool {
        let held = self.me["roles"].as_array();
        held.is_some_and(|held| held.iter().filter_map(Value::as_str).any(|role| roles.contains(&role)))
    }

    /// Whether the user is this actor.
    pub(super) fn is(&self, actor: &str) -> bool {
        self.me["actor"] == actor
    }

    /// Whether the user works customers, rather than only reads.
    pub(super) fn works(&self) -> bool {
        self.has_role(&["rep", "supervisor", "manager", "admin"])
    }

    /// The id under which the user owns customers, if a rep.
    pub(super) fn rep(&self) -> Option<&str> {
        let name = self.me["actor"].as_str().filter(|_| self.has_role(&["rep"]))?;
        Some(name.strip_prefix("rep:").unwrap_or(name))
    }

    /// A page.
    pub(super) fn page(&self, part: Part, pipeline: Option<&str>, title: &str, body: &Markup) -> Response {
        self.page_with(part, pipeline, title, None, body)
    }

    /// A page that says what was just done.
    pub(super) fn page_with(
        &self,
        part: Part,
        pipeline: Option<&str>,
        title: &str,
        notice: Option<Markup>,
        body: &Markup,
    ) -> Response {
        self.framed((part, pipeline), title, notice, body, self.script)
    }

    /// A page in its frame, made better by a script, if it has one.
    fn framed(
        &self,
        (part, pipeline): (Part, Option<&str>),
        title: &str,
        notice: Option<Markup>,
        body: &Markup,
        script: Option<&str>,
    ) -> Response {
        let locale = self.locale;
        let chosen = pipeline.or_else(|| self.pipelines().next());
        let link = |to: Part, name: &str, path: Option<String>| {
            html! {
                @if let Some(path) = path {
                    a href=(path) aria-current=[(to == part).then_some("page")] { (name) }
                }
            }
        };
        let of = |folder: &str| chosen.map(|key| format!("/console/{folder}/{}", encoded(key)));
        let content = html! {
            header.bar {
                a.brand href="/console" { "Waymark" }
                nav aria-label=(locale.text("主导航", "Main")) {
                    (link(Part::Board, locale.text("看板", "Board"), of("boards")))
                    (link(Part::Work, locale.text("工作", "Work"), Some("/console/work".to_owned())))
                    (link(Part::Customers, locale.text("客户", "Customers"), Some("/console/customers".to_owned())))
                    (link(Part::Pools, locale.text("公海", "Pools"), Some("/console/pools".to_owned())))
                    (link(Part::Figures, locale.text("分析", "Analytics"), of("figures")))
                    @if self.has_role(&["admin", "auditor"]) {
                        (link(Part::Audit, locale.text("审计", "Audit"), Some("/console/audit".to_owned())))
                    }
                    @if self.has_role(&["manager", "admin"]) {
                        (link(Part::Imports, locale.text("导入", "Import"), Some("/console/imports".to_owned())))
                    }
                    @if self.has_role(&["supervisor", "manager", "admin", "analyst", "auditor"]) {
                        (link(Part::Settings, locale.text("设置", "Settings"), Some("/console/settings".to_owned())))
                    }
                }
                div.who {
                    (self.me())
                    (self.other_language())
                    form method="post" action="/console/sign-out" {
                        button.quiet { (locale.text("退出", "Sign out")) }
                    }
                }
            }
            @if self.pipelines().count() > 1 && matches!(part, Part::Board | Part::Figures) {
                nav.tabs aria-label=(locale.text("销售流程", "Pipelines")) {
                    @for key in self.pipelines() {
                        @let folder = if part == Part::Board { "boards" } else { "figures" };
                        a href={ "/console/" (folder) "/" (encoded(key)) }
                            aria-current=[(Some(key) == chosen).then_some("page")] { (self.pipeline_name(key)) }
                    }
                }
            }
            div #notices role="status" { @if let Some(notice) = notice { (notice) } }
            main { (body) }
        };
        let mut page = document(locale, title, &content, script).into_response();
        // Each page that is looked at puts off the end of a session that nobody uses.
        if let Ok(cookie) = HeaderValue::from_str(&self.cookie)
            && !self.cookie.is_empty()
        {
            page.headers_mut().append(header::SET_COOKIE, cookie);
        }
        page
    }

    /// A page that tells a problem.
    pub(super) fn failed(&self, part: Part, error: &ApiError) -> Response {
        if error.is_signed_out() {
            return to_sign_in(&self.here);
        }
        let title = self.locale.text("出错了", "Something went wrong");
        let body = html! {
            h1 { (title) }
            (problem(self.locale, error))
        };
        // What the script looks for is not there.
        let mut page = self.framed((part, None), title, None, &body, None);
        *page.status_mut() = error.status;
        page
    }

    /// Who the user is, and what they may do.
    fn me(&self) -> Markup {
        let locale = self.locale;
        let roles = || self.me["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let teams: Vec<&str> =
            self.me["teams"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        html! {
            details.me {
                summary { (self.me["actor"].as_str().unwrap_or_default()) }
                div {
                    @for role in roles() { p { strong { (locale.role(role)) } " " (locale.may(role)) } }
                    @if !teams.is_empty() { p { (locale.text("团队：", "Teams: ")) (teams.join(", ")) } }
                    p.hint { (locale.text("时区：", "Time zone: ")) (locale.zone.name()) }
                }
            }
        }
    }

    fn other_language(&self) -> Markup {
        let (other, name) = match self.locale.language {
            Language::Zh => (Language::En, "English"),
            Language::En => (Language::Zh, "中文"),
        };
        let code = other.as_str();
        html! { a lang=(code) href={ "/console/language/" (code) "?next=" (encoded(&self.here)) } { (name) } }
    }
}

/// A page without the way about, for those who are not signed in.
pub(super) fn bare(locale: Locale, title: &str, body: &Markup) -> Html<String> {
    document(locale, title, &html! { main.narrow { (body) } }, None)
}

fn document(locale: Locale, title: &str, content: &Markup, script: Option<&str>) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang=(locale.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Waymark" }
                link rel="stylesheet" href="/console/style.css";
                link rel="icon" href="data:,";
                @if let Some(script) = script {
                    @for import in imported_by(script) { link rel="modulepreload" href={ "/console/script/" (import) }; }
                    script type="module" src={ "/console/script/" (script) } {}
                }
            }
            body { (content) }
        }
    };
    Html(page.into_string())
}

/// A problem document, for people: what is wrong, and how to mend each part of it.
pub(super) fn problem(locale: Locale, error: &ApiError) -> Markup {
    let ApiError { status, problem } = error;
    let title = problem["title"].as_str().unwrap_or_else(|| locale.text("未找到", "Not found"));
    let violations = problem["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        section.problem role="alert" {
            h2 { (title) }
            @if let Some(detail) = problem["detail"].as_str() { p { (detail) } }
            @if !violations.is_empty() {
                ul {
                    @for violation in violations {
                        li {
                            (violation["message"].as_str().unwrap_or_default()) " "
                            em { (violation["how_to_fix"].as_str().unwrap_or_default()) }
                        }
                    }
                }
            }
            @if *status == StatusCode::PRECONDITION_FAILED {
                p { (locale.text("客户已被他人更改，以下为最新情况。", "Someone else has changed this customer; the current state is shown below.")) }
            }
        }
    }
}
