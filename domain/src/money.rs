//! Currencies of ISO 4217, and amounts converted by the rates of a day. Decimals throughout, never floats.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::customer::event::Money;

/// Active currencies with other than two decimals: the code, and how many.
const OTHER_DECIMALS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Active currencies with two decimals.
const TWO_DECIMALS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN \
    BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
    GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA \
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD \
    RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN \
    UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG";

/// Currencies that are no longer: the code, its decimals, and the last day on which prices were in it (year, month, day).
/// Deals of those days are in them. Source: ISO 4217, list three (historic denominations), and for the day the acts that
/// ended them, such as those by which the euro was introduced.
const ENDED: &[(&str, u32, (i32, u32, u32))] = &[
    ("ANG", 2, (2025, 6, 30)),
    ("BGN", 2, (2025, 12, 31)),
    ("BYR", 0, (2016, 12, 31)),
    ("CUC", 2, (2021, 6, 30)),
    ("EEK", 2, (2010, 12, 31)),
    ("HRK", 2, (2022, 12, 31)),
    ("LTL", 2, (2014, 12, 31)),
    ("LVL", 2, (2013, 12, 31)),
    ("MRO", 2, (2017, 12, 31)),
    ("SLL", 2, (2023, 12, 31)),
    ("STD", 2, (2017, 12, 31)),
    ("VEF", 2, (2018, 12, 5)),
    ("ZMK", 2, (2012, 12, 31)),
    ("ZWL", 2, (2024, 8, 31)),
];

/// How many decimals amounts of a currency have; none where ISO 4217 has, and had, no such currency.
pub fn decimals(currency: &str) -> Option<u32> {
    let other = OTHER_DECIMALS.iter().find(|(code, _)| *code == currency).map(|(_, decimals)| *decimals);
    let active = other.or_else(|| TWO_DECIMALS.split(' ').any(|code| code == currency).then_some(2));
    let ended = || ENDED.iter().find(|(code, ..)| *code == currency).map(|(_, decimals, _)| *decimals);
    active.or_else(ended)
}

/// The last day of a currency that is no longer; none of one that is, or never was.
pub fn last_day(currency: &str) -> Option<NaiveDate> {
    let (_, _, (year, month, day)) = ENDED.iter().find(|(code, ..)| *code == currency)?;
    NaiveDate::from_ymd_opt(*year, *month, *day)
}

/// A decimal number as text: digits, perhaps a sign before them and a point with digits behind, and nothing else. None of
/// anything else, and of more digits than can be kept exactly.
pub fn decimal(text: &str) -> Option<Decimal> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) =
        unsigned.split_once('.').map_or((unsigned, None), |(whole, part)| (whole, Some(part)));
    if digits(whole) && fraction.is_none_or(digits) { Decimal::from_str_exact(text).ok() } else { None }
}

/// The rates of a day: what one unit of each currency costs in the base currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// The day.
    pub date: NaiveDate,
    /// The currency that the rates are expressed in.
    pub base: String,
    /// By currency.
    pub rates: BTreeMap<String, Decimal>,
}

/// An amount in one currency made of amounts in several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The sum, rounded to the currency's decimals, halves away from zero.
    pub amount: Decimal,
    /// The currencies that the day has no rate for; they are not in the sum.
    pub without_rate: Vec<String>,
}

impl Rates {
    /// What one unit of a currency costs in another one, without rounding.
    pub fn rate(&self, from: &str, to: &str) -> Option<Decimal> {
        if from == to {
            return Some(Decimal::ONE);
        }
        self.in_base(from)?.checked_div(self.in_base(to)?)
    }

    fn in_base(&self, currency: &str) -> Option<Decimal> {
        if currency == self.base { Some(Decimal::ONE) } else { self.rates.get(currency).copied() }
    }

    /// The sum of amounts in one currency: each converted whole, and only the sum rounded. None where there is no rate for any
    /// of them, or the currency is unknown.
    pub fn total<'a>(&self, amounts: impl IntoIterator<Item = &'a Money>, currency: &str) -> Option<Total> {
        let decimals = decimals(currency)?;
        let mut total = Total { amount: Decimal::ZERO, without_rate: Vec::new() };
        let mut has_a_rate = false;
        for money in amounts {
            let added = self
                .rate(&money.currency, currency)
                .and_then(|rate| total.amount.checked_add(money.amount.checked_mul(rate)?));
            match added {
                Some(sum) => {
                    total.amount = sum;
                    has_a_rate = true;
                }
                None => total.without_rate.push(money.currency.clone()),
            }
        }
        if !has_a_rate && !total.without_rate.is_empty() {
            return None;
        }
        total.amount = total.amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        total.amount.rescale(decimals);
        total.without_rate.sort_unstable();
        total.without_rate.dedup();
        Some(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money { amount: amount.parse().unwrap(), currency: currency.to_owned() }
    }

    fn rates() -> Rates {
        let rates = [("USD", "7.10"), ("JPY", "0.0475"), ("KWD", "23.1")];
        let rates = rates.map(|(code, rate)| (code.to_owned(), rate.parse().unwrap()));
        Rates { date: "2026-11-02".parse().unwrap(), base: "CNY".to_owned(), rates: rates.into() }
    }

    #[test]
    fn currencies_have_the_decimals_of_iso_4217() {
        for (currency, expected) in [
            ("CNY", Some(2)),
            ("USD", Some(2)),
            ("JPY", Some(0)),
            ("KWD", Some(3)),
            ("CLF", Some(4)),
            ("DEM", None),
            ("cny", None),
            ("", None),
            ("XXX", None),
            ("XCG", Some(2)),
            ("XAD", Some(2)),
            ("HRK", Some(2)),
            ("BYR", Some(0)),
        ] {
            assert_eq!(decimals(currency), expected, "{currency}");
        }
        let two = TWO_DECIMALS.split(' ').filter(|code| !code.is_empty());
        let ended = ENDED.iter().map(|(code, ..)| *code);
        let all: Vec<&str> = two.chain(OTHER_DECIMALS.iter().map(|(code, _)| *code)).chain(ended).collect();
        let once: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len(), "a currency is listed twice");
        assert!(all.iter().all(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn a_currency_that_is_no_longer_has_a_last_day() {
        for (code, ..) in ENDED {
            assert!(last_day(code).is_some(), "{code} has no such day");
        }
        assert_eq!(last_day("BGN"), Some("2025-12-31".parse().unwrap()));
        assert_eq!((last_day("EUR"), last_day("XXX")), (None, None));
    }

    #[test]
    fn a_decimal_is_digits_with_at_most_a_sign_and_a_point_between_them() {
        for text in ["0", "12.30", "-1", "007", "99999999999999999999.99"] {
            assert!(decimal(text).is_some(), "{text}");
        }
        for text in [
            "",
            "+5",
            "5.",
            ".5",
            "-",
            "-.5",
            "1e3",
            "1_000",
            "1,5",
            " 1",
            "１",
            "0x1",
            "NaN",
            &"9".repeat(40),
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_sum_is_rounded() {
        let amounts = [money("100.00", "USD"), money("10", "JPY"), money("0.01", "CNY")];
        let total = rates().total(&amounts, "CNY").unwrap();
        assert_eq!((total.amount.to_string().as_str(), total.without_rate.len()), ("710.49", 0));
        let thirds = [money("0.005", "KWD"), money("0.005", "KWD")];
        assert_eq!(rates().total(&thirds, "CNY").unwrap().amount.to_string(), "0.23");
    }

    #[test]
    fn two_currencies_meet_over_the_base() {
        let total = rates().total(&[money("71", "CNY"), money("100", "JPY")], "USD").unwrap();
        assert_eq!(total.amount.to_string(), "10.67");
        assert_eq!(rates().total(&[money("7.10", "CNY")], "JPY").unwrap().amount.to_string(), "149");
    }

    #[test]
    fn what_has_no_rate_is_named_and_left_out() {
        let total = rates().total(&[money("1", "EUR"), money("2", "CNY"), money("3", "EUR")], "CNY").unwrap();
        assert_eq!(
            (total.amount.to_string(), total.without_rate),
            ("2.00".to_owned(), vec!["EUR".to_owned()])
        );
        assert_eq!(rates().total(&[money("1", "EUR")], "CNY"), None, "nothing would look like zero");
        assert_eq!(rates().total(&[], "CNY").map(|total| total.amount.to_string()).as_deref(), Some("0.00"));
    }
}
