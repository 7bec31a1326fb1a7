//! Messages: what somebody hears of customers, and from whom.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::message_id::message_id;
use super::names;
use super::snapshot::WorkSnapshot;
use super::standings::sub_status_values;
use super::statements::MESSAGES_PAGE;
use crate::db::{Row, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::OwnerReport;
use crate::query::{AnyOf, LIST_SEPARATOR, name_list, visibility_binds};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its own id: one event may tell several.
    pub id: Uuid,
    /// The event that it tells of.
    pub event_id: Uuid,
    /// Its place in the log.
    pub position: Position,
    /// Which of those that the event tells, from 0.
    pub n: u32,
    /// `moved`, `sub_status`, `assigned`, `released` or `reminder`.
    pub kind: String,
    /// The customer; none where the calendar reminds of a pipeline as a whole.
    pub customer: Option<Uuid>,
    /// What the customer is called.
    pub customer_name: Option<String>,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// Who did it.
    pub actor: String,
    /// Whom the customer belonged to then.
    pub owner: Option<OwnerReport>,
    /// For whom it is.
    pub role: String,
    /// The stage before.
    pub stage_from: Option<String>,
    /// The stage that the customer is in by it.
    pub stage_to: Option<String>,
    /// The sub-status.
    pub sub_status: Option<String>,
    /// Why: a reason code.
    pub reason: Option<String>,
    /// What a rule says.
    pub text: Option<Label>,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// Whose messages are wanted.
#[derive(Debug, Clone, Default)]
pub struct InboxFilter {
    /// The actor, whose own acts are no news.
    pub actor: String,
    /// The name under which the actor owns customers.
    pub rep: Option<String>,
    /// The reps whom the actor stands in for.
    pub away: BTreeSet<String>,
    /// Since when it has.
    pub away_since: Option<DateTime<Utc>>,
    /// The reps of the teams that the actor is in or leads.
    pub mates: BTreeSet<String>,
    /// The reps of the teams that the actor leads.
    pub led: BTreeSet<String>,
    /// The roles beside those of leaders that the actor fills, each as `role/rep` for a rep whose customers it is about.
    pub functions: BTreeSet<String>,
    /// Whether everything that goes to those who lead is the actor's.
    pub leads_all: bool,
    /// Those before this place.
    pub before: Option<(Position, u32)>,
    /// Those after this position.
    pub after: Position,
    /// Whose journey stands in one of these sub-statuses now.
    pub sub_status: Option<AnyOf>,
    /// Which customers are visible to the caller.
    pub visibility: Visibility,
}

impl WorkSnapshot {
    /// Somebody's messages, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn messages(&mut self, filter: &InboxFilter, limit: u32) -> Result<(Vec<Message>, Position)> {
        let snapshot = &mut self.0;
        let (before, n) = filter.before.map_or((i64::MAX, 0), |(position, n)| (position.cast_signed(), n));
        let values = values![
            snapshot.tenant.0,
            snapshot.generation,
            before,
            n,
            filter.after,
            filter.actor.as_str(),
            filter.rep.clone().unwrap_or_default(),
            name_list(&filter.mates),
            name_list(&filter.led),
            if filter.leads_all { "1" } else { "" },
            limit,
            LIST_SEPARATOR,
        ];
        let standing = sub_status_values(snapshot, filter.sub_status.as_ref()).await?;
        let since = filter.away_since.map_or(i64::MAX, |since| since.timestamp_micros());
        let away = values![name_list(&filter.away), since, name_list(&filter.functions)];
        let values = [&values[..], &visibility_binds(&filter.visibility), &standing, &away].concat();
        let rows = snapshot.transaction.rows(MESSAGES_PAGE, &values).await?;
        let mut messages = rows.iter().map(message).collect::<Result<Vec<_>>>()?;
        let position = snapshot.position;
        names::fill(
            snapshot,
            &mut messages,
            |message| message.customer,
            |message| &mut message.customer_name,
        )
        .await?;
        Ok((messages, position))
    }
}

fn message(row: &Row) -> Result<Message> {
    let owner = row.opt_text("owner_kind")?.zip(row.opt_text("owner_id")?);
    let text = row.opt_text("text_zh")?.zip(row.opt_text("text_en")?);
    let (event_id, n) = (row.uuid("message")?, row.number("n")?);
    Ok(Message {
        id: message_id(event_id, n),
        event_id,
        position: row.position("position")?,
        n,
        kind: row.text("kind")?,
        customer: row.opt_uuid("customer")?,
        customer_name: None,
        journey: row.text("journey")?,
        actor: row.text("actor")?,
        owner: owner.map(|(kind, id)| OwnerReport { kind, id }),
        role: row.text("role")?,
        stage_from: row.opt_text("stage_from")?,
        stage_to: row.opt_text("stage_to")?,
        sub_status: row.opt_text("sub_status")?,
        reason: row.opt_text("reason")?,
        text: text.map(|(zh, en)| Label::new(zh, en)),
        at: instant(row.int("at")?),
    })
}
