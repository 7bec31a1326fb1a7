//! Addresses of pages and of the API's routes.

use std::fmt::Write as _;

/// A text as a part of an address (RFC 3986, section 2.3: all but the unreserved characters are escaped).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A path with the parameters that have a value.
pub(super) fn with_query<'a>(
    path: &str,
    parameters: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// The page to go on to, if it is one of this console: an address that somebody made up leads nowhere else.
pub(super) fn own(next: Option<&str>) -> &str {
    let is_own = |next: &&str| *next == "/console" || next.starts_with("/console/");
    next.filter(is_own).unwrap_or("/console")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_fits_into_an_address() {
        assert_eq!(encoded("W_Nabellen aanvraag/报价"), "W_Nabellen%20aanvraag%2F%E6%8A%A5%E4%BB%B7");
        let query = [("q", Some("a&b")), ("team", None), ("tier", Some("A"))];
        assert_eq!(with_query("/v1/customers", query), "/v1/customers?q=a%26b&tier=A");
        assert_eq!(with_query("/v1/customers", [("q", None)]), "/v1/customers");
    }

    #[test]
    fn one_is_sent_on_within_the_console_only() {
        assert_eq!(own(Some("/console/work?list=today")), "/console/work?list=today");
        for elsewhere in [Some("https://evil.test"), Some("//evil.test"), Some("/consolewards"), None] {
            assert_eq!(own(elsewhere), "/console");
        }
    }
}
