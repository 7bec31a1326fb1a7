//! Who stands in each stage, in memory: in the order of entries, with what lists of work look at.
//!
//! What many customers have in common is kept once, and whose customers a list is of is asked about each such set and not about each
//! customer. Where times decide, each who stands in a stage is looked at.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::Owner;

use super::scope::{StageAgeFilter, WorkCursor};
use crate::log::history::instant;
use crate::models::kept::{Present, TenantCache, Weigh};
use crate::stats::Micros;

/// Who stands where, by tenant.
pub(crate) type StandingCache = TenantCache<Present<StandingIndex>>;

/// How many bytes are kept of that in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// About how many bytes somebody who stands somewhere takes.
const STANDING_BYTES: usize = 200;
/// About how many bytes a set of traits takes, with its texts.
const TRAIT_BYTES: usize = 200;

/// A journey that stands in a stage, as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PresentStanding {
    pub(super) customer: Uuid,
    pub(super) journey: String,
    pub(super) stage: String,
    pub(super) entered: Micros,
    pub(super) went_back: bool,
    pub(super) next_at: Option<Micros>,
    pub(super) last_activity_at: Option<Micros>,
    pub(super) traits: WorkTraits,
}

/// What lists of work look at, without what is a customer's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct WorkTraits {
    pub(super) owner: Owner,
    pub(super) tier: Option<String>,
    pub(super) region: Option<String>,
}

/// Who stands where.
#[derive(Debug, Default)]
pub(crate) struct StandingIndex {
    /// By journey and stage.
    numbers: HashMap<(String, String), usize>,
    stages: Vec<BTreeMap<(Micros, Uuid), Standing>>,
    /// In which stages each customer stands, and since when.
    places: HashMap<Uuid, Vec<(usize, Micros)>>,
    trait_numbers: HashMap<Arc<WorkTraits>, u32>,
    traits: Vec<Arc<WorkTraits>>,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    traits: u32,
    went_back: bool,
    next_at: Option<Micros>,
    last_activity_at: Option<Micros>,
}

impl StandingIndex {
    /// How many stand anywhere.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether most of the traits that are kept are nobody's any more.
    pub(super) fn is_worn(&self) -> bool {
        self.traits.len() > 1_000 + 2 * self.count
    }

    /// Takes a customer away, wherever it stands.
    pub(super) fn remove(&mut self, customer: Uuid) {
        for (stage, entered) in self.places.remove(&customer).unwrap_or_default() {
            self.count -= usize::from(self.stages[stage].remove(&(entered, customer)).is_some());
        }
    }

    /// Adds one journey of a customer that had been taken away.
    pub(super) fn add(&mut self, standing: PresentStanding) {
        let PresentStanding {
            customer,
            journey,
            stage,
            entered,
            went_back,
            next_at,
            last_activity_at,
            traits,
        } = standing;
        let stages = self.stages.len();
        let stage = *self.numbers.entry((journey, stage)).or_insert(stages);
        if stage == stages {
            self.stages.push(BTreeMap::new());
        }
        let traits = self.traits(traits);
        let standing = Standing { traits, went_back, next_at, last_activity_at };
        self.count += usize::from(self.stages[stage].insert((entered, customer), standing).is_none());
        self.places.entry(customer).or_default().push((stage, entered));
    }

    fn traits(&mut self, traits: WorkTraits) -> u32 {
        if let Some(number) = self.trait_numbers.get(&traits) {
            return *number;
        }
        // There are not more of them than journeys that were added.
        let number = u32::try_from(self.traits.len()).unwrap_or(u32::MAX);
        let traits = Arc::new(traits);
        self.traits.push(Arc::clone(&traits));
        self.trait_numbers.insert(traits, number);
        number
    }

    /// The first of those whom a list is about after a place in it, the longest in the stage first, and how many there are on all
    /// pages.
    pub(super) fn find(
        &self,
        filter: &StageAgeFilter,
        after: Option<&WorkCursor>,
        limit: usize,
    ) -> (Vec<WorkCursor>, u64) {
        let key = (filter.journey.clone(), filter.stage.clone());
        let Some(stage) = self.numbers.get(&key).map(|number| &self.stages[*number]) else {
            return (Vec::new(), 0);
        };
        let concerned: Vec<bool> = self.traits.iter().map(|traits| filter.concerns(traits)).collect();
        let is_listed = |((entered, _), standing): &(&(Micros, Uuid), &Standing)| {
            concerned[standing.traits as usize] && filter.lists(*entered, standing)
        };
        let last = (filter.entered_until.timestamp_micros(), Uuid::max());
        let total = stage.range(..=last).filter(is_listed).count();
        let begin = after.map_or(Bound::Unbounded, |after| {
            let place = (after.at.timestamp_micros(), after.customer);
            // The same customer may stand there by another journey whose name comes later.
            if after.journey < filter.journey { Bound::Included(place) } else { Bound::Excluded(place) }
        });
        let is_over = matches!(begin, Bound::Included(place) | Bound::Excluded(place) if place > last);
        let rest = (!is_over).then(|| stage.range((begin, Bound::Included(last))));
        let cursor = |((entered, customer), _): (&(Micros, Uuid), &Standing)| WorkCursor {
            at: instant(*entered),
            customer: *customer,
            journey: filter.journey.clone(),
        };
        let page = rest.into_iter().flatten().filter(is_listed).take(limit).map(cursor).collect();
        (page, total as u64)
    }
}

impl StageAgeFilter {
    /// Whether the list is about customers with these traits.
    fn concerns(&self, traits: &WorkTraits) -> bool {
        let WorkTraits { owner, tier, region } = traits;
        let is_of = |rep: &String| matches!(owner, Owner::Rep(held) if held == rep);
        let is_one = |tiers: &Vec<String>| tier.as_ref().is_some_and(|tier| tiers.contains(tier));
        self.whose.owner.as_ref().is_none_or(is_of)
            && self.whose.visibility.is_visible(region.as_deref(), owner)
            && (!self.owned || matches!(owner, Owner::Rep(_)))
            && self.tiers.as_ref().is_none_or(is_one)
    }

    /// Whether somebody is listed who entered at an instant, as far as times decide.
    fn lists(&self, entered: Micros, standing: &Standing) -> bool {
        let Standing { went_back, next_at, last_activity_at, .. } = *standing;
        let is_soon = self.whose.not_between.is_some_and(|(from, until)| {
            let (from, until) = (from.timestamp_micros(), until.timestamp_micros());
            next_at.is_some_and(|next| from <= next && next <= until)
        });
        let is_overdue = || {
            let until = self.overdue_until.map(|until| until.timestamp_micros());
            until.zip(next_at).is_some_and(|(until, next)| next <= until)
        };
        let is_silent = self.silent_until.is_none_or(|until| {
            let until = until.timestamp_micros();
            let nothing_planned = next_at.is_none_or(|next| next < self.now.timestamp_micros());
            is_overdue()
                || nothing_planned && entered <= until && last_activity_at.unwrap_or(entered) <= until
        });
        !is_soon && is_silent && !(self.tiers.is_some() && went_back)
    }
}

impl Weigh for StandingIndex {
    fn bytes(&self) -> usize {
        self.count * STANDING_BYTES + self.traits.len() * TRAIT_BYTES
    }
}
