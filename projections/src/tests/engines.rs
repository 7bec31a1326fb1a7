//! What holds on PostgreSQL: the same rows as on SQLite, nodes that share the work, tenants apart, and indexes used.

use std::time::Duration;

use uuid::Uuid;
use waymark_eventstore::TenantId;

use super::world::{Chance, History, MODELS, TENANT, World, hour};
use crate::db::{Commit, Db, Value, values};
use crate::models::registry;
use crate::runtime::nodes::{Node, Nodes};
use crate::storage::schema;
use crate::{Projections, board, dwell, timeline, work};

const LI: Uuid = Uuid::from_u128(1);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn both_engines_fold_the_same_log_into_the_same_rows() {
    for seed in [3, 4] {
        let (world, mut chance, mut history) = (World::new(), Chance::new(seed), History::default());
        for _ in 0..150 {
            history.go_on(&world, &mut chance).await;
        }
        let Some(postgres) = world.node("p", 1).await else { return };
        let sqlite =
            Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
        for name in MODELS {
            postgres.steps(name, 17).await;
            sqlite.steps(name, 40).await;
        }
        assert_eq!(postgres.dumps().await, sqlite.dumps().await, "seed {seed}");
    }
}

#[tokio::test]
async fn a_node_that_dies_is_replaced_and_one_that_leaves_at_once() {
    let world = World::new();
    let Some(first) = world.node("p", 1).await else { return };
    let second = world.node("p", 2).await.unwrap();
    let (_, position) = world.register(LI, hour(0)).await;
    let dying = tokio::spawn(first.clone().run(std::future::pending()));
    assert!(first.wait_for(TENANT, "board", position, LONG).await.unwrap() >= position);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let leaving = tokio::spawn(second.clone().run(async move { drop(stopped.await) }));

    // As a power cut would: nothing is said to anybody.
    dying.abort();
    let (_, position) = world.move_to(LI, hour(1), "quoted").await;
    for name in MODELS {
        assert!(second.wait_for(TENANT, name, position, LONG).await.unwrap() >= position);
    }

    stop.send(()).unwrap();
    leaving.await.unwrap();
    let third = world.node("p", 3).await.unwrap();
    let (_, position) = world.move_to(LI, hour(2), "won").await;
    third.catch_up(TENANT, |_, _| {}).await.unwrap();
    assert!(third.status(TENANT).await.unwrap().iter().all(|status| status.position == position));
    let alone = world.node("alone", 4).await.unwrap();
    alone.catch_up(TENANT, |_, _| {}).await.unwrap();
    assert_eq!(third.dumps().await, alone.dumps().await);
}

#[tokio::test]
async fn a_seat_is_left_alone_while_its_holder_lives() {
    let world = World::new();
    let Some(holder) = world.node("p", 1).await else { return };
    world.register(LI, hour(0)).await;
    let engine = holder.engine();
    engine.nodes.as_ref().unwrap().heartbeat(&engine.db, 1).await.unwrap();
    holder.steps("board", 10).await;
    let other = world.node("p", 2).await.unwrap();
    world.move_to(LI, hour(1), "quoted").await;
    assert_eq!(other.step("board", 10).await.unwrap(), 0, "its holder lives");
    engine.nodes.as_ref().unwrap().leave(&engine.db).await.unwrap();
    assert_eq!(other.step("board", 10).await.unwrap(), 1, "its holder has left");
}

#[tokio::test]
async fn a_beat_is_what_tells_that_a_node_lives() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    let db = &projections.engine().db;
    let seconds = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let passed = seconds.clone();
    let clock: waymark_eventstore::Clock = std::sync::Arc::new(move || {
        hour(0) + chrono::TimeDelta::seconds(passed.load(std::sync::atomic::Ordering::Relaxed))
    });
    let [one, other] = [1, 2].map(|id| Nodes::new(Node { id: Uuid::from_u128(id), clock: clock.clone() }, 3));
    one.heartbeat(db, 1).await.unwrap();
    assert!(other.is_other_alive(db, Some(one.me())).await.unwrap());
    seconds.store(3, std::sync::atomic::Ordering::Relaxed);
    assert!(!other.is_other_alive(db, Some(one.me())).await.unwrap(), "three seconds of silence");
    one.heartbeat(db, 2).await.unwrap();
    assert!(other.is_other_alive(db, Some(one.me())).await.unwrap(), "it was only slow");
    assert!(!one.is_other_alive(db, Some(one.me())).await.unwrap(), "oneself is nobody else");
    assert!(!one.is_other_alive(db, None).await.unwrap());
}

/// What a query counts in a transaction that names this tenant.
async fn count(db: &Db, named: TenantId, sql: &'static str, values: &[Value]) -> i64 {
    db.read(named).await.unwrap().row(sql, values).await.unwrap().unwrap().int(0).unwrap()
}

#[tokio::test]
async fn an_ordinary_role_sees_the_rows_of_the_tenant_it_names_and_makes_no_tables() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    world.register(LI, hour(0)).await;
    projections.steps("board", 10).await;
    let database = world.database.get().unwrap().as_ref().unwrap();
    let role = format!("waymark_ordinary_{}", std::process::id());
    database.script(&format!("CREATE ROLE {role} LOGIN")).await;
    projections.engine().db.secure(&role, &schema::scripts()).await.unwrap();
    let url = database.url.replacen("postgres@", &format!("{role}@"), 1);
    let db = Db::postgres(&url, "s_p", Commit::Lazy, 6).await.unwrap();
    schema::create(&db).await.unwrap();

    let customers = "SELECT count(*) FROM board_customer WHERE tenant_id = $1";
    let other = TenantId(Uuid::from_u128(8));
    assert_eq!(count(&db, TENANT, customers, &values![TENANT.0]).await, 1);
    assert_eq!(count(&db, other, customers, &values![TENANT.0]).await, 0, "another tenant was named");
    assert_eq!(
        count(&db, other, "SELECT count(*) FROM stays_v1", &[]).await,
        0,
        "views show no more than their tables"
    );
    let dropped = db.write(TENANT).await.unwrap().execute("DROP TABLE board_customer", &[]).await;
    assert!(dropped.is_err());

    db.close().await;
    projections.close().await;
    database.script(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// Many rows of this tenant and of others, so that a wrong plan would be dearer than the right one.
const MANY: &str = "
    SET search_path = s_p;
    INSERT INTO dwell_move SELECT t.id, 1, 'sales', md5(n::text)::uuid, n, n, n, NULL, md5(n::text)::uuid, 'new', NULL,
        1, 0, 'rep:li', 1, n, 'person', 'moved', 1
    FROM (VALUES ('00000000-0000-0000-0000-000000000007'::uuid), ('00000000-0000-0000-0000-000000000008')) t (id),
        generate_series(1, 20000) n;
    INSERT INTO timeline_row SELECT t.id, 1, md5((n / 10)::text)::uuid, n, n, NULL, md5(n::text)::uuid, 'moved', n, n, 'rep:li',
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 'person',
        CASE n % 50 WHEN 0 THEN 'correction' WHEN 1 THEN 'follow_up' END, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (VALUES ('00000000-0000-0000-0000-000000000007'::uuid), ('00000000-0000-0000-0000-000000000008')) t (id),
        generate_series(1, 20000) n;
    INSERT INTO board_customer (tenant_id, generation, customer, created_position, version, external_id, contacts, owner_kind, owner_id,
        owned_since, tags, erased, profile, touches, withdrawn, documents, contents, distinct_from, looks_since, search_text,
        search_contacts, tier_order, value_order, at_risk, valid_times, tracked_until)
    SELECT t.id, 1, md5(n::text)::uuid, n, 1, 'x-' || n, '[]', 'rep', 'li', n, '[]', 0, '{}', '[]', 0, '[]', '[]', '{}', 1, 'x-' || n, '', '',
        n, 0, '{}', n
    FROM (VALUES ('00000000-0000-0000-0000-000000000007'::uuid), ('00000000-0000-0000-0000-000000000008')) t (id),
        generate_series(1, 20000) n;
    INSERT INTO board_card SELECT t.id, 1, md5(n::text)::uuid, 'sales', 1, 1, 'new', NULL, n, n, n, n
    FROM (VALUES ('00000000-0000-0000-0000-000000000007'::uuid), ('00000000-0000-0000-0000-000000000008')) t (id),
        generate_series(1, 20000) n;
    INSERT INTO work_customer SELECT t.id, 1, md5(n::text)::uuid, 'rep', 'li', NULL, NULL, n,
        CASE WHEN n % 100 = 0 THEN n END, n, n, 0, 'sales', 'new', n, 0
    FROM (VALUES ('00000000-0000-0000-0000-000000000007'::uuid), ('00000000-0000-0000-0000-000000000008')) t (id),
        generate_series(1, 20000) n;
    INSERT INTO work_standing (tenant_id, generation, journey, stage, entered_at, customer, went_back)
    SELECT t.id, 1, 'sales', 'stage-' || n % 10, n, md5(n::text)::uuid, 0
    FROM (VALUES ('00000000-0000-0000-0000-000000000007'::uuid), ('00000000-0000-0000-0000-000000000008')) t (id),
        generate_series(1, 20000) n;
    ANALYZE work_customer; ANALYZE work_standing; ANALYZE dwell_move; ANALYZE timeline_row; ANALYZE board_customer; ANALYZE board_card;";

/// The statements that people wait for, with plausible values.
fn hot() -> Vec<(String, Vec<Value>)> {
    let tenant = TENANT.0;
    let among = |sql: &str| crate::storage::table::among(sql, 2, 100);
    let none = || Value::Null;
    let whose = vec![none(); 6];
    let unlike = vec![none(); 3];
    let contacts = [&values![tenant, 1_i64, 50_i64, 100_i64, 100_i64][..], &whose, &unlike].concat();
    let from = |page: &[Value]| [&contacts[..], page].concat();
    let standing =
        [&values![tenant, 1_i64, "sales", "stage-1", 100_i64][..], &whose, &vec![none(); 6], &unlike]
            .concat();
    let keys = [&values![tenant, 1_i64][..], &vec![LI.into(); 100]].concat();
    vec![
        (board::statements::LISTED.clone(), values![tenant, 1_i64, LI, 1_000_i64].to_vec()),
        (board::statements::STAGES.to_owned(), values![tenant, 1_i64, LI, "sales", 1_000_i64].to_vec()),
        (
            board::statements::CARDS_OF.clone(),
            values![tenant, 1_i64, "sales", "new", 7_i64, LI, 1_000_i64].to_vec(),
        ),
        (board::statements::BY_EXTERNAL_ID.to_owned(), values![tenant, 1_i64, "x-7"].to_vec()),
        (among(&board::statements::CUSTOMERS_AMONG), keys.clone()),
        (among(board::statements::CARDS_AMONG), keys),
        (timeline::statements::KNOWN.to_owned(), values![tenant, 1_i64, LI, i64::MAX].to_vec()),
        (dwell::statements::KNOWN.to_owned(), values![tenant, 1_i64, "sales", LI, i64::MAX].to_vec()),
        (dwell::statements::TAIL.to_owned(), values![tenant, 1_i64, "sales", LI].to_vec()),
        (
            dwell::statements::JOURNEYS.to_owned(),
            values![tenant, 1_i64, "sales", LI, i64::MAX, 1_000_i64].to_vec(),
        ),
        (dwell::statements::NEXT_JOURNEY.to_owned(), values![tenant, 1_i64, ""].to_vec()),
        (work::statements::CONTACTS.to_owned(), from(&values![60_i64, LI, 50_i64])),
        (work::statements::CONTACTS_COUNTED.to_owned(), contacts.clone()),
        (
            work::statements::STANDING.to_owned(),
            [&standing[..], &values![60_i64, LI, "sales", 50_i64]].concat(),
        ),
        (work::STANDING_COUNTED.to_string(), standing.clone()),
        (timeline::statements::CORRECTIONS.to_owned(), values![tenant, 1_i64, "sales", i64::MAX].to_vec()),
        (timeline::statements::ACTIVITIES.to_owned(), values![tenant, 1_i64, i64::MAX, i64::MAX].to_vec()),
        (timeline::statements::PLANS.to_owned(), values![tenant, 1_i64, i64::MAX, i64::MAX].to_vec()),
        (
            timeline::statements::REP_ACTIVITIES.to_owned(),
            values![tenant, 1_i64, i64::MAX, 0_i64, 1_000_i64].to_vec(),
        ),
    ]
}

/// The steps of each hot statement's plan; on SQLite and PostgreSQL it stands in another column.
async fn plans(projections: &Projections, explain: &str, column: usize) -> Vec<(String, Vec<String>)> {
    let mut plans = Vec::new();
    for (sql, values) in hot() {
        let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
        let plan = transaction.fetch_dynamic(format!("{explain} {sql}").into(), values).await.unwrap();
        plans.push((sql, plan.iter().map(|row| row.text(column).unwrap()).collect()));
    }
    plans
}

#[tokio::test]
async fn hot_statements_read_by_index_and_never_a_whole_table() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    world.database.get().unwrap().as_ref().unwrap().script(MANY).await;
    for (sql, plan) in plans(&projections, "EXPLAIN", 0).await {
        assert!(!plan.iter().any(|line| line.contains("Seq Scan")), "{sql}\n{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn hot_statements_read_by_index_and_never_a_whole_table_on_sqlite() {
    let world = World::new();
    let projections =
        Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
    for (sql, plan) in plans(&projections, "EXPLAIN QUERY PLAN", 3).await {
        // A scan by an index is a walk over all of it, too. What a part of the statement has made is no table.
        let made = |name: &str| plan.iter().any(|step| step.strip_prefix("CO-ROUTINE ") == Some(name));
        let scanned = plan.iter().filter_map(|step| step.strip_prefix("SCAN "));
        let walks = scanned.filter(|name| *name != "CONSTANT ROW").any(|name| !made(name));
        assert!(!walks, "{sql}\n{}", plan.join("\n"));
        let searches = plan.iter().filter(|step| step.starts_with("SEARCH"));
        let by_tenant = searches.clone().all(|step| step.contains("tenant_id=?"));
        assert!(by_tenant && searches.count() > 0, "{sql}\n{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn generations_are_compared_along_their_keys() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    for table in registry::all().iter().flat_map(|model| model.tables()) {
        // Nothing is known of the rows: so it is where a rebuild has just written them.
        let mut transaction = projections.engine().db.write(TENANT).await.unwrap();
        transaction.join_in_order().await.unwrap();
        let sql = format!("EXPLAIN {}", table.in_both());
        let plan = transaction.fetch_dynamic(sql.into(), values![TENANT.0, 1_i64, 2_i64]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.text(0).unwrap()).collect();
        let has = |step: &str| plan.iter().any(|line| line.contains(step));
        assert!(has("Merge Join") && !has("Sort") && !has("Nested Loop"), "{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn generations_are_compared_along_their_keys_on_sqlite() {
    let world = World::new();
    let projections =
        Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
    for table in registry::all().iter().flat_map(|model| model.tables()) {
        let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", table.in_both());
        let plan = transaction.fetch_dynamic(sql.into(), values![TENANT.0, 1_i64, 2_i64]).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.text(3).unwrap()).collect();
        let last = table.columns[table.key - 1];
        let by_the_key = steps.last().is_some_and(|step| step.contains(&format!("{last}=?)")));
        assert!(by_the_key && steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:?}");
    }
}
