//! The ways customers go through a pipeline.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::Pipeline;
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::Versions;
use waymark_eventstore::Position;

use super::flows::began_in;
use super::{Kinds, Window, selected};
use crate::error::{ProjectionError, Result};
use crate::maturity::Maturity;
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::paths::{Conformance, Prefix, Prefixes, conformance, paths as figures};
use crate::stats::proportion::{SMALL, wilson};
use crate::stats::{JourneySet, Micros};

/// Where the paths lead: which journeys count, and how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every journey, to where it stands.
    #[default]
    Any,
    /// Those that were ever won, to their first stage of type won.
    Won,
    /// Those that were ever lost, to their first stage of type lost.
    Lost,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct PathsQuery {
    /// The two times.
    pub at: AsOf,
    /// The journeys that began in it.
    pub window: Window,
    /// Which customers.
    pub filter: CohortFilter,
    /// Where they lead.
    pub ending: Ending,
    /// How many paths come before the page.
    pub offset: usize,
    /// How many paths at most.
    pub limit: usize,
    /// The way that customers are to go, where that was said.
    pub standard: Option<StandardPath>,
    /// Whether all paths and their times are kept in the report, so that it can be compared with another.
    pub spans: bool,
}

/// Where a page of paths ended, and the moment that all pages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathsMark {
    /// How many paths come before the next page.
    pub offset: usize,
    /// The two times.
    pub at: AsOf,
}

impl PathsMark {
    /// The mark that a cursor is.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(cursor: &str) -> Result<Self> {
        let mut parts = cursor.split('.');
        let mut part = || parts.next().ok_or(ProjectionError::BadCursor);
        let instant = |text: &str| {
            let micros = text.parse().ok().and_then(DateTime::from_timestamp_micros);
            micros.filter(|at| (0..=9_999).contains(&at.year())).ok_or(ProjectionError::BadCursor)
        };
        let offset = part()?.parse().map_err(|_| ProjectionError::BadCursor)?;
        let (effective_at, known_at) = (instant(part()?)?, instant(part()?)?);
        let position = part()?.parse().ok().filter(|position| i64::try_from(*position).is_ok());
        let known_position = Some(position.ok_or(ProjectionError::BadCursor)?);
        Ok(Self { offset, at: AsOf { effective_at, known_at, known_position } })
    }
}

impl fmt::Display for PathsMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AsOf { effective_at, known_at, known_position } = self.at;
        let (effective, known) = (effective_at.timestamp_micros(), known_at.timestamp_micros());
        write!(f, "{}.{effective}.{known}.{}", self.offset, known_position.unwrap_or_default())
    }
}

/// The way that customers are to go, as somebody said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardPath {
    /// The stages, in order.
    pub stages: Vec<String>,
    /// Where that stands in the log.
    pub position: Position,
    /// When it was said.
    pub set_at: DateTime<Utc>,
    /// Who said it.
    pub set_by: String,
}

/// How journeys keep to the standard path, each up to its first deal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StandardReport {
    /// The stages, in order.
    pub stages: Vec<String>,
    /// When it was set.
    pub set_at: DateTime<Utc>,
    /// Who set it.
    pub set_by: String,
    /// Journeys that went along it to its end.
    pub completed: usize,
    /// Journeys on it that have not come to its end.
    pub under_way: usize,
    /// Journeys that follow it: completed and under way.
    pub following: usize,
    /// Their share of all journeys; null without any.
    pub share: Option<f64>,
    /// The share won of those that completed it and have ended, with Wilson's 95% interval; null where none has.
    pub win_rate: Option<WinRate>,
    /// Where the others left it, most frequent first.
    pub deviations: Vec<DeviationReport>,
}

/// Journeys that left the standard path in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeviationReport {
    /// The last stage of the path that they came to along it; null where they began elsewhere.
    pub stage: Option<String>,
    /// Where they went instead.
    pub to: String,
    /// How many.
    pub count: usize,
    /// Their share of all journeys that came to `stage` along the path; of all journeys where that is null.
    pub share: f64,
    /// Those that have been won.
    pub won: usize,
    /// Those that ended otherwise.
    pub lost: usize,
    /// The share won of those that have ended, with Wilson's 95% interval; null where none has.
    pub win_rate: Option<WinRate>,
}

impl StandardReport {
    fn of(
        standard: &StandardPath,
        journeys: &JourneySet,
        until: Micros,
        is_won: &dyn Fn(u32, u16) -> bool,
        is_over: &dyn Fn(u32, u16) -> bool,
    ) -> Self {
        let path: Vec<Option<u32>> =
            standard.stages.iter().map(|stage| journeys.stages.find(stage)).collect();
        let Conformance { completed, under_way, left, reached } =
            conformance(journeys, until, &path, is_won, is_over);
        let following = completed.count + under_way;
        let all = following + left.values().map(|left| left.count).sum::<usize>();
        let deviation = |((place, to), left): ((usize, u32), Prefix)| {
            let stage = place.checked_sub(1);
            let came = stage.map_or(all, |stage| reached[stage]);
            DeviationReport {
                stage: stage.map(|stage| standard.stages[stage].clone()),
                to: journeys.stages.text(to).to_owned(),
                count: left.count,
                share: left.count as f64 / came as f64,
                won: left.won,
                lost: left.lost,
                win_rate: WinRate::of(left),
            }
        };
        let mut deviations: Vec<DeviationReport> = left.into_iter().map(deviation).collect();
        deviations
            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.stage, &a.to).cmp(&(&b.stage, &b.to))));
        Self {
            stages: standard.stages.clone(),
            set_at: standard.set_at,
            set_by: standard.set_by.clone(),
            completed: completed.count,
            under_way,
            following,
            share: (all > 0).then(|| following as f64 / all as f64),
            win_rate: WinRate::of(completed),
            deviations,
        }
    }
}

/// A sequence of stages that journeys went through.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PathReport {
    /// The stages, in order.
    pub stages: Vec<String>,
    /// How many journeys.
    pub count: usize,
    /// Their share of all journeys counted.
    pub share: f64,
    /// The median time from the first record to the beginning of the last stay.
    pub median_seconds: f64,
    /// For each stage of the path, the journeys that began with the stages up to it, and how they have ended.
    pub prefixes: Vec<PrefixReport>,
}

/// The journeys that began with the stages of a path up to one of them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PrefixReport {
    /// The last of those stages.
    pub stage: String,
    /// How many journeys, whatever they did next.
    pub count: usize,
    /// Those that have been won.
    pub won: usize,
    /// Those that ended otherwise.
    pub lost: usize,
    /// The share won of those that have ended, with Wilson's 95% interval; null where none has.
    pub win_rate: Option<WinRate>,
    /// Whether it is known yet what becomes of them all.
    pub maturity: Maturity,
}

/// A share of journeys that were won.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct WinRate {
    /// The share.
    pub estimate: f64,
    /// The lower end of Wilson's 95% interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Whether it rests on fewer than 20.
    pub small: bool,
}

impl WinRate {
    /// None where none has ended.
    fn of(prefix: Prefix) -> Option<Self> {
        let ended = (prefix.won + prefix.lost) as f64;
        let share = wilson(prefix.won as f64, ended)?;
        Some(Self { estimate: share.share, low: share.low, high: share.high, small: ended < SMALL })
    }
}

impl PrefixReport {
    fn of(stage: &str, prefix: Prefix) -> Self {
        Self {
            stage: stage.to_owned(),
            count: prefix.count,
            won: prefix.won,
            lost: prefix.lost,
            win_rate: WinRate::of(prefix),
            maturity: Maturity::of(prefix.count, prefix.count.saturating_sub(prefix.won + prefix.lost)),
        }
    }
}

/// The paths through a pipeline, most frequent first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PathsReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// The pipeline versions that the records are of, in order.
    pub versions: Vec<u32>,
    /// Which journeys count.
    pub ending: Ending,
    /// How many different paths there are.
    pub distinct: usize,
    /// How many journeys.
    pub journeys: usize,
    /// The paths; ties in the order of their stage ids.
    pub paths: Vec<PathReport>,
    /// The cursor of the next page, which shows the same moment; null on the last page.
    pub next_cursor: Option<String>,
    /// How all journeys, whatever their outcome, keep to the standard path; null where none is set.
    pub standard: Option<StandardReport>,
    /// All journeys, whatever their outcome, each up to its first deal.
    #[serde(skip)]
    pub(crate) whole: Prefix,
    /// Of each path on whatever page the times from the first record to its end, where that was asked for.
    #[serde(skip)]
    pub(crate) spans: BTreeMap<Vec<String>, Vec<Micros>>,
}

impl DwellSnapshot {
    /// The paths of the journeys that began in a window (all, without one), at most `limit` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn paths(
        &mut self,
        pipeline: &Pipeline,
        versions: &Versions,
        query: &PathsQuery,
    ) -> Result<PathsReport> {
        let snapshot = &mut self.0;
        let PathsQuery { at, window, filter, ending, offset, limit, standard, spans } = query;
        let (journeys, _) = selected(snapshot, &pipeline.key, at, filter, false).await?;
        let journeys = began_in(journeys, window);
        let kinds = Kinds::of(&journeys, pipeline, versions);
        let wanted: Option<fn(StageType) -> bool> = match ending {
            Ending::Any => None,
            Ending::Won => Some(StageType::is_won),
            Ending::Lost => Some(StageType::is_lost),
        };
        let leads_there = |stage, version| {
            kinds.get(stage, version).zip(wanted).is_some_and(|(kind, is_wanted)| is_wanted(kind))
        };
        let paths = figures(&journeys, at.micros(), wanted.is_some().then_some(&leads_there));
        let total: usize = paths.iter().map(|path| path.count).sum();
        let distinct = paths.len();
        let is = |wanted: fn(StageType) -> bool| {
            let kinds = &kinds;
            move |stage, version| kinds.get(stage, version).is_some_and(wanted)
        };
        let is_over = |kind: StageType| kind.is_final() && !kind.is_won();
        let prefixes = Prefixes::of(&journeys, at.micros(), &is(StageType::is_won), &is(is_over));
        let standard = standard.as_ref().map(|standard| {
            StandardReport::of(standard, &journeys, at.micros(), &is(StageType::is_won), &is(is_over))
        });
        let along = |stages: &[u32]| {
            let each = stages.iter().zip(prefixes.along(stages));
            each.map(|(stage, prefix)| PrefixReport::of(journeys.stages.text(*stage), prefix)).collect()
        };
        let names = |stages: &[u32]| -> Vec<String> {
            stages.iter().map(|&stage| journeys.stages.text(stage).to_owned()).collect()
        };
        let kept = paths.iter().filter(|_| *spans).map(|path| (names(&path.stages), path.spans.clone()));
        let spans = kept.collect();
        let paths = paths.into_iter().skip(*offset).take(*limit).map(|path| PathReport {
            prefixes: along(&path.stages),
            stages: names(&path.stages),
            count: path.count,
            share: path.count as f64 / total as f64,
            median_seconds: path.median_seconds,
        });
        let end = offset.saturating_add(*limit);
        let known_position = at.known_position.or(Some(snapshot.position));
        let mark = PathsMark { offset: end, at: AsOf { known_position, ..*at } };
        Ok(PathsReport {
            pipeline: pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: snapshot.known(at),
            versions: journeys.versions(at.micros()),
            ending: *ending,
            distinct,
            journeys: total,
            paths: paths.collect(),
            next_cursor: (end < distinct).then(|| mark.to_string()),
            standard,
            whole: prefixes.whole(),
            spans,
        })
    }
}
