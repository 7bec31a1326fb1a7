//! Figures by the versions of their time, and the clock that stands still while a deal is put off.

use std::sync::Arc;

use chrono::NaiveDate;
use uuid::Uuid;
use waymark_domain::customer::event::{CustomerEvent, DetailsChanged, Moved, Profile};
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::{Publication, Versions};

use super::world::{MODELS, TENANT, World, hour, moved, pipeline};
use crate::dwell::{Clock, DwellQuery, DwellReport, Ending, PathsQuery, Unit, Window};
use crate::{AsOf, CohortFilter, Projections};

const LI: Uuid = Uuid::from_u128(1);
const WU: Uuid = Uuid::from_u128(2);

async fn folded(world: &World) -> Arc<Projections> {
    let projections = world.projections("p").await;
    for name in MODELS {
        projections.steps(name, 3).await;
    }
    projections
}

async fn dwell(projections: &Projections, versions: &Versions, clock: Clock) -> DwellReport {
    let query = DwellQuery {
        at: AsOf::known_now(hour(100)),
        window: Window::default(),
        filter: CohortFilter::default(),
        unit: Unit::Stay,
        clock,
        calendar: None,
        horizon_seconds: 86_400,
        curve: false,
        subjects: false,
        zones: waymark_domain::Zones::compiled(),
    };
    let newest = versions.all().last().map(|known| known.pipeline.clone());
    let newest = newest.unwrap_or_else(|| Arc::new(pipeline()));
    projections.dwell(TENANT).await.unwrap().dwell_times(&newest, versions, &query).await.unwrap()
}

/// Two versions: in the second, `quoted` is a stage in which deals are lost, and `new` is gone.
pub(super) fn versions() -> Versions {
    let first = pipeline();
    let mut second = pipeline();
    second.version = 2;
    second.stages.retain(|stage| stage.id != "new");
    second.entry_stage = "quoted".to_owned();
    second
        .stages
        .iter_mut()
        .filter(|stage| stage.id == "quoted")
        .for_each(|stage| stage.kind = StageType::Lost);
    let mut versions = Versions::default();
    for pipeline in [first, second] {
        versions.add(Publication {
            base: pipeline.version.checked_sub(1).filter(|base| *base > 0),
            pipeline: Arc::new(pipeline),
            map: Vec::new(),
            team: None,
            in_force_from: hour(0),
            event: Uuid::nil(),
            published_at: hour(0),
            published_by: "admin:root".to_owned(),
        });
    }
    versions
}

#[tokio::test]
async fn what_a_stage_meant_is_told_by_the_version_that_a_stay_is_of() {
    let world = World::new();
    for customer in [LI, WU] {
        world.register(customer, hour(0)).await;
    }
    world.move_to(LI, hour(10), "quoted").await;
    let CustomerEvent::Moved(later) = moved("quoted") else { panic!("a move") };
    world.append(WU, hour(20), CustomerEvent::Moved(Moved { pipeline_version: 2, ..later })).await;
    let projections = folded(&world).await;
    let versions = versions();

    let report = dwell(&projections, &versions, Clock::Calendar).await;
    let stage = |id: &str| report.stages.iter().find(|stage| stage.stage == id).unwrap();
    assert_eq!((stage("quoted").open, stage("quoted").finals), (1, 1));
    assert_eq!(stage("quoted").kind, Some(StageType::Lost), "as the version in force has it");
    assert_eq!(
        (stage("new").completed, stage("new").kind),
        (2, Some(StageType::Open)),
        "gone, and still reported"
    );
    assert_eq!(report.versions, [1, 2]);

    let newest = versions.all().last().unwrap().pipeline.clone();
    let at = AsOf::known_now(hour(100));
    let (window, filter) = (Window::default(), CohortFilter::default());
    let flows = projections
        .dwell(TENANT)
        .await
        .unwrap()
        .flows(&newest, &versions, &at, &window, &filter)
        .await
        .unwrap();
    assert_eq!(flows.open_age_seconds.map(|ages| ages.count), Some(1), "one is lost, one goes on");
    let query = PathsQuery {
        at,
        window,
        filter,
        ending: Ending::Lost,
        offset: 0,
        limit: 9,
        standard: None,
        spans: false,
    };
    let paths = projections.dwell(TENANT).await.unwrap().paths(&newest, &versions, &query).await.unwrap();
    assert_eq!(paths.journeys, 1);
}

fn put_off(until: Option<NaiveDate>) -> CustomerEvent {
    let cleared = if until.is_none() { vec!["postponed_until".to_owned()] } else { Vec::new() };
    let profile = Profile { postponed_until: until, cleared, ..Profile::default() };
    CustomerEvent::DetailsChanged(DetailsChanged { profile: Some(profile), ..DetailsChanged::default() })
}

#[tokio::test]
async fn the_active_clock_stands_still_until_the_day_begins_in_the_pools_zone_or_the_pause_is_taken_back() {
    let world = World::new();
    for customer in [LI, WU] {
        world.register(customer, hour(0)).await;
    }
    // The day of hour 48 begins at hour 40 in Shanghai.
    world.append(LI, hour(10), put_off(Some(hour(48).date_naive()))).await;
    world.append(WU, hour(10), put_off(Some(hour(480).date_naive()))).await;
    world.append(WU, hour(25), put_off(None)).await;
    for customer in [LI, WU] {
        world.move_to(customer, hour(60), "quoted").await;
    }
    let projections = folded(&world).await;
    let total = async |clock| {
        let report = dwell(&projections, &Versions::default(), clock).await;
        let stage = report.stages.iter().find(|stage| stage.stage == "new").unwrap();
        assert_eq!(stage.completed, 2);
        assert_eq!(report.notes.len(), 1, "nothing is said of a clock that does what its name says");
        stage.completed_seconds.total / 3_600.0
    };
    assert_eq!(total(Clock::Calendar).await, 120.0);
    assert_eq!(total(Clock::Active).await, 120.0 - 30.0 - 15.0);
    assert_eq!(total(Clock::Owned).await, 0.0, "both are in the pool");
}
