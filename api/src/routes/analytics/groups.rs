//! Reports in groups: the one way in which reports are divided.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Caller;
use crate::domain::Label;
use crate::domain::field::Fields;
use crate::problem::Problem;
use crate::projections::dwell::Window;
use crate::projections::reports::Definition;
use crate::projections::reports::groups::{Counted, Group, GroupKey, GroupsQuery};
use crate::projections::stats::proportion::SMALL;
use crate::projections::{AsOf, CohortFilter};
use crate::routes::{AppState, fields};

/// The most groups of an answer.
const MOST_GROUPS: usize = 500;

/// The keys by which a report of one instant is divided.
pub(super) fn keys_of_an_instant(given: Option<&str>) -> Result<Vec<GroupKey>, Problem> {
    let keys = keys_of(given)?;
    if keys.iter().any(GroupKey::is_of_time) {
        let message = Label::new(
            "此报表只看一个时刻，没有可按月或按季划分的时间窗。",
            "This report is of one instant: it has no window that months or quarters could divide.",
        );
        return Err(Problem::invalid_value("group_by", message));
    }
    Ok(keys)
}

/// Refuses to divide a report that has no groups, for a reason.
pub(super) fn undivided(given: Option<&str>, why: Label) -> Result<(), Problem> {
    if given.is_some() { Err(Problem::invalid_value("group_by", why)) } else { Ok(()) }
}

/// The keys that a text names.
pub(super) fn keys_of(given: Option<&str>) -> Result<Vec<GroupKey>, Problem> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let keys: Option<Vec<GroupKey>> = given.split(',').map(GroupKey::parse).collect();
    let is_valid = |keys: &Vec<GroupKey>| {
        keys.len() <= 2
            && keys.first() != keys.get(1)
            && !(keys.contains(&GroupKey::Month) && keys.contains(&GroupKey::Quarter))
    };
    keys.filter(is_valid).ok_or_else(|| {
        let words: Vec<_> = GroupKey::all().map(|key| key.word().into_owned()).collect();
        let message = Label::new(
            format!("应为以下至多两个不同的值，以逗号分隔：{}、field:KEY。", words.join("、")),
            format!("Must be at most two different values of: {}, field:KEY.", words.join(", ")),
        );
        Problem::invalid_value("group_by", message)
    })
}

/// Whose report it is, of which pipeline, and what it counts.
#[derive(Clone, Copy)]
pub(super) struct ReportOf<'a> {
    pub(super) state: &'a AppState,
    pub(super) caller: &'a Caller,
    pub(super) definition: &'a Definition,
    pub(super) counted: Counted,
}

impl<'a> ReportOf<'a> {
    /// A report that counts customers, or their cycles.
    pub(super) fn customers(state: &'a AppState, caller: &'a Caller, definition: &'a Definition) -> Self {
        Self { state, caller, definition, counted: Counted::Customers }
    }
}

/// One report: of these two times, customers and window.
pub(super) type Run<'a, R> =
    &'a (dyn Fn(AsOf, CohortFilter, Window) -> BoxFuture<'a, Result<R, Problem>> + Send + Sync);

/// The two times of a report and of its groups, so that all are of what is known at one position; and the groups, none where there
/// are no keys. Who counted at an earlier moment is in a group, too.
pub(super) async fn divide(
    of: ReportOf<'_>,
    keys: Vec<GroupKey>,
    (at, filter, window): (AsOf, &CohortFilter, Window),
    earlier: Vec<AsOf>,
) -> Result<(AsOf, Option<Vec<Group>>), Problem> {
    let ReportOf { state, caller, definition, counted } = of;
    let named: Vec<&str> = keys.iter().filter_map(GroupKey::field).collect();
    let declared = match named.is_empty() {
        true => Fields::default(),
        false => fields::readable(state, caller, &at, "group_by", &named).await?,
    };
    let mut reports = state.app.projections.reports(caller.tenant).await?;
    let at = AsOf { known_position: at.known_position.or(Some(reports.position())), ..at };
    if keys.is_empty() {
        return Ok((at, None));
    }
    let teams = teams(state, caller, &at).await?;
    let query = GroupsQuery { at, earlier, counted, filter: filter.clone(), window, keys, teams, declared };
    let groups = reports.groups(definition, &query).await?;
    if groups.len() > MOST_GROUPS {
        let message = Label::new(
            format!("分组多于 {MOST_GROUPS} 个；请缩小范围或减少分组键。"),
            format!("There are more than {MOST_GROUPS} groups; narrow the filter or use fewer keys."),
        );
        return Err(Problem::invalid_value("group_by", message));
    }
    Ok((at, Some(groups)))
}

/// The report of one group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct GroupReport<R> {
    /// The value of each key of `group_by`; null where the customers have none.
    key: BTreeMap<String, Option<String>>,
    /// How many customers are in the group.
    members: usize,
    /// Whether they are fewer than 20: then its figures tell little.
    small: bool,
    /// The report.
    #[serde(flatten)]
    report: R,
}

impl<R> GroupReport<R> {
    pub(super) fn of(group: &Group, report: R) -> Self {
        Self { key: group.key.clone(), members: group.members, small: is_small(group), report }
    }
}

/// Whether a group is so small that its figures tell little.
pub(super) fn is_small(group: &Group) -> bool {
    (group.members as f64) < SMALL
}

/// A report, in groups where that was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct InGroups<R> {
    /// The report.
    #[serde(flatten)]
    pub(super) report: R,
    /// With `group_by`: the report of each group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<Vec<GroupReport<R>>>,
}

impl<R> InGroups<R> {
    /// The report alone.
    pub(super) fn whole(report: R) -> Self {
        Self { report, groups: None }
    }
}

/// The report, and that of each group where there are keys: all of what is known at one position.
pub(super) async fn grouped<R>(
    of: ReportOf<'_>,
    keys: Vec<GroupKey>,
    (at, filter, window): (AsOf, CohortFilter, Window),
    run: Run<'_, R>,
) -> Result<InGroups<R>, Problem> {
    if keys.is_empty() {
        return Ok(InGroups::whole(run(at, filter, window).await?));
    }
    let (at, groups) = divide(of, keys, (at, &filter, window), Vec::new()).await?;
    let report = run(at, filter, window).await?;
    let mut each = Vec::new();
    for group in groups.unwrap_or_default() {
        let report = run(at, group.filter.clone(), group.window).await?;
        each.push(GroupReport::of(&group, report));
    }
    Ok(InGroups { report, groups: Some(each) })
}

/// The same of a report that may be of several pipelines: only that of one is divided.
pub(super) async fn grouped_of_one<R>(
    (state, caller, definitions): (&AppState, &Caller, &[Definition]),
    keys: Vec<GroupKey>,
    asked: (AsOf, CohortFilter, Window),
    run: Run<'_, R>,
) -> Result<InGroups<R>, Problem> {
    match definitions {
        [only] => grouped(ReportOf::customers(state, caller, only), keys, asked, run).await,
        _ if !keys.is_empty() => Err(Problem::missing_parameter("pipeline")),
        _ => Ok(InGroups::whole(run(asked.0, asked.1, asked.2).await?)),
    }
}

/// The team of each rep, at the instant asked about.
async fn teams(state: &AppState, caller: &Caller, at: &AsOf) -> Result<BTreeMap<String, String>, Problem> {
    let company = state.app.companies.then(caller.tenant, at.effective_at, at.known_position).await?;
    let members = company
        .people
        .teams
        .iter()
        .flat_map(|(key, team)| team.members.iter().map(move |member| (member.clone(), key.clone())));
    Ok(members.collect())
}
