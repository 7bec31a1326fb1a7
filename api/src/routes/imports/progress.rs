//! The progress of an import.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::registry::Standing;
use crate::auth::Authority;
use crate::http::Id;
use crate::import::{Progress, Report};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use crate::routes::AppState;

/// An import.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ImportReply {
    /// The import's id.
    id: Uuid,
    /// `running`, `done` or `failed`.
    #[schema(example = "done")]
    state: &'static str,
    /// The progress while it is running.
    progress: Option<Progress>,
    /// The report once it is done.
    report: Option<Report>,
    /// Why it failed; nothing was imported.
    problem: Option<ProblemDocument>,
}

impl ImportReply {
    pub(super) fn of(id: Uuid, standing: Standing, reader: &Reader) -> Self {
        let blank = Self { id, state: "running", progress: None, report: None, problem: None };
        match standing {
            Standing::Running(progress) => Self { progress: Some(progress), ..blank },
            Standing::Done(report) => Self { state: "done", report: Some(report), ..blank },
            Standing::Failed(problem) => {
                let problem = problem.document(reader.language, &path(id), &reader.trace_id.to_string());
                Self { state: "failed", problem: Some(problem), ..blank }
            }
        }
    }
}

/// Where an import is found.
pub(super) fn path(id: Uuid) -> String {
    format!("/v1/imports/{id}")
}

/// Get an import's progress
///
/// Only imports started by this process. What an import recorded is in the event log, readable from any process.
#[utoipa::path(
    get, path = "/v1/imports/{id}", tag = "bulk",
    params(("id" = Uuid, Path, description = "The import.")),
    responses(
        (status = 200, description = "Running, done or failed.", body = ImportReply),
        (status = 404, description = "There is no such import.", body = ProblemDocument),
    )
)]
pub(super) async fn progress(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Extension(reader): Extension<Reader>,
) -> Result<Json<ImportReply>, Problem> {
    let standing = state.imports.find(caller.tenant, id);
    let standing = standing.ok_or_else(|| Problem::not_found("import", &id.to_string()))?;
    Ok(Json(ImportReply::of(id, standing, &reader)))
}
