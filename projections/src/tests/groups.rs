//! A group of a report is the report of what the group is: whatever the history, each report by each key equals the report that
//! is filtered by the key's value, or that of the part of the window.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waymark_domain::field::Fields;
use waymark_domain::{Owner, ProfileField, Zones};

use super::changes::{definition, told};
use super::world::{Chance, TENANT, hour};
use crate::dwell::{Clock, DwellQuery, Unit, Window};
use crate::query::AnyOf;
use crate::reports::funnels::{Counting, FunnelQuery};
use crate::reports::groups::{Group, GroupKey, GroupsQuery};
use crate::reports::latency::LatencyQuery;
use crate::reports::losses::LossesQuery;
use crate::reports::reps::RepsQuery;
use crate::stats::credit::Attribution;
use crate::stats::funnel::Reach;
use crate::{AsOf, CohortFilter, Projections};

/// The team of the one rep of the histories.
const TEAM: &str = "north";

/// A report as it is served.
fn served(report: impl Serialize) -> Value {
    serde_json::to_value(report).unwrap()
}

/// Every report that is divided into groups, by its name.
async fn reports(
    projections: &Projections,
    at: AsOf,
    filter: &CohortFilter,
    window: Window,
) -> BTreeMap<&'static str, Value> {
    let definition = definition();
    let dwell = DwellQuery {
        at,
        window,
        filter: filter.clone(),
        unit: Unit::Stay,
        clock: Clock::Calendar,
        calendar: None,
        zones: Zones::compiled(),
        horizon_seconds: 36_000,
        curve: true,
        subjects: false,
    };
    let funnel = FunnelQuery {
        at,
        window,
        filter: filter.clone(),
        counting: Counting::Entered,
        reach: Reach::AtOrBeyond,
        horizon_seconds: 36_000,
    };
    let latency = LatencyQuery {
        at,
        window,
        filter: filter.clone(),
        sla_seconds: 86_400,
        known_then: at.known_position.unwrap_or_default(),
        cursor: None,
        limit: 500,
    };
    let reps = RepsQuery {
        at,
        window,
        reps: None,
        filter: filter.clone(),
        attribution: Attribution::default(),
        compare: false,
        silence_seconds: 36_000,
        after: None,
        limit: 500,
    };
    let losses = LossesQuery { at, window, filter: filter.clone() };
    let (pipeline, versions) = (&*definition.pipeline, &*definition.versions);
    let mut stays = projections.dwell(TENANT).await.unwrap();
    let dwell = served(stays.dwell_times(pipeline, versions, &dwell).await.unwrap());
    let flows = served(stays.flows(pipeline, versions, &at, &window, filter).await.unwrap());
    drop(stays);
    let mut reports = projections.reports(TENANT).await.unwrap();
    BTreeMap::from([
        ("dwell", dwell),
        ("flows", flows),
        ("funnels", served(reports.funnel(&definition, &funnel).await.unwrap())),
        ("latency", served(reports.latency(&definition, &latency).await.unwrap())),
        ("losses", served(reports.losses(&definition, &losses).await.unwrap())),
        ("reps", served(reports.reps(std::slice::from_ref(&definition), &reps).await.unwrap())),
    ])
}

/// The filter that asks for what a group is; none where no filter does.
fn filter_of(group: &Group, whole: &CohortFilter) -> Option<CohortFilter> {
    let mut filter = whole.clone();
    for (key, value) in &group.key {
        if matches!(key.as_str(), "month" | "quarter") {
            continue;
        }
        let value = value.as_deref()?;
        let any = || Some(AnyOf::from(value));
        match key.as_str() {
            "owner" => {
                let (kind, id) = value.split_once(':')?;
                let owner = if kind == "rep" { Owner::Rep } else { Owner::Pool };
                filter.owner = Some(owner(id.to_owned()));
            }
            "team" => filter.reps = Some(BTreeSet::from(["li".to_owned()])),
            "source" => filter.source = any(),
            "channel" => filter.channel = any(),
            "tier" => filter.tier = any(),
            "sub_status" => filter.sub_status = any(),
            "version" => filter.version = value.parse().ok(),
            other => *filter.texts.get_mut(ProfileField::parse(other)?) = any(),
        }
    }
    Some(filter)
}

/// Insists that no customer stands in two groups of the same part of the window.
fn insist_on_one_group_each(groups: &[Group], case: &str) {
    let mut met: BTreeMap<(Option<&String>, Uuid), usize> = BTreeMap::new();
    for group in groups {
        let time = group.key.get("month").or(group.key.get("quarter")).and_then(Option::as_ref);
        for customer in group.filter.among.iter().flat_map(|among| among.iter()) {
            *met.entry((time, *customer)).or_default() += 1;
        }
    }
    assert!(met.values().all(|times| *times == 1), "{case}: {met:?}");
}

#[tokio::test]
async fn each_group_of_a_report_is_the_report_that_is_filtered_by_what_the_group_is() {
    let mut compared = BTreeMap::<String, usize>::new();
    for seed in 70..73 {
        let (world, projections) = told(seed).await;
        let (head, mut chance) = (world.head().await as usize, Chance::new(seed));
        for round in 0..3 {
            let known = (head / 2 + chance.below(head / 2 + 1)) as u64;
            let at = AsOf {
                effective_at: hour(30 + chance.below(40) as i64),
                known_at: hour(20_000),
                known_position: Some(known),
            };
            let window = match round {
                0 => Window::default(),
                1 => Window { from: Some(hour(chance.below(20) as i64)), to: None },
                // Customers are what they were at the instant asked about, which is later than the window.
                _ => Window { from: Some(hour(5)), to: Some(hour(15 + chance.below(15) as i64)) },
            };
            let whole =
                CohortFilter { tag: (round == 2).then(|| AnyOf::from("a")), ..CohortFilter::default() };
            let alone = GroupKey::all().map(|key| vec![key]);
            let pairs = [vec![GroupKey::Owner, GroupKey::Tier], vec![GroupKey::Source, GroupKey::Month]];
            for keys in alone.chain(pairs) {
                let case = format!("seed {seed} round {round} by {keys:?}");
                let query = GroupsQuery {
                    at,
                    filter: whole.clone(),
                    window,
                    keys,
                    teams: BTreeMap::from([("li".to_owned(), TEAM.to_owned())]),
                    declared: Fields::new(),
                };
                let mut snapshot = projections.reports(TENANT).await.unwrap();
                let groups = snapshot.groups(&definition(), &query).await.unwrap();
                drop(snapshot);
                insist_on_one_group_each(&groups, &case);
                for group in &groups {
                    let Some(filter) = filter_of(group, &whole) else { continue };
                    let ours = reports(&projections, at, &group.filter, group.window).await;
                    let filtered = reports(&projections, at, &filter, group.window).await;
                    for (name, report) in &ours {
                        assert_eq!(report, &filtered[name], "{name}, {case}, {:?}", group.key);
                    }
                    for key in group.key.keys() {
                        *compared.entry(key.clone()).or_default() += 1;
                    }
                }
            }
        }
    }
    // Every key that there is a filter for was met, some of them often.
    for key in ["owner", "team", "source", "tier", "region", "version", "sub_status", "month", "quarter"] {
        assert!(compared.get(key).is_some_and(|times| *times >= 2), "{key}: {compared:?}");
    }
}
