//! Undoing an import.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::registry::Standing;
use crate::app::{AppError, Caller, CommandMeta};
use crate::auth::Authority;
use crate::domain::Label;
use crate::http::{Command, Id};
use crate::import::{UndoReport, undo as undo_import};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use crate::routes::AppState;

/// How an import is undone.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "The wrong file", "preview": true}))]
pub(super) struct UndoBody {
    /// Why, as histories show it.
    reason: Option<String>,
    /// Whether nothing is written, and the response tells what would be.
    #[serde(default)]
    preview: bool,
}

/// Undo an import
///
/// By events: the moves that the import brought are voided, and the customers that it brought are withdrawn, so that they are in
/// no list, board or figure any more and what they were known by is free. Histories as known before stay as they are. Customers
/// that people have worked on since are left as they are, and named. What rules did is no work. Notes that the import added to
/// customers who were there before, and a pipeline that it made, stay. Asked again, it does what is left to do; the same file can
/// be imported again afterwards. An import that brought nothing, as the same file imported again, has nothing to be undone.
#[utoipa::path(
    post, path = "/v1/imports/{id}/undo", tag = "bulk", request_body = UndoBody,
    params(("id" = Uuid, Path, description = "The import: `import` of its report.")),
    responses(
        (status = 200, description = "Undone, or the preview of it.", body = UndoReport),
        (status = 404, description = "There is no such import, or nothing of it is in the log.", body = ProblemDocument),
    )
)]
pub(super) async fn undo(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Extension(reader): Extension<Reader>,
    Command { body: UndoBody { reason, preview }, meta }: Command<UndoBody>,
) -> Result<Json<Value>, Problem> {
    if let Some(first) = state.app.stored_reply(&caller, &meta).await? {
        return Ok(Json(first));
    }
    let reason = reason.unwrap_or_else(|| {
        Label::new("导入已撤销。", "The import was undone.").text(reader.language).to_owned()
    });
    let undoing = Undoing { state, caller, id, reason, preview };
    // It goes on when the client goes away.
    let undone = tokio::spawn(async move { undoing.run(&meta).await });
    Ok(Json(undone.await.map_err(|error| Problem::internal(error.to_string()))??))
}

/// An import to be undone.
struct Undoing {
    state: AppState,
    caller: Caller,
    id: Uuid,
    reason: String,
    preview: bool,
}

impl Undoing {
    async fn run(self, meta: &CommandMeta) -> Result<Value, Problem> {
        let Self { state, caller, id, reason, preview } = self;
        let report = match undo_import(&state.app, &caller, id, &reason, preview).await {
            // An import that brought nothing has nothing to be undone, as far as it is remembered.
            Err(AppError::NotFound { .. }) => match state.imports.find(caller.tenant, id) {
                Some(Standing::Done(_)) => {
                    let position = state.app.store.head(caller.tenant).await?.position;
                    UndoReport { import: id, preview, position, ..UndoReport::default() }
                }
                _ => return Err(Problem::nothing_imported(&id.to_string())),
            },
            report => report?,
        };
        if !preview {
            state.app.store_reply(&caller, meta, &json!(unnamed(report.clone()))).await?;
        }
        Ok(json!(report))
    }
}

/// The report as it is kept for a retry: by their ids elsewhere customers are known, and an erasure does not reach into what is
/// kept here.
fn unnamed(mut report: UndoReport) -> UndoReport {
    for customer in &mut report.kept_customers {
        customer.external_id = None;
    }
    report
}
