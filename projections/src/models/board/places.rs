//! Where customers stand: the figures of each stage, and one page of its cards.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::Money;

use super::card_order::{CardKey, CardOrder};
use super::report::MoneyReport;
use crate::stats::{Micros, quantile, seconds};

/// Where a customer stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) customer: Uuid,
    pub(super) entered: Micros,
    pub(super) owner: Owner,
    pub(super) amount: Option<Money>,
    pub(super) sub_status: Option<String>,
    pub(super) tier: Option<String>,
    /// The version of the pipeline that the stage is of.
    pub(super) version: u32,
}

/// A board: its stages by their ids.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) by_stage: BTreeMap<String, StagePlaces>,
    /// Journeys that are known, and begin later.
    pub(super) not_started: usize,
}

/// What a board shows of one stage.
#[derive(Debug, Default)]
pub(super) struct StagePlaces {
    pub(super) figures: StageFigures,
    /// A page of cards, in the order asked for.
    pub(super) page: Vec<Place>,
    /// Where the next page begins; none at the end, and where no cards are shown.
    pub(super) next_cursor: Option<String>,
}

/// Figures over all who stand in a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StageFigures {
    pub(super) count: usize,
    /// What their deals may be worth, by currency.
    pub(super) sums: BTreeMap<String, Decimal>,
    /// How many have each sub-status, or none.
    pub(super) sub_statuses: BTreeMap<Option<String>, usize>,
    /// The versions of the pipeline that they stand in it by.
    pub(super) versions: BTreeSet<u32>,
    /// When those entered who are in the middle of the order of entries: nobody, one, or two.
    pub(super) middle: Vec<Micros>,
}

/// Which cards of a stage are shown.
#[derive(Debug, Clone)]
pub(super) struct CardPage {
    /// How many at most; 0 shows none.
    pub(super) limit: usize,
    /// After which place in the order.
    pub(super) after: Option<CardKey>,
    /// In which order.
    pub(super) order: CardOrder,
}

impl StagePlaces {
    /// Of the places after where the page begins, in the order asked for.
    pub(super) fn page(
        figures: StageFigures,
        mut rest: impl Iterator<Item = (CardKey, Place)>,
        asked: &CardPage,
    ) -> Self {
        let (keys, page): (Vec<CardKey>, Vec<Place>) = rest.by_ref().take(asked.limit).unzip();
        let last = keys.last().filter(|_| rest.next().is_some());
        let next_cursor = last.map(|last| last.cursor(asked.order));
        Self { figures, page, next_cursor }
    }
}

impl StageFigures {
    /// Counts some who have this sub-status by this version.
    pub(super) fn count_in(&mut self, sub_status: Option<&String>, version: u32, number: usize) {
        self.count += number;
        match self.sub_statuses.get_mut(&sub_status.cloned()) {
            Some(count) => *count += number,
            None => drop(self.sub_statuses.insert(sub_status.cloned(), number)),
        }
        self.versions.insert(version);
    }

    /// Adds what a deal, or some, may be worth.
    pub(super) fn add(&mut self, currency: &str, amount: Decimal) {
        match self.sums.get_mut(currency) {
            Some(sum) => *sum = sum.saturating_add(amount),
            None => drop(self.sums.insert(currency.to_owned(), amount)),
        }
    }

    /// What the deals may be worth, by currency.
    pub(super) fn amounts(&self) -> Vec<MoneyReport> {
        let report = |(currency, amount): (&String, &Decimal)| MoneyReport {
            amount: amount.to_string(),
            currency: currency.clone(),
        };
        self.sums.iter().map(report).collect()
    }

    /// The median time since entry at an instant, in seconds; none of nobody.
    pub(super) fn median_age(&self, until: Micros) -> Option<f64> {
        // The latest entry is the least age.
        let ages: Vec<f64> = self.middle.iter().rev().map(|entered| seconds(until - entered)).collect();
        quantile::continuous(&ages, 0.5)
    }
}

/// When those in the middle of a sorted list entered: the median of the list is that of these.
pub(super) fn middle<T>(sorted: &[T], entered: impl Fn(&T) -> Micros) -> Vec<Micros> {
    let below = sorted.len().saturating_sub(1) / 2;
    let above = sorted.len() / 2 + 1;
    sorted.get(below..above.min(sorted.len())).unwrap_or_default().iter().map(entered).collect()
}

/// The first of some things by their keys, after the one that a page begins after. There is one more of them than the page takes
/// where there are more.
pub(super) fn first_after<T>(
    mut things: Vec<T>,
    page: &CardPage,
    key: impl Fn(&T) -> CardKey,
) -> impl Iterator<Item = (CardKey, T)> {
    if let Some(after) = &page.after {
        things.retain(|thing| key(thing) > *after);
    }
    if page.limit < things.len() {
        things.select_nth_unstable_by_key(page.limit, &key);
        things.truncate(page.limit + 1);
    }
    let mut keyed: Vec<(CardKey, T)> = things.into_iter().map(|thing| (key(&thing), thing)).collect();
    keyed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    keyed.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_all_ages_is_that_of_the_middle_ones() {
        let mut entries: Vec<Micros> = Vec::new();
        for n in 0..9 {
            let ages: Vec<f64> = entries.iter().rev().map(|entered| seconds(1_000 - entered)).collect();
            let figures = StageFigures { middle: middle(&entries, |entered| *entered), ..Default::default() };
            assert_eq!(figures.median_age(1_000), quantile::continuous(&ages, 0.5), "{entries:?}");
            entries.push(n * n + 3);
        }
    }
}
