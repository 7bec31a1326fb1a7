//! The tables of this read model.

use uuid::Uuid;

use crate::storage::columns::table;
use crate::storage::table::Table;

/// The name of the read model.
pub const NAME: &str = "work";

table! {
    /// What work lists look at of each customer.
    CUSTOMERS = "work_customer", Upsert, WorkCustomerRow {
        key { customer: Uuid }
        columns {
            owner_kind: String,
            owner_id: String,
            tier: Option<String>,
            region: Option<String>,
            next_at: Option<i64>,
            touched_at: Option<i64>,
            last_activity_at: Option<i64>,
            created_at: i64,
            closed: bool,
            journey: String,
            stage: Option<String>,
            entered_at: Option<i64>,
            went_back: bool,
        }
    }
}

table! {
    /// The stage that each journey of a customer is in.
    STANDINGS = "work_standing", Upsert, StandingRow {
        key { customer: Uuid, journey: String }
        columns {
            stage: String,
            entered_at: i64,
            went_back: bool,
        }
    }
}

table! {
    /// When rules are due.
    DEADLINES = "work_deadline", Insert, DeadlineRow {
        key { customer: Uuid, rule: String, cause: Uuid }
        columns {
            journey: String,
            due_at: i64,
        }
    }
}

table! {
    /// What rules did, or were refused.
    RUN = "work_run", Insert, RunRow {
        key { journey: String, rule: String, position: u64 }
        columns {
            customer: Option<Uuid>,
            cause: Uuid,
            due_at: i64,
            skipped: Option<String>,
        }
    }
}

table! {
    /// Tasks about customers.
    TASKS = "work_task", Upsert, TaskRow {
        key { task: Uuid }
        columns {
            customer: Uuid,
            name: String,
            title_zh: String,
            title_en: String,
            role: String,
            due_at: i64,
            rule: String,
            cause: Uuid,
            journey: String,
            stage: String,
            process: Option<String>,
            state: String,
        }
    }
}

table! {
    /// Reminders, as they were sent.
    REMINDERS = "work_reminder", Insert, ReminderRow {
        key { position: u64, n: u32 }
        columns {
            reminder: Uuid,
            customer: Option<Uuid>,
            journey: String,
            owner_kind: Option<String>,
            owner_id: Option<String>,
            role: String,
            text_zh: String,
            text_en: String,
            channels: String,
            rule: String,
            cause: Uuid,
            at: i64,
        }
    }
}

table! {
    /// What people hear of customers.
    MESSAGES = "work_message", Insert, MessageRow {
        key { position: u64, n: u32 }
        columns {
            message: Uuid,
            kind: String,
            customer: Option<Uuid>,
            journey: String,
            actor: String,
            owner_kind: Option<String>,
            owner_id: Option<String>,
            role: String,
            stage_from: Option<String>,
            stage_to: Option<String>,
            sub_status: Option<String>,
            reason: Option<String>,
            text_zh: Option<String>,
            text_en: Option<String>,
            at: i64,
        }
    }
}

pub(super) static TABLES: &[&Table] =
    &[&CUSTOMERS, &STANDINGS, &DEADLINES, &RUN, &TASKS, &REMINDERS, &MESSAGES];
