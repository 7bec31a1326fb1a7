//! Lists of work, page by page: everybody once, whatever comes in meanwhile, alike on both engines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::{
    CustomerEvent, DetailsChanged, FollowedUp, LeadTouched, NextPlan, Registered,
};

use super::world::{TENANT, World, hour, registered};
use crate::Projections;
use crate::work::{ContactFilter, StageAgeFilter, WaitingReport, WorkCursor, WorkPage, WorkScope};

const LIMIT: u32 = 4;

async fn registered_by(world: &World, n: u128, at: DateTime<Utc>, stage: &str) -> Uuid {
    let id = Uuid::from_u128(n);
    let CustomerEvent::Registered(event) = registered(id, stage) else { panic!("a registration") };
    let owner = Owner::Rep(if n.is_multiple_of(3) { "zhao" } else { "li" }.to_owned());
    world.append(id, at, CustomerEvent::Registered(Registered { owner, ..event })).await;
    id
}

async fn spoke(world: &World, id: Uuid, at: DateTime<Utc>, next: DateTime<Utc>) {
    let event = FollowedUp {
        channel: "phone".to_owned(),
        summary: "spoke".to_owned().into(),
        goal_reached: None,
        content: None,
        next_plan: NextPlan { at: next, text: "call again".to_owned().into() },
    };
    world.append(id, at, CustomerEvent::FollowedUp(event)).await;
}

async fn touched(world: &World, id: Uuid, at: DateTime<Utc>) {
    let event =
        LeadTouched { source: None, channel: None, recognised_by: vec!["phone".to_owned()], note: None };
    world.append(id, at, CustomerEvent::LeadTouched(event)).await;
}

fn stage(stage: &str, measure: i64) -> StageAgeFilter {
    StageAgeFilter {
        journey: "sales".into(),
        stage: stage.into(),
        entered_until: hour(100 - measure),
        owned: false,
        tiers: None,
        silent_until: None,
        overdue_until: None,
        now: hour(100),
        whose: WorkScope::default(),
    }
}

/// A page of what is kept, which is the one that the rows give.
pub(super) async fn long_standing(
    projections: &Projections,
    stages: &[StageAgeFilter],
    after: Option<&WorkCursor>,
) -> WorkPage {
    let kept = projections.standings(TENANT).await.unwrap();
    let kept = kept.long_standing(stages, after, LIMIT).await.unwrap();
    let mut rows = projections.work(TENANT).await.unwrap();
    let rows = rows.long_standing(stages, after, LIMIT).await.unwrap();
    assert_eq!((&kept.items, &kept.next, kept.total), (&rows.items, &rows.next, rows.total), "{stages:?}");
    let mut names = BTreeMap::new();
    for one in &kept.items {
        let name = names.entry(one.customer_id).or_insert(&one.customer_name);
        assert_eq!(*name, &one.customer_name, "whichever journey it waits in: {stages:?}");
    }
    kept
}

/// All pages of a list, `between` being done after each; the totals that the pages told as well.
async fn pages(
    projections: &Arc<Projections>,
    stages: &[StageAgeFilter],
    between: impl AsyncFn(usize),
) -> (Vec<WaitingReport>, Vec<u64>) {
    let (mut all, mut totals, mut after) = (Vec::new(), Vec::new(), None::<WorkCursor>);
    loop {
        let page = long_standing(projections, stages, after.as_ref()).await;
        assert!(page.items.len() <= LIMIT as usize);
        all.extend(page.items);
        totals.push(page.total);
        between(totals.len()).await;
        after = page.next;
        if after.is_none() {
            return (all, totals);
        }
    }
}

async fn standing_is_listed_whole(world: &World, projections: &Arc<Projections>, first: u128) {
    for n in 0..30 {
        // Two in each instant, in two stages.
        let at = hour(i64::try_from(n / 2).unwrap());
        registered_by(world, first + n, at, if n.is_multiple_of(4) { "quoted" } else { "new" }).await;
    }
    projections.steps("work", 50).await;
    projections.steps("board", 50).await;
    let stages = [stage("new", 1), stage("quoted", 90)];
    let (found, totals) = pages(projections, &stages, async |page| {
        // Later ones come in at the end, and one that had been shown moves on.
        if page <= 3 {
            registered_by(world, first + 1_000 + page as u128, hour(98), "new").await;
            world.move_to(Uuid::from_u128(first + 1), hour(99), "lost").await;
            projections.steps("work", 50).await;
        }
    })
    .await;
    let ids: Vec<u128> = found.iter().map(|one| one.customer_id.as_u128() - first).collect();
    let expected: Vec<u128> = (0..30).filter(|n| !u128::is_multiple_of(*n, 4) || n / 2 <= 10).collect();
    assert_eq!(ids.iter().copied().filter(|n| *n < 1_000).collect::<Vec<_>>(), expected);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "nobody twice: {ids:?}");
    assert!(found.is_sorted_by_key(|one| (one.entered_at, one.customer_id)));
    assert_eq!(totals[0], expected.len() as u64);
    let zhaos = WorkScope { owner: Some("zhao".to_owned()), ..WorkScope::default() };
    let mine = [StageAgeFilter { whose: zhaos, ..stage("new", 10) }];
    let (mine, totals) = pages(projections, &mine, async |_| {}).await;
    assert!(
        mine.iter().all(|one| one.owner.id == "zhao") && mine.len() as u64 == totals[0] && mine.len() > 4
    );
}

async fn measures_hold(world: &World, projections: &Arc<Projections>, first: u128) {
    let [plain, gold, overdue, planned, silent] = [0, 1, 2, 3, 4].map(|n| first + n);
    for n in [plain, gold, overdue, planned, silent] {
        registered_by(world, n, hour(1), "won").await;
    }
    let tier = DetailsChanged { tier: Some("gold".to_owned()), ..DetailsChanged::default() };
    world.append(Uuid::from_u128(gold), hour(60), CustomerEvent::DetailsChanged(tier)).await;
    spoke(world, Uuid::from_u128(overdue), hour(60), hour(70)).await;
    spoke(world, Uuid::from_u128(planned), hour(2), hour(200)).await;
    spoke(world, Uuid::from_u128(plain), hour(95), hour(96)).await;
    projections.steps("work", 50).await;
    projections.steps("board", 50).await;
    let found = async |filter: StageAgeFilter| {
        let (found, totals) = pages(projections, &[filter], async |_| {}).await;
        assert_eq!(found.len() as u64, totals[0]);
        found.iter().map(|one| one.customer_id.as_u128()).collect::<Vec<_>>()
    };
    let high = Some(vec!["A".to_owned(), "gold".to_owned()]);
    assert_eq!(found(StageAgeFilter { tiers: high, ..stage("won", 50) }).await, [gold]);
    let giving_up = StageAgeFilter { silent_until: Some(hour(50)), ..stage("won", 50) };
    assert_eq!(found(giving_up.clone()).await, [silent], "the planned one waits for its day");
    let supervised = StageAgeFilter { overdue_until: Some(hour(70)), owned: true, ..giving_up };
    assert_eq!(found(supervised).await, [overdue, silent]);
    let soon = WorkScope { not_between: Some((hour(100), hour(300))), ..WorkScope::default() };
    assert_eq!(
        found(StageAgeFilter { whose: soon, ..stage("won", 50) }).await,
        [plain, gold, overdue, silent]
    );
}

async fn contacts_are_listed_whole(world: &World, projections: &Arc<Projections>, first: u128) {
    for n in 0..14 {
        let id = registered_by(world, first + n, hour(1), "lost").await;
        // The even ones are to be contacted; every third came again, and one of these was answered since.
        if n.is_multiple_of(2) {
            spoke(world, id, hour(2), hour(400 + i64::try_from(n / 4).unwrap())).await;
        }
        if n.is_multiple_of(3) {
            touched(world, id, hour(399)).await;
        }
    }
    spoke(world, Uuid::from_u128(first + 3), hour(400), hour(900)).await;
    projections.steps("work", 50).await;
    projections.steps("board", 50).await;
    let read = async |expecting: &ContactFilter| {
        let (mut all, mut after) = (Vec::new(), None::<WorkCursor>);
        loop {
            let page = projections
                .work(TENANT)
                .await
                .unwrap()
                .contacts(expecting, after.as_ref(), LIMIT)
                .await
                .unwrap();
            all.extend(page.items.iter().map(|one| one.customer_id.as_u128().wrapping_sub(first)));
            after = page.next;
            if after.is_none() {
                assert_eq!(page.total, all.len() as u64);
                return all;
            }
        }
    };
    let today =
        ContactFilter { from: Some(hour(400)), until: hour(402), touched: true, whose: WorkScope::default() };
    assert_eq!(read(&today).await, [9, 12, 0, 2, 4, 6], "who is planned today comes at that time, once");
    assert_eq!(read(&ContactFilter { touched: false, ..today.clone() }).await, [0, 2, 4, 6]);
    let ever = ContactFilter { from: None, until: hour(404), touched: false, whose: WorkScope::default() };
    let planned: Vec<u128> = read(&ever).await;
    assert!(planned.ends_with(&[0, 2, 4, 6, 8, 10, 12]), "{planned:?}");
}

async fn lists_of_work_are_whole(world: &World, projections: &Arc<Projections>) {
    standing_is_listed_whole(world, projections, 10_000).await;
    measures_hold(world, projections, 20_000).await;
    contacts_are_listed_whole(world, projections, 30_000).await;
}

#[tokio::test]
async fn every_page_together_is_the_whole_list_whatever_comes_in_meanwhile() {
    let world = World::new();
    let projections =
        Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
    lists_of_work_are_whole(&world, &projections).await;
}

#[tokio::test]
async fn every_page_together_is_the_whole_list_on_postgres_too() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    lists_of_work_are_whole(&world, &projections).await;
}
