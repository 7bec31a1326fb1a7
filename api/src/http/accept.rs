//! What a client accepts as an answer (RFC 9110, section 12.5).

use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};

/// Whether the client names this media type.
#[must_use]
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    names(headers, &header::ACCEPT, media_type)
}

/// Whether the client takes an answer in this content coding, such as `gzip`.
#[must_use]
pub fn accepts_coding(headers: &HeaderMap, coding: &str) -> bool {
    names(headers, &header::ACCEPT_ENCODING, coding)
}

/// Whether a header lists a word, and not in order to refuse it.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(header).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|named| named.eq_ignore_ascii_case(word)) && !parts.any(refuses)
    })
}

/// Whether a parameter of a range is the weight of what is not acceptable.
fn refuses(parameter: &str) -> bool {
    let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
    weight.is_some_and(|weight| weight.parse() == Ok(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_accepted_unless_its_weight_is_zero() {
        for (value, expected) in [
            ("text/plain", true),
            ("application/json, text/plain;q=0.5", true),
            ("TEXT/PLAIN; charset=utf-8", true),
            ("text/plain;q=0", false),
            ("text/plain; q=0.000", false),
            ("text/*", false),
            ("*/*", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
            assert_eq!(accepts(&headers, "text/plain"), expected, "{value}");
        }
        assert!(!accepts(&HeaderMap::new(), "text/plain"));
        let coding = HeaderValue::from_static("br, gzip");
        assert!(accepts_coding(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, coding)]), "gzip"));
    }
}
