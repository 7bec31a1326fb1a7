//! How the server carries out the statements: by index, and within one part of each table.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::Kind;
use crate::Append;
use crate::contract::{Bench, OTHER, TENANT, appended, receipt};

/// The statements of appending and of reading while people wait.
const HOT: [(&str, &str); 25] = [
    ("lock_head", include_str!("../lock_head.sql")),
    ("first_head", include_str!("../first_head.sql")),
    ("facts", include_str!("../precheck.sql")),
    ("taken", include_str!("../duplicates.sql")),
    ("insert_event", include_str!("../insert_event.sql")),
    ("insert_events", include_str!("../insert_events.sql")),
    ("insert_tag", include_str!("../insert_tag.sql")),
    ("insert_tags", include_str!("../insert_tags.sql")),
    ("insert_receipt", include_str!("../insert_receipt.sql")),
    ("insert_receipts", include_str!("../insert_receipts.sql")),
    ("insert_keys", include_str!("../insert_keys.sql")),
    ("insert_tile", include_str!("../insert_tile.sql")),
    ("tiles", include_str!("../tiles.sql")),
    ("leaf_hashes", include_str!("../leaf_hashes.sql")),
    ("put_head", include_str!("../put_head.sql")),
    ("destroy_keys", include_str!("../destroy_keys.sql")),
    ("delete_blind_tags", include_str!("../delete_blind_tags.sql")),
    ("page", include_str!("../page.sql")),
    ("matching", include_str!("../matching.sql")),
    ("position_at", include_str!("../position_at.sql")),
    ("receipt", include_str!("../receipt.sql")),
    ("data_keys", include_str!("../data_keys.sql")),
    ("head", include_str!("../head.sql")),
    ("tags_by_tag", include_str!("../tags_by_tag.sql")),
    ("position_of", include_str!("../position_of.sql")),
];

/// A log that is large enough for an index to be worth its while, and known to the planner.
async fn filled(kind: Kind) -> Option<Bench> {
    let bench = grown(kind).await?;
    bench.database().sql("ANALYZE").await;
    Some(bench)
}

/// So that a log of some thousand entries is planned for as one of a million of which no more than the number is known.
const LIKE_A_LONG_ONE: &str = "UPDATE pg_class SET reltuples = 1000000, relpages = pg_relation_size(oid) / 8192 \
                               WHERE oid = 'event'::regclass";

/// The same, of which the planner knows nothing yet.
async fn grown(kind: Kind) -> Option<Bench> {
    let bench = Bench::postgres(kind).await?;
    for tenant in [TENANT, OTHER] {
        for page in 0..10 {
            let event = |number: u32| {
                let (tag, kind) = (format!("customer:{}", number % 97), format!("type.{}", number % 7));
                bench.event(&kind, &["a", &tag])
            };
            let append = Append {
                receipt: receipt(&format!("c{page}"), 1, "done"),
                ..Append::new(tenant, (0..300).map(event).collect())
            };
            appended(bench.store.append(append).await);
        }
    }
    Some(bench)
}

/// The plan of a statement for plausible values, made for them or made for any.
async fn plan(connection: &mut PgConnection, sql: &str, mode: &str) -> Vec<String> {
    run(connection, &format!("SET plan_cache_mode = {mode}")).await;
    run(connection, &format!("PREPARE hot AS {sql}")).await;
    let types: Vec<String> = sqlx::query_scalar(
        "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'hot'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let values: Vec<String> = types.iter().map(|of| plausible(of)).collect();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE hot ({})", values.join(", "));
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
    run(connection, "DEALLOCATE hot").await;
    rows.iter().map(|row| row.get(0)).collect()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

fn plausible(of: &str) -> String {
    let value = match of {
        "uuid" => TENANT.to_string(),
        "uuid[]" => format!("{{{TENANT},{}}}", OTHER.0),
        "bigint" => "100".to_owned(),
        "bigint[]" => "{1,2}".to_owned(),
        "text" => "customer:1".to_owned(),
        "text[]" => "{type.1,type.2}".to_owned(),
        "bytea" => r"\x01".to_owned(),
        "bytea[]" => r#"{"\\x01","\\x02"}"#.to_owned(),
        "jsonb" => {
            r#"[{"request":0,"after":2,"tag":"customer:1","types":["type.1"],"further":["a"],"type":"type.2"}]"#
                .to_owned()
        }
        other => panic!("no value of type {other}"),
    };
    format!("'{value}'")
}

async fn each_plan(bench: &Bench, mut check: impl FnMut(&str, &[String])) {
    let mut connection = bench.database().connect().await;
    for (name, sql) in HOT {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let steps = plan(&mut connection, sql, mode).await;
            check(&format!("{name}, {mode}:\n{}", steps.join("\n")), &steps);
        }
    }
}

#[tokio::test]
async fn no_hot_statement_walks_over_the_log() {
    let Some(bench) = filled(Kind::Plain).await else { return };
    each_plan(&bench, |context, steps| {
        let walks = steps.iter().any(|step| step.contains("Seq Scan on event"));
        assert!(!walks, "{context}");
    })
    .await;
}

#[tokio::test]
async fn no_page_of_a_log_that_has_just_grown_is_sorted() {
    let Some(bench) = grown(Kind::Plain).await else { return };
    let mut connection = bench.database().connect().await;
    run(&mut connection, LIKE_A_LONG_ONE).await;
    run(&mut connection, "SET plan_cache_mode = force_custom_plan").await;
    for (name, sql, binds) in [
        ("page", include_str!("../page.sql"), "100, 9223372036854775807, 10000"),
        ("records", include_str!("../records.sql"), "100, 10000"),
    ] {
        run(&mut connection, &format!("PREPARE paged AS {sql}")).await;
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE paged ('{TENANT}', {binds})");
        let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
        run(&mut connection, "DEALLOCATE paged").await;
        let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(!steps.iter().any(|step| step.contains("Sort")), "{name}:\n{}", steps.join("\n"));
    }
}

#[tokio::test]
async fn no_hot_statement_touches_two_parts_of_a_table() {
    let Some(bench) = filled(Kind::Partitioned).await else { return };
    each_plan(&bench, |context, steps| {
        let mut touched: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        // A plan made for any tenant lists every part that an update could concern; what it touches is what it scans.
        let scans = steps.iter().filter(|step| !step.trim_start().starts_with("Update on"));
        let scans = scans.filter(|step| !step.trim_start().starts_with("Delete on"));
        for word in scans.flat_map(|step| step.split_whitespace()) {
            // Indexes are named after the part and what they are over.
            if let Some((table, part)) = word.split_once("_part") {
                touched.entry(table).or_default().insert(&part[..1]);
            }
        }
        assert!(touched.values().all(|parts| parts.len() == 1), "{context}");
    })
    .await;
}

#[tokio::test]
async fn the_plans_hold_for_a_role_under_row_level_security() {
    let Some(bench) = filled(Kind::Secured).await else { return };
    let mut connection = bench.database().connect().await;
    run(&mut connection, &format!("SET ROLE waymark_test_role; SET app.tenant = '{TENANT}'")).await;
    for (name, sql) in HOT {
        let steps = plan(&mut connection, sql, "force_generic_plan").await;
        let walks = steps.iter().any(|step| step.contains("Seq Scan on event"));
        assert!(!walks, "{name}:\n{}", steps.join("\n"));
    }
}

#[tokio::test]
async fn every_hot_statement_is_one_task_of_a_cluster() {
    let Some(bench) = filled(Kind::Citus).await else { return };
    let mut connection = bench.database().connect().await;
    for (name, sql) in HOT {
        let steps = plan(&mut connection, sql, "force_custom_plan").await.join("\n");
        let routed = steps.contains("Citus Adaptive") && steps.contains("Task Count: 1");
        let gathered = steps.contains("pull to coordinator") || steps.contains("Distributed Subplan");
        assert!(routed && !gathered, "{name}:\n{steps}");
    }
}
