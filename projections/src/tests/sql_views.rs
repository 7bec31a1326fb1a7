//! The views for people who write SQL say the same on both engines, and what the reports say.

use uuid::Uuid;
use waymark_domain::customer::event::{
    CustomerEvent, Money, Profile, TransactionKind, TransactionRecorded, TransactionVoided,
};
use waymark_domain::{ProfileField, ProfileTexts};

use super::world::{MODELS, TENANT, World, hour, registered};
use crate::Projections;
use crate::db::Row;

const LI: Uuid = Uuid::from_u128(1);

async fn rows(projections: &Projections, sql: &str) -> Vec<Row> {
    let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
    transaction.fetch_dynamic(sql.into(), Vec::new()).await.unwrap()
}

/// A column of texts.
async fn texts(projections: &Projections, sql: &str) -> Vec<Option<String>> {
    rows(projections, sql).await.iter().map(|row| row.opt_text(0).unwrap()).collect()
}

fn payment(amount: &str) -> CustomerEvent {
    CustomerEvent::TransactionRecorded(TransactionRecorded {
        kind: TransactionKind::Payment,
        reference: Some(amount.to_owned()),
        amount: Money { amount: amount.parse().unwrap(), currency: "CNY".to_owned() },
        note: None,
    })
}

async fn asserts(projections: &Projections) {
    let tenant = format!("tenant_id = '{}'", TENANT.0);
    let some = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
    let of =
        |columns: &str, view: &str, rest: &str| format!("SELECT {columns} FROM {view} WHERE {tenant} {rest}");
    let id = LI.to_string();
    assert_eq!(texts(projections, &of("customer_id", "customers_v1", "")).await, some(&[&id]));
    assert_eq!(texts(projections, &of("merged_into", "customers_v1", "")).await, [None]);
    let size = of(ProfileField::CompanySize.key(), "customers_v1", "");
    assert_eq!(texts(projections, &size).await, some(&["50-199"]));
    assert_eq!(texts(projections, &of("stage", "journeys_v1", "")).await, some(&["won"]));
    let stays = of("stage", "stays_v1", "ORDER BY entered_at");
    assert_eq!(texts(projections, &stays).await, some(&["new", "quoted", "won"]));
    assert_eq!(
        texts(projections, &of("left_to", "stays_v1", "ORDER BY entered_at")).await,
        [Some("quoted".to_owned()), Some("won".to_owned()), None]
    );
    // Half an hour and three microseconds in the one stage; instants are compared as such.
    let long = of("stage", "stays_v1", "AND seconds = 1800.000003");
    assert_eq!(texts(projections, &long).await, some(&["quoted"]));
    let entered = (hour(1)).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let at = of("stage", "stays_v1", &format!("AND entered_at = '{entered}'"));
    assert_eq!(texts(projections, &at).await, some(&["quoted"]));
    let before = of("stage", "moves_v1", &format!("AND effective_at < '{entered}'"));
    assert_eq!(texts(projections, &before).await, some(&["new"]));
    let sum = of("reference", "transactions_v1", "AND amount > 2");
    assert_eq!(texts(projections, &sum).await, some(&["10.50"]), "the voided one is left out");
}

#[tokio::test]
async fn the_views_say_the_same_on_both_engines() {
    let world = World::new();
    let mut register = registered(LI, "new");
    if let CustomerEvent::Registered(registered) = &mut register {
        let texts = ProfileTexts::default().with(ProfileField::CompanySize, "50-199");
        registered.profile = Some(Profile { texts, ..Profile::default() });
    }
    world.append(LI, hour(0), register).await;
    world.move_to(LI, hour(1), "quoted").await;
    let left = hour(1) + chrono::TimeDelta::microseconds(1_800_000_003);
    world.move_to(LI, left, "won").await;
    world.append(LI, hour(2), payment("10.50")).await;
    let (wrong, _) = world.append(LI, hour(2), payment("99.00")).await;
    let voided = TransactionVoided { transaction: wrong, reason: "booked twice".to_owned().into() };
    world.append(LI, hour(3), CustomerEvent::TransactionVoided(voided)).await;
    let sqlite = Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
    for name in MODELS {
        sqlite.steps(name, 3).await;
    }
    asserts(&sqlite).await;
    let Some(postgres) = world.node("p", 1).await else { return };
    for name in MODELS {
        postgres.steps(name, 3).await;
    }
    asserts(&postgres).await;
}
