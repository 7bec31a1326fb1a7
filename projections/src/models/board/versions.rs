//! What customers were like: owner, amount and labels at any instant, as known at any position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use uuid::Uuid;
use waymark_domain::customer::event::Money;
use waymark_domain::{Owner, ProfileTexts};
use waymark_eventstore::Position;

use super::expected_close::CloseThen;
use super::row::{money_of, owner_of};
use super::tables::VersionRow;
use crate::error::Result;
use crate::query::{AnyOf, CohortFilter, StaySubStatus, has_texts};
use crate::stats::{JourneySet, Micros, Stay};

pub(crate) use super::kept_versions::load;

/// What a customer was like from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerVersion {
    pub(crate) since: Micros,
    /// Since which position that is known.
    pub(crate) position: Position,
    pub(crate) owner: Owner,
    pub(crate) tier: Option<String>,
    pub(crate) amount: Option<Money>,
    pub(crate) source: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) version: u32,
    /// Those that reports look at.
    pub(crate) texts: ProfileTexts,
    /// The local day until which the deal was put off.
    pub(crate) postponed_until: Option<NaiveDate>,
    /// Whether another customer went on in its place.
    pub(crate) merged: bool,
    /// The last day of the contract.
    pub(crate) contract_end: Option<NaiveDate>,
    /// What a deal won in part has brought.
    pub(crate) won: Option<Money>,
    /// The sub-status of each journey that has one, by the journey.
    pub(crate) sub_statuses: BTreeMap<String, String>,
    /// When the deal is expected to close.
    pub(crate) expected_close: Option<CloseThen>,
}

/// Every customer's pasts in the order of (instant, position).
pub(crate) type CustomerVersions = HashMap<Uuid, Vec<CustomerVersion>>;

/// Puts what came in the order of positions into the order of (instant, position).
pub(super) fn in_order(past: &mut [CustomerVersion]) {
    past.sort_by_key(|past| past.since);
}

impl CustomerVersion {
    pub(super) fn of(row: VersionRow) -> Result<Self> {
        let day = |day: Option<String>| day.and_then(|day| day.parse().ok());
        Ok(Self {
            since: row.effective_at,
            position: row.position,
            owner: owner_of(&row.owner_kind, row.owner_id),
            tier: row.tier,
            amount: money_of(row.amount, row.currency),
            source: row.source,
            channel: row.channel,
            tags: row.tags.parse()?,
            version: row.version,
            merged: row.merged,
            texts: row.texts,
            postponed_until: day(row.postponed_until),
            contract_end: day(row.contract_end),
            won: money_of(row.won_amount, row.won_currency),
            sub_statuses: row.sub_statuses.parse()?,
            expected_close: day(row.expected_close).map(|on| CloseThen {
                on,
                original: day(row.close_original).unwrap_or(on),
                pushes: row.close_pushes,
            }),
        })
    }
}

/// What a customer was like at an instant.
pub(crate) fn at(past: &[CustomerVersion], instant: Micros) -> Option<&CustomerVersion> {
    past[..past.partition_point(|past| past.since <= instant)].last()
}

/// Whether a customer passes a filter at an instant.
pub(crate) fn passes(past: &[CustomerVersion], instant: Micros, filter: &CohortFilter) -> bool {
    fn is(wanted: &Option<AnyOf>, held: Option<&String>) -> bool {
        wanted.as_ref().is_none_or(|wanted| held.is_some_and(|held| wanted.contains(held)))
    }
    let Some(then) = at(past, instant) else { return false };
    let finer = |wanted: &Option<AnyOf>| {
        wanted.as_ref().is_none_or(|wanted| then.sub_statuses.values().any(|held| wanted.contains(held)))
    };
    let of_a_rep = |reps: &BTreeSet<String>| match &then.owner {
        Owner::Rep(rep) => reps.contains(rep),
        Owner::Pool(_) => false,
    };
    filter.owner.as_ref().is_none_or(|owner| then.owner == *owner)
        && filter.reps.as_ref().is_none_or(of_a_rep)
        && is(&filter.source, then.source.as_ref())
        && is(&filter.channel, then.channel.as_ref())
        && finer(&filter.sub_status)
        && is(&filter.tier, then.tier.as_ref())
        && has_texts(&filter.texts, &then.texts)
        && filter.version.is_none_or(|version| then.version == version)
        && filter.tag.as_ref().is_none_or(|tag| then.tags.iter().any(|held| tag.contains(held)))
}

/// The sub-statuses of the stays of a pipeline's journeys as they are seen at an instant.
#[derive(Clone, Copy)]
pub(crate) struct OwnSubStatuses<'a> {
    pub(crate) journeys: &'a JourneySet,
    pub(crate) pasts: &'a CustomerVersions,
    pub(crate) pipeline: &'a str,
    /// The last instant at which something counts.
    pub(crate) last: Micros,
}

impl<'a> OwnSubStatuses<'a> {
    /// Of a stay of a journey, by its number.
    pub(crate) fn of(&self, journey: usize, stay: &Stay) -> Option<&'a String> {
        let past = self.pasts.get(&self.journeys.customer(journey)).map_or(&[][..], Vec::as_slice);
        let ended = self.journeys.ended(journey, self.last).map(|(at, _)| at);
        own_sub_status(past, self.pipeline, (stay.entered, stay.seen_last(ended, self.last)))
    }

    /// Whether a stay has the sub-status that is wanted, where one is.
    pub(crate) fn is(&self, journey: usize, stay: &Stay, wanted: Option<&StaySubStatus>) -> bool {
        wanted.is_none_or(|wanted| self.of(journey, stay) == wanted.0.as_ref())
    }
}

/// The sub-status of a stay of a journey that began at an instant and was seen last at another, itself included. A stay of no
/// length has none.
fn own_sub_status<'a>(
    past: &'a [CustomerVersion],
    journey: &str,
    (entered, seen): (Micros, Micros),
) -> Option<&'a String> {
    if seen < entered {
        return None;
    }
    at(past, seen)?.sub_statuses.get(journey)
}

/// How much of the time between two instants the customer belonged to a rep.
pub(crate) fn owned(past: &[CustomerVersion], from: Micros, to: Micros) -> Micros {
    let ends = past.iter().skip(1).map(|next| next.since).chain([Micros::MAX]);
    let held = past.iter().zip(ends).filter(|(past, _)| matches!(past.owner, Owner::Rep(_)));
    held.map(|(past, end)| (end.min(to) - past.since.max(from)).max(0)).sum()
}

/// How much of the time between two instants the deal was put off: from when that was said until the day begins
/// (`day_begins`), or until another day was said, or none.
pub(crate) fn paused(
    past: &[CustomerVersion],
    from: Micros,
    to: Micros,
    day_begins: impl Fn(NaiveDate) -> Micros,
) -> Micros {
    let ends = past.iter().skip(1).map(|next| next.since).chain([Micros::MAX]);
    let held = past.iter().zip(ends).filter_map(|(past, end)| {
        let until = end.min(day_begins(past.postponed_until?)).min(to);
        Some((until - past.since.max(from)).max(0))
    });
    held.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A past from an instant on, in which the deal is put off until that many days after the first of January 1970.
    fn since(since: Micros, until: Option<u64>) -> CustomerVersion {
        let day = |days| NaiveDate::default() + chrono::Days::new(days);
        CustomerVersion {
            since,
            position: 0,
            owner: Owner::Rep("li".to_owned()),
            tier: None,
            amount: None,
            source: None,
            channel: None,
            tags: Vec::new(),
            version: 1,
            texts: ProfileTexts::default(),
            postponed_until: until.map(day),
            merged: false,
            contract_end: None,
            won: None,
            sub_statuses: BTreeMap::new(),
            expected_close: None,
        }
    }

    /// Days begin every hundred instants.
    fn begins(day: NaiveDate) -> Micros {
        (day - NaiveDate::default()).num_days() * 100
    }

    #[test]
    fn a_deal_is_put_off_from_when_that_was_said_until_its_day_begins_and_no_longer() {
        let past = [since(0, None), since(130, Some(3))];
        for (from, to, paused) in [
            (0, 130, 0),
            (0, 131, 1),
            (0, 299, 169),
            (0, 300, 170),
            (0, 400, 170),
            (200, 250, 50),
            (310, 400, 0),
        ] {
            assert_eq!(super::paused(&past, from, to, begins), paused, "{from} to {to}");
        }
    }

    #[test]
    fn a_stay_has_the_sub_status_that_it_had_just_before_its_end() {
        let held = |at, held: Option<&str>| {
            let sub_statuses = held.map(|held| ("sales".to_owned(), held.to_owned())).into_iter().collect();
            CustomerVersion { sub_statuses, ..since(at, None) }
        };
        let past = [held(0, Some("asked")), held(40, Some("sent")), held(50, None), held(60, Some("asked"))];
        let own = |entered, seen| own_sub_status(&past, "sales", (entered, seen)).map(String::as_str);
        // Stays from 0 to 50, from 50 to 60, from 60 on, and one of no length at 50.
        assert_eq!((own(0, 49), own(50, 59), own(60, 99)), (Some("sent"), None, Some("asked")));
        assert_eq!((own(50, 49), own(0, 39)), (None, Some("asked")));
        assert_eq!(own_sub_status(&past, "other", (0, 49)), None);
    }

    #[test]
    fn another_day_or_none_ends_the_pause_and_other_changes_do_not() {
        let cleared = [since(0, Some(9)), since(50, None)];
        assert_eq!(paused(&cleared, 0, 1_000, begins), 50);
        let put_off_further = [since(0, Some(1)), since(50, Some(2)), since(60, Some(2))];
        assert_eq!(paused(&put_off_further, 0, 1_000, begins), 200);
        let already_over = [since(150, Some(1))];
        assert_eq!(paused(&already_over, 0, 1_000, begins), 0);
    }

    #[test]
    fn parts_of_a_time_are_paused_as_long_as_the_whole() {
        let past = [since(0, Some(2)), since(90, Some(1)), since(95, None), since(210, Some(4))];
        for cut in (0..=500).step_by(7) {
            let parts = paused(&past, 0, cut, begins) + paused(&past, cut, 500, begins);
            assert_eq!(parts, paused(&past, 0, 500, begins), "cut at {cut}");
        }
    }
}
