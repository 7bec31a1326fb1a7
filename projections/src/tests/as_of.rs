//! Customers as they stood at any instant, as known at any position, equal the domain's own fold of the log.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::event::{CustomerEvent, MergedInto, Recorded, StagePolicy, Unmerged};
use waymark_domain::customer::{Customer, Journeys};
use waymark_domain::people::Visibility;
use waymark_domain::search::SearchTerms;
use waymark_domain::{Owner, ProfileField};

use super::world::{Chance, History, STAGES, TENANT, World, events, hour, retime};
use crate::board::{CustomerFilter, CustomerReport};
use crate::log::history::journeys;
use crate::{AsOf, Projections};

/// Which of the customers a filter keeps, told by their records.
type Keeps = fn(&CustomerReport) -> bool;

fn at(effective_at: DateTime<Utc>, known: u64) -> AsOf {
    AsOf { effective_at, known_at: hour(20_000), known_position: Some(known) }
}

async fn then(projections: &Projections, id: Uuid, at: &AsOf) -> Option<CustomerReport> {
    let (everything, names, rules) =
        (Visibility::Everything, |_: &str, _: &str| None, |_: &Owner, _: &str| None);
    let found = projections
        .board(TENANT)
        .await
        .unwrap()
        .customer_as_of(id, &everything, at, &names, &rules)
        .await
        .unwrap()
        .0;
    found.map(|former| former.then)
}

/// The customer as the domain has it; none where it was not there yet.
fn truth(events: &[Recorded<CustomerEvent>], at: DateTime<Utc>) -> Option<(Customer, Journeys)> {
    let first = events.first()?;
    let set_later = |event: &Recorded<CustomerEvent>| {
        matches!(event.event, CustomerEvent::SubStatusSet(_)) && event.effective_at > at
    };
    let timelines = journeys(events.iter().filter(|event| !set_later(event)));
    if timelines.began_at().unwrap_or(first.effective_at) > at {
        return None;
    }
    let happened = |event: &&Recorded<CustomerEvent>| event.id == first.id || event.effective_at <= at;
    Some((Customer::fold(events.iter().filter(happened))?, timelines))
}

fn owner_of(report: &CustomerReport) -> Owner {
    let id = report.owner.id.clone();
    if report.owner.kind == "rep" { Owner::Rep(id) } else { Owner::Pool(id) }
}

fn assert_same(
    report: &CustomerReport,
    (customer, timelines): &(Customer, Journeys),
    erased: bool,
    at: DateTime<Utc>,
    what: &str,
) {
    assert_eq!(owner_of(report), customer.owner, "{what}");
    assert_eq!((report.version, report.erased), (customer.version, erased), "{what}");
    assert_eq!(report.merged_into, customer.merged_into, "{what}");
    assert_eq!((&report.tier, report.texts.region()), (&customer.tier, customer.region.as_deref()), "{what}");
    assert_eq!((&report.source, &report.channel), (&customer.source, &customer.channel), "{what}");
    let external_id = customer.external_id.as_ref().filter(|_| !erased);
    assert_eq!((&report.tags, report.external_id.as_ref()), (&customer.tags, external_id), "{what}");
    assert_eq!(report.name.is_some(), customer.has_name && !erased, "{what}");
    assert_eq!(report.postponed_until, customer.postponed_until, "{what}");
    let planned = report.next_action.as_ref().map(|next| next.at);
    assert_eq!(planned, customer.next_plan.as_ref().map(|plan| plan.at), "{what}");
    let distinct: Vec<Uuid> = customer.distinct_from.keys().copied().collect();
    assert_eq!(report.distinct_from, distinct, "{what}");
    let ours = report.journeys.iter().map(|one| {
        let place = (one.pipeline.as_str(), one.stage.as_str(), one.cycle, one.sub_status.as_deref());
        (place, one.entered_at, one.pipeline_version)
    });
    let theirs = timelines.keys().filter_map(|key| {
        let stay = timelines.stay_at(key, at)?;
        let place = (key, stay.stage.as_str(), stay.cycle, stay.sub_status.as_deref());
        Some((place, stay.entered_at, stay.pipeline_version))
    });
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (ours.collect(), theirs.collect());
    assert_eq!(ours, theirs, "{what}");
    let primary = report.journeys.iter().filter(|one| one.primary).count();
    assert_eq!(primary, usize::from(!report.journeys.is_empty()), "{what}");
}

#[tokio::test]
async fn a_customer_at_any_instant_known_at_any_position_is_the_domains_own_fold() {
    for seed in 40..46 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        for _ in 0..120 {
            history.go_on(&world, &mut chance).await;
        }
        let projections = world.projections("p").await;
        projections.steps("board", 25).await;
        let (head, mut there) = (world.head().await, 0);
        for &customer in history.customers() {
            let all = events(&world, customer, head).await;
            let erased = all.iter().any(|event| matches!(event.event, CustomerEvent::Erased(_)));
            for known in (1..=head).step_by(17).chain([head]) {
                let events = events(&world, customer, known).await;
                for instant in [0, 7, 20, 33, 45, 59, 1_000] {
                    let (instant, what) =
                        (hour(instant), format!("seed {seed}, {customer}, {known}, {instant}"));
                    let found = then(&projections, customer, &at(instant, known)).await;
                    let Some(truth) = truth(&events, instant) else {
                        assert_eq!(found, None, "{what}");
                        continue;
                    };
                    let found = found.unwrap_or_else(|| panic!("{what}: not there"));
                    assert_same(&found, &truth, erased, instant, &what);
                    assert_eq!(found.effective_at, Some(instant));
                    there += 1;
                }
            }
        }
        assert!(there > 100, "seed {seed}: {there} were there");
    }
}

#[tokio::test]
async fn a_list_of_then_has_whom_its_filter_means_then_page_by_page() {
    let (world, mut chance, mut history) = (World::new(), Chance::new(77), History::default());
    for _ in 0..250 {
        history.go_on(&world, &mut chance).await;
    }
    let projections = world.projections("p").await;
    projections.steps("board", 25).await;
    let head = world.head().await;
    let text = |text: &str| Some(text.into());
    let all = CustomerFilter::default();
    let mut in_the_south = all.clone();
    *in_the_south.texts.get_mut(ProfileField::Region) = text("south");
    let filters: [(CustomerFilter, Keeps); 7] = [
        (all.clone(), |_| true),
        (CustomerFilter { owner: Some(Owner::Rep("li".to_owned())), ..all.clone() }, |one| {
            one.owner.id == "li"
        }),
        (CustomerFilter { stage: text("quoted"), ..all.clone() }, |one| {
            one.journeys.iter().any(|journey| journey.stage == STAGES[1])
        }),
        (CustomerFilter { tag: text("a"), ..all.clone() }, |one| one.tags.iter().any(|tag| tag == "a")),
        (in_the_south, |one| one.texts.region() == Some("south")),
        (CustomerFilter { q: Some(SearchTerms::read("rEnAmEd")), ..all.clone() }, |one| {
            one.name.as_ref().is_some_and(|name| name.starts_with("Renamed"))
        }),
        (CustomerFilter { reps: Some(BTreeSet::new()), ..all.clone() }, |_| false),
    ];
    for (instant, known) in [(20, head / 3), (45, head / 2), (33, head), (1_000, head)] {
        let at = at(hour(instant), known);
        let mut everybody = Vec::new();
        for &customer in history.customers() {
            let known = events(&world, customer, known).await;
            let erased = known.iter().find(|event| matches!(event.event, CustomerEvent::Erased(_)));
            if erased.is_none_or(|erased| erased.effective_at > at.effective_at) {
                everybody.extend(then(&projections, customer, &at).await);
            }
        }
        for (n, (filter, means)) in filters.iter().enumerate() {
            let (mut listed, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let page = (cursor.as_deref(), 2);
                let found = projections
                    .board(TENANT)
                    .await
                    .unwrap()
                    .customers_as_of(filter, page, &at, &|_, _| None, None)
                    .await
                    .unwrap();
                listed.extend(found.0.into_iter().map(|former| former.then.id));
                cursor = found.1;
                if cursor.is_none() {
                    break;
                }
            }
            let meant: Vec<Uuid> = everybody.iter().filter(|one| means(one)).map(|one| one.id).collect();
            assert_eq!(listed, meant, "filter {n} at {instant}, known {known}");
        }
    }
}

#[tokio::test]
async fn of_all_that_is_known_now_an_instant_to_come_shows_what_is_shown_now() {
    let (world, mut chance, mut history) = (World::new(), Chance::new(5), History::default());
    for _ in 0..150 {
        history.go_on(&world, &mut chance).await;
    }
    let projections = world.projections("p").await;
    projections.steps("board", 25).await;
    projections.steps("work", 25).await;
    let (now, head) = (hour(1_000), world.head().await);
    for &customer in history.customers() {
        let shown = projections
            .board(TENANT)
            .await
            .unwrap()
            .customer(customer, &Visibility::Everything, now, &|_, _| None)
            .await
            .unwrap()
            .0;
        let mut past = then(&projections, customer, &at(now, head)).await.unwrap();
        (past.effective_at, past.known_at) = (None, None);
        assert_eq!(Some(past), shown.map(|one| CustomerReport { remaining_ownership_seconds: None, ..one }));
    }
}

#[tokio::test]
async fn before_a_merge_both_are_shown_and_after_it_the_survivor() {
    let world = World::new();
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    world.register(one, hour(1)).await;
    let (_, registered) = world.register(other, hour(1)).await;
    let merge = MergedInto { survivor: one, stage_policy: StagePolicy::Survivor };
    let (_, merged) = world.append(other, hour(10), CustomerEvent::MergedInto(merge)).await;
    let undo =
        Unmerged { survivor: one, absorbed: other, reason: "two branches".to_owned().into(), points_kept: 0 };
    let (_, undone) = world.append(other, hour(20), CustomerEvent::Unmerged(undo)).await;
    let projections = world.projections("p").await;
    projections.steps("board", 5).await;
    let listed = async |instant, known| {
        let (filter, at) = (CustomerFilter::default(), at(hour(instant), known));
        let page = projections
            .board(TENANT)
            .await
            .unwrap()
            .customers_as_of(&filter, (None, 10), &at, &|_, _| None, None)
            .await
            .unwrap();
        page.0.into_iter().map(|former| former.then.id).collect::<Vec<_>>()
    };
    for (instant, known, expected) in [
        (9, undone, &[one, other][..]),
        (10, merged, &[one]),
        (15, registered, &[one, other]),
        (15, undone, &[one]),
        (20, undone, &[one, other]),
    ] {
        assert_eq!(listed(instant, known).await, expected, "at {instant}, known {known}");
    }
    let gone_on = then(&projections, other, &at(hour(15), undone)).await.unwrap().merged_into;
    assert_eq!(gone_on, Some(one));
    assert_eq!(then(&projections, other, &at(hour(9), undone)).await.unwrap().merged_into, None);
}

#[tokio::test]
async fn a_corrected_entry_moves_the_beginning() {
    let world = World::new();
    let customer = Uuid::from_u128(1);
    let (entry, registered) = world.register(customer, hour(10)).await;
    let (_, corrected) = world.append(customer, hour(30), retime(entry, hour(20))).await;
    let projections = world.projections("p").await;
    projections.steps("board", 5).await;
    let there =
        async |instant, known| then(&projections, customer, &at(hour(instant), known)).await.is_some();
    assert!(!there(9, registered).await && there(10, registered).await);
    assert!(!there(19, corrected).await && there(20, corrected).await);
    assert!(!there(500, registered - 1).await, "nobody knew of it");
}
