//! Reports in groups, and beside the same report of another window.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::groups::{GroupReport, ReportOf, Run, divide, keys_of};
use crate::app::Caller;
use crate::domain::Label;
use crate::domain::pipeline::version::{Publication, Versions};
use crate::http::Instant;
use crate::problem::Problem;
use crate::projections::dwell::Window;
use crate::projections::reports::Definition;
use crate::projections::reports::compare::{Comparable, Difference, with_q_values};
use crate::projections::reports::groups::GroupKey;
use crate::projections::{AsOf, CohortFilter};
use crate::routes::AppState;
use crate::routes::filter::window_of;

/// The time window, and how the report is divided or held beside another one.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SplitWindowParams {
    /// Start of the window (inclusive).
    from: Option<Instant>,
    /// End of the window (exclusive). Without it, the window ends with `effective_at`, inclusive.
    to: Option<Instant>,
    /// Also return the report for each group: up to two of `owner`, `team`, `source`, `channel`, `tier`,
    /// {texts that reports look at}, `version`, `sub_status`, `lost_reason` (with which the last cycle was lost), `month`, `quarter` and `field:KEY`
    /// (what the custom field of that key holds), separated by a comma. Customers are grouped as they were at `effective_at`; stays,
    /// where stays are counted, by their own `sub_status`: the one in which they ended, or stand. Months and quarters divide the window, in UTC.
    #[param(example = "owner,month")]
    group_by: Option<String>,
    /// Also return the report for the window that begins here, with the difference and its test.
    compare_from: Option<Instant>,
    /// The end of that window (exclusive). With `compare_from` alone, it ends where the window of the report begins.
    compare_to: Option<Instant>,
    /// Before and after a change of the definition, its rules or its pools: the report is of the time in which this version
    /// was in force for everybody, and is compared with the time of the version before it. Instead of `from`, `to`,
    /// `compare_from` and `compare_to`; `compared_versions` names both times.
    #[param(minimum = 2)]
    compare_version: Option<u32>,
}

/// The time in which a version was in force for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct VersionSpan {
    /// The version.
    version: u32,
    /// When it took force (inclusive).
    from: DateTime<Utc>,
    /// When the next one did (exclusive), or the instant asked about.
    to: DateTime<Utc>,
}

impl VersionSpan {
    fn window(self) -> Window {
        Window { from: Some(self.from), to: Some(self.to) }
    }
}

/// The times of a version and of the one before it, of those that were published by an instant.
fn spans(versions: &Versions, version: u32, at: &AsOf) -> Option<[VersionSpan; 2]> {
    let known = |one: &&Publication| {
        one.team.is_none() && one.published_at <= at.known_at && one.in_force_from <= at.effective_at
    };
    let mut all: Vec<&Publication> = versions.all().iter().filter(known).collect();
    // Of two that take force at one instant the later one counts.
    all.sort_by_key(|one| (one.in_force_from, one.pipeline.version));
    all.dedup_by(|later, earlier| {
        let same = later.in_force_from == earlier.in_force_from;
        if same {
            *earlier = later;
        }
        same
    });
    let ends = all.iter().skip(1).map(|next| next.in_force_from).chain([at.effective_at]);
    let span = |(one, to): (&&Publication, DateTime<Utc>)| VersionSpan {
        version: one.pipeline.version,
        from: one.in_force_from,
        to,
    };
    let each: Vec<VersionSpan> = all.iter().zip(ends).map(span).collect();
    let pair = each.windows(2).find(|pair| pair[1].version == version)?;
    Some([pair[1], pair[0]])
}

impl SplitWindowParams {
    /// The window.
    pub(super) fn window(&self) -> Result<Window, Problem> {
        window_of("to", self.from, self.to)
    }

    /// The times of the versions that are compared, where that was asked for.
    fn spans(&self, versions: &Versions, at: &AsOf) -> Result<Option<[VersionSpan; 2]>, Problem> {
        let Some(version) = self.compare_version else { return Ok(None) };
        if [self.from, self.to, self.compare_from, self.compare_to].iter().any(Option::is_some) {
            let message = Label::new(
                "compare_version 不能与 from、to、compare_from、compare_to 同时使用。",
                "compare_version cannot be combined with from, to, compare_from or compare_to.",
            );
            return Err(Problem::invalid_value("compare_version", message));
        }
        let found = spans(versions, version, at);
        found.map(Some).ok_or_else(|| {
            let message = Label::new(
                "应为已对所有人生效、且之前还有其他版本的版本号。",
                "Must be a version that has been in force for everybody after another one.",
            );
            Problem::invalid_value("compare_version", message)
        })
    }

    /// Whether the report will be compared with another.
    pub(super) fn compares(&self) -> bool {
        self.compare_parameter().is_some()
    }

    /// The first parameter that asks for a comparison.
    pub(super) fn compare_parameter(&self) -> Option<&'static str> {
        let given = [
            ("compare_from", self.compare_from.is_some()),
            ("compare_to", self.compare_to.is_some()),
            ("compare_version", self.compare_version.is_some()),
        ];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }

    /// Whether more than the report itself was asked for.
    fn is_split(&self) -> bool {
        self.group_by.is_some() || self.compares()
    }

    fn compared(&self) -> Result<Option<Window>, Problem> {
        if self.compare_from.is_none() && self.compare_to.is_none() {
            return Ok(None);
        }
        let to = self.compare_to.or(self.from);
        if to.is_none() {
            let message = Label::new(
                "只给出 compare_from 时须同时给出 from 或 compare_to。",
                "compare_from alone requires from or compare_to.",
            );
            return Err(Problem::invalid_value("compare_to", message));
        }
        Ok(Some(window_of("compare_to", self.compare_from, to)?))
    }

    /// By what; nothing where the report is not divided.
    pub(super) fn keys(&self) -> Result<Vec<GroupKey>, Problem> {
        keys_of(self.group_by.as_deref())
    }
}

/// The report of another window, with what differs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Compared<R> {
    /// The report.
    #[serde(flatten)]
    report: R,
    /// The difference of the report's main figure; null where it has none, or either has nothing to go by.
    difference: Option<Difference>,
    /// All differences that were tested.
    differences: Vec<Difference>,
}

/// The report of one group, beside another window where that was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ComparedGroup<R> {
    /// The group.
    #[serde(flatten)]
    group: GroupReport<R>,
    /// The same group in the other window.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared<R>>,
}

/// A report, in groups and beside another one where that was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Split<R> {
    /// The report.
    #[serde(flatten)]
    report: R,
    /// With `group_by`: the report of each group.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<ComparedGroup<R>>>,
    /// With `compare_from` or `compare_to`: the report of the other window.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Compared<R>>,
    /// With `compare_version`: the times in which that version and the one before it were in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_versions: Option<[VersionSpan; 2]>,
}

impl<R> Split<R> {
    /// The report alone.
    fn whole(report: R) -> Self {
        Self { report, groups: None, compared: None, compared_versions: None }
    }

    /// The report itself.
    pub(super) fn report(&self) -> &R {
        &self.report
    }
}

/// The report, and the others that were asked for with it: all of what is known at one position.
pub(super) async fn split<R: Comparable>(
    of: ReportOf<'_>,
    asked: &SplitWindowParams,
    (at, filter): (AsOf, CohortFilter),
    run: Run<'_, R>,
) -> Result<Split<R>, Problem> {
    let (mut window, mut compared, keys) = (asked.window()?, asked.compared()?, asked.keys()?);
    let compared_versions = asked.spans(&of.definition.versions, &at)?;
    if let Some([after, before]) = compared_versions {
        (window, compared) = (after.window(), Some(before.window()));
    }
    if compared.is_none() && keys.is_empty() {
        let report = run(at, filter, window).await?;
        return Ok(Split::whole(report));
    }
    let (at, groups) = divide(of, keys, (at, &filter, window), Vec::new()).await?;
    let report = run(at, filter.clone(), window).await?;
    let mut beside = match compared {
        Some(other) => Some(compare(&report, run(at, filter, other).await?)),
        None => None,
    };
    let mut grouped = Vec::new();
    for group in groups.iter().flatten() {
        let report = run(at, group.filter.clone(), group.window).await?;
        let compared = match compared {
            Some(other) => Some(compare(&report, run(at, group.filter.clone(), other).await?)),
            None => None,
        };
        grouped.push(ComparedGroup { group: GroupReport::of(group, report), compared });
    }
    let of_groups = grouped.iter_mut().filter_map(|group| group.compared.as_mut());
    judge(beside.iter_mut().chain(of_groups));
    Ok(Split { report, groups: groups.map(|_| grouped), compared: beside, compared_versions })
}

/// The same of a report that may be of several pipelines: only that of one is divided, or compared.
pub(super) async fn split_of_one<R: Comparable>(
    (state, caller, definitions): (&AppState, &Caller, &[Definition]),
    asked: &SplitWindowParams,
    (at, filter): (AsOf, CohortFilter),
    run: Run<'_, R>,
) -> Result<Split<R>, Problem> {
    match definitions {
        [only] => split(ReportOf::customers(state, caller, only), asked, (at, filter), run).await,
        _ if asked.is_split() => Err(Problem::missing_parameter("pipeline")),
        _ => Ok(Split::whole(run(at, filter, asked.window()?).await?)),
    }
}

fn compare<R: Comparable>(report: &R, other: R) -> Compared<R> {
    Compared { differences: report.differences(&other), report: other, difference: None }
}

/// Judges all differences together, and names the main one of each report.
fn judge<'a, R: 'a>(compared: impl Iterator<Item = &'a mut Compared<R>>) {
    let mut all: Vec<&mut Compared<R>> = compared.collect();
    with_q_values(all.iter_mut().flat_map(|compared| &mut compared.differences));
    for compared in all {
        compared.difference = compared.differences.iter().find(|one| one.is_of_the_whole()).cloned();
    }
}
