//! The event log for clients: pages and streams.

mod feed;
pub(super) mod list;
mod shared;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{AppState, known};
use crate::app::{AppError, Caller};
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::tags;
use crate::eventstore::{self, Position, QueryItem};
use crate::http::accept::accepts;
use crate::http::command::single;
use crate::http::{Query, page};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
pub use feed::Feeds;
use list::EventList;
use shared::Filter;
use stream::StreamRequest;

/// Where the log is read.
const PATH: &str = "/v1/events";

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Which events.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// Only events after this position, which is none beyond the end of the log.
    after: Option<Position>,
    /// The maximum number of events: 50 by default, 500 at most. Not for streams, which have no end.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Only these types, separated by commas.
    #[param(example = "customer.moved,customer.reactivated")]
    r#type: Option<String>,
    /// Only events of this customer.
    customer: Option<Uuid>,
}

impl EventParams {
    /// What is chosen, wherever it begins.
    ///
    /// # Errors
    /// 422 when no event has one of the types.
    fn filter(&self) -> Result<Filter, Problem> {
        let types = known::types(self.r#type.as_deref())?;
        Ok(Filter { types, tag: self.customer.map(tags::customer) })
    }
}

/// What is chosen, as a query of the log.
fn query_of(filter: &Filter) -> eventstore::Query {
    let Filter { types, tag } = filter.clone();
    eventstore::Query { items: vec![QueryItem { types, tags: tag.into_iter().collect() }] }
}

/// Read the event log
///
/// The entries as stored (CloudEvents 1.0), with personal fields decrypted for callers who may read them. For customers
/// in a pool, reps see contacts, channel ids and anything in a text that looks like either masked until the customer is
/// claimed; with `customer` the request counts as a view, like reading the customer. With `Accept: text/event-stream`
/// the entries are sent as server-sent events, from `after` or `Last-Event-ID` and then as they are recorded: `id` is
/// the position, and a comment every 15 seconds keeps the connection open. A stream ends within five seconds if its
/// credential is revoked, expires or loses its roles, and if the client reads more slowly than the log grows: then the
/// last event is `lagged`, and the client resumes with `Last-Event-ID`. Events of customers that the caller cannot see
/// are omitted: a page may have fewer items than requested before the end of the log, and the next one starts at
/// `next_after`.
#[utoipa::path(
    get, path = "/v1/events", tag = "log",
    params(
        EventParams,
        ("Last-Event-ID" = Option<Position>, Header, description = "Resumes a stream after this position."),
    ),
    responses(
        (status = 200, description = "A page of the event log, or the stream.", content(
            (EventList = "application/json"), (String = "text/event-stream"),
        ), headers(("Waymark-Position" = u64, description = "Where the log ended."))),
        (status = 409, description = "`view-quota-exhausted` with `available_at`.", body = ProblemDocument),
    )
)]
pub(super) async fn events(
    State(state): State<AppState>,
    Authority(caller): Authority,
    headers: HeaderMap,
    Query(params, ..): Query<EventParams>,
) -> Result<Response, Problem> {
    let limit = page::limit(params.limit)?;
    let filter = params.filter()?;
    let query = query_of(&filter);
    let resumed = last_event_id(&headers)?;
    if let Some(customer) = params.customer {
        count_view(&state, &caller, customer).await?;
    }
    if accepts(&headers, "text/event-stream") {
        let (field, after) = match resumed {
            Some(resumed) => ("Last-Event-ID", resumed),
            None => ("after", params.after.unwrap_or(0)),
        };
        list::require_reached(field, after, state.app.store.head(caller.tenant).await?.position)?;
        let standing = state.rechecks.follow(&headers, &caller, PATH);
        let asked = StreamRequest { caller, filter, query, after };
        return Ok(stream::stream(state, standing, asked));
    }
    Ok(list::list(&state, &caller, (&query, params.after.unwrap_or(0)), limit).await?.into_response())
}

/// Counts the reading of one customer's entries as a look at it, where it is in a pool that limits that.
async fn count_view(state: &AppState, caller: &Caller, customer: Uuid) -> Result<(), Problem> {
    let folded = match state.app.customer_state(caller, customer).await {
        Ok(folded) if folded.merged_into.is_some() => state.app.survivor(caller, customer).await?,
        Ok(folded) => folded,
        // Nothing of it will be shown.
        Err(AppError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if folded.pool().is_some() {
        state.app.count_view(caller, folded.id).await?;
    }
    Ok(())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    let Some(text) = single(headers, "Last-Event-ID")? else { return Ok(None) };
    // No position is beyond what every database can count to.
    let position = text.parse().ok().filter(|position| i64::try_from(*position).is_ok());
    position.map(Some).ok_or_else(|| {
        let expected = Label::new("应为一个序号，例如 42。", "Must be a position, such as 42.");
        Problem::malformed_header("Last-Event-ID", expected)
    })
}
