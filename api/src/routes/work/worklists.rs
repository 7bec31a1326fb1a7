//! Lists of customers who wait for somebody. Three clocks, each under its own name: since the stage was entered, since
//! anything was recorded, and since the customer was registered.

use std::str::FromStr as _;

use axum::extract::State;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::name_for;
use crate::app::{AppError, Caller};
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::pipeline::{Pipeline, Stage, StageType};
use crate::eventstore::Position;
use crate::http::answer::Reading;
use crate::http::page;
use crate::http::{Freshness, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::{StandingFilter, WaitingReport};
use crate::routes::Site;

/// How many customers of one stage are looked at.
const LOOKED_AT: u32 = 10_000;
/// The tiers of high intent, unless others are named.
const HIGH: &[&str] = &["A", "VIP", "high"];
/// After how many days of silence a supervisor is to step in, unless others are named.
const SILENT_DAYS: u32 = 7;

/// Whose customers are wanted, and by which measures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this rep; of everybody when absent.
    owner: Option<String>,
    /// In this pipeline; in all when absent. Lists by next contact look at no pipeline.
    pipeline: Option<String>,
    /// The rep's IANA zone, whose local date `today` is; the zone of the first pipeline's default pool when absent.
    timezone: Option<String>,
    /// The tiers of high intent, for `push`: separated by commas; `A,VIP,high` when absent.
    tiers: Option<String>,
    /// Leaves out who is to be contacted within so many days.
    suppress_if_next_action_within: Option<u32>,
    /// How many items at most: 50 unless given, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Which {
    /// To be contacted on the rep's local date.
    Today,
    /// To be contacted before now.
    Overdue,
    /// In their stage for longer than it allows.
    Stalled,
    /// High intent, and longer in their stage than it aims at, without having gone back.
    Push,
    /// Stalled and silent for twice as long, and nothing is planned.
    GiveUp,
    /// A rep's, silent for days or overdue for as long: somebody is to step in.
    Supervise,
}

/// A list of customers who wait.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Worklist {
    /// Which list it is.
    list: Which,
    /// The instant that it is of.
    effective_at: DateTime<Utc>,
    /// The customers, the longest waiting first.
    items: Vec<Waiting>,
    /// How many there are, shown or not.
    total: usize,
}

/// A customer that waits.
#[derive(Debug, Serialize, ToSchema)]
struct Waiting {
    #[serde(flatten)]
    customer: WaitingReport,
    /// Since it entered its stage; null in lists that look at no stage.
    since_stage_entry_seconds: Option<f64>,
    /// Since anything was recorded of it, its entry into the stage included.
    since_last_activity_seconds: f64,
    /// Since it was registered.
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

/// Show a list of work
///
/// `today`, `overdue`, `stalled`, `push`, `give-up` or `supervise`.
#[utoipa::path(
    get, path = "/v1/worklists/{list}", tag = "work",
    params(("list" = Which, Path, description = "Which list."), Asked, Freshness),
    responses(
        (status = 200, description = "The list.", body = Worklist),
        (status = 404, description = "There is no such list or pipeline.", body = ProblemDocument),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn worklist(
    State(site): State<Site>,
    Authority(caller): Authority,
    Key(name): Key,
    Query(asked, freshness, ..): Query<Asked, Freshness>,
) -> Result<Reading<Worklist>, Problem> {
    let list = which(&name).ok_or_else(|| Problem::not_found("worklist", &name))?;
    freshness.wait(&site, &caller, "work").await?;
    let limit = page::limit(asked.limit)? as usize;
    let now = (site.app.clock)();
    let (mut found, position) = match list {
        Which::Today => {
            let (from, until) = today(&site, &caller, &asked, now).await?;
            planned(&site, &caller, &asked, Some(from), until).await?
        }
        Which::Overdue => planned(&site, &caller, &asked, None, now).await?,
        _ => standing(&site, &caller, &asked, list, now).await?,
    };
    if let Some(days) = asked.suppress_if_next_action_within {
        let soon = now + TimeDelta::days(days.into());
        found.retain(|one| one.next_contact_at.is_none_or(|at| at < now || at > soon));
    }
    let total = found.len();
    found.truncate(limit);
    let items = found.into_iter().map(|mut customer| {
        customer.customer_name = name_for(&caller.actor, customer.customer_name.take());
        Waiting {
            since_stage_entry_seconds: customer.entered_at.map(|at| seconds(now - at)),
            since_last_activity_seconds: seconds(now - last_touched(&customer)),
            age_seconds: seconds(now - customer.created_at),
            customer,
        }
    });
    let body = Worklist { list, effective_at: now, items: items.collect(), total };
    Ok(Reading { position, body })
}

fn which(name: &str) -> Option<Which> {
    Some(match name {
        "today" => Which::Today,
        "overdue" => Which::Overdue,
        "stalled" => Which::Stalled,
        "push" => Which::Push,
        "give-up" => Which::GiveUp,
        "supervise" => Which::Supervise,
        _ => return None,
    })
}

/// The rep's local date, as instants.
async fn today(
    site: &Site,
    caller: &Caller,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
    let zone = match &asked.timezone {
        Some(name) => Tz::from_str(name).map_err(|_| {
            let message = Label::new("不是IANA时区名称。", "It is not the name of an IANA zone.");
            Problem::invalid_value("timezone", message)
        })?,
        None => {
            let pipelines = site.app.pipelines.latest(caller.tenant).await?;
            let pool = pipelines.values().find_map(|pipeline| pipeline.default_pool());
            pool.map_or(Tz::UTC, |pool| pool.timezone)
        }
    };
    let date = now.with_timezone(&zone).date_naive();
    let start = |date: chrono::NaiveDate| {
        let midnight = date.and_time(NaiveTime::MIN);
        // Where clocks jump over midnight the day begins after the jump.
        let local = (0..=24 * 4).map(|quarters| midnight + TimeDelta::minutes(15 * quarters));
        let first = local.filter_map(|time| zone.from_local_datetime(&time).earliest()).next();
        first.map_or_else(|| midnight.and_utc(), |start| start.with_timezone(&Utc))
    };
    Ok((start(date), start(date + Days::new(1))))
}

async fn planned(
    site: &Site,
    caller: &Caller,
    asked: &Asked,
    from: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
) -> Result<(Vec<WaitingReport>, Position), AppError> {
    let (owner, sight) = (asked.owner.as_deref(), site.app.sight(caller).await?);
    Ok(site.app.projections.contacts(caller.tenant, from, until, owner, LOOKED_AT, &sight).await?)
}

/// Those who stand somewhere for too long, by the measure of the list.
async fn standing(
    site: &Site,
    caller: &Caller,
    asked: &Asked,
    list: Which,
    now: DateTime<Utc>,
) -> Result<(Vec<WaitingReport>, Position), AppError> {
    let pipelines: Vec<_> = match &asked.pipeline {
        Some(key) => vec![site.app.pipelines.find(caller.tenant, key, None).await?],
        None => site.app.pipelines.latest(caller.tenant).await?.values().cloned().collect(),
    };
    let tiers: Vec<&str> = asked.tiers.as_deref().map_or(HIGH.to_vec(), |tiers| tiers.split(',').collect());
    let (mut found, mut position) = (Vec::new(), Position::MAX);
    for (pipeline, stage) in pipelines.iter().flat_map(|pipeline| stages(pipeline)) {
        let Some(measure) = measure(stage, list) else { continue };
        let filter = StandingFilter {
            journey: pipeline.key.clone(),
            stage: stage.id.clone(),
            entered_until: now - measure,
            owner: asked.owner.clone(),
            sight: site.app.sight(caller).await?,
        };
        let (items, reached) = site.app.projections.long_standing(caller.tenant, &filter, LOOKED_AT).await?;
        position = position.min(reached);
        found.extend(items.into_iter().filter(|one| belongs(one, list, measure, &tiers, now)));
    }
    if position == Position::MAX {
        let sight = site.app.sight(caller).await?;
        (_, position) = site.app.projections.contacts(caller.tenant, Some(now), now, None, 1, &sight).await?;
    }
    found.sort_by_key(|one| (one.entered_at, one.customer_id));
    Ok((found, position))
}

fn stages(pipeline: &Pipeline) -> impl Iterator<Item = (&Pipeline, &Stage)> {
    pipeline.stages.iter().map(move |stage| (pipeline, stage))
}

/// From which time in a stage on a customer is looked at; none where the list does not look at the stage.
fn measure(stage: &Stage, list: Which) -> Option<TimeDelta> {
    let working = matches!(stage.kind, StageType::Open | StageType::Partial);
    let span = |seconds: u64| TimeDelta::try_seconds(i64::try_from(seconds).ok()?);
    let stagnant = stage.stagnant_after_seconds.and_then(span);
    match list {
        Which::Push if working => {
            stage.next_action.as_ref().and_then(|next| span(next.deadline_seconds)).or(stagnant)
        }
        Which::Supervise if working => Some(TimeDelta::zero()),
        Which::Stalled | Which::GiveUp => stagnant,
        _ => None,
    }
}

fn belongs(one: &WaitingReport, list: Which, measure: TimeDelta, tiers: &[&str], now: DateTime<Utc>) -> bool {
    let silent = now - last_touched(one);
    let planned = one.next_contact_at.is_some_and(|at| at >= now);
    match list {
        Which::Push => !one.went_back && one.tier.as_deref().is_some_and(|tier| tiers.contains(&tier)),
        Which::GiveUp => !planned && silent >= measure + measure,
        Which::Supervise => {
            let days = TimeDelta::days(SILENT_DAYS.into());
            let overdue = one.next_contact_at.is_some_and(|at| now - at >= days);
            one.owner.kind == "rep" && (overdue || (!planned && silent >= days))
        }
        Which::Today | Which::Overdue | Which::Stalled => true,
    }
}
