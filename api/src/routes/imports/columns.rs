//! Looking at a file before it is imported.

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::start::require_file;
use super::upload;
use crate::auth::Authority;
use crate::http::Query;
use crate::import::{Format, ImportError, Look, look};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// How the file is read.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LookParams {
    /// The encoding, where the file does not tell it.
    #[param(example = "gb18030")]
    encoding: Option<String>,
    /// The sheet of a workbook; without it the first one that has columns of known names, or the first one.
    sheet: Option<String>,
}

/// Look at a file before importing it
///
/// What the file is, its columns, its first rows, and which column is probably for which parameter of an import, by the columns'
/// names in Chinese or English. Titles above the header are passed over. Nothing is written.
#[utoipa::path(
    post, path = "/v1/imports/columns", tag = "bulk", params(LookParams),
    request_body(content(
        (String = "text/csv"), (String = "text/tab-separated-values"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "application/gzip"), (String = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "What the file seems to be.", body = Look),
        (status = 422, description = "The file cannot be read, or has no rows.", body = ProblemDocument),
    )
)]
pub(super) async fn columns(
    State(_): State<AppState>,
    Authority(_): Authority,
    Query(params, ..): Query<LookParams>,
    request: Request,
) -> Result<Json<Look>, Problem> {
    require_file(request.headers())?;
    let encoding = params.encoding.map(|name| Format::encoding(&name)).transpose();
    let encoding = encoding.map_err(|error: ImportError| Problem::from(error))?;
    let format = Format { encoding, sheet: params.sheet, ..Format::default() };
    let source = upload::reader(request.into_body());
    let looking = tokio::task::spawn_blocking(move || look(source, &format));
    let seen = looking.await.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Json(seen?))
}
