//! How long a customer stays with its owner.

use maud::{Markup, html};
use serde_json::Value;

use super::super::i18n::Locale;

/// In how many seconds a customer goes back to its pool where that is said in the colour of what is late.
const SOON: f64 = 2.0 * 86_400.0;

/// In how long a customer goes back to its pool; nothing of one that no rule takes away.
pub(super) fn until_pool(locale: Locale, customer: &Value) -> Option<Markup> {
    let left = customer["remaining_ownership_seconds"].as_f64()?;
    Some(html! {
        span.late[left < SOON] {
            (locale.text("不跟进将退回公海：", "goes back to the pool unless worked on: ")) (locale.lasting(left))
        }
    })
}

/// The same where it is soon, for the rows of lists.
pub(super) fn soon_in_pool(locale: Locale, row: &Value) -> Option<Markup> {
    let is_soon = row["remaining_ownership_seconds"].as_f64().is_some_and(|left| left < SOON);
    until_pool(locale, row).filter(|_| is_soon)
}
