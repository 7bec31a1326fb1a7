//! Changes how stored keys are wrapped.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::failure::Failure;
use super::hex::hex;
use super::{SqliteStore, query, row, write};
use crate::queue::Job;
use crate::rekey::{Rekeyable, Rekeying, Retag, retagged};
use crate::{StoreError, TenantId};

const TENANT_KEY: &str = include_str!("tenant_key.sql");
const REPLACE_TENANT_KEY: &str = include_str!("replace_tenant_key.sql");
const BLIND_TAGS: &str = include_str!("blind_tags.sql");
const DELETE_ALL_BLIND_TAGS: &str = include_str!("delete_all_blind_tags.sql");

/// Tags written at a time.
const TAGS: usize = 2_000;

#[async_trait]
impl Rekeyable for SqliteStore {
    async fn rekey(&self, tenant: TenantId, rekeying: Rekeying) -> Result<bool, StoreError> {
        self.ask(|answer| Job::Rekey(tenant, rekeying, answer)).await
    }
}

/// Writes a change. False when there is nothing to commit, because the tenant's key is stored in a third form. The caller holds
/// the write lock and commits.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    rekeying: &Rekeying,
) -> Result<bool, Failure> {
    let id = tenant.0.as_bytes().as_slice();
    match rekeying {
        Rekeying::DataKeys(keys) => {
            write::rewrap(connection, tenant, keys.iter()).await?;
            Ok(true)
        }
        Rekeying::TenantKey { stored, wrapped, retag } => {
            let replace = sqlx::query(REPLACE_TENANT_KEY).bind(id).bind(stored.as_slice());
            let replaced = replace.bind(wrapped.as_slice()).execute(&mut *connection).await?;
            if replaced.rows_affected() == 0 {
                let found: Option<Vec<u8>> =
                    sqlx::query_scalar(TENANT_KEY).bind(id).fetch_optional(connection).await?;
                return Ok(found.as_ref() == Some(wrapped));
            }
            if let Some(retag) = retag {
                replace_blind_tags(connection, tenant, retag).await?;
            }
            let (mut head, indexed) = query::head(connection, tenant).await?;
            head.erasures += 1;
            write::put_head(connection, tenant, &head, indexed).await?;
            Ok(true)
        }
    }
}

/// All of a tenant's: they are read before one of them is written, some 150 bytes each.
async fn replace_blind_tags(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    retag: &Retag,
) -> Result<(), Failure> {
    let id = tenant.0.as_bytes().as_slice();
    let nobody = Uuid::nil();
    let all = sqlx::query(BLIND_TAGS).bind(id).bind(nobody.as_bytes().as_slice()).bind("").bind(0).bind(-1);
    let rows = all.fetch_all(&mut *connection).await?;
    let tags = rows.iter().map(|found| {
        let subject = hex(row::uuid(found, "blind_subject")?);
        Ok((row::get(found, "tag")?, row::natural(found, "position")?, row::get(found, "type")?, subject))
    });
    let tags = retagged(tags.collect::<Result<Vec<_>, StoreError>>()?, retag)?;
    sqlx::query(DELETE_ALL_BLIND_TAGS).bind(id).execute(&mut *connection).await?;
    for page in tags.chunks(TAGS) {
        let page = page.iter().cloned();
        let rows =
            page.map(|(tag, position, event_type, subject)| (position, event_type, tag, Some(subject)));
        write::insert_tags(connection, tenant, rows.collect()).await?;
    }
    Ok(())
}
