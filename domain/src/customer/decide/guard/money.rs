//! Amounts of money.

use crate::customer::event::Money;
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

/// An amount of money that a deal can be worth, in a currency that there was on the day of the command. Files of the past
/// may have any.
pub(in crate::customer::decide) fn money(
    field: &str,
    money: Option<&Money>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(money) = money else { return Vec::new() };
    let limit = rust_decimal::Decimal::from(1_000_000_000_000_000_u64);
    let amount_sane = !money.amount.is_sign_negative() && money.amount < limit && money.amount.scale() <= 6;
    let decimals = crate::money::decimals(&money.currency);
    let fine_enough = decimals.is_none_or(|decimals| money.amount.normalize().scale() <= decimals);
    let amount = require(amount_sane, || {
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.amount"),
            Label::new(
                "金额须为不小于零、小于一千万亿、最多六位小数的数。",
                "An amount must be at least 0 and less than 10^15, with at most 6 decimal places.",
            ),
            Label::new("例如 12.30。", "For example: 12.30."),
        )
    });
    let currency = require(decimals.is_some(), || {
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.currency"),
            Label::new("货币须为ISO 4217中的货币代码。", "A currency must be an ISO 4217 code."),
            Label::new("例如 CNY。", "For example: CNY."),
        )
    });
    let minor_units = require(fine_enough, || {
        let decimals = decimals.unwrap_or_default();
        let currency = &money.currency;
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.amount"),
            Label::new(
                format!("{currency} 的金额最多{decimals}位小数。"),
                format!("An amount in {currency} may have at most {decimals} decimal places."),
            ),
            Label::new("请按货币的最小单位填写。", "Round it to the smallest unit of the currency."),
        )
        .with("decimals", decimals)
    });
    [amount, currency, not_ended(field, money, context), minor_units].concat()
}

fn not_ended(field: &str, money: &Money, context: &Context<'_>) -> Vec<Violation> {
    let day = context.effective_at().date_naive();
    let Some(last) = crate::money::last_day(&money.currency) else { return Vec::new() };
    require(day <= last || context.import, || {
        let currency = &money.currency;
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.currency"),
            Label::new(
                format!("{currency} 已于{last}停止使用。"),
                format!("{currency} was in use until {last} only."),
            ),
            Label::new(
                "请使用现行货币；过去的交易请填写当时的生效时间。",
                "Use an active currency; for a deal of the past, enter the effective time of then.",
            ),
        )
        .with("last_day", last.to_string())
    })
}
