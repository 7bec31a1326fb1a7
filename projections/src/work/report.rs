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
use crate::ask::{AROUND, View, visibility_values};
use crate::bilingual::BilingualText;
use crate::board::OwnerReport;
use crate::bulk::rows_among;
use crate::db::{Row, Value, values};
use crate::error::Result;
use crate::figures::Micros;
use crate::history::instant;

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
pub struct Inbox {
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
pub struct Whose {
    /// Of this rep.
    pub owner: Option<String>,
    /// Not those whose next contact lies from one instant up to another.
    pub not_between: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Which customers whoever asks sees.
    pub visibility: Visibility,
}

/// Who is to be contacted.
#[derive(Debug, Clone)]
pub struct Expecting {
    /// At or after this instant; ever, when absent.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: DateTime<Utc>,
    /// Those as well who came in as leads again before that instant, and wait since.
    pub touched: bool,
    /// Whose.
    pub whose: Whose,
}

/// Who stands in a stage for long.
#[derive(Debug, Clone)]
pub struct StandingFilter {
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
    pub whose: Whose,
}

/// Where a customer stands in a list of work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
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
    view: &mut View,
    now: DateTime<Utc>,
    after: Option<&DueRule>,
    limit: u32,
) -> Result<Vec<DueRule>> {
    let (at, customer, rule) = after.map_or((i64::MIN, Uuid::nil(), ""), |last| {
        (last.due_at.timestamp_micros(), last.customer, &last.rule)
    });
    let values = values![view.tenant.0, view.generation, now.timestamp_micros(), at, customer, rule, limit];
    let rows = view.session.rows(DUE, &values).await?;
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
    view: &mut View,
    journey: &str,
    until: DateTime<Utc>,
    limit: u32,
    visibility: &Visibility,
) -> Result<(BTreeMap<String, u64>, Vec<DueRule>)> {
    let head = values![view.tenant.0, view.generation, until.timestamp_micros(), journey];
    let head = [&head[..], &visibility_values(visibility)].concat();
    let counted = view.session.rows(DUE_BY_RULE, &head).await?;
    let counts = counted.iter().map(|row| Ok((row.text(0)?, row.position(1)?))).collect::<Result<_>>()?;
    let rows = view.session.rows(DUE_IN, &[&head[..], &values![limit]].concat()).await?;
    Ok((counts, rows.iter().map(due_rule).collect::<Result<_>>()?))
}

/// When something is due next, after an instant.
pub(crate) async fn next_due(view: &mut View, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let values = values![view.tenant.0, view.generation, now.timestamp_micros()];
    let row = view.session.row(NEXT_DUE, &values).await?;
    Ok(row.map(|row| row.opt_int(0)).transpose()?.flatten().map(instant))
}

/// When a customer goes back to its pool unless something is done.
pub(crate) async fn reclaim_at(view: &mut View, customer: Uuid) -> Result<Option<DateTime<Utc>>> {
    let row = view.session.row(RECLAIM_OF, &values![view.tenant.0, view.generation, customer]).await?;
    Ok(row.map(|row| row.opt_int(0)).transpose()?.flatten().map(instant))
}

fn owner(kind: String, id: String) -> OwnerReport {
    OwnerReport { kind, id }
}

/// Tasks in the order in which they are due, after one of them.
pub(crate) async fn tasks(
    view: &mut View,
    filter: &TaskFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<TaskReport>> {
    let (at, task) = after.map_or((i64::MIN, Uuid::nil()), |(at, task)| (at.timestamp_micros(), task));
    let values = values![
        view.tenant.0,
        view.generation,
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
    let values = [&values[..], &visibility_values(&filter.visibility)].concat();
    let rows = view.session.rows(TASKS_PAGE, &values).await?;
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
pub(crate) async fn reminders(view: &mut View, inbox: &Inbox, limit: u32) -> Result<Vec<ReminderReport>> {
    let (before, n) = inbox.before.map_or((i64::MAX, 0), |(position, n)| (position.cast_signed(), n));
    let values = values![
        view.tenant.0,
        view.generation,
        before,
        inbox.role.clone(),
        inbox.owner.clone(),
        inbox.customer,
        limit,
        n,
    ];
    let values = [&values[..], &visibility_values(&inbox.visibility)].concat();
    view.session.rows(REMINDERS_PAGE, &values).await?.iter().map(reminder).collect()
}

/// Reminders after a position, in the order of the log.
pub(crate) async fn reminders_after(
    view: &mut View,
    after: Position,
    limit: u32,
) -> Result<Vec<ReminderReport>> {
    let values = values![view.tenant.0, view.generation, after, limit];
    view.session.rows(REMINDERS_AFTER, &values).await?.iter().map(reminder).collect()
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
    view: &mut View,
    journey: &str,
    visibility: &Visibility,
) -> Result<BTreeMap<String, RuleReport>> {
    let values = values![view.tenant.0, view.generation, journey];
    let values = [&values[..], &visibility_values(visibility)].concat();
    let mut found: BTreeMap<String, RuleReport> = BTreeMap::new();
    for row in view.session.rows(ARMED, &values).await? {
        let rule = found.entry(row.text(0)?).or_default();
        rule.armed = row.position(1)?;
        rule.next_due_at = row.opt_int(2)?.map(instant);
    }
    for row in view.session.rows(RUNS, &values).await? {
        let rule = found.entry(row.text(0)?).or_default();
        rule.skipped = row.position(2)?;
        rule.ran = row.position(1)? - rule.skipped;
        rule.last_due_at = row.opt_int(3)?.map(instant);
    }
    Ok(found)
}

/// What rules of a journey were refused, the newest first.
pub(crate) async fn skips(
    view: &mut View,
    journey: &str,
    limit: u32,
    visibility: &Visibility,
) -> Result<Vec<SkipReport>> {
    let values = values![view.tenant.0, view.generation, journey, limit];
    let rows = view.session.rows(SKIPS, &[&values[..], &visibility_values(visibility)].concat()).await?;
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
fn whose_values(whose: &Whose) -> Vec<Value> {
    let (from, until) = whose.not_between.unzip();
    let bound = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let head = values![whose.owner.clone(), bound(from), bound(until)];
    [&head[..], &visibility_values(&whose.visibility)].concat()
}

fn contact_values(view: &View, expecting: &Expecting) -> Vec<Value> {
    let until = expecting.until.timestamp_micros();
    let touched_until = if expecting.touched { until } else { i64::MIN };
    let head =
        values![view.tenant.0, view.generation, micros(expecting.from, i64::MIN), until, touched_until];
    [&head[..], &whose_values(&expecting.whose)].concat()
}

/// Customers to be contacted, the earliest first, after a place, each with its own.
pub(crate) async fn contacts(
    view: &mut View,
    expecting: &Expecting,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<(Place, WaitingReport)>> {
    let (at, customer) =
        after.map_or((i64::MIN, Uuid::nil()), |place| (place.at.timestamp_micros(), place.customer));
    let values = [contact_values(view, expecting), values![at, customer, limit].to_vec()].concat();
    let read = |row: &Row| {
        let waiting = waiting(row)?;
        let (at, customer) = (instant(row.int(8)?), waiting.customer_id);
        Ok((Place { at, customer, journey: String::new() }, waiting))
    };
    view.session.rows(CONTACTS, &values).await?.iter().map(read).collect()
}

/// How many customers are to be contacted.
pub(crate) async fn contacts_counted(view: &mut View, expecting: &Expecting) -> Result<u64> {
    let values = contact_values(view, expecting);
    let row = view.session.row(CONTACTS_COUNTED, &values).await?;
    row.map_or(Ok(0), |row| row.position(0))
}

fn standing_values(view: &View, filter: &StandingFilter) -> Vec<Value> {
    let bound = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let tiers = filter.tiers.as_ref().map(|tiers| {
        let each = tiers.iter().map(|tier| format!("{tier}{AROUND}"));
        std::iter::once(AROUND.to_owned()).chain(each).collect::<String>()
    });
    let head = values![
        view.tenant.0,
        view.generation,
        filter.journey.as_str(),
        filter.stage.as_str(),
        filter.entered_until.timestamp_micros(),
    ];
    let tail = values![
        filter.owned.then(|| "rep".to_owned()),
        tiers,
        AROUND,
        bound(filter.silent_until),
        bound(filter.overdue_until),
        filter.now.timestamp_micros(),
    ];
    [&head[..], &whose_values(&filter.whose), &tail].concat()
}

/// Customers who have stood in a stage since an instant or longer, the longest first, after a place, each with its own.
pub(crate) async fn standing(
    view: &mut View,
    filter: &StandingFilter,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<(Place, WaitingReport)>> {
    let (at, customer, journey) = after.map_or((i64::MIN, Uuid::nil(), ""), |place| {
        (place.at.timestamp_micros(), place.customer, place.journey.as_str())
    });
    let values = [standing_values(view, filter), values![at, customer, journey, limit].to_vec()].concat();
    let read = |row: &Row| {
        let (journey, entered_at) = (row.text(8)?, instant(row.int(10)?));
        let waiting = WaitingReport {
            pipeline: Some(journey.clone()),
            stage: Some(row.text(9)?),
            entered_at: Some(entered_at),
            went_back: row.flag(11)?,
            ..waiting(row)?
        };
        Ok((Place { at: entered_at, customer: waiting.customer_id, journey }, waiting))
    };
    view.session.rows(STANDING, &values).await?.iter().map(read).collect()
}

/// How many customers have stood in a stage since an instant or longer.
pub(crate) async fn standing_counted(view: &mut View, filter: &StandingFilter) -> Result<u64> {
    let row = view.session.row(STANDING_COUNTED, &standing_values(view, filter)).await?;
    row.map_or(Ok(0), |row| row.position(0))
}

/// What customers are called.
pub(crate) async fn names(view: &mut View, ids: &[Uuid]) -> Result<BTreeMap<Uuid, String>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    view.turn_to(crate::board::NAME).await?;
    let keys: Vec<_> = ids.iter().map(|id| (*id).into()).collect();
    let rows =
        rows_among(&mut view.session, NAMES_AMONG, &values![view.tenant.0, view.generation], &keys).await?;
    let named = rows.iter().map(|row| Ok((row.uuid(0)?, row.opt_text(1)?))).collect::<Result<Vec<_>>>()?;
    Ok(named.into_iter().filter_map(|(id, name)| Some((id, name?))).collect())
}

/// Says what the customers of reminders are called.
pub(crate) async fn name(view: &mut View, reminders: &mut [ReminderReport]) -> Result<()> {
    let ids: Vec<Uuid> = reminders.iter().filter_map(|reminder| reminder.customer_id).collect();
    let names = names(view, &ids).await?;
    for reminder in reminders {
        reminder.customer_name = reminder.customer_id.and_then(|id| names.get(&id).cloned());
    }
    Ok(())
}
