//! The figures of one rep, and how they are added up.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::customer::event::Money;
use waymark_domain::money::decimals;

use crate::maturity::Maturity;
use crate::models::board::MoneyReport;
use crate::models::board::versions::CustomerVersion;
use crate::reports::Definition;
use crate::reports::ShareReport;
use crate::stats::Micros;
use crate::stats::credit::Credit;
use crate::stats::survival::{Subject, kaplan_meier};

/// Thirty days: the month of frequencies.
const MONTH: f64 = 30.0 * 86_400.0;
/// Up to here the mean stay of a rep's customers goes: ninety days.
const HORIZON: Micros = 90 * 86_400 * 1_000_000;

/// What a rep did in a window, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct RepFigures {
    /// Journeys that began in the window, of customers that were the rep's then.
    pub new_customers: usize,
    /// Deals won in the window that are credited to the rep: a whole number, but for credit that is shared by time.
    #[serde(serialize_with = "crate::reports::whole_where_it_is")]
    pub won: f64,
    /// Cycles lost in the window, credited alike.
    #[serde(serialize_with = "crate::reports::whole_where_it_is")]
    pub lost: f64,
    /// What the deals were worth when they were won, by currency, credited alike: what a deal won in part has brought where
    /// that is known, else the amount.
    pub won_amounts: Vec<MoneyReport>,
    /// Won among won and lost.
    pub conversion: Option<ShareReport>,
    /// Whether it was known at the window's end what becomes of the cycles that began in it as the rep's.
    pub maturity: Maturity,
    /// Conversations that the rep recorded.
    pub follow_ups: usize,
    /// Conversations for each customer and each thirty days that the rep owned it in the window; null where it owned none.
    pub follow_ups_per_customer_month: Option<f64>,
    /// How long the records of the conversations are on average, in characters. Those of erased customers are not known.
    pub average_follow_up_chars: Option<f64>,
    /// Where the rep's customers stay longest.
    pub slowest_stage: Option<SlowestStage>,
    /// Customers that the rep took from a pool.
    pub claims: usize,
    /// Customers that it gave back.
    pub releases: usize,
    /// Customers that a pool's clock took from it.
    pub reclaims: usize,
    /// Claims after which it made no contact in time.
    pub missed_first_contacts: usize,
    /// Customers that it took from a pool after another rep had had them, and that went on in its hands.
    pub revived: usize,
    /// Those of them that were won in its hands.
    pub revived_won: usize,
    /// Its customers in open stages at the end of the window.
    pub open_customers: usize,
    /// Those of them whose next contact is overdue.
    pub overdue: usize,
    /// Those of them without a contact ahead and without activity for longer than is permitted: what it sits on.
    pub sat_on: usize,
}

/// The stage in which a rep's customers stay longest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SlowestStage {
    /// The pipeline.
    pub pipeline: String,
    /// The stage.
    pub stage: String,
    /// Stays in it while the customer was the rep's.
    pub stays: usize,
    /// The Kaplan–Meier median of the stay; null where half of them have not left.
    pub median_seconds: Option<f64>,
    /// The mean stay as far as it lies within ninety days, by Kaplan–Meier: by it stages are compared.
    pub restricted_mean_seconds: f64,
}

/// The figures of one rep while they are added up.
#[derive(Default)]
pub(super) struct RepAccumulator {
    pub(super) figures: RepFigures,
    pub(super) amounts: BTreeMap<String, Decimal>,
    pub(super) chars: (u64, u64),
    pub(super) owned_seconds: f64,
    pub(super) stays: HashMap<(usize, String), Vec<Subject>>,
}

impl RepAccumulator {
    /// Adds a part of what a deal was worth.
    pub(super) fn earn(&mut self, past: Option<&CustomerVersion>, part: &Credit<&str>) {
        let Some(Money { amount, currency }) =
            past.and_then(|past| past.won.as_ref().or(past.amount.as_ref()))
        else {
            return;
        };
        let share = amount
            .checked_mul(Decimal::from(part.part))
            .and_then(|shared| shared.checked_div(Decimal::from(part.whole)))
            .unwrap_or_default();
        let share = if part.part == part.whole { *amount } else { share };
        let sum = self.amounts.entry(currency.clone()).or_default();
        *sum = sum.saturating_add(share);
    }

    pub(super) fn figures(self, definitions: &[Definition]) -> RepFigures {
        let Self { mut figures, amounts, chars: (measured, chars), owned_seconds, stays } = self;
        figures.slowest_stage = slowest(stays, definitions);
        let money = |(currency, amount): (String, Decimal)| MoneyReport {
            amount: amount.round_dp(decimals(&currency).unwrap_or(2)).to_string(),
            currency,
        };
        figures.won_amounts = amounts.into_iter().map(money).collect();
        figures.conversion = ShareReport::of(figures.won, figures.won + figures.lost);
        figures.average_follow_up_chars = (measured > 0).then(|| chars as f64 / measured as f64);
        figures.follow_ups_per_customer_month =
            (owned_seconds > 0.0).then(|| figures.follow_ups as f64 / (owned_seconds / MONTH));
        figures
    }
}

/// The stage of the longest mean stay: of two alike the earlier one.
fn slowest(
    stays: HashMap<(usize, String), Vec<Subject>>,
    definitions: &[Definition],
) -> Option<SlowestStage> {
    let mut all: Vec<SlowestStage> = Vec::with_capacity(stays.len());
    for ((number, stage), subjects) in stays {
        let curve = kaplan_meier(&subjects);
        all.push(SlowestStage {
            pipeline: definitions.get(number)?.pipeline.key.clone(),
            stage,
            stays: subjects.len(),
            median_seconds: curve.reaches(0.5),
            restricted_mean_seconds: curve.restricted_mean(HORIZON),
        });
    }
    let order = |a: &SlowestStage, b: &SlowestStage| {
        let mean = a.restricted_mean_seconds.total_cmp(&b.restricted_mean_seconds);
        mean.then_with(|| (&b.pipeline, &b.stage).cmp(&(&a.pipeline, &a.stage)))
    };
    all.into_iter().max_by(order)
}
