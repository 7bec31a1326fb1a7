//! Exchange rates that a tenant may set.

use chrono::{DateTime, Utc};

use crate::Label;
use crate::money::{Rates, decimals};
use crate::refusal::{Code, Violation, require};

/// The most currencies that rates of a day are given for.
const MAX_CURRENCIES: usize = 200;

/// What is wrong with the rates of a day.
pub(super) fn invalid(rates: &Rates, now: DateTime<Utc>) -> Vec<Violation> {
    let mut unmet = currency("base", &rates.base);
    unmet.extend(require(!rates.rates.is_empty() && rates.rates.len() <= MAX_CURRENCIES, || {
        Violation::new(
            Code::TooManyItems,
            "rates",
            Label::new(
                format!("应有1至{MAX_CURRENCIES}个汇率。"),
                format!("1 to {MAX_CURRENCIES} exchange rates are required."),
            ),
            Label::new("请填写汇率。", "Enter the exchange rates."),
        )
    }));
    for (code, rate) in &rates.rates {
        let field = format!("rates.{code}");
        unmet.extend(currency(&field, code));
        let sane = rate.is_sign_positive() && !rate.is_zero() && *code != rates.base;
        unmet.extend(require(sane, || {
            Violation::new(
                Code::InvalidValue,
                field,
                Label::new(
                    "汇率须大于零，且不含本位币。",
                    "Exchange rates must be greater than 0 and must not include the base currency.",
                ),
                Label::new(
                    "填写1单位该货币折合的本位币金额。",
                    "Enter the amount in the base currency for one unit of this currency.",
                ),
            )
        }));
    }
    // A rate of tomorrow is not known today; a day's difference is left for the zones east of us.
    let latest = now.date_naive() + chrono::Days::new(1);
    unmet.extend(require(rates.date <= latest, || {
        Violation::new(
            Code::EffectiveInFuture,
            "date",
            Label::new("汇率日期不能在未来。", "The date of the rates must not be in the future."),
            Label::new("请填写汇率的日期。", "Enter the date of the rates."),
        )
    }));
    unmet
}

fn currency(field: &str, code: &str) -> Vec<Violation> {
    require(decimals(code).is_some(), || {
        Violation::new(
            Code::InvalidMoney,
            field,
            Label::new(
                format!("ISO 4217 中没有货币“{code}”。"),
                format!("{code:?} is not an ISO 4217 currency."),
            ),
            Label::new("例如 CNY。", "For example: CNY."),
        )
    })
}
