//! How responses are written, with the positions and versions that they carry.

use axum::Json;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Page;
use crate::app::CommandAnswer;
use crate::eventstore::Position;
use crate::problem::Problem;
use crate::projections::AsOf;

pub(super) const POSITION: HeaderName = HeaderName::from_static("waymark-position");

/// The response to an accepted command. A retry with the same `Idempotency-Key` gets the same response.
#[derive(Debug, Clone, Serialize)]
pub struct Accepted {
    /// The position of the last event in the tenant's log; pass it as `min_position` to read your own write.
    pub position: Position,
    /// The version after the command, for `If-Match`. Also the `ETag`.
    pub version: u64,
    /// The recorded events.
    pub events: Vec<EventRef>,
    /// Fields of what was made, such as the `id` of a new customer: those of `described::Accepted`.
    #[serde(flatten)]
    pub resource: Map<String, Value>,
    #[serde(skip)]
    status: u16,
}

impl utoipa::PartialSchema for Accepted {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        <described::Accepted as utoipa::PartialSchema>::schema()
    }
}

impl ToSchema for Accepted {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        described::Accepted::schemas(schemas);
    }
}

/// What a registration is answered with.
#[derive(Debug, Clone, Copy)]
pub struct Registered;

impl utoipa::PartialSchema for Registered {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        <described::Registered as utoipa::PartialSchema>::schema()
    }
}

impl ToSchema for Registered {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        described::Registered::schemas(schemas);
    }
}

/// The answers to commands as the OpenAPI document describes them: what the write path adds to a [`super::Accepted`]
/// has its names here.
mod described {
    #![expect(dead_code, reason = "these are descriptions only: the write path makes the fields")]

    use chrono::{DateTime, Utc};
    use utoipa::ToSchema;
    use uuid::Uuid;

    use super::EventRef;
    use crate::problem::document::ViolationDocument;

    /// The response to an accepted command. A retry with the same `Idempotency-Key` gets the same response.
    #[derive(ToSchema)]
    #[schema(example = json!({
        "position": 42, "version": 3,
        "events": [{"id": "01930000-0000-7000-8000-000000000000", "type": "customer.moved", "position": 42}]
    }))]
    pub(super) struct Accepted {
        /// The position of the last event in the tenant's log; pass it as `min_position` to read your own write.
        #[schema(example = 42)]
        position: u64,
        /// The version after the command, for `If-Match`. Also the `ETag`.
        #[schema(example = 3)]
        version: u64,
        /// The recorded events.
        events: Vec<EventRef>,
        /// The id of the customer, deputy arrangement or legal hold that was created or found.
        id: Option<Uuid>,
        /// The key of the pipeline, team, custom field or calendar that was saved.
        key: Option<String>,
        /// The approval request that was created instead of the transition.
        approval: Option<PendingApproval>,
        /// For a reactivation: the reason code with which the customer had been lost; null if there was none.
        previous_reason: Option<String>,
        /// For a change of the signing key: the id of the new key.
        #[schema(value_type = String, required = false)]
        key_id: Option<String>,
        /// For a change of the signing key: the new public key, in the form `name+id+key` of C2SP signed-note.
        #[schema(value_type = String, required = false)]
        vkey: Option<String>,
        /// For a new pipeline version: the number of customers affected.
        customers: Option<u64>,
        /// For a new pipeline version: what is permitted but not recommended.
        #[schema(value_type = Vec<ViolationDocument>, required = false)]
        warnings: Option<Vec<ViolationDocument>>,
        /// For a pipeline version of a team: the id of its pilot, for `GET /v1/pilots/{id}`.
        #[schema(value_type = String, required = false, example = "sales@2")]
        pilot: Option<String>,
        /// For a pipeline version: true where the definition says what the present version says, so that none was made.
        #[schema(value_type = bool, required = false)]
        unchanged: Option<bool>,
    }

    /// The response to a registration. A retry with the same `Idempotency-Key` gets the same response.
    #[derive(ToSchema)]
    #[schema(example = json!({
        "id": "01930000-0000-7000-8000-000000000000", "position": 42, "version": 1,
        "events": [{"id": "01930000-0000-7000-8000-000000000000", "type": "customer.registered", "position": 42}]
    }))]
    pub(super) struct Registered {
        /// The new customer's id.
        id: Uuid,
        /// The position of the last event in the tenant's log; pass it as `min_position` to read your own write.
        #[schema(example = 42)]
        position: u64,
        /// The customer's version, for `If-Match`. Also the `ETag`.
        #[schema(example = 1)]
        version: u64,
        /// The recorded events.
        events: Vec<EventRef>,
    }

    /// An approval request.
    #[derive(ToSchema)]
    struct PendingApproval {
        /// The id, for `POST /v1/approvals/{id}/decisions`.
        id: Uuid,
        /// The status: waiting for a decision.
        #[schema(example = "requested")]
        status: String,
        /// When it expires unless it is decided before.
        expires_at: DateTime<Utc>,
    }
}

/// An event recorded by a command.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventRef {
    /// The event id, which a correction refers to.
    pub id: Uuid,
    /// Its type.
    #[schema(example = "customer.moved")]
    pub r#type: String,
    /// Its position in the tenant's log.
    #[schema(example = 42)]
    pub position: Position,
}

impl Accepted {
    /// 200, or 201 where something was made.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK)
    }
}

/// What a command recorded, beside what its answer tells of what was made or changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recorded {
    /// The position of the last event in the tenant's log; pass it as `min_position` to read your own write.
    #[schema(example = 42)]
    position: Position,
    /// The recorded events.
    events: Vec<EventRef>,
}

impl From<&CommandAnswer> for Recorded {
    fn from(answer: &CommandAnswer) -> Self {
        Self { position: answer.position, events: EventRef::of(answer) }
    }
}

impl EventRef {
    /// The events of an answer.
    #[must_use]
    pub fn of(answer: &CommandAnswer) -> Vec<Self> {
        let events = answer.events.iter();
        events
            .map(|event| Self { id: event.id, r#type: event.event_type.clone(), position: event.position })
            .collect()
    }
}

impl From<CommandAnswer> for Accepted {
    fn from(answer: CommandAnswer) -> Self {
        Self {
            position: answer.position,
            version: answer.version,
            events: EventRef::of(&answer),
            resource: answer.resource,
            status: answer.status,
        }
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        set_position(&mut headers, self.position);
        set_version(&mut headers, self.version);
        (self.status(), headers, Json(self)).into_response()
    }
}

/// What was read from a read model, with the position that it had reached.
#[derive(Debug)]
pub struct AsOfResponse<T> {
    /// The position.
    pub position: Position,
    /// The body.
    pub body: T,
}

impl<T: Serialize> IntoResponse for AsOfResponse<T> {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        set_position(&mut headers, self.position);
        (headers, Json(self.body)).into_response()
    }
}

/// What was read of one customer, with the version that `If-Match` takes.
#[derive(Debug)]
pub struct Versioned<T> {
    /// The version.
    pub version: u64,
    /// The body.
    pub body: T,
}

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        set_version(response.headers_mut(), self.version);
        response
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page of a list that is at hand as a whole, in the order of what `key` says of each: no two say the same.
    ///
    /// # Errors
    /// 422 when the page is larger than a page can be.
    pub fn paged(mut items: Vec<T>, page: &Page, key: impl Fn(&T) -> String) -> Result<Self, Problem> {
        let limit = page.limit()? as usize;
        items.sort_by_cached_key(&key);
        if let Some(cursor) = page.cursor() {
            items.drain(..items.partition_point(|item| key(item).as_str() <= cursor));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(&key);
        Ok(Self { items, next_cursor })
    }
}

/// A page of a list of a moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListThen<T> {
    /// The page.
    #[serde(flatten)]
    pub list: List<T>,
    /// The business instant asked about: now when none was named.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about: now when none was named.
    pub known_at: DateTime<Utc>,
}

impl<T> ListThen<T> {
    /// The page, with the two times that it is of.
    pub fn of(list: List<T>, at: &AsOf) -> Self {
        Self { list, effective_at: at.effective_at, known_at: at.known_at }
    }
}

/// What orders things by age, and by their ids where they are of one age.
#[must_use]
pub fn aged(created_at: DateTime<Utc>, id: Uuid) -> String {
    format!("{:020}.{id}", created_at.timestamp_micros())
}

fn set_position(headers: &mut HeaderMap, position: Position) {
    headers.insert(POSITION, HeaderValue::from(position));
}

fn set_version(headers: &mut HeaderMap, version: u64) {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        headers.insert(header::ETAG, tag);
    }
}
