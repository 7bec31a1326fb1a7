//! **dwell**: every move of every journey with both times, and the figures made of them.
//!
//! The table holds moves rather than stays: a move in order adds one row and changes none, because where a stay
//! ends is told by the next move. Stays, flows, paths and the week's heat map for any pair of instants are folds
//! of the rows that were known then ([`crate::stats`]).

mod fold;
mod load;
mod moves;
mod occupants;
mod report;
mod stays;

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::models::read_model::{Memory, ReadModel, Scope, Writes};
use crate::storage::table::{Table, WriteMode};

pub(crate) use load::{JourneyCache, fetch, load};
pub(crate) use moves::{known_then, moves_of};
pub(crate) use occupants::occupants;
pub use report::dwell::{
    CalendarReport, Censored, Clock, CompletedSeconds, CurvePoint, DwellQuery, DwellReport, Exit,
    KaplanMeier, StageReport, Unit,
};
pub use report::flows::{ActorCount, DayCount, FlowsReport, Passage, Quantiles, StageCount, StagePair};
pub use report::heatmap::{HeatmapQuery, HeatmapReport};
pub use report::paths::{Ending, PathReport, PathsQuery, PathsReport};
pub(crate) use report::standing::standing;
pub use report::{Window, standing::StandingReport};
pub(crate) use report::{dwell::dwell, flows::flows, heatmap::heatmap, paths::paths};
pub(crate) use report::{in_order, kind_now};
pub(crate) use stays::stays;
pub use stays::{StayReport, StaysReport};

/// The name of the read model.
pub(crate) const NAME: &str = "dwell";

pub(crate) const TAIL: &str = include_str!("tail.sql");
pub(crate) const CLOSE: &str = include_str!("close.sql");
pub(crate) const ENDED_SINCE: &str = include_str!("ended_since.sql");
pub(crate) const KNOWN: &str = include_str!("known.sql");
pub(crate) const ENDS: &str = include_str!("ends.sql");
pub(crate) const ENDS_OF: &str = include_str!("ends_of.sql");
pub(crate) const JOURNEYS: &str = include_str!("journeys.sql");
pub(crate) const NEXT_JOURNEY: &str = include_str!("next_journey.sql");

pub(crate) static MOVES: Table = Table {
    name: "dwell_move",
    columns: &[
        "tenant_id",
        "generation",
        "journey",
        "customer",
        "effective_at",
        "position",
        "known_from",
        "known_until",
        "event",
        "stage",
        "sub_status",
        "cycle",
        "repeats",
        "actor",
        "version",
        "recorded_at",
        "made_by",
        "kind",
        "noted",
    ],
    key: 7,
    mode: WriteMode::Insert,
};

pub(crate) static END_ROWS: Table = Table {
    name: "dwell_end",
    columns: &["tenant_id", "generation", "customer", "position", "effective_at", "reason"],
    key: 4,
    mode: WriteMode::Insert,
};

static TABLES: &[&Table] = &[&MOVES, &END_ROWS];

/// The read model.
pub(crate) struct Dwell;

#[async_trait]
impl ReadModel for Dwell {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        3
    }

    fn schema(&self) -> &'static str {
        include_str!("schema.sql")
    }

    fn tables(&self) -> &'static [&'static Table] {
        TABLES
    }

    fn opens(&self, _event_type: &str) -> bool {
        false
    }

    async fn fold(
        &self,
        scope: &Scope<'_>,
        memory: &mut Memory,
        facts: &[Arc<DecodedEvent>],
    ) -> Result<Writes> {
        fold::fold(scope, memory, facts).await
    }
}
