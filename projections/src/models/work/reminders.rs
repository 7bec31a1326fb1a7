//! Reminders: what people were told, and when.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::message_id::message_id;
use super::names;
use super::snapshot::WorkSnapshot;
use super::standings::sub_status_values;
use super::statements::{REMINDERS_AFTER, REMINDERS_PAGE};
use crate::bilingual::BilingualText;
use crate::db::{Row, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::OwnerReport;
use crate::models::snapshot::Snapshot;
use crate::query::{AnyOf, LIST_SEPARATOR, name_list, visibility_binds};

/// A reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReminderReport {
    /// Its own id: one event may tell several.
    pub id: Uuid,
    /// The event that tells it.
    pub event_id: Uuid,
    /// Its place in the log.
    pub position: Position,
    /// Which of those that the event tells, from 0.
    pub n: u32,
    /// The customer that it is about; null where the calendar reminds of a pipeline as a whole.
    pub customer_id: Option<Uuid>,
    /// What the customer is called; null where nobody said.
    pub customer_name: Option<String>,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// Of what.
    #[schema(value_type = BilingualText)]
    pub text: Label,
    /// Who is reminded.
    #[schema(example = "rep")]
    pub role: String,
    /// Whom the customer belonged to; null where it is about none.
    pub owner: Option<OwnerReport>,
    /// Through which channels.
    #[schema(example = json!(["workbench"]))]
    pub channels: Vec<String>,
    /// The rule that reminds.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
    /// When it was due.
    pub at: DateTime<Utc>,
}

/// Which reminders are wanted.
#[derive(Debug, Clone, Default)]
pub struct ReminderFilter {
    /// Of this role.
    pub role: Option<String>,
    /// About customers of this rep.
    pub owner: Option<String>,
    /// The reps whom that one stands in for: what goes to them as owners goes to it, too.
    pub away: BTreeSet<String>,
    /// Since when it has.
    pub away_since: Option<DateTime<Utc>>,
    /// About this customer.
    pub customer: Option<Uuid>,
    /// Those before this place: a position, and which of those that it tells.
    pub before: Option<(Position, u32)>,
    /// Whose journey stands in one of these sub-statuses now.
    pub sub_status: Option<AnyOf>,
    /// Which customers are visible to the caller.
    pub visibility: Visibility,
}

impl WorkSnapshot {
    /// Reminders, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reminders(
        &mut self,
        filter: &ReminderFilter,
        limit: u32,
    ) -> Result<(Vec<ReminderReport>, Position)> {
        let snapshot = &mut self.0;
        let (before, n) = filter.before.map_or((i64::MAX, 0), |(position, n)| (position.cast_signed(), n));
        let values = values![
            snapshot.tenant.0,
            snapshot.generation,
            before,
            filter.role.clone(),
            filter.owner.clone(),
            filter.customer,
            limit,
            n,
        ];
        let standing = sub_status_values(snapshot, filter.sub_status.as_ref()).await?;
        let since = filter.away_since.map_or(i64::MAX, |since| since.timestamp_micros());
        let away = values![name_list(&filter.away), since, LIST_SEPARATOR];
        let values = [&values[..], &visibility_binds(&filter.visibility), &standing, &away].concat();
        let rows = snapshot.transaction.rows(REMINDERS_PAGE, &values).await?;
        named(snapshot, &rows).await
    }

    /// Reminders after a position, in the order of the log, and how far the read model has come: what is reported of an event
    /// is reported whole from there on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reminders_after(
        &mut self,
        after: Position,
        limit: u32,
    ) -> Result<(Vec<ReminderReport>, Position)> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation, after, limit];
        let rows = snapshot.transaction.rows(REMINDERS_AFTER, &values).await?;
        named(snapshot, &rows).await
    }
}

/// The reminders of these rows with the names of their customers, and how far the read model had come.
async fn named(snapshot: &mut Snapshot, rows: &[Row]) -> Result<(Vec<ReminderReport>, Position)> {
    let mut reminders = rows.iter().map(reminder).collect::<Result<Vec<_>>>()?;
    let position = snapshot.position;
    names::fill(snapshot, &mut reminders, |one| one.customer_id, |one| &mut one.customer_name).await?;
    Ok((reminders, position))
}

fn reminder(row: &Row) -> Result<ReminderReport> {
    let owner = row.opt_text("owner_kind")?.zip(row.opt_text("owner_id")?);
    let (event_id, n) = (row.uuid("reminder")?, row.number("n")?);
    Ok(ReminderReport {
        position: row.position("position")?,
        id: message_id(event_id, n),
        event_id,
        customer_id: row.opt_uuid("customer")?,
        customer_name: None,
        journey: row.text("journey")?,
        owner: owner.map(|(kind, id)| OwnerReport { kind, id }),
        role: row.text("role")?,
        text: Label::new(row.text("text_zh")?, row.text("text_en")?),
        channels: row.str("channels")?.split_whitespace().map(str::to_owned).collect(),
        rule: row.text("rule")?,
        cause: row.uuid("cause")?,
        at: instant(row.int("at")?),
        n,
    })
}
