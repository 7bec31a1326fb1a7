//! Which customers a question is about: those that its filter lets through at an instant, of those that whoever asks sees.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::past::{self, Pasts};
use super::{NAME, seen};
use crate::ask::{Filter, View};
use crate::error::Result;
use crate::figures::{Histories, Micros};

/// The customers that count, with what they were like where that was looked up.
pub(crate) struct Among {
    filter: Filter,
    at: Micros,
    /// None where everybody is seen.
    seen: Option<HashSet<Uuid>>,
    pasts: Option<Arc<Pasts>>,
}

impl Among {
    /// What is known at a position decides about an instant. Pasts that are at hand already are given; otherwise they are
    /// looked up where the filter needs them. Afterwards the view may be at this read model.
    pub(crate) async fn of(
        view: &mut View,
        filter: &Filter,
        at: Micros,
        known: Position,
        pasts: Option<Arc<Pasts>>,
    ) -> Result<Self> {
        let mut among = Self { filter: filter.clone(), at, seen: None, pasts };
        if filter.is_everybody() {
            return Ok(among);
        }
        view.turn_to(NAME).await?;
        among.seen = seen(view, &filter.visibility).await?;
        if !filter.is_empty() && among.pasts.is_none() {
            among.pasts = Some(Arc::new(past::load(view, known).await?));
        }
        Ok(among)
    }

    /// Whether a customer counts.
    pub(crate) fn holds(&self, customer: Uuid) -> bool {
        let passes = || {
            let past = self.pasts.as_ref().and_then(|pasts| pasts.get(&customer));
            past.is_some_and(|past| past::passes(past, self.at, &self.filter))
        };
        self.seen.as_ref().is_none_or(|seen| seen.contains(&customer)) && (self.filter.is_empty() || passes())
    }

    /// The journeys of those who count.
    pub(crate) fn keep(&self, histories: Arc<Histories>) -> Arc<Histories> {
        if self.filter.is_everybody() {
            return histories;
        }
        Arc::new(histories.keep(|customer, _| self.holds(customer)))
    }

    /// What customers were like, where that was looked up.
    pub(crate) fn into_pasts(self) -> Option<Arc<Pasts>> {
        self.pasts
    }
}
