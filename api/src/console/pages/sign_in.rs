//! Signing in with an API key, and out again; choosing a language.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono_tz::Tz;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::Console;
use super::super::address::own;
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::{bare, problem};
use super::super::session::{ConsoleSession, KEY, LANGUAGE, PageQuery, Preferences, ZONE, is_own};
use crate::domain::Language;

/// How long a browser keeps the language and the zone, in seconds: a year.
const KEPT: u32 = 31_536_000;

/// What the form holds.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Entry {
    #[serde(default)]
    key: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    next: String,
}

/// Asks for a key.
pub(in super::super) async fn show(preferences: Preferences, query: PageQuery) -> Response {
    page(preferences, own(query.get("next")), None).into_response()
}

/// Takes the key into a cookie, if it opens anything.
pub(in super::super) async fn enter(
    State(console): State<Console>,
    preferences: Preferences,
    headers: HeaderMap,
    Form(entry): Form<Entry>,
) -> Response {
    if !is_own(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let zone = entry.zone.trim().parse().unwrap_or(preferences.zone);
    let key = entry.key.trim().to_owned();
    let next = own(Some(entry.next.as_str()));
    let session = ConsoleSession { key, language: preferences.language, zone };
    if let Err(error) = console.api.get(&session, "/v1/me").await {
        return (StatusCode::UNAUTHORIZED, page(preferences, next, Some(&error))).into_response();
    }
    // Whatever the API took for a key has only signs that a cookie may have.
    let key = format!("{KEY}={}; Path=/console; HttpOnly; SameSite=Strict{}", session.key, secure(&headers));
    let zone = format!("{ZONE}={}; Path=/console; SameSite=Strict; Max-Age={KEPT}", zone.name());
    with_cookies(Redirect::to(next).into_response(), [key, zone])
}

/// Forgets the key.
pub(in super::super) async fn leave(_: ConsoleSession) -> Response {
    let gone = format!("{KEY}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookies(Redirect::to("/console/sign-in").into_response(), [gone])
}

/// Goes on in another language.
pub(in super::super) async fn speak(Path(language): Path<String>, query: PageQuery) -> Response {
    let language = Language::parse(&language).unwrap_or_default().as_str();
    let cookie = format!("{LANGUAGE}={language}; Path=/console; SameSite=Strict; Max-Age={KEPT}");
    with_cookies(Redirect::to(own(query.get("next"))).into_response(), [cookie])
}

/// A proxy in front says whether the browser came by TLS: then the key is never sent without.
fn secure(headers: &HeaderMap) -> &'static str {
    let by_tls = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    if by_tls { "; Secure" } else { "" }
}

fn with_cookies<const N: usize>(mut response: Response, cookies: [String; N]) -> Response {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

fn page(preferences: Preferences, next: &str, error: Option<&ApiError>) -> axum::response::Html<String> {
    let locale = Locale::from(preferences);
    let title = locale.text("登录", "Sign in");
    let body: Markup = html! {
        h1 { "Waymark" }
        p.hint { (locale.text("每位客户走到哪一步，一目了然。", "See where every customer stands on the way to a deal.")) }
        @if let Some(error) = error { (problem(locale, error)) }
        form.stack method="post" action="/console/sign-in" {
            input type="hidden" name="next" value=(next);
            label {
                (locale.text("API 密钥", "API key"))
                input type="password" name="key" required autofocus autocomplete="current-password";
            }
            label {
                (locale.text("时区", "Time zone"))
                input name="zone" list="zones" value=(preferences.zone.name());
            }
            datalist id="zones" {
                @for zone in [Tz::Asia__Shanghai, Tz::Asia__Singapore, Tz::Europe__Berlin, Tz::America__New_York, Tz::UTC] {
                    option value=(zone.name()) {}
                }
            }
            button { (title) }
        }
        p.hint {
            a href="/console/language/zh?next=/console/sign-in" lang="zh" { "中文" } " · "
            a href="/console/language/en?next=/console/sign-in" lang="en" { "English" } " · "
            a href="/docs/" { "API" }
        }
    };
    bare(locale, title, &body)
}
