//! The customers of a tenant as lists look for them, in memory: in the order of their registration, with what filters look at.
//!
//! As with cards, what many customers have in common is kept once, and a filter is asked about each such set of traits. Who has a
//! set is known, so that of a filter that few pass, those few are looked at. Texts are looked at only where the marks of their signs
//! and pairs of signs say that a word may stand there.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::search::SearchTerms;
use waymark_eventstore::Position;

use super::found_by::{bounded, tier_in_cursor, tier_of_cursor, value_order};
use super::list_filter::{CustomerFilter, ListOrder, ListTraits};
use super::looks::count_looks;
use super::mark_index::{self, MarkIndex};
use super::reclaim_order::{NEVER, ReclaimOrder, Reclaims};
use crate::error::{ProjectionError, Result};
use crate::models::kept::{Present, RowsId, TenantCache, Weigh};
use crate::query::LIST_SEPARATOR;
use crate::stats::Micros;

/// The customers of tenants.
pub(crate) type ListCache = TenantCache<Present<ListIndex>>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// For how many filters verdicts are kept.
const FILTERS_KEPT: usize = 32;
/// About how many bytes a customer takes beside its texts.
const ENTRY_BYTES: usize = 200 + MarkIndex::BYTES;
/// Of how many customers fewer than one passes a filter for those who pass to be gathered: otherwise a page is found sooner by going
/// over the customers in order.
const CUSTOMERS_A_PASS: usize = 16;
/// About how many bytes a set of traits takes, with its texts.
const TRAIT_BYTES: usize = 512;

/// A customer as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListedCustomer {
    pub(super) customer: Uuid,
    pub(super) created: Position,
    pub(super) traits: ListTraits,
    /// Where it stands among those of its tier: by the amount, the largest first.
    pub(super) value: i64,
    /// Name and id in another system, folded, in lines.
    pub(super) text: String,
    /// The keys of its contacts, each between separators.
    pub(super) contacts: String,
}

/// The customers of a tenant.
#[derive(Debug, Default)]
pub(crate) struct ListIndex {
    /// In the order of their registration. Who is taken away keeps the place, for when it is put again.
    entries: Vec<Entry>,
    places: HashMap<Uuid, u32>,
    numbers: HashMap<Arc<ListTraits>, u32>,
    /// Sets of traits by their numbers.
    traits: Vec<TraitSet>,
    /// By tier, and of each tier by the amount, the largest first.
    by_value: BTreeMap<String, BTreeSet<(i64, u32)>>,
    /// By when they go back to their pools, once somebody asked for that order.
    by_reclaim: Option<ReclaimOrder>,
    marks: MarkIndex,
    /// Those that were asked for last at the front, each with its verdict on each set of traits.
    filters: VecDeque<(CustomerFilter, Vec<bool>)>,
    /// How many bytes all texts take.
    text_bytes: usize,
}

#[derive(Debug)]
struct TraitSet {
    traits: Arc<ListTraits>,
    /// Where the tier stands in the order of tiers.
    tier: String,
    /// The places of those who have it.
    holders: BTreeSet<u32>,
}

#[derive(Debug)]
struct Entry {
    created: Position,
    customer: Uuid,
    is_there: bool,
    traits: u32,
    value: i64,
    text: Box<str>,
    contacts: Box<str>,
}

/// Where a page begins: after a customer, by its registration, and by what it is ordered by besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct After {
    pub(super) position: Position,
    pub(super) rank: Option<Rank>,
}

/// What customers are ordered by before their registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rank {
    /// The tier, and the amount, the largest first.
    Value(String, i64),
    /// When the customer goes back to its pool.
    Reclaim(Micros),
}

impl After {
    /// As it stands in a cursor.
    pub(super) fn text(&self) -> String {
        match &self.rank {
            None => self.position.to_string(),
            Some(Rank::Value(tier, value)) => format!("{value}.{}.{}", self.position, tier_in_cursor(tier)),
            Some(Rank::Reclaim(at)) => format!("{at}.{}", self.position),
        }
    }

    pub(super) fn read(cursor: &str, order: ListOrder) -> Result<Self> {
        let parsed = || match order {
            ListOrder::Registered => Some(Self { position: cursor.parse().ok()?, rank: None }),
            ListOrder::Value => {
                let mut parts = cursor.splitn(3, '.');
                let (value, position) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
                Some(Self { position, rank: Some(Rank::Value(tier_of_cursor(parts.next()?)?, value)) })
            }
            ListOrder::RemainingOwnership => {
                let (at, position) = cursor.split_once('.')?;
                let rank = Some(Rank::Reclaim(at.parse().ok()?));
                Some(Self { position: position.parse().ok()?, rank })
            }
        };
        parsed().ok_or(ProjectionError::BadCursor)
    }

    /// What stands before the place in an order: a tier, empty where tiers make no difference, and a number.
    fn rank(&self) -> Option<(&str, i64)> {
        self.rank.as_ref().map(|rank| match rank {
            Rank::Value(tier, value) => (tier.as_str(), *value),
            Rank::Reclaim(at) => ("", *at),
        })
    }
}

impl ListIndex {
    /// Of customers in any order.
    pub(super) fn of(mut customers: Vec<ListedCustomer>) -> Self {
        customers.sort_unstable_by_key(|customer| customer.created);
        let mut index = Self::default();
        customers.into_iter().for_each(|customer| index.put(customer));
        index
    }

    /// How many customers there are, merged and withdrawn ones among them.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether most of the traits that are kept are nobody's any more.
    pub(super) fn is_worn(&self) -> bool {
        self.traits.len() > 1_000 + 2 * self.len()
    }

    /// Takes a customer away, if it is there.
    pub(super) fn remove(&mut self, customer: Uuid) {
        let Some(place) = self.places.remove(&customer) else { return };
        let entry = &mut self.entries[place as usize];
        let set = &mut self.traits[entry.traits as usize];
        set.holders.remove(&place);
        if let Some(of_tier) = self.by_value.get_mut(&set.tier) {
            of_tier.remove(&(entry.value, place));
        }
        if let Some(by_reclaim) = &mut self.by_reclaim {
            by_reclaim.take_out(customer, place);
        }
        self.text_bytes -= entry.text.len() + entry.contacts.len();
        self.marks.remove(place, marks(&entry.text, &entry.contacts));
        entry.is_there = false;
        (entry.text, entry.contacts) = Default::default();
    }

    /// Puts a customer in the place of what it was.
    pub(super) fn put(&mut self, listed: ListedCustomer) {
        self.remove(listed.customer);
        let place = self.entries.partition_point(|entry| entry.created < listed.created);
        let has_place = self.entries.get(place).is_none_or(|entry| entry.created == listed.created);
        // A customer is about three hundred bytes: there is no room for more of them.
        let (true, Ok(number)) = (has_place, u32::try_from(place)) else {
            return self.put_between(listed);
        };
        let ListedCustomer { customer, created, traits, value, text, contacts } = listed;
        let traits = self.number(traits);
        let set = &mut self.traits[traits as usize];
        set.holders.insert(number);
        match self.by_value.get_mut(&set.tier) {
            Some(of_tier) => drop(of_tier.insert((value, number))),
            None => drop(self.by_value.insert(set.tier.clone(), BTreeSet::from([(value, number)]))),
        }
        if let Some(by_reclaim) = &mut self.by_reclaim {
            by_reclaim.put_in(customer, number);
        }
        self.text_bytes += text.len() + contacts.len();
        self.marks.add(number, marks(&text, &contacts));
        self.places.insert(customer, number);
        let (text, contacts) = (text.into_boxed_str(), contacts.into_boxed_str());
        let entry = Entry { created, customer, is_there: true, traits, value, text, contacts };
        match self.entries.get_mut(place) {
            Some(held) => *held = entry,
            None => self.entries.push(entry),
        }
    }

    /// Puts a customer that was registered before others that are there, which takes all of them afresh. Nobody is known later than
    /// those registered after, as long as rows are those of one epoch.
    fn put_between(&mut self, listed: ListedCustomer) {
        let Self { entries, traits, by_reclaim, .. } = std::mem::take(self);
        let held = |entry: Entry| ListedCustomer {
            customer: entry.customer,
            created: entry.created,
            traits: ListTraits::clone(&traits[entry.traits as usize].traits),
            value: entry.value,
            text: entry.text.into(),
            contacts: entry.contacts.into(),
        };
        let held = entries.into_iter().filter(|entry| entry.is_there).map(held);
        *self = Self::of(held.chain([listed]).collect());
        self.by_reclaim = by_reclaim.map(|order| order.moved_to(&self.places));
    }

    /// From which rows it was read when customers go back to their pools, and up to which position; none before somebody asked
    /// for that order.
    pub(super) fn reclaims_read(&self) -> Option<(RowsId, Position)> {
        self.by_reclaim.as_ref().map(|order| order.state)
    }

    /// Notes up to where that was followed.
    pub(super) fn note_reclaims_read(&mut self, state: (RowsId, Position)) {
        if let Some(by_reclaim) = &mut self.by_reclaim {
            by_reclaim.state = state;
        }
    }

    /// Puts everybody in that order, as read afresh.
    pub(super) fn put_reclaims(&mut self, state: (RowsId, Position), reclaims: Reclaims) {
        self.by_reclaim = Some(ReclaimOrder::of(state, reclaims, &self.places));
    }

    /// Notes when a customer goes back; none where no rule takes it away.
    pub(super) fn put_reclaim(&mut self, customer: Uuid, at: Option<Micros>) {
        let place = self.places.get(&customer).copied();
        if let Some(by_reclaim) = &mut self.by_reclaim {
            by_reclaim.put(customer, at, place);
        }
    }

    fn reclaim_at(&self, customer: Uuid) -> Micros {
        self.by_reclaim.as_ref().map_or(NEVER, |order| order.at(customer))
    }

    /// Where a page begins that goes on after a customer; none of one that is not there.
    pub(super) fn after(&self, customer: Uuid, order: ListOrder) -> Option<After> {
        let entry = &self.entries[*self.places.get(&customer)? as usize];
        let rank = match order {
            ListOrder::Registered => None,
            ListOrder::Value => {
                Some(Rank::Value(self.traits[entry.traits as usize].tier.clone(), entry.value))
            }
            ListOrder::RemainingOwnership => Some(Rank::Reclaim(self.reclaim_at(customer))),
        };
        Some(After { position: entry.created, rank })
    }

    /// The number of a set of traits, new or known.
    fn number(&mut self, traits: ListTraits) -> u32 {
        if let Some(number) = self.numbers.get(&traits) {
            return *number;
        }
        // There are not more of them than customers were put.
        let number = u32::try_from(self.traits.len()).unwrap_or(u32::MAX);
        let tier = value_order(traits.tier.as_deref(), None).0;
        let traits = Arc::new(traits);
        self.traits.push(TraitSet { traits: Arc::clone(&traits), tier, holders: BTreeSet::new() });
        self.numbers.insert(traits, number);
        number
    }

    /// How many customers each pool holds of those that a filter lets through, by the pool's key.
    pub(super) fn pools(&mut self, filter: &CustomerFilter) -> BTreeMap<String, u64> {
        let verdicts = self.verdicts(filter);
        let mut pools = BTreeMap::new();
        for (set, passes) in self.traits.iter().zip(verdicts) {
            if let (Owner::Pool(pool), true, false) = (&set.traits.owner, passes, set.holders.is_empty()) {
                *pools.entry(pool.clone()).or_default() += set.holders.len() as u64;
            }
        }
        pools
    }

    /// A page of the customers that a filter lets through, in the order asked for; of `among` alone, if that is given.
    pub(super) fn page(
        &mut self,
        filter: &CustomerFilter,
        among: Option<&[Uuid]>,
        after: &After,
        limit: usize,
    ) -> Vec<Uuid> {
        let verdicts = self.verdicts(filter);
        let search = filter.q.as_ref().map(Search::of);
        let passes = |place: &u32| {
            count_looks(1);
            let entry = &self.entries[*place as usize];
            entry.is_there
                && verdicts[entry.traits as usize]
                && search.as_ref().is_none_or(|search| search.finds(entry))
        };
        // The place after the one that the page begins after.
        let begin = self.entries.partition_point(|entry| entry.created <= after.position);
        let begin = u32::try_from(begin).unwrap_or(u32::MAX);
        let order = filter.order;
        let from = if order == ListOrder::Registered { begin } else { 0 };
        let found: Vec<u32> = match (self.some(among, search.as_ref(), &verdicts, from), order) {
            (Some(some), ListOrder::Registered) => {
                some.filter(|place| *place >= begin).filter(passes).take(limit).collect()
            }
            (None, ListOrder::Registered) => (begin..)
                .take(self.entries.len().saturating_sub(begin as usize))
                .filter(passes)
                .take(limit)
                .collect(),
            (Some(some), _) => self.sorted(some.filter(passes), order, (after, begin), limit),
            (None, ListOrder::Value) => {
                self.in_value_order((after, begin), &verdicts).filter(passes).take(limit).collect()
            }
            (None, ListOrder::RemainingOwnership) => {
                self.in_reclaim_order((after, begin)).filter(passes).take(limit).collect()
            }
        };
        found.into_iter().map(|place| self.entries[place as usize].customer).collect()
    }

    /// The places of customers among whom all are that a question may be about, in the order of registration; none where going
    /// over all of them is as well.
    fn some<'a>(
        &'a self,
        among: Option<&[Uuid]>,
        search: Option<&'a Search<'_>>,
        verdicts: &[bool],
        from: u32,
    ) -> Option<Box<dyn Iterator<Item = u32> + 'a>> {
        let of_filter =
            || self.traits.iter().zip(verdicts).filter(|(_, passes)| **passes).map(|(set, _)| set);
        let mut places: Vec<u32> = match (among, search) {
            (Some(among), _) => {
                among.iter().filter_map(|customer| self.places.get(customer)).copied().collect()
            }
            (None, Some(search)) => {
                return Some(Box::new(self.marks.with(from, &search.word_marks, &search.contact_marks)));
            }
            (None, None) => {
                let passing: usize = of_filter().map(|set| set.holders.len()).sum();
                if passing * CUSTOMERS_A_PASS >= self.len() {
                    return None;
                }
                of_filter().flat_map(|set| &set.holders).copied().collect()
            }
        };
        places.sort_unstable();
        Some(Box::new(places.into_iter()))
    }

    /// The first of some after a place in an order other than that of registration.
    fn sorted(
        &self,
        some: impl Iterator<Item = u32>,
        order: ListOrder,
        (after, begin): (&After, u32),
        limit: usize,
    ) -> Vec<u32> {
        let from = after.rank().map(|(tier, number)| (tier, number, begin));
        let keyed = some.map(|place| {
            let entry = &self.entries[place as usize];
            match order {
                ListOrder::Value => (self.traits[entry.traits as usize].tier.as_str(), entry.value, place),
                _ => ("", self.reclaim_at(entry.customer), place),
            }
        });
        let mut keyed: Vec<_> = keyed.filter(|key| from.is_none_or(|from| *key >= from)).collect();
        if limit < keyed.len() {
            keyed.select_nth_unstable(limit);
            keyed.truncate(limit);
        }
        keyed.sort_unstable();
        keyed.into_iter().map(|(.., place)| place).collect()
    }

    /// Everybody after a place in the order of values, but for the tiers in which no set of traits passes.
    fn in_value_order(&self, (after, begin): (&After, u32), verdicts: &[bool]) -> impl Iterator<Item = u32> {
        let passing =
            self.traits.iter().zip(verdicts).filter(|(set, passes)| **passes && !set.holders.is_empty());
        let passing: BTreeSet<&str> = passing.map(|(set, _)| set.tier.as_str()).collect();
        let (from_tier, from) = match after.rank() {
            Some((tier, value)) => (tier.to_owned(), (value, begin)),
            None => (String::new(), (i64::MIN, 0)),
        };
        let tiers =
            self.by_value.range(from_tier.clone()..).filter(move |(tier, _)| passing.contains(tier.as_str()));
        tiers.flat_map(move |(tier, of_tier)| {
            of_tier.range(if *tier == from_tier { from } else { (i64::MIN, 0) }..).map(|(_, place)| *place)
        })
    }

    /// Everybody after a place in the order in which they go back to their pools.
    fn in_reclaim_order(&self, (after, begin): (&After, u32)) -> impl Iterator<Item = u32> {
        let from = after.rank().map_or((Micros::MIN, 0), |(_, at)| (at, begin));
        self.by_reclaim.iter().flat_map(move |order| order.places_from(from))
    }

    /// What a filter says of each set of traits.
    fn verdicts(&mut self, wanted: &CustomerFilter) -> Vec<bool> {
        // What is asked of a customer's own texts, and in which order, makes no difference.
        let wanted = CustomerFilter { q: None, order: ListOrder::default(), ..wanted.clone() };
        let known = self.filters.iter().position(|(filter, _)| *filter == wanted);
        let (filter, mut verdicts) =
            known.and_then(|place| self.filters.remove(place)).unwrap_or_else(|| (wanted, Vec::new()));
        verdicts.extend(self.traits[verdicts.len()..].iter().map(|set| filter.lets_through(&set.traits)));
        self.filters.push_front((filter, verdicts.clone()));
        self.filters.truncate(FILTERS_KEPT);
        verdicts
    }
}

/// What is searched for, with the marks of texts in which it may stand.
struct Search<'a> {
    words: &'a [String],
    contacts: Vec<String>,
    /// All that the words need.
    word_marks: Vec<usize>,
    /// One of each contact.
    contact_marks: Vec<usize>,
}

impl<'a> Search<'a> {
    fn of(sought: &'a SearchTerms) -> Self {
        let mut word_marks: Vec<usize> =
            sought.words.iter().flat_map(|word| mark_index::of_text(word)).collect();
        word_marks.sort_unstable();
        word_marks.dedup();
        Self {
            words: &sought.words,
            contacts: sought.contacts.iter().map(|contact| bounded(contact)).collect(),
            word_marks,
            contact_marks: sought.contacts.iter().map(|contact| mark_index::of(contact.as_str())).collect(),
        }
    }

    /// As [`SearchTerms::finds`].
    fn finds(&self, entry: &Entry) -> bool {
        self.words.iter().all(|word| entry.text.contains(word.as_str()))
            || self.contacts.iter().any(|contact| entry.contacts.contains(contact.as_str()))
    }
}

/// The marks of a customer's texts, and one of each contact.
fn marks<'a>(text: &'a str, contacts: &'a str) -> impl Iterator<Item = usize> + 'a {
    mark_index::of_text(text).chain(contacts.split(LIST_SEPARATOR).map(mark_index::of))
}

impl Weigh for ListIndex {
    fn bytes(&self) -> usize {
        let by_reclaim = self.by_reclaim.as_ref().map_or(0, ReclaimOrder::bytes);
        self.entries.len() * ENTRY_BYTES + self.traits.len() * TRAIT_BYTES + self.text_bytes + by_reclaim
    }
}

#[cfg(test)]
mod tests {
    use waymark_domain::ProfileTexts;

    use super::super::looks::LOOKS;
    use super::*;
    use crate::tests::world::Chance;

    fn customer(id: u128, created: Position, owner: &str) -> ListedCustomer {
        ListedCustomer {
            customer: Uuid::from_u128(id),
            created,
            traits: ListTraits {
                owner: Owner::Rep(owner.to_owned()),
                tier: None,
                source: None,
                channel: None,
                tags: Vec::new(),
                texts: ProfileTexts::default(),
                at_risk: false,
                is_merged: false,
                is_withdrawn: false,
                is_erased: false,
                standings: Vec::new(),
            },
            value: 0,
            text: format!("birch {id}\nx-{created}"),
            contacts: String::new(),
        }
    }

    /// A customer of any tier, value and texts.
    fn any_customer(chance: &mut Chance, id: u128, created: Position) -> ListedCustomer {
        let mut made = customer(id, created, ["li", "wu", "he"][chance.below(3)]);
        made.traits.tier =
            [None, Some("gold"), Some("silver"), Some("tin")][chance.below(4)].map(str::to_owned);
        made.traits.at_risk = chance.below(20) == 0;
        made.value = -(chance.below(5) as i64);
        let names = ["橡树 贸易", "oak trading", "birch", "birchwood", "b"];
        made.text = format!("{} {}\nx-{created}", names[chance.below(5)], chance.below(40));
        if chance.below(3) == 0 {
            made.contacts =
                bounded("a@example.com") + &bounded(&format!("+861380013800{}", chance.below(10)));
        }
        made
    }

    const ORDERS: [ListOrder; 3] = [ListOrder::Registered, ListOrder::Value, ListOrder::RemainingOwnership];

    /// Where it was read when customers go back to their pools.
    const READ: (RowsId, Position) = (RowsId { file: 0, generation: 0, epoch: 0 }, 0);

    /// A page found by looking at everybody.
    fn by_looking(
        all: &[ListedCustomer],
        reclaims: &Reclaims,
        filter: &CustomerFilter,
        among: Option<&[Uuid]>,
        after: Option<&ListedCustomer>,
        limit: usize,
    ) -> Vec<Uuid> {
        let key = |one: &ListedCustomer| {
            let (tier, number) = match filter.order {
                ListOrder::Registered => (String::new(), 0),
                ListOrder::Value => (value_order(one.traits.tier.as_deref(), None).0, one.value),
                ListOrder::RemainingOwnership => {
                    (String::new(), reclaims.get(&one.customer).copied().unwrap_or(NEVER))
                }
            };
            (tier, number, one.created)
        };
        let finds = |one: &ListedCustomer| {
            let contacts: Vec<String> = one.contacts.split(LIST_SEPARATOR).map(str::to_owned).collect();
            filter.q.as_ref().is_none_or(|q| q.finds(&one.text, &contacts))
        };
        let counts = |one: &&ListedCustomer| {
            filter.lets_through(&one.traits)
                && finds(one)
                && among.is_none_or(|among| among.contains(&one.customer))
                && after.is_none_or(|after| key(one) > key(after))
        };
        let mut found: Vec<&ListedCustomer> = all.iter().filter(counts).collect();
        found.sort_by_key(|one| key(one));
        found.into_iter().take(limit).map(|one| one.customer).collect()
    }

    #[test]
    fn pages_are_those_of_looking_at_everybody() {
        let (mut chance, mut found) = (Chance::new(31), 0);
        let mut all: Vec<ListedCustomer> = Vec::new();
        let (mut index, mut reclaims) = (ListIndex::default(), Reclaims::new());
        index.put_reclaims(READ, Reclaims::new());
        for step in 0..600_u32 {
            let id = chance.below(150) as u128;
            all.retain(|one| one.customer != Uuid::from_u128(id));
            if chance.below(8) == 0 {
                index.remove(Uuid::from_u128(id));
            } else {
                // Now and then somebody is put who was registered before others.
                let made = any_customer(&mut chance, id, 1_000 - id as u64);
                all.push(made.clone());
                index.put(made);
            }
            assert_eq!(index.len(), all.len());
            let other = Uuid::from_u128(chance.below(150) as u128);
            let at = (chance.below(3) > 0).then(|| chance.below(9) as Micros);
            index.put_reclaim(other, at);
            match at {
                Some(at) => drop(reclaims.insert(other, at)),
                None => drop(reclaims.remove(&other)),
            }
            let terms = ["birch", "oak 1", "树", "x-99", "+86 138 0013 8003", "a@example.com", "b", "nobody"];
            let filter = CustomerFilter {
                tier: (chance.below(3) == 0).then(|| ["gold", "silver,tin", "none"][chance.below(3)].into()),
                owner: (chance.below(3) == 0).then(|| Owner::Rep("li".to_owned())),
                at_risk: (chance.below(4) == 0).then_some(true),
                q: (chance.below(2) == 0).then(|| SearchTerms::read(terms[chance.below(terms.len())])),
                order: ORDERS[chance.below(3)],
                ..CustomerFilter::default()
            };
            let among: Option<Vec<Uuid>> =
                (chance.below(5) == 0).then(|| (0..30).map(|id| Uuid::from_u128(id * 3)).collect());
            let after = (chance.below(2) == 0 && !all.is_empty()).then(|| &all[chance.below(all.len())]);
            let place = after.and_then(|after| index.after(after.customer, filter.order));
            if let Some(place) = &place {
                assert_eq!(After::read(&place.text(), filter.order).unwrap(), *place);
            }
            let place = place.unwrap_or_default();
            let page = index.page(&filter, among.as_deref(), &place, 7);
            assert_eq!(
                page,
                by_looking(&all, &reclaims, &filter, among.as_deref(), after, 7),
                "step {step}: {filter:?}"
            );
            found += page.len();
        }
        assert!(found > 500, "{found}");
    }

    /// How many customers are looked at for a page of one filter, of that many customers.
    fn looks(customers: u64, filter: &CustomerFilter) -> usize {
        let made = |n: u64| {
            let mut made = customer(n.into(), n, if n % 100 == 7 { "li" } else { "wu" });
            made.traits.tier = Some(if n.is_multiple_of(2) { "gold" } else { "silver" }.to_owned());
            made.value = -((n * 7_919 % 1_000) as i64);
            made
        };
        let mut index = ListIndex::of((1..=customers).map(made).collect());
        let goes_back = (1..=customers).filter(|n| !n.is_multiple_of(3));
        let reclaims = goes_back.map(|n| (Uuid::from_u128(n.into()), (n * 7_919 % 1_000) as Micros));
        index.put_reclaims(READ, reclaims.collect());
        LOOKS.with(|looks| looks.set(0));
        index.page(filter, None, &After::default(), 10);
        LOOKS.with(std::cell::Cell::get)
    }

    #[test]
    fn a_page_begins_after_the_same_place_though_its_customer_is_worked_on_since() {
        let mut index = ListIndex::of((0..6).map(|n| customer(n.into(), n + 1, "li")).collect());
        index.put_reclaims(READ, (0..4).map(|n| (Uuid::from_u128(n), 10 * n as Micros)).collect());
        let filter = CustomerFilter { order: ListOrder::RemainingOwnership, ..CustomerFilter::default() };
        let first = index.page(&filter, None, &After::default(), 2);
        let cursor = index.after(first[1], filter.order).unwrap().text();
        index.put_reclaim(first[1], Some(25));
        let after = After::read(&cursor, filter.order).unwrap();
        let rest = index.page(&filter, None, &after, 10);
        let found = [first, rest].map(|page| page.iter().map(Uuid::as_u128).collect::<Vec<_>>());
        assert_eq!(found, [vec![0, 1], vec![2, 1, 3, 4, 5]], "who is worked on stands further back");
        for (cursor, order) in [
            ("7.5.gold", ListOrder::RemainingOwnership),
            ("7", ListOrder::RemainingOwnership),
            ("7.5", ListOrder::Value),
            ("7.5", ListOrder::Registered),
        ] {
            let read = After::read(cursor, order);
            assert!(matches!(read, Err(ProjectionError::BadCursor)), "{cursor} of {order:?}");
        }
    }

    #[test]
    fn a_page_looks_at_few_customers_however_many_there_are() {
        let everybody = CustomerFilter::default();
        let value = CustomerFilter { order: ListOrder::Value, ..CustomerFilter::default() };
        let remaining = CustomerFilter { order: ListOrder::RemainingOwnership, ..value.clone() };
        let nobody = CustomerFilter { tier: Some("none".into()), ..CustomerFilter::default() };
        let silver = CustomerFilter { tier: Some("silver".into()), ..value.clone() };
        let sought = |words: &str| CustomerFilter { q: Some(SearchTerms::read(words)), ..everybody.clone() };
        for (filter, most) in [
            (everybody.clone(), 10),
            (value.clone(), 10),
            (remaining.clone(), 10),
            (nobody, 0),
            (silver, 10),
            (sought("birch 1234"), 40),
            (sought("zzqx"), 40),
            (sought("somebody@example.com"), 200),
        ] {
            let (few, twice) = (looks(4_000, &filter), looks(8_000, &filter));
            assert!(
                few <= most && twice <= most.max(2 * few),
                "{few}, {twice} of at most {most}: {filter:?}"
            );
        }
        // Of whom few pass, those few are looked at.
        for everybody in [value, remaining] {
            let of_li = CustomerFilter { owner: Some(Owner::Rep("li".to_owned())), ..everybody };
            assert_eq!((looks(4_000, &of_li), looks(8_000, &of_li)), (40, 80));
        }
    }
}
