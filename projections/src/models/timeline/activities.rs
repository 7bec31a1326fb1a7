//! The deeds of a pipeline's customers, as reports ask for them.

use std::collections::HashMap;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::statements::{
    ACTIVITIES, CORRECTIONS, FOLLOW_UPS, MIGRATIONS, OVERRIDES, PLANS, REP_ACTIVITIES, REWRITTEN, VOIDED,
};
use super::tables::NAME;
use crate::db::values;
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::stats::Micros;

/// A move for which conditions were passed over. It stays one when it is corrected later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overridden {
    pub(crate) customer: Uuid,
    pub(crate) position: Position,
    pub(crate) event: Uuid,
    pub(crate) at: Micros,
    pub(crate) recorded: Micros,
    pub(crate) actor: String,
    pub(crate) from: Option<String>,
    pub(crate) to: String,
    pub(crate) codes: Vec<String>,
    pub(crate) voided: bool,
}

/// A person's move that was voided later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voided {
    pub(crate) customer: Uuid,
    pub(crate) actor: String,
    pub(crate) stage: String,
    pub(crate) at: Micros,
}

/// A correction, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Correction {
    pub(crate) customer: Uuid,
    /// When it was recorded.
    pub(crate) recorded: Micros,
    /// Who recorded what was wrong.
    pub(crate) whom: String,
    /// The stage as it was wrongly recorded, or the one that had been forgotten.
    pub(crate) stage: String,
    /// When that happened, as far as is known.
    pub(crate) about: Micros,
}

/// The corrections of a pipeline's moves.
pub(crate) async fn corrections(
    snapshot: &mut Snapshot,
    pipeline: &str,
    known: Position,
) -> Result<Vec<Correction>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, known];
    let rows = snapshot.transaction.rows(CORRECTIONS, &values).await?;
    rows.iter()
        .map(|row| {
            Ok(Correction {
                customer: row.uuid("customer")?,
                recorded: row.int("recorded_at")?,
                whom: row.text("whom")?,
                stage: row.text("stage")?,
                about: row.int("about_at")?,
            })
        })
        .collect()
}

/// Whether anything between two positions changed what had been recorded of a pipeline's moves before.
pub(crate) async fn rewritten(
    snapshot: &mut Snapshot,
    pipeline: &str,
    after: Position,
    until: Position,
) -> Result<bool> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, after, until];
    Ok(snapshot.transaction.row(REWRITTEN, &values).await?.is_some())
}

/// How many stays of each customer got another label between two instants, both included.
pub(crate) async fn migrations(
    snapshot: &mut Snapshot,
    pipeline: &str,
    known: Position,
    (from, to): (Micros, Micros),
) -> Result<HashMap<Uuid, usize>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, known, from, to];
    let rows = snapshot.transaction.rows(MIGRATIONS, &values).await?;
    rows.iter().map(|row| Ok((row.uuid("customer")?, row.number("migrations")? as usize))).collect()
}

/// The overrides in a pipeline, the latest recorded first.
pub(crate) async fn overrides(
    snapshot: &mut Snapshot,
    pipeline: &str,
    known: Position,
) -> Result<Vec<Overridden>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, known];
    let rows = snapshot.transaction.rows(OVERRIDES, &values).await?;
    rows.iter()
        .map(|row| {
            Ok(Overridden {
                customer: row.uuid("customer")?,
                position: row.position("position")?,
                event: row.uuid("event")?,
                at: row.int("effective_at")?,
                recorded: row.int("recorded_at")?,
                actor: row.text("actor")?,
                from: row.opt_text("stage_from")?,
                to: row.opt_text("stage_to")?.unwrap_or_default(),
                codes: row.opt_text("overrides")?.unwrap_or_default().split(' ').map(str::to_owned).collect(),
                voided: row.flag("voided")?,
            })
        })
        .collect()
}

/// The moves by people in a pipeline that were voided later.
pub(crate) async fn voided(snapshot: &mut Snapshot, pipeline: &str, known: Position) -> Result<Vec<Voided>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, known];
    let rows = snapshot.transaction.rows(VOIDED, &values).await?;
    rows.iter()
        .map(|row| {
            Ok(Voided {
                customer: row.uuid("customer")?,
                actor: row.text("actor")?,
                stage: row.text("stage")?,
                at: row.int("effective_at")?,
            })
        })
        .collect()
}

/// When anything but a move was last done about each customer by people, up to an instant.
pub(crate) async fn activities(
    snapshot: &mut Snapshot,
    known: Position,
    until: Micros,
) -> Result<HashMap<Uuid, Micros>> {
    by_customer(snapshot, ACTIVITIES, known, until).await
}

/// When conversations were held with each customer, in order, and by whom.
pub(crate) async fn follow_ups(
    snapshot: &mut Snapshot,
    known: Position,
) -> Result<HashMap<Uuid, Vec<(Micros, String)>>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, known];
    let mut follow_ups: HashMap<Uuid, Vec<(Micros, String)>> = HashMap::new();
    for row in &snapshot.transaction.rows(FOLLOW_UPS, &values).await? {
        let held = (row.int("effective_at")?, row.text("actor")?);
        follow_ups.entry(row.uuid("customer")?).or_default().push(held);
    }
    Ok(follow_ups)
}

/// When each customer must be contacted next, as planned up to an instant.
pub(crate) async fn plans(
    snapshot: &mut Snapshot,
    known: Position,
    until: Micros,
) -> Result<HashMap<Uuid, Micros>> {
    by_customer(snapshot, PLANS, known, until).await
}

async fn by_customer(
    snapshot: &mut Snapshot,
    sql: &'static str,
    known: Position,
    until: Micros,
) -> Result<HashMap<Uuid, Micros>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, known, until];
    let rows = snapshot.transaction.rows(sql, &values).await?;
    let line = |row: &crate::db::Row| Ok(row.opt_int("at")?.map(|at| (row.uuid("customer"), at)));
    let lines = rows.iter().map(line).collect::<Result<Vec<_>>>()?;
    lines.into_iter().flatten().map(|(id, at)| Ok((id?, at))).collect()
}

/// What one rep did with one customer, or suffered, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepActivities {
    pub(crate) customer: Uuid,
    /// `follow_up`, `claim`, `release`, `reclaim` or `missed`.
    pub(crate) activity: String,
    /// Whose it is: who spoke to the customer, or whom it concerns.
    pub(crate) rep: String,
    pub(crate) count: u64,
    /// Of how many the record's length is known, and those lengths together.
    pub(crate) measured: u64,
    pub(crate) chars: u64,
}

/// What reps did between two instants, both included. What was done by others than reps is not here.
pub(crate) async fn rep_activities(
    snapshot: &mut Snapshot,
    known: Position,
    (from, to): (Micros, Micros),
) -> Result<Vec<RepActivities>> {
    snapshot.switch_model(NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, known, from, to];
    let rows = snapshot.transaction.rows(REP_ACTIVITIES, &values).await?;
    let mut activities = Vec::with_capacity(rows.len());
    for row in &rows {
        let (activity, actor, whom) = (row.text("deed")?, row.text("actor")?, row.text("whom")?);
        let rep = if activity == "follow_up" { rep_of(&actor).map(str::to_owned) } else { Some(whom) };
        let Some(rep) = rep else { continue };
        let (customer, count) = (row.uuid("customer")?, row.position("count")?);
        let (measured, chars) = (row.position("measured")?, row.position("chars")?);
        activities.push(RepActivities { customer, activity, rep, count, measured, chars });
    }
    Ok(activities)
}

/// The id under which an actor owns customers; none of actors of other kinds.
fn rep_of(actor: &str) -> Option<&str> {
    match actor.split_once(':') {
        Some(("rep", rep)) => Some(rep),
        Some(_) => None,
        None => Some(actor),
    }
}
