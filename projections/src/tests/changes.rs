//! What changed between two moments balances, whatever the history: late entries, corrections, merges, erasures, changed
//! definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;
use uuid::Uuid;
use waymark_domain::customer::event::{
    CustomerEvent, DetailsChanged, MergedInto, Money, Profile, StagePolicy, Unmerged,
};
use waymark_domain::money::Rates;
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::Versions;

use super::clocks::versions;
use super::world::{Chance, History, MODELS, TENANT, World, hour, pipeline, retarget, void};
use crate::board::MoneyReport;
use crate::reports::Definition;
use crate::reports::changes::{ChangeReport, ChangesQuery, ValueReport, WaterfallReport};
use crate::stats::changes::{ChangeKind, Part};
use crate::{AsOf, CohortFilter, Projections};

pub(super) type Moment = (i64, u64);

pub(super) fn at((hours, known): Moment) -> AsOf {
    AsOf { effective_at: hour(hours), known_at: hour(20_000), known_position: Some(known) }
}

pub(super) fn definition() -> Definition {
    Definition { pipeline: Arc::new(pipeline()), versions: Arc::new(Versions::default()) }
}

pub(super) fn query(from: Moment, to: Moment, filter: CohortFilter) -> ChangesQuery {
    let types = vec![StageType::Open, StageType::Dormant, StageType::Paused];
    ChangesQuery { from: at(from), to: at(to), filter, types, period: None, convert: None }
}

/// The definition changed since: what was recorded under the second version stands in a stage that loses deals where the first
/// version has one in which they are worked.
fn changed() -> Definition {
    let versions = versions();
    let newest = versions.all().last().unwrap().pipeline.clone();
    Definition { pipeline: newest, versions: Arc::new(versions) }
}

pub(super) async fn changes(projections: &Projections, query: &ChangesQuery) -> WaterfallReport {
    changes_by(projections, &definition(), query).await
}

async fn changes_by(
    projections: &Projections,
    definition: &Definition,
    query: &ChangesQuery,
) -> WaterfallReport {
    let mut reports = projections.reports(TENANT).await.unwrap();
    reports.changes(definition, query, &|_, _, _| String::new()).await.unwrap()
}

/// An amount of money to a customer, from an instant on.
fn worth(chance: &mut Chance) -> DetailsChanged {
    let currency = ["CNY", "USD"][chance.below(2)].to_owned();
    let amount = Decimal::new(chance.below(100_000) as i64, 2);
    DetailsChanged { amount: Some(Money { amount, currency }), ..DetailsChanged::default() }
}

/// The same with the day on which the deal is expected to close: another one, the right one in the place of a wrong one, or none any
/// more.
fn closing(chance: &mut Chance) -> DetailsChanged {
    let worth = worth(chance);
    let profile = match chance.below(6) {
        0 => None,
        1 => Some(Profile { cleared: vec!["expected_close_on".to_owned()], ..Profile::default() }),
        said => Some(Profile {
            expected_close_on: Some(hour(24 * chance.below(80) as i64).date_naive()),
            expected_close_corrected: said == 2,
            ..Profile::default()
        }),
    };
    DetailsChanged { profile, ..worth }
}

/// The month that many months after the one in which histories begin.
fn month(number: u32) -> (NaiveDate, NaiveDate) {
    let begin = NaiveDate::from_ymd_opt(2024, 10, 1).unwrap();
    let [first, next] = [number, number + 1].map(|months| begin + Months::new(months));
    (first, next.pred_opt().unwrap())
}

/// What is asked of changes between moments that are yet to be said: of all, of some, of what is expected to close in a month, or in
/// one currency.
fn asked(round: u32) -> ChangesQuery {
    let filter = CohortFilter {
        tag: (round % 3 == 1).then(|| "a".into()),
        tier: (round % 3 == 2).then(|| "gold".into()),
        ..CohortFilter::default()
    };
    let rates = BTreeMap::from([("USD".to_owned(), Decimal::new(71_234, 4))]);
    let rates = Rates { date: month(0).0, base: "CNY".to_owned(), rates };
    ChangesQuery {
        period: (round % 4 < 2).then(|| month(round % 2)),
        convert: (round % 5 == 4).then(|| (rates, "CNY".to_owned())),
        ..query((0, 0), (0, 0), filter)
    }
}

fn merged_into(survivor: Uuid) -> CustomerEvent {
    CustomerEvent::MergedInto(MergedInto { survivor, stage_policy: StagePolicy::Survivor })
}

fn unmerged(survivor: Uuid, absorbed: Uuid) -> CustomerEvent {
    CustomerEvent::Unmerged(Unmerged {
        survivor,
        absorbed,
        reason: "two branches".to_owned().into(),
        points_kept: 0,
    })
}

/// A history with amounts that change, folded.
pub(super) async fn told(seed: u64) -> (World, Arc<Projections>) {
    told_with(seed, worth).await
}

/// A history in which such details change, folded.
async fn told_with(seed: u64, details: fn(&mut Chance) -> DetailsChanged) -> (World, Arc<Projections>) {
    let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
    for _ in 0..140 {
        history.go_on(&world, &mut chance).await;
        let [customer, survivor] =
            [0; 2].map(|_| history.customers()[chance.below(history.customers().len())]);
        if history.is_erased(customer) {
            continue;
        }
        let at = hour(chance.below(60) as i64);
        match chance.below(30) {
            0..8 => {
                let changed = CustomerEvent::DetailsChanged(details(&mut chance));
                let _ = world.append(customer, at, changed).await;
            }
            8 if survivor != customer => drop(world.append(customer, at, merged_into(survivor)).await),
            9 => drop(world.append(customer, at, unmerged(survivor, customer)).await),
            _ => {}
        }
    }
    let projections = world.projections("p").await;
    for name in MODELS {
        projections.steps(name, 25).await;
    }
    (world, projections)
}

fn sums(value: &ValueReport) -> BTreeMap<String, Decimal> {
    let sum = |money: &MoneyReport| (money.currency.clone(), money.amount.parse::<Decimal>().unwrap());
    value.amounts.iter().map(sum).filter(|(_, amount)| !amount.is_zero()).collect()
}

/// Insists that the changes lead from one value to the other, and that each cycle stands in one count bucket.
#[track_caller]
fn balance(before: &ValueReport, changes: &[ChangeReport], after: &ValueReport, case: &str) {
    let mut sums_then = sums(before);
    for money in changes.iter().flat_map(|change| &change.amounts) {
        *sums_then.entry(money.currency.clone()).or_default() += money.amount.parse::<Decimal>().unwrap();
    }
    sums_then.retain(|_, amount| !amount.is_zero());
    assert_eq!(sums_then, sums(after), "{case}");
    let change: i64 = changes.iter().map(|change| change.change).sum();
    assert_eq!(before.count as i64 + change, after.count as i64, "{case}");
    let is_counted =
        |change: &&ChangeReport| !matches!(change.kind, ChangeKind::AmountUp | ChangeKind::AmountDown);
    let stayed_or_left = changes.iter().filter(is_counted).filter(|change| change.kind.sign() <= 0);
    assert_eq!(stayed_or_left.map(|change| change.count).sum::<usize>(), before.count, "{case}");
}

#[tokio::test]
async fn what_changed_balances_between_any_two_moments_of_any_history() {
    let (mut otherwise, mut kinds) = (0, BTreeSet::new());
    for seed in 40..46 {
        let (world, projections) = told_with(seed, closing).await;
        let (head, mut chance) = (world.head().await as usize, Chance::new(seed));
        for round in 0..9 {
            let mut hours = [0; 3].map(|_| chance.below(70) as i64);
            let mut known = [0; 3].map(|_| chance.below(head + 1) as u64);
            hours.sort_unstable();
            known.sort_unstable();
            let moments = [0, 1, 2].map(|index| (hours[index], known[index]));
            let case = format!("seed {seed} round {round}");
            let [before, after] = [definition(), changed()].map(|definition| {
                let (projections, case) = (projections.clone(), case.clone());
                let asked = asked(round);
                async move { insist_on_the_balance(&projections, &definition, (moments, &asked), &case).await }
            });
            let (before, after) = (before.await, after.await);
            otherwise += usize::from(before.0 != after.0);
            kinds.extend(before.1.into_iter().chain(after.1));
        }
    }
    assert!(otherwise > 0, "what a stage means decides of what is in the value");
    for kind in [
        ChangeKind::KnownLate,
        ChangeKind::Withdrawn,
        ChangeKind::CorrectedIn,
        ChangeKind::CorrectedOut,
        ChangeKind::Reactivated,
        ChangeKind::PulledIn,
        ChangeKind::PushedOut,
        ChangeKind::Merged,
        ChangeKind::Erased,
        ChangeKind::LeftScope,
    ] {
        assert!(kinds.contains(&kind), "{kind:?} came about: {kinds:?}");
    }
}

/// Insists on the properties of what changed between three moments, and answers the values at the first and the last, and the kinds
/// of change that there were.
async fn insist_on_the_balance(
    projections: &Projections,
    definition: &Definition,
    ([a, b, c], asked): ([Moment; 3], &ChangesQuery),
    case: &str,
) -> ([ValueReport; 2], BTreeSet<ChangeKind>) {
    let between = async |from, to| {
        let asked = ChangesQuery { from: at(from), to: at(to), ..asked.clone() };
        changes_by(projections, definition, &asked).await
    };
    let (ab, bc, ac) = (between(a, b).await, between(b, c).await, between(a, c).await);
    for (report, name) in [(&ab, "ab"), (&bc, "bc"), (&ac, "ac")] {
        let case = format!("{case} {name}");
        balance(&report.opening, &report.learned, &report.restated, &case);
        balance(&report.restated, &report.happened, &report.closing, &case);
    }
    assert_eq!((&ab.opening, &bc.closing), (&ac.opening, &ac.closing), "{case}");
    assert_eq!(ab.closing, bc.opening, "{case}");
    let nothing_learned = between((a.0, b.1), b).await;
    let is_kept = |change: &ChangeReport| change.kind == ChangeKind::Kept;
    assert!(nothing_learned.learned.iter().all(is_kept), "{case}: {:?}", nothing_learned.learned);
    let nothing_happened = between(a, (a.0, b.1)).await;
    let has_stayed = |change: &ChangeReport| change.kind == ChangeKind::Stayed;
    assert!(nothing_happened.happened.iter().all(has_stayed), "{case}: {:?}", nothing_happened.happened);
    let reports = [&ab, &bc, &ac].into_iter();
    let kinds =
        reports.flat_map(|report| report.learned.iter().chain(&report.happened)).map(|change| change.kind);
    let kinds = kinds.collect();
    ([ac.opening, ac.closing], kinds)
}

#[tokio::test]
async fn the_cycles_behind_a_change_are_as_many_as_it_counts_page_by_page() {
    let (world, projections) = told(50).await;
    let head = world.head().await;
    let query = query((10, head / 2), (60, head), CohortFilter::default());
    let report = changes(&projections, &query).await;
    let mut looked_at = 0;
    for (part, changes) in [(Part::Learned, &report.learned), (Part::Happened, &report.happened)] {
        for change in changes {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let place = std::sync::Mutex::new(None);
                let cursor = |id| {
                    *place.lock().unwrap() = Some(id);
                    String::new()
                };
                let mut reports = projections.reports(TENANT).await.unwrap();
                let wanted = (part, change.kind, after);
                let (page, _) =
                    reports.changed_cycles(&definition(), &query, wanted, 2, &cursor).await.unwrap();
                seen.extend(page.items.into_iter().map(|item| (item.customer_id, item.cycle)));
                after = place.into_inner().unwrap();
                if page.next_cursor.is_none() {
                    break;
                }
            }
            assert!(seen.is_sorted());
            assert_eq!(seen.len(), change.count, "{:?}", change.kind);
            looked_at += seen.len();
        }
    }
    assert!(looked_at > 5, "{report:?}");
}

#[tokio::test]
async fn late_entries_and_corrections_are_learned_and_moves_have_happened() {
    let world = World::new();
    let [known, late, slip, wrong] = [1, 2, 3, 4].map(Uuid::from_u128);
    for customer in [known, slip] {
        world.register(customer, hour(0)).await;
    }
    let (entry, _) = world.register(wrong, hour(0)).await;
    let (moved, before) = world.move_to(slip, hour(1), "lost").await;
    world.register(late, hour(2)).await;
    world.append(slip, hour(1), retarget(moved, "quoted")).await;
    world.append(wrong, hour(0), void(entry)).await;
    let (_, after) = world.move_to(known, hour(20), "won").await;
    let projections = world.projections("p").await;
    for name in MODELS {
        projections.steps(name, 10).await;
    }
    let report = changes(&projections, &query((10, before), (30, after), CohortFilter::default())).await;
    let told = |changes: &[ChangeReport]| {
        changes
            .iter()
            .map(|change| {
                let amount = change.amounts.first().map(|money| money.amount.clone());
                (change.kind, change.count, amount.unwrap_or_default())
            })
            .collect::<Vec<_>>()
    };
    let one = |kind, amount: &str| (kind, 1, amount.to_owned());
    assert_eq!((report.opening.count, report.restated.count, report.closing.count), (2, 3, 2));
    assert_eq!(
        told(&report.learned)[..3],
        [
            one(ChangeKind::KnownLate, "10.50"),
            one(ChangeKind::Withdrawn, "-10.50"),
            one(ChangeKind::CorrectedIn, "10.50"),
        ]
    );
    assert_eq!(told(&report.happened)[0], one(ChangeKind::Won, "-10.50"));
    assert_eq!(report.closing.amounts[0].amount, "21.00");
}
