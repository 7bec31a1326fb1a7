//! **timeline**: every event of a customer, with what corrections have made of it.
//!
//! The rows hold what orders and filters need, and what reports count. What people wrote is read from the log for the
//! page shown and opened there; all that an erasure takes away here is how long it was.

pub(crate) mod activities;
mod activity;
mod fold;
mod report;
mod row;

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::models::read_model::{Memory, ReadModel, Scope, Writes};
use crate::storage::table::{Table, WriteMode};

pub(crate) use report::timeline;
pub use report::{TimelineItem, TimelineQuery, TimelineReport, TimelineView};

/// The name of the read model.
pub(crate) const NAME: &str = "timeline";

pub(crate) const KNOWN: &str = include_str!("known.sql");
pub(crate) const CLOSE: &str = include_str!("close.sql");
pub(crate) const ACTED: &str = include_str!("acted.sql");
pub(crate) const FORGET: &str = include_str!("forget.sql");

pub(crate) static ROWS: Table = Table {
    name: "timeline_row",
    columns: &[
        "tenant_id",
        "generation",
        "customer",
        "position",
        "known_from",
        "known_until",
        "event",
        "event_type",
        "effective_at",
        "recorded_at",
        "actor",
        "journey",
        "stage_from",
        "stage_to",
        "corrects",
        "now_at",
        "now_stage",
        "superseded_by",
        "voided",
        "other",
        "made_by",
        "deed",
        "whom",
        "about_stage",
        "about_at",
        "next_at",
        "chars",
        "overrides",
    ],
    key: 5,
    mode: WriteMode::Insert,
};

static TABLES: &[&Table] = &[&ROWS];

/// The read model.
pub(crate) struct Timeline;

#[async_trait]
impl ReadModel for Timeline {
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

    /// Only to count the characters of what was written.
    fn opens(&self, event_type: &str) -> bool {
        event_type == "customer.followed_up"
    }

    async fn fold(
        &self,
        scope: &Scope<'_>,
        memory: &mut Memory,
        facts: &[Arc<DecodedEvent>],
    ) -> Result<Writes> {
        fold::fold(scope, &mut memory.histories, facts).await
    }
}
