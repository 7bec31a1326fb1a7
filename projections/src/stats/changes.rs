//! What changed of a pipeline's value between two moments: a waterfall, cycle by cycle.
//!
//! A moment is a business instant and a state of knowledge. Between (E1, K1) and (E2, K2) stands (E1, K2): what the first
//! instant is known to have been by the second knowledge. From the first to the middle we *learned*; from the middle to the
//! second it *happened*. Each cycle that is in the value on either side of a part stands in exactly one count bucket of it,
//! and the signed amounts of all buckets balance: opening + learned = restated, restated + happened = closing.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::Money;
use waymark_domain::pipeline::StageType;

/// A cycle: the customer, and which pass of its journey.
pub type CycleId = (Uuid, u32);

/// Where a cycle stands as to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Known, and begun only later.
    NotBegun,
    /// In the value.
    Within,
    /// Begun, and not in it.
    Outside(Outside),
}

/// Why a cycle that has begun is not in the value. Of several reasons the first of this list is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// It was won.
    Won,
    /// It was won in part.
    Partial,
    /// It was lost.
    Lost,
    /// It rests, in a type of stage that is not asked for.
    Resting,
    /// It ended without an outcome, or stands in a stage that no definition has.
    Closed,
    /// Another type of stage that is not asked for.
    OtherType,
    /// The customer is in its next cycle.
    Followed,
    /// Another customer goes on in its place.
    Merged,
    /// The person was forgotten.
    Erased,
    /// It is expected to close in another period, or nobody said when.
    OtherPeriod,
    /// The filter does not let it through.
    Filtered,
}

/// A cycle at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub place: Place,
    /// In which stage, by a number that all moments share; none before it begins.
    pub stage: Option<u32>,
    /// What that stage means.
    pub kind: Option<StageType>,
    /// What the deal may be worth.
    pub amount: Option<Money>,
}

/// Every cycle that is known at a moment.
pub type State = BTreeMap<CycleId, Standing>;

/// How a cycle changed from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Learned: it had begun, and nothing of it was known.
    KnownLate,
    /// Learned: it never began, or began later.
    Withdrawn,
    /// Learned: it was in the value after all.
    CorrectedIn,
    /// Learned: it was not in the value after all.
    CorrectedOut,
    /// Happened: it began, as the customer's first cycle.
    Created,
    /// Happened: a cycle began after another one, or an ended one was taken up again.
    Reactivated,
    /// Happened: it came back from rest.
    Woken,
    /// Happened: it is expected to close in the period now.
    PulledIn,
    /// Happened: it passes the filter now.
    EnteredScope,
    /// Happened: it was won.
    Won,
    /// Happened: it was won in part.
    Partial,
    /// Happened: it was lost.
    Lost,
    /// Happened: it came to rest.
    Rested,
    /// Happened: it ended without an outcome, or in a type of stage that is not asked for.
    Closed,
    /// Another customer goes on in its place.
    Merged,
    /// The person was forgotten.
    Erased,
    /// Happened: it is expected to close in the period no longer.
    PushedOut,
    /// Happened: it passes the filter no longer.
    LeftScope,
    /// Learned: it is in the value by either knowledge.
    Kept,
    /// Happened: it came to a later stage, or back from rest.
    Advanced,
    /// Happened: it came to an earlier stage, or to rest.
    MovedBack,
    /// Happened: it is in the stage in which it was.
    Stayed,
    /// Of those that stayed in the value: what amounts grew by.
    AmountUp,
    /// Of those that stayed in the value: what amounts fell by.
    AmountDown,
}

impl ChangeKind {
    /// What it adds to the number in the value: 1, -1, or 0 where the cycle stayed in it.
    #[must_use]
    pub fn sign(self) -> i64 {
        match self {
            Self::KnownLate
            | Self::CorrectedIn
            | Self::Created
            | Self::Reactivated
            | Self::Woken
            | Self::PulledIn
            | Self::EnteredScope => 1,
            Self::Withdrawn
            | Self::CorrectedOut
            | Self::Won
            | Self::Partial
            | Self::Lost
            | Self::Rested
            | Self::Closed
            | Self::Merged
            | Self::Erased
            | Self::PushedOut
            | Self::LeftScope => -1,
            Self::Kept
            | Self::Advanced
            | Self::MovedBack
            | Self::Stayed
            | Self::AmountUp
            | Self::AmountDown => 0,
        }
    }
}

/// Amounts by currency.
pub type Amounts = BTreeMap<String, Decimal>;

/// How many cycles are in the value, and what they may be worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Value {
    /// How many.
    pub count: usize,
    /// Their amounts.
    pub amounts: Amounts,
}

/// The cycles of one kind of change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Which, in order.
    pub cycles: BTreeSet<CycleId>,
    /// What they add to the value: negative where they took something away.
    pub amounts: Amounts,
}

/// The kinds of change that there were.
pub type Buckets = BTreeMap<ChangeKind, Bucket>;

/// Which part of a waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// From the first moment to the first instant as it is known by the second knowledge.
    Learned,
    /// From there to the second moment.
    Happened,
}

/// The value at a moment.
#[must_use]
pub fn value(state: &State) -> Value {
    let mut value = Value::default();
    for standing in state.values().filter(|standing| standing.place == Place::Within) {
        value.count += 1;
        if let Some(money) = &standing.amount {
            add(&mut value.amounts, &money.currency, money.amount);
        }
    }
    value
}

/// The changes from one state to another.
#[must_use]
pub fn changes(part: Part, before: &State, after: &State, places: &[Option<usize>]) -> Buckets {
    let mut buckets = Buckets::new();
    let ids: BTreeSet<&CycleId> = before.keys().chain(after.keys()).collect();
    for id in ids {
        let (was, is) = (before.get(id), after.get(id));
        let kind = match part {
            Part::Learned => learned(was, is),
            Part::Happened => happened(id.1, was, is, places),
        };
        let Some(kind) = kind else { continue };
        let bucket = buckets.entry(kind).or_default();
        bucket.cycles.insert(*id);
        let amount = |standing: Option<&Standing>| standing.and_then(|standing| standing.amount.clone());
        match (kind.sign(), amount(was), amount(is)) {
            (1, _, Some(money)) => add(&mut bucket.amounts, &money.currency, money.amount),
            (-1, Some(money), _) => add(&mut bucket.amounts, &money.currency, -money.amount),
            (0, was, is) => revalue(&mut buckets, *id, was, is),
            _ => {}
        }
    }
    buckets
}

/// Adds what the amount of a cycle that stayed in the value grew or fell by. From one currency to another it fell by all of the
/// one and grew by all of the other.
fn revalue(buckets: &mut Buckets, id: CycleId, was: Option<Money>, is: Option<Money>) {
    let mut differences = Amounts::new();
    if let Some(money) = is {
        add(&mut differences, &money.currency, money.amount);
    }
    if let Some(money) = was {
        add(&mut differences, &money.currency, -money.amount);
    }
    for (currency, difference) in differences.into_iter().filter(|(_, difference)| !difference.is_zero()) {
        let grew = difference.is_sign_positive();
        let bucket =
            buckets.entry(if grew { ChangeKind::AmountUp } else { ChangeKind::AmountDown }).or_default();
        bucket.cycles.insert(id);
        add(&mut bucket.amounts, &currency, difference);
    }
}

fn add(amounts: &mut Amounts, currency: &str, amount: Decimal) {
    let sum = amounts.entry(currency.to_owned()).or_default();
    *sum = sum.saturating_add(amount);
}

fn is_within(standing: Option<&Standing>) -> bool {
    standing.is_some_and(|standing| standing.place == Place::Within)
}

fn learned(was: Option<&Standing>, is: Option<&Standing>) -> Option<ChangeKind> {
    match (is_within(was), is_within(is)) {
        (false, false) => None,
        (true, true) => Some(ChangeKind::Kept),
        (false, true) if was.is_none() => Some(ChangeKind::KnownLate),
        (false, true) => Some(ChangeKind::CorrectedIn),
        (true, false) => Some(match is.map(|standing| standing.place) {
            None | Some(Place::NotBegun) => ChangeKind::Withdrawn,
            Some(Place::Outside(Outside::Merged)) => ChangeKind::Merged,
            Some(Place::Outside(Outside::Erased)) => ChangeKind::Erased,
            Some(_) => ChangeKind::CorrectedOut,
        }),
    }
}

fn happened(
    cycle: u32,
    was: Option<&Standing>,
    is: Option<&Standing>,
    places: &[Option<usize>],
) -> Option<ChangeKind> {
    match (is_within(was), is_within(is)) {
        (false, false) => None,
        (true, true) => was.zip(is).map(|(was, is)| direction(was, is, places)),
        (false, true) => Some(match was.map(|standing| standing.place) {
            None | Some(Place::NotBegun | Place::Within) if cycle <= 1 => ChangeKind::Created,
            None | Some(Place::NotBegun | Place::Within) => ChangeKind::Reactivated,
            Some(Place::Outside(why)) => came_back(why),
        }),
        (true, false) => Some(match is.map(|standing| standing.place) {
            Some(Place::Outside(why)) => went(why),
            // The same knowledge has every cycle that it had, begun as it was.
            None | Some(Place::NotBegun | Place::Within) => ChangeKind::LeftScope,
        }),
    }
}

/// Why a cycle that had begun came into the value.
fn came_back(from: Outside) -> ChangeKind {
    match from {
        Outside::Resting => ChangeKind::Woken,
        Outside::Won
        | Outside::Partial
        | Outside::Lost
        | Outside::Closed
        | Outside::OtherType
        | Outside::Followed => ChangeKind::Reactivated,
        Outside::OtherPeriod => ChangeKind::PulledIn,
        Outside::Merged | Outside::Erased | Outside::Filtered => ChangeKind::EnteredScope,
    }
}

/// Why a cycle left the value.
fn went(to: Outside) -> ChangeKind {
    match to {
        Outside::Won => ChangeKind::Won,
        Outside::Partial => ChangeKind::Partial,
        Outside::Lost => ChangeKind::Lost,
        // Whose customer began another cycle has ended where it stood.
        Outside::Resting | Outside::Followed => ChangeKind::Rested,
        Outside::Closed | Outside::OtherType => ChangeKind::Closed,
        Outside::Merged => ChangeKind::Merged,
        Outside::Erased => ChangeKind::Erased,
        Outside::OtherPeriod => ChangeKind::PushedOut,
        Outside::Filtered => ChangeKind::LeftScope,
    }
}

/// Which way a cycle went that stayed in the value. Rest is behind all others; where stages have no order, another one is
/// further on.
fn direction(was: &Standing, is: &Standing, places: &[Option<usize>]) -> ChangeKind {
    let rests = |standing: &Standing| standing.kind.is_some_and(StageType::rests);
    let place = |standing: &Standing| places.get(standing.stage? as usize).copied().flatten();
    match (rests(was), rests(is)) {
        _ if was.stage == is.stage => ChangeKind::Stayed,
        (true, false) => ChangeKind::Advanced,
        (false, true) => ChangeKind::MovedBack,
        _ if place(was).zip(place(is)).is_some_and(|(was, is)| is < was) => ChangeKind::MovedBack,
        _ => ChangeKind::Advanced,
    }
}
