//! Which tenant a request is about, before anybody knows whether the credential is good.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::eventstore::TenantId;

/// How long an id is in the text of a key.
const ID: usize = 32;

/// A tenant as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// By its id, as API keys, sign-in links and sessions do.
    ById(TenantId),
    /// By its name, as tokens do.
    ByName(String),
}

/// The tenant that the headers or the address of a request name.
pub(super) fn in_parts(parts: &Parts, tenant_claim: &str) -> Option<Named> {
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.unwrap_or_default();
    if let Some(tenant) = in_text(bearer) {
        return Some(Named::ById(tenant));
    }
    if let Some(name) = in_token(bearer, tenant_claim) {
        return Some(Named::ByName(name));
    }
    for cookies in parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()) {
        if let Some(tenant) = in_text(cookies) {
            return Some(Named::ById(tenant));
        }
        if let Some(name) = cookies.split(['=', ';']).find_map(|part| in_token(part, tenant_claim)) {
            return Some(Named::ByName(name));
        }
    }
    in_text(parts.uri.query().unwrap_or_default()).map(Named::ById)
}

/// The tenant of the first key, link or session in a text: `wm_<tenant>_<id>_…`, `wml_…`, `wms_…`.
pub(super) fn in_text(text: &str) -> Option<TenantId> {
    let after = ["wm_", "wml_", "wms_"].into_iter().flat_map(|prefix| {
        let places = text.match_indices(prefix);
        places.map(move |(at, _)| text.get(at + prefix.len()..).unwrap_or_default())
    });
    let mut ids = after.filter_map(|rest| {
        let (id, rest) = rest.split_at_checked(ID)?;
        rest.starts_with('_').then(|| Uuid::try_parse(id).ok()).flatten()
    });
    ids.next().map(TenantId)
}

/// The tenant that a JSON Web Token names, which nobody has verified.
fn in_token(text: &str, claim: &str) -> Option<String> {
    let token = text.trim().rsplit(' ').next()?;
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let found = if claim.starts_with('/') { claims.pointer(claim) } else { claims.get(claim) };
    Some(found?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::auth::key::{KeyText, Kind};

    fn of(header: &str, value: &str, uri: &str) -> Option<Named> {
        let request = Request::builder().uri(uri).header(header, value).body(()).unwrap();
        in_parts(&request.into_parts().0, "/org/tenant")
    }

    #[test]
    fn a_tenant_is_named_by_whatever_a_caller_shows() {
        let tenant = TenantId(Uuid::from_u128(7));
        let key = KeyText::new(tenant, Uuid::from_u128(8), [9; 32]);
        let by_id = Some(Named::ById(tenant));
        assert_eq!(of("authorization", &format!("Bearer {key}"), "/v1/me"), by_id);
        let session = key.shown_as(Kind::Session);
        assert_eq!(of("cookie", &format!("a=b; waymark_session={session}"), "/console"), by_id);
        let link = key.shown_as(Kind::SignInLink);
        assert_eq!(of("x", "y", &format!("/console/sign-in?code={link}")), by_id);
        assert_eq!(in_text(&format!("code={key}&next=%2F")), Some(tenant), "in a form");
        let payload = URL_SAFE_NO_PAD.encode(r#"{"org": {"tenant": "acme"}}"#);
        let token = of("authorization", &format!("Bearer e30.{payload}.c2ln"), "/v1/me");
        assert_eq!(token, Some(Named::ByName("acme".to_owned())));
        for nothing in ["Bearer", "Bearer wm_", "Bearer wm_7_8_9", "Basic bGk6", "Bearer a.b.c"] {
            assert_eq!(of("authorization", nothing, "/v1/me?code=wml_7"), None, "{nothing}");
        }
    }
}
