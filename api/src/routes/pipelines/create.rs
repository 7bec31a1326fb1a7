//! Creating a pipeline.

use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::pipeline::templates;
use crate::domain::{Label, Language, Pipeline};
use crate::http::Command;
use crate::http::answer::Accepted;
use crate::http::language::RequestedLanguage;
use crate::problem::Problem;
use crate::problem::document::{ProblemDocument, ViolationDocument};
use crate::routes::AppState;

/// A new pipeline, from a template or a definition.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"key": "landian-6", "template": "landian-6"}))]
pub(super) struct NewPipeline {
    /// The pipeline's key, unique within the tenant.
    key: String,
    /// The template to use.
    template: Option<String>,
    /// The definition, if no template is used; in the form shown by `GET /v1/templates`.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
}

impl NewPipeline {
    fn pipeline(&self) -> Result<Pipeline, Problem> {
        if !self.key.chars().all(|sign| sign.is_alphanumeric() || "-_.".contains(sign)) {
            let message = Label::new(
                "只能使用字母、数字和 - _ .，因为它会出现在路径中。",
                "Only letters, digits and - _ . are allowed, because it is used in paths.",
            );
            return Err(Problem::invalid_value("key", message));
        }
        match (&self.template, &self.definition) {
            (Some(template), None) => from_template(&self.key, template),
            (None, Some(definition)) => Ok(Pipeline::parse(&self.key, 1, definition)?),
            (None, None) => Err(Problem::missing_field("template")),
            (Some(_), Some(_)) => {
                let message = Label::new(
                    "template 与 definition 只能给出一个。",
                    "Specify either template or definition, not both.",
                );
                Err(Problem::invalid_value("definition", message))
            }
        }
    }
}

/// Goes through the same checks as a definition, so that the key is checked as well.
fn from_template(key: &str, template: &str) -> Result<Pipeline, Problem> {
    let found = templates().iter().find(|known| known.key == template).ok_or_else(|| {
        let known = templates().iter().map(|template| template.key).collect::<Vec<_>>().join(", ");
        let message = Label::new(format!("可用模板：{known}。"), format!("Available templates: {known}."));
        Problem::invalid_value("template", message)
    })?;
    let definition =
        serde_json::to_value(found.install(key)).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Pipeline::parse(key, 1, &definition)?)
}

/// What is permitted but unwise in the definition.
fn warnings(pipeline: &Pipeline, language: Language) -> Vec<ViolationDocument> {
    let warnings = pipeline.warnings();
    warnings.iter().map(|warning| ViolationDocument::of(warning, language)).collect()
}

/// Create a pipeline
///
/// Creates version 1 from a template or a definition. `warnings` in the response lists what is permitted but not
/// recommended.
#[utoipa::path(
    post, path = "/v1/pipelines", tag = "pipelines", request_body = NewPipeline,
    responses(
        (status = 201, description = "Created.", body = Accepted),
        (status = 409, description = "A pipeline with this key exists.", body = ProblemDocument),
        (status = 422, description = "The definition is invalid; `violations` lists every reason.", body = ProblemDocument),
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    command: Command<NewPipeline>,
) -> Result<Accepted, Problem> {
    let pipeline = command.body.pipeline()?;
    let warnings = serde_json::to_value(warnings(&pipeline, language)).unwrap_or_default();
    let mut accepted: Accepted = state.app.publish_pipeline(&caller, &command.meta, pipeline).await?.into();
    accepted.resource.insert("warnings".to_owned(), warnings);
    Ok(accepted)
}
