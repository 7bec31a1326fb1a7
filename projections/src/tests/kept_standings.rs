//! What lists of work answer from who is kept to stand in a stage is what they answer from the rows.

use waymark_domain::people::Visibility;

use super::kept_journeys::merge_or_part;
use super::worklists::long_standing;
use super::world::{Chance, History, MODELS, PIPELINE, STAGES, TENANT, World, hour};
use crate::work::{StageAgeFilter, WorkScope};

/// What a list may be about.
fn stage(chance: &mut Chance, stage: &str) -> StageAgeFilter {
    let instant = |chance: &mut Chance| hour(chance.below(90) as i64);
    let mut maybe = |odds| (chance.below(odds) == 0).then(|| instant(chance));
    let (silent_until, overdue_until, soon) = (maybe(2), maybe(3), maybe(4));
    let now = instant(chance);
    let visibility = if chance.below(4) == 0 {
        Visibility::Within { regions: ["north".to_owned()].into(), owners: ["li".to_owned()].into() }
    } else {
        Visibility::Everything
    };
    StageAgeFilter {
        journey: if chance.below(5) == 0 { "service" } else { PIPELINE }.to_owned(),
        stage: stage.to_owned(),
        entered_until: instant(chance),
        owned: chance.below(3) == 0,
        tiers: (chance.below(4) == 0).then(|| vec!["gold".to_owned(), "silver".to_owned()]),
        silent_until,
        overdue_until,
        now,
        whose: WorkScope {
            owner: (chance.below(5) == 0).then(|| "li".to_owned()),
            not_between: soon.map(|from| (from, hour(70))),
            sub_status: (chance.below(8) == 0).then(|| "comparing".into()),
            visibility,
        },
    }
}

#[tokio::test]
async fn lists_of_those_who_are_kept_are_those_of_the_rows() {
    let mut listed = 0;
    for seed in 50..53 {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        let projections = world.projections("p").await;
        for step in 0..40 {
            for _ in 0..1 + chance.below(6) {
                // Versions of the pipeline with other rules are published now and then.
                history.go_on(&world, &mut chance).await;
            }
            if chance.below(4) == 0 {
                merge_or_part(&world, &mut chance, &history).await;
            }
            for model in MODELS {
                projections.steps(model, 7).await;
            }
            if step == 20 {
                projections.rebuild(TENANT, "work", &|_, _| {}).await.unwrap();
            }
            for _ in 0..3 {
                let stages = STAGES.map(|of| stage(&mut chance, of));
                let first = long_standing(&projections, &stages, None).await;
                listed += first.items.len();
                if let Some(next) = &first.next {
                    listed += long_standing(&projections, &stages, Some(next)).await.items.len();
                }
            }
        }
    }
    assert!(listed > 300, "{listed}");
}
