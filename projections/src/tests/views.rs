//! What the read models answer.

use std::collections::BTreeSet;

use uuid::Uuid;
use waymark_domain::customer::event::{CustomerEvent, Erased, Profile, Registered};
use waymark_domain::people::{Disclosure, Visibility};
use waymark_domain::search::SearchTerms;
use waymark_domain::{Owner, ProfileField, ProfileTexts};

use super::world::{
    MODELS, PIPELINE, TENANT, World, claimed, hour, pipeline, registered, retarget, retime, void,
};
use crate::board::{BoardQuery, CardOrder, CustomerFilter};
use crate::timeline::{TimelineItem, TimelineQuery, TimelineView};
use crate::work::{ReminderFilter, StageAgeFilter, WorkScope};
use crate::{AsOf, CohortFilter, Projections};

const LI: Uuid = Uuid::from_u128(1);

async fn folded(world: &World) -> std::sync::Arc<Projections> {
    let projections = world.projections("p").await;
    for name in MODELS {
        projections.steps(name, 3).await;
    }
    projections
}

async fn told(projections: &Projections, view: TimelineView, known: u64) -> Vec<TimelineItem> {
    let at = AsOf { effective_at: hour(1_000), known_at: hour(1_000), known_position: Some(known) };
    let query =
        TimelineQuery { customer: LI, at, view, cursor: None, limit: 100, disclosure: Disclosure::Whole };
    projections.timeline(TENANT).await.unwrap().page(&query).await.unwrap().items
}

#[tokio::test]
async fn the_three_views_tell_what_holds_what_was_recorded_and_both() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let (quoted, _) = world.move_to(LI, hour(1), "quoted").await;
    let (won, _) = world.move_to(LI, hour(2), "won").await;
    let (retargeted, _) = world.append(LI, hour(1), retarget(quoted, "lost")).await;
    let (retimed, _) = world.append(LI, hour(3), retime(won, hour(3))).await;
    let projections = folded(&world).await;

    let effective = told(&projections, TimelineView::Effective, 9).await;
    let story: Vec<_> = effective
        .iter()
        .map(|item| (item.stage_from.as_deref(), item.stage_to.as_deref(), item.effective_at))
        .collect();
    let expected = [
        (None, Some("new"), hour(0)),
        (Some("new"), Some("lost"), hour(1)),
        (Some("lost"), Some("won"), hour(3)),
    ];
    assert_eq!(story, expected);
    assert_eq!(effective[1].superseded_by, Some(retargeted));
    assert_eq!(effective[1].note.as_deref(), Some("moved on"));
    assert_eq!(effective[0].data["name"], format!("Name {LI}"));

    let recorded = told(&projections, TimelineView::Recorded, 9).await;
    let positions: Vec<u64> = recorded.iter().map(|item| item.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    assert_eq!(recorded[1].stage_to.as_deref(), Some("quoted"));
    assert_eq!((recorded[4].id, recorded[4].corrects), (retimed, Some(won)));

    assert_eq!(told(&projections, TimelineView::Both, 9).await.len(), 5);
    // Before the corrections nothing was superseded.
    let then = told(&projections, TimelineView::Both, 3).await;
    assert_eq!(then.len(), 3);
    assert!(then.iter().all(|item| item.superseded_by.is_none()));
}

#[tokio::test]
async fn a_voided_correction_supersedes_no_more() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let (quoted, _) = world.move_to(LI, hour(1), "quoted").await;
    let (correction, _) = world.append(LI, hour(1), void(quoted)).await;
    let projections = folded(&world).await;
    assert_eq!(told(&projections, TimelineView::Effective, 9).await.len(), 1);
    world.append(LI, hour(1), void(correction)).await;
    projections.steps("timeline", 3).await;
    assert_eq!(told(&projections, TimelineView::Effective, 9).await.len(), 2);
    assert_eq!(told(&projections, TimelineView::Effective, 3).await.len(), 1, "as it was known then");
}

#[tokio::test]
async fn a_timeline_is_read_page_by_page() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    for number in 1..8 {
        world.move_to(LI, hour(number % 3), ["quoted", "won"][number as usize % 2]).await;
    }
    let projections = folded(&world).await;
    let whole = told(&projections, TimelineView::Both, 99).await;
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let at = AsOf::known_now(hour(1_000));
        let view = TimelineView::Both;
        let query = TimelineQuery { customer: LI, at, view, cursor, limit: 3, disclosure: Disclosure::Whole };
        let page = projections.timeline(TENANT).await.unwrap().page(&query).await.unwrap();
        paged.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn an_erasure_leaves_nothing_readable_in_any_table() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    world.move_to(LI, hour(1), "quoted").await;
    let projections = folded(&world).await;
    let readable = |dumps: &[Vec<String>]| {
        dumps.iter().flatten().any(|line| line.contains("Name") || line.contains("13800138000"))
    };
    assert!(readable(&projections.dumps().await));
    world.append(LI, hour(2), CustomerEvent::Erased(Erased { ground: "request".to_owned() })).await;
    for name in MODELS {
        projections.steps(name, 3).await;
    }
    assert!(!readable(&projections.dumps().await));
    let (customer, _) = projections
        .board(TENANT)
        .await
        .unwrap()
        .customer(LI, &Visibility::Everything, hour(5), &|_, _| None)
        .await
        .unwrap();
    let customer = customer.unwrap();
    assert!(customer.erased && customer.name.is_none() && customer.contacts.is_empty());
    let told = told(&projections, TimelineView::Recorded, 9).await;
    assert_eq!(told[1].note, None);
    assert_eq!(told[1].data["note"]["$erased"], true);
}

#[tokio::test]
async fn a_customer_is_shown_as_it_is_now() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    world.move_to(LI, hour(1), "quoted").await;
    world.append(LI, hour(2), claimed()).await;
    let projections = folded(&world).await;
    let names = |pipeline: &str, stage: &str| Some(format!("{pipeline}/{stage}"));
    let (customer, position) = projections
        .board(TENANT)
        .await
        .unwrap()
        .customer(LI, &Visibility::Everything, hour(3), &names)
        .await
        .unwrap();
    let customer = customer.unwrap();
    assert_eq!((customer.version, position), (3, 3));
    assert_eq!((customer.owner.kind.as_str(), customer.owner.id.as_str()), ("rep", "li"));
    let journey = &customer.journeys[0];
    assert_eq!((journey.stage_name.as_str(), journey.age_seconds), ("sales/quoted", 7_200.0));
    assert!(journey.primary);
    let (none, _) = projections
        .board(TENANT)
        .await
        .unwrap()
        .customer(Uuid::nil(), &Visibility::Everything, hour(3), &names)
        .await
        .unwrap();
    assert!(none.is_none());
}

#[tokio::test]
async fn lists_are_filtered_and_read_page_by_page() {
    let world = World::new();
    let ids: Vec<Uuid> = (1..8).map(Uuid::from_u128).collect();
    for &id in &ids {
        world.register(id, hour(0)).await;
    }
    world.move_to(ids[2], hour(1), "quoted").await;
    let projections = folded(&world).await;
    let all = |filter: CustomerFilter, limit| {
        let projections = projections.clone();
        async move {
            let (mut found, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let (page, _) = projections
                    .customer_list(TENANT)
                    .await
                    .unwrap()
                    .customers(&filter, cursor.as_deref(), limit, hour(2), &|_, _| None)
                    .await
                    .unwrap();
                found.extend(page.items.into_iter().map(|item| item.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return found;
                }
            }
        }
    };
    assert_eq!(all(CustomerFilter::default(), 3).await, ids);
    let stage = CustomerFilter { stage: Some("quoted".into()), ..CustomerFilter::default() };
    assert_eq!(all(stage, 10).await, [ids[2]]);
    let external = CustomerFilter { external_id: Some("x-4".into()), ..CustomerFilter::default() };
    assert_eq!(all(external, 10).await, [ids[3]]);
    let q = CustomerFilter { q: Some(SearchTerms::read("NAME 0000")), ..CustomerFilter::default() };
    assert_eq!(all(q, 2).await.len(), 7);
    let wildcard = CustomerFilter { q: Some(SearchTerms::read("%")), ..CustomerFilter::default() };
    assert!(all(wildcard, 10).await.is_empty());
    let tag = CustomerFilter { tag: Some("b".into()), ..CustomerFilter::default() };
    assert!(all(tag, 10).await.is_empty());
    let (pools, _) =
        projections.customer_list(TENANT).await.unwrap().pools(&Visibility::Everything).await.unwrap();
    assert_eq!(pools["customer_pool"], 7);
}

/// A registration in a region, for an owner.
fn registered_in(id: Uuid, region: Option<&str>, owner: &Owner) -> CustomerEvent {
    let CustomerEvent::Registered(registered) = registered(id, "new") else { panic!("a registration") };
    let texts = region.map(|region| ProfileTexts::default().with(ProfileField::Region, region));
    let profile = Profile { texts: texts.unwrap_or_default(), ..Profile::default() };
    CustomerEvent::Registered(Registered { owner: owner.clone(), profile: Some(profile), ..registered })
}

#[tokio::test]
async fn what_statements_find_within_a_visibility_is_what_the_rule_says_whatever_the_names_look_like() {
    let world = World::new();
    let names = ["a", "ab", "b", "%", "_", "a|b", "'", "A", "北京", "北"];
    let mut rows: Vec<(Uuid, Option<&str>, Owner)> = Vec::new();
    for region in names.iter().copied().map(Some).chain([None]) {
        for owner in [Owner::Rep("a".into()), Owner::Rep("%".into()), Owner::Pool("a".into())] {
            let id = Uuid::from_u128(100 + rows.len() as u128);
            world.append(id, hour(0), registered_in(id, region, &owner)).await;
            rows.push((id, region, owner));
        }
    }
    let projections = folded(&world).await;
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let mut visibilities = vec![Visibility::Everything];
    for regions in [&["a"][..], &["ab", "%"], &["_", "北"], &["a|b", "'"], &["ghost"], &["b", "A", "北京"]]
    {
        for owners in [&[][..], &["a"], &["%", "b"]] {
            visibilities.push(Visibility::Within { regions: set(regions), owners: set(owners) });
        }
    }
    for visibility in visibilities {
        let expected: BTreeSet<Uuid> = rows
            .iter()
            .filter(|(_, region, owner)| visibility.is_visible(*region, owner))
            .map(|(id, ..)| *id)
            .collect();
        let filter = CustomerFilter { visibility: visibility.clone(), ..CustomerFilter::default() };
        let (page, _) = projections
            .customer_list(TENANT)
            .await
            .unwrap()
            .customers(&filter, None, 500, hour(2), &|_, _| None)
            .await
            .unwrap();
        let listed: BTreeSet<Uuid> = page.items.iter().map(|item| item.id).collect();
        assert_eq!(listed, expected, "{visibility:?}");
        let (pools, _) = projections.customer_list(TENANT).await.unwrap().pools(&visibility).await.unwrap();
        let in_pool = page.items.iter().filter(|item| item.owner.kind == "pool").count() as u64;
        assert_eq!(pools.get("a").copied().unwrap_or(0), in_pool, "{visibility:?}");
        let inbox = ReminderFilter { visibility: visibility.clone(), ..ReminderFilter::default() };
        assert!(projections.work(TENANT).await.unwrap().reminders(&inbox, 9).await.unwrap().0.is_empty());
        let filter = StageAgeFilter {
            journey: "sales".into(),
            stage: "new".into(),
            entered_until: hour(1),
            owned: false,
            tiers: None,
            silent_until: None,
            overdue_until: None,
            now: hour(2),
            whose: WorkScope { visibility: visibility.clone(), ..WorkScope::default() },
        };
        let standing =
            projections.work(TENANT).await.unwrap().long_standing(&[filter], None, 500).await.unwrap();
        assert_eq!(standing.total, expected.len() as u64);
        assert_eq!(standing.items.iter().map(|one| one.customer_id).collect::<BTreeSet<_>>(), expected);
        for now in [true, false] {
            let mut query = BoardQuery {
                at: AsOf::known_now(hour(1)),
                now,
                filter: CohortFilter { visibility: visibility.clone(), ..CohortFilter::default() },
                stage: None,
                cursor: None,
                limit: 0,
                order: CardOrder::Entered,
            };
            let board = projections
                .pipeline_board(TENANT, PIPELINE)
                .await
                .unwrap()
                .cards(&pipeline(), &query, &|_, _| None)
                .await
                .unwrap();
            assert_eq!(board.total, expected.len(), "{visibility:?}, now: {now}");
            *query.filter.texts.get_mut(ProfileField::Region) = Some("%".into());
            let board = projections
                .pipeline_board(TENANT, PIPELINE)
                .await
                .unwrap()
                .cards(&pipeline(), &query, &|_, _| None)
                .await
                .unwrap();
            let there = rows.iter().filter(|(id, region, _)| *region == Some("%") && expected.contains(id));
            assert_eq!(board.total, there.count(), "{visibility:?}, now: {now}");
        }
    }
}

#[tokio::test]
async fn a_board_counts_everybody_and_hands_out_cards_page_by_page() {
    let world = World::new();
    for number in 1..=7 {
        world.register(Uuid::from_u128(number), hour(number as i64 % 3)).await;
    }
    world.move_to(LI, hour(5), "won").await;
    let projections = folded(&world).await;
    let mut query = BoardQuery {
        at: AsOf::known_now(hour(10)),
        now: true,
        filter: CohortFilter::default(),
        stage: None,
        cursor: None,
        limit: 4,
        order: CardOrder::Entered,
    };
    let board = projections
        .pipeline_board(TENANT, PIPELINE)
        .await
        .unwrap()
        .cards(&pipeline(), &query, &|_, _| None)
        .await
        .unwrap();
    assert_eq!((board.total, board.stages[0].count, board.stages[2].count), (7, 6, 1));
    assert_eq!(board.stages[0].amounts[0].amount, "63.00");
    assert_eq!(board.stages[2].share, Some(1.0 / 7.0));
    let mut seen: BTreeSet<Uuid> = board.stages[0].cards.iter().map(|card| card.customer_id).collect();
    query.stage = Some("new".to_owned());
    query.cursor = board.stages[0].next_cursor.clone();
    let rest = projections
        .pipeline_board(TENANT, PIPELINE)
        .await
        .unwrap()
        .cards(&pipeline(), &query, &|_, _| None)
        .await
        .unwrap();
    seen.extend(rest.stages[0].cards.iter().map(|card| card.customer_id));
    assert_eq!((seen.len(), &rest.stages[0].next_cursor), (6, &None));

    let before = BoardQuery { at: AsOf::known_now(hour(1)), now: false, stage: None, cursor: None, ..query };
    let board = projections
        .pipeline_board(TENANT, PIPELINE)
        .await
        .unwrap()
        .cards(&pipeline(), &before, &|_, _| None)
        .await
        .unwrap();
    assert_eq!((board.total, board.not_started), (5, 2));
}
