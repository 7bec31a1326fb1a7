//! How well the record of a pipeline is kept: what was passed over, corrected, left unsaid, never used, left to stand, or
//! contradicts itself.

mod conflicts;
mod input;
pub(crate) mod open;
mod record;
mod stages;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_eventstore::Position;

use super::page::Page;
use super::{known, names, pasts};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::snapshot::Snapshot;
use crate::query::AsOf;
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;

pub use conflicts::{Conflict, ConflictKind, Side};
pub use input::QualityQuery;
pub(crate) use input::ReportInput;
pub use open::{LeakReport, Neglected, Suggestion};
pub use record::{
    ActorCorrections, ActorNotes, ChangesReport, CorrectionsReport, NotesReport, OverrideReport,
    StageCorrections,
};
pub use stages::{ConversionReport, StageConversion, StageUsage, UsageReport};

/// How well the record of a pipeline is kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QualityReport {
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

impl ReportSnapshot {
    /// How well the record of a pipeline is kept. `others` are the tenant's other pipelines.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`](crate::ProjectionError::BadCursor), or when the database fails.
    pub async fn quality(
        &mut self,
        definition: &Definition,
        others: &[Definition],
        query: &QualityQuery,
    ) -> Result<QualityReport> {
        let snapshot = &mut self.0;
        let known = known(snapshot, &query.at).await?;
        let pasts = pasts(snapshot, known).await?;
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
            position: known,
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
        name(snapshot, &mut report, &query.at).await?;
        Ok(report)
    }
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

async fn name(snapshot: &mut Snapshot, report: &mut QualityReport, at: &AsOf) -> Result<()> {
    let mut shown = report.shown();
    let ids: Vec<Uuid> = shown.iter().map(|(id, _)| *id).collect();
    let names = names(snapshot, &ids, at).await?;
    for (id, name) in &mut shown {
        **name = names.get(id).cloned();
    }
    Ok(())
}
