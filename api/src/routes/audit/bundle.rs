//! Evidence to carry away.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use futures::stream::try_unfold;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Octets;
use crate::app::Caller;
use crate::audit::Bundle;
use crate::auth::Authority;
use crate::domain::Label;
use crate::eventstore::Position;
use crate::http::{Instant, Query};
use crate::problem::Problem;
use crate::routes::AppState;
use crate::routes::download::{Download, FileOf};

/// Which stretch of the log.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BundleParams {
    /// The first position, or an instant: then what was recorded at it or later. The beginning of the log when absent.
    #[param(example = "1")]
    from: Option<String>,
    /// The last position, or an instant: then what was recorded before it. The end of the log when absent.
    to: Option<String>,
}

/// One end of a stretch.
enum End {
    At(Position),
    /// The last position recorded before an instant.
    Before(Position),
}

/// Get entries with everything that proves them
///
/// A `.tar.gz` with a stretch of the log, the signed checkpoint, the proof that they belong together, the public key, a signed
/// manifest and a README. `waymark verify --bundle FILE --public-key KEY` checks it, and so does `docs/verify/verify.py`, without
/// the service, the database or a secret.
#[utoipa::path(
    get, path = "/v1/audit/bundle", tag = "audit",
    params(BundleParams),
    responses((
        status = 200, description = "The archive.", body = Octets, content_type = "application/gzip",
        headers(("Content-Disposition" = String, description = "The suggested file name."))
    ))
)]
pub(super) async fn bundle(
    State(state): State<AppState>,
    Authority(caller): Authority,
    download: Download,
    Query(params, ..): Query<BundleParams>,
) -> Result<Response, Problem> {
    archive(&state, &caller, &params, Some(download)).await
}

/// A stretch of the log of the caller's tenant, which may be that of who read what: an entry of its own tells there that it was
/// read.
pub(super) async fn archive(
    state: &AppState,
    caller: &Caller,
    params: &BundleParams,
    download: Option<Download>,
) -> Result<Response, Problem> {
    let signed = state.checkpoint_signer.sign_head(caller.tenant).await?;
    let size = signed.checkpoint.size;
    let first = match end(state, caller, "from", params.from.as_deref()).await? {
        Some(End::At(position)) => position,
        Some(End::Before(position)) => position + 1,
        None => 1,
    };
    let last = match end(state, caller, "to", params.to.as_deref()).await? {
        Some(End::At(position)) if position > size => return Err(beyond(size)),
        Some(End::At(position) | End::Before(position)) => position.min(size),
        None => size,
    };
    if first > last {
        return Err(empty());
    }
    let of = FileOf {
        kind: "bundle",
        format: "tar.gz",
        filters: Vec::new(),
        stretch: (first, last),
        rows: Some(last + 1 - first),
    };
    if let Some(download) = download {
        download.record(state, caller, of).await?;
    }
    let name = format!("attachment; filename=\"waymark-{first}-{last}.tar.gz\"");
    let (signer, store) = (state.checkpoint_signer.clone(), state.app.store.clone());
    let begin = Some(Bundle::new(signer, store, caller.tenant, signed, (first, last)));
    let chunks = try_unfold(begin, |made| async move {
        match made {
            Some(bundle) => bundle.next().await,
            None => Ok(None),
        }
    });
    let headers = [(header::CONTENT_TYPE, "application/gzip"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, [(header::CONTENT_DISPOSITION, name)], Body::from_stream(chunks)).into_response())
}

async fn end(
    state: &AppState,
    caller: &Caller,
    field: &str,
    text: Option<&str>,
) -> Result<Option<End>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if let Some(position) = text.parse().ok().filter(|position| (1..=i64::MAX as u64).contains(position)) {
        return Ok(Some(End::At(position)));
    }
    let Some(Instant(at)) = Instant::parse(text) else {
        let message = Label::new(
            "应为序号（从 1 开始）或 RFC 3339 时间。",
            "Must be a position, from 1, or an RFC 3339 instant.",
        );
        return Err(Problem::invalid_value(field, message));
    };
    let before = state.app.store.position_at(caller.tenant, at - TimeDelta::microseconds(1)).await?;
    Ok(Some(End::Before(before)))
}

fn beyond(size: Position) -> Problem {
    let message =
        Label::new(format!("日志目前到序号 {size} 为止。"), format!("The log ends at position {size}."));
    Problem::invalid_value("to", message).with("limit", size)
}

fn empty() -> Problem {
    let message = Label::new("该范围内没有条目。", "There are no entries in this range.");
    Problem::invalid_value("to", message)
}
