//! The JSON Schemas of events.

use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::domain::catalogue::event_types;
use crate::domain::event_schema::event_schema;
use crate::http::answer::List;
use crate::http::{Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::known;

/// The schema of a type of event in a version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EventSchema {
    /// The event type.
    #[schema(example = "customer.moved")]
    r#type: String,
    /// The version, as `typeversion` of an event.
    #[schema(example = 3)]
    version: u32,
    /// Whether events are recorded in this version now. Those of other versions were recorded before, and stay as they are.
    current: bool,
    /// The JSON Schema (2020-12) of the whole document that `GET /v1/events` gives.
    #[schema(value_type = Object)]
    schema: Value,
}

/// Which schemas.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListSchemasParams {
    /// Only these types, separated by commas.
    #[param(example = "customer.moved,customer.reactivated")]
    r#type: Option<String>,
}

/// Which version.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SchemaParams {
    /// The version, as `typeversion` of an event; the current one by default.
    #[param(minimum = 1)]
    version: Option<u32>,
}

/// List the JSON Schemas of events
///
/// One for each event type and each version of it that was ever recorded, because events are given as they were recorded. Values
/// about a person are in one of three forms: `$personal` in clear for callers who may read it, `$sealed` for others, `$erased`
/// once the person was erased. A customer that the caller cannot see is named as null.
#[utoipa::path(
    get, path = "/v1/event-schemas", tag = "log",
    params(ListSchemasParams, Page),
    responses((status = 200, description = "The schemas, by type and version.", body = List<EventSchema>))
)]
pub(super) async fn list(
    Query(params, page, ..): Query<ListSchemasParams, Page>,
) -> Result<Json<List<EventSchema>>, Problem> {
    let wanted = known::types(params.r#type.as_deref())?;
    let types =
        event_types().filter(|known| wanted.is_empty() || wanted.iter().any(|name| name == known.name));
    let each = types.flat_map(|known| {
        (1..=known.version).filter_map(|version| {
            let schema = event_schema(known.name, version)?;
            Some(EventSchema {
                r#type: known.name.to_owned(),
                version,
                current: version == known.version,
                schema,
            })
        })
    });
    Ok(Json(List::paged(each.collect(), &page, |one| format!("{}/{:010}", one.r#type, one.version))?))
}

/// Get the JSON Schema of an event
#[utoipa::path(
    get, path = "/v1/event-schemas/{type}", tag = "log",
    params(("type" = String, Path, description = "The event type."), SchemaParams),
    responses(
        (status = 200, description = "The JSON Schema (2020-12).", body = Object, content_type = "application/schema+json"),
        (status = 404, description = "There is no such type, or no such version of it.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    Key(name): Key,
    Query(params, ..): Query<SchemaParams>,
) -> Result<impl IntoResponse, Problem> {
    let known = event_types().find(|known| known.name == name);
    let version = params.version.or(known.map(|known| known.version)).unwrap_or(1);
    let schema = event_schema(&name, version)
        .ok_or_else(|| Problem::not_found("event type", &format!("{name} {version}")))?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], schema.to_string()))
}
