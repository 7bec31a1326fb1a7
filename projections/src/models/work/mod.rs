//! **work**: what must be done about whom. Deadlines of rules, tasks, reminders, and who waits for what.
//!
//! Deadlines are a hint for anyone who carries rules out: each customer's agenda as its history and the published
//! definitions tell it, under every version that is in force for anybody or will be. Whether a rule acts is decided on
//! the customer's history when the time has come, so a row too many costs a look and a row too few cannot be, because
//! every event of the customer and every publication writes its rows again.

pub(crate) mod definitions;
mod fold;
mod kept_standings;
mod message_id;
mod messages;
pub(crate) mod names;
mod news;
pub(crate) mod reclaim;
mod reminders;
mod rules;
mod scope;
mod snapshot;
pub(crate) mod standing_index;
mod standings;
pub(crate) mod statements;
pub(crate) mod tables;
mod tasks;
mod then;
mod waiting;

use crate::models::read_model::{Fold, ReadModel};
use crate::storage::table::Table;
pub use tables::NAME;
use tables::TABLES;

pub use kept_standings::StandingSnapshot;
pub use messages::{InboxFilter, Message};
pub use reclaim::remaining_seconds;
pub use reminders::{ReminderFilter, ReminderReport};
pub use rules::{DueRule, RuleReport, SkipReport};
pub use scope::{StageAgeFilter, WorkCursor, WorkScope};
pub use snapshot::WorkSnapshot;
pub use tasks::{TaskFilter, TaskReport};
pub use then::PipelinesThen;
#[cfg(test)]
pub(crate) use waiting::STANDING_COUNTED;
pub use waiting::{ContactFilter, WaitingReport, WorkPage};

/// The read model.
pub(crate) struct Work;

impl ReadModel for Work {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        9
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

    fn new_fold(&self) -> Box<dyn Fold> {
        Box::new(fold::WorkFold::default())
    }
}
