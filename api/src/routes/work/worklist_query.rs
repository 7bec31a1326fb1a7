//! What a worklist asks the read models: whom it looks at, as of which instant, from which place on.

use std::fmt;
use std::str::FromStr as _;

use chrono::{DateTime, Datelike as _, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::Caller;
use crate::domain::Label;
use crate::domain::pipeline::{Pipeline, Stage};
use crate::http::{AsOfParams, Page, RepName};
use crate::problem::Problem;
use crate::projections::board::RulesAsOf;
use crate::projections::work::{
    ContactFilter, PipelinesThen, StageAgeFilter, WorkCursor, WorkPage, WorkScope,
};
use crate::projections::{AsOf, ProjectionError};
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

impl WorklistName {
    /// The list that a path names.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "today" => Self::Today,
            "overdue" => Self::Overdue,
            "stalled" => Self::Stalled,
            "push" => Self::Push,
            "give-up" => Self::GiveUp,
            "supervise" => Self::Supervise,
            _ => return None,
        })
    }
}

/// What is asked for.
pub(super) struct WorklistQuery {
    list: WorklistName,
    params: WorklistParams,
    /// The instant that the list is of, the same on every page.
    pub(super) now: DateTime<Utc>,
    /// The moment of the past that was asked about; none for the present.
    then: Option<AsOf>,
    pipelines: PipelinesThen,
    whose: WorkScope,
    after: Option<WorkCursor>,
    limit: u32,
}

impl WorklistQuery {
    /// Once the read models are as far as was asked.
    pub(super) async fn of(
        state: &AppState,
        caller: &Caller,
        list: WorklistName,
        (params, as_of, page): (WorklistParams, &AsOfParams, &Page),
    ) -> Result<Self, Problem> {
        as_of.wait(state, caller, "work").await?;
        let at = as_of.at(state, caller, "board").await?;
        let then = (!as_of.is_now()).then_some(at);
        let limit = page.limit()?;
        let mark = page.cursor().map(PageMark::read).transpose()?;
        // A mark of the future is nobody's that we gave.
        let begun = mark.as_ref().filter(|_| then.is_none()).map(|mark| mark.now);
        let now = begun.map_or(at.effective_at, |begun| begun.min(at.effective_at));
        let whose = WorkScope {
            owner: people::known(state, caller, "owner", params.owner.as_ref()).await?,
            not_between: params.suppress_if_next_action_within.map(|days| {
                let soon = now.checked_add_signed(TimeDelta::days(days.into()));
                (now, soon.unwrap_or(DateTime::<Utc>::MAX_UTC))
            }),
            sub_status: known::sub_statuses(state, caller, params.sub_status.clone()).await?,
            visibility: state.app.visibility(caller).await?,
        };
        let pipelines = match &then {
            None => state.app.pipelines.latest(caller.tenant).await?.as_ref().clone(),
            Some(at) => {
                let moment = (at.effective_at, at.known_at);
                state.app.pipelines.in_force_then(caller.tenant, moment).await?
            }
        };
        let after = mark.map(|mark| mark.place);
        Ok(Self { list, params, now, then, pipelines, whose, after, limit })
    }

    /// The instant of knowledge: where none was asked about, that of the list.
    pub(super) fn known_at(&self) -> DateTime<Utc> {
        self.then.map_or(self.now, |at| at.known_at)
    }

    /// A page of the customers on it.
    pub(super) async fn page(&self, state: &AppState, caller: &Caller) -> Result<WorkPage, Problem> {
        let (projections, after, limit) = (&state.app.projections, self.after.as_ref(), self.limit);
        if let Some(at) = &self.then {
            return self.page_then(state, caller, at).await;
        }
        if let Some(contacts) = self.contacts(state)? {
            return Ok(projections.work(caller.tenant).await?.contacts(&contacts, after, limit).await?);
        }
        let stages = self.stages()?;
        Ok(projections.standings(caller.tenant).await?.long_standing(&stages, after, limit).await?)
    }

    /// The same at a moment of the past.
    async fn page_then(&self, state: &AppState, caller: &Caller, at: &AsOf) -> Result<WorkPage, Problem> {
        let definitions = state.app.definitions_then(caller.tenant, at).await?;
        let rules: RulesAsOf<'_> = &|owner, journey| definitions.rules(owner, journey);
        let (then, after) = ((&self.pipelines, rules, at), self.after.as_ref());
        let mut work = state.app.projections.work(caller.tenant).await?;
        Ok(match self.contacts(state)? {
            Some(contacts) => work.contacts_then(&contacts, then, after, self.limit).await?,
            None => work.long_standing_then(&self.stages()?, then, after, self.limit).await?,
        })
    }

    /// The cursor of the page that begins at a place.
    pub(super) fn cursor(&self, place: WorkCursor) -> String {
        PageMark { now: self.now, place }.to_string()
    }

    /// Which contacts are waited for, where the list goes by them and not by stages.
    fn contacts(&self, state: &AppState) -> Result<Option<ContactFilter>, Problem> {
        let (from, until, touched) = match self.list {
            WorklistName::Today => {
                let (from, until) = self.today(state)?;
                (Some(from), until, true)
            }
            WorklistName::Overdue => (None, self.now, false),
            WorklistName::Stalled | WorklistName::Push | WorklistName::GiveUp | WorklistName::Supervise => {
                return Ok(None);
            }
        };
        Ok(Some(ContactFilter { from, until, touched, whose: self.whose.clone() }))
    }

    /// The rep's local date, as instants.
    fn today(&self, state: &AppState) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
        let zone = match &self.params.timezone {
            Some(name) => Tz::from_str(name).map_err(|_| {
                let message = Label::new(
                    "应为 IANA 时区名称，例如 Asia/Shanghai。",
                    "Must be an IANA time zone, such as Asia/Shanghai.",
                );
                Problem::invalid_value("timezone", message)
            })?,
            None => {
                let pool = self.pipelines.values().find_map(|pipeline| pipeline.default_pool());
                pool.map_or(Tz::UTC, |pool| pool.timezone)
            }
        };
        let zones = &state.app.zones;
        let date = zones.local(zone, self.now).date();
        Ok((zones.start_of_day(zone, date), zones.start_of_day(zone, date + Days::new(1))))
    }

    /// The stages that the list looks at, each by the list's measure.
    fn stages(&self) -> Result<Vec<StageAgeFilter>, Problem> {
        let pipelines: Vec<_> = match &self.params.pipeline {
            Some(key) => {
                vec![self.pipelines.get(key).ok_or_else(|| Problem::not_found("pipeline", key))?]
            }
            None => self.pipelines.values().collect(),
        };
        let tiers: Vec<String> = match &self.params.tiers {
            Some(tiers) => tiers.split(',').map(str::to_owned).collect(),
            None => HIGH.iter().map(|tier| (*tier).to_owned()).collect(),
        };
        let all =
            pipelines.iter().flat_map(|pipeline| pipeline.stages.iter().map(move |stage| (pipeline, stage)));
        Ok(all.filter_map(|(pipeline, stage)| self.stage(pipeline, stage, &tiers)).collect())
    }

    /// Who is looked at in a stage; none where the list does not look at it.
    fn stage(&self, pipeline: &Pipeline, stage: &Stage, tiers: &[String]) -> Option<StageAgeFilter> {
        let (list, now) = (self.list, self.now);
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
            tiers: (list == WorklistName::Push).then(|| tiers.to_vec()),
            silent_until,
            overdue_until,
            now,
            whose: self.whose.clone(),
        })
    }
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
