//! **timeline**: every event of a customer, with what corrections have made of it.
//!
//! The rows hold what orders and filters need, and what reports count. What people wrote is read from the log for the
//! page shown and opened there; all that an erasure takes away here is how long it was.

pub(crate) mod activities;
mod activity;
mod fold;
mod report;
mod row;
mod snapshot;
pub(crate) mod statements;
pub(crate) mod tables;

use crate::models::read_model::{Fold, ReadModel};
use crate::storage::table::Table;
pub(crate) use tables::NAME;
use tables::TABLES;

pub use report::{TimelineItem, TimelineQuery, TimelineReport, TimelineView};
pub use snapshot::TimelineSnapshot;

/// The read model.
pub(crate) struct Timeline;

impl ReadModel for Timeline {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        5
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

    fn new_fold(&self) -> Box<dyn Fold> {
        Box::new(fold::TimelineFold::default())
    }
}
