//! Sums of money by currency, in decimals.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use waymark_domain::customer::event::Money;
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

/// One of several equal parts of an amount, the first being 0, in its currency's minor units: what is left over goes to the first
/// ones, so that all parts add up to the amount.
pub(crate) fn part(money: &Money, number: usize, parts: usize) -> Decimal {
    let mut amount = money.amount;
    amount.rescale(decimals(&money.currency).unwrap_or(2).max(amount.scale()));
    let parts = i128::try_from(parts.max(1)).unwrap_or(i128::MAX);
    let (units, over) = (amount.mantissa().div_euclid(parts), amount.mantissa().rem_euclid(parts));
    let is_first = i128::try_from(number).is_ok_and(|number| number < over);
    Decimal::try_from_i128_with_scale(units + i128::from(is_first), amount.scale()).unwrap_or_default()
}

/// An amount in the minor units of its currency.
pub(crate) fn rounded(amount: Decimal, currency: &str) -> Decimal {
    let decimals = decimals(currency).unwrap_or(2);
    let mut amount = amount.round_dp(decimals);
    amount.rescale(decimals);
    amount
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_of_an_amount_add_up_to_it() {
        for (amount, currency, expected) in [
            ("100.00", "CNY", &["33.34", "33.33", "33.33"][..]),
            ("0.02", "CNY", &["0.01", "0.01", "0.00"]),
            ("7", "USD", &["3.50", "3.50"]),
            ("1000", "JPY", &["334", "333", "333"]),
            ("12.345", "BHD", &["12.345"]),
        ] {
            let money = Money { amount: amount.parse().unwrap(), currency: currency.to_owned() };
            let parts: Vec<Decimal> =
                (0..expected.len()).map(|number| part(&money, number, expected.len())).collect();
            let told: Vec<String> = parts.iter().map(Decimal::to_string).collect();
            assert_eq!(told, expected, "{amount} {currency}");
            assert_eq!(parts.iter().sum::<Decimal>(), money.amount);
        }
    }
}
