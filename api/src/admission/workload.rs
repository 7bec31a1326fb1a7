//! What requests cost: which routes compute over a whole pipeline or stream a whole log, in one table.
//!
//! A route that is not listed costs little: a command, a record, a page of a list. A test holds the table against the served
//! routes: every report stands in it.

use axum::http::{Method, Uri};

/// What a request costs, as far as it must be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// A report: it computes over the history of a pipeline or of all customers, as fresh as the request says.
    Report,
    /// A report by positions that are known already, which waits for no read model.
    PinnedReport,
    /// A file of everything, streamed as fast as its reader takes it.
    Export,
}

/// When a route costs that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Whatever is asked.
    Always,
    /// When an earlier moment is asked about: the present is kept ready, the past is computed.
    Past,
    /// When a file is asked for instead of a page.
    File,
    /// Never.
    Never,
}

/// Every route that costs something, and those among reports that do not: method, path, what, when.
const TABLE: &[(&str, &str, Workload, When)] = &[
    ("GET", "/v1/boards/{pipeline}", Workload::Report, When::Past),
    ("GET", "/v1/customers", Workload::Report, When::Past),
    ("GET", "/v1/pools/{key}/customers", Workload::Report, When::Past),
    ("GET", "/v1/tasks", Workload::Report, When::Past),
    ("GET", "/v1/worklists/{list}", Workload::Report, When::Past),
    ("GET", "/v1/alerts/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/bottlenecks/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/channels", Workload::Report, When::Always),
    ("GET", "/v1/losses/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/losses/{pipeline}/customers", Workload::Report, When::Always),
    ("GET", "/v1/loyalty/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/changes/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/changes/{pipeline}/customers", Workload::PinnedReport, When::Always),
    ("GET", "/v1/dwell/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/flows/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/forecasts/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/forecasts/{pipeline}/back-test", Workload::Report, When::Always),
    ("GET", "/v1/funnels/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/paths/{pipeline}", Workload::Report, When::Always),
    ("POST", "/v1/paths/{pipeline}/standard", Workload::Report, When::Never),
    ("GET", "/v1/heatmap", Workload::Report, When::Always),
    ("GET", "/v1/latency/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/quality/{pipeline}", Workload::Report, When::Always),
    ("GET", "/v1/reps", Workload::Report, When::Always),
    ("GET", "/v1/pilots/{id}", Workload::Report, When::Always),
    ("POST", "/v1/what-if", Workload::Report, When::Always),
    ("POST", "/v1/automations/dry-runs", Workload::Report, When::Always),
    ("GET", "/v1/exports/{kind}", Workload::Export, When::Always),
    ("GET", "/v1/audit/access/bundle", Workload::Export, When::Always),
    ("GET", "/v1/audit/bundle", Workload::Export, When::Always),
    ("GET", "/v1/audit/export", Workload::Export, When::Always),
    ("GET", "/v1/audit/changes", Workload::Export, When::File),
];

/// What a request to this route costs; none where it costs little.
#[must_use]
pub fn workload(method: &Method, path: &str, uri: &Uri) -> Option<Workload> {
    let (_, _, workload, when) = row(method.as_str(), path)?;
    let asks_for = |names: &[&str]| parameters(uri).any(|(name, _)| names.contains(&name));
    let is_heavy = match when {
        When::Always => true,
        When::Past => asks_for(&["effective_at", "known_at", "known_position"]),
        When::File => parameters(uri).any(|(name, value)| name == "format" && value != "json"),
        When::Never => false,
    };
    is_heavy.then_some(workload)
}

/// Whether requests to this route may be turned away because too many of their kind are being answered.
#[must_use]
pub fn may_be_heavy(method: &str, path: &str) -> bool {
    row(method, path).is_some_and(|(.., when)| when != When::Never)
}

fn row(method: &str, path: &str) -> Option<(&'static str, &'static str, Workload, When)> {
    TABLE.iter().find(|(row, at, ..)| *row == method && *at == path).copied()
}

/// The parameters as they stand in the address. Names and values that matter here need no escapes; an escaped one is read as
/// strictly as ever by the route, and costs what it costs there.
fn parameters(uri: &Uri) -> impl Iterator<Item = (&str, &str)> {
    uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='))
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Uri};

    use utoipa::openapi::RefOr;

    use super::{TABLE, When, Workload, row, workload};
    use crate::auth::access;
    use crate::routes;

    fn of(path: &str, address: &str) -> Option<Workload> {
        workload(&Method::GET, path, &address.parse::<Uri>().unwrap())
    }

    #[test]
    fn every_report_and_every_export_is_classified() {
        let (_, document) = routes::router().split_for_parts();
        for (path, item) in document.paths.paths {
            for (method, operation) in [("GET", item.get), ("POST", item.post)] {
                let Some(operation) = operation else { continue };
                let is_report = operation.tags.iter().flatten().any(|tag| tag == "analytics");
                let is_export = path.contains("export");
                assert!(
                    !(is_report || is_export) || row(method, &path).is_some(),
                    "{method} {path}: what does it cost?"
                );
            }
        }
    }

    #[test]
    fn reports_are_what_says_how_fresh_it_must_be() {
        let (_, document) = routes::router().split_for_parts();
        for (method, path, workload, when) in TABLE.iter().filter(|(.., when)| *when != When::Never) {
            let item = &document.paths.paths[*path];
            let operation = if *method == "GET" { &item.get } else { &item.post };
            let parameters = operation.as_ref().unwrap().parameters.iter().flatten();
            let mut named = parameters.filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(parameter.name.as_str()),
                RefOr::Ref(_) => None,
            });
            let is_fresh = named.any(|name| name == "min_position");
            assert_eq!(is_fresh, *workload == Workload::Report, "{method} {path} {when:?}");
        }
    }

    #[test]
    fn what_is_classified_is_served() {
        for (method, path, ..) in TABLE {
            assert!(access::TABLE.iter().any(|(row, at, _)| row == method && at == path), "{method} {path}");
        }
    }

    #[test]
    fn the_present_of_a_board_costs_little_and_its_past_does_not() {
        let path = "/v1/boards/{pipeline}";
        assert_eq!(of(path, "/v1/boards/p?stage=lead&limit=5"), None);
        for past in ["effective_at=2026-01-01T00:00:00Z", "known_at=2026-01-01T00:00:00Z", "known_position=7"]
        {
            assert_eq!(of(path, &format!("/v1/boards/p?limit=5&{past}")), Some(Workload::Report), "{past}");
        }
    }

    #[test]
    fn a_page_of_changes_costs_little_and_a_file_of_them_does_not() {
        let path = "/v1/audit/changes";
        assert_eq!(of(path, "/v1/audit/changes?limit=5"), None);
        assert_eq!(of(path, "/v1/audit/changes?format=json"), None);
        assert_eq!(of(path, "/v1/audit/changes?format=csv"), Some(Workload::Export));
        assert_eq!(of("/v1/customers/{id}", "/v1/customers/7?known_position=7"), None, "it is one record");
    }
}
