//! Open customers: who leaks, who stands still, and who should be given up.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::pipeline::StageType;

use super::input::ReportInput;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::OwnerReport;
use crate::models::snapshot::Snapshot;
use crate::models::timeline::activities;
use crate::reports::ShareReport;
use crate::reports::page::Place;
use crate::stats::health::{Health, OpenCustomer, score};
use crate::stats::journeys::Origin;
use crate::stats::{Micros, MoveRecord, seconds};

/// After how long in a stage that says nothing of it a customer counts as stagnant: thirty days, in seconds.
const STAGNANT_AFTER: u64 = 30 * 86_400;

/// What is advised about a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suggestion {
    /// Contact it, or plan when to.
    Contact,
    /// Find out where it really stands.
    ReEvaluate,
    /// Record that it is lost, or archive it.
    ShouldBeLost,
}

/// An open customer that is not looked after.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Neglected {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    pub customer_name: Option<String>,
    /// Whose it is.
    pub owner: Option<OwnerReport>,
    /// The stage.
    pub stage: String,
    /// When it entered the stage.
    pub entered_at: DateTime<Utc>,
    /// How long ago that is.
    pub since_stage_entry_seconds: f64,
    /// When anything was last done about it by people: a move, a conversation, a note, a change of details, a signal.
    pub last_activity_at: DateTime<Utc>,
    /// How long ago that is.
    pub since_last_activity_seconds: f64,
    /// When it was to be contacted next; null where nothing was planned.
    pub next_contact_at: Option<DateTime<Utc>>,
    /// Whether it has stood in its stage for as long as that permits.
    pub stagnant: bool,
    /// Whether it leaks.
    pub leaking: bool,
    /// What is advised: giving up a customer that is stagnant, has no contact ahead, and has been silent for twice as long
    /// as its stage permits to stand still.
    pub suggestion: Suggestion,
}

/// Open customers that nobody looks after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LeakReport {
    /// Customers in stages of types open and partial at the window's end: at the instant asked about, where no earlier end was
    /// given.
    pub open: usize,
    /// Those without a contact ahead and without activity for more than `silence_seconds`.
    pub leaking: usize,
    /// Their share: the leak rate.
    pub rate: Option<ShareReport>,
    /// More than N seconds without activity is too long.
    pub silence_seconds: u64,
    /// Customers who have stood in their stage for as long as it permits, or thirty days where it says nothing.
    pub stagnant: usize,
    /// Those that should be recorded as lost.
    pub should_be_lost: usize,
}

impl Neglected {
    pub(super) fn by_silence(&self) -> Place {
        (self.last_activity_at.timestamp_micros(), self.customer_id, 0)
    }

    pub(super) fn by_entry(&self) -> Place {
        (self.entered_at.timestamp_micros(), self.customer_id, 0)
    }
}

/// An open customer with how it is.
pub(crate) struct Open {
    pub(crate) customer: Uuid,
    pub(crate) stage: u32,
    pub(crate) facts: OpenCustomer,
    pub(crate) health: Health,
}

/// Where a journey is open: the last stay, and when people last moved it. None where it stands in no stage to be worked.
fn standing(input: &ReportInput<'_>, records: &[MoveRecord]) -> Option<(MoveRecord, Micros)> {
    let stay = records.iter().rev().find(|record| !record.repeat)?;
    let working = input.kind(stay.stage).is_some_and(StageType::is_worked);
    let by_people = records.iter().rev().find(|record| record.how.by != Origin::Rule);
    working.then(|| (*stay, by_people.map_or(stay.at, |record| record.at)))
}

/// The open customers at the end of the window: at the instant asked about, where no earlier end was given.
pub(crate) async fn open(snapshot: &mut Snapshot, input: &ReportInput<'_>) -> Result<Vec<Open>> {
    let until = input.span.last;
    let activities = activities::activities(snapshot, input.known, until).await?;
    let plans = activities::plans(snapshot, input.known, until).await?;
    let silence = i64::try_from(input.query.silence_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let mut open = Vec::new();
    for (journey, records) in input.journeys.journeys(until) {
        let Some((stay, moved)) = standing(input, records) else { continue };
        let customer = input.journeys.customer(journey);
        let merged = input.past_at(customer, until).is_some_and(|past| past.merged);
        if merged || input.journeys.ended(journey, until).is_some() {
            continue;
        }
        let stage = input.definition.pipeline.stage(input.journeys.stages.text(stay.stage));
        let after = stage.and_then(|stage| stage.stagnant_after_seconds).unwrap_or(STAGNANT_AFTER);
        let facts = OpenCustomer {
            entered: stay.at,
            last_activity: activities.get(&customer).map_or(moved, |at| moved.max(*at)),
            next_at: plans.get(&customer).copied(),
            stagnant_after: i64::try_from(after).unwrap_or(i64::MAX).saturating_mul(1_000_000),
        };
        open.push(Open { customer, stage: stay.stage, facts, health: facts.health(input.span.end, silence) });
    }
    Ok(open)
}

/// The rates, the health of the funnel, and who leaks and who stands still.
pub(super) async fn neglected(
    snapshot: &mut Snapshot,
    input: &ReportInput<'_>,
) -> Result<(LeakReport, Option<f64>, [Vec<Neglected>; 2])> {
    let open = open(snapshot, input).await?;
    let count = |is: fn(&Health) -> bool| open.iter().filter(|one| is(&one.health)).count();
    let leaking = count(|health| health.leaking);
    let leak = LeakReport {
        open: open.len(),
        leaking,
        rate: ShareReport::of_counts(leaking, open.len()),
        silence_seconds: input.query.silence_seconds,
        stagnant: count(|health| health.stagnant),
        should_be_lost: count(|health| health.should_be_lost),
    };
    let healths: Vec<Health> = open.iter().map(|one| one.health).collect();
    let listed = |is: fn(&Health) -> bool| {
        open.iter().filter(|one| is(&one.health)).map(|one| report(input, one)).collect()
    };
    Ok((leak, score(&healths), [listed(|health| health.leaking), listed(|health| health.stagnant)]))
}

fn report(input: &ReportInput<'_>, open: &Open) -> Neglected {
    let OpenCustomer { entered, next_at, .. } = open.facts;
    let last = open.facts.last_activity.max(entered);
    let suggestion = match open.health {
        Health { should_be_lost: true, .. } => Suggestion::ShouldBeLost,
        Health { stagnant: true, .. } => Suggestion::ReEvaluate,
        _ => Suggestion::Contact,
    };
    Neglected {
        customer_id: open.customer,
        customer_name: None,
        owner: input.owner(open.customer),
        stage: input.journeys.stages.text(open.stage).to_owned(),
        entered_at: instant(entered),
        since_stage_entry_seconds: seconds(input.span.end - entered),
        last_activity_at: instant(last),
        since_last_activity_seconds: seconds(input.span.end - last),
        next_contact_at: next_at.map(instant),
        stagnant: open.health.stagnant,
        leaking: open.health.leaking,
        suggestion,
    }
}
