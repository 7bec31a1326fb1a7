//! What a customer buys, pays and signs, and its points of a loyalty programme.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::details::Money;
use crate::Personal;

/// An order was placed, a contract signed or a payment received. When that was is the event's `effective_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransactionRecorded {
    /// Which of the three.
    pub kind: TransactionKind,
    /// Its number in the system it comes from; never text about the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it is worth.
    pub amount: Money,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// A transaction was recorded by mistake, or did not come about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransactionVoided {
    /// The event that recorded it.
    pub transaction: Uuid,
    /// Why.
    pub reason: Personal<String>,
}

/// The sort of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// The customer ordered.
    Order,
    /// A contract was signed.
    Contract,
    /// Money came in.
    Payment,
}

impl TransactionKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Order, Self::Contract, Self::Payment];

    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Contract => "contract",
            Self::Payment => "payment",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind of signal that rules take a transaction for.
    pub fn signal(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Contract => "signed",
            Self::Payment => "paid",
        }
    }

    /// What a signal of that kind observes, where it is one of them.
    pub fn of_signal(signal: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.signal() == signal)
    }
}

/// Points were earned or spent, a reward was given, or another customer came by this one's recommendation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointsRecorded {
    /// Which of them.
    pub kind: PointsKind,
    /// How many points: added to the balance, or taken from it when they are spent.
    pub points: u32,
    /// What was given: for points, or as a reward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<String>,
    /// The customer that came by the recommendation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred: Option<Uuid>,
    /// The transaction that they were earned by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Uuid>,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// What changed an account of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointsKind {
    /// Points were earned.
    Earned,
    /// Points were spent.
    Spent,
    /// A reward was given, with or without points.
    Reward,
    /// A recommendation brought another customer.
    Referral,
}

impl PointsKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Earned, Self::Spent, Self::Reward, Self::Referral];

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earned => "earned",
            Self::Spent => "spent",
            Self::Reward => "reward",
            Self::Referral => "referral",
        }
    }
}

impl PointsRecorded {
    /// What it adds to the balance; less than zero where points are spent.
    pub fn change(&self) -> i64 {
        match self.kind {
            PointsKind::Spent => -i64::from(self.points),
            PointsKind::Earned | PointsKind::Reward | PointsKind::Referral => i64::from(self.points),
        }
    }
}

/// What another record of the same person had bought and earned when it was taken in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CarriedOver {
    /// Its transactions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<CarriedTransaction>,
    /// The balance of its points.
    #[serde(default)]
    pub points: u64,
    /// Whom it had recommended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referred: Vec<Uuid>,
}

/// A transaction of another record of the same person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CarriedTransaction {
    /// The event that recorded it.
    pub transaction: Uuid,
    /// Its kind.
    pub kind: TransactionKind,
    /// Its number in the system it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it is worth; none where it was only observed by a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// When it happened.
    pub at: DateTime<Utc>,
}
