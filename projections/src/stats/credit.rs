//! To whom the outcome of a cycle is credited, of all who had the customer.

use serde::Deserialize;
use utoipa::ToSchema;

use super::Micros;

/// To whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// Anyone who owned the customer when the cycle began.
    OwnerAtEntry,
    /// Anyone who owned it when the cycle ended.
    #[default]
    OwnerAtConversion,
    /// Everybody who owned it in between, by time. The time in a pool is nobody's.
    TimeShare,
}

/// A part of a whole, as two spans, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit<O> {
    /// Whose.
    pub owner: O,
    /// How much,
    pub part: Micros,
    /// of how much. More than zero.
    pub whole: Micros,
}

impl<O> Credit<O> {
    /// The part of the whole, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.part as f64 / self.whole as f64
    }
}

/// Who owned a customer at an instant, of those who owned it since each instant, in order. Before the first of these it is
/// taken to have been the first one's: a history may have been backdated further than anything is known of its owner.
#[must_use]
pub fn owner_at<O: Copy>(owners: &[(Micros, O)], instant: Micros) -> Option<O> {
    let later = owners.partition_point(|(since, _)| *since <= instant);
    owners.get(later.saturating_sub(1)).map(|(_, owner)| *owner)
}

/// The credits for a cycle from its beginning to its end. `owners` are as for [`owner_at`]; none is a pool.
#[must_use]
pub fn credit<O: Copy + PartialEq>(
    owners: &[(Micros, Option<O>)],
    (began, ended): (Micros, Micros),
    attribution: Attribution,
) -> Vec<Credit<O>> {
    let sole = |at| {
        let owner = owner_at(owners, at).flatten();
        owner.map(|owner| Credit { owner, part: 1, whole: 1 }).into_iter().collect()
    };
    match attribution {
        Attribution::OwnerAtEntry => sole(began),
        Attribution::OwnerAtConversion => sole(ended),
        Attribution::TimeShare if ended <= began => sole(ended),
        Attribution::TimeShare => {
            let mut credits: Vec<Credit<O>> = Vec::new();
            for (owner, part) in held(owners, began, ended) {
                match credits.iter_mut().find(|credit| credit.owner == owner) {
                    Some(credit) => credit.part += part,
                    None => credits.push(Credit { owner, part, whole: ended - began }),
                }
            }
            credits
        }
    }
}

/// How long each had the customer between two instants, interval by interval; pools are left out.
#[must_use]
pub fn held<O: Copy>(owners: &[(Micros, Option<O>)], from: Micros, to: Micros) -> Vec<(O, Micros)> {
    let ends = owners.iter().skip(1).map(|(since, _)| *since).chain([Micros::MAX]);
    let intervals = owners.iter().enumerate().zip(ends).filter_map(|((number, (since, owner)), end)| {
        let since = if number == 0 { Micros::MIN } else { *since };
        let span = end.min(to).saturating_sub(since.max(from));
        owner.filter(|_| span > 0).map(|owner| (owner, span))
    });
    intervals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Li had it from 0, a pool from 10, Chen from 20, Li again from 30.
    const OWNERS: [(Micros, Option<char>); 4] =
        [(0, Some('l')), (10, None), (20, Some('c')), (30, Some('l'))];

    fn shares(cycle: (Micros, Micros), attribution: Attribution) -> Vec<(char, Micros, Micros)> {
        let credits = credit(&OWNERS, cycle, attribution);
        credits.iter().map(|credit| (credit.owner, credit.part, credit.whole)).collect()
    }

    #[test]
    fn one_has_it_all_at_entry_or_at_conversion_and_a_pool_has_nothing() {
        assert_eq!(shares((5, 25), Attribution::OwnerAtEntry), [('l', 1, 1)]);
        assert_eq!(shares((5, 25), Attribution::OwnerAtConversion), [('c', 1, 1)]);
        assert_eq!(shares((5, 20), Attribution::OwnerAtConversion), [('c', 1, 1)], "from its instant on");
        assert_eq!(shares((12, 19), Attribution::OwnerAtConversion), []);
    }

    #[test]
    fn time_is_shared_by_owners_and_the_pools_time_is_nobodys() {
        assert_eq!(shares((0, 40), Attribution::TimeShare), [('l', 20, 40), ('c', 10, 40)]);
        assert_eq!(
            shares((-10, 10), Attribution::TimeShare),
            [('l', 20, 20)],
            "backdated beyond the first owner"
        );
        assert_eq!(shares((25, 25), Attribution::TimeShare), [('c', 1, 1)], "won as it was entered");
    }
}
