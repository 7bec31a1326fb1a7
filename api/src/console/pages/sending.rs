//! Commands of the work page: sent, and led back to the work that is left.

use axum::response::{IntoResponse as _, Redirect, Response};

use super::super::Console;
use super::super::address::{HOME, after};
use super::super::form::{Fields, ONCE, body};
use super::super::gateway::CommandHeaders;
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::ConsoleSession;

/// Sends what a form of the work page asks for.
pub(super) async fn send(
    console: &Console,
    session: ConsoleSession,
    path: &str,
    fields: &Fields,
) -> Response {
    let headers = CommandHeaders { key: fields.get(ONCE).cloned(), version: None };
    let sent = body(Locale::from(&session), fields);
    match console.api.post(&session, path, &headers, &sent).await {
        Ok(done) => Redirect::to(&after("/console/work", &done, &[])).into_response(),
        Err(error) => match Layout::of(console, session, HOME.to_owned()).await {
            Ok(layout) => layout.failed(Part::Work, &error),
            Err(response) => response,
        },
    }
}
