//! Files that are carried away: each is an event before its first byte leaves.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use uuid::Uuid;

use super::AppState;
use crate::app::Caller;
use crate::auth::admit::PresentedCredential;
use crate::domain::company::event::ExportStarted;
use crate::eventstore::Position;
use crate::http::trace::TraceId;
use crate::problem::Problem;

/// A request for a file.
pub(super) struct Download {
    /// Whether the file is sent, and not its head alone.
    sends: bool,
    request_id: Option<Uuid>,
    credential: Option<String>,
}

/// What a file is of.
pub(super) struct FileOf<'a> {
    pub(super) kind: &'a str,
    pub(super) format: &'a str,
    /// What was asked for; none for a value that may be a person's name, number or address.
    pub(super) filters: Vec<(String, Option<String>)>,
    /// The first position that it can tell of, and the last.
    pub(super) stretch: (Position, Position),
    /// How many rows it has, where that is known.
    pub(super) rows: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for Download {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            sends: parts.method != Method::HEAD,
            request_id: parts.extensions.get::<TraceId>().map(TraceId::as_uuid),
            credential: parts.extensions.get::<PresentedCredential>().map(|shown| shown.name.clone()),
        })
    }
}

impl Download {
    /// Records that the file is about to be sent.
    ///
    /// # Errors
    /// When the log cannot take it: then nothing is sent.
    pub(super) async fn record(
        self,
        state: &AppState,
        caller: &Caller,
        of: FileOf<'_>,
    ) -> Result<(), Problem> {
        if !self.sends {
            return Ok(());
        }
        let (first, last) = of.stretch;
        let export = ExportStarted {
            kind: of.kind.to_owned(),
            format: of.format.to_owned(),
            filters: of.filters.into_iter().collect(),
            first_position: Some(first).filter(|first| *first > 1),
            position: last,
            rows: of.rows,
            credential: self.credential,
        };
        Ok(state.app.record_export(caller, self.request_id, export).await?)
    }
}
