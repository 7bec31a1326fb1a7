//! What a customer has bought and earned: a fold of its transactions and points.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::{
    Absorbed, CarriedOver, CarriedTransaction, CustomerEvent, Money, PointsKind, Recorded, TransactionKind,
    Unmerged,
};

/// The transactions of a customer and its account of points.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Purchases {
    transactions: Vec<Transaction>,
    points: Vec<PointsEntry>,
    referred: BTreeSet<Uuid>,
}

/// An order, a contract or a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// The event that recorded it.
    pub id: Uuid,
    /// Its kind.
    pub kind: TransactionKind,
    /// Its number in the system it comes from.
    pub reference: Option<String>,
    /// What it is worth; none where it was only observed by a signal.
    pub amount: Option<Money>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Why it does not count any more: the event that voided it.
    pub voided_by: Option<Uuid>,
    /// The record of the same person that it was made with, where that is another one.
    pub carried_from: Option<Uuid>,
}

/// A change of the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PointsEntry {
    at: DateTime<Utc>,
    change: i64,
    carried_from: Option<Uuid>,
}

impl Purchases {
    /// Folds the next event in.
    pub fn evolve(&mut self, recorded: &Recorded<CustomerEvent>) {
        match &recorded.event {
            CustomerEvent::TransactionRecorded(event) => self.transactions.push(Transaction {
                id: recorded.id,
                kind: event.kind,
                reference: event.reference.clone(),
                amount: Some(event.amount.clone()),
                at: recorded.effective_at,
                voided_by: None,
                carried_from: None,
            }),
            CustomerEvent::Signalled(event) => {
                self.transactions.extend(TransactionKind::of_signal(&event.kind).map(|kind| Transaction {
                    id: recorded.id,
                    kind,
                    reference: None,
                    amount: None,
                    at: recorded.effective_at,
                    voided_by: None,
                    carried_from: None,
                }));
            }
            CustomerEvent::TransactionVoided(event) => {
                let voided = self.transactions.iter_mut().filter(|one| one.id == event.transaction);
                voided.for_each(|one| one.voided_by = Some(recorded.id));
            }
            CustomerEvent::PointsRecorded(event) => {
                self.referred.extend(event.referred.filter(|_| event.kind == PointsKind::Referral));
                let (at, change) = (recorded.effective_at, event.change());
                self.points.push(PointsEntry { at, change, carried_from: None });
            }
            CustomerEvent::Absorbed(event) => self.take_over(event, recorded.effective_at),
            CustomerEvent::Unmerged(event) => self.part(event, recorded.effective_at),
            _ => {}
        }
    }

    fn take_over(&mut self, event: &Absorbed, at: DateTime<Utc>) {
        let Some(carried) = &event.carried_over else { return };
        let carried_from = Some(event.absorbed);
        self.transactions.extend(carried.transactions.iter().map(|one| Transaction {
            id: one.transaction,
            kind: one.kind,
            reference: one.reference.clone(),
            amount: one.amount.clone(),
            at: one.at,
            voided_by: None,
            carried_from,
        }));
        self.referred.extend(&carried.referred);
        let change = i64::try_from(carried.points).unwrap_or(i64::MAX);
        self.points.push(PointsEntry { at, change, carried_from });
    }

    /// What was carried over is the other record's alone again; of points those that are left, and the other record is short of
    /// those that were spent.
    fn part(&mut self, event: &Unmerged, at: DateTime<Utc>) {
        let carried = self.carried_points(event.absorbed);
        let kept = i64::try_from(event.points_kept).unwrap_or(i64::MAX);
        self.transactions.retain(|one| one.carried_from != Some(event.absorbed));
        let (change, carried_from) = match carried {
            Some(carried) => (-(carried - kept).clamp(0, self.balance()), Some(event.absorbed)),
            None => (-kept.min(self.balance()), None),
        };
        if change != 0 {
            self.points.push(PointsEntry { at, change, carried_from });
        }
    }

    /// The points that came with another record of the same person and were not given back; none where none came.
    fn carried_points(&self, absorbed: Uuid) -> Option<i64> {
        let mut carried = self.points.iter().filter(|one| one.carried_from == Some(absorbed)).peekable();
        carried.peek()?;
        Some(carried.map(|one| one.change).sum())
    }

    /// How many of the points that came with another record were spent since, and would not go back with it.
    pub fn spent_of(&self, absorbed: Uuid) -> u64 {
        let carried = self.carried_points(absorbed).unwrap_or_default();
        u64::try_from(carried - carried.min(self.balance())).unwrap_or_default()
    }

    /// The transactions, in the order in which they were recorded, voided ones too.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// A transaction by the event that recorded it.
    pub fn transaction(&self, id: Uuid) -> Option<&Transaction> {
        self.transactions.iter().find(|one| one.id == id && one.amount.is_some())
    }

    /// The transaction that counts under a number of another system.
    pub fn by_reference(&self, kind: TransactionKind, reference: &str) -> Option<&Transaction> {
        let mut counting = self.transactions.iter().filter(|one| one.voided_by.is_none());
        counting.find(|one| one.kind == kind && one.reference.as_deref() == Some(reference))
    }

    /// The points that may be spent. Never less than zero.
    pub fn balance(&self) -> i64 {
        self.points.iter().map(|one| one.change).sum()
    }

    /// The most points that may be spent as of an instant, so that the balance is at no instant less than zero.
    pub fn available_at(&self, at: DateTime<Utc>) -> i64 {
        let mut entries = self.points.clone();
        entries.sort_by_key(|one| one.at);
        let until: i64 = entries.iter().filter(|one| one.at <= at).map(|one| one.change).sum();
        let later = entries.iter().filter(|one| one.at > at);
        let balances = later.scan(until, |balance, one| {
            *balance += one.change;
            Some(*balance)
        });
        balances.fold(until, i64::min)
    }

    /// Whether a customer came by this one's recommendation.
    pub fn has_referred(&self, customer: Uuid) -> bool {
        self.referred.contains(&customer)
    }

    /// What a record of the same person takes over; none where there is nothing.
    pub fn carried_over(&self) -> Option<CarriedOver> {
        let counting = self.transactions.iter().filter(|one| one.voided_by.is_none());
        let carried = CarriedOver {
            transactions: counting
                .map(|one| CarriedTransaction {
                    transaction: one.id,
                    kind: one.kind,
                    reference: one.reference.clone(),
                    amount: one.amount.clone(),
                    at: one.at,
                })
                .collect(),
            points: u64::try_from(self.balance()).unwrap_or_default(),
            referred: self.referred.iter().copied().collect(),
        };
        (carried != CarriedOver::default()).then_some(carried)
    }
}

/// Which transactions are counted and added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Of which kind.
    pub kind: TransactionKind,
    /// Until which instant, included.
    pub until: DateTime<Utc>,
    /// How far back from there, that instant excluded; without limit when absent.
    pub within_seconds: Option<u64>,
}

impl Span {
    fn covers(&self, one: &Transaction) -> bool {
        let within = self.within_seconds.and_then(|seconds| i64::try_from(seconds).ok());
        let after =
            within.and_then(TimeDelta::try_seconds).and_then(|within| self.until.checked_sub_signed(within));
        one.voided_by.is_none()
            && one.kind == self.kind
            && one.at <= self.until
            && after.is_none_or(|after| one.at > after)
    }

    /// How many there were, those included that were only observed by a signal.
    pub fn count(&self, transactions: &[Transaction]) -> usize {
        transactions.iter().filter(|one| self.covers(one)).count()
    }

    /// What those in a currency are worth together.
    pub fn sum(&self, transactions: &[Transaction], currency: &str) -> Decimal {
        let amounts =
            transactions.iter().filter(|one| self.covers(one)).filter_map(|one| one.amount.as_ref());
        amounts.filter(|money| money.currency == currency).map(|money| money.amount).sum()
    }
}

/// How much a customer must have bought: first, repeated and yearly purchases differ by it. Each bound that is given holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseCondition {
    /// What is counted; purchases when absent, however they were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<TransactionKind>,
    /// How many at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u64>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u64>,
    /// Together worth at least this; amounts in other currencies do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sum: Option<Money>,
    /// Only those of this many seconds before the rule acts; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<u64>,
}

impl PurchaseCondition {
    /// The kinds that it looks at: the first one of which there is any tells how many purchases there were.
    fn counted(&self) -> &[TransactionKind] {
        match &self.kind {
            Some(kind) => std::slice::from_ref(kind),
            None => &TransactionKind::ALL,
        }
    }

    /// Whether it holds of these transactions at an instant.
    pub(crate) fn holds(&self, transactions: &[Transaction], until: DateTime<Utc>) -> bool {
        let span = |kind: &TransactionKind| Span { kind: *kind, until, within_seconds: self.within_seconds };
        let spans: Vec<Span> = self.counted().iter().map(span).collect();
        // A deposit and a balance are one purchase where their order is on record.
        let mut counts = spans.iter().map(|span| span.count(transactions) as u64);
        let count = counts.find(|count| *count > 0).unwrap_or_default();
        let worth =
            |least: &Money| spans.iter().any(|span| span.sum(transactions, &least.currency) >= least.amount);
        self.min_count.is_none_or(|least| count >= least)
            && self.max_count.is_none_or(|most| count <= most)
            && self.min_sum.as_ref().is_none_or(worth)
    }
}
