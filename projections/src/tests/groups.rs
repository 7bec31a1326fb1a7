//! A group of a report is the report of what the group is: whatever the history, each report by each key equals the report that
//! is filtered by the key's value, or that of the part of the window; and what is counted adds up to the whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waymark_domain::field::Fields;
use waymark_domain::{Owner, ProfileField, Zones};

use waymark_domain::customer::event::{CustomerEvent, SubStatusSet, TransactionKind};

use super::changes::{at as moment, changes, definition, query as changes_query, told};
use super::world::{Chance, MODELS, PIPELINE, TENANT, World, hour, registered};
use crate::dwell::{Clock, DwellQuery, Ending, HeatmapQuery, PathsQuery, Unit, Window};
use crate::query::AnyOf;
use crate::reports::bottlenecks::BottlenecksQuery;
use crate::reports::changes::{ChangesQuery, WaterfallReport};
use crate::reports::channels::{ChannelAttribution, ChannelsQuery};
use crate::reports::effect::EffectQuery;
use crate::reports::forecast::{ClosePeriod, ForecastQuery};
use crate::reports::funnels::{Counting, FunnelQuery};
use crate::reports::groups::{Counted, Group, GroupKey, GroupsQuery};
use crate::reports::latency::LatencyQuery;
use crate::reports::losses::LossesQuery;
use crate::reports::loyalty::LoyaltyQuery;
use crate::reports::neglect::NeglectQuery;
use crate::reports::page::Pages;
use crate::reports::quality::QualityQuery;
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
    let (offset, limit, filter) = (0, 500, filter.clone());
    let paths = PathsQuery {
        at,
        window,
        filter: filter.clone(),
        ending: Ending::Any,
        offset,
        limit,
        standard: None,
        spans: false,
    };
    let paths = served(stays.paths(pipeline, versions, &paths).await.unwrap());
    let (zone, zones) = (chrono_tz::Tz::UTC, Zones::compiled());
    let heatmap = HeatmapQuery { at, window, filter: filter.clone(), zone, zones };
    let heatmap = served(stays.heatmap(std::slice::from_ref(&pipeline.key), &heatmap).await.unwrap());
    drop(stays);
    let pages = Pages { limit, ..Pages::default() };
    let bottlenecks = BottlenecksQuery { at, window, filter: filter.clone(), convert: None };
    let attribution = ChannelAttribution::Linear;
    let channels = ChannelsQuery { at, window, filter: filter.clone(), attribution };
    let (horizons, close_by) = (vec![1], ClosePeriod::default());
    let forecast = ForecastQuery { at, filter: filter.clone(), horizons, convert: None, close_by };
    let (kind, min_count) = (TransactionKind::Order, 1);
    let loyalty = LoyaltyQuery { at, window, filter: filter.clone(), kind, min_count, pages: pages.clone() };
    let (silence_seconds, horizon_seconds) = (36_000, 36_000);
    let quality =
        QualityQuery { at, window, filter: filter.clone(), pages, silence_seconds, horizon_seconds };
    let effect = EffectQuery { at, window, filter: filter.clone() };
    let neglect = NeglectQuery { at, filter };
    let all = std::slice::from_ref(&definition);
    let mut reports = projections.reports(TENANT).await.unwrap();
    BTreeMap::from([
        ("dwell", dwell),
        ("flows", flows),
        ("heatmap", heatmap),
        ("paths", paths),
        ("bottlenecks", served(reports.bottlenecks(&definition, &bottlenecks).await.unwrap())),
        ("channels", served(reports.channels(all, &channels).await.unwrap())),
        ("effect", served(reports.effect(all, &effect).await.unwrap())),
        ("forecasts", served(reports.forecast(&definition, &forecast).await.unwrap())),
        ("loyalty", served(reports.loyalty(&definition, &loyalty).await.unwrap())),
        ("neglect", served(reports.neglect(all, &neglect).await.unwrap())),
        ("quality", served(reports.quality(&definition, &[], &quality).await.unwrap())),
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

/// By what a report that counts customers is divided.
fn query(at: AsOf, filter: &CohortFilter, window: Window, keys: Vec<GroupKey>) -> GroupsQuery {
    GroupsQuery {
        at,
        earlier: Vec::new(),
        counted: Counted::Customers,
        filter: filter.clone(),
        window,
        keys,
        teams: BTreeMap::from([("li".to_owned(), TEAM.to_owned())]),
        declared: Fields::new(),
    }
}

async fn groups(projections: &Projections, query: &GroupsQuery) -> Vec<Group> {
    projections.reports(TENANT).await.unwrap().groups(&definition(), query).await.unwrap()
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
                let groups = groups(&projections, &query(at, &whole, window, keys)).await;
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

/// What a report counts, each number under a name of what it counts: of the lists, of each item by what it is of.
const COUNTED: &[(&str, &str, &[&str], &[&str])] = &[
    ("bottlenecks", "/items", &["stage"], &["open", "stays", "completed"]),
    ("channels", "/items", &["source", "channel"], &["leads", "won"]),
    ("dwell", "/stages", &["stage"], &["visits", "completed", "open", "final", "repeats", "customers"]),
    ("effect", "/rows", &["actor", "stage"], &["follow_ups", "followed"]),
    ("flows", "", &[], &["journeys", "events", "handovers"]),
    ("forecasts", "/horizons/0/by_stage", &["stage"], &["open"]),
    ("funnels", "/totals", &[], &["count", "won", "lost", "open"]),
    ("latency", "/changes", &[], &["count", "late"]),
    ("latency", "/corrections", &[], &["count"]),
    ("losses", "", &[], &["ended", "lost"]),
    ("losses", "/by_reason", &["value"], &["count"]),
    ("losses", "/by_stage", &["value"], &["count", "ended"]),
    ("losses", "/by_rep", &["value"], &["count", "ended"]),
    ("losses", "/by_source", &["value"], &["count", "ended"]),
    ("losses", "/by_month", &["value"], &["count", "ended"]),
    ("neglect", "/rows", &["owner", "stage"], &["count"]),
    ("paths", "", &[], &["journeys"]),
    ("paths", "/paths", &["stages"], &["count"]),
    ("quality", "/changes", &[], &["manual", "automatic", "imported"]),
    ("quality", "/leak", &[], &["open", "leaking", "stagnant"]),
    ("quality", "/usage/stages", &["stage"], &["entries", "customers"]),
    ("ways", "", &[], &["events", "handovers"]),
    ("ways", "/transitions", &["from", "to"], &["count"]),
    ("ways", "/start", &["stage"], &["count"]),
    ("ways", "/end", &["stage"], &["count"]),
    ("ways", "/repeats", &["stage"], &["count"]),
    ("ways", "/actors", &["actor"], &["events", "stays_begun"]),
    ("ways", "/changes_per_day", &["date"], &["count"]),
];

/// Adds what a report counts to what was counted of others. Cycles that ended are counted by value only where one was lost.
fn count(sums: &mut BTreeMap<String, f64>, name: &str, report: &Value) {
    for (_, place, keys, fields) in COUNTED.iter().filter(|(of, ..)| *of == name) {
        let found = report.pointer(place).unwrap_or(&Value::Null);
        let items = found.as_array().map_or(std::slice::from_ref(found), Vec::as_slice);
        for (item, field) in items.iter().flat_map(|item| fields.iter().map(move |field| (item, field))) {
            let of: Vec<String> = keys.iter().map(|key| item[key].to_string()).collect();
            let number = item[field].as_f64().unwrap_or_default();
            *sums.entry(format!("{name}{place} {of:?} {field}")).or_default() += number;
        }
    }
    let hours = report["weekdays"].as_array().into_iter().flatten().enumerate();
    for (day, hours) in hours.filter(|_| name == "heatmap") {
        for (hour, number) in hours.as_array().into_iter().flatten().enumerate() {
            *sums.entry(format!("{name} {day} {hour}")).or_default() += number.as_f64().unwrap_or_default();
        }
    }
}

/// Insists that what is counted of the groups is what is counted of the whole. What the whole has nothing of, no group has, and the
/// cycles of a value that ended are told where any of them was lost.
fn insist_on_the_sum(whole: &BTreeMap<String, f64>, parts: &BTreeMap<String, f64>, case: &str) {
    for (name, number) in whole {
        let part = parts.get(name).copied().unwrap_or_default();
        if name.starts_with("losses/by_") && name.ends_with("ended") {
            assert!(part <= *number + 1e-9, "{case}: {name} is {number}, its groups {part}");
            continue;
        }
        assert!((part - number).abs() < 1e-6, "{case}: {name} is {number}, its groups {part}");
    }
    assert!(parts.iter().all(|(name, part)| whole.contains_key(name) || *part == 0.0), "{case}");
}

#[tokio::test]
async fn what_is_counted_of_all_groups_is_what_is_counted_of_the_whole() {
    for seed in 80..82 {
        let (world, projections) = told(seed).await;
        let (head, mut chance) = (world.head().await as usize, Chance::new(seed));
        for round in 0..2 {
            let known = (head / 2 + chance.below(head / 2 + 1)) as u64;
            let at = moment((30 + chance.below(40) as i64, known));
            let window = match round {
                0 => Window::default(),
                _ => Window { from: Some(hour(chance.below(20) as i64)), to: Some(hour(25)) },
            };
            let filter = CohortFilter::default();
            let mut whole = BTreeMap::new();
            for (name, report) in reports(&projections, at, &filter, window).await {
                count(&mut whole, name, &report);
            }
            for keys in
                [vec![GroupKey::Owner], vec![GroupKey::Tier, GroupKey::SubStatus], vec![GroupKey::LostReason]]
            {
                let case = format!("seed {seed} round {round} by {keys:?}");
                let mut parts = BTreeMap::new();
                for group in groups(&projections, &query(at, &filter, window, keys)).await {
                    for (name, report) in reports(&projections, at, &group.filter, group.window).await {
                        count(&mut parts, name, &report);
                    }
                }
                insist_on_the_sum(&whole, &parts, &case);
            }
        }
    }
}

/// The dwell times, and the stays themselves.
async fn dwell(projections: &Projections, at: AsOf, filter: &CohortFilter, window: Window) -> Value {
    let query = DwellQuery {
        at,
        window,
        filter: filter.clone(),
        unit: Unit::Stay,
        clock: Clock::Calendar,
        calendar: None,
        zones: Zones::compiled(),
        horizon_seconds: 36_000,
        curve: false,
        subjects: true,
    };
    let definition = definition();
    let (pipeline, versions) = (&*definition.pipeline, &*definition.versions);
    served(projections.dwell(TENANT).await.unwrap().dwell_times(pipeline, versions, &query).await.unwrap())
}

/// Where deals stick.
async fn bottlenecks(projections: &Projections, at: AsOf, filter: &CohortFilter, window: Window) -> Value {
    let query = BottlenecksQuery { at, window, filter: filter.clone(), convert: None };
    served(projections.reports(TENANT).await.unwrap().bottlenecks(&definition(), &query).await.unwrap())
}

/// The flows.
async fn flows(projections: &Projections, at: AsOf, filter: &CohortFilter, window: Window) -> Value {
    let definition = definition();
    let (pipeline, versions) = (&*definition.pipeline, &*definition.versions);
    served(
        projections
            .dwell(TENANT)
            .await
            .unwrap()
            .flows(pipeline, versions, &at, &window, filter)
            .await
            .unwrap(),
    )
}

/// A stay as it was recorded: the stage, when it began and ended, and its sub-statuses with their instants.
type Recorded = (&'static str, i64, Option<i64>, Vec<(i64, &'static str)>);

/// A customer that goes from stage to stage for sixty hours, with a sub-status now and then.
async fn walked(world: &World, chance: &mut Chance, customer: Uuid) -> Vec<Recorded> {
    let mut now = chance.below(20) as i64;
    let mut stays: Vec<Recorded> = vec![("new", now, None, Vec::new())];
    world.append(customer, hour(now), registered(customer, "new")).await;
    while now < 52 {
        now += 1 + chance.below(8) as i64;
        let Some((stage, _, left, held)) = stays.last_mut() else { continue };
        if chance.below(3) > 0 {
            let sub_status = ["asked", "sent", "compares"][chance.below(3)];
            let set = SubStatusSet {
                journey: PIPELINE.to_owned(),
                pipeline_version: 1,
                stage: (*stage).to_owned(),
                sub_status: sub_status.to_owned(),
                ..SubStatusSet::default()
            };
            world.append(customer, hour(now), CustomerEvent::SubStatusSet(set)).await;
            held.push((now, sub_status));
        } else {
            let to = if *stage == "quoted" { "new" } else { "quoted" };
            *left = Some(now);
            world.move_to(customer, hour(now), to).await;
            stays.push((to, now, None, Vec::new()));
        }
    }
    stays
}

#[tokio::test]
async fn each_stay_is_counted_with_the_sub_status_that_it_had_itself() {
    let mut moved_on = 0;
    for seed in 90..93 {
        let (world, mut chance) = (World::new(), Chance::new(seed));
        let mut stays = Vec::new();
        for customer in 1..=9 {
            stays.extend(walked(&world, &mut chance, Uuid::from_u128(customer)).await);
        }
        let projections = world.projections("p").await;
        for name in MODELS {
            projections.steps(name, 25).await;
        }
        let at = moment((60, world.head().await));
        for end in [None, Some(30)] {
            let window = Window { from: None, to: end.map(hour) };
            let mut expected: BTreeMap<(Option<String>, &str), (u64, u64)> = BTreeMap::new();
            for (stage, entered, left, held) in &stays {
                if end.is_some_and(|end| *entered >= end) {
                    continue;
                }
                let left = left.filter(|left| end.is_none_or(|end| *left < end));
                let seen = left.or(end).unwrap_or(i64::MAX);
                let own = held.iter().rev().find(|(at, _)| *at < seen).map(|(_, own)| (*own).to_owned());
                let (visits, completed) = expected.entry((own, stage)).or_default();
                *visits += 1;
                *completed += u64::from(left.is_some());
            }
            let filter = CohortFilter::default();
            let mut asked = query(at, &filter, window, vec![GroupKey::SubStatus]);
            let now = groups(&projections, &asked).await;
            asked.counted = Counted::Stays;
            let mut found = BTreeMap::new();
            for group in groups(&projections, &asked).await {
                assert_eq!(
                    group.filter.stays.clone().map(|own| own.0),
                    Some(group.key["sub_status"].clone())
                );
                moved_on +=
                    usize::from(now.iter().all(|same| same.key != group.key || same.members < group.members));
                let report = dwell(&projections, at, &group.filter, group.window).await;
                for stage in report["stages"].as_array().into_iter().flatten() {
                    let name = if stage["stage"] == "new" { "new" } else { "quoted" };
                    let number = |field: &str| stage[field].as_u64().unwrap_or_default();
                    if number("visits") > 0 {
                        let own = group.key["sub_status"].clone();
                        found.insert((own, name), (number("visits"), number("completed")));
                    }
                }
            }
            assert_eq!(found, expected, "seed {seed} {window:?}");
            let mut stuck = BTreeMap::new();
            for group in groups(&projections, &asked).await {
                let report = bottlenecks(&projections, at, &group.filter, window).await;
                for item in report["items"].as_array().into_iter().flatten() {
                    let name = if item["stage"] == "new" { "new" } else { "quoted" };
                    let number = |field: &str| item[field].as_u64().unwrap_or_default();
                    if number("stays") > 0 {
                        let own = group.key["sub_status"].clone();
                        stuck.insert((own, name), (number("stays"), number("completed")));
                    }
                }
            }
            assert_eq!(stuck, expected, "seed {seed} {window:?}");
            let counted = |report: &Value, sums: &mut BTreeMap<String, f64>| {
                count(sums, "dwell", report);
                // A customer with several stays is in several groups.
                sums.retain(|name, _| !name.ends_with("customers"));
            };
            let (mut whole, mut parts) = (BTreeMap::new(), BTreeMap::new());
            counted(&dwell(&projections, at, &filter, window).await, &mut whole);
            for group in groups(&projections, &asked).await {
                counted(&dwell(&projections, at, &group.filter, window).await, &mut parts);
            }
            insist_on_the_sum(&whole, &parts, &format!("seed {seed} {window:?}"));

            // The ways out of stays, of the journeys that began in the window, whenever they were gone.
            asked.counted = Counted::StaysOfBegun;
            let (mut whole, mut parts, mut ways) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            let all = flows(&projections, at, &filter, window).await;
            count(&mut whole, "ways", &all);
            for group in groups(&projections, &asked).await {
                let report = flows(&projections, at, &group.filter, window).await;
                count(&mut parts, "ways", &report);
                for way in report["transitions"].as_array().into_iter().flatten() {
                    let name = if way["from"] == "new" { "new" } else { "quoted" };
                    ways.insert(
                        (group.key["sub_status"].clone(), name),
                        way["count"].as_u64().unwrap_or_default(),
                    );
                }
            }
            insist_on_the_sum(&whole, &parts, &format!("ways, seed {seed} {window:?}"));
            assert!(all["events"].as_u64() > all["journeys"].as_u64(), "{all}");
            if end.is_none() {
                let left = expected.iter().filter(|(_, (_, completed))| *completed > 0);
                let left: BTreeMap<_, _> =
                    left.map(|(key, (_, completed))| (key.clone(), *completed)).collect();
                assert_eq!(ways, left, "seed {seed}");
            }
        }
    }
    assert!(moved_on > 0, "some stays had what their customers have no longer");
}

/// The numbers and the sums of money of a waterfall.
fn counted(sums: &mut BTreeMap<String, f64>, report: &WaterfallReport) {
    let report = served(report);
    let mut add = |name: String, of: &Value| {
        *sums.entry(format!("{name} count")).or_default() += of["count"].as_f64().unwrap_or_default();
        for money in of["amounts"].as_array().into_iter().flatten() {
            let amount: f64 = money["amount"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
            *sums.entry(format!("{name} {}", money["currency"])).or_default() += amount;
        }
    };
    for place in ["opening", "restated", "closing"] {
        add(place.to_owned(), &report[place]);
    }
    for part in ["learned", "happened"] {
        for change in report[part].as_array().into_iter().flatten() {
            add(format!("{part} {}", change["kind"]), change);
        }
    }
}

#[tokio::test]
async fn the_changes_of_all_groups_add_up_to_the_changes_whatever_came_and_went() {
    let mut gone = 0;
    for seed in 100..104 {
        let (world, projections) = told(seed).await;
        let (head, mut chance) = (world.head().await as usize, Chance::new(seed));
        for round in 0..3 {
            let mut hours = [0; 2].map(|_| chance.below(70) as i64);
            let mut known = [0; 2].map(|_| (head / 4 + chance.below(head * 3 / 4 + 1)) as u64);
            hours.sort_unstable();
            known.sort_unstable();
            let (from, to) = ((hours[0], known[0]), (hours[1], known[1]));
            let filter =
                CohortFilter { tag: (round == 1).then(|| AnyOf::from("a")), ..CohortFilter::default() };
            let asked = changes_query(from, to, filter.clone());
            let mut whole = BTreeMap::new();
            counted(&mut whole, &changes(&projections, &asked).await);
            for keys in
                [vec![GroupKey::Owner], vec![GroupKey::Tier], vec![GroupKey::SubStatus, GroupKey::Version]]
            {
                let case = format!("seed {seed} round {round} by {keys:?}");
                let mut divided = query(moment(to), &filter, Window::default(), keys);
                let now = groups(&projections, &divided).await;
                divided.earlier = vec![moment((from.0, to.1)), moment(from)];
                let all = groups(&projections, &divided).await;
                let members = |groups: &[Group]| groups.iter().map(|group| group.members).sum::<usize>();
                gone += members(&all) - members(&now);
                insist_on_one_group_each(&all, &case);
                let mut parts = BTreeMap::new();
                for group in &all {
                    let asked = ChangesQuery { filter: group.filter.clone(), ..asked.clone() };
                    counted(&mut parts, &changes(&projections, &asked).await);
                }
                insist_on_the_sum(&whole, &parts, &case);
            }
        }
    }
    assert!(gone > 0, "some counted at the first moment alone");
}
