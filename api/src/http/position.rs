//! Which position of the log a read reflects, and what waits for it.
//!
//! Every read takes `min_position` and `wait_ms` and answers with `Waymark-Position`. What looks at read models waits for those
//! that it looks at, and has their position ([`AsOfResponse`](super::answer::AsOfResponse)). What looks at the log itself, or at
//! what was folded from it, stands in a table here: the layer around all routes waits for the log, and answers with where it ended before
//! anything was read. What reflects no position of the tenant's log stands in another table, with the reason. A test holds every
//! served read to this.
//!
//! Every command that was carried out answers with the position that it was recorded at, so that the caller can name that
//! position elsewhere. What the write path does not say of itself the same layer says.

use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;

use super::answer::POSITION;
use super::as_of::Freshness;
use crate::app::App;
use crate::auth::Authority;
use crate::auth::access::only_asks;
use crate::eventstore::{Position, TenantId};
use crate::problem::Problem;

/// How often the log of other processes is looked at.
const POLL: Duration = Duration::from_millis(25);

/// The reads of the log, and of what is folded from it by the process that answers.
const OF_THE_LOG: &[&str] = &[
    "/v1/admin/calendars",
    "/v1/admin/fields",
    "/v1/admin/intake",
    "/v1/admin/keys",
    "/v1/admin/members",
    "/v1/admin/pools",
    "/v1/admin/rates",
    "/v1/admin/robots",
    "/v1/admin/teams",
    "/v1/audit/bundle",
    "/v1/audit/changes",
    "/v1/audit/erasures",
    "/v1/audit/erasures/{id}",
    "/v1/audit/export",
    "/v1/audit/keys",
    "/v1/audit/legal-holds",
    "/v1/audit/proofs/consistency",
    "/v1/audit/proofs/inclusion",
    "/v1/changes/{pipeline}/customers",
    "/v1/consumers",
    "/v1/consumers/{name}",
    "/v1/consumers/{name}/events",
    "/v1/customers/{id}/allowed-transitions",
    "/v1/customers/{id}/explanations",
    "/v1/deputies",
    "/v1/events",
    "/v1/exports/{kind}",
    "/v1/me",
    "/v1/pipelines",
    "/v1/pipelines/{key}",
    "/v1/pipelines/{key}/versions",
    "/v1/webhooks",
];

/// The reads that reflect no position of the tenant's log, each with the reason.
#[cfg(test)]
pub(super) const OF_NO_POSITION: &[(&str, &str)] = &[
    ("/asyncapi.json", "It is of no tenant."),
    ("/docs", "It is of no tenant."),
    ("/healthz", "It is of no tenant."),
    ("/metrics", "It is of no tenant."),
    ("/openapi.json", "It is of no tenant."),
    ("/readyz", "It is of no tenant."),
    ("/v1/admin/robots/{id}/deliveries", "What was sent, which is in no log."),
    ("/v1/admin/roles", "They come with the program."),
    ("/v1/audit/access", "The access log is a log of its own, with positions of its own."),
    ("/v1/audit/access/bundle", "The access log is a log of its own."),
    ("/v1/audit/access/checkpoint", "The access log is a log of its own."),
    ("/v1/audit/access/keys", "The access log is a log of its own."),
    ("/v1/audit/access/proofs/consistency", "The access log is a log of its own."),
    ("/v1/audit/access/proofs/inclusion", "The access log is a log of its own."),
    ("/v1/audit/access/tile/entries/{*index}", "The access log is a log of its own."),
    ("/v1/audit/access/tile/{level}/{*index}", "The access log is a log of its own."),
    ("/v1/audit/checkpoint", "A signed note, which names the size of the tree that it is of."),
    ("/v1/audit/tile/entries/{*index}", "A part of the tree that never changes."),
    ("/v1/audit/tile/{level}/{*index}", "A part of the tree that never changes."),
    ("/v1/calendar-templates", "They come with the program."),
    ("/v1/event-schemas", "They come with the program."),
    ("/v1/event-schemas/{type}", "They come with the program."),
    ("/v1/imports/{id}", "How far a running request has come, which is in no log."),
    ("/v1/pipeline-schema", "It comes with the program."),
    ("/v1/projections", "It says of each read model how far it has come."),
    ("/v1/projections/{name}/parked", "What a read model set aside, which is in no log."),
    ("/v1/templates", "They come with the program."),
    ("/v1/webhooks/{id}/deliveries", "What was sent, which is in no log."),
];

/// What is sent by other methods than reads, and answered without a position in a header, each with the reason.
pub(super) const COMMANDS_OF_NO_POSITION: &[(&str, &str)] = &[
    ("/mcp", "What a tool did is answered with its own, by the route that the tool is."),
    ("/v1/bulk", "Each line is answered with its own."),
    ("/v1/imports/columns", "What a file seems to be, which is in no log."),
    (
        "/v1/sessions",
        "Whose tenant it is becomes known by the code alone; a session is looked up in the log where it is new.",
    ),
];

/// Whether what is sent to a path, and was carried out, is answered with a position. What was only accepted (202) goes on, and
/// is not.
pub(in crate::http) fn commands_are_positioned(path: &str) -> bool {
    COMMANDS_OF_NO_POSITION.iter().all(|(known, _)| *known != path)
}

/// Whether a read is of the log, or of what is folded from it.
pub(in crate::http) fn is_of_the_log(path: &str) -> bool {
    OF_THE_LOG.contains(&path)
}

/// Whose log is read by a request, and how fresh it must be.
pub(super) fn of_the_log<B>(request: &Request<B>) -> Option<(TenantId, Freshness)> {
    let Authority(caller) = request.extensions().get()?;
    let path = request.extensions().get::<MatchedPath>()?;
    (only_asks(request.method(), path.as_str()) && is_of_the_log(path.as_str()))
        .then(|| (caller.tenant, Freshness::named_by(request.uri())))
}

/// Waits until the log has reached the position that was named, if one was, and answers where it ends.
///
/// # Errors
/// 503 with the position reached when that takes too long.
pub(super) async fn reached(app: &App, tenant: TenantId, freshness: Freshness) -> Result<Position, Problem> {
    let head = async || Ok::<_, Problem>(app.store.head(tenant).await?.position);
    let now = head().await?;
    let Some((position, wait)) = freshness.awaited().filter(|(position, _)| *position > now) else {
        return Ok(now);
    };
    let mut moved = app.store.watch(tenant);
    let until_there = async {
        loop {
            moved.borrow_and_update();
            match head().await {
                Ok(now) if now < position => {}
                reached => return reached,
            }
            // Another process may append, too: then nothing is heard, and looking finds it.
            let _ = tokio::time::timeout(POLL, moved.changed()).await;
        }
    };
    match tokio::time::timeout(wait, until_there).await {
        Ok(reached) => reached,
        Err(_) => Err(Problem::projection_behind(head().await?)),
    }
}

/// Who changes a log by a request, where the answer says up to which position.
pub(super) fn of_a_command<B>(request: &Request<B>) -> Option<TenantId> {
    let Authority(caller) = request.extensions().get()?;
    let path = request.extensions().get::<MatchedPath>()?;
    (!only_asks(request.method(), path.as_str()) && commands_are_positioned(path.as_str()))
        .then_some(caller.tenant)
}

/// The answer to a command with where the log ends now, unless the answer says itself where the command stands, or nothing was
/// done yet. It was done: that the log cannot be read now is no reason to say otherwise.
pub(super) async fn recorded(app: &App, tenant: TenantId, response: Response) -> Response {
    let done = response.status().is_success() && response.status() != StatusCode::ACCEPTED;
    if !done || response.headers().contains_key(POSITION) {
        return response;
    }
    match app.store.head(tenant).await {
        Ok(head) => answered(response, head.position),
        Err(_) => response,
    }
}

/// The answer with the position that it reflects, unless it says so itself.
pub(super) fn answered(mut response: Response, position: Position) -> Response {
    let answers = response.status().is_success() || response.status().is_redirection();
    if answers && !response.headers().contains_key(POSITION) {
        response.headers_mut().insert(POSITION, HeaderValue::from(position));
    }
    response
}
