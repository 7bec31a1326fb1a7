//! What reports answer from journeys that are kept is what they answer from journeys that are read afresh.

use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::customer::event::{CustomerEvent, MergedInto, StagePolicy, Unmerged};
use waymark_domain::pipeline::version::Versions;

use super::world::{Chance, History, TENANT, World, events, hour, moved, pipeline, retarget};
use crate::dwell::{Clock, DwellQuery, DwellSnapshot, Ending, PathsQuery, Unit, Window};
use crate::models::kept::TenantCache;
use crate::{AsOf, CohortFilter, Projections};

const LI: Uuid = Uuid::from_u128(1);

/// What a question may ask.
fn query(chance: &mut Chance, head: u64) -> DwellQuery {
    let known = (chance.below(3) == 0).then(|| head.saturating_sub(chance.below(40) as u64));
    let effective_at = if chance.below(2) == 0 { hour(1_000) } else { hour(chance.below(70) as i64) };
    let mut edge = |odds| (chance.below(odds) == 0).then(|| hour(chance.below(60) as i64));
    let (from, to) = (edge(2), edge(3));
    DwellQuery {
        at: AsOf { effective_at, known_at: hour(20_000), known_position: known },
        window: Window { from, to: to.filter(|to| from.is_none_or(|from| from < *to)) },
        filter: CohortFilter {
            tag: (chance.below(3) == 0).then(|| "a".into()),
            tier: (chance.below(6) == 0).then(|| "gold".into()),
            ..CohortFilter::default()
        },
        unit: if chance.below(3) == 0 { Unit::Customer } else { Unit::Stay },
        clock: [Clock::Calendar, Clock::Calendar, Clock::Active, Clock::Owned][chance.below(4)],
        calendar: None,
        horizon_seconds: 86_400,
        curve: true,
        subjects: false,
        zones: waymark_domain::Zones::compiled(),
    }
}

/// Every report of one read model, as it is served.
async fn answers(open: impl AsyncFn() -> DwellSnapshot, query: &DwellQuery) -> Vec<String> {
    let (pipeline, versions) = (pipeline(), Versions::default());
    let DwellQuery { at, window, filter, .. } = query.clone();
    let dwell = open().await.dwell_times(&pipeline, &versions, query).await.unwrap();
    let flows = open().await.flows(&pipeline, &versions, &at, &window, &filter).await.unwrap();
    let standing = open().await.standing(&pipeline, &at, &filter).await.unwrap();
    let (ending, offset, limit, standard) = (Ending::Any, 0, 50, None);
    let paths = PathsQuery { at, window, filter, ending, offset, limit, standard, spans: false };
    let paths = open().await.paths(&pipeline, &versions, &paths).await.unwrap();
    vec![
        serde_json::to_string(&dwell).unwrap(),
        serde_json::to_string(&flows).unwrap(),
        serde_json::to_string(&standing).unwrap(),
        serde_json::to_string(&paths).unwrap(),
    ]
}

/// Asks what is kept, and what knows nothing yet.
async fn assert_as_read_afresh(projections: &Projections, query: &DwellQuery, which: &str) {
    let kept = answers(async || projections.dwell(TENANT).await.unwrap(), query).await;
    let afresh = async || {
        let mut snapshot = projections.dwell(TENANT).await.unwrap();
        snapshot.0.sources.journey_cache = Arc::new(TenantCache::up_to(0));
        snapshot.0.sources.versions_cache = Arc::new(TenantCache::up_to(0));
        snapshot
    };
    // With the stays themselves, figures are made of them and not of columns.
    let afresh = answers(afresh, &DwellQuery { subjects: true, ..query.clone() }).await;
    for (kept, afresh) in kept.iter().zip(&afresh) {
        assert_eq!(kept, afresh, "{which}: {query:?}");
    }
}

/// Somebody is merged into somebody else, or parted again: an end of observation, or that it goes on.
pub(super) async fn merge_or_part(world: &World, chance: &mut Chance, history: &History) {
    let customers = history.customers();
    let absorbed = customers[chance.below(customers.len())];
    let survivor = customers[0];
    // Nobody is merged into itself, nor into somebody who was merged.
    if absorbed == survivor || history.is_erased(absorbed) {
        return;
    }
    let event = if chance.below(2) == 0 {
        CustomerEvent::MergedInto(MergedInto { survivor, stage_policy: StagePolicy::default() })
    } else {
        CustomerEvent::Unmerged(Unmerged {
            survivor,
            absorbed,
            reason: "two people".to_owned().into(),
            points_kept: 0,
        })
    };
    world.append(absorbed, hour(chance.below(60) as i64), event).await;
}

async fn fold(projections: &Projections, limit: u32) {
    for name in ["board", "dwell"] {
        projections.steps(name, limit).await;
    }
}

#[tokio::test]
async fn reports_from_kept_journeys_are_those_of_journeys_read_afresh() {
    for seed in 0..4 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..60 {
            for _ in 0..1 + chance.below(6) {
                history.go_on(&world, &mut chance).await;
            }
            if chance.below(4) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
            fold(&projections, 7).await;
            if step == 30 {
                projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
            }
            for _ in 0..2 {
                let query = query(&mut chance, world.head().await);
                assert_as_read_afresh(&projections, &query, &format!("seed {seed}, step {step}")).await;
            }
        }
    }
}

#[tokio::test]
async fn what_was_set_aside_and_is_folded_later_is_in_the_next_answer() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let bad = world.append_poison(LI).await;
    world.append(LI, hour(2), moved("quoted")).await;
    let projections = world.projections("p").await;
    fold(&projections, 10).await;
    let query = DwellQuery { filter: CohortFilter::default(), ..query(&mut Chance::new(0), 100) };
    let query = DwellQuery { at: AsOf::known_now(hour(1_000)), window: Window::default(), ..query };
    let stays = async || {
        assert_as_read_afresh(&projections, &query, "set aside").await;
        let mut dwell = projections.dwell(TENANT).await.unwrap();
        let report = dwell.dwell_times(&pipeline(), &Versions::default(), &query).await.unwrap();
        report.stages.iter().map(|stage| stage.stays).sum::<usize>()
    };
    assert_eq!(stays().await, 1);
    world.skip("dwell", bad, "made by hand").await;
    fold(&projections, 10).await;
    assert_eq!(stays().await, 1);
    assert_eq!(projections.retry(TENANT, "dwell").await.unwrap(), 1);
    assert_eq!(stays().await, 2, "it was recorded long before the checkpoint");
}

#[tokio::test]
async fn an_answer_after_an_append_reads_the_journeys_that_it_changed_and_no_others() {
    let world = World::new();
    let ids: Vec<Uuid> = (1..200).map(Uuid::from_u128).collect();
    for id in &ids {
        world.register(*id, hour(0)).await;
    }
    let projections = world.projections("p").await;
    fold(&projections, 1_000).await;
    let journeys = async || {
        let mut snapshot = projections.dwell(TENANT).await.unwrap().0;
        let known = snapshot.position;
        crate::dwell::load(&mut snapshot, "sales", known).await.unwrap()
    };
    let before = journeys().await;
    let (quoted, _) = world.move_to(ids[70], hour(1), "quoted").await;
    world.append(ids[70], hour(1), retarget(quoted, "won")).await;
    fold(&projections, 1_000).await;
    assert_eq!(events(&world, ids[70], 1_000).await.len(), 3);
    // Rows that nobody reads any more: reading all of them would miss these.
    super::rebuild::change(&projections, "DELETE FROM dwell_move WHERE tenant_id = $1 AND position < 60")
        .await;
    let after = journeys().await;
    assert_eq!((before.records(), after.records()), (199, 200));
    assert_eq!(after.stages.text(after.until(70, i64::MAX)[1].stage), "won");
}
