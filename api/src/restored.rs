//! A database that was restored from a backup knows nothing of the erasures since. They are carried out again, by the record
//! outside of it, before anybody is answered.
//!
//! A legal hold that the backup tells of does not keep the data: it was given up before the erasure, or that would have been
//! refused. What a crash leaves: erasures that are carried out again by the next start.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;
use waymark_domain::company::event::EndpointsErased;
use waymark_domain::customer::event::Erased;
use waymark_domain::{Actor, Role};
use waymark_eventstore::{Entry, EventStore, LogEnd, Query, QueryItem, TenantId};

use crate::app::{App, AppError, Caller, Endpoint};
use crate::erasure_record::{ErasedKind, Erasure, ErasureRecord, RecordState};
use crate::operator::host;

/// Who carries them out again.
pub(crate) const ACTOR: &str = "system:erasure-record";
/// How many keys are asked for at a time.
const KEYS_AT_ONCE: usize = 500;
/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// Carries out what the record tells of and the log does not know, and waits until the read models have forgotten it. What is
/// wrong with the record is said in the server log, by `/readyz` and by `waymark doctor`: the erasures in it that are as they
/// were written count all the same. Returns how many were carried out.
///
/// # Errors
/// When the log cannot be read, or cannot take them; or the read models cannot be brought up to it.
pub(crate) async fn erase_again(app: &App) -> Result<usize, AppError> {
    let looked = app.with_record(|record| (record.look(true), record.erasures())).await?;
    let Some((state, recorded)) = looked else { return Ok(0) };
    if let Some(fault) = state.fault {
        tracing::error!(%fault, "nobody can be erased until it is mended");
    }
    let mut of_tenants: BTreeMap<Uuid, Vec<Erasure>> = BTreeMap::new();
    for erasure in recorded {
        of_tenants.entry(erasure.tenant).or_default().push(erasure);
    }
    let mut all = 0;
    for (tenant, recorded) in of_tenants {
        let tenant = TenantId(tenant);
        let unknown = not_carried_out(&*app.store, tenant, recorded).await?;
        if unknown.is_empty() {
            continue;
        }
        let caller = caller(tenant);
        for erasure in &unknown {
            app.erase_again(&caller, erasure).await?;
        }
        app.projections.catch_up(tenant, |_, _| {}).await?;
        tracing::warn!(%tenant, count = unknown.len(), "erased again: the database was older than these erasures");
        all += unknown.len();
    }
    Ok(all)
}

/// The recorded erasures of a tenant whose keys are there.
///
/// # Errors
/// When the log cannot be read.
pub(crate) async fn not_carried_out(
    store: &dyn EventStore,
    tenant: TenantId,
    recorded: Vec<Erasure>,
) -> Result<Vec<Erasure>, AppError> {
    let mut found = Vec::new();
    for some in recorded.chunks(KEYS_AT_ONCE) {
        let subjects: Vec<Uuid> = some.iter().map(|erasure| erasure.subject).collect();
        let keys = store.data_keys(tenant, &subjects).await?;
        let is_there =
            |erasure: &&Erasure| keys.iter().any(|key| key.subject == erasure.subject && !key.destroyed);
        found.extend(some.iter().filter(is_there).cloned());
    }
    Ok(found)
}

/// Begins the record where there is none, and adds the erasures that the logs tell of and it does not: those from before there was
/// one, those of a log that was copied, and those whose lines were taken out of it. What cannot be written is said.
///
/// # Errors
/// When a log cannot be read.
pub(crate) async fn complete_record(app: &App) -> Result<(), AppError> {
    let now = (app.clock)();
    let ends: Vec<LogEnd> =
        app.store.ends().await?.into_iter().filter(|end| !end.log.is_access_log()).collect();
    match app.with_record(move |record| record.begin(now)).await? {
        Some(Ok(true)) if !ends.is_empty() => tracing::warn!(
            "there was no record of erasures, and one is begun by what the log tells: if this database was restored from a \
             backup, stop, put the record back and start again, or those erased since the backup are here again"
        ),
        Some(Err(fault)) => tracing::error!(%fault, "nobody can be erased until it can be written"),
        _ => {}
    }
    // Most logs tell of none, and are not asked.
    for tenant in ends.into_iter().filter(|end| end.erasures > 0).map(|end| end.log) {
        let told = told_by_log(&*app.store, tenant).await?;
        let added = app.with_record(move |record| {
            record.look(false);
            let unknown: Vec<Erasure> =
                told.into_iter().filter(|one| record.erasure(one.tenant, one.subject).is_none()).collect();
            match unknown.is_empty() {
                true => Ok(0),
                false => record.announce(&unknown, now).map(|_| unknown.len()),
            }
        });
        match added.await? {
            Some(Ok(count)) if count > 0 => {
                tracing::warn!(%tenant, count, "erasures that the log tells of were not in the record of erasures, and are now");
            }
            Some(Err(fault)) => {
                tracing::error!(%tenant, %fault, "erasures that the log tells of are not in the record");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The record of erasures beside the log of a tenant.
pub(crate) struct ErasuresFound {
    /// How the record is.
    pub(crate) state: RecordState,
    /// How many of the tenant are recorded.
    pub(crate) recorded: usize,
    /// How many of these there are whose keys are there.
    pub(crate) not_carried_out: usize,
    /// How many the log tells of that are not recorded.
    pub(crate) not_recorded: usize,
}

/// Compares a record with the log of a tenant.
///
/// # Errors
/// When the log cannot be read.
pub(crate) async fn compare(
    record: Arc<ErasureRecord>,
    store: &dyn EventStore,
    tenant: TenantId,
) -> Result<ErasuresFound, AppError> {
    // The log first: what is recorded meanwhile is in the record by then.
    let told = told_by_log(store, tenant).await?;
    let looked = tokio::task::spawn_blocking(move || (record.look(true), record.erasures())).await;
    let (state, mut recorded) = looked.map_err(|error| AppError::ErasureRecord(error.to_string()))?;
    recorded.retain(|erasure| erasure.tenant == tenant.0);
    let known: BTreeSet<Uuid> = recorded.iter().map(|erasure| erasure.subject).collect();
    let not_recorded = told.iter().filter(|erasure| !known.contains(&erasure.subject)).count();
    let count = recorded.len();
    let not_carried_out = not_carried_out(store, tenant, recorded).await?.len();
    Ok(ErasuresFound { state, recorded: count, not_carried_out, not_recorded })
}

/// What an event of an erasure says, where the other one's says nothing of the kind.
#[derive(Deserialize)]
struct ErasureData {
    #[serde(default)]
    ground: Option<String>,
    #[serde(default)]
    key: Option<Uuid>,
}

/// The erasures that a log tells of.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn told_by_log(store: &dyn EventStore, tenant: TenantId) -> Result<Vec<Erasure>, AppError> {
    let types = vec![Erased::TYPE.to_owned(), EndpointsErased::TYPE.to_owned()];
    let query = Query { items: vec![QueryItem { types, tags: Vec::new() }] };
    let until = store.head(tenant).await?.position;
    let (mut after, mut told) = (0, Vec::new());
    loop {
        let page = store.read_matching(tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
        for entry in &page {
            after = entry.position;
            told.extend(told_by_entry(tenant, entry)?);
        }
        if page.len() < ENTRIES_PER_PAGE as usize {
            return Ok(told);
        }
    }
}

fn told_by_entry(tenant: TenantId, entry: &Entry) -> Result<Option<Erasure>, AppError> {
    let unreadable = |error: serde_json::Error| AppError::Unreadable(error.to_string());
    let envelope = entry.envelope().map_err(unreadable)?;
    let ErasureData { ground, key } = serde_json::from_str(envelope.data.get()).map_err(unreadable)?;
    let (of, subject) = match key {
        Some(key) => (ErasedKind::Endpoints, Some(key)),
        None => {
            let customer = envelope.subject.strip_prefix("customer/").and_then(|id| id.parse().ok());
            (ErasedKind::Customer, customer)
        }
    };
    let erasure = |subject| Erasure {
        tenant: tenant.0,
        subject,
        of,
        ground,
        event_id: envelope.id,
        at: envelope.effective_at,
    };
    Ok(subject.map(erasure))
}

fn caller(tenant: TenantId) -> Caller {
    let endpoint =
        Endpoint { address: host(), client: Some(format!("waymark/{}", env!("CARGO_PKG_VERSION"))) };
    let actor = Actor::new(ACTOR, [Role::Admin]);
    Caller { tenant, actor, via: None, origin: None, endpoint: Some(Arc::new(endpoint)) }
}
