//! Listing the templates.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Pipeline;
use crate::domain::pipeline::templates;
use crate::http::answer::List;

/// A pipeline to begin with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TemplateReply {
    /// Names the template: what `POST /v1/pipelines` takes.
    #[schema(example = "landian-6")]
    key: &'static str,
    /// The definition, in Chinese and English.
    #[schema(value_type = Object)]
    definition: &'static Pipeline,
}

/// List the templates
#[utoipa::path(
    get, path = "/v1/templates", tag = "pipelines",
    responses((status = 200, description = "Every template.", body = List<TemplateReply>))
)]
pub(super) async fn list() -> Json<List<TemplateReply>> {
    let items = templates().iter();
    let items = items.map(|template| TemplateReply { key: template.key, definition: &template.pipeline });
    Json(List::whole(items.collect()))
}
