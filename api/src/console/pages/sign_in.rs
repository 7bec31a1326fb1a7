//! Signing in by a link, a code or an API key, and out again; choosing a language.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{HOME, own, with_query};
use super::super::form::ONCE;
use super::super::gateway::{ApiError, CommandHeaders};
use super::super::i18n::Locale;
use super::super::layout::{bare, problem};
use super::super::session::{
    ConsoleSession, LANGUAGE, PageQuery, Preferences, SESSION, ZONE, cookie_of, is_own,
};
use crate::app::Endpoint;
use crate::domain::Language;

/// How long a browser keeps the language and the zone, in seconds: a year.
const KEPT: u32 = 31_536_000;

/// What the form holds.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    next: String,
}

/// What stands in the form.
struct Typed<'a> {
    code: &'a str,
    zone: &'a str,
}

/// That there is no such time zone: nobody is to read times of another one without knowing.
fn unknown_zone(preferences: Preferences) -> ApiError {
    let locale = Locale::from(preferences);
    ApiError::unusable(
        locale.text("没有这个时区", "There is no such time zone"),
        locale
            .text("请填写 IANA 时区名，如 Asia/Shanghai。", "Give an IANA time zone such as Asia/Shanghai."),
    )
}

/// Asks for a code or key. One that came with the address is not used before somebody presses the button: programs look
/// at links in messages, too.
pub(in super::super) async fn show(
    State(console): State<Console>,
    preferences: Preferences,
    query: PageQuery,
) -> Response {
    let typed = Typed { code: query.get("code").unwrap_or_default(), zone: preferences.zone.name() };
    page(&console, preferences, own(query.get("next")), &typed, None).into_response()
}

/// Opens a session, whose text goes into a cookie.
pub(in super::super) async fn enter(
    State(console): State<Console>,
    preferences: Preferences,
    headers: HeaderMap,
    endpoint: Option<Extension<Arc<Endpoint>>>,
    Form(entry): Form<Entry>,
) -> Response {
    if !is_own(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let code = entry.code.trim().to_owned();
    let next = own(Some(entry.next.as_str()));
    let named = Some(entry.zone.trim()).filter(|zone| !zone.is_empty());
    let Ok(zone) = named.map_or(Ok(preferences.zone), str::parse) else {
        let typed = Typed { code: &code, zone: &entry.zone };
        let page = page(&console, preferences, next, &typed, Some(&unknown_zone(preferences)));
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    };
    let endpoint = endpoint.map(|Extension(endpoint)| endpoint);
    let mut session = ConsoleSession { key: code, language: preferences.language, zone, endpoint };
    match opened(&console, &session).await {
        Ok(text) => session.key = text,
        Err(error) => {
            let typed = Typed { code: "", zone: zone.name() };
            let page = page(&console, preferences, next, &typed, Some(&error));
            return (StatusCode::UNAUTHORIZED, page).into_response();
        }
    }
    let zone = format!("{ZONE}={}; Path=/console; SameSite=Strict; Max-Age={KEPT}", zone.name());
    with_cookies(Redirect::to(next).into_response(), [cookie_of(&session, &headers), zone])
}

/// The text of a session that is opened by a code or an API key. A token that another service signed ends by itself, and is
/// taken as it is.
async fn opened(console: &Console, session: &ConsoleSession) -> Result<String, ApiError> {
    if session.key.starts_with("wm") {
        let body = json!({"code": session.key});
        let opened = console.api.post(session, "/v1/sessions", &CommandHeaders::default(), &body).await?;
        return Ok(opened["session"].as_str().unwrap_or_default().to_owned());
    }
    console.api.get(session, "/v1/me").await.map(|_| session.key.clone())
}

/// Ends the session, and forgets it.
pub(in super::super) async fn leave(State(console): State<Console>, session: ConsoleSession) -> Response {
    // One that has ended already is ended.
    let headers = CommandHeaders::default();
    console.api.call(Method::DELETE, "/v1/me/session", &session, &headers, &Value::Null).await.ok();
    let gone = format!("{SESSION}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookies(Redirect::to("/console/sign-in").into_response(), [gone])
}

/// Goes on in another language.
pub(in super::super) async fn speak(Path(language): Path<String>, query: PageQuery) -> Response {
    let language = Language::parse(&language).unwrap_or_default().as_str();
    let cookie = format!("{LANGUAGE}={language}; Path=/console; SameSite=Strict; Max-Age={KEPT}");
    with_cookies(Redirect::to(own(query.get("next"))).into_response(), [cookie])
}

fn with_cookies<const N: usize>(mut response: Response, cookies: [String; N]) -> Response {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

fn page(
    console: &Console,
    preferences: Preferences,
    next: &str,
    typed: &Typed<'_>,
    error: Option<&ApiError>,
) -> axum::response::Html<String> {
    let locale = Locale::from(preferences);
    let title = locale.text("登录", "Sign in");
    // Another language is the same page: with the code that came in the address, and the way on.
    let code = Some(typed.code).filter(|code| error.is_none() && !code.is_empty());
    let here =
        with_query("/console/sign-in", [("code", code), ("next", Some(next).filter(|next| *next != HOME))]);
    let body: Markup = html! {
        h1 { "Waymark" }
        p.hint { (locale.text("每位客户走到哪一步，一目了然。", "See where every customer stands on the way to a deal.")) }
        @if let Some(error) = error { (problem(locale, error)) }
        form.stack method="post" action="/console/sign-in" {
            input type="hidden" name=(ONCE) value=(console.once());
            input type="hidden" name="next" value=(next);
            label {
                (locale.text("登录码或 API 密钥", "Sign-in code or API key"))
                input type="password" name="code" value=(typed.code) required autofocus autocomplete="current-password";
            }
            label {
                (locale.text("时区", "Time zone"))
                input name="zone" list="zones" value=(typed.zone);
            }
            datalist id="zones" {
                @for zone in [Tz::Asia__Shanghai, Tz::Asia__Singapore, Tz::Europe__Berlin, Tz::America__New_York, Tz::UTC] {
                    option value=(zone.name()) {}
                }
            }
            button { (title) }
        }
        p.hint {
            (locale.text(
                "没有登录码？请向管理员索取一次性登录链接。",
                "No code? Ask an administrator for a sign-in link; it can be used once.",
            ))
        }
        p.hint {
            @for (language, name) in [("zh", "中文"), ("en", "English")] {
                a href=(with_query(&format!("/console/language/{language}"), [("next", Some(here.as_str()))])) lang=(language) { (name) } " · "
            }
            a href="/docs/" { "API" }
        }
    };
    bare(locale, title, &body)
}
