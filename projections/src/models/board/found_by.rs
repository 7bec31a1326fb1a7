//! What a customer is found by: by searches, and by who looks for duplicates.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use waymark_domain::customer::event::{ContactKind, Money};
use waymark_domain::{identity, search};

use super::customer::{ClearContact, Customer};
use crate::query::LIST_SEPARATOR;

/// What stands behind every tier.
const LAST: &str = "\u{10FFFF}";

impl Customer {
    /// What the customer looks like to somebody who seeks duplicates.
    pub(super) fn evidence(&self) -> identity::MatchEvidence {
        let emails = self.contacts.iter().filter(|contact| contact.kind == ContactKind::Email);
        identity::MatchEvidence::of(self.name.as_deref(), emails.map(|contact| contact.value.as_str()))
    }

    /// The marks that it is found by.
    pub(super) fn grams(&self) -> Vec<String> {
        identity::grams(&self.evidence())
    }

    /// The texts that it is found by, folded.
    pub(super) fn search_text(&self) -> String {
        let texts = [self.name.as_deref(), self.external_id.as_deref()];
        search::folded(&texts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// The contacts that it is found by: telephone numbers in E.164 and e-mail addresses.
    pub(super) fn search_contacts(&self) -> Vec<String> {
        let key = |contact: &ClearContact| match contact.kind {
            ContactKind::Phone => identity::phone(&contact.value),
            ContactKind::Email => identity::email(&contact.value),
            ContactKind::Wechat => None,
        };
        self.contacts.iter().filter_map(key).collect()
    }

    /// Where it stands where the most valuable come first: by tier, those without one last, and by the
    /// amount in hundredths, the largest first. Amounts of several currencies stand beside each other as they are.
    pub(super) fn value_order(&self) -> (String, i64) {
        value_order(self.traits.tier.as_deref(), self.traits.amount.as_ref())
    }
}

/// A contact as it stands in the column of those that a customer is found by.
pub(super) fn bounded(contact: &str) -> String {
    format!("{LIST_SEPARATOR}{contact}{LIST_SEPARATOR}")
}

/// The order of a tier and an amount, as [`Customer::value_order`].
pub(super) fn value_order(tier: Option<&str>, amount: Option<&Money>) -> (String, i64) {
    (tier.unwrap_or(LAST).to_owned(), amount_order(amount.map(|money| money.amount)))
}

/// A tier as it stands in a cursor, which goes into an address as it is: in hexadecimal digits.
pub(super) fn tier_in_cursor(tier: &str) -> String {
    let mut digits = String::with_capacity(2 * tier.len());
    for byte in tier.bytes() {
        // A text takes whatever is written to it.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The tier that stands so in a cursor.
pub(super) fn tier_of_cursor(digits: &str) -> Option<String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?).ok()
}

/// Where an amount stands among others: in hundredths, the largest first.
pub(super) fn amount_order(amount: Option<Decimal>) -> i64 {
    -amount.and_then(|amount| (amount * Decimal::ONE_HUNDRED).trunc().to_i64()).unwrap_or(0)
}
