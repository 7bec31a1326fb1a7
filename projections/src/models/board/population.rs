//! Which customers a question is about: those that its filter lets through at an instant, of those visible to the caller.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::snapshot::BoardSnapshot;
use super::tables::NAME;
use super::versions::{self, CustomerVersions};
use super::visible::seen;
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::{JourneySet, Micros};

/// The customers that count, with what they were like where that was looked up.
pub struct Population {
    filter: CohortFilter,
    /// Whether it says anything of what customers were like.
    conditions: bool,
    at: Micros,
    /// None where everybody is seen.
    seen: Option<HashSet<Uuid>>,
    pasts: Option<Arc<CustomerVersions>>,
}

impl BoardSnapshot {
    /// The customers that pass a filter at one moment, for callers that ask about each of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn population(&mut self, filter: &CohortFilter, at: &AsOf) -> Result<Population> {
        let known = self.0.known(at);
        Population::of(&mut self.0, filter, at.micros(), known, None).await
    }
}

impl Population {
    /// What is known at a position decides about an instant. Pasts that are at hand already are given; otherwise they are
    /// looked up where the filter needs them. Afterwards the view may be at this read model.
    pub(crate) async fn of(
        snapshot: &mut Snapshot,
        filter: &CohortFilter,
        at: Micros,
        known: Position,
        pasts: Option<Arc<CustomerVersions>>,
    ) -> Result<Self> {
        let conditions = filter.has_conditions();
        let mut among = Self { filter: filter.clone(), conditions, at, seen: None, pasts };
        if filter.is_everybody() {
            return Ok(among);
        }
        snapshot.switch_model(NAME).await?;
        among.seen = seen(snapshot, &filter.visibility).await?;
        if conditions && among.pasts.is_none() {
            among.pasts = Some(versions::load(snapshot, known).await?);
        }
        Ok(among)
    }

    /// Whether a customer is visible to the caller, whether or not it passes the filter.
    pub(crate) fn sees(&self, customer: Uuid) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.contains(&customer))
    }

    /// Whether a customer counts.
    #[must_use]
    pub fn holds(&self, customer: Uuid) -> bool {
        let passes = || {
            let past = self.pasts.as_ref().and_then(|pasts| pasts.get(&customer));
            past.is_some_and(|past| versions::passes(past, self.at, &self.filter))
        };
        let is_among = self.filter.among.as_ref().is_none_or(|among| among.contains(&customer));
        is_among && self.sees(customer) && (!self.conditions || passes())
    }

    /// The journeys of those who count.
    pub(crate) fn keep(&self, journeys: Arc<JourneySet>) -> Arc<JourneySet> {
        if self.filter.is_everybody() {
            return journeys;
        }
        Arc::new(journeys.keep(|customer, _| self.holds(customer)))
    }

    /// What customers were like, where that was looked up.
    pub(crate) fn into_pasts(self) -> Option<Arc<CustomerVersions>> {
        self.pasts
    }
}
