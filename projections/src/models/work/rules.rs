//! Automation rules: what is due, what they did, and what was refused.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::snapshot::WorkSnapshot;
use super::statements::{ARMED, DUE, DUE_BY_RULE, DUE_IN, NEXT_DUE, RUNS, SKIPS};
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::query::visibility_binds;

/// A rule that may be due for a customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DueRule {
    /// The customer.
    pub customer: Uuid,
    /// The rule.
    pub rule: String,
    /// The event that set it off.
    pub cause: Uuid,
    /// When it is due.
    pub due_at: DateTime<Utc>,
}

/// What a rule has done, and will do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleReport {
    /// How many deadlines are armed.
    pub armed: u64,
    /// The first of them; null where none is.
    pub next_due_at: Option<DateTime<Utc>>,
    /// How often it acted.
    pub ran: u64,
    /// How often what it would have done was refused.
    pub skipped: u64,
    /// When it was last due and acted or was refused; null where it never was.
    pub last_due_at: Option<DateTime<Utc>>,
}

/// A rule that was due and was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SkipReport {
    /// The rule.
    pub rule: String,
    /// The customer.
    pub customer_id: Uuid,
    /// The event that triggered the rule.
    pub cause: Uuid,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The codes of the refusal.
    pub reasons: Vec<String>,
    /// Its place in the log.
    pub position: Position,
}

impl WorkSnapshot {
    /// What rules may be due, the earliest first, after one of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(
        &mut self,
        now: DateTime<Utc>,
        after: Option<&DueRule>,
        limit: u32,
    ) -> Result<Vec<DueRule>> {
        let snapshot = &mut self.0;
        let (at, customer, rule) = after.map_or((i64::MIN, Uuid::nil(), ""), |last| {
            (last.due_at.timestamp_micros(), last.customer, &last.rule)
        });
        let (tenant, now) = (snapshot.tenant.0, now.timestamp_micros());
        let values = values![tenant, snapshot.generation, now, at, customer, rule, limit];
        snapshot.transaction.rows(DUE, &values).await?.iter().map(due_rule).collect()
    }

    /// What is due in a journey until an instant: how much of each rule, and the first of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_in(
        &mut self,
        journey: &str,
        until: DateTime<Utc>,
        limit: u32,
        visibility: &Visibility,
    ) -> Result<(BTreeMap<String, u64>, Vec<DueRule>, Position)> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation, until.timestamp_micros(), journey];
        let head = [&head[..], &visibility_binds(visibility)].concat();
        let counted = snapshot.transaction.rows(DUE_BY_RULE, &head).await?;
        let count = |row: &Row| Ok((row.text("rule")?, row.position("armed")?));
        let counts = counted.iter().map(count).collect::<Result<_>>()?;
        let rows = snapshot.transaction.rows(DUE_IN, &[&head[..], &values![limit]].concat()).await?;
        Ok((counts, rows.iter().map(due_rule).collect::<Result<_>>()?, snapshot.position))
    }

    /// When something is due next, after an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&mut self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation, now.timestamp_micros()];
        let row = snapshot.transaction.row(NEXT_DUE, &values).await?;
        Ok(row.map(|row| row.opt_int("due_at")).transpose()?.flatten().map(instant))
    }

    /// What each rule of a journey has done and will do, and the last refusals.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rules(
        &mut self,
        journey: &str,
        skips: u32,
        visibility: &Visibility,
    ) -> Result<(BTreeMap<String, RuleReport>, Vec<SkipReport>, Position)> {
        let snapshot = &mut self.0;
        let (of, visible) =
            (values![snapshot.tenant.0, snapshot.generation, journey], visibility_binds(visibility));
        let values: Vec<Value> = [&of[..], &visible].concat();
        let mut found: BTreeMap<String, RuleReport> = BTreeMap::new();
        for row in snapshot.transaction.rows(ARMED, &values).await? {
            let rule = found.entry(row.text("rule")?).or_default();
            rule.armed = row.position("armed")?;
            rule.next_due_at = row.opt_int("next_due_at")?.map(instant);
        }
        for row in snapshot.transaction.rows(RUNS, &values).await? {
            let rule = found.entry(row.text("rule")?).or_default();
            rule.skipped = row.position("skipped")?;
            rule.ran = row.position("runs")? - rule.skipped;
            rule.last_due_at = row.opt_int("last_due_at")?.map(instant);
        }
        let values = [&of[..], &values![skips], &visible].concat();
        let rows = snapshot.transaction.rows(SKIPS, &values).await?;
        Ok((found, rows.iter().map(skip).collect::<Result<_>>()?, snapshot.position))
    }
}

fn due_rule(row: &Row) -> Result<DueRule> {
    Ok(DueRule {
        customer: row.uuid("customer")?,
        rule: row.text("rule")?,
        cause: row.uuid("cause")?,
        due_at: instant(row.int("due_at")?),
    })
}

fn skip(row: &Row) -> Result<SkipReport> {
    Ok(SkipReport {
        customer_id: row.uuid("customer")?,
        rule: row.text("rule")?,
        cause: row.uuid("cause")?,
        due_at: instant(row.int("due_at")?),
        reasons: row.str("skipped")?.split_whitespace().map(str::to_owned).collect(),
        position: row.position("position")?,
    })
}
