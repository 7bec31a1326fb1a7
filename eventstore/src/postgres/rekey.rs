//! Changes how stored keys are wrapped.

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::failure::Failure;
use super::{PostgresStore, precheck, row, write};
use crate::queue::Job;
use crate::rekey::{Rekeyable, Rekeying, Retag, retagged};
use crate::{StoreError, TenantId};

const TENANT_KEY: &str = include_str!("tenant_key.sql");
const REPLACE_TENANT_KEY: &str = include_str!("replace_tenant_key.sql");
const BLIND_TAGS: &str = include_str!("blind_tags.sql");
const DELETE_ALL_BLIND_TAGS: &str = include_str!("delete_all_blind_tags.sql");
const IMPORT_TAGS: &str = include_str!("import_tags.sql");

/// Tags written at a time.
const TAGS: usize = 2_000;

#[async_trait]
impl Rekeyable for PostgresStore {
    async fn rekey(&self, tenant: TenantId, rekeying: Rekeying) -> Result<bool, StoreError> {
        self.ask(tenant, |answer| Job::Rekey(tenant, rekeying, answer)).await
    }
}

/// Writes a change, under the lock of the head. False when there is nothing to commit, because the tenant's key is stored in a
/// third form. One whose commit was not answered may be written again: it finds the key in the form that it would give it.
pub(super) async fn write(
    connection: &mut PgConnection,
    tenant: TenantId,
    rekeying: &Rekeying,
) -> Result<bool, Failure> {
    match rekeying {
        Rekeying::DataKeys(keys) => {
            // An append that changes one of them has compared what is stored under the same lock.
            precheck::lock_head(connection, tenant).await?;
            write::rewrap(connection, tenant, keys.iter()).await?;
            Ok(true)
        }
        Rekeying::TenantKey { stored, wrapped, retag } => {
            let mut head = precheck::lock_head(connection, tenant).await?;
            let replace = sqlx::query(REPLACE_TENANT_KEY).bind(tenant.0).bind(stored.as_slice());
            let replaced = replace.bind(wrapped.as_slice()).execute(&mut *connection).await?;
            if replaced.rows_affected() == 0 {
                let found: Option<Vec<u8>> =
                    sqlx::query_scalar(TENANT_KEY).bind(tenant.0).fetch_optional(connection).await?;
                return Ok(found.as_ref() == Some(wrapped));
            }
            if let Some(retag) = retag {
                replace_blind_tags(connection, tenant, retag).await?;
            }
            head.erasures += 1;
            write::put_head(connection, tenant, &head).await?;
            Ok(true)
        }
    }
}

/// All of a tenant's: they are read before one of them is written, some 150 bytes each.
async fn replace_blind_tags(
    connection: &mut PgConnection,
    tenant: TenantId,
    retag: &Retag,
) -> Result<(), Failure> {
    let all = sqlx::query(BLIND_TAGS).bind(tenant.0).bind(Uuid::nil()).bind("").bind(0_i64).bind(i64::MAX);
    let rows = all.fetch_all(&mut *connection).await?;
    let tags = rows.iter().map(|found| {
        let subject: Uuid = row::get(found, "blind_subject")?;
        Ok((row::get(found, "tag")?, row::natural(found, "position")?, row::get(found, "type")?, subject))
    });
    let tags = retagged(tags.collect::<Result<Vec<_>, StoreError>>()?, retag)?;
    sqlx::query(DELETE_ALL_BLIND_TAGS).bind(tenant.0).execute(&mut *connection).await?;
    for page in tags.chunks(TAGS) {
        sqlx::query(IMPORT_TAGS)
            .bind(tenant.0)
            .bind(page.iter().map(|(tag, ..)| tag.as_str()).collect::<Vec<_>>())
            .bind(page.iter().map(|(_, position, ..)| position.cast_signed()).collect::<Vec<_>>())
            .bind(page.iter().map(|(_, _, event_type, _)| event_type.as_str()).collect::<Vec<_>>())
            .bind(page.iter().map(|(.., subject)| Some(*subject)).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
