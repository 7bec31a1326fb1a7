//! Gathers, in a few statements for a whole batch, what the database knows that bears on it.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::{Failure, hex, row};
use crate::batch::{Facts, LogHead};
use crate::prepare::Request;
use crate::vault::WrappedKey;
use crate::{Position, Receipt, TenantId};

const HEAD: &str = "SELECT position, recorded_at, frontier, erasures FROM log_head WHERE tenant_id = ?1";
const RECEIPTS: &str = include_str!("receipts_known.sql");
const CONFLICTS_BY_TAG: &str = include_str!("conflicts_by_tag.sql");
const CONFLICTS_BY_TYPE: &str = include_str!("conflicts_by_type.sql");
const IDS_TAKEN: &str = include_str!("ids_taken.sql");
const KEYS: &str = include_str!("data_keys.sql");

/// Gathers the facts for these requests of one tenant. The caller holds the write lock.
pub(super) async fn gather(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
) -> Result<Facts, Failure> {
    let head = head(connection, tenant).await?;
    let conflicts = conflicts(connection, tenant, requests, head.position()).await?;
    Ok(Facts {
        receipts: receipts(connection, tenant, requests).await?,
        taken_ids: taken_ids(connection, tenant, requests).await?,
        keys: keys(connection, tenant, requests).await?,
        head,
        conflicts,
    })
}

/// The tenant's head row, or the head of an empty log.
pub(super) async fn head(connection: &mut SqliteConnection, tenant: TenantId) -> Result<LogHead, Failure> {
    let found = sqlx::query(HEAD).bind(tenant.0.as_bytes().as_slice()).fetch_optional(connection).await?;
    found.as_ref().map_or_else(|| Ok(LogHead::default()), |found| Ok(row::head(found)?))
}

async fn ask(
    connection: &mut SqliteConnection,
    sql: &'static str,
    tenant: TenantId,
    list: &[serde_json::Value],
) -> Result<Vec<SqliteRow>, Failure> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let list = serde_json::Value::from(list).to_string();
    Ok(sqlx::query(sql).bind(tenant.0.as_bytes().as_slice()).bind(list).fetch_all(connection).await?)
}

async fn receipts(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
) -> Result<HashMap<String, Receipt>, Failure> {
    let wanted: Vec<_> =
        requests.iter().filter_map(|request| Some(json!(request.receipt.as_ref()?.command_id))).collect();
    let rows = ask(connection, RECEIPTS, tenant, &wanted).await?;
    rows.iter().map(|found| Ok((found.try_get("command_id")?, row::receipt(found)?))).collect()
}

async fn taken_ids(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
) -> Result<HashSet<Uuid>, Failure> {
    let wanted: Vec<_> =
        requests.iter().flat_map(|request| &request.events).map(|event| json!(hex(event.id))).collect();
    let rows = ask(connection, IDS_TAKEN, tenant, &wanted).await?;
    rows.iter().map(|found| Ok(row::uuid(found, "id")?)).collect()
}

async fn keys(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
) -> Result<HashMap<Uuid, WrappedKey>, Failure> {
    let wanted: Vec<_> =
        requests.iter().flat_map(|request| &request.new_keys).map(|key| json!(hex(key.subject))).collect();
    let rows = ask(connection, KEYS, tenant, &wanted).await?;
    rows.iter()
        .map(|found| row::data_key(found).map(|key| (key.subject, key)).map_err(Failure::from))
        .collect()
}

/// By request: the last stored event that its condition forbids. The alternatives of all conditions are asked
/// together: those with tags by the tag index, those with types alone by the type index; those with neither
/// match every event, so the head itself answers them.
async fn conflicts(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
    head: Position,
) -> Result<HashMap<usize, Position>, Failure> {
    let (mut by_tag, mut by_type) = (Vec::new(), Vec::new());
    let mut last: HashMap<usize, Position> = HashMap::new();
    for (index, request) in requests.iter().enumerate() {
        let Some(condition) = request.condition.as_ref().filter(|condition| condition.after < head) else {
            continue;
        };
        for item in &condition.query.items {
            match (item.tags.split_first(), item.types.is_empty()) {
                (Some((tag, more)), _) => by_tag.push(json!([index, condition.after, tag, item.types, more])),
                (None, false) => by_type.push(json!([index, condition.after, item.types])),
                (None, true) => {
                    last.insert(index, head);
                }
            }
        }
    }
    let mut rows = ask(connection, CONFLICTS_BY_TAG, tenant, &by_tag).await?;
    rows.extend(ask(connection, CONFLICTS_BY_TYPE, tenant, &by_type).await?);
    for found in &rows {
        let index = row::natural(found, "request")?;
        let position = row::natural(found, "position")?;
        let known = last.entry(usize::try_from(index).unwrap_or(usize::MAX)).or_default();
        *known = position.max(*known);
    }
    Ok(last)
}
