//! Undoing an import.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

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
/// be imported again afterwards.
#[utoipa::path(
    post, path = "/v1/imports/{id}/undo", tag = "bulk", request_body = UndoBody,
    params(("id" = Uuid, Path, description = "The import: `import` of its report.")),
    responses(
        (status = 200, description = "Undone, or the preview of it.", body = UndoReport),
        (status = 404, description = "There is no such import.", body = ProblemDocument),
    )
)]
pub(super) async fn undo(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Extension(reader): Extension<Reader>,
    Command { body: UndoBody { reason, preview }, .. }: Command<UndoBody>,
) -> Result<Json<UndoReport>, Problem> {
    let reason = reason.unwrap_or_else(|| {
        Label::new("导入已撤销。", "The import was undone.").text(reader.language).to_owned()
    });
    let app = state.app.clone();
    // It goes on when the client goes away.
    let undone = tokio::spawn(async move { undo_import(&app, &caller, id, &reason, preview).await });
    let undone = undone.await.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Json(undone?))
}
