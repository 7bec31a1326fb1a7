//! What a customer buys and earns.

use uuid::Uuid;

use crate::customer::event::{Money, PointsKind, TransactionKind};

/// An order, a contract or a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordTransaction {
    /// Which of the three.
    pub kind: TransactionKind,
    /// Its number in the system it comes from.
    pub reference: Option<String>,
    /// What it is worth.
    pub amount: Money,
    /// What is said about it.
    pub note: Option<String>,
}

/// A transaction that was recorded by mistake, or did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidTransaction {
    /// The event that recorded it.
    pub transaction: Uuid,
    /// Why.
    pub reason: String,
}

/// Points of a loyalty programme, a reward or a recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPoints {
    /// Which of them.
    pub kind: PointsKind,
    /// How many points.
    pub points: u32,
    /// What was given.
    pub reward: Option<String>,
    /// The customer that came by the recommendation.
    pub referred: Option<Uuid>,
    /// The transaction that they were earned by.
    pub transaction: Option<Uuid>,
    /// What is said about it.
    pub note: Option<String>,
}
