//! Reports and exports as files: the API's own answers, for other tools.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::super::Console;
use super::super::address::{HOME, with_query};
use super::super::gateway::ApiError;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::{ConsoleSession, PageQuery, Preferences};
use super::nowhere;

/// What is handed out as a file.
const REPORTS: [&str; 18] = [
    "alerts",
    "audit",
    "boards",
    "bottlenecks",
    "changes",
    "channels",
    "dwell",
    "exports",
    "flows",
    "forecasts",
    "funnels",
    "heatmap",
    "latency",
    "losses",
    "paths",
    "pilots",
    "quality",
    "reps",
];

/// What an auditor takes along: entries with their proofs.
const BUNDLE: &str = "/bundle";

/// Links to the API's answers that a figure is made of.
pub(super) fn links(locale: Locale, paths: &[&str]) -> Markup {
    html! {
        p.downloads {
            @for path in paths {
                a href=(with_query("/console/reports", [("of", Some(*path))])) download {
                    @if path.contains("/exports/") { (locale.text("导出 CSV", "Export CSV")) }
                    @else if path.ends_with(BUNDLE) { (locale.text("下载签名证据包", "Download signed bundle")) }
                    @else { (locale.text("下载 JSON", "Download JSON")) }
                }
            }
        }
    }
}

/// Hands a report out as a file.
pub(in super::super) async fn download(
    State(console): State<Console>,
    session: ConsoleSession,
    query: PageQuery,
) -> Response {
    let asked = query.get("of").and_then(|path| Some((path, file_name(path)?)));
    let Some((path, name)) = asked else {
        return nowhere(Preferences { language: session.language, zone: session.zone }).await;
    };
    match console.api.answer(&session, path).await {
        Ok(mut answer) => {
            let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
            if let Ok(disposition) = disposition {
                answer.headers_mut().entry(header::CONTENT_DISPOSITION).or_insert(disposition);
            }
            answer.into_response()
        }
        Err(error) => failed(&console, session, &error).await,
    }
}

async fn failed(console: &Console, session: ConsoleSession, error: &ApiError) -> Response {
    match Layout::of(console, session, HOME.to_owned()).await {
        Ok(layout) => layout.failed(Part::Figures, error),
        Err(response) => response,
    }
}

/// What a report's file is called; none for what is no report.
fn file_name(path: &str) -> Option<String> {
    let (route, query) = path.split_once('?').unwrap_or((path, ""));
    let of = route.strip_prefix("/v1/")?;
    let kind = of.split('/').next().filter(|kind| REPORTS.contains(kind))?;
    let ending = match kind {
        "exports" => query.split('&').find_map(|pair| pair.strip_prefix("format=")).unwrap_or("csv"),
        _ if route.ends_with(BUNDLE) => "tar.gz",
        _ => "json",
    };
    let name =
        format!("{of}.{ending}").replace(|sign: char| !sign.is_ascii_alphanumeric() && sign != '.', "-");
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_alone_are_files_and_each_is_called_by_what_it_is_of() {
        let name = |path: &str| file_name(path);
        assert_eq!(name("/v1/dwell/sales?from=2026-01-01").as_deref(), Some("dwell-sales.json"));
        assert_eq!(
            name("/v1/forecasts/%E6%97%A0/back-test").as_deref(),
            Some("forecasts--E6-97-A0-back-test.json")
        );
        assert_eq!(name("/v1/exports/stays?pipeline=p&format=xlsx").as_deref(), Some("exports-stays.xlsx"));
        assert_eq!(name("/v1/audit/access/bundle").as_deref(), Some("audit-access-bundle.tar.gz"));
        assert_eq!(name("/v1/pilots/sales%402").as_deref(), Some("pilots-sales-402.json"));
        for other in [
            "/v1/admin/keys",
            "/v1/events",
            "/metrics",
            "https://evil.test/v1/dwell/x",
            "/v1/dwellings/x",
            "",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }
}
