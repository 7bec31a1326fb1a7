//! Who is open is counted alike by the dwell report, the board and the list: not those who were merged, nor those who were erased.

use std::collections::BTreeMap;

use waymark_domain::customer::event::{CustomerEvent, MergedInto, StagePolicy, Unmerged};
use waymark_domain::pipeline::version::Versions;

use super::world::{Chance, History, MODELS, PIPELINE, TENANT, World, hour, pipeline};
use crate::board::{BoardQuery, CardOrder, CustomerFilter};
use crate::dwell::{Clock, DwellQuery, Unit, Window};
use crate::{AsOf, CohortFilter, Projections};

/// The stages of the pipeline in which customers are open.
const OPEN: [&str; 2] = ["new", "quoted"];

type Counts = BTreeMap<String, usize>;

async fn by_dwell(projections: &Projections, at: AsOf) -> Counts {
    let query = DwellQuery {
        at,
        window: Window::default(),
        filter: CohortFilter::default(),
        unit: Unit::Stay,
        clock: Clock::Calendar,
        calendar: None,
        horizon_seconds: 86_400,
        curve: false,
        subjects: false,
        zones: waymark_domain::Zones::compiled(),
    };
    let (pipeline, versions) = (pipeline(), Versions::default());
    let report = projections.dwell(TENANT).await.unwrap().dwell_times(&pipeline, &versions, &query).await;
    let report = report.unwrap();
    for stage in &report.stages {
        let censored: usize = stage.censored.iter().map(|end| end.count).sum();
        assert_eq!(stage.stays, stage.completed + stage.open + stage.finals + censored, "{}", stage.stage);
    }
    counts(report.stages.into_iter().map(|stage| (stage.stage, stage.open)))
}

async fn by_board(projections: &Projections, at: AsOf, now: bool) -> Counts {
    let query = BoardQuery {
        at,
        now,
        filter: CohortFilter::default(),
        stage: None,
        cursor: None,
        limit: 0,
        order: CardOrder::Entered,
    };
    let board = projections.pipeline_board(TENANT, PIPELINE).await.unwrap();
    let board = board.cards(&pipeline(), &query, &|_, _| None).await.unwrap();
    counts(board.stages.into_iter().map(|stage| (stage.stage, stage.count)))
}

async fn by_list(projections: &Projections, at: AsOf, now: bool) -> Counts {
    let filter = CustomerFilter::default();
    let listed = if now {
        let list = projections.customer_list(TENANT).await.unwrap();
        list.customers(&filter, None, 500, at.effective_at, &|_, _| None).await.unwrap().0.items
    } else {
        let mut board = projections.board(TENANT).await.unwrap();
        let found = board.customers_as_of(&filter, (None, 500), &at, &|_, _| None, None).await.unwrap().0;
        found.into_iter().map(|one| one.then).collect()
    };
    let here = listed.into_iter().flat_map(|customer| customer.journeys);
    counts(here.filter(|journey| journey.pipeline == PIPELINE).map(|journey| (journey.stage, 1)))
}

/// The sums of the open stages in which anybody is.
fn counts(stages: impl Iterator<Item = (String, usize)>) -> Counts {
    let mut sums = Counts::new();
    for (stage, count) in stages.filter(|(stage, count)| OPEN.contains(&stage.as_str()) && *count > 0) {
        *sums.entry(stage).or_default() += count;
    }
    sums
}

#[tokio::test]
async fn the_dwell_report_the_board_and_the_list_count_the_same_open_customers() {
    let (mut counted, mut gone) = (0, 0);
    for seed in 0..6 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..40_i64 {
            for _ in 0..1 + chance.below(8) {
                history.go_on(&world, &mut chance).await;
            }
            let customers = history.customers();
            let absorbed = customers[chance.below(customers.len())];
            if absorbed != customers[0] && !history.is_erased(absorbed) {
                let survivor = customers[0];
                let merge = MergedInto { survivor, stage_policy: StagePolicy::default() };
                let part =
                    Unmerged { survivor, absorbed, reason: "two people".to_owned().into(), points_kept: 0 };
                let event = match chance.below(3) {
                    0 => CustomerEvent::Unmerged(part),
                    _ => CustomerEvent::MergedInto(merge),
                };
                world.append(absorbed, hour(60 + step), event).await;
                gone += 1;
            }
            for model in MODELS {
                projections.steps(model, 50).await;
            }
            for instant in [30, 60 + step / 2, 1_000] {
                let at = AsOf::known_now(hour(instant));
                let what = format!("seed {seed}, step {step}, at {instant}");
                let open = by_dwell(&projections, at).await;
                assert_eq!(by_board(&projections, at, false).await, open, "{what}: board");
                assert_eq!(by_list(&projections, at, false).await, open, "{what}: list");
                if instant == 1_000 {
                    assert_eq!(by_board(&projections, at, true).await, open, "{what}: board of now");
                    assert_eq!(by_list(&projections, at, true).await, open, "{what}: list of now");
                }
                counted += open.values().sum::<usize>();
            }
        }
    }
    assert!(counted > 1_000 && gone > 100, "{counted} open, {gone} merged or parted");
}
