//! The questions: what is due, whose tasks wait, who was reminded of what, and what rules did.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::{
    ARMED, CONTACTS, CONTACTS_COUNTED, DUE, DUE_BY_RULE, DUE_IN, NAMES_AMONG, NEXT_DUE, RECLAIM_OF,
    REMINDERS_AFTER, REMINDERS_PAGE, RUNS, SKIPS, STANDING, STANDING_COUNTED, TASKS_PAGE,
};
use crate::bilingual::BilingualText;
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::OwnerReport;
use crate::query::{LIST_SEPARATOR, Snapshot, visibility_binds};
use crate::stats::Micros;
use crate::storage::table::fetch_by_keys;

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
    /// What is to be done.
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
    /// Which customers whoever asks sees.
    pub visibility: Visibility,
}

/// A reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReminderReport {
    /// Names the reminder.
    pub id: Uuid,
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
    /// About this customer.
    pub customer: Option<Uuid>,
    /// Those before this place: a position, and which of those that it tells.
    pub before: Option<(Position, u32)>,
    /// Which customers whoever asks sees.
    pub visibility: Visibility,
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
    /// The event that set it off.
    pub cause: Uuid,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The codes of the refusal.
    pub reasons: Vec<String>,
    /// Its place in the log.
    pub position: Position,
}

/// A customer that waits for somebody.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WaitingReport {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null where nobody said.
    pub customer_name: Option<String>,
    /// Whom it belongs to.
    pub owner: OwnerReport,
    /// The value tier.
    pub tier: Option<String>,
    /// When it is to be contacted next; null where nothing is planned.
    pub next_contact_at: Option<DateTime<Utc>>,
    /// When anything was last recorded of it by a person, moves apart; null where nothing was.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last came in as a lead again; null where it did not, or somebody has followed up since.
    pub touched_again_at: Option<DateTime<Utc>>,
    /// The journey; null in lists that look at no stage.
    pub pipeline: Option<String>,
    /// The stage that it is in; null in lists that look at no stage.
    pub stage: Option<String>,
    /// Since when; null in lists that look at no stage.
    pub entered_at: Option<DateTime<Utc>>,
    /// Whether it went back to an earlier stage in this cycle.
    pub went_back: bool,
}

/// Whose customers a list of work is of.
#[derive(Debug, Clone, Default)]
pub struct WorkScope {
    /// Of this rep.
    pub owner: Option<String>,
    /// Not those whose next contact lies from one instant up to another.
    pub not_between: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Which customers whoever asks sees.
    pub visibility: Visibility,
}

/// Who is to be contacted.
#[derive(Debug, Clone)]
pub struct ContactFilter {
    /// At or after this instant; ever, when absent.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: DateTime<Utc>,
    /// Those as well who came in as leads again before that instant, and wait since.
    pub touched: bool,
    /// Whose.
    pub whose: WorkScope,
}

/// Who stands in a stage for long.
#[derive(Debug, Clone)]
pub struct StageAgeFilter {
    /// The journey.
    pub journey: String,
    /// The stage.
    pub stage: String,
    /// Entered at or before this instant.
    pub entered_until: DateTime<Utc>,
    /// Only what reps own.
    pub owned: bool,
    /// Only of these tiers, and none that went back in this cycle.
    pub tiers: Option<Vec<String>>,
    /// Only where nothing was recorded after this instant and nothing is planned,
    pub silent_until: Option<DateTime<Utc>>,
    /// or where the next contact was due by this one.
    pub overdue_until: Option<DateTime<Utc>>,
    /// The instant that the list is of.
    pub now: DateTime<Utc>,
    /// Whose.
    pub whose: WorkScope,
}

/// Where a customer stands in a list of work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkCursor {
    /// What it is there by: when it is to be contacted, or when it entered its stage.
    pub at: DateTime<Utc>,
    /// Who.
    pub customer: Uuid,
    /// In which journey; empty in lists that look at none.
    pub journey: String,
}

fn micros(at: Option<DateTime<Utc>>, otherwise: Micros) -> Micros {
    at.map_or(otherwise, |at| at.timestamp_micros())
}

/// What may be due at an instant, the earliest first, after one of them.
pub(crate) async fn due(
    snapshot: &mut Snapshot,
    now: DateTime<Utc>,
    after: Option<&DueRule>,
    limit: u32,
) -> Result<Vec<DueRule>> {
    let (at, customer, rule) = after.map_or((i64::MIN, Uuid::nil(), ""), |last| {
        (last.due_at.timestamp_micros(), last.customer, &last.rule)
    });
    let values =
        values![snapshot.tenant.0, snapshot.generation, now.timestamp_micros(), at, customer, rule, limit];
    let rows = snapshot.transaction.rows(DUE, &values).await?;
    rows.iter().map(due_rule).collect()
}

fn due_rule(row: &Row) -> Result<DueRule> {
    Ok(DueRule {
        customer: row.uuid(0)?,
        rule: row.text(1)?,
        cause: row.uuid(2)?,
        due_at: instant(row.int(3)?),
    })
}

/// What is due in a journey until an instant: how much of each rule, and the first of it.
pub(crate) async fn due_in(
    snapshot: &mut Snapshot,
    journey: &str,
    until: DateTime<Utc>,
    limit: u32,
    visibility: &Visibility,
) -> Result<(BTreeMap<String, u64>, Vec<DueRule>)> {
    let head = values![snapshot.tenant.0, snapshot.generation, until.timestamp_micros(), journey];
    let head = [&head[..], &visibility_binds(visibility)].concat();
    let counted = snapshot.transaction.rows(DUE_BY_RULE, &head).await?;
    let counts = counted.iter().map(|row| Ok((row.text(0)?, row.position(1)?))).collect::<Result<_>>()?;
    let rows = snapshot.transaction.rows(DUE_IN, &[&head[..], &values![limit]].concat()).await?;
    Ok((counts, rows.iter().map(due_rule).collect::<Result<_>>()?))
}

/// When something is due next, after an instant.
pub(crate) async fn next_due(snapshot: &mut Snapshot, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let values = values![snapshot.tenant.0, snapshot.generation, now.timestamp_micros()];
    let row = snapshot.transaction.row(NEXT_DUE, &values).await?;
    Ok(row.map(|row| row.opt_int(0)).transpose()?.flatten().map(instant))
}

/// When a customer goes back to its pool unless something is done.
pub(crate) async fn reclaim_at(snapshot: &mut Snapshot, customer: Uuid) -> Result<Option<DateTime<Utc>>> {
    let row = snapshot
        .transaction
        .row(RECLAIM_OF, &values![snapshot.tenant.0, snapshot.generation, customer])
        .await?;
    Ok(row.map(|row| row.opt_int(0)).transpose()?.flatten().map(instant))
}

fn owner(kind: String, id: String) -> OwnerReport {
    OwnerReport { kind, id }
}

/// Tasks in the order in which they are due, after one of them.
pub(crate) async fn tasks(
    snapshot: &mut Snapshot,
    filter: &TaskFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<TaskReport>> {
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
    let values = [&values[..], &visibility_binds(&filter.visibility)].concat();
    let rows = snapshot.transaction.rows(TASKS_PAGE, &values).await?;
    let read = |row: &Row| {
        let due_at = instant(row.int(6)?);
        let (state, closed) = (row.text(12)?, row.flag(15)?);
        Ok(TaskReport {
            id: row.uuid(0)?,
            customer_id: row.uuid(1)?,
            customer_name: None,
            task: row.text(2)?,
            title: Label::new(row.text(3)?, row.text(4)?),
            role: row.text(5)?,
            due_at,
            rule: row.text(7)?,
            cause: row.uuid(8)?,
            journey: row.text(9)?,
            stage: row.text(10)?,
            process: row.opt_text(11)?,
            overdue: state == "open" && !closed && due_at < now,
            state,
            owner: owner(row.text(13)?, row.text(14)?),
        })
    };
    rows.iter().map(read).collect()
}

/// Reminders, the newest first.
pub(crate) async fn reminders(
    snapshot: &mut Snapshot,
    inbox: &ReminderFilter,
    limit: u32,
) -> Result<Vec<ReminderReport>> {
    let (before, n) = inbox.before.map_or((i64::MAX, 0), |(position, n)| (position.cast_signed(), n));
    let values = values![
        snapshot.tenant.0,
        snapshot.generation,
        before,
        inbox.role.clone(),
        inbox.owner.clone(),
        inbox.customer,
        limit,
        n,
    ];
    let values = [&values[..], &visibility_binds(&inbox.visibility)].concat();
    snapshot.transaction.rows(REMINDERS_PAGE, &values).await?.iter().map(reminder).collect()
}

/// Reminders after a position, in the order of the log.
pub(crate) async fn reminders_after(
    snapshot: &mut Snapshot,
    after: Position,
    limit: u32,
) -> Result<Vec<ReminderReport>> {
    let values = values![snapshot.tenant.0, snapshot.generation, after, limit];
    snapshot.transaction.rows(REMINDERS_AFTER, &values).await?.iter().map(reminder).collect()
}

fn reminder(row: &Row) -> Result<ReminderReport> {
    Ok(ReminderReport {
        position: row.position(0)?,
        id: row.uuid(1)?,
        customer_id: row.opt_uuid(2)?,
        customer_name: None,
        journey: row.text(13)?,
        owner: row.opt_text(3)?.zip(row.opt_text(4)?).map(|(kind, id)| owner(kind, id)),
        role: row.text(5)?,
        text: Label::new(row.text(6)?, row.text(7)?),
        channels: row.str(8)?.split_whitespace().map(str::to_owned).collect(),
        rule: row.text(9)?,
        cause: row.uuid(10)?,
        at: instant(row.int(11)?),
        n: row.number(12)?,
    })
}

/// What each rule of a journey has done and will do.
pub(crate) async fn rules(
    snapshot: &mut Snapshot,
    journey: &str,
    visibility: &Visibility,
) -> Result<BTreeMap<String, RuleReport>> {
    let values = values![snapshot.tenant.0, snapshot.generation, journey];
    let values = [&values[..], &visibility_binds(visibility)].concat();
    let mut found: BTreeMap<String, RuleReport> = BTreeMap::new();
    for row in snapshot.transaction.rows(ARMED, &values).await? {
        let rule = found.entry(row.text(0)?).or_default();
        rule.armed = row.position(1)?;
        rule.next_due_at = row.opt_int(2)?.map(instant);
    }
    for row in snapshot.transaction.rows(RUNS, &values).await? {
        let rule = found.entry(row.text(0)?).or_default();
        rule.skipped = row.position(2)?;
        rule.ran = row.position(1)? - rule.skipped;
        rule.last_due_at = row.opt_int(3)?.map(instant);
    }
    Ok(found)
}

/// What rules of a journey were refused, the newest first.
pub(crate) async fn skips(
    snapshot: &mut Snapshot,
    journey: &str,
    limit: u32,
    visibility: &Visibility,
) -> Result<Vec<SkipReport>> {
    let values = values![snapshot.tenant.0, snapshot.generation, journey, limit];
    let rows =
        snapshot.transaction.rows(SKIPS, &[&values[..], &visibility_binds(visibility)].concat()).await?;
    let read = |row: &Row| {
        Ok(SkipReport {
            customer_id: row.uuid(0)?,
            rule: row.text(1)?,
            cause: row.uuid(2)?,
            due_at: instant(row.int(3)?),
            reasons: row.str(4)?.split_whitespace().map(str::to_owned).collect(),
            position: row.position(5)?,
        })
    };
    rows.iter().map(read).collect()
}

fn waiting(row: &Row) -> Result<WaitingReport> {
    Ok(WaitingReport {
        customer_id: row.uuid(0)?,
        customer_name: None,
        owner: owner(row.text(1)?, row.text(2)?),
        tier: row.opt_text(3)?,
        next_contact_at: row.opt_int(4)?.map(instant),
        last_activity_at: row.opt_int(5)?.map(instant),
        created_at: instant(row.int(6)?),
        touched_again_at: row.opt_int(7)?.map(instant),
        pipeline: None,
        stage: None,
        entered_at: None,
        went_back: false,
    })
}

/// What a statement binds of whose customers a list is of.
fn whose_values(whose: &WorkScope) -> Vec<Value> {
    let (from, until) = whose.not_between.unzip();
    let bound = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let head = values![whose.owner.clone(), bound(from), bound(until)];
    [&head[..], &visibility_binds(&whose.visibility)].concat()
}

fn contact_values(snapshot: &Snapshot, expecting: &ContactFilter) -> Vec<Value> {
    let until = expecting.until.timestamp_micros();
    let touched_until = if expecting.touched { until } else { i64::MIN };
    let head = values![
        snapshot.tenant.0,
        snapshot.generation,
        micros(expecting.from, i64::MIN),
        until,
        touched_until
    ];
    [&head[..], &whose_values(&expecting.whose)].concat()
}

/// Customers to be contacted, the earliest first, after a place, each with its own.
pub(crate) async fn contacts(
    snapshot: &mut Snapshot,
    expecting: &ContactFilter,
    after: Option<&WorkCursor>,
    limit: u32,
) -> Result<Vec<(WorkCursor, WaitingReport)>> {
    let (at, customer) =
        after.map_or((i64::MIN, Uuid::nil()), |place| (place.at.timestamp_micros(), place.customer));
    let values = [contact_values(snapshot, expecting), values![at, customer, limit].to_vec()].concat();
    let read = |row: &Row| {
        let waiting = waiting(row)?;
        let (at, customer) = (instant(row.int(8)?), waiting.customer_id);
        Ok((WorkCursor { at, customer, journey: String::new() }, waiting))
    };
    snapshot.transaction.rows(CONTACTS, &values).await?.iter().map(read).collect()
}

/// How many customers are to be contacted.
pub(crate) async fn contacts_counted(snapshot: &mut Snapshot, expecting: &ContactFilter) -> Result<u64> {
    let values = contact_values(snapshot, expecting);
    let row = snapshot.transaction.row(CONTACTS_COUNTED, &values).await?;
    row.map_or(Ok(0), |row| row.position(0))
}

fn standing_values(snapshot: &Snapshot, filter: &StageAgeFilter) -> Vec<Value> {
    let bound = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let tiers = filter.tiers.as_ref().map(|tiers| {
        let each = tiers.iter().map(|tier| format!("{tier}{LIST_SEPARATOR}"));
        std::iter::once(LIST_SEPARATOR.to_owned()).chain(each).collect::<String>()
    });
    let head = values![
        snapshot.tenant.0,
        snapshot.generation,
        filter.journey.as_str(),
        filter.stage.as_str(),
        filter.entered_until.timestamp_micros(),
    ];
    let tail = values![
        filter.owned.then(|| "rep".to_owned()),
        tiers,
        LIST_SEPARATOR,
        bound(filter.silent_until),
        bound(filter.overdue_until),
        filter.now.timestamp_micros(),
    ];
    [&head[..], &whose_values(&filter.whose), &tail].concat()
}

/// Customers who have stood in a stage since an instant or longer, the longest first, after a place, each with its own.
pub(crate) async fn standing(
    snapshot: &mut Snapshot,
    filter: &StageAgeFilter,
    after: Option<&WorkCursor>,
    limit: u32,
) -> Result<Vec<(WorkCursor, WaitingReport)>> {
    let (at, customer, journey) = after.map_or((i64::MIN, Uuid::nil(), ""), |place| {
        (place.at.timestamp_micros(), place.customer, place.journey.as_str())
    });
    let values = [standing_values(snapshot, filter), values![at, customer, journey, limit].to_vec()].concat();
    let read = |row: &Row| {
        let (journey, entered_at) = (row.text(8)?, instant(row.int(10)?));
        let waiting = WaitingReport {
            pipeline: Some(journey.clone()),
            stage: Some(row.text(9)?),
            entered_at: Some(entered_at),
            went_back: row.flag(11)?,
            ..waiting(row)?
        };
        Ok((WorkCursor { at: entered_at, customer: waiting.customer_id, journey }, waiting))
    };
    snapshot.transaction.rows(STANDING, &values).await?.iter().map(read).collect()
}

/// How many customers have stood in a stage since an instant or longer.
pub(crate) async fn standing_counted(snapshot: &mut Snapshot, filter: &StageAgeFilter) -> Result<u64> {
    let row = snapshot.transaction.row(STANDING_COUNTED, &standing_values(snapshot, filter)).await?;
    row.map_or(Ok(0), |row| row.position(0))
}

/// What customers are called.
pub(crate) async fn names(snapshot: &mut Snapshot, ids: &[Uuid]) -> Result<BTreeMap<Uuid, String>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    snapshot.switch_model(crate::models::board::NAME).await?;
    let keys: Vec<_> = ids.iter().map(|id| (*id).into()).collect();
    let rows = fetch_by_keys(
        &mut snapshot.transaction,
        NAMES_AMONG,
        &values![snapshot.tenant.0, snapshot.generation],
        &keys,
    )
    .await?;
    let named = rows.iter().map(|row| Ok((row.uuid(0)?, row.opt_text(1)?))).collect::<Result<Vec<_>>>()?;
    Ok(named.into_iter().filter_map(|(id, name)| Some((id, name?))).collect())
}

/// Says what the customers of reminders are called.
pub(crate) async fn name(snapshot: &mut Snapshot, reminders: &mut [ReminderReport]) -> Result<()> {
    let ids: Vec<Uuid> = reminders.iter().filter_map(|reminder| reminder.customer_id).collect();
    let names = names(snapshot, &ids).await?;
    for reminder in reminders {
        reminder.customer_name = reminder.customer_id.and_then(|id| names.get(&id).cloned());
    }
    Ok(())
}
