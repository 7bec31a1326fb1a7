//! What customers bought and earned, at any instant and as known at any position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::{CustomerEvent, Money, PointsKind, TransactionKind};
use waymark_eventstore::Position;

use super::report::MoneyReport;
use super::row::money_of;
use super::snapshot::BoardSnapshot;
use super::statements::{PURCHASES, PURCHASES_OF};
use super::tables::PurchaseRow;
use crate::db::values;
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::instant;
use crate::models::snapshot::Snapshot;
use crate::query::AsOf;
use crate::stats::Micros;
use crate::storage::columns::TableRow as _;

/// The kinds of rows that are neither a transaction nor an entry of points.
const VOIDED: &str = "voided";
const ABSORBED: &str = "absorbed";
const UNMERGED: &str = "unmerged";
const PARTED: &str = "parted";

/// The row of an event that buys, earns or joins what was bought; none of any other.
pub(super) fn row_of(fact: &DecodedEvent) -> Option<PurchaseRow> {
    let event = &fact.event;
    let row = |kind: &str| PurchaseRow {
        customer: fact.customer,
        position: event.position,
        event: event.id,
        effective_at: event.effective_at.timestamp_micros(),
        kind: kind.to_owned(),
        reference: None,
        amount: None,
        currency: None,
        points: 0,
        reward: None,
        other: None,
        actor: event.actor.clone(),
    };
    Some(match &event.event {
        CustomerEvent::TransactionRecorded(bought) => PurchaseRow {
            reference: bought.reference.clone(),
            amount: Some(bought.amount.amount.to_string()),
            currency: Some(bought.amount.currency.clone()),
            ..row(bought.kind.as_str())
        },
        CustomerEvent::Signalled(seen) => row(TransactionKind::of_signal(&seen.kind)?.as_str()),
        CustomerEvent::TransactionVoided(voided) => {
            PurchaseRow { other: Some(voided.transaction), ..row(VOIDED) }
        }
        CustomerEvent::PointsRecorded(entry) => PurchaseRow {
            points: entry.change(),
            reward: entry.reward.clone(),
            other: entry.referred,
            ..row(entry.kind.as_str())
        },
        CustomerEvent::Absorbed(merge) => PurchaseRow { other: Some(merge.absorbed), ..row(ABSORBED) },
        CustomerEvent::Unmerged(parted) => {
            // What the one keeps the other is short of.
            let kept = i64::try_from(parted.points_kept).unwrap_or(i64::MAX);
            match parted.survivor == fact.customer {
                true => PurchaseRow { other: Some(parted.absorbed), points: kept, ..row(UNMERGED) },
                false => PurchaseRow { points: -kept, ..row(PARTED) },
            }
        }
        _ => return None,
    })
}

/// An order, a contract or a payment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bought {
    pub(crate) event: Uuid,
    pub(crate) kind: TransactionKind,
    pub(crate) at: Micros,
    pub(crate) reference: Option<String>,
    /// None where it was only observed by a signal.
    pub(crate) amount: Option<Money>,
    pub(crate) actor: String,
    pub(crate) voided: bool,
}

/// An entry of the loyalty programme.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) event: Uuid,
    pub(crate) kind: PointsKind,
    pub(crate) at: Micros,
    pub(crate) points: i64,
    pub(crate) reward: Option<String>,
    pub(crate) referred: Option<Uuid>,
    pub(crate) actor: String,
}

/// What one customer bought and earned until an instant, each in the order of (instant, position).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) bought: Vec<Bought>,
    pub(crate) entries: Vec<Entry>,
    absorbed: BTreeSet<Uuid>,
    /// The transactions that were voided, those of records that were merged into it among them.
    voided: BTreeSet<Uuid>,
    /// What merges that were undone left of points here, or took.
    settled: i64,
}

impl Account {
    fn add(&mut self, row: PurchaseRow, until: Micros) {
        let counts = row.effective_at <= until;
        match (row.kind.as_str(), row.other) {
            (VOIDED, Some(transaction)) => drop(self.voided.insert(transaction)),
            (ABSORBED, Some(other)) if counts => drop(self.absorbed.insert(other)),
            (UNMERGED, Some(other)) if counts => {
                self.absorbed.remove(&other);
                self.settled += row.points;
            }
            (PARTED, _) if counts => self.settled += row.points,
            (word, referred) if counts => {
                let PurchaseRow { event, effective_at: at, points, reward, actor, reference, .. } = row;
                if let Some(kind) = TransactionKind::parse(word) {
                    let amount = money_of(row.amount, row.currency);
                    self.bought.push(Bought { event, kind, at, reference, amount, actor, voided: false });
                } else if let Some(kind) = PointsKind::parse(word) {
                    self.entries.push(Entry { event, kind, at, points, reward, referred, actor });
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        for one in &mut self.bought {
            one.voided = self.voided.contains(&one.event);
        }
        // Rows come in the order of positions, which a stable sort keeps for equal instants.
        self.bought.sort_by_key(|one| one.at);
        self.entries.sort_by_key(|one| one.at);
    }

    fn join(&mut self, other: Self) {
        self.bought.extend(other.bought);
        self.entries.extend(other.entries);
        self.voided.extend(other.voided);
        self.settled += other.settled;
    }

    /// The transactions of a kind that count.
    pub(crate) fn counting(&self, kind: TransactionKind) -> impl Iterator<Item = &Bought> {
        self.bought.iter().filter(move |one| one.kind == kind && !one.voided)
    }

    /// The points that may be spent.
    pub(crate) fn balance(&self) -> i64 {
        self.entries.iter().map(|one| one.points).sum::<i64>() + self.settled
    }
}

/// Every customer's account; what was bought under a record that was merged is its survivor's.
pub(crate) async fn load(
    snapshot: &mut Snapshot,
    known: Position,
    until: Micros,
) -> Result<HashMap<Uuid, Account>> {
    let values = values![snapshot.tenant.0, snapshot.generation, known];
    let mut accounts: HashMap<Uuid, Account> = HashMap::new();
    for row in &snapshot.transaction.rows(PURCHASES, &values).await? {
        let row = PurchaseRow::read(row)?;
        accounts.entry(row.customer).or_default().add(row, until);
    }
    let survivors: Vec<Uuid> =
        accounts.iter().filter(|(_, a)| !a.absorbed.is_empty()).map(|(id, _)| *id).collect();
    let absorbed: BTreeSet<Uuid> = accounts.values().flat_map(|account| account.absorbed.clone()).collect();
    for survivor in survivors.iter().filter(|id| !absorbed.contains(id)) {
        let joined = merged(&accounts, *survivor);
        accounts.insert(*survivor, joined);
    }
    accounts.retain(|id, _| !absorbed.contains(id));
    accounts.values_mut().for_each(Account::finish);
    Ok(accounts)
}

/// A customer's account with those of the records that were merged into it, and into these.
fn merged(accounts: &HashMap<Uuid, Account>, customer: Uuid) -> Account {
    let mut joined = Account::default();
    let (mut waiting, mut seen) = (vec![customer], BTreeSet::new());
    while let Some(next) = waiting.pop() {
        let Some(account) = accounts.get(&next).filter(|_| seen.insert(next)) else { continue };
        joined.join(account.clone());
        waiting.extend(&account.absorbed);
    }
    joined
}

/// The sums of amounts, by currency.
pub(crate) fn sums<'a>(amounts: impl IntoIterator<Item = &'a Money>) -> Vec<MoneyReport> {
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for money in amounts {
        let sum = sums.entry(&money.currency).or_default();
        *sum = sum.saturating_add(money.amount);
    }
    let report = |(currency, sum): (&str, Decimal)| MoneyReport {
        amount: sum.to_string(),
        currency: currency.to_owned(),
    };
    sums.into_iter().map(report).collect()
}

/// An order, a contract or a payment of a customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TransactionReport {
    /// The event that recorded it, by which it can be voided.
    pub id: Uuid,
    /// `order`, `contract` or `payment`.
    pub kind: String,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// Its number in the system it comes from.
    pub reference: Option<String>,
    /// What it is worth; null where it was only observed by a signal.
    pub amount: Option<MoneyReport>,
    /// Who recorded it.
    pub actor: String,
    /// Whether it was voided, and counts no more.
    pub voided: bool,
}

/// What the transactions of a kind add up to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TransactionTotal {
    /// `order`, `contract` or `payment`.
    pub kind: String,
    /// How many, those included that were only observed by a signal.
    pub count: usize,
    /// What they are worth, by currency.
    pub amounts: Vec<MoneyReport>,
    /// When the first one happened.
    pub first_at: DateTime<Utc>,
    /// When the last one happened.
    pub last_at: DateTime<Utc>,
}

/// An entry of a customer's account of points.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PointsReport {
    /// The event that recorded it.
    pub id: Uuid,
    /// `earned`, `spent`, `reward` or `referral`.
    pub kind: String,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// What it added to the balance; less than zero where points were spent.
    pub points: i64,
    /// What was given.
    pub reward: Option<String>,
    /// The customer that came by the recommendation; null where the caller does not see that one.
    pub referred: Option<Uuid>,
    /// Who recorded it.
    pub actor: String,
}

/// What a customer bought and earned.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PurchasesReport {
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read model had come.
    pub position: Position,
    /// What the transactions add up to, voided ones left out.
    pub totals: Vec<TransactionTotal>,
    /// The points that may be spent.
    pub points: i64,
    /// How many customers came by its recommendation.
    pub referrals: usize,
    /// The transactions, newest first, voided ones too.
    pub transactions: Vec<TransactionReport>,
    /// The entries of the account of points, newest first.
    pub entries: Vec<PointsReport>,
}

impl BoardSnapshot {
    /// What a customer bought and earned, those records included that were merged into it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purchases(&mut self, customer: Uuid, at: &AsOf) -> Result<PurchasesReport> {
        let snapshot = &mut self.0;
        let known = snapshot.known(at);
        let mut account = Account::default();
        let (mut waiting, mut seen) = (vec![customer], BTreeSet::new());
        while let Some(next) = waiting.pop() {
            if !seen.insert(next) {
                continue;
            }
            let mut one = Account::default();
            let values = values![snapshot.tenant.0, snapshot.generation, next, known];
            for row in &snapshot.transaction.rows(PURCHASES_OF, &values).await? {
                one.add(PurchaseRow::read(row)?, at.micros());
            }
            waiting.extend(&one.absorbed);
            account.join(one);
        }
        account.finish();
        Ok(PurchasesReport {
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: snapshot.position,
            totals: TransactionKind::ALL.into_iter().filter_map(|kind| total(&account, kind)).collect(),
            points: account.balance(),
            referrals: account.entries.iter().filter(|one| one.referred.is_some()).count(),
            transactions: account.bought.iter().rev().map(transaction_report).collect(),
            entries: account.entries.iter().rev().map(points_report).collect(),
        })
    }
}

fn total(account: &Account, kind: TransactionKind) -> Option<TransactionTotal> {
    let counting: Vec<&Bought> = account.counting(kind).collect();
    let (first, last) = (counting.first()?, counting.last()?);
    Some(TransactionTotal {
        kind: kind.as_str().to_owned(),
        count: counting.len(),
        amounts: sums(counting.iter().filter_map(|one| one.amount.as_ref())),
        first_at: instant(first.at),
        last_at: instant(last.at),
    })
}

fn transaction_report(one: &Bought) -> TransactionReport {
    let amount =
        |money: &Money| MoneyReport { amount: money.amount.to_string(), currency: money.currency.clone() };
    TransactionReport {
        id: one.event,
        kind: one.kind.as_str().to_owned(),
        effective_at: instant(one.at),
        reference: one.reference.clone(),
        amount: one.amount.as_ref().map(amount),
        actor: one.actor.clone(),
        voided: one.voided,
    }
}

fn points_report(one: &Entry) -> PointsReport {
    PointsReport {
        id: one.event,
        kind: one.kind.as_str().to_owned(),
        effective_at: instant(one.at),
        points: one.points,
        reward: one.reward.clone(),
        referred: one.referred,
        actor: one.actor.clone(),
    }
}
