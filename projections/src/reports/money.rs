//! Sums of money by currency, in decimals.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use waymark_domain::money::decimals;

use crate::board::MoneyReport;

/// Adds an amount to the sum of its currency.
pub(crate) fn add(sums: &mut BTreeMap<String, Decimal>, currency: &str, amount: Decimal) {
    let sum = sums.entry(currency.to_owned()).or_default();
    *sum = sum.saturating_add(amount);
}

/// The sums as they are.
pub(crate) fn money(sums: BTreeMap<String, Decimal>) -> Vec<MoneyReport> {
    let report = |(currency, amount): (String, Decimal)| MoneyReport { amount: amount.to_string(), currency };
    sums.into_iter().map(report).collect()
}

/// The sums, each rounded to its currency's minor units.
pub(crate) fn rounded_money(sums: BTreeMap<String, Decimal>) -> Vec<MoneyReport> {
    money(sums.into_iter().map(|(currency, sum)| (currency.clone(), rounded(sum, &currency))).collect())
}

/// An amount in the minor units of its currency.
pub(crate) fn rounded(amount: Decimal, currency: &str) -> Decimal {
    let decimals = decimals(currency).unwrap_or(2);
    let mut amount = amount.round_dp(decimals);
    amount.rescale(decimals);
    amount
}
