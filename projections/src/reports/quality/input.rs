//! What a report on a pipeline is asked and reads: its definitions, its journeys, and what its customers were like.

use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use crate::error::Result;
use crate::models::board::versions::{self, CustomerVersion, CustomerVersions};
use crate::models::board::{OwnerReport, Population};
use crate::models::dwell::{self, Window};
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Span;
use crate::reports::definition::Definition;
use crate::reports::page::Pages;
use crate::stats::{JourneySet, Micros};

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
    /// More than this many seconds without activity is too long.
    pub silence_seconds: u64,
    /// Within this many seconds customers should go on from a stage.
    pub horizon_seconds: u64,
}

/// What all parts of a report look at.
pub(crate) struct ReportInput<'a> {
    pub(crate) definition: &'a Definition,
    pub(super) query: &'a QualityQuery,
    pub(crate) span: Span,
    pub(super) known: Position,
    pub(crate) journeys: Arc<JourneySet>,
    pub(crate) pasts: Arc<CustomerVersions>,
    pub(super) population: Population,
    pub(crate) kinds: Vec<Option<StageType>>,
}

impl<'a> ReportInput<'a> {
    /// What reports on a pipeline read, as known at a position.
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
        let population = Population::of(snapshot, &query.filter, until, known, at_hand).await?;
        let journeys = population.keep(all);
        let (kinds, span) = (definition.kinds(&journeys), Span::of(&query.window, &query.at));
        Ok(Self { definition, query, span, known, journeys, pasts, population, kinds })
    }

    pub(super) fn key(&self) -> &str {
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
        self.past_at(customer, self.until())
    }

    /// What a customer was like at an instant.
    pub(super) fn past_at(&self, customer: Uuid, at: Micros) -> Option<&CustomerVersion> {
        let past = self.pasts.get(&customer)?;
        versions::at(past, at).or(past.first())
    }

    pub(super) fn owner(&self, customer: Uuid) -> Option<OwnerReport> {
        self.past(customer).map(|past| OwnerReport::of(&past.owner))
    }

    /// Whether a customer passes the filter, and is seen.
    pub(super) fn counts(&self, customer: Uuid) -> bool {
        self.population.holds(customer)
    }
}
