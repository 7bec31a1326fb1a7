//! The JSON Schema of pipeline definitions.

use axum::Json;
use serde_json::Value;

use crate::domain::pipeline::schema;
use crate::http::Query;
use crate::http::query::Nothing;

/// Get the JSON Schema of pipeline definitions
///
/// Draft 2020-12. It validates the structure; semantic checks, such as whether every stage is reachable, are made on
/// publication and by `waymark pipeline lint`.
#[utoipa::path(
    get, path = "/v1/pipeline-schema", tag = "pipelines",
    responses((status = 200, description = "The schema.", body = Object))
)]
pub(super) async fn read(_: Query<Nothing>) -> Json<&'static Value> {
    Json(schema())
}
