//! The customers of a tenant as lists look for them, in memory: in the order of their registration, with what filters look at.
//!
//! As with cards, what many customers have in common is kept once, and a filter is asked about each such set of traits. Texts are
//! looked at only where a signature of their signs and pairs of signs says that a word may stand there.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Bound;
use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::search::SearchTerms;
use waymark_eventstore::Position;

use super::customer::Customer;
use super::found_by::{bounded, value_order};
use super::list_filter::{CustomerFilter, ListTraits};
use crate::error::{ProjectionError, Result};
use crate::models::kept::{Kept, Present, Weigh};
use crate::query::LIST_SEPARATOR;

/// The customers of tenants.
pub(crate) type ListCache = Kept<Present<ListIndex>>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// For how many filters verdicts are kept.
const FILTERS_KEPT: usize = 32;
/// About how many bytes a customer takes beside its texts.
const ENTRY_BYTES: usize = 200;
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
    customers: BTreeMap<Position, Entry>,
    registered: HashMap<Uuid, Position>,
    numbers: HashMap<Arc<ListTraits>, u32>,
    /// Sets of traits by their numbers, and how many customers have each.
    traits: Vec<(Arc<ListTraits>, usize)>,
    /// Those that were asked for last at the front, each with its verdict on each set of traits.
    filters: VecDeque<(CustomerFilter, Vec<bool>)>,
    /// How many bytes all texts take.
    text_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    customer: Uuid,
    traits: u32,
    value: i64,
    signature: u128,
    text: Box<str>,
    contacts: Box<str>,
}

/// Where a page begins: after a customer, by its registration or by its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct After {
    pub(super) position: Position,
    pub(super) value: Option<(String, i64)>,
}

impl After {
    pub(super) fn of(customer: &Customer) -> Self {
        Self { position: customer.created_position, value: Some(customer.value_order()) }
    }

    pub(super) fn text(&self, by_value: bool) -> String {
        match self.value.as_ref().filter(|_| by_value) {
            Some((tier, value)) => format!("{value}.{}.{tier}", self.position),
            None => self.position.to_string(),
        }
    }

    pub(super) fn read(cursor: &str, by_value: bool) -> Result<Self> {
        let parsed = || {
            if !by_value {
                return Some(Self { position: cursor.parse().ok()?, value: None });
            }
            let mut parts = cursor.splitn(3, '.');
            let (value, position) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Self { position, value: Some((parts.next()?.to_owned(), value)) })
        };
        parsed().ok_or(ProjectionError::BadCursor)
    }
}

impl ListIndex {
    /// How many customers there are, merged and withdrawn ones among them.
    pub(super) fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether most of the traits that are kept are nobody's any more.
    pub(super) fn is_worn(&self) -> bool {
        self.traits.len() > 1_000 + 2 * self.len()
    }

    /// Takes a customer away, if it is there.
    pub(super) fn remove(&mut self, customer: Uuid) {
        let Some(entry) = self.registered.remove(&customer).and_then(|at| self.customers.remove(&at)) else {
            return;
        };
        self.traits[entry.traits as usize].1 -= 1;
        self.text_bytes -= entry.text.len() + entry.contacts.len();
    }

    /// Puts a customer in the place of what it was.
    pub(super) fn put(&mut self, listed: ListedCustomer) {
        self.remove(listed.customer);
        let ListedCustomer { customer, created, traits, value, text, contacts } = listed;
        let number = match self.numbers.get(&traits) {
            Some(number) => *number,
            None => {
                // A customer is about two hundred bytes: there is no room for more of them.
                let number = u32::try_from(self.traits.len()).unwrap_or(u32::MAX);
                let traits = Arc::new(traits);
                self.traits.push((Arc::clone(&traits), 0));
                self.numbers.insert(traits, number);
                number
            }
        };
        self.traits[number as usize].1 += 1;
        self.text_bytes += text.len() + contacts.len();
        let signature =
            signature(&text) | contacts.split(LIST_SEPARATOR).map(mark).fold(0, |all, one| all | one);
        let (text, contacts) = (text.into_boxed_str(), contacts.into_boxed_str());
        self.registered.insert(customer, created);
        self.customers.insert(created, Entry { customer, traits: number, value, signature, text, contacts });
    }

    /// How many customers each pool holds of those that a filter lets through, by the pool's key.
    pub(super) fn pools(&mut self, filter: &CustomerFilter) -> BTreeMap<String, u64> {
        let verdicts = self.verdicts(filter);
        let mut pools = BTreeMap::new();
        for ((traits, count), passes) in self.traits.iter().zip(verdicts) {
            if let (Owner::Pool(pool), true, 1..) = (&traits.owner, passes, *count) {
                *pools.entry(pool.clone()).or_default() += *count as u64;
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
        let passes = |entry: &Entry| {
            verdicts[entry.traits as usize] && search.as_ref().is_none_or(|search| search.finds(entry))
        };
        let is_among = |entry: &Entry| among.is_none_or(|among| among.contains(&entry.customer));
        if filter.by_value {
            let passing = self.customers.iter().filter(|(_, entry)| is_among(entry) && passes(entry));
            return self.by_value(passing.collect(), after, limit);
        }
        if let Some(among) = among {
            let mut found: Vec<Position> =
                among.iter().filter_map(|id| self.registered.get(id)).copied().collect();
            found.sort_unstable();
            let entries =
                found.iter().filter(|at| **at > after.position).filter_map(|at| self.customers.get(at));
            return entries.filter(|entry| passes(entry)).take(limit).map(|entry| entry.customer).collect();
        }
        let rest = self.customers.range((Bound::Excluded(after.position), Bound::Unbounded));
        rest.map(|(_, entry)| entry)
            .filter(|entry| passes(entry))
            .take(limit)
            .map(|entry| entry.customer)
            .collect()
    }

    /// The most valuable of some after a place in that order.
    fn by_value(&self, passing: Vec<(&Position, &Entry)>, after: &After, limit: usize) -> Vec<Uuid> {
        let tier = |traits: &ListTraits| value_order(traits.tier.as_deref(), None).0;
        let mut tiers: Vec<String> = self.traits.iter().map(|(traits, _)| tier(traits)).collect();
        tiers.extend(after.value.iter().map(|(tier, _)| tier.clone()));
        tiers.sort_unstable();
        tiers.dedup();
        let rank = |tier: &String| tiers.partition_point(|other| other < tier);
        let ranks: Vec<usize> = self.traits.iter().map(|(traits, _)| rank(&tier(traits))).collect();
        let from = after.value.as_ref().map(|(tier, value)| (rank(tier), *value, after.position));
        let keyed = passing.into_iter().map(|(position, entry)| {
            ((ranks[entry.traits as usize], entry.value, *position), entry.customer)
        });
        let mut keyed: Vec<_> = keyed.filter(|(key, _)| from.is_none_or(|from| *key > from)).collect();
        if limit < keyed.len() {
            keyed.select_nth_unstable(limit);
            keyed.truncate(limit);
        }
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, customer)| customer).collect()
    }

    /// What a filter says of each set of traits.
    fn verdicts(&mut self, wanted: &CustomerFilter) -> Vec<bool> {
        // What is asked of a customer's own texts, and in which order, makes no difference.
        let wanted = CustomerFilter { q: None, by_value: false, ..wanted.clone() };
        let known = self.filters.iter().position(|(filter, _)| *filter == wanted);
        let (filter, mut verdicts) =
            known.and_then(|place| self.filters.remove(place)).unwrap_or_else(|| (wanted, Vec::new()));
        verdicts.extend(self.traits[verdicts.len()..].iter().map(|(traits, _)| filter.lets_through(traits)));
        self.filters.push_front((filter, verdicts.clone()));
        self.filters.truncate(FILTERS_KEPT);
        verdicts
    }
}

/// What is searched for, with the signature that each word and each contact needs.
struct Search<'a> {
    words: Vec<(&'a str, u128)>,
    contacts: Vec<(String, u128)>,
}

impl<'a> Search<'a> {
    fn of(sought: &'a SearchTerms) -> Self {
        Self {
            words: sought.words.iter().map(|word| (word.as_str(), signature(word))).collect(),
            contacts: sought.contacts.iter().map(|contact| (bounded(contact), mark(contact))).collect(),
        }
    }

    /// As [`SearchTerms::finds`].
    fn finds(&self, entry: &Entry) -> bool {
        let may_hold = |needed: u128| entry.signature & needed == needed;
        self.words.iter().all(|(_, needed)| may_hold(*needed))
            && self.words.iter().all(|(word, _)| entry.text.contains(word))
            || self
                .contacts
                .iter()
                .any(|(contact, needed)| may_hold(*needed) && entry.contacts.contains(contact.as_str()))
    }
}

/// A mark for each sign and each pair of signs of a text: a text that holds another has all of its marks.
fn signature(text: &str) -> u128 {
    let signs = text.chars().map(|sign| mark(&sign));
    let pairs = text.chars().zip(text.chars().skip(1)).map(|pair| mark(&pair));
    signs.chain(pairs).fold(0, |all, one| all | one)
}

/// One of 128 marks, the same for the same thing in this process.
fn mark(thing: &(impl std::hash::Hash + ?Sized)) -> u128 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    1 << (hasher.finish() % 128)
}

impl Weigh for ListIndex {
    fn bytes(&self) -> usize {
        self.len() * ENTRY_BYTES + self.traits.len() * TRAIT_BYTES + self.text_bytes
    }
}
