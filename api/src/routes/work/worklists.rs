//! Worklists: customers that wait for somebody. Three clocks, each under its own name: since the stage was entered, since
//! anything was recorded, and since the customer was registered.

use std::fmt;
use std::str::FromStr as _;

use axum::extract::State;
use chrono::{DateTime, Datelike as _, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::name_for;
use crate::auth::Authority;
use crate::auth::disclosure::{owner_of, text_shown};
use crate::domain::Label;
use crate::domain::people::Disclosure;
use crate::domain::pipeline::{Pipeline, Stage};
use crate::http::answer::AsOfResponse;
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, Key, Page, Query, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::ProjectionError;
use crate::projections::board::NextAction;
use crate::projections::work::{
    ContactFilter, PipelinesThen, StageAgeFilter, WaitingReport, WorkCursor, WorkScope,
};
use crate::routes::customers::names::Names;
use crate::routes::{AppState, known, people};

/// The tiers of high intent, unless others are named.
const HIGH: &[&str] = &["A", "VIP", "high"];
/// After how many days of silence a supervisor is to step in, unless others are named.
const SILENT_DAYS: u32 = 7;

/// Filters and thresholds of a worklist.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WorklistParams {
    /// Only customers of this rep: `li` or `rep:li`; all when absent.
    #[param(value_type = Option<String>, example = "li")]
    owner: Option<RepName>,
    /// Only this pipeline; all when absent. Lists by next contact are independent of pipelines.
    pipeline: Option<String>,
    /// The IANA time zone that determines `today`; that of the first pipeline's default pool when absent.
    timezone: Option<String>,
    /// The tiers of high intent for `push`, separated by commas; `A,VIP,high` when absent.
    tiers: Option<String>,
    /// Omit customers whose next contact is within this number of days.
    suppress_if_next_action_within: Option<u32>,
    /// The sub-status that the customer's journey stands in now; several values are separated by commas.
    sub_status: Option<String>,
}

/// The worklists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = WorklistName)]
pub(super) enum WorklistName {
    /// A rep's next contact is due on the rep's local date, or the customer inquired again and is waiting.
    Today,
    /// A rep's next contact is overdue.
    Overdue,
    /// In the stage longer than it allows.
    Stalled,
    /// High intent, and in the stage longer than its target, without having moved back.
    Push,
    /// Stalled, without activity for twice as long, and nothing planned.
    GiveUp,
    /// Owned by a rep, and inactive or overdue for days: a supervisor should step in.
    Supervise,
}

/// A worklist.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Worklist {
    /// The list.
    list: WorklistName,
    /// The instant of the list, the same on every page.
    effective_at: DateTime<Utc>,
    /// The instant of knowledge: where none was asked about, that of the list.
    known_at: DateTime<Utc>,
    /// The customers, longest waiting first.
    items: Vec<WorklistEntry>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
    /// The total number on all pages.
    total: u64,
}

/// A customer on a worklist.
#[derive(Debug, Serialize, ToSchema)]
struct WorklistEntry {
    #[serde(flatten)]
    customer: WaitingReport,
    /// What the stage is called; null where the list is independent of stages.
    stage_name: Option<String>,
    /// What must be done next: what was agreed, else what the stage says.
    next_action: Option<NextAction>,
    /// Seconds since entry into the stage.
    since_stage_entry_seconds: Option<f64>,
    /// Seconds since the last activity, including entry into the stage.
    since_last_activity_seconds: f64,
    /// Seconds since registration.
    age_seconds: f64,
}

fn seconds(span: TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1_000.0
}

/// When anything was last recorded of a customer.
fn last_touched(customer: &WaitingReport) -> DateTime<Utc> {
    let known = [customer.last_activity_at, customer.entered_at];
    known.into_iter().flatten().max().unwrap_or(customer.created_at)
}

/// Get a worklist
///
/// `today`, `overdue`, `stalled`, `push`, `give-up` or `supervise`. All pages show the list as of the instant of the
/// first; with `effective_at` or `known_at`, as of those.
#[utoipa::path(
    get, path = "/v1/worklists/{list}", tag = "work",
    params(("list" = WorklistName, Path, description = "The list."), WorklistParams, AsOfParams, Page),
    responses(
        (status = 200, description = "The list.", body = Worklist),
        (status = 404, description = "There is no such list or pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn worklist(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    RequestedLanguage(language): RequestedLanguage,
    Query(asked, as_of, page, ..): Query<WorklistParams, AsOfParams, Page>,
) -> Result<AsOfResponse<Worklist>, Problem> {
    let list = which(&name).ok_or_else(|| Problem::not_found("worklist", &name))?;
    as_of.wait(&state, &caller, "work").await?;
    let at = as_of.at(&state, &caller, "board").await?;
    let then = (!as_of.is_now()).then_some(&at);
    let limit = page.limit()?;
    let mark = page.cursor().map(PageMark::read).transpose()?;
    // A mark of the future is nobody's that we gave.
    let now = mark
        .as_ref()
        .filter(|_| then.is_none())
        .map_or(at.effective_at, |mark| mark.now.min(at.effective_at));
    let after = mark.as_ref().map(|mark| &mark.place);
    let whose = WorkScope {
        owner: people::known(&state, &caller, "owner", asked.owner.as_ref()).await?,
        not_between: asked.suppress_if_next_action_within.map(|days| {
            let soon = now.checked_add_signed(TimeDelta::days(days.into()));
            (now, soon.unwrap_or(DateTime::<Utc>::MAX_UTC))
        }),
        sub_status: known::sub_statuses(&state, &caller, asked.sub_status.clone()).await?,
        visibility: state.app.visibility(&caller).await?,
    };
    let pipelines = match then {
        None => state.app.pipelines.latest(caller.tenant).await?.as_ref().clone(),
        Some(at) => {
            let moment = (at.effective_at, at.known_at);
            state.app.pipelines.in_force_then(caller.tenant, moment).await?
        }
    };
    let contacts = match list {
        WorklistName::Today => {
            let (from, until) = today(&state, &pipelines, &asked, now)?;
            Some(ContactFilter { from: Some(from), until, touched: true, whose: whose.clone() })
        }
        WorklistName::Overdue => {
            Some(ContactFilter { from: None, until: now, touched: false, whose: whose.clone() })
        }
        _ => None,
    };
    let (projections, tenant) = (&state.app.projections, caller.tenant);
    let found = match (contacts, then) {
        (Some(expecting), None) => projections.work(tenant).await?.contacts(&expecting, after, limit).await?,
        (Some(expecting), Some(at)) => {
            let mut work = projections.work(tenant).await?;
            work.contacts_then(&expecting, (&pipelines, at), after, limit).await?
        }
        (None, then) => {
            let stages = stages(&pipelines, &asked, list, now, &whose)?;
            match then {
                None => projections.standings(tenant).await?.long_standing(&stages, after, limit).await?,
                Some(at) => {
                    let mut work = projections.work(tenant).await?;
                    work.long_standing_then(&stages, (&pipelines, at), after, limit).await?
                }
            }
        }
    };
    let names = Names::new(&state, &caller, language).await?;
    let items = found.items.into_iter().map(|mut customer| {
        customer.customer_name = name_for(&caller.actor, customer.customer_name.take());
        let whose = Disclosure::to(&caller.actor, &owner_of(&customer.owner));
        if let Some(agreed) = &mut customer.agreed {
            text_shown(&mut agreed.text, whose);
        }
        let standing = customer.pipeline.as_deref().zip(customer.stage.as_deref());
        WorklistEntry {
            stage_name: standing.and_then(|(pipeline, stage)| names.stage(pipeline, stage)),
            next_action: next_action(&names, &customer),
            since_stage_entry_seconds: customer.entered_at.map(|at| seconds(now - at)),
            since_last_activity_seconds: seconds(now - last_touched(&customer)),
            age_seconds: seconds(now - customer.created_at),
            customer,
        }
    });
    let next_cursor = found.next.map(|place| PageMark { now, place }.to_string());
    let known_at = then.map_or(now, |at| at.known_at);
    let body = Worklist {
        list,
        effective_at: now,
        known_at,
        items: items.collect(),
        next_cursor,
        total: found.total,
    };
    Ok(AsOfResponse { position: found.position, body })
}

/// What must be done next with a customer.
fn next_action(names: &Names, customer: &WaitingReport) -> Option<NextAction> {
    let standing = (customer.pipeline.as_deref()?, customer.stage.as_deref()?);
    names.next(Some(customer.next_contact_at), customer.agreed.clone(), standing, customer.entered_at?)
}

/// Where a page ended, and the instant that the list is of.
struct PageMark {
    now: DateTime<Utc>,
    place: WorkCursor,
}

impl PageMark {
    fn read(cursor: &str) -> Result<Self, ProjectionError> {
        let mut parts = cursor.splitn(4, '.');
        let mut part = || parts.next().ok_or(ProjectionError::BadCursor);
        let instant = |text: &str| {
            let micros = text.parse().ok().and_then(DateTime::from_timestamp_micros);
            micros.filter(|at| (0..=9_999).contains(&at.year())).ok_or(ProjectionError::BadCursor)
        };
        let (now, at) = (instant(part()?)?, instant(part()?)?);
        let customer = Uuid::parse_str(part()?).map_err(|_| ProjectionError::BadCursor)?;
        let journey = part()?;
        if journey.contains('\0') {
            return Err(ProjectionError::BadCursor);
        }
        Ok(Self { now, place: WorkCursor { at, customer, journey: journey.to_owned() } })
    }
}

impl fmt::Display for PageMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkCursor { at, customer, journey } = &self.place;
        let (now, at) = (self.now.timestamp_micros(), at.timestamp_micros());
        write!(f, "{now}.{at}.{}.{journey}", customer.simple())
    }
}

fn which(name: &str) -> Option<WorklistName> {
    Some(match name {
        "today" => WorklistName::Today,
        "overdue" => WorklistName::Overdue,
        "stalled" => WorklistName::Stalled,
        "push" => WorklistName::Push,
        "give-up" => WorklistName::GiveUp,
        "supervise" => WorklistName::Supervise,
        _ => return None,
    })
}

/// The rep's local date, as instants.
fn today(
    state: &AppState,
    pipelines: &PipelinesThen,
    asked: &WorklistParams,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
    let zone = match &asked.timezone {
        Some(name) => Tz::from_str(name).map_err(|_| {
            let message = Label::new(
                "应为 IANA 时区名称，例如 Asia/Shanghai。",
                "Must be an IANA time zone, such as Asia/Shanghai.",
            );
            Problem::invalid_value("timezone", message)
        })?,
        None => {
            let pool = pipelines.values().find_map(|pipeline| pipeline.default_pool());
            pool.map_or(Tz::UTC, |pool| pool.timezone)
        }
    };
    let zones = &state.app.zones;
    let date = zones.local(zone, now).date();
    Ok((zones.start_of_day(zone, date), zones.start_of_day(zone, date + Days::new(1))))
}

/// The stages that a list looks at, each by the list's measure.
fn stages(
    pipelines: &PipelinesThen,
    asked: &WorklistParams,
    list: WorklistName,
    now: DateTime<Utc>,
    whose: &WorkScope,
) -> Result<Vec<StageAgeFilter>, Problem> {
    let pipelines: Vec<_> = match &asked.pipeline {
        Some(key) => vec![pipelines.get(key).ok_or_else(|| Problem::not_found("pipeline", key))?],
        None => pipelines.values().collect(),
    };
    let tiers: Vec<String> = match &asked.tiers {
        Some(tiers) => tiers.split(',').map(str::to_owned).collect(),
        None => HIGH.iter().map(|tier| (*tier).to_owned()).collect(),
    };
    let filter = |pipeline: &Pipeline, stage: &Stage| {
        let measure = measure(stage, list)?;
        let silent = now.checked_sub_signed(silence(pipeline))?;
        let (silent_until, overdue_until) = match list {
            WorklistName::GiveUp => (Some(ago(now, measure.checked_add(&measure)?)?), None),
            WorklistName::Supervise => (Some(silent), Some(silent)),
            _ => (None, None),
        };
        Some(StageAgeFilter {
            journey: pipeline.key.clone(),
            stage: stage.id.clone(),
            entered_until: ago(now, measure.checked_add(&beyond(list))?)?,
            owned: list == WorklistName::Supervise,
            tiers: (list == WorklistName::Push).then(|| tiers.clone()),
            silent_until,
            overdue_until,
            now,
            whose: whose.clone(),
        })
    };
    let all =
        pipelines.iter().flat_map(|pipeline| pipeline.stages.iter().map(move |stage| (pipeline, stage)));
    Ok(all.filter_map(|(pipeline, stage)| filter(pipeline, stage)).collect())
}

/// After how long a silence a supervisor steps in: in time before the customer would go back to its pool.
fn silence(pipeline: &Pipeline) -> TimeDelta {
    let warned = pipeline.pools.iter().filter_map(|pool| pool.rules.as_ref()?.last_warning());
    warned.fold(TimeDelta::days(SILENT_DAYS.into()), TimeDelta::min)
}

/// So long before an instant; none where nobody can have stood so long.
fn ago(now: DateTime<Utc>, span: TimeDelta) -> Option<DateTime<Utc>> {
    now.checked_sub_signed(span)
}

/// How much more than its measure it takes to be on a list: what waits to be pushed has been there for longer than the target, the
/// other lists begin with it.
fn beyond(list: WorklistName) -> TimeDelta {
    if list == WorklistName::Push { TimeDelta::microseconds(1) } else { TimeDelta::zero() }
}

/// From which time in a stage on a customer is looked at; none where the list does not look at the stage.
fn measure(stage: &Stage, list: WorklistName) -> Option<TimeDelta> {
    let working = stage.kind.is_worked();
    let span = |seconds: u64| TimeDelta::try_seconds(i64::try_from(seconds).ok()?);
    let stagnant = stage.stagnant_after_seconds.and_then(span);
    match list {
        WorklistName::Push if working => {
            stage.next_action.as_ref().and_then(|next| span(next.deadline_seconds)).or(stagnant)
        }
        WorklistName::Supervise if working => Some(TimeDelta::zero()),
        WorklistName::Stalled | WorklistName::GiveUp => stagnant,
        _ => None,
    }
}
