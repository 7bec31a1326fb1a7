//! Which customers an answer names.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::MatchedPath;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use uuid::Uuid;

use crate::problem::Problem;

/// How answers name a customer: with the id itself, as changes do, and as the subject of an event. No text that anybody wrote
/// reads like this, since quotes in it are escaped.
const CUSTOMER: [&str; 3] = ["\"customer_id\":\"", "\"customer\":\"", "\"subject\":\"customer/"];
/// Answers whose items are customers themselves.
const LISTS: &[&str] = &["/v1/customers", "/v1/pools/{key}/customers"];
/// The length of an id as text.
const ID: usize = 36;

/// A list of customers, as far as it is looked at.
#[derive(Deserialize)]
struct Listed {
    items: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: Uuid,
}

/// The customers that an answer names, and the answer. Streams and files are handed on as they are: they name nobody here.
///
/// # Errors
/// With the answer to give instead, where this one could not be made.
pub(super) async fn named_in(
    route: &MatchedPath,
    response: Response,
) -> Result<(Response, Vec<Uuid>), Response> {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_document = kind.is_some_and(|kind| kind.starts_with("application/json"));
    let Some(length) = response.body().size_hint().exact().filter(|_| is_document) else {
        return Ok((response, Vec::new()));
    };
    let (head, body) = response.into_parts();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let body =
        to_bytes(body, length).await.map_err(|error| Problem::internal(error.to_string()).into_response())?;
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let mut named = named(text);
    if LISTS.contains(&route.as_str())
        && let Ok(Listed { items }) = serde_json::from_str(text)
    {
        named.extend(items.into_iter().map(|one| one.id));
    }
    Ok((Response::from_parts(head, Body::from(body)), named))
}

/// Every customer that a JSON document names.
fn named(text: &str) -> Vec<Uuid> {
    let ids = CUSTOMER.iter().flat_map(|name| {
        text.match_indices(name).filter_map(|(at, _)| {
            let at = at + name.len();
            Uuid::try_parse(text.get(at..at + ID)?).ok()
        })
    });
    ids.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_customer_is_named_by_its_id_and_by_no_text() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let written = format!("\"customer_id\":\"{other}\"");
        let document = json!({"items": [{"customer_id": one, "note": written}, {"customer_id": null}]});
        assert_eq!(named(&document.to_string()), [one]);
        let change =
            json!({"customer": one, "subject": format!("customer/{other}"), "data": {"customer": null}});
        assert_eq!(named(&change.to_string()), [one, other]);
        assert!(named("\"customer_id\":\"short").is_empty());
    }
}
