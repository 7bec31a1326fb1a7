//! Addresses of pages and of the API's routes.

use serde_json::Value;

pub(super) use crate::http::query::percent_encoded as encoded;

/// Where one comes back to whose page has no address: after a form.
pub(super) const HOME: &str = "/console";

/// The parameter of a page that names the position which everything on it must know of.
pub(super) const POSITION: &str = "min_position";

/// The parameters of a page that say what was just done there.
const TOLD: [&str; 4] = ["done", "customer", "event", POSITION];

/// A page, after a command whose answer this is: it shows what the command did, and says nothing of an earlier one.
pub(super) fn after(page: &str, done: &Value, told: &[(&str, Option<&str>)]) -> String {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let is_earlier = |pair: &str| TOLD.contains(&pair.split('=').next().unwrap_or_default());
    let position = done["position"].as_u64().map(|position| position.to_string());
    let told = told.iter().copied().chain([(POSITION, position.as_deref())]);
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_earlier(pair));
    let pairs = told.filter_map(|(name, value)| Some(format!("{name}={}", encoded(value?))));
    let pairs: Vec<String> = pairs.chain(kept.map(str::to_owned)).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
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

/// A page of this console with another value of a parameter, or without it, and without what was just done there.
pub(super) fn exchanged(page: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let is_left = |pair: &&str| {
        let key = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && key != name && !TOLD.contains(&key)
    };
    let kept = query.split('&').filter(is_left).map(str::to_owned);
    let pairs: Vec<String> = kept.chain(value.map(|value| format!("{name}={}", encoded(value)))).collect();
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
    fn one_parameter_of_a_page_is_exchanged_and_the_others_stay() {
        let page = "/console/boards/p?tier=A&sort=value&done=customer.moved&min_position=9";
        assert_eq!(exchanged(page, "sort", Some("amount")), "/console/boards/p?tier=A&sort=amount");
        assert_eq!(exchanged(page, "sort", None), "/console/boards/p?tier=A");
        assert_eq!(exchanged("/console/boards/p?sort=x", "sort", None), "/console/boards/p");
        assert_eq!(exchanged("/console/boards/p", "sort", Some("x")), "/console/boards/p?sort=x");
    }

    #[test]
    fn one_is_sent_on_within_the_console_only() {
        assert_eq!(own(Some("/console/work?list=today")), "/console/work?list=today");
        for elsewhere in [Some("https://evil.test"), Some("//evil.test"), Some("/consolewards"), None] {
            assert_eq!(own(elsewhere), "/console");
        }
    }
}
