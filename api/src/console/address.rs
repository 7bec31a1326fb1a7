//! Addresses of pages and of the API's routes.

pub(super) use crate::http::query::percent_encoded as encoded;

/// Where one comes back to whose page has no address: after a form.
pub(super) const HOME: &str = "/console";

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
    let is_own = |next: &&str| *next == HOME || next.starts_with("/console/");
    next.filter(is_own).unwrap_or(HOME)
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
