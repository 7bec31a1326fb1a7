//! Withdrawing a version of a pipeline before it takes effect.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::http::answer::Accepted;
use crate::http::command::Bodiless;
use crate::http::{KeyedVersion, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// Why a version is withdrawn.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhyWithdrawn {
    /// The reason, recorded in the event log: one line.
    #[param(example = "the wrong date")]
    reason: Option<String>,
}

/// Withdraw a pipeline version
///
/// A version that has not taken effect yet never does then, and the next one is built on the version before it. Its number is not
/// used again. A version that is the base of another one is withdrawn after that; one that has taken effect is replaced by
/// publishing the next.
#[utoipa::path(
    delete, path = "/v1/pipelines/{key}/versions/{version}", tag = "pipelines",
    params(
        ("key" = String, Path, description = "The pipeline."),
        ("version" = u32, Path, description = "The version."),
        WhyWithdrawn,
    ),
    responses(
        (status = 200, description = "Withdrawn.", body = Accepted),
        (status = 404, description = "There is no such pipeline or version, or it was withdrawn.", body = ProblemDocument),
        (status = 409, description = "It has taken effect (`version-in-force`), or another version is built on it (`version-is-base`).", body = ProblemDocument),
    )
)]
pub(super) async fn withdraw(
    State(state): State<AppState>,
    Authority(caller): Authority,
    KeyedVersion(key, version): KeyedVersion,
    Query(why, ..): Query<WhyWithdrawn>,
    Bodiless(meta): Bodiless,
) -> Result<Accepted, Problem> {
    let withdrawn = state.app.withdraw_version(&caller, &meta, (&key, version), why.reason.as_deref());
    Ok(withdrawn.await?.into())
}
