//! How answers are written: the positions and versions that every one of them carries.

use axum::Json;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::CommandAnswer;
use crate::eventstore::Position;

const POSITION: HeaderName = HeaderName::from_static("waymark-position");

/// What an accepted command is answered with. A repeat under the same `Idempotency-Key` gets the same again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Accepted {
    /// The position of the last event in the tenant's log: what a read waits for with `min_position`.
    #[schema(example = 42)]
    pub position: Position,
    /// The version after the command: what `If-Match` takes. Also the `ETag`.
    #[schema(example = 3)]
    pub version: u64,
    /// What was recorded.
    pub events: Vec<EventRef>,
    /// Fields of what was made, such as the `id` of a new customer.
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub resource: Map<String, Value>,
    #[serde(skip)]
    status: u16,
}

/// One event that a command recorded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventRef {
    /// The event's id: what a correction refers to.
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

impl From<CommandAnswer> for Accepted {
    fn from(answer: CommandAnswer) -> Self {
        let events = answer.events.into_iter().map(|event| EventRef {
            id: event.id,
            r#type: event.event_type,
            position: event.position,
        });
        Self {
            position: answer.position,
            version: answer.version,
            events: events.collect(),
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
pub struct Reading<T> {
    /// The position.
    pub position: Position,
    /// The body.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Reading<T> {
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
    /// Where the next page begins; null on the last page.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A list that has one page only.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

fn set_position(headers: &mut HeaderMap, position: Position) {
    headers.insert(POSITION, HeaderValue::from(position));
}

fn set_version(headers: &mut HeaderMap, version: u64) {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        headers.insert(header::ETAG, tag);
    }
}
