//! Row-level security: the second wall between tenants, should a statement ever forget the first.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use super::Kind;
use crate::Append;
use crate::contract::{Bench, OTHER, TENANT, appended, receipt};

/// A log of two tenants, and a connection of the ordinary role.
async fn two_tenants() -> Option<(Bench, PgConnection)> {
    let bench = Bench::postgres(Kind::Secured).await?;
    for tenant in [TENANT, OTHER] {
        let events = (0..300).map(|_| bench.event("e", &["a"])).collect();
        let append = Append { receipt: receipt("c", 1, "done"), ..Append::new(tenant, events) };
        appended(bench.store.append(append).await);
        bench.store.tenant_key(tenant, vec![1]).await.unwrap();
        bench.store.save_checkpoint(tenant, 300, "note").await.unwrap();
    }
    let role = PgConnection::connect(&bench.database().url()).await.unwrap();
    Some((bench, role))
}

const TABLES: [&str; 7] = ["log_head", "event", "event_tag", "receipt", "tenant_key", "tile", "checkpoint"];

/// How many tenants a transaction sees in a table after it has said this.
async fn tenants_seen(role: &mut PgConnection, before: &str, table: &str) -> i64 {
    let mut transaction = role.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(before.to_owned())).execute(&mut *transaction).await.unwrap();
    let sql = format!("SELECT count(DISTINCT tenant_id) FROM {table}");
    let seen = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await.unwrap().get(0);
    transaction.rollback().await.unwrap();
    seen
}

/// Why a transaction that has named a tenant may not do this.
async fn refusal(role: &mut PgConnection, sql: &str) -> String {
    let mut transaction = role.begin().await.unwrap();
    let naming = format!("SET LOCAL app.tenant = '{TENANT}'");
    sqlx::raw_sql(AssertSqlSafe(naming)).execute(&mut *transaction).await.unwrap();
    let error = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *transaction).await.unwrap_err();
    let state = error.as_database_error().and_then(DatabaseError::code).unwrap().into_owned();
    transaction.rollback().await.unwrap();
    state
}

#[tokio::test]
async fn a_transaction_sees_the_tenant_it_named_and_no_other() {
    let Some((_bench, mut role)) = two_tenants().await else { return };
    for table in TABLES {
        let named = format!("SET LOCAL app.tenant = '{TENANT}'");
        assert_eq!(tenants_seen(&mut role, &named, table).await, 1, "{table}");
        assert_eq!(tenants_seen(&mut role, "SELECT 1", table).await, 0, "{table}, nobody named");
        assert_eq!(tenants_seen(&mut role, "SET LOCAL app.tenant = ''", table).await, 0, "{table}, emptied");
    }
}

#[tokio::test]
async fn the_system_sees_where_logs_end_and_nothing_in_them() {
    let Some((_bench, mut role)) = two_tenants().await else { return };
    let system = "SET LOCAL app.tenant = '00000000-0000-0000-0000-000000000000'";
    assert_eq!(tenants_seen(&mut role, system, "log_head").await, 2);
    for table in &TABLES[1..] {
        assert_eq!(tenants_seen(&mut role, system, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_row_of_another_tenant_cannot_be_written() {
    let Some((_bench, mut role)) = two_tenants().await else { return };
    let insert = format!("INSERT INTO tenant_key VALUES ('{}', '')", uuid::Uuid::from_u128(0xc));
    assert_eq!(refusal(&mut role, &insert).await, "42501");
    let mut transaction = role.begin().await.unwrap();
    let naming = format!("SET LOCAL app.tenant = '{TENANT}'");
    sqlx::raw_sql(AssertSqlSafe(naming)).execute(&mut *transaction).await.unwrap();
    let moved = sqlx::query("UPDATE log_head SET erasures = 1 WHERE tenant_id = $1").bind(OTHER.0);
    assert_eq!(moved.execute(&mut *transaction).await.unwrap().rows_affected(), 0);
}

#[tokio::test]
async fn what_was_recorded_can_be_neither_changed_nor_deleted() {
    let Some((_bench, mut role)) = two_tenants().await else { return };
    for sql in [
        "UPDATE event SET type = 'f'",
        "DELETE FROM event",
        "TRUNCATE event",
        "UPDATE event_tag SET tag = 'b'",
        "UPDATE receipt SET outcome = ''",
        "UPDATE tile SET hashes = ''",
        "DELETE FROM tile",
        "DELETE FROM log_head",
        "UPDATE tenant_key SET wrapped = ''",
        "DELETE FROM data_key",
        "UPDATE log_layout SET version = 0",
    ] {
        assert_eq!(refusal(&mut role, sql).await, "42501", "{sql}");
    }
}

#[tokio::test]
async fn securing_twice_changes_nothing() {
    let Some((bench, _role)) = two_tenants().await else { return };
    super::super::secure(&bench.database().owner_url(), "waymark_test_role").await.unwrap();
    assert_eq!(bench.head().await, 300);
}

#[tokio::test]
async fn a_role_whose_name_needs_quotes_is_named_rightly() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let unknown =
        super::super::secure(&bench.database().owner_url(), "no \"such\" role; DROP TABLE event").await;
    assert!(unknown.unwrap_err().to_string().contains("does not exist"));
    assert_eq!(bench.tagged(&[]).await, 1);
}

#[tokio::test]
async fn of_receipts_only_refusals_can_be_deleted() {
    let Some((bench, mut role)) = two_tenants().await else { return };
    for tenant in [TENANT, OTHER] {
        let refusal = Append { receipt: receipt("no", 1, "no"), ..Append::new(tenant, Vec::new()) };
        appended(bench.store.append(refusal).await);
    }
    let mut transaction = role.begin().await.unwrap();
    let naming = format!("SET LOCAL app.tenant = '{TENANT}'");
    sqlx::raw_sql(AssertSqlSafe(naming)).execute(&mut *transaction).await.unwrap();
    let gone = sqlx::raw_sql("DELETE FROM receipt").execute(&mut *transaction).await.unwrap();
    assert_eq!(gone.rows_affected(), 1);
    transaction.rollback().await.unwrap();
    let after =
        bench.store.receipt(TENANT, "no").await.unwrap().unwrap().recorded_at + chrono::TimeDelta::seconds(1);
    let named = || ["no", "c"].map(str::to_owned).to_vec();
    assert_eq!(bench.store.forget_refusals(TENANT, named(), after).await.unwrap(), 1);
    assert!(bench.store.receipt(TENANT, "c").await.unwrap().is_some());
    assert!(bench.store.receipt(OTHER, "no").await.unwrap().is_some());
}
