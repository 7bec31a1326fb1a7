//! The open deals by the period in which they are expected to close, as was said of each.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::customer::event::Money;

use super::weighted;
use crate::board::MoneyReport;
use crate::models::board::CloseThen;
use crate::reports::money::{add, money, rounded_money};
use crate::stats::{Micros, sum_of_any};

/// How long the periods are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosePeriod {
    /// Weeks of ISO 8601, which begin on Mondays.
    Week,
    /// Calendar months.
    #[default]
    Month,
    /// Quarters of a year.
    Quarter,
}

impl ClosePeriod {
    /// The first day of the period that a day lies in, and the first one after it.
    fn around(self, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let months = match self {
            Self::Week => {
                let monday = day.checked_sub_signed(days(day.weekday().num_days_from_monday()))?;
                return Some((monday, monday.checked_add_signed(days(7))?));
            }
            Self::Month => 1,
            Self::Quarter => 3,
        };
        let first = NaiveDate::from_ymd_opt(day.year(), day.month0() / months * months + 1, 1)?;
        Some((first, first.checked_add_months(Months::new(months))?))
    }

    /// What the period that begins on a day is called.
    fn name(self, first: NaiveDate) -> String {
        match self {
            Self::Week => first.format("%G-W%V").to_string(),
            Self::Month => first.format("%Y-%m").to_string(),
            Self::Quarter => format!("{}-Q{}", first.format("%Y"), first.month0() / 3 + 1),
        }
    }
}

fn days(number: u32) -> TimeDelta {
    TimeDelta::days(number.into())
}

/// The open deals that are expected to close in one period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CloseForecast {
    /// The period; null for the deals of which no day was said.
    #[schema(example = "2026-12")]
    pub period: Option<String>,
    /// Its first day.
    pub from: Option<NaiveDate>,
    /// Its last day.
    pub to: Option<NaiveDate>,
    /// Whether the period is over at the instant asked about, and its deals are still open.
    pub overdue: bool,
    /// How many open deals.
    pub open: usize,
    /// What they may be worth, by currency.
    pub amounts: Vec<MoneyReport>,
    /// How many of them are expected to be won by the end of the period (UTC), by the same probabilities as in `horizons`. Null
    /// where there is no period, or it is over.
    pub expected: Option<f64>,
    /// What of their amounts is expected, by currency; empty where `expected` is null.
    pub expected_amounts: Vec<MoneyReport>,
    /// How far their days have slipped.
    pub slips: SlipReport,
}

/// How far the days on which deals are expected to close have slipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlipReport {
    /// How many of the deals have been put off at least once.
    pub deals: usize,
    /// How often they have been put off to a later day. A wrong day that was corrected is no push.
    pub pushes: u64,
    /// By how many days they are expected later than was said of each first; one that was brought forward since counts against it.
    #[schema(example = 31)]
    pub pushed_days: i64,
}

impl SlipReport {
    fn of<'a>(closes: impl Iterator<Item = &'a CloseThen>) -> Self {
        closes.filter(|close| close.pushes > 0).fold(Self::default(), |slips, close| Self {
            deals: slips.deals + 1,
            pushes: slips.pushes + u64::from(close.pushes),
            pushed_days: slips.pushed_days + close.pushed_days(),
        })
    }
}

/// An open deal as the periods look at it.
pub(super) struct Closing<'a> {
    /// When it is expected to close.
    pub(super) close: Option<CloseThen>,
    /// What it may be worth.
    pub(super) amount: Option<&'a Money>,
    /// The probability that it is won within a horizon.
    pub(super) probability: Box<dyn Fn(Micros) -> f64 + 'a>,
}

/// The periods in their order, and last the deals without one.
pub(super) fn by_period<'a>(
    deals: impl Iterator<Item = Closing<'a>>,
    length: ClosePeriod,
    at: DateTime<Utc>,
) -> Vec<CloseForecast> {
    let mut periods: BTreeMap<NaiveDate, (NaiveDate, Vec<Closing<'a>>)> = BTreeMap::new();
    let mut unsaid = Vec::new();
    for deal in deals {
        match deal.close.and_then(|close| length.around(close.on)) {
            Some((first, next)) => periods.entry(first).or_insert((next, Vec::new())).1.push(deal),
            None => unsaid.push(deal),
        }
    }
    let said = periods.into_iter().map(|(first, (next, deals))| {
        let left = next.and_time(NaiveTime::MIN).and_utc() - at;
        let horizon = left.num_microseconds().filter(|left| *left > 0);
        CloseForecast {
            period: Some(length.name(first)),
            from: Some(first),
            to: next.pred_opt(),
            overdue: horizon.is_none(),
            ..of(&deals, horizon)
        }
    });
    let rest = (!unsaid.is_empty()).then(|| of(&unsaid, None));
    said.chain(rest).collect()
}

/// What some deals may bring within a horizon, where there is one.
fn of(deals: &[Closing<'_>], horizon: Option<Micros>) -> CloseForecast {
    let chance = |deal: &Closing<'_>| horizon.map(|horizon| (deal.probability)(horizon));
    let chances: Option<Vec<f64>> = deals.iter().map(chance).collect();
    let mut amounts = BTreeMap::<String, Decimal>::new();
    let mut expected_amounts = BTreeMap::new();
    for (index, deal) in deals.iter().enumerate() {
        let Some(Money { amount, currency }) = deal.amount else { continue };
        add(&mut amounts, currency, *amount);
        if let Some(chances) = &chances {
            add(&mut expected_amounts, currency, weighted(*amount, chances[index]));
        }
    }
    CloseForecast {
        period: None,
        from: None,
        to: None,
        overdue: false,
        open: deals.len(),
        amounts: money(amounts),
        expected: chances.map(sum_of_any),
        expected_amounts: rounded_money(expected_amounts),
        slips: SlipReport::of(deals.iter().filter_map(|deal| deal.close.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_holds_its_first_and_its_last_day() {
        for (length, on, name, from, next) in [
            (ClosePeriod::Month, "2026-12-31", "2026-12", "2026-12-01", "2027-01-01"),
            (ClosePeriod::Month, "2027-01-01", "2027-01", "2027-01-01", "2027-02-01"),
            (ClosePeriod::Quarter, "2026-11-30", "2026-Q4", "2026-10-01", "2027-01-01"),
            // The first days of 2027 are in the last week of 2026, which has fifty-three.
            (ClosePeriod::Week, "2027-01-03", "2026-W53", "2026-12-28", "2027-01-04"),
            (ClosePeriod::Week, "2027-01-04", "2027-W01", "2027-01-04", "2027-01-11"),
        ] {
            let (first, after) = length.around(day(on)).unwrap();
            assert_eq!((length.name(first).as_str(), first, after), (name, day(from), day(next)), "{on}");
        }
        assert_eq!(ClosePeriod::Month.around(NaiveDate::MAX), None);
    }

    #[test]
    fn deals_stand_in_their_period_by_its_end_and_those_without_a_day_stand_last() {
        const DAY: Micros = 86_400_000_000;
        let at = "2026-11-30T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let worth = Money { amount: Decimal::new(100_000, 2), currency: "CNY".to_owned() };
        // One in a hundred for each day that is left.
        let deal = |(on, original, pushes): (&str, &str, u32)| Closing {
            close: (!on.is_empty()).then(|| CloseThen { on: day(on), original: day(original), pushes }),
            amount: Some(&worth),
            probability: Box::new(|horizon| horizon as f64 / DAY as f64 / 100.0),
        };
        let days = [
            ("2026-12-24", "2026-11-24", 2),
            ("", "", 0),
            ("2026-11-30", "2026-11-30", 0),
            ("2026-10-31", "2026-10-01", 1),
            ("2026-12-01", "2026-12-11", 0),
        ];
        let found = by_period(days.into_iter().map(deal), ClosePeriod::Month, at);
        let told: Vec<_> = found
            .iter()
            .map(|one| {
                let expected = one.expected_amounts.first().map(|money| money.amount.as_str());
                (one.period.as_deref(), one.open, one.overdue, one.expected, expected)
            })
            .collect();
        assert_eq!(
            told,
            [
                (Some("2026-10"), 1, true, None, None),
                (Some("2026-11"), 1, false, Some(0.01), Some("10.00")),
                (Some("2026-12"), 2, false, Some(0.64), Some("640.00")),
                (None, 1, false, None, None),
            ]
        );
        assert_eq!(found[2].amounts[0].amount, "2000.00");
        // Of December's two one was put off twice, by 30 days; the other one was brought forward alone.
        let slips: Vec<_> = found.iter().map(|one| one.slips).collect();
        let slip = |deals, pushes, pushed_days| SlipReport { deals, pushes, pushed_days };
        assert_eq!(slips, [slip(1, 1, 30), slip(0, 0, 0), slip(1, 2, 30), slip(0, 0, 0)]);
    }
}
