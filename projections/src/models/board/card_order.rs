//! The order of the cards of a column, and where a page of them begins.

use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::found_by::{tier_in_cursor, tier_of_cursor};
use crate::error::{ProjectionError, Result};
use crate::stats::Micros;

/// The order of cards. Of those who are equal, who has been in the stage for longest comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardOrder {
    /// Those who have been there longest first.
    #[default]
    Entered,
    /// By tier, then by amount, the largest first.
    Value,
    /// By amount, the largest first, whatever the tier.
    Amount,
    /// Those first who are due to be contacted first, and last those with whom nothing is agreed.
    NextContact,
}

/// Where a card stands in an order: the least first. It is all that a cursor says, so that the next page begins at the same place
/// whatever became of the card.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CardKey {
    /// The tier as it is ordered by; none where the order is not by tier.
    pub(super) tier: Option<Arc<str>>,
    /// What else is ordered by; 0 where nothing is.
    pub(super) value: i64,
    pub(super) entered: Micros,
    pub(super) customer: Uuid,
}

impl CardKey {
    /// As it stands in a cursor.
    pub(super) fn cursor(&self, order: CardOrder) -> String {
        let Self { tier, value, entered, customer } = self;
        let entry = format!("{entered}.{}", customer.simple());
        match (order, tier) {
            (CardOrder::Entered, _) => entry,
            (_, Some(tier)) => format!("{value}.{entry}.{}", tier_in_cursor(tier)),
            (_, None) => format!("{value}.{entry}"),
        }
    }

    /// The key of a cursor.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`].
    pub(super) fn read(cursor: &str, order: CardOrder) -> Result<Self> {
        let parsed = || {
            let mut parts = cursor.splitn(4, '.');
            let value = if order == CardOrder::Entered { 0 } else { parts.next()?.parse().ok()? };
            let (entered, customer) = (parts.next()?.parse().ok()?, Uuid::parse_str(parts.next()?).ok()?);
            let tier = match parts.next() {
                Some(digits) => Some(Arc::from(tier_of_cursor(digits)?)),
                None => None,
            };
            (tier.is_some() == (order == CardOrder::Value)).then_some(Self { tier, value, entered, customer })
        };
        parsed().ok_or(ProjectionError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_by_its_own_order_alone() {
        let key = |tier: Option<&str>, value| CardKey {
            tier: tier.map(Arc::from),
            value,
            entered: 7,
            customer: Uuid::from_u128(9),
        };
        let all = [
            (CardOrder::Entered, key(None, 0)),
            (CardOrder::Value, key(Some("A&B.#1 +级\u{10FFFF}"), -100)),
            (CardOrder::Amount, key(None, -100)),
            (CardOrder::NextContact, key(None, i64::MAX)),
        ];
        for (order, key) in &all {
            let cursor = key.cursor(*order);
            let goes_as_it_is = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-');
            assert!(cursor.chars().all(goes_as_it_is), "{cursor}");
            assert_eq!(CardKey::read(&cursor, *order).unwrap(), *key);
        }
        for (cursor, order) in [
            ("", CardOrder::Entered),
            ("7.x", CardOrder::Entered),
            (&*all[1].1.cursor(CardOrder::Value), CardOrder::Amount),
            (&*all[0].1.cursor(CardOrder::Entered), CardOrder::NextContact),
            (&*all[2].1.cursor(CardOrder::Amount), CardOrder::Value),
        ] {
            assert!(matches!(CardKey::read(cursor, order), Err(ProjectionError::BadCursor)), "{cursor}");
        }
    }
}
