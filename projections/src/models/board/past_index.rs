//! Where customers stood in a pipeline at any instant, in memory.
//!
//! Of each journey the spans of time are kept in which nothing changed that a board shows: where it stood, since when, and what its
//! customer was like. A board of an instant finds one span of each journey, however long the journeys are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;
use uuid::Uuid;
use waymark_domain::customer::event::Money;

use super::card_order::{CardKey, CardOrder};
use super::card_traits::{CardAttributes, TraitTable};
use super::found_by::amount_order;
use super::looks::count_looks;
use super::next_contacts::NextContacts;
use super::places::{CardPage, Place, Places, StageFigures, StagePlaces, first_after};
use super::versions::{CustomerVersion, CustomerVersions};
use crate::models::kept::{RowsId, TenantCache, Weigh};
use crate::models::states::States;
use crate::query::CohortFilter;
use crate::stats::journeys::ended;
use crate::stats::{JourneySet, Micros, Names};

/// The past of pipelines, by the pipeline's key: each made of the rows of customers and of those of moves.
pub(crate) type PastCache = TenantCache<States<(RowsId, RowsId), PastIndex>>;

/// How many bytes are kept of it in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// Of how many journeys one may have changed before the changes are put in their places.
const JOURNEYS_A_CHANGE: usize = 24;
/// This number may change in any case.
const FEW: usize = 64;

/// The past of a pipeline, in one state of knowledge.
#[derive(Debug, Default, Clone)]
pub(crate) struct PastIndex {
    stages: Names,
    traits: TraitTable,
    /// In order.
    customers: Vec<Uuid>,
    /// Where the spans of each customer begin.
    starts: Vec<usize>,
    /// Of each journey in order: the first begins before every instant, the last never ends.
    spans: Vec<Span>,
    /// Those whose journeys changed since; no spans where there is no journey any more.
    changed: BTreeMap<Uuid, Vec<Span>>,
}

/// A time in which a journey stood in one place, and its customer was like one thing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    from: Micros,
    stands: Stands,
    /// When the stay began.
    entered: Micros,
    /// The version of the pipeline that the stage is of.
    version: u16,
    traits: u32,
    amount: Option<Decimal>,
    /// Whether anything was known of the customer by then: filters leave out whom nothing is known of.
    is_known: bool,
}

/// Where a journey stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Nowhere yet.
    NotYet,
    /// In the stage with this number.
    In(u32),
    /// Nowhere any more: who was merged stands where the survivor stands, and who was erased nowhere.
    NoLonger,
}

/// Somebody on a board.
#[derive(Clone, Copy)]
struct Standing<'a> {
    customer: Uuid,
    span: &'a Span,
}

impl PastIndex {
    /// Of the journeys of a pipeline, in the order of their customers, and what everybody was like.
    pub(super) fn of(pipeline: &str, journeys: &JourneySet, pasts: &CustomerVersions) -> Self {
        let mut index = Self::default();
        for journey in 0..journeys.len() {
            let customer = journeys.customer(journey);
            let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
            let spans = index.spans_of(pipeline, journeys, journey, past);
            index.push(customer, &spans);
        }
        index
    }

    /// How many spans there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len() + self.changed.values().map(Vec::len).sum::<usize>()
    }

    /// Whether most of the traits that are kept are nobody's any more.
    pub(super) fn is_worn(&self) -> bool {
        self.traits.is_worn(self.len())
    }

    /// Puts the journeys of some customers in the place of what they were; of who has none, nothing is left.
    pub(super) fn replace(
        &mut self,
        pipeline: &str,
        customers: &BTreeSet<Uuid>,
        journeys: &JourneySet,
        pasts: &CustomerVersions,
    ) {
        self.changed.extend(customers.iter().map(|customer| (*customer, Vec::new())));
        for journey in 0..journeys.len() {
            let customer = journeys.customer(journey);
            let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
            let spans = self.spans_of(pipeline, journeys, journey, past);
            self.changed.insert(customer, spans);
        }
        if self.changed.len() > FEW.max(self.customers.len() / JOURNEYS_A_CHANGE) {
            self.settle();
        }
    }

    /// Puts what changed in its place.
    fn settle(&mut self) {
        let (stages, traits) = (std::mem::take(&mut self.stages), std::mem::take(&mut self.traits));
        let mut settled = Self { stages, traits, ..Self::default() };
        self.journeys().for_each(|(customer, spans)| settled.push(customer, spans));
        *self = settled;
    }

    fn push(&mut self, customer: Uuid, spans: &[Span]) {
        if !spans.is_empty() {
            self.customers.push(customer);
            self.starts.push(self.spans.len());
            self.spans.extend_from_slice(spans);
        }
    }

    /// Every journey in the order of the customers.
    fn journeys(&self) -> impl Iterator<Item = (Uuid, &[Span])> {
        let ends = self.starts.iter().skip(1).copied().chain([self.spans.len()]);
        let places = self.starts.iter().zip(ends).map(|(start, end)| &self.spans[*start..end]);
        let mut settled = self.customers.iter().copied().zip(places).peekable();
        let mut changed = self.changed.iter().map(|(customer, spans)| (*customer, &spans[..])).peekable();
        std::iter::from_fn(move || {
            let Some((next, _)) = changed.peek() else { return settled.next() };
            if let Some(before) = settled.next_if(|(customer, _)| customer < next) {
                return Some(before);
            }
            settled.next_if(|(customer, _)| customer == next);
            changed.next()
        })
    }

    /// The spans of a journey, which touch each other.
    fn spans_of(
        &mut self,
        pipeline: &str,
        journeys: &JourneySet,
        journey: usize,
        past: &[CustomerVersion],
    ) -> Vec<Span> {
        let moves = journeys.until(journey, Micros::MAX);
        let stays: Vec<_> = moves.iter().filter(|record| !record.repeat).collect();
        let ends = journeys.ends(journey);
        let traits: Vec<u32> =
            past.iter().map(|then| self.traits.number(CardAttributes::then(then, pipeline))).collect();
        let begins = stays.iter().map(|stay| stay.at);
        let others = past.iter().map(|then| then.since).chain(ends.iter().map(|(at, _)| *at));
        let instants: BTreeSet<Micros> = [Micros::MIN].into_iter().chain(begins).chain(others).collect();
        let mut spans: Vec<Span> = Vec::with_capacity(instants.len());
        for from in instants {
            let stay = stays[..stays.partition_point(|stay| stay.at <= from)].last();
            let known = past.partition_point(|then| then.since <= from);
            // A backdated journey may have begun before anything was known of the customer's owner.
            let number = known.saturating_sub(1);
            let then = past.get(number);
            let is_seen = ended(ends, from).is_none() && then.is_some_and(|then| !then.merged);
            let stands = match stay {
                None => Stands::NotYet,
                Some(stay) if is_seen => Stands::In(self.stages.intern(journeys.stages.text(stay.stage))),
                Some(_) => Stands::NoLonger,
            };
            let span = Span {
                from,
                stands,
                entered: stay.map_or(Micros::MIN, |stay| stay.at),
                version: stay.map_or(0, |stay| stay.version),
                traits: traits.get(number).copied().unwrap_or_default(),
                amount: then.and_then(|then| Some(then.amount.as_ref()?.amount)),
                is_known: known > 0,
            };
            if spans.last().is_none_or(|last| Span { from, ..*last } != span) {
                spans.push(span);
            }
        }
        spans
    }

    /// Where everybody stood at an instant, of those who pass a filter and are reached; of each stage a page of its cards.
    /// `contacts` says when they are due to be contacted next, where the instant is now.
    pub(super) fn places(
        &self,
        (at, contacts): (Micros, &NextContacts),
        filter: &CohortFilter,
        is_reached: impl Fn(Uuid) -> bool,
        page_of: impl Fn(&str) -> CardPage,
    ) -> Places {
        let (mut here, mut not_started) = (vec![Vec::new(); self.stages.len()], 0);
        let mut verdicts = vec![None; self.traits.len()];
        let has_conditions = filter.has_conditions();
        let mut passes = |span: &Span| {
            let number = span.traits as usize;
            !has_conditions
                || span.is_known
                    && *verdicts[number].get_or_insert_with(|| self.traits.passes(number, filter))
        };
        for (customer, spans) in self.journeys() {
            let Some(span) = spans[..begun(spans, at)].last() else { continue };
            if !is_reached(customer) || !passes(span) {
                continue;
            }
            match span.stands {
                Stands::NotYet => not_started += 1,
                Stands::In(stage) => here[stage as usize].push(Standing { customer, span }),
                Stands::NoLonger => {}
            }
        }
        let mut by_stage = BTreeMap::new();
        for (stage, here) in (0..).zip(here).filter(|(_, here)| !here.is_empty()) {
            let stage = self.stages.text(stage);
            by_stage.insert(stage.to_owned(), self.stage(here, contacts, &page_of(stage)));
        }
        Places { by_stage, not_started }
    }

    /// The figures of those who stood in a stage, and a page of them.
    fn stage(&self, here: Vec<Standing<'_>>, contacts: &NextContacts, page: &CardPage) -> StagePlaces {
        let figures = self.figures(&here);
        if page.limit == 0 {
            return StagePlaces { figures, ..StagePlaces::default() };
        }
        let key = |one: &Standing<'_>| {
            let Standing { customer, span } = *one;
            let amount = || amount_order(span.amount);
            let (tier, value) = match page.order {
                CardOrder::Entered => (None, 0),
                CardOrder::Value => (Some(self.traits.tier(span.traits as usize)), amount()),
                CardOrder::Amount => (None, amount()),
                CardOrder::NextContact => (None, contacts.get(&customer).copied().unwrap_or(Micros::MAX)),
            };
            CardKey { tier, value, entered: span.entered, customer }
        };
        let first = first_after(here, page, key);
        StagePlaces::page(figures, first.map(|(key, one)| (key, self.place(&one))), page)
    }

    fn figures(&self, here: &[Standing<'_>]) -> StageFigures {
        let mut entries: Vec<Micros> = here.iter().map(|one| one.span.entered).collect();
        let mut figures = StageFigures { middle: middle_of(&mut entries), ..StageFigures::default() };
        let mut alike: HashMap<(u32, u16), (usize, Option<Decimal>)> = HashMap::new();
        for Standing { span, .. } in here {
            let (count, sum) = alike.entry((span.traits, span.version)).or_default();
            *count += 1;
            *sum = span.amount.map(|amount| sum.unwrap_or_default().saturating_add(amount)).or(*sum);
        }
        for ((number, version), (count, sum)) in alike {
            let traits = self.traits.of(number as usize);
            figures.count_in(traits.sub_status.as_ref(), version.into(), count);
            if let Some((currency, sum)) = traits.currency.as_ref().zip(sum) {
                figures.add(currency, sum);
            }
        }
        figures
    }

    fn place(&self, Standing { customer, span }: &Standing<'_>) -> Place {
        let traits = self.traits.of(span.traits as usize);
        let money = |(amount, currency): (Decimal, &String)| Money { amount, currency: currency.clone() };
        Place {
            customer: *customer,
            entered: span.entered,
            owner: traits.owner.clone(),
            amount: span.amount.zip(traits.currency.as_ref()).map(money),
            sub_status: traits.sub_status.clone(),
            tier: traits.tier.clone(),
            version: span.version.into(),
        }
    }
}

/// How many of the spans of a journey have begun by an instant.
fn begun(spans: &[Span], at: Micros) -> usize {
    spans.partition_point(|span| {
        count_looks(1);
        span.from <= at
    })
}

/// Those in the middle of the order of entries: nobody, one, or two.
fn middle_of(entries: &mut [Micros]) -> Vec<Micros> {
    let half = entries.len() / 2;
    if entries.is_empty() {
        return Vec::new();
    }
    let is_odd = entries.len() % 2 == 1;
    let (below, above, _) = entries.select_nth_unstable(half);
    if is_odd { vec![*above] } else { below.iter().max().into_iter().chain([&*above]).copied().collect() }
}

impl CardAttributes {
    /// What a board shows of a customer as it was.
    fn then(then: &CustomerVersion, pipeline: &str) -> Self {
        let elsewhere = then.sub_statuses.iter().filter(|(journey, _)| *journey != pipeline);
        Self {
            owner: then.owner.clone(),
            tier: then.tier.clone(),
            currency: then.amount.as_ref().map(|money| money.currency.clone()),
            source: then.source.clone(),
            channel: then.channel.clone(),
            tags: then.tags.clone(),
            texts: then.texts.clone(),
            sub_status: then.sub_statuses.get(pipeline).cloned(),
            elsewhere: elsewhere.map(|(_, held)| held.clone()).collect(),
            version: then.version,
        }
    }
}

impl Weigh for PastIndex {
    fn bytes(&self) -> usize {
        let journey = size_of::<Uuid>() + size_of::<usize>();
        self.len() * size_of::<Span>() + self.customers.len() * journey + self.traits.bytes()
    }
}
