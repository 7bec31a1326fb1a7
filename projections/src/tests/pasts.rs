//! What a customer was like at any instant, as known at any position, is what the events known by then say once they are sorted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::event::{
    AutomationRan, CustomerEvent, DetailsChanged, OwnerChanged, Profile, Recorded, Reminded,
};
use waymark_domain::people::Visibility;
use waymark_domain::{Label, Owner, Personal, ProfileField, ProfileTexts};

use super::kept_journeys::merge_or_part;
use super::world::{Chance, History, PIPELINE, TENANT, World, claimed, events, hour};
use crate::Projections;
use crate::board::CustomerReport;
use crate::log::history::journeys;
use crate::models::board::versions::{self, CustomerVersion};
use crate::query::AsOf;

/// What is compared of a customer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Like {
    owner: Option<Owner>,
    tier: Option<String>,
    source: Option<String>,
    region: Option<String>,
    tags: Vec<String>,
    postponed_until: Option<String>,
    merged: bool,
    sub_statuses: BTreeMap<String, String>,
}

impl From<&CustomerVersion> for Like {
    fn from(version: &CustomerVersion) -> Self {
        let version = version.clone();
        Self {
            owner: Some(version.owner),
            tier: version.tier,
            source: version.source,
            region: version.texts.region().map(str::to_owned),
            tags: version.tags,
            postponed_until: version.postponed_until.map(|day| day.to_string()),
            merged: version.merged,
            sub_statuses: version.sub_statuses,
        }
    }
}

impl From<&CustomerReport> for Like {
    fn from(report: &CustomerReport) -> Self {
        let id = report.owner.id.clone();
        let owner = if report.owner.kind == "rep" { Owner::Rep(id) } else { Owner::Pool(id) };
        let finer =
            report.journeys.iter().filter_map(|one| Some((one.pipeline.clone(), one.sub_status.clone()?)));
        Self {
            owner: Some(owner),
            tier: report.tier.clone(),
            source: report.source.clone(),
            region: report.texts.region().map(str::to_owned),
            tags: report.tags.clone(),
            postponed_until: report.postponed_until.map(|day| day.to_string()),
            merged: report.merged_into.is_some(),
            sub_statuses: finer.collect(),
        }
    }
}

/// The oracle: those of the events that had happened, sorted by when they did; owner and merge by when they were recorded.
fn truth(known: &[Recorded<CustomerEvent>], at: DateTime<Utc>) -> Like {
    let (first, rest) = known.split_first().unwrap();
    let CustomerEvent::Registered(registered) = &first.event else { panic!("no registration") };
    let mut like = Like {
        owner: Some(registered.owner.clone()),
        tier: registered.tier.clone(),
        source: registered.source.clone(),
        tags: registered.tags.clone(),
        ..Like::default()
    };
    let happened = || rest.iter().filter(|event| event.effective_at <= at);
    for event in happened() {
        match &event.event {
            CustomerEvent::Claimed(e) => like.owner = Some(Owner::Rep(e.rep.clone())),
            CustomerEvent::Released(e) => like.owner = Some(Owner::Pool(e.pool.clone())),
            CustomerEvent::OwnerChanged(e) => like.owner = Some(e.to.clone()),
            CustomerEvent::MergedInto(_) => like.merged = true,
            CustomerEvent::Unmerged(e) if e.absorbed == registered.customer => like.merged = false,
            _ => {}
        }
    }
    let mut sorted: Vec<_> = happened().collect();
    sorted.sort_by_key(|event| event.effective_at);
    for event in sorted {
        let details = match &event.event {
            CustomerEvent::DetailsChanged(e) => e,
            CustomerEvent::Absorbed(e) => match &e.details {
                Some(details) => details,
                None => continue,
            },
            _ => continue,
        };
        let set = |held: &mut Option<String>, said: Option<String>, cleared: bool| {
            if said.is_some() || cleared {
                *held = said;
            }
        };
        set(&mut like.tier, details.tier.clone(), details.clears("tier"));
        set(&mut like.source, details.source.clone(), details.clears("source"));
        like.tags = details.tags.clone().unwrap_or(like.tags);
        if let Some(profile) = &details.profile {
            let clears = |name: &str| profile.cleared.iter().any(|cleared| cleared == name);
            set(&mut like.region, profile.texts.region().map(str::to_owned), clears("region"));
            let day = profile.postponed_until.map(|day| day.to_string());
            set(&mut like.postponed_until, day, clears("postponed_until"));
        }
    }
    let set_later = |event: &&Recorded<CustomerEvent>| {
        matches!(event.event, CustomerEvent::SubStatusSet(_)) && event.effective_at > at
    };
    let timelines = journeys(known.iter().filter(|event| !set_later(event)));
    let finer = |key: &str| Some((key.to_owned(), timelines.stay_at(key, at)?.sub_status.clone()?));
    like.sub_statuses = timelines.keys().filter_map(finer).collect();
    like
}

fn at(effective_at: DateTime<Utc>, known: u64) -> AsOf {
    AsOf { effective_at, known_at: hour(20_000), known_position: Some(known) }
}

async fn version(projections: &Projections, customer: Uuid, at: &AsOf) -> Option<Like> {
    let mut board = projections.board(TENANT).await.unwrap();
    let known = board.0.known(at);
    let all = versions::load(&mut board.0, known).await.unwrap();
    let past = all.get(&customer)?;
    versions::at(past, at.micros()).or(past.first()).map(Like::from)
}

async fn customer(projections: &Projections, customer: Uuid, at: Option<&AsOf>) -> Option<Like> {
    let mut board = projections.board(TENANT).await.unwrap();
    let (everything, names) = (Visibility::Everything, |_: &str, _: &str| None);
    let Some(at) = at else {
        let found = board.customer(customer, &everything, hour(1_000), &names).await.unwrap().0;
        return found.as_ref().map(Like::from);
    };
    let rules = |_: &Owner, _: &str| None;
    let found = board.customer_as_of(customer, &everything, at, &names, &rules).await.unwrap().0;
    found.map(|found| Like::from(&found.then))
}

async fn compare(projections: &Projections, world: &World, customers: &[Uuid], seed: u64) {
    let head = world.head().await;
    for &id in customers {
        for known in (1..=head).step_by(13).chain([head]) {
            let events = events(world, id, known).await;
            let Some(first) = events.first() else { continue };
            let began = journeys(&events).began_at().unwrap_or(first.effective_at);
            for instant in [0, 3, 7, 20, 33, 45, 59, 1_000] {
                let what = format!("seed {seed}, {id}, known {known}, at {instant}");
                let (instant, truth) = (hour(instant), truth(&events, hour(instant)));
                let at = at(instant, known);
                if instant < began {
                    continue;
                }
                assert_eq!(version(projections, id, &at).await.as_ref(), Some(&truth), "{what}: board");
                assert_eq!(customer(projections, id, Some(&at)).await.as_ref(), Some(&truth), "{what}: then");
            }
        }
        let now = truth(&events(world, id, head).await, hour(1_000));
        assert_eq!(customer(projections, id, None).await, Some(now), "seed {seed}, {id}: now");
    }
}

#[tokio::test]
async fn what_a_customer_was_like_is_what_the_events_known_say_in_the_order_in_which_they_happened() {
    for seed in 300..304 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        for _ in 0..140 {
            history.go_on(&world, &mut chance).await;
            if history.customers().len() > 2 && chance.below(10) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
        }
        let projections = world.projections("p").await;
        projections.steps("board", [1, 7, 1_000][seed as usize % 3]).await;
        projections.steps("work", 1_000).await;
        compare(&projections, &world, history.customers(), seed).await;
    }
}

fn set_tier(tier: &str) -> CustomerEvent {
    CustomerEvent::DetailsChanged(DetailsChanged { tier: Some(tier.to_owned()), ..DetailsChanged::default() })
}

/// What is recorded late holds from its instant on, whatever was recorded in between, and takes nothing away of what was.
#[tokio::test]
async fn a_change_recorded_late_holds_from_its_instant_until_the_next_one_of_the_same() {
    let (world, id, cause) = (World::new(), Uuid::from_u128(1), Uuid::from_u128(9));
    world.register(id, hour(0)).await;
    let reminded = Reminded {
        text: Label::new("请联系", "Call"),
        role: "rep".to_owned(),
        channels: Vec::new(),
        rule: "silent".to_owned(),
        cause,
    };
    let ran = AutomationRan {
        rule: "silent".to_owned(),
        journey: PIPELINE.to_owned(),
        pipeline_version: 1,
        cause,
        due_at: hour(9),
        chain: Vec::new(),
    };
    world.append(id, hour(9), CustomerEvent::AutomationRan(ran)).await;
    world.append(id, hour(9), CustomerEvent::Reminded(reminded)).await;
    world.append(id, hour(6), claimed()).await;
    let region =
        Profile { texts: ProfileTexts::default().with(ProfileField::Region, "south"), ..Profile::default() };
    let region = DetailsChanged { profile: Some(region), ..DetailsChanged::default() };
    world.append(id, hour(10), CustomerEvent::DetailsChanged(region)).await;
    world.append(id, hour(20), set_tier("silver")).await;
    world.append(id, hour(5), set_tier("gold")).await;
    let reclaimed = OwnerChanged {
        from: Owner::Rep("li".to_owned()),
        to: Owner::Pool("customer_pool".to_owned()),
        reason: Personal::Clear("no follow-up".to_owned()),
        occasion: None,
        grace_until: None,
        text: None,
    };
    let (_, head) = world.append(id, hour(8), CustomerEvent::OwnerChanged(reclaimed)).await;
    let projections = world.projections("p").await;
    projections.steps("board", 3).await;
    projections.steps("work", 3).await;
    for (instant, tier, owner, region) in [
        (4, None, "customer_pool", None),
        (5, Some("gold"), "customer_pool", None),
        (6, Some("gold"), "li", None),
        (8, Some("gold"), "customer_pool", None),
        (10, Some("gold"), "customer_pool", Some("south")),
        (19, Some("gold"), "customer_pool", Some("south")),
        (20, Some("silver"), "customer_pool", Some("south")),
    ] {
        let like = version(&projections, id, &at(hour(instant), head)).await.unwrap();
        let owner = if owner == "li" { Owner::Rep(owner.to_owned()) } else { Owner::Pool(owner.to_owned()) };
        assert_eq!((like.tier.as_deref(), like.owner), (tier, Some(owner)), "at {instant}");
        assert_eq!(like.region.as_deref(), region, "at {instant}");
    }
    let before = version(&projections, id, &at(hour(19), head - 2)).await.unwrap();
    assert_eq!(before.tier, None, "what was not known then");
    compare(&projections, &world, &[id], 0).await;
}
