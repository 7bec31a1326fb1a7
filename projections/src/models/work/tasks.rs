//! Tasks: what people must do about customers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::names;
use super::snapshot::WorkSnapshot;
use super::standings::sub_status_values;
use super::statements::TASKS_PAGE;
use crate::bilingual::BilingualText;
use crate::db::{Row, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::OwnerReport;
use crate::query::{AnyOf, visibility_binds};
use crate::stats::Micros;

/// Something to be done about a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskReport {
    /// Names the task.
    pub id: Uuid,
    /// The customer that it is about.
    pub customer_id: Uuid,
    /// What the customer is called; null where nobody said, or for the caller's eyes it is not.
    pub customer_name: Option<String>,
    /// Names what it is to programs.
    #[schema(example = "call_back")]
    pub task: String,
    /// What must be done.
    #[schema(value_type = BilingualText)]
    pub title: Label,
    /// Whose it is: `rep` is the owner.
    #[schema(example = "rep")]
    pub role: String,
    /// Whom the customer belongs to now.
    pub owner: OwnerReport,
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// `open`, `done` or `cancelled`.
    #[schema(example = "open")]
    pub state: String,
    /// Whether it is open beyond its time.
    pub overdue: bool,
    /// The rule that created it.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The stage in which it was created.
    pub stage: String,
    /// The process that it leads to; null where it begins none.
    pub process: Option<String>,
}

/// Which tasks are wanted.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Of customers of this rep.
    pub owner: Option<String>,
    /// Of this role.
    pub role: Option<String>,
    /// About this customer.
    pub customer: Option<Uuid>,
    /// In this state.
    pub state: Option<String>,
    /// Due at or after this instant.
    pub due_from: Option<DateTime<Utc>>,
    /// Due before this instant.
    pub due_until: Option<DateTime<Utc>>,
    /// Whose journey stands in one of these sub-statuses now.
    pub sub_status: Option<AnyOf>,
    /// Which customers are visible to the caller.
    pub visibility: Visibility,
}

impl WorkSnapshot {
    /// Tasks in the order in which they are due, after one of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tasks(
        &mut self,
        filter: &TaskFilter,
        after: Option<(DateTime<Utc>, Uuid)>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<(Vec<TaskReport>, Position)> {
        let snapshot = &mut self.0;
        let (at, task) = after.map_or((i64::MIN, Uuid::nil()), |(at, task)| (at.timestamp_micros(), task));
        let values = values![
            snapshot.tenant.0,
            snapshot.generation,
            at,
            task,
            filter.state.clone(),
            filter.role.clone(),
            filter.customer,
            filter.owner.clone(),
            micros(filter.due_from, i64::MIN),
            micros(filter.due_until, i64::MAX),
            limit,
        ];
        let standing = sub_status_values(snapshot, filter.sub_status.as_ref()).await?;
        let values = [&values[..], &visibility_binds(&filter.visibility), &standing].concat();
        let rows = snapshot.transaction.rows(TASKS_PAGE, &values).await?;
        let mut items = rows.iter().map(|row| task_of(row, now)).collect::<Result<Vec<_>>>()?;
        let position = snapshot.position;
        names::fill(snapshot, &mut items, |item| Some(item.customer_id), |item| &mut item.customer_name)
            .await?;
        Ok((items, position))
    }
}

fn task_of(row: &Row, now: DateTime<Utc>) -> Result<TaskReport> {
    let due_at = instant(row.int("due_at")?);
    let (state, closed) = (row.text("state")?, row.flag("closed")?);
    Ok(TaskReport {
        id: row.uuid("task")?,
        customer_id: row.uuid("customer")?,
        customer_name: None,
        task: row.text("name")?,
        title: Label::new(row.text("title_zh")?, row.text("title_en")?),
        role: row.text("role")?,
        due_at,
        rule: row.text("rule")?,
        cause: row.uuid("cause")?,
        journey: row.text("journey")?,
        stage: row.text("stage")?,
        process: row.opt_text("process")?,
        overdue: state == "open" && !closed && due_at < now,
        state,
        owner: OwnerReport { kind: row.text("owner_kind")?, id: row.text("owner_id")? },
    })
}

fn micros(at: Option<DateTime<Utc>>, otherwise: Micros) -> Micros {
    at.map_or(otherwise, |at| at.timestamp_micros())
}
