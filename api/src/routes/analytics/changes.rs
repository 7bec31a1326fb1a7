//! What changed of a pipeline between two moments.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use utoipa::IntoParams;

use super::groups::{GroupReport, InGroups, ReportOf, divide, keys_of_an_instant};
use super::{definition, of_all};
use crate::app::Caller;
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::domain::instant;
use crate::domain::money::{Rates, decimals};
use crate::domain::pipeline::StageType;
use crate::eventstore::Position;
use crate::http::answer::AsOfResponse;
use crate::http::query::percent_encoded;
use crate::http::{AsOfParams, ConsistencyParams, Instant, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::Window;
use crate::projections::reports::changes::{
    ChangedCycles, ChangesQuery, MomentReport, WaterfallReport, read_place, write_place,
};
use crate::projections::reports::groups::{Group, GroupKey, Values};
use crate::projections::stats::changes::{ChangeKind, CycleId, Part};
use crate::projections::{AsOf, ProjectionError};
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// How long before the second moment the first one lies unless told otherwise.
const MONTH: TimeDelta = TimeDelta::days(30);

/// The two moments, and what is the value.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesParams {
    /// The first business instant: 30 days before the second one when absent.
    from_effective_at: Option<Instant>,
    /// What was recorded by this instant is known at the first moment; by `from_effective_at` when absent.
    from_known_at: Option<Instant>,
    /// What was recorded up to this position is known at the first moment, instead of `from_known_at`.
    from_known_position: Option<Position>,
    /// The second business instant; now when absent.
    to_effective_at: Option<Instant>,
    /// What was recorded by this instant is known at the second moment; everything when absent.
    to_known_at: Option<Instant>,
    /// What was recorded up to this position is known at the second moment, instead of `to_known_at`.
    to_known_position: Option<Position>,
    /// The second business instant, as other reports have it; instead of `to_effective_at`.
    effective_at: Option<Instant>,
    /// What was recorded by this instant is known at the second moment; instead of `to_known_at`.
    known_at: Option<Instant>,
    /// What was recorded up to this position is known at the second moment; instead of `to_known_position`.
    known_position: Option<Position>,
    /// The types of stage whose cycles are the value, separated by commas: `open,paused,dormant` by default.
    #[param(example = "open,paused")]
    types: Option<String>,
    /// A month or quarter: then the value is what is expected to close in it, as it was at each moment.
    #[param(example = "2026-Q4")]
    period: Option<String>,
    /// The currency to convert amounts into, each rounded by itself; as they were entered when absent.
    #[param(example = "CNY")]
    currency: Option<String>,
    /// The day of the exchange rates, or the last earlier day with rates; the day of the second instant when absent.
    #[param(example = "2026-11-02")]
    rate_date: Option<NaiveDate>,
    /// Also return the report for each group: up to two of `owner`, `team`, `source`, `channel`, `tier`,
    /// {texts that reports look at}, `version`, `sub_status`, `lost_reason` and `field:KEY`, separated by a comma. Customers are grouped as they
    /// were at the second moment, and those that are gone by then as they were before: each is in one group at both moments.
    #[param(example = "owner,tier")]
    group_by: Option<String>,
}

/// Which of the groups the customers behind a change are of: the values of its keys, as JSON.
#[derive(Debug, Clone, Deserialize)]
struct OneGroup {
    group: Option<String>,
}

impl ChangesParams {
    /// The second moment, and what stands before the names under which it was given.
    fn second(&self) -> Result<(&'static str, AsOfParams), Problem> {
        let plain = AsOfParams::moment(self.effective_at, self.known_at, self.known_position);
        let to = AsOfParams::moment(self.to_effective_at, self.to_known_at, self.to_known_position);
        if plain.is_now() {
            return Ok(("to_", to));
        }
        if to.is_now() {
            return Ok(("", plain));
        }
        let message = Label::new(
            "effective_at、known_at、known_position 与 to_ 开头的参数指同一时刻，只能给出其中一组。",
            "effective_at, known_at and known_position mean the same moment as the parameters that begin with to_: use one set.",
        );
        let given = [("effective_at", self.effective_at.is_some()), ("known_at", self.known_at.is_some())];
        let named = given.into_iter().find_map(|(name, is_given)| is_given.then_some(name));
        Err(Problem::invalid_value(named.unwrap_or("known_position"), message))
    }

    /// The two moments.
    async fn moments(&self, state: &AppState, caller: &Caller) -> Result<(AsOf, AsOf), Problem> {
        let (prefix, to) = self.second()?;
        let to = named(prefix, of_all(&to, state, caller).await)?;
        let first = self.from_effective_at.map_or_else(
            || to.effective_at.checked_sub_signed(MONTH).unwrap_or(DateTime::UNIX_EPOCH),
            |instant| instant.0,
        );
        let unsaid = self.from_known_at.is_none() && self.from_known_position.is_none();
        let known_at = if unsaid { Some(Instant(first)) } else { self.from_known_at };
        let from = AsOfParams::moment(Some(Instant(first)), known_at, self.from_known_position);
        let mut from = named("from_", from.at(state, caller, "dwell").await)?;
        if from.effective_at > to.effective_at {
            return Err(Problem::invalid_value("to_effective_at", before_the_first()));
        }
        if is_earlier(&to, &from) {
            if !unsaid {
                return Err(Problem::invalid_value("to_known_at", before_the_first()));
            }
            from = AsOf { known_at: to.known_at, known_position: to.known_position, ..from };
        }
        Ok((from, to))
    }

    fn types(&self) -> Result<Vec<StageType>, Problem> {
        let usual = |kind: &StageType| kind.is_open() || kind.rests();
        let Some(given) = &self.types else {
            return Ok(StageType::ALL.iter().copied().filter(usual).collect());
        };
        let wanted: Vec<&str> = given.split(',').collect();
        if !wanted.iter().all(|word| StageType::parse(word).is_some()) {
            let words: Vec<&str> = StageType::ALL.iter().map(|kind| kind.as_str()).collect();
            let message = Label::new(
                format!("应为以逗号分隔的阶段类型：{}。", words.join("、")),
                format!("Must be types of stage separated by commas: {}.", words.join(", ")),
            );
            return Err(Problem::invalid_value("types", message));
        }
        Ok(StageType::ALL.iter().copied().filter(|kind| wanted.contains(&kind.as_str())).collect())
    }

    fn period(&self) -> Result<Option<(NaiveDate, NaiveDate)>, Problem> {
        let Some(given) = &self.period else { return Ok(None) };
        period_of(given).map(Some).ok_or_else(|| {
            let message = Label::new(
                "应为月份（如 2026-11）或季度（如 2026-Q4）。",
                "Must be a month such as 2026-11 or a quarter such as 2026-Q4.",
            );
            Problem::invalid_value("period", message)
        })
    }

    /// The rates by which amounts are converted, where that is asked for.
    async fn rates(
        &self,
        state: &AppState,
        caller: &Caller,
        to: &AsOf,
    ) -> Result<Option<(Rates, String)>, Problem> {
        let Some(currency) = &self.currency else {
            if self.rate_date.is_some() {
                let message = Label::new(
                    "该参数仅与 currency 一起使用。",
                    "This parameter applies only with currency.",
                );
                return Err(Problem::invalid_value("rate_date", message));
            }
            return Ok(None);
        };
        if decimals(currency).is_none() {
            let message =
                Label::new("应为 ISO 4217 现行货币代码。", "Must be an active ISO 4217 currency code.");
            return Err(Problem::invalid_value("currency", message));
        }
        let company =
            state.app.companies.then(caller.tenant, DateTime::<Utc>::MAX_UTC, to.known_position).await?;
        let date = self.rate_date.unwrap_or_else(|| to.effective_at.date_naive());
        let none = || Rates { date, base: currency.clone(), rates: Default::default() };
        let rates = company.rates_on(date).cloned().unwrap_or_else(none);
        Ok(Some((rates, currency.clone())))
    }
}

/// The first and the last day of a month or quarter.
fn period_of(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let (year, rest) = text.split_once('-').filter(|(year, _)| year.len() == 4)?;
    let (month, months) = match rest.strip_prefix('Q') {
        Some(quarter) => {
            (quarter.parse::<u32>().ok().filter(|quarter| (1..=4).contains(quarter))? * 3 - 2, 3)
        }
        None => (Some(rest).filter(|rest| rest.len() == 2)?.parse().ok()?, 1),
    };
    let first = NaiveDate::from_ymd_opt(year.parse().ok()?, month, 1)?;
    let last = first.checked_add_months(chrono::Months::new(months))?.pred_opt()?;
    Some((first, last))
}

/// The problem with the name that the parameter has here.
fn named<T>(prefix: &str, answer: Result<T, Problem>) -> Result<T, Problem> {
    answer.map_err(|problem| problem.with_field_prefix(prefix))
}

fn before_the_first() -> Label {
    Label::new("第二个时刻早于第一个时刻。", "The second moment is before the first one.")
}

/// Whether the first of two moments knows less than the second.
fn is_earlier(to: &AsOf, from: &AsOf) -> bool {
    to.known_position.is_some_and(|to| from.known_position.is_none_or(|from| to < from))
}

/// What is asked, of the parameters as a request or a cursor gives them.
async fn question(
    state: &AppState,
    caller: &Caller,
    params: &ChangesParams,
    who: CustomerFilterParams,
) -> Result<ChangesQuery, Problem> {
    let (types, period) = (params.types()?, params.period()?);
    let (from, to) = params.moments(state, caller).await?;
    let convert = params.rates(state, caller, &to).await?;
    let filter = who.filter(state, caller, &to).await?;
    Ok(ChangesQuery { from, to, filter, types, period, convert })
}

/// Get what changed between two moments
///
/// A waterfall of the pipeline's value: the cycles whose stage is of one of the `types`, by count and by amount per
/// currency. A moment is a business instant and a state of knowledge. `learned` is what became known about the first
/// instant since the first moment, without the world changing: late entries, corrections, merges, erasures. `happened`
/// is what changed between the two instants, by what is known at the second moment. Every cycle stands in exactly one
/// count bucket of each; `amount_up` and `amount_down` are the changed amounts of those that stayed. Opening plus
/// learned is restated and restated plus happened is closing, exactly, in decimals per currency. Filters let a cycle
/// through as it was at each moment; `team` means the team's members at the second moment, and
/// custom fields are as they were then. In groups, the counts and amounts of all groups add up to those of the whole.
#[utoipa::path(
    get, path = "/v1/changes/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), ChangesParams, CustomerFilterParams, ConsistencyParams),
    responses(
        (status = 200, description = "The changes.", body = InGroups<WaterfallReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn changes(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(params, who, fresh, _): Query<ChangesParams, CustomerFilterParams, ConsistencyParams>,
) -> Result<AsOfResponse<InGroups<WaterfallReport>>, Problem> {
    let keys = keys_of_an_instant(params.group_by.as_deref())?;
    for model in ["board", "timeline", "dwell"] {
        fresh.wait(&state, &caller, model).await?;
    }
    let given = who.pairs();
    let mut query = question(&state, &caller, &params, who).await?;
    let definition = definition(&state, &caller, &key, &query.to).await?;
    let of = ReportOf::customers(&state, &caller, &definition);
    let groups = if keys.is_empty() { None } else { Some(groups_of(of, keys, &mut query).await?) };
    let asked = (&params, &given[..]);
    let mut body = InGroups::whole(waterfall(of, asked, &query, None).await?);
    for group in groups.iter().flatten() {
        let query = ChangesQuery { filter: group.filter.clone(), ..query.clone() };
        let report = waterfall(of, asked, &query, Some(group)).await?;
        body.groups.get_or_insert_default().push(GroupReport::of(group, report));
    }
    body.groups = body.groups.or(groups.map(|_| Vec::new()));
    Ok(AsOfResponse { position: body.report.position, body })
}

/// The report of all customers or of a group, with cursors that lead to the customers behind it.
async fn waterfall(
    of: ReportOf<'_>,
    (params, who): (&ChangesParams, &[(String, String)]),
    query: &ChangesQuery,
    group: Option<&Group>,
) -> Result<WaterfallReport, Problem> {
    let group = group.map(|group| of_values(&group.key));
    let cursor = |moments: [&MomentReport; 2], part, kind| {
        let query = pinned(params, (who, group.as_deref()), moments);
        Place { part, kind, after: None, query }.write()
    };
    let mut reports = of.state.app.projections.reports(of.caller.tenant).await?;
    Ok(reports.changes(of.definition, query, &cursor).await?)
}

/// The groups of all who count at the first moment, by what was known then or is known at the second one, or at the second moment;
/// which is pinned.
async fn groups_of(
    of: ReportOf<'_>,
    keys: Vec<GroupKey>,
    query: &mut ChangesQuery,
) -> Result<Vec<Group>, Problem> {
    let restated = AsOf { effective_at: query.from.effective_at, ..query.to };
    let asked = (query.to, &query.filter, Window::default());
    let (to, groups) = divide(of, keys, asked, vec![restated, query.from]).await?;
    query.to = to;
    Ok(groups.unwrap_or_default())
}

/// The values of a group's keys as a cursor has them.
fn of_values(values: &Values) -> String {
    json!(values).to_string()
}

/// List the customers behind a change
///
/// The cycles of one bucket of `GET /v1/changes/{pipeline}`, with their stages and amounts before and after. `cursor` is
/// the bucket's `customers`, or the `next_cursor` of the previous page; it pins the moments and filters of the question.
#[utoipa::path(
    get, path = "/v1/changes/{pipeline}/customers", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), Page),
    responses(
        (status = 200, description = "The cycles.", body = ChangedCycles),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn changed_customers(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(page, ..): Query<Page>,
) -> Result<AsOfResponse<ChangedCycles>, Problem> {
    let _ = state.app.pipelines.versions(caller.tenant, &key).await?;
    let limit = page.limit()? as usize;
    let place = Place::read(page.cursor().unwrap_or_default())?;
    // What is wrong in it, no client wrote as it stands there.
    let bad = |problem: Problem| match problem.status().is_client_error() {
        true => Problem::from(ProjectionError::BadCursor),
        false => problem,
    };
    let Query(params, who, OneGroup { group }, _) =
        Query::<ChangesParams, CustomerFilterParams, OneGroup>::read(&place.query).map_err(bad)?;
    let mut query = question(&state, &caller, &params, who).await.map_err(bad)?;
    let definition = definition(&state, &caller, &key, &query.to).await?;
    if let Some(wanted) = group {
        let keys = keys_of_an_instant(params.group_by.as_deref()).map_err(bad)?;
        let of = ReportOf::customers(&state, &caller, &definition);
        let groups = groups_of(of, keys, &mut query).await.map_err(bad)?;
        let found = groups.into_iter().find(|group| of_values(&group.key) == wanted);
        query.filter = found.ok_or(ProjectionError::BadCursor)?.filter;
    }
    let next = |after| Place { after: Some(after), ..place.clone() }.write();
    let wanted = (place.part, place.kind, place.after);
    let mut reports = state.app.projections.reports(caller.tenant).await?;
    let (mut body, position) = reports.changed_cycles(&definition, &query, wanted, limit, &next).await?;
    if !reads_people(&caller.actor) {
        body.items.iter_mut().for_each(|item| item.name = None);
    }
    Ok(AsOfResponse { position, body })
}

/// The question with its moments as they were answered: asked again, it has the same answer.
fn pinned(
    params: &ChangesParams,
    (who, group): (&[(String, String)], Option<&str>),
    [from, to]: [&MomentReport; 2],
) -> String {
    let mut pairs = who.to_vec();
    if let Some((keys, group)) = params.group_by.as_ref().zip(group) {
        pairs.push(("group_by".to_owned(), keys.clone()));
        pairs.push(("group".to_owned(), group.to_owned()));
    }
    for (name, value) in
        [("types", &params.types), ("period", &params.period), ("currency", &params.currency)]
    {
        pairs.extend(value.clone().map(|value| (name.to_owned(), value)));
    }
    pairs.extend(params.rate_date.map(|date| ("rate_date".to_owned(), date.to_string())));
    let moments = [
        ("from_effective_at", instant::text(from.effective_at)),
        ("from_known_position", from.known_position.to_string()),
        ("to_effective_at", instant::text(to.effective_at)),
        ("to_known_position", to.known_position.to_string()),
    ];
    pairs.extend(moments.map(|(name, value)| (name.to_owned(), value)));
    let pair =
        |(name, value): &(String, String)| format!("{}={}", percent_encoded(name), percent_encoded(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A place in the list behind a change: what a cursor says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    part: Part,
    kind: ChangeKind,
    after: Option<CycleId>,
    query: String,
}

impl Place {
    fn write(&self) -> String {
        let after = self.after.map(write_place).unwrap_or_default();
        let text = format!("{}/{}/{after}?{}", word(&self.part), word(&self.kind), self.query);
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(cursor: &str) -> Result<Self, ProjectionError> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
            let (place, query) = text.split_once('?')?;
            let mut words = place.splitn(3, '/');
            let (part, kind) = (of_word(words.next()?)?, of_word(words.next()?)?);
            let after = Some(words.next()?).filter(|after| !after.is_empty());
            let after = after.map(read_place).transpose().ok()?;
            Some(Self { part, kind, after, query: query.to_owned() })
        };
        read().ok_or(ProjectionError::BadCursor)
    }
}

/// The word that a value has in answers.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn of_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_anything_else_is_refused() {
        let place = Place {
            part: Part::Learned,
            kind: ChangeKind::KnownLate,
            after: Some((uuid::Uuid::from_u128(7), 2)),
            query: "tag=a%3Fb&from_known_position=3".to_owned(),
        };
        assert_eq!(Place::read(&place.write()).ok(), Some(place.clone()));
        let first = Place { after: None, ..place };
        assert_eq!(Place::read(&first.write()).ok(), Some(first));
        for cursor in ["", "x", "bGVhcm5lZA", "-1", &URL_SAFE_NO_PAD.encode("learned/soon/?")] {
            assert!(Place::read(cursor).is_err(), "{cursor}");
        }
    }

    #[test]
    fn a_period_is_a_month_or_a_quarter() {
        let days = |text| period_of(text).map(|(first, last)| format!("{first} {last}"));
        assert_eq!(days("2024-02").as_deref(), Some("2024-02-01 2024-02-29"));
        assert_eq!(days("2026-Q4").as_deref(), Some("2026-10-01 2026-12-31"));
        for text in ["2026", "2026-13", "2026-Q5", "2026-Q0", "2026-1", "26-01", "2026-11-01", "Q4-2026"] {
            assert_eq!(days(text), None, "{text}");
        }
    }

    #[test]
    fn a_pinned_question_keeps_its_filters_and_names_its_moments() {
        let moment = |known_position| MomentReport {
            effective_at: DateTime::UNIX_EPOCH,
            known_at: DateTime::UNIX_EPOCH,
            known_position,
        };
        let (from, to) = (moment(3), moment(9));
        let params = ChangesParams { currency: Some("CNY".to_owned()), ..ChangesParams::default() };
        let query = pinned(&params, (&[("tag".to_owned(), "a b".to_owned())], None), [&from, &to]);
        assert_eq!(
            query,
            "tag=a%20b&currency=CNY&from_effective_at=1970-01-01T00%3A00%3A00Z&from_known_position=3\
             &to_effective_at=1970-01-01T00%3A00%3A00Z&to_known_position=9"
        );
    }
}
