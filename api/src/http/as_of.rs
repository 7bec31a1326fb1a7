//! Bitemporal as-of parameters, and read-your-writes consistency.

use std::time::Duration;

use axum::http::Uri;
use chrono::DateTime;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Instant;
use super::query::{LONGEST_WAIT_MS, check_wait};
use crate::app::{App, Caller};
use crate::domain::Label;
use crate::eventstore::{Position, TenantId};
use crate::problem::Problem;
use crate::projections::AsOf;
use crate::routes::AppState;

/// How long a read waits for its read model unless told otherwise.
const USUAL_WAIT: Duration = Duration::from_secs(2);

/// How fresh the read model must be.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyParams {
    /// Wait until the read model has reached this position: the `position` in the response to a command.
    min_position: Option<Position>,
    /// How long to wait, in milliseconds: 2000 by default, 60000 at most.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// The two times of a query (bitemporal as-of): effective time and recording time.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AsOfParams {
    /// The effective (business) time of the query; now when absent.
    effective_at: Option<Instant>,
    /// Use only what was recorded by this instant; everything when absent.
    known_at: Option<Instant>,
    /// Use only what was recorded up to this position, instead of `known_at`.
    known_position: Option<Position>,
    /// Wait until the read model has reached this position: the `position` in the response to a command.
    min_position: Option<Position>,
    /// How long to wait, in milliseconds: 2000 by default, 60000 at most.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// How fresh a request wants the read models, as its address says before it is read strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    min_position: Option<Position>,
    /// None where it is refused as soon as it is read.
    wait: Option<Duration>,
}

impl Freshness {
    /// What the address says.
    #[must_use]
    pub fn named_by(uri: &Uri) -> Self {
        let value = |wanted| {
            let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
        };
        let wait = value("wait_ms").map_or(Some(USUAL_WAIT), |text| {
            let wait = text.parse().ok().filter(|wait| *wait <= LONGEST_WAIT_MS);
            wait.map(Duration::from_millis)
        });
        Self { min_position: value("min_position").and_then(|text| text.parse().ok()), wait }
    }

    /// The position that is waited for and how long, where one is named as it must be.
    pub(super) fn awaited(self) -> Option<(Position, Duration)> {
        self.min_position.zip(self.wait)
    }

    /// Waits for the position in every read model, if one is named: reports look at all of them.
    ///
    /// # Errors
    /// 503 with the position reached when that takes too long.
    pub async fn wait(self, app: &App, tenant: TenantId) -> Result<(), Problem> {
        let Some((position, wait)) = self.awaited() else { return Ok(()) };
        for model in app.projections.names() {
            app.projections.wait_for(tenant, model, position, wait).await?;
        }
        Ok(())
    }
}

impl ConsistencyParams {
    /// Waits for a read model.
    ///
    /// # Errors
    /// 503 with the position reached when that takes too long.
    pub async fn wait(&self, state: &AppState, caller: &Caller, projection: &str) -> Result<(), Problem> {
        check_wait(self.wait_ms)?;
        let Some(position) = self.min_position else {
            return Ok(state.app.projections.await_own_writes(caller.tenant, projection).await?);
        };
        let wait = self.wait_ms.map_or(USUAL_WAIT, Duration::from_millis);
        state.app.projections.wait_for(caller.tenant, projection, position, wait).await?;
        Ok(())
    }
}

impl ConsistencyParams {
    /// Makes sure that what is defined now is known, by whatever process: for what stands in no read model.
    ///
    /// # Errors
    /// 503 when a position was named that is not reached in time.
    pub async fn defined(&self, state: &AppState, caller: &Caller) -> Result<(), Problem> {
        if self.min_position.is_some() {
            self.wait(state, caller, "board").await?;
        }
        Ok(state.app.refresh_definitions(caller.tenant).await?)
    }
}

impl AsOfParams {
    /// One of several moments that a question names.
    #[must_use]
    pub fn moment(
        effective_at: Option<Instant>,
        known_at: Option<Instant>,
        known_position: Option<Position>,
    ) -> Self {
        Self { effective_at, known_at, known_position, ..Self::default() }
    }

    /// Whether the present is asked about, with all that is known.
    #[must_use]
    pub fn is_now(&self) -> bool {
        self.effective_at.is_none() && self.known_at.is_none() && self.known_position.is_none()
    }

    /// Waits for a read model: for the position that is named, and for all that the answer has to know.
    ///
    /// # Errors
    /// 422 when the state of knowledge is named in both ways or lies ahead of the log; 503 with the position reached when it
    /// takes too long.
    pub async fn wait(&self, state: &AppState, caller: &Caller, projection: &str) -> Result<(), Problem> {
        let min_position = self.min_position.max(self.known(state, caller).await?);
        ConsistencyParams { min_position, wait_ms: self.wait_ms }.wait(state, caller, projection).await
    }

    /// The last position that counts as known; none for all there is.
    async fn known(&self, state: &AppState, caller: &Caller) -> Result<Option<Position>, Problem> {
        let store = &state.app.store;
        match (self.known_at, self.known_position) {
            (None, None) => Ok(None),
            (Some(known_at), None) => Ok(Some(store.position_at(caller.tenant, known_at.0).await?)),
            (None, Some(position)) if position > store.head(caller.tenant).await?.position => {
                let message = Label::new(
                    "事件日志尚未到达该序号。",
                    "The event log has not reached this position yet.",
                );
                Err(Problem::invalid_value("known_position", message))
            }
            (None, Some(position)) => Ok(Some(position)),
            (Some(_), Some(_)) => {
                let message = Label::new(
                    "known_at 与 known_position 只能给出一个。",
                    "Specify either known_at or known_position, not both.",
                );
                Err(Problem::invalid_value("known_position", message))
            }
        }
    }

    /// The two times as the read models take them, once the read model is fresh enough.
    ///
    /// # Errors
    /// 422 when the state of knowledge is named in both ways or lies ahead of the log; 503 when the read model is behind.
    pub async fn at(&self, state: &AppState, caller: &Caller, projection: &str) -> Result<AsOf, Problem> {
        self.wait(state, caller, projection).await?;
        let now = (state.app.clock)();
        let effective_at = self.effective_at.map_or(now, |instant| instant.0);
        let known_position = self.known(state, caller).await?;
        let known_at = match (self.known_at, known_position) {
            (Some(known_at), _) => known_at.0,
            (None, None) => now,
            // Nothing was known before the first event.
            (None, Some(0)) => DateTime::UNIX_EPOCH,
            (None, Some(position)) => {
                let entries = state.app.store.read(caller.tenant, position - 1, 1).await?;
                entries.first().map_or(now, |entry| entry.recorded_at)
            }
        };
        Ok(AsOf { effective_at, known_at, known_position })
    }
}
