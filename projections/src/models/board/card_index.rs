//! The cards of a pipeline as they are now, in memory: by stage in the order of entries, with what filters look at.
//!
//! What many customers have in common (owner, tier, labels and so on) is kept once. A filter is asked about each such set of traits
//! and not about each customer, and the figures of a stage are kept by filter until somebody enters or leaves it, or changes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;
use waymark_domain::customer::event::Money;

use super::card_traits::{CardAttributes, TraitTable};
use super::found_by::amount_order;
use super::places::{CardPage, Place, Places, StageFigures, StagePlaces, first_after, middle};
use crate::models::kept::{Present, TenantCache, Weigh};
use crate::query::CohortFilter;
use crate::stats::Micros;

/// The cards of pipelines, by the pipeline's key.
pub(crate) type CardCache = TenantCache<Present<CardIndex>>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// For how many filters verdicts and figures are kept.
const FILTERS_KEPT: usize = 32;
/// About how many bytes a card takes: in the order of its stage, and by its customer.
const CARD_BYTES: usize = 192;

/// A card as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PresentCard {
    pub(super) customer: Uuid,
    pub(super) stage: String,
    pub(super) entered: Micros,
    /// When the last of its moves was made.
    pub(super) last_at: Micros,
    pub(super) amount: Option<Decimal>,
    pub(super) traits: CardAttributes,
}

/// The cards of a pipeline.
#[derive(Debug, Default)]
pub(crate) struct CardIndex {
    stages: Vec<Stage>,
    /// Which stage each customer stands in, and since when.
    places: HashMap<Uuid, (usize, Micros)>,
    traits: TraitTable,
    /// Those that were asked for last at the front.
    filters: VecDeque<Arc<Filter>>,
    /// How many filters there were.
    count: u64,
}

#[derive(Debug)]
struct Stage {
    id: String,
    cards: BTreeMap<(Micros, Uuid), IndexedCard>,
    /// By the number of the filter.
    figures: HashMap<u64, StageFigures>,
    /// The last move that anybody here made; none where that must be looked up.
    last_at: Option<Micros>,
}

#[derive(Debug, Clone, Copy)]
struct IndexedCard {
    traits: u32,
    last_at: Micros,
    amount: Option<Decimal>,
    /// Where the amount stands among those of a tier.
    value: i64,
}

/// A filter, with its verdict on each set of traits.
#[derive(Debug)]
struct Filter {
    number: u64,
    wanted: CohortFilter,
    verdicts: Vec<bool>,
}

impl CardIndex {
    /// How many cards there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether most of the traits that are kept are nobody's any more.
    pub(super) fn is_worn(&self) -> bool {
        self.traits.is_worn(self.len())
    }

    /// Takes a customer's card away, if it has one.
    pub(super) fn remove(&mut self, customer: Uuid) {
        if let Some((stage, entered)) = self.places.remove(&customer) {
            let stage = &mut self.stages[stage];
            stage.cards.remove(&(entered, customer));
            stage.changed();
        }
    }

    /// Puts a card in the place of the customer's former one.
    pub(super) fn put(&mut self, card: PresentCard) {
        self.remove(card.customer);
        let number = self.stages.iter().position(|stage| stage.id == card.stage).unwrap_or_else(|| {
            let (cards, figures) = (BTreeMap::new(), HashMap::new());
            self.stages.push(Stage { id: card.stage.clone(), cards, figures, last_at: None });
            self.stages.len() - 1
        });
        self.places.insert(card.customer, (number, card.entered));
        let held = IndexedCard {
            traits: self.traits.number(card.traits),
            last_at: card.last_at,
            amount: card.amount,
            value: amount_order(card.amount),
        };
        let stage = &mut self.stages[number];
        stage.cards.insert((card.entered, card.customer), held);
        stage.changed();
    }

    /// Whether somebody moved after an instant.
    pub(super) fn has_moved_after(&mut self, instant: Micros) -> bool {
        self.stages.iter_mut().any(|stage| stage.last_at() > instant)
    }

    /// The board of those who pass a filter and are visible; of each stage a page of its cards.
    pub(super) fn places(&mut self, wanted: &CohortFilter, page_of: impl Fn(&str) -> CardPage) -> Places {
        let filter = self.filter(wanted);
        let traits = &self.traits;
        let of_stage = |stage: &mut Stage| {
            let figures = stage.figures(&filter, traits);
            (stage.id.clone(), stage.page(figures, &filter, traits, page_of(&stage.id)))
        };
        Places { by_stage: self.stages.iter_mut().map(of_stage).collect(), not_started: 0 }
    }

    /// A filter that was asked for before, or comes in the place of the one that was not for longest.
    fn filter(&mut self, wanted: &CohortFilter) -> Arc<Filter> {
        let known = self.filters.iter().position(|filter| filter.wanted == *wanted);
        let mut filter = known.and_then(|place| self.filters.remove(place)).unwrap_or_else(|| {
            self.count += 1;
            Arc::new(Filter { number: self.count, wanted: wanted.clone(), verdicts: Vec::new() })
        });
        if filter.verdicts.len() < self.traits.len() {
            let Filter { number, wanted, verdicts } = &*filter;
            let further = (verdicts.len()..self.traits.len()).map(|set| passes(&self.traits, set, wanted));
            let verdicts = verdicts.iter().copied().chain(further).collect();
            filter = Arc::new(Filter { number: *number, wanted: wanted.clone(), verdicts });
        }
        self.filters.push_front(Arc::clone(&filter));
        if self.filters.len() > FILTERS_KEPT
            && let Some(last) = self.filters.pop_back()
        {
            for stage in &mut self.stages {
                stage.figures.remove(&last.number);
            }
        }
        filter
    }
}

fn passes(traits: &TraitTable, set: usize, filter: &CohortFilter) -> bool {
    let card = traits.of(set);
    filter.visibility.is_visible(card.texts.region(), &card.owner) && traits.passes(set, filter)
}

impl Stage {
    fn changed(&mut self) {
        self.figures.clear();
        self.last_at = None;
    }

    fn last_at(&mut self) -> Micros {
        let cards = &self.cards;
        let latest = || cards.values().map(|held| held.last_at).max().unwrap_or(Micros::MIN);
        *self.last_at.get_or_insert_with(latest)
    }

    fn figures(&mut self, filter: &Filter, traits: &TraitTable) -> StageFigures {
        if let Some(figures) = self.figures.get(&filter.number) {
            return figures.clone();
        }
        let mut by_traits: HashMap<u32, (usize, Option<Decimal>)> = HashMap::new();
        let mut entries = Vec::with_capacity(self.cards.len());
        for ((entered, _), held) in &self.cards {
            if filter.verdicts[held.traits as usize] {
                entries.push(*entered);
                let (count, sum) = by_traits.entry(held.traits).or_default();
                *count += 1;
                *sum = held.amount.map(|amount| sum.unwrap_or_default().saturating_add(amount)).or(*sum);
            }
        }
        let mut figures = StageFigures { middle: middle(&entries, |entered| *entered), ..Default::default() };
        for (number, (count, sum)) in by_traits {
            let traits = traits.of(number as usize);
            figures.count_in(traits.sub_status.as_ref(), traits.version, count);
            if let Some((currency, sum)) = traits.currency.as_ref().zip(sum) {
                figures.add(currency, sum);
            }
        }
        self.figures.insert(filter.number, figures.clone());
        figures
    }

    fn page(
        &self,
        figures: StageFigures,
        filter: &Filter,
        traits: &TraitTable,
        page: CardPage,
    ) -> StagePlaces {
        if page.limit == 0 || figures.count == 0 {
            return StagePlaces { figures, ..StagePlaces::default() };
        }
        let place = |(order, held): (&(Micros, Uuid), &IndexedCard)| traits.place(*order, held);
        let passing = |(_, held): &(&(Micros, Uuid), &IndexedCard)| filter.verdicts[held.traits as usize];
        if page.by_value {
            let passing: Vec<_> = self.cards.iter().filter(passing).collect();
            let ranks = traits.tier_ranks();
            // Of equal value, those who have been there longest come first.
            let key = |(order, held): &(&(Micros, Uuid), &IndexedCard)| {
                (ranks[held.traits as usize], held.value, **order)
            };
            let rest = first_after(passing, page, |(order, _)| **order, key);
            return StagePlaces::page(figures, rest.into_iter().map(place), page.limit);
        }
        let rest = (page.after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let rest = self.cards.range(rest).filter(passing);
        StagePlaces::page(figures, rest.map(place), page.limit)
    }
}

impl TraitTable {
    fn place(&self, (entered, customer): (Micros, Uuid), held: &IndexedCard) -> Place {
        let traits = self.of(held.traits as usize);
        let money = |(amount, currency): (Decimal, &String)| Money { amount, currency: currency.clone() };
        Place {
            customer,
            entered,
            owner: traits.owner.clone(),
            amount: held.amount.zip(traits.currency.as_ref()).map(money),
            sub_status: traits.sub_status.clone(),
            tier: traits.tier.clone(),
            version: traits.version,
        }
    }
}

impl Weigh for CardIndex {
    fn bytes(&self) -> usize {
        self.len() * CARD_BYTES + self.traits.bytes()
    }
}
