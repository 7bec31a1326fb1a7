//! Consumers: programs that follow the log under a name, and go on where they stopped.

mod acknowledge;
mod follow;
mod manage;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::events::list::require_reached;
use crate::app::{Caller, CommandAnswer};
use crate::domain::Label;
use crate::eventstore::Position;
use crate::http::Instant;
use crate::http::answer::{EventRef, List};
use crate::outbound::{ConsumerState, Lag};
use crate::problem::Problem;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(manage::create, manage::list))
        .routes(routes!(manage::get, manage::remove))
        .routes(routes!(manage::reset))
        .routes(routes!(follow::events))
        .routes(routes!(acknowledge::acknowledge))
}

/// Where a consumer begins: give one of the two.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(as = ConsumerStart, example = json!({"position": 0}))]
pub(super) struct Start {
    /// After this position of the log: 0 for everything, the present end for what is recorded from now on.
    position: Option<Position>,
    /// With the first event that was recorded at this instant or later.
    #[schema(value_type = Option<DateTime<Utc>>)]
    instant: Option<Instant>,
}

impl Start {
    /// The position that a consumer begins after.
    ///
    /// # Errors
    /// 422 when both or neither is given, or the log does not go as far.
    async fn resolved(self, state: &AppState, caller: &Caller) -> Result<Position, Problem> {
        let store = &state.app.store;
        match (self.position, self.instant) {
            (Some(position), None) => {
                require_reached("start.position", position, store.head(caller.tenant).await?.position)?;
                Ok(position)
            }
            (None, Some(Instant(instant))) if instant <= (state.app.clock)() => {
                // Instants of the log are whole microseconds.
                Ok(store.position_at(caller.tenant, instant - TimeDelta::microseconds(1)).await?)
            }
            (None, Some(_)) => {
                let message = Label::new("不能在未来。", "Must not be in the future.");
                Err(Problem::invalid_value("start.instant", message))
            }
            (Some(_), Some(_)) | (None, None) => {
                let message = Label::new(
                    "请提供 position 或 instant，二者只能取其一。",
                    "Give either position or instant.",
                );
                Err(Problem::invalid_value("start", message))
            }
        }
    }
}

/// A consumer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Consumer)]
pub(super) struct ConsumerReply {
    /// Its name.
    #[schema(example = "warehouse")]
    name: String,
    /// The event types it gets; all if empty.
    types: Vec<String>,
    /// Up to where it has acknowledged the log, or after which it began: the next events are those after it.
    #[schema(example = 42)]
    position: Position,
    /// When it acknowledged last; null if it has not since it began.
    acknowledged_at: Option<DateTime<Utc>>,
    /// How many events were recorded after its position, of whatever type. It is 0 once the end of the log is acknowledged.
    #[schema(example = 3)]
    lag_events: u64,
    /// How long ago the first event after its position that is of one of its types was recorded, in seconds; 0 if there is
    /// none.
    #[schema(example = 12)]
    lag_seconds: u64,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// Who created it. This actor alone gets events by it.
    #[schema(example = "analyst:erp")]
    created_by: String,
}

/// A consumer that was created, or begins again.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BegunConsumer)]
pub(super) struct BegunReply {
    /// The consumer.
    #[serde(flatten)]
    consumer: ConsumerReply,
    /// The recorded events.
    events: Vec<EventRef>,
}

impl BegunReply {
    async fn of(
        state: &AppState,
        caller: &Caller,
        (consumer, told): (ConsumerState, CommandAnswer),
    ) -> Result<Self, Problem> {
        Ok(Self { consumer: ConsumerReply::of(state, caller, consumer).await?, events: EventRef::of(&told) })
    }
}

impl ConsumerReply {
    async fn of(state: &AppState, caller: &Caller, consumer: ConsumerState) -> Result<Self, Problem> {
        let lags = state.outbound.consumers().lags(caller.tenant, std::slice::from_ref(&consumer)).await?;
        Ok(Self::told(consumer, lags.first().copied().unwrap_or_default()))
    }

    /// Those of a page, for whom the end of the log is read once.
    async fn of_page(
        state: &AppState,
        caller: &Caller,
        page: List<ConsumerState>,
    ) -> Result<List<Self>, Problem> {
        let lags = state.outbound.consumers().lags(caller.tenant, &page.items).await?;
        let items = page.items.into_iter().zip(lags).map(|(consumer, lag)| Self::told(consumer, lag));
        Ok(List { items: items.collect(), next_cursor: page.next_cursor })
    }

    fn told(consumer: ConsumerState, lag: Lag) -> Self {
        let ConsumerState { rights, position, acknowledged_at } = consumer;
        let made = rights.consumer;
        Self {
            name: made.name,
            types: made.types,
            position,
            acknowledged_at,
            lag_events: lag.events,
            lag_seconds: lag.seconds,
            created_at: rights.created_at,
            created_by: made.actor,
        }
    }
}

/// The consumer of that name, if the caller follows by it.
///
/// # Errors
/// 404 where the caller sees none, 403 where it is somebody else's.
async fn own(state: &AppState, caller: &Caller, name: &str) -> Result<ConsumerState, Problem> {
    let found = state.outbound.consumers().named(caller, name).await?;
    if found.is_of(caller) { Ok(found) } else { Err(not_own(&found)) }
}

/// The consumer of that name, if the caller may make it begin again, or end it.
///
/// # Errors
/// 404 where the caller sees none, 403 where it is somebody else's and the caller no administrator.
async fn managed(state: &AppState, caller: &Caller, name: &str) -> Result<ConsumerState, Problem> {
    let found = state.outbound.consumers().named(caller, name).await?;
    if found.is_managed_by(caller) { Ok(found) } else { Err(not_own(&found)) }
}

fn not_own(consumer: &ConsumerState) -> Problem {
    let made = &consumer.rights.consumer;
    Problem::not_own_consumer(&made.name, &made.actor)
}
