//! What a customer was like at every instant, by what is known of it: the one fold behind boards of an instant, the customer as
//! it stood, filters and groups of reports.
//!
//! Attributes hold as [`ValidTimes`](waymark_domain::customer::ValidTimes) says, stages and sub-statuses as the corrected
//! timeline does. In order, a change is one more row. One that was recorded late, or a correction, may make a difference to
//! instants of which something is known already: each of those gets a row that is known from then on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;
use waymark_domain::ProfileTexts;
use waymark_domain::customer::event::{CustomerEvent, Money, Recorded};
use waymark_domain::customer::timeline::Journeys;

use super::customer::{Card, Customer, TrackedAttributes};
use super::expected_close::{CloseThen, KnownClose};
use super::tables::VersionRow;
use crate::error::Result;
use crate::log::history::{JourneyChange, PositionedMove, journeys, position_moves};
use crate::stats::Micros;

/// Everything of a customer of which the past is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TrackedState {
    traits: TrackedAttributes,
    version: u32,
    texts: ProfileTexts,
    postponed_until: Option<NaiveDate>,
    deal: (Option<NaiveDate>, Option<Money>),
    sub_statuses: BTreeMap<String, String>,
    expected_close: Option<CloseThen>,
}

impl Customer {
    /// What boards, filters and clocks look at: a change of it is kept.
    pub(super) fn tracked(&self) -> TrackedState {
        TrackedState {
            traits: self.traits.clone(),
            version: self.pipeline_version(),
            texts: self.profile.texts.in_reports(),
            postponed_until: self.profile.postponed_until,
            deal: self.profile.deal(),
            sub_statuses: self.sub_statuses(),
            expected_close: self.profile.expected_close.as_ref().and_then(KnownClose::kept),
        }
    }
}

/// Whether an event can change what is kept of the past.
pub(super) fn is_tracked(event: &CustomerEvent) -> bool {
    JourneyChange::of(event) != JourneyChange::None
        || decides_owner(event)
        || decides_merge(event)
        || matches!(event, CustomerEvent::DetailsChanged(_) | CustomerEvent::Absorbed(_))
}

fn decides_owner(event: &CustomerEvent) -> bool {
    matches!(event, CustomerEvent::Claimed(_) | CustomerEvent::Released(_) | CustomerEvent::OwnerChanged(_))
}

fn decides_merge(event: &CustomerEvent) -> bool {
    matches!(event, CustomerEvent::MergedInto(_) | CustomerEvent::Unmerged(_))
}

/// The rows that the last of these events adds, which are all of one customer and in the order of positions: for each instant
/// at which the customer was like something else than was known without it.
pub(super) fn rewritten(id: Uuid, events: &[&Recorded<CustomerEvent>]) -> Result<Vec<VersionRow>> {
    let Some((last, before)) = events.split_last() else { return Ok(Vec::new()) };
    let (before, now) = (states(id, before, last.position)?, states(id, events, last.position)?);
    // Rows that were written before begin at instants of events, or at those that corrections name.
    let named = events.iter().flat_map(|event| instants(event));
    let begins = before.keys().chain(now.keys()).copied();
    let all: BTreeSet<Micros> = named.chain(begins).collect();
    let at = |states: &BTreeMap<Micros, VersionRow>, instant: Micros| {
        let state = states.range(..=instant).next_back().or(states.first_key_value())?.1;
        Some(VersionRow { effective_at: instant, ..state.clone() })
    };
    // What begins earlier than all that is known says what the customer was like from its beginning on.
    let first = |states: &BTreeMap<Micros, VersionRow>| states.keys().next().copied();
    let earlier = first(&now).filter(|begun| first(&before).is_none_or(|known| *begun < known));
    let differs = |instant: Micros| {
        let state = at(&now, instant)?;
        (earlier == Some(instant) || at(&before, instant).as_ref() != Some(&state)).then_some(state)
    };
    Ok(all.into_iter().filter_map(differs).collect())
}

/// The instants that an event is about.
fn instants(event: &Recorded<CustomerEvent>) -> impl Iterator<Item = Micros> {
    let corrected = match &event.event {
        CustomerEvent::MoveTimeCorrected(corrected) => Some(corrected.moved_at),
        _ => None,
    };
    [Some(event.effective_at), corrected].into_iter().flatten().map(|at| at.timestamp_micros())
}

/// What a customer was like, by the instants from which on it was, as rows that are known from a position on.
fn states(
    id: Uuid,
    events: &[&Recorded<CustomerEvent>],
    position: u64,
) -> Result<BTreeMap<Micros, VersionRow>> {
    let registered = events.iter().position(|event| matches!(event.event, CustomerEvent::Registered(_)));
    let events = &events[registered.unwrap_or(events.len())..];
    let mut states = BTreeMap::new();
    let Some((first, rest)) = events.split_first() else { return Ok(states) };
    let Some(mut customer) = Customer::registered(id, first) else { return Ok(states) };
    customer.apply(first);
    let mut rest = rest.to_vec();
    rest.sort_by_key(|event| (event.effective_at, event.position));
    let mut rest = rest.into_iter().peekable();
    let (mut owner, mut merge) = (0, 0);
    let mut timelines = Timelines::of(events);
    for instant in timelines.all_instants(events) {
        while let Some(event) = rest.next_if(|event| event.effective_at.timestamp_micros() <= instant) {
            // Who owns it, and whether it was merged, is what was recorded last.
            let decided = match &event.event {
                decision if decides_owner(decision) => Some(&mut owner),
                decision if decides_merge(decision) => Some(&mut merge),
                _ => None,
            };
            let holds = decided
                .is_none_or(|last| std::mem::replace(last, event.position.max(*last)) <= event.position);
            if holds {
                customer.apply(event);
            }
        }
        customer.cards = timelines.cards_at(events, instant);
        states.insert(instant, customer.version_row(instant, position)?);
    }
    Ok(states)
}

/// The timelines of a customer as they stood at one instant after the other.
struct Timelines {
    /// Up to which instant another sub-status counts.
    until: Option<Micros>,
    journeys: BTreeMap<String, Vec<PositionedMove>>,
}

impl Timelines {
    fn of(events: &[&Recorded<CustomerEvent>]) -> Self {
        Self { until: None, journeys: positioned(&timelines_at(events.iter().copied(), Micros::MAX)) }
    }

    /// Every instant at which something may begin: those of the events, and those of the moves after their corrections.
    fn all_instants(&self, events: &[&Recorded<CustomerEvent>]) -> BTreeSet<Micros> {
        let moves = self.journeys.values().flatten().map(|made| made.at);
        events.iter().map(|event| event.effective_at.timestamp_micros()).chain(moves).collect()
    }

    /// Where the journeys stood at an instant, which is later than the one asked about before.
    fn cards_at(&mut self, events: &[&Recorded<CustomerEvent>], at: Micros) -> BTreeMap<String, Card> {
        let since = self.until.replace(at);
        let came = |event: &&Recorded<CustomerEvent>| {
            let set_at = event.effective_at.timestamp_micros();
            is_sub_status(&event.event) && since.is_none_or(|since| set_at > since)
        };
        if events.iter().any(came) {
            self.journeys = positioned(&timelines_at(events.iter().copied(), at));
        }
        let card =
            |(journey, moves): (&String, &Vec<PositionedMove>)| Some((journey.clone(), Card::at(moves, at)?));
        self.journeys.iter().filter_map(card).collect()
    }
}

fn positioned(timelines: &Journeys) -> BTreeMap<String, Vec<PositionedMove>> {
    timelines.keys().map(|key| (key.to_owned(), position_moves(timelines.moves(key)))).collect()
}

fn is_sub_status(event: &CustomerEvent) -> bool {
    matches!(event, CustomerEvent::SubStatusSet(_))
}

/// The timelines of these events as of an instant. Another sub-status is no move that has an instant of its own: what was set
/// later is left out.
pub(super) fn timelines_at<'a>(
    events: impl Iterator<Item = &'a Recorded<CustomerEvent>>,
    at: Micros,
) -> Journeys {
    let set_later = |event: &Recorded<CustomerEvent>| {
        is_sub_status(&event.event) && event.effective_at.timestamp_micros() > at
    };
    journeys(events.filter(|event| !set_later(event)))
}

impl Card {
    /// Where a journey stood at an instant, of its moves in effective order; nowhere where the first is later.
    fn at(moves: &[PositionedMove], at: Micros) -> Option<Self> {
        let made = &moves[..moves.partition_point(|made| made.at <= at)];
        let (last, stay) = (made.last()?, made.iter().rev().find(|made| !made.repeat)?);
        let moved = made.iter().filter(|made| !made.inserted).map(|made| made.position);
        Some(Self {
            pipeline_version: stay.version,
            cycle: stay.cycle,
            stage: stay.stage.clone(),
            sub_status: stay.sub_status.clone(),
            entered_at: stay.at,
            last_at: last.at,
            last_position: last.position,
            moved_position: moved.max().unwrap_or(0),
        })
    }
}

/// Where the journeys of these timelines stood at an instant.
pub(super) fn cards_at(timelines: &Journeys, at: Micros) -> BTreeMap<String, Card> {
    let of = |(key, moves): (String, Vec<PositionedMove>)| Some((key, Card::at(&moves, at)?));
    positioned(timelines).into_iter().filter_map(of).collect()
}
