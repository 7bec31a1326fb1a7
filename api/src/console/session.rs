//! The session of a page: what it opens the API with, language and time zone, kept in cookies.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono_tz::Tz;

use super::address::encoded;
use crate::app::Endpoint;
use crate::auth::IDLE;
use crate::domain::Language;
use crate::http::language::negotiate;

pub(super) const SESSION: &str = "waymark_session";
pub(super) const LANGUAGE: &str = "waymark_language";
pub(super) const ZONE: &str = "waymark_zone";

/// The signed-in visitor.
#[derive(Debug, Clone)]
pub(super) struct ConsoleSession {
    /// The text of a session, or of another credential that expires by itself.
    pub(super) key: String,
    pub(super) language: Language,
    pub(super) zone: Tz,
    /// Where the page was asked from.
    pub(super) endpoint: Option<Arc<Endpoint>>,
}

/// The visitor, signed in or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preferences {
    pub(super) language: Language,
    pub(super) zone: Tz,
}

/// The parameters of a page's address. One that cannot be read is as one that is not there.
#[derive(Debug, Clone, Default)]
pub(super) struct PageQuery(pub(super) HashMap<String, String>);

impl PageQuery {
    /// A parameter with something in it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        Ok(read.map_or_else(|_| Self::default(), |axum::extract::Query(query)| Self(query)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Preferences {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let language = cookie(&parts.headers, LANGUAGE).and_then(Language::parse);
        let language = language.unwrap_or_else(|| negotiate(&parts.headers));
        let zone = cookie(&parts.headers, ZONE).and_then(|zone| zone.parse().ok());
        Ok(Self { language, zone: zone.unwrap_or(Tz::Asia__Shanghai) })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ConsoleSession {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        if parts.method != Method::GET && !is_own(&parts.headers) {
            return Err((StatusCode::FORBIDDEN, "The form was submitted from another site.").into_response());
        }
        let Ok(Preferences { language, zone }) = Preferences::from_request_parts(parts, state).await;
        match cookie(&parts.headers, SESSION) {
            Some(key) => {
                let endpoint = parts.extensions.get::<Arc<Endpoint>>().cloned();
                Ok(Self { key: key.to_owned(), language, zone, endpoint })
            }
            None => Err(to_sign_in(parts.uri.path_and_query().map_or("", |path| path.as_str()))),
        }
    }
}

/// The cookie of a session. Whatever the API took for a credential has only signs that a cookie may have. A proxy in front
/// says whether the browser came by TLS: then the cookie is never sent without.
pub(super) fn cookie_of(session: &ConsoleSession, headers: &HeaderMap) -> String {
    let by_tls = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if by_tls { "; Secure" } else { "" };
    // A browser forgets it when the service does.
    let idle = IDLE.num_seconds();
    format!("{SESSION}={}; Path=/console; HttpOnly; SameSite=Strict; Max-Age={idle}{secure}", session.key)
}

/// The way to the page that asks for a key, and back.
pub(super) fn to_sign_in(next: &str) -> Response {
    Redirect::to(&format!("/console/sign-in?next={}", encoded(next))).into_response()
}

/// Whether a form was sent from a page of this console: browsers say so, in one of two ways. The cookie is of the kind
/// that other sites' forms do not carry; this is the second lock.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(state) = headers.get("sec-fetch-site") {
        return state == "same-origin" || state == "none";
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        (origin, _) => origin.is_none(),
    }
}

/// The first cookie of this name, if it is there and not empty.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_form_of_another_site_is_known() {
        assert!(is_own(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!is_own(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(is_own(&headers(&[("origin", "http://waymark.test:8080"), ("host", "waymark.test:8080")])));
        assert!(!is_own(&headers(&[("origin", "http://evil.test"), ("host", "waymark.test:8080")])));
        assert!(!is_own(&headers(&[("origin", "null"), ("host", "waymark.test:8080")])));
        assert!(is_own(&headers(&[("host", "waymark.test:8080")])), "a program that is no browser");
    }

    #[test]
    fn one_of_several_cookies_is_found() {
        let headers =
            headers(&[("cookie", "a=1; waymark_session=wms_x; b=2"), ("cookie", "waymark_language=zh")]);
        assert_eq!(cookie(&headers, SESSION), Some("wms_x"));
        assert_eq!(cookie(&headers, LANGUAGE), Some("zh"));
        assert_eq!(cookie(&headers, ZONE), None);
    }
}
