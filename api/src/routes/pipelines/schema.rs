//! The shape of a definition, for programs and editors.

use axum::Json;
use serde_json::Value;

use crate::domain::pipeline::schema;
use crate::http::Query;
use crate::http::query::Nothing;

/// Read the JSON Schema of a definition
///
/// Draft 2020-12. What it accepts has the right shape; whether every stage can be reached, and the like, is told by
/// publishing or by `waymark pipeline lint`.
#[utoipa::path(
    get, path = "/v1/pipeline-schema", tag = "pipelines",
    responses((status = 200, description = "The schema.", body = Object))
)]
pub(super) async fn read(_: Query<Nothing>) -> Json<&'static Value> {
    Json(schema())
}
