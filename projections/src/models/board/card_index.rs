//! The cards of a pipeline as they are now, in memory: by stage in the order of entries, with what filters look at.
//!
//! What many customers have in common (owner, tier, labels and so on) is kept once. A filter is asked about each such set of traits
//! and not about each customer, and the figures of a stage are kept by filter until somebody enters or leaves it, or changes. Of
//! another order than that of entries a stage keeps what is in it sorted once somebody asked for that, so that a page of it is found
//! without looking at all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;
use waymark_domain::customer::event::Money;

use super::card_order::{CardKey, CardOrder};
use super::card_traits::{CardAttributes, TraitTable};
use super::found_by::amount_order;
use super::looks::count_looks;
use super::next_contacts::{KeptContacts, NextContacts};
use super::places::{CardPage, Place, Places, StageFigures, StagePlaces, middle};
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
/// About how many bytes a card takes in another order.
const SORTED_BYTES: usize = 96;

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
    /// When customers are due to be contacted next, once somebody asked for that order.
    pub(super) contacts: KeptContacts,
    /// Those that were asked for last at the front.
    filters: VecDeque<Arc<Filter>>,
    /// How many filters there were.
    count: u64,
}

#[derive(Debug)]
struct Stage {
    id: String,
    cards: BTreeMap<(Micros, Uuid), IndexedCard>,
    /// The same in each other order that was asked for: the traits of each card by its key.
    sorted: Vec<(CardOrder, BTreeMap<CardKey, u32>)>,
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
            if let Some(held) = stage.cards.remove(&(entered, customer)) {
                let sorting = Sorting { traits: &self.traits, contacts: &self.contacts.due };
                stage.unsort((entered, customer), &held, sorting, |_| true);
            }
            stage.changed();
        }
    }

    /// Puts a card in the place of the customer's former one.
    pub(super) fn put(&mut self, card: PresentCard) {
        self.remove(card.customer);
        let number = self.stages.iter().position(|stage| stage.id == card.stage).unwrap_or_else(|| {
            let (cards, figures) = (BTreeMap::new(), HashMap::new());
            self.stages.push(Stage {
                id: card.stage.clone(),
                cards,
                sorted: Vec::new(),
                figures,
                last_at: None,
            });
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
        let sorting = Sorting { traits: &self.traits, contacts: &self.contacts.due };
        stage.sort_in((card.entered, card.customer), &held, sorting, |_| true);
        stage.cards.insert((card.entered, card.customer), held);
        stage.changed();
    }

    /// Notes when a customer is due to be contacted next; none where nothing is agreed.
    pub(super) fn put_contact(&mut self, customer: Uuid, due: Option<Micros>) {
        let Some((stage, entered)) = self.places.get(&customer).copied() else {
            return self.contacts.put(customer, due);
        };
        let (stage, entry, traits) = (&mut self.stages[stage], (entered, customer), &self.traits);
        let Some(held) = stage.cards.get(&entry).copied() else { return };
        let is_of_contacts = |order| order == CardOrder::NextContact;
        stage.unsort(entry, &held, Sorting { traits, contacts: &self.contacts.due }, is_of_contacts);
        self.contacts.put(customer, due);
        stage.sort_in(entry, &held, Sorting { traits, contacts: &self.contacts.due }, is_of_contacts);
    }

    /// The same of everybody, afresh.
    pub(super) fn put_contacts(&mut self, contacts: KeptContacts) {
        self.contacts = contacts;
        for stage in &mut self.stages {
            stage.sorted.retain(|(order, _)| *order != CardOrder::NextContact);
        }
    }

    /// Whether somebody moved after an instant.
    pub(super) fn has_moved_after(&mut self, instant: Micros) -> bool {
        self.stages.iter_mut().any(|stage| stage.last_at() > instant)
    }

    /// The board of those who pass a filter and are visible; of each stage a page of its cards.
    pub(super) fn places(&mut self, wanted: &CohortFilter, page_of: impl Fn(&str) -> CardPage) -> Places {
        let filter = self.filter(wanted);
        let sorting = Sorting { traits: &self.traits, contacts: &self.contacts.due };
        let of_stage = |stage: &mut Stage| {
            let figures = stage.figures(&filter, sorting.traits);
            (stage.id.clone(), stage.page(figures, &filter, sorting, &page_of(&stage.id)))
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

    /// A page of those who pass, in the order asked for.
    fn page(
        &mut self,
        figures: StageFigures,
        filter: &Filter,
        sorting: Sorting<'_>,
        page: &CardPage,
    ) -> StagePlaces {
        if page.limit == 0 || figures.count == 0 {
            return StagePlaces { figures, ..StagePlaces::default() };
        }
        let passes = |traits: u32| {
            count_looks(1);
            filter.verdicts[traits as usize]
        };
        if page.order == CardOrder::Entered {
            let after = page.after.as_ref().map(|key| (key.entered, key.customer));
            let rest = self.cards.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
            let rest = rest.filter(|(_, held)| passes(held.traits));
            let keyed = |(entry, held): (&(Micros, Uuid), &IndexedCard)| {
                (sorting.key(page.order, *entry, held), sorting.traits.place(*entry, held))
            };
            return StagePlaces::page(figures, rest.map(keyed), page);
        }
        self.sort(page.order, sorting);
        let sorted = self.sorted.iter().filter(|(order, _)| *order == page.order);
        let from = page.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rest = sorted.flat_map(|(_, sorted)| sorted.range::<CardKey, _>((from, Bound::Unbounded)));
        let placed = |(key, _): (&CardKey, &u32)| {
            let entry = (key.entered, key.customer);
            Some((key.clone(), sorting.traits.place(entry, self.cards.get(&entry)?)))
        };
        StagePlaces::page(figures, rest.filter(|(_, traits)| passes(**traits)).filter_map(placed), page)
    }

    /// Sorts what is here, where that was not asked for before.
    fn sort(&mut self, order: CardOrder, sorting: Sorting<'_>) {
        if self.sorted.iter().all(|(known, _)| *known != order) {
            let key = |(entry, held): (&(Micros, Uuid), &IndexedCard)| {
                count_looks(1);
                (sorting.key(order, *entry, held), held.traits)
            };
            self.sorted.push((order, self.cards.iter().map(key).collect()));
        }
    }

    /// Puts a card into such orders as are kept.
    fn sort_in(
        &mut self,
        entry: (Micros, Uuid),
        held: &IndexedCard,
        sorting: Sorting<'_>,
        such: impl Fn(CardOrder) -> bool,
    ) {
        for (order, sorted) in self.sorted.iter_mut().filter(|(order, _)| such(*order)) {
            sorted.insert(sorting.key(*order, entry, held), held.traits);
        }
    }

    /// Takes it out of them.
    fn unsort(
        &mut self,
        entry: (Micros, Uuid),
        held: &IndexedCard,
        sorting: Sorting<'_>,
        such: impl Fn(CardOrder) -> bool,
    ) {
        for (order, sorted) in self.sorted.iter_mut().filter(|(order, _)| such(*order)) {
            sorted.remove(&sorting.key(*order, entry, held));
        }
    }
}

/// What says where a card stands in an order.
#[derive(Clone, Copy)]
struct Sorting<'a> {
    traits: &'a TraitTable,
    contacts: &'a NextContacts,
}

impl Sorting<'_> {
    fn key(self, order: CardOrder, (entered, customer): (Micros, Uuid), held: &IndexedCard) -> CardKey {
        let (tier, value) = match order {
            CardOrder::Entered => (None, 0),
            CardOrder::Value => (Some(self.traits.tier(held.traits as usize)), held.value),
            CardOrder::Amount => (None, held.value),
            CardOrder::NextContact => (None, self.contacts.get(&customer).copied().unwrap_or(Micros::MAX)),
        };
        CardKey { tier, value, entered, customer }
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
        let sorted = self.stages.iter().map(|stage| stage.sorted.len() * stage.cards.len()).sum::<usize>();
        self.len() * CARD_BYTES + sorted * SORTED_BYTES + self.contacts.bytes() + self.traits.bytes()
    }
}

#[cfg(test)]
mod tests {
    use waymark_domain::{Owner, ProfileTexts};

    use super::super::looks::LOOKS;
    use super::*;
    use crate::tests::world::Chance;

    const ORDERS: [CardOrder; 4] =
        [CardOrder::Entered, CardOrder::Value, CardOrder::Amount, CardOrder::NextContact];

    fn card(chance: &mut Chance, id: u128) -> PresentCard {
        let amount = [None, Some(Decimal::from(chance.below(4)))][chance.below(2)];
        let owner = Owner::Rep(["li", "wu"][chance.below(2)].to_owned());
        let tier = [None, Some("A"), Some("B")][chance.below(3)].map(str::to_owned);
        PresentCard {
            customer: Uuid::from_u128(id),
            stage: ["new", "won"][chance.below(2)].to_owned(),
            entered: chance.below(5) as Micros,
            last_at: 0,
            amount,
            traits: CardAttributes {
                owner,
                tier,
                currency: Some("CNY".to_owned()),
                source: None,
                channel: None,
                tags: Vec::new(),
                texts: ProfileTexts::default(),
                sub_status: None,
                elsewhere: Vec::new(),
                version: 1,
            },
        }
    }

    /// What decides about the place of a card.
    fn rank(order: CardOrder, card: &PresentCard, due: Option<Micros>) -> (String, i64, Micros, Uuid) {
        let amount = -card.amount.map_or(0, |amount| i64::try_from(amount).unwrap() * 100);
        let tier = card.traits.tier.clone().unwrap_or_else(|| "zz".to_owned());
        let (tier, value) = match order {
            CardOrder::Entered => (String::new(), 0),
            CardOrder::Value => (tier, amount),
            CardOrder::Amount => (String::new(), amount),
            CardOrder::NextContact => (String::new(), due.unwrap_or(Micros::MAX)),
        };
        (tier, value, card.entered, card.customer)
    }

    #[test]
    fn a_column_is_in_its_order_page_by_page_whatever_became_of_the_cards() {
        let (mut chance, mut shown) = (Chance::new(21), 0);
        let mut all: BTreeMap<u128, (PresentCard, Option<Micros>)> = BTreeMap::new();
        let mut index = CardIndex::default();
        for step in 0..400_u32 {
            let id = chance.below(40) as u128;
            match chance.below(6) {
                0 => {
                    index.remove(Uuid::from_u128(id));
                    all.remove(&id);
                }
                1 | 2 => {
                    let due = [None, Some(chance.below(4) as Micros)][chance.below(2)];
                    index.put_contact(Uuid::from_u128(id), due);
                    if let Some((_, held)) = all.get_mut(&id) {
                        *held = due;
                    }
                }
                _ => {
                    let made = card(&mut chance, id);
                    index.put(made.clone());
                    let due = index.contacts.due.get(&made.customer).copied();
                    all.insert(id, (made, due));
                }
            }
            let order = ORDERS[chance.below(4)];
            let owner = (chance.below(2) == 0).then(|| Owner::Rep("li".to_owned()));
            let wanted = CohortFilter { owner: owner.clone(), ..CohortFilter::default() };
            let mut expected: Vec<_> = all
                .values()
                .filter(|(card, _)| card.stage == "new")
                .filter(|(card, _)| owner.as_ref().is_none_or(|owner| card.traits.owner == *owner))
                .map(|(card, due)| rank(order, card, *due))
                .collect();
            expected.sort_unstable();
            let expected: Vec<Uuid> = expected.into_iter().map(|(.., customer)| customer).collect();
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = |_: &str| CardPage { limit: 3, after: after.clone(), order };
                let mut board = index.places(&wanted, page);
                let here = board.by_stage.remove("new").unwrap_or_default();
                found.extend(here.page.iter().map(|place| place.customer));
                let Some(cursor) = here.next_cursor else { break };
                after = Some(CardKey::read(&cursor, order).unwrap());
            }
            assert_eq!(found, expected, "step {step}: {order:?}");
            shown += found.len();
        }
        assert!(shown > 1_000, "{shown}");
    }

    #[test]
    fn a_page_begins_after_the_same_place_though_its_card_is_gone() {
        let mut index = CardIndex::default();
        let mut chance = Chance::new(1);
        for id in 0..6 {
            let made = card(&mut chance, id);
            let amount = Some(Decimal::from(100 - id as i64 / 2));
            index.put(PresentCard { stage: "new".to_owned(), amount, ..made });
        }
        let page = |index: &mut CardIndex, after: Option<CardKey>| {
            let order = CardOrder::Amount;
            let page = |_: &str| CardPage { limit: 3, after: after.clone(), order };
            let here = index.places(&CohortFilter::default(), page).by_stage.remove("new").unwrap();
            let after = here.next_cursor.map(|cursor| CardKey::read(&cursor, order).unwrap());
            (here.page.into_iter().map(|place| place.customer).collect::<Vec<_>>(), after)
        };
        let (first, after) = page(&mut index, None);
        let all: Vec<Uuid> = (0..6).map(Uuid::from_u128).collect();
        index.remove(first[2]);
        let (rest, _) = page(&mut index, after);
        let mut seen = [first, rest].concat();
        seen.sort_unstable();
        assert_eq!(seen, all);
    }

    #[test]
    fn a_page_of_a_sorted_column_looks_at_few_cards_however_many_there_are() {
        let looks = |cards: u128, order| {
            let (mut index, mut chance) = (CardIndex::default(), Chance::new(3));
            for id in 0..cards {
                let made = card(&mut chance, id);
                index.put(PresentCard { stage: "new".to_owned(), ..made });
                index.put_contact(Uuid::from_u128(id), Some(id as Micros * 7 % 1_000));
            }
            let page = |_: &str| CardPage { limit: 20, after: None, order };
            // Once somebody asked for it, the order is kept.
            index.places(&CohortFilter::default(), page);
            let moved = card(&mut chance, 5);
            index.put(PresentCard { stage: "new".to_owned(), ..moved });
            LOOKS.with(|looks| looks.set(0));
            index.places(&CohortFilter::default(), page);
            LOOKS.with(std::cell::Cell::get)
        };
        for order in ORDERS {
            assert_eq!((looks(2_000, order), looks(4_000, order)), (21, 21), "{order:?}");
        }
    }
}
