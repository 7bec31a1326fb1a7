//! **work**: what is to be done about whom. Deadlines of rules, tasks, reminders, and who waits for what.
//!
//! Deadlines are a hint for whoever carries rules out: each customer's agenda as its history and the published
//! definitions tell it, under every version that is in force for anybody or will be. Whether a rule acts is decided on
//! the customer's history when the time has come, so a row too many costs a look and a row too few cannot be, because
//! every event of the customer and every publication writes its rows anew.

mod definitions;
mod fold;
mod report;

use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;
use waymark_domain::customer::Customer;

use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::models::read_model::{Memory, ReadModel, Scope, Writes};
use crate::storage::table::{Table, WriteMode};

use definitions::Definitions;
pub use report::{
    ContactFilter, DueRule, ReminderFilter, ReminderReport, RuleReport, SkipReport, StageAgeFilter,
    TaskFilter, TaskReport, WaitingReport, WorkCursor, WorkScope,
};
pub(crate) use report::{
    contacts, contacts_counted, due, due_in, name, names, next_due, reclaim_at, reminders, reminders_after,
    rules, skips, standing, standing_counted, tasks,
};

/// The name of the read model.
pub(crate) const NAME: &str = "work";

pub(crate) const DROP_DEADLINES: &str = include_str!("drop_deadlines.sql");
pub(crate) const DROP_STANDINGS: &str = include_str!("drop_standings.sql");
pub(crate) const IN_JOURNEY: &str = include_str!("in_journey.sql");
pub(crate) const DUE: &str = include_str!("due.sql");
pub(crate) const DUE_IN: &str = include_str!("due_in.sql");
pub(crate) const DUE_BY_RULE: &str = include_str!("due_by_rule.sql");
pub(crate) const NEXT_DUE: &str = include_str!("next_due.sql");
pub(crate) const RECLAIM_OF: &str = include_str!("reclaim_of.sql");
pub(crate) const ARMED: &str = include_str!("armed.sql");
pub(crate) const RUNS: &str = include_str!("runs.sql");
pub(crate) const SKIPS: &str = include_str!("skips.sql");
pub(crate) const TASKS_PAGE: &str = include_str!("tasks.sql");
pub(crate) const REMINDERS_PAGE: &str = include_str!("reminders.sql");
pub(crate) const REMINDERS_AFTER: &str = include_str!("reminders_after.sql");
pub(crate) const CONTACTS: &str = include_str!("contacts.sql");
pub(crate) const CONTACTS_COUNTED: &str = include_str!("contacts_counted.sql");
pub(crate) const STANDING: &str = include_str!("standing.sql");
pub(crate) const STANDING_COUNTED: &str = include_str!("standing_counted.sql");
pub(crate) const NAMES_AMONG: &str = include_str!("names_among.sql");

pub(crate) static CUSTOMERS: Table = Table {
    name: "work_customer",
    columns: &[
        "tenant_id",
        "generation",
        "customer",
        "owner_kind",
        "owner_id",
        "tier",
        "region",
        "next_at",
        "touched_at",
        "last_activity_at",
        "created_at",
        "closed",
    ],
    key: 3,
    mode: WriteMode::Upsert,
};

pub(crate) static STANDINGS: Table = Table {
    name: "work_standing",
    columns: &["tenant_id", "generation", "customer", "journey", "stage", "entered_at", "went_back"],
    key: 4,
    mode: WriteMode::Upsert,
};

pub(crate) static DEADLINES: Table = Table {
    name: "work_deadline",
    columns: &["tenant_id", "generation", "customer", "rule", "cause", "journey", "due_at"],
    key: 5,
    mode: WriteMode::Insert,
};

pub(crate) static RUN: Table = Table {
    name: "work_run",
    columns: &[
        "tenant_id",
        "generation",
        "journey",
        "rule",
        "position",
        "customer",
        "cause",
        "due_at",
        "skipped",
    ],
    key: 5,
    mode: WriteMode::Insert,
};

pub(crate) static TASKS: Table = Table {
    name: "work_task",
    columns: &[
        "tenant_id",
        "generation",
        "task",
        "customer",
        "name",
        "title_zh",
        "title_en",
        "role",
        "due_at",
        "rule",
        "cause",
        "journey",
        "stage",
        "process",
        "state",
    ],
    key: 3,
    mode: WriteMode::Upsert,
};

pub(crate) static REMINDERS: Table = Table {
    name: "work_reminder",
    columns: &[
        "tenant_id",
        "generation",
        "position",
        "n",
        "reminder",
        "customer",
        "journey",
        "owner_kind",
        "owner_id",
        "role",
        "text_zh",
        "text_en",
        "channels",
        "rule",
        "cause",
        "at",
    ],
    key: 4,
    mode: WriteMode::Insert,
};

static TABLES: &[&Table] = &[&CUSTOMERS, &STANDINGS, &DEADLINES, &RUN, &TASKS, &REMINDERS];

/// The read model.
pub(crate) struct Work;

/// How many folded customers are remembered: some kilobytes each.
const CUSTOMERS_KEPT: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(1_999);

/// What the fold remembers between pages.
pub(crate) struct Remembered {
    customers: LruCache<Uuid, Customer>,
    definitions: Definitions,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { customers: LruCache::new(CUSTOMERS_KEPT), definitions: Definitions::default() }
    }
}

#[async_trait]
impl ReadModel for Work {
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

    fn opens(&self, _event_type: &str) -> bool {
        false
    }

    async fn fold(
        &self,
        scope: &Scope<'_>,
        memory: &mut Memory,
        facts: &[Arc<DecodedEvent>],
    ) -> Result<Writes> {
        fold::fold(scope, &mut memory.work, facts).await
    }
}
