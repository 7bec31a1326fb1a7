//! How well the record of a pipeline is kept: what was passed over, corrected, left unsaid, never used, left to stand, or
//! contradicts itself.

mod conflicts;
pub(crate) mod open;
mod record;
mod stages;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Pipeline;
use waymark_domain::pipeline::version::Versions;
use waymark_domain::pipeline::{StageType, Transitions};
use waymark_eventstore::Position;

use super::page::{Page, Pages};
use super::{Span, known, names, pasts};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::versions::{self, CustomerVersion, CustomerVersions};
use crate::models::board::{OwnerReport, Population};
use crate::models::dwell::{self, Window, kind_now};
use crate::query::{AsOf, CohortFilter, Snapshot};
use crate::stats::{JourneySet, Micros};

pub use conflicts::{Conflict, ConflictKind, Side};
pub use open::{LeakReport, Neglected, Suggestion};
pub use record::{
    ActorCorrections, ActorNotes, ChangesReport, CorrectionsReport, NotesReport, OverrideReport,
    StageCorrections,
};
pub use stages::{ConversionReport, StageConversion, StageUsage, UsageReport};

/// A pipeline with all of its versions.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The version in force.
    pub pipeline: Arc<Pipeline>,
    /// Every version.
    pub versions: Arc<Versions>,
}

impl Definition {
    /// What a stage means: as the version in force says, or the last one that has it.
    pub(crate) fn kind(&self, stage: &str) -> Option<StageType> {
        kind_now(&self.pipeline, &self.versions, stage)
    }

    /// What each stage of histories means.
    pub(crate) fn kinds(&self, journeys: &JourneySet) -> Vec<Option<StageType>> {
        let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
        numbers.map(|number| self.kind(journeys.stages.text(number))).collect()
    }

    /// Where a stage stands in the order; nowhere where any move is permitted.
    pub(crate) fn place(&self, stage: &str) -> Option<usize> {
        self.pipeline.order(stage).filter(|_| self.pipeline.transitions != Transitions::Any)
    }

    /// Where each stage of histories stands in the order.
    pub(crate) fn places(&self, journeys: &JourneySet) -> Vec<Option<usize>> {
        let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
        numbers.map(|number| self.place(journeys.stages.text(number))).collect()
    }
}

/// What is asked about the record.
#[derive(Debug, Clone)]
pub struct QualityQuery {
    /// The two times.
    pub at: AsOf,
    /// When what is counted happened.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
    /// Which page of which list.
    pub pages: Pages,
    /// More than so many seconds without activity is too long.
    pub silence_seconds: u64,
    /// Within so many seconds customers are to go on from a stage.
    pub horizon_seconds: u64,
}

/// How well the record of a pipeline is kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QualityReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read models had come.
    pub position: Position,
    /// The pipeline versions that the records are of, in order.
    pub versions: Vec<u32>,
    /// From when on what happened counts; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given.
    pub to: DateTime<Utc>,
    /// Who made the changes: people or rules.
    pub changes: ChangesReport,
    /// Moves for which conditions were passed over, the latest recorded first. They stay listed when they are corrected.
    pub overrides: Page<OverrideReport>,
    /// How often records were wrong.
    pub corrections: CorrectionsReport,
    /// How often a move was recorded without a word.
    pub notes: NotesReport,
    /// Which stages are used.
    pub usage: UsageReport,
    /// Which stages let fewer customers go on than they used to.
    pub conversion: ConversionReport,
    /// Open customers that nobody looks after.
    pub leak: LeakReport,
    /// 0 to 100: a hundred times the mean weight of open customers, where one that is looked after weighs 1, one that is
    /// stagnant or leaking 0.5, and one that should be lost 0; null without open customers.
    pub funnel_health: Option<f64>,
    /// Open customers who leak, the longest silent first.
    pub leaking: Page<Neglected>,
    /// Open customers who have stood in their stage for longer than it permits, the longest first.
    pub stagnant: Page<Neglected>,
    /// Customers whose journeys contradict each other, or themselves.
    pub conflicts: Page<Conflict>,
}

/// What all parts of a report look at.
pub(crate) struct ReportInput<'a> {
    pub(crate) definition: &'a Definition,
    query: &'a QualityQuery,
    pub(crate) span: Span,
    known: Position,
    pub(crate) journeys: Arc<JourneySet>,
    pub(crate) pasts: Arc<CustomerVersions>,
    among: Population,
    pub(crate) kinds: Vec<Option<StageType>>,
}

impl<'a> ReportInput<'a> {
    /// The ground of a pipeline, as known at a position.
    pub(crate) async fn read(
        snapshot: &mut Snapshot,
        definition: &'a Definition,
        query: &'a QualityQuery,
        known: Position,
        pasts: Arc<CustomerVersions>,
    ) -> Result<Self> {
        snapshot.switch_model(dwell::NAME).await?;
        let all = dwell::load(snapshot, &definition.pipeline.key, known).await?;
        let (until, at_hand) = (query.at.micros(), Some(Arc::clone(&pasts)));
        let among = Population::of(snapshot, &query.filter, until, known, at_hand).await?;
        let journeys = among.keep(all);
        let (kinds, span) = (definition.kinds(&journeys), Span::of(&query.window, &query.at));
        Ok(Self { definition, query, span, known, journeys, pasts, among, kinds })
    }

    fn key(&self) -> &str {
        &self.definition.pipeline.key
    }

    pub(crate) fn until(&self) -> Micros {
        self.query.at.micros()
    }

    pub(crate) fn kind(&self, stage: u32) -> Option<StageType> {
        self.kinds.get(stage as usize).copied().flatten()
    }

    /// What a customer was like at the instant asked about.
    pub(crate) fn past(&self, customer: Uuid) -> Option<&CustomerVersion> {
        let past = self.pasts.get(&customer)?;
        versions::at(past, self.until()).or(past.first())
    }

    fn owner(&self, customer: Uuid) -> Option<OwnerReport> {
        self.past(customer).map(|past| OwnerReport::of(&past.owner))
    }

    /// Whether a customer passes the filter, and is seen.
    fn counts(&self, customer: Uuid) -> bool {
        self.among.holds(customer)
    }
}

/// The report. `others` are the tenant's other pipelines, in which the same customers may stand.
pub(crate) async fn quality(
    snapshot: &mut Snapshot,
    definition: &Definition,
    others: &[Definition],
    query: &QualityQuery,
) -> Result<QualityReport> {
    let known = known(snapshot, &query.at).await?;
    let position = snapshot.position;
    let pasts = Arc::new(pasts(snapshot, known).await?);
    let input = ReportInput::read(snapshot, definition, query, known, pasts).await?;
    let span = input.span;
    let (leak, health, [leaking, stagnant]) = open::neglected(snapshot, &input).await?;
    let overrides = record::overrides(snapshot, &input).await?;
    let conflicts = conflicts::conflicts(snapshot, &input, others).await?;
    let pages = &query.pages;
    let mut report = QualityReport {
        pipeline: definition.pipeline.key.clone(),
        effective_at: query.at.effective_at,
        known_at: query.at.known_at,
        position,
        versions: input.journeys.versions(span.last),
        from: query.window.from,
        to: instant(span.end),
        changes: record::changes(&input),
        overrides: pages.of("overrides", overrides, OverrideReport::place)?,
        corrections: record::corrections(snapshot, &input).await?,
        notes: record::notes(&input),
        usage: stages::usage(&input),
        conversion: stages::conversion(&input),
        leak,
        funnel_health: health,
        leaking: pages.of("leaking", leaking, Neglected::by_silence)?,
        stagnant: pages.of("stagnant", stagnant, Neglected::by_entry)?,
        conflicts: pages.of("conflicts", conflicts, Conflict::place)?,
    };
    name(snapshot, &mut report).await?;
    Ok(report)
}

impl QualityReport {
    /// The customers shown, each with the place of its name.
    fn shown(&mut self) -> Vec<(Uuid, &mut Option<String>)> {
        let overrides = self.overrides.items.iter_mut().map(|one| (one.customer_id, &mut one.customer_name));
        let neglected = self.leaking.items.iter_mut().chain(&mut self.stagnant.items);
        let neglected = neglected.map(|one| (one.customer_id, &mut one.customer_name));
        let conflicts = self.conflicts.items.iter_mut().map(|one| (one.customer_id, &mut one.customer_name));
        overrides.chain(neglected).chain(conflicts).collect()
    }

    /// Takes the customers' names away.
    pub fn unname(&mut self) {
        for (_, name) in self.shown() {
            *name = None;
        }
    }
}

async fn name(snapshot: &mut Snapshot, report: &mut QualityReport) -> Result<()> {
    let mut shown = report.shown();
    let ids: Vec<Uuid> = shown.iter().map(|(id, _)| *id).collect();
    let names = names(snapshot, &ids).await?;
    for (id, name) in &mut shown {
        **name = names.get(id).cloned();
    }
    Ok(())
}
