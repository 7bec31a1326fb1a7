//! On which days the share of a stage was out of line with the days before.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Zones;
use waymark_eventstore::Position;

use super::{journeys, known};
use crate::error::Result;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::Micros;
use crate::stats::shares::{BASELINE_DAYS, Deviation, counts_at, deviations};

/// How many days are looked at unless told otherwise.
const USUAL_DAYS: u64 = 28;

/// What is asked about alerts.
#[derive(Debug, Clone)]
pub struct AlertsQuery {
    /// The two times.
    pub at: AsOf,
    /// Whose customers.
    pub filter: CohortFilter,
    /// The first day that is looked at; 27 days before the last when absent.
    pub from: Option<NaiveDate>,
    /// The last day; that of the instant asked about when absent or later.
    pub to: Option<NaiveDate>,
    /// Whose days.
    pub zone: Tz,
    /// The rules of time zones.
    pub zones: Zones,
}

/// How far a share is out of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// By less than half of its baseline.
    Warning,
    /// By half of it or more.
    High,
    /// By all of it or more.
    Critical,
}

/// Which way a share went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It is higher than before.
    Up,
    /// It is lower.
    Down,
}

/// A time during which the share of a stage was out of line: one alert, however many days it lasts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertReport {
    /// The stage.
    pub stage: String,
    /// The first day.
    pub day: NaiveDate,
    /// The last day; null while it goes on at the last day that was looked at.
    pub until: Option<NaiveDate>,
    /// The stage's share at the end of the first day.
    pub share: f64,
    /// The mean share of the 28 days before it.
    pub baseline: f64,
    /// How many stand there at the end of the first day.
    pub count: usize,
    /// How many stand anywhere.
    pub total: usize,
    /// Which way.
    pub direction: Direction,
    /// The two-sided p value of the two-proportion test of the first day.
    pub p_value: f64,
    /// The rate of false discoveries at which it still counts, over the stages of the day (Benjamini and Hochberg).
    pub q_value: f64,
    /// How far out of line it was on its worst day.
    pub severity: Severity,
}

/// The alerts of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertsReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// The IANA time zone of the days.
    pub zone: String,
    /// The version of the time zone database that the zone's rules are of.
    #[schema(example = "2026f")]
    pub tzdb: String,
    /// The first day that was looked at.
    pub from: NaiveDate,
    /// The last day, up to the instant asked about.
    pub to: NaiveDate,
    /// By day, then by stage.
    pub items: Vec<AlertReport>,
}

impl ReportSnapshot {
    /// On which days the share of a stage was out of line.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alerts(&mut self, definition: &Definition, query: &AlertsQuery) -> Result<AlertsReport> {
        let snapshot = &mut self.0;
        let AlertsQuery { at, filter, zone, zones, .. } = query;
        let known = known(snapshot, at).await?;
        let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
        let today = zones.local(*zone, at.effective_at).date();
        let to = query.to.map_or(today, |to| to.min(today));
        let usual = || to.checked_sub_days(chrono::Days::new(USUAL_DAYS - 1)).unwrap_or(to);
        let from = query.from.unwrap_or_else(usual).min(to);
        let first = from.checked_sub_days(chrono::Days::new(BASELINE_DAYS as u64)).unwrap_or(from);
        let days: Vec<NaiveDate> = first.iter_days().take_while(|day| *day <= to).collect();
        let end_of = |day: &NaiveDate| -> Micros {
            let next = day.succ_opt().unwrap_or(*day);
            (zones.start_of_day(*zone, next).timestamp_micros() - 1).min(at.micros())
        };
        let instants: Vec<Micros> = days.iter().map(end_of).collect();
        let counts = counts_at(&journeys, &instants);
        let found = deviations(&counts, |_| true);
        let stage =
            |number: usize| journeys.stages.text(u32::try_from(number).unwrap_or(u32::MAX)).to_owned();
        let mut items: Vec<AlertReport> = episodes(&found)
            .iter()
            .map(|episode| alert(episode, &days, stage(episode.first.stage)))
            .collect();
        items.sort_by(|a, b| (a.day, &a.stage).cmp(&(b.day, &b.stage)));
        Ok(AlertsReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            zone: zone.name().to_owned(),
            tzdb: zones.version_of(*zone).to_owned(),
            from,
            to,
            items,
        })
    }
}

/// Days without a gap on which a stage's share was out of line the same way.
#[derive(Debug, Clone, Copy)]
struct Episode {
    first: Deviation,
    last_day: usize,
    /// The greatest change as a part of the baseline.
    worst: f64,
}

fn change(found: &Deviation) -> f64 {
    let change = (found.share - found.baseline).abs();
    if found.baseline > 0.0 { change / found.baseline } else { f64::INFINITY }
}

fn is_up(found: &Deviation) -> bool {
    found.share > found.baseline
}

fn episodes(found: &[Deviation]) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    for day in found {
        let goes_on = |episode: &&mut Episode| {
            let Episode { first, last_day, .. } = episode;
            first.stage == day.stage && last_day.abs_diff(day.day) == 1 && is_up(first) == is_up(day)
        };
        match episodes.iter_mut().rev().take(1_000).find(goes_on) {
            Some(episode) => {
                (episode.last_day, episode.worst) = (day.day, episode.worst.max(change(day)));
            }
            None => episodes.push(Episode { first: *day, last_day: day.day, worst: change(day) }),
        }
    }
    episodes
}

fn alert(episode: &Episode, days: &[NaiveDate], stage: String) -> AlertReport {
    let Episode { first, last_day, worst } = episode;
    AlertReport {
        stage,
        day: days[first.day],
        until: (last_day + 1 < days.len()).then(|| days[*last_day]),
        share: first.share,
        baseline: first.baseline,
        count: first.counts.0,
        total: first.counts.1,
        direction: if is_up(first) { Direction::Up } else { Direction::Down },
        p_value: first.p,
        q_value: first.q,
        severity: match worst {
            worst if *worst >= 1.0 => Severity::Critical,
            worst if *worst >= 0.5 => Severity::High,
            _ => Severity::Warning,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alert_lasts_until_the_share_is_in_line_again() {
        let day = |day, stage, share| Deviation {
            day,
            stage,
            share,
            baseline: 0.2,
            counts: (1, 2),
            p: 0.001,
            q: 0.001,
        };
        let found = [day(30, 1, 0.3), day(31, 1, 0.5), day(31, 2, 0.1), day(32, 1, 0.1), day(34, 1, 0.1)];
        let days: Vec<NaiveDate> = NaiveDate::default().iter_days().take(35).collect();
        let alerts: Vec<AlertReport> =
            episodes(&found).iter().map(|episode| alert(episode, &days, String::new())).collect();
        let told: Vec<_> = alerts.iter().map(|alert| (alert.day, alert.until, alert.severity)).collect();
        assert_eq!(
            told,
            [
                (days[30], Some(days[31]), Severity::Critical),
                (days[31], Some(days[31]), Severity::High),
                (days[32], Some(days[32]), Severity::High),
                (days[34], None, Severity::High),
            ]
        );
    }
}
