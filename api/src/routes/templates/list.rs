//! Listing the templates.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Pipeline;
use crate::domain::pipeline::templates;
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;

/// A pipeline template.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TemplateReply {
    /// The template's key, for `POST /v1/pipelines`.
    #[schema(example = "landian-6")]
    key: &'static str,
    /// The definition, in Chinese and English.
    #[schema(value_type = Object)]
    definition: &'static Pipeline,
}

/// List pipeline templates
#[utoipa::path(
    get, path = "/v1/templates", tag = "pipelines",
    params(Page),
    responses((status = 200, description = "Every template, by key.", body = List<TemplateReply>))
)]
pub(super) async fn list(Query(page, ..): Query<Page>) -> Result<Json<List<TemplateReply>>, Problem> {
    let items = templates().iter();
    let items = items.map(|template| TemplateReply { key: template.key, definition: &template.pipeline });
    Ok(Json(List::paged(items.collect(), &page, |template: &TemplateReply| template.key.to_owned())?))
}
