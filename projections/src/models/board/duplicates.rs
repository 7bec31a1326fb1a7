//! Customers that look alike: who may be the same as one, how surely, and why.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::identity::{Reason, duplicate_match, grams};
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::customer::Customer;
use super::report::OwnerReport;
use super::row::{read_card, read_customer};
use super::snapshot::BoardSnapshot;
use super::statements::{ALIKE, CARDS_AMONG, CUSTOMERS_AMONG, REGISTERED_AFTER};
use crate::db::{Value, values};
use crate::error::{ProjectionError, Result};
use crate::models::snapshot::Snapshot;
use crate::query::{AnyOf, visibility_binds};
use crate::storage::table::fetch_by_keys;

/// How many customers that share a mark are compared.
const COMPARED: u32 = 500;
/// How many customers a page of the queue looks at.
const LOOKED_AT: u32 = 200;
/// How many marks the statement takes.
const MARKS: usize = 24;

/// A customer that may be the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspectReport {
    /// The person.
    pub customer_id: Uuid,
    /// The name.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: OwnerReport,
    /// How sure, from 0 to 1.
    #[schema(example = 0.95)]
    pub score: f64,
    /// Why: `same_company_name`, `similar_company_name`, `same_name`, `other_place`, `same_email_domain`.
    #[schema(example = json!(["same_company_name"]))]
    pub reasons: Vec<String>,
}

/// The customers that may be the same as one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspectsReport {
    /// How far the read model had come.
    pub position: Position,
    /// The surest first.
    pub items: Vec<SuspectReport>,
}

/// A customer, and those registered before it that may be the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspectedReport {
    /// The person.
    pub customer_id: Uuid,
    /// The name.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: OwnerReport,
    /// Who was there before, the surest first.
    pub suspects: Vec<SuspectReport>,
}

/// A page of the queue of suspects.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspectQueue {
    /// How far the read model had come.
    pub position: Position,
    /// Customers in the order of their registration. There may be none on a page that is not the last.
    pub items: Vec<SuspectedReport>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

/// What is asked of the queue.
#[derive(Debug, Clone)]
pub struct SuspectQuery {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How many customers at most.
    pub limit: usize,
    /// Suspects less sure than this are left out.
    pub least: f64,
    /// Whose customers, the later ones of each pair.
    pub owner: Option<Owner>,
    /// The sub-status that a journey of the later one stands in now.
    pub sub_status: Option<AnyOf>,
}

impl BoardSnapshot {
    /// Who may be the same as a customer, the surest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn suspects(
        &mut self,
        id: Uuid,
        limit: usize,
        visibility: &Visibility,
    ) -> Result<SuspectsReport> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows = fetch_by_keys(&mut snapshot.transaction, &CUSTOMERS_AMONG, &head, &[id.into()]).await?;
        let sought = rows.first().map(read_customer).transpose()?;
        let mut items = match &sought {
            Some(sought) => {
                alike(snapshot, sought, visibility).await?.into_iter().map(|(_, suspect)| suspect).collect()
            }
            None => Vec::new(),
        };
        items.truncate(limit);
        Ok(SuspectsReport { position: snapshot.position, items })
    }
}

impl BoardSnapshot {
    /// A page of the tenant's queue of suspects: who may have been registered twice.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn suspect_queue(
        &mut self,
        query: &SuspectQuery,
        visibility: &Visibility,
    ) -> Result<SuspectQueue> {
        let snapshot = &mut self.0;
        let after = query.cursor.as_deref().map_or(Ok(0), str::parse::<Position>);
        let after = after.map_err(|_| ProjectionError::BadCursor)?;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let values = [&head[..], &values![after, LOOKED_AT], &visibility_binds(visibility)].concat();
        let rows = snapshot.transaction.rows(REGISTERED_AFTER, &values).await?;
        let mut page = SuspectQueue { position: snapshot.position, items: Vec::new(), next_cursor: None };
        for (place, row) in rows.iter().enumerate() {
            let found = fetch_by_keys(
                &mut snapshot.transaction,
                &CUSTOMERS_AMONG,
                &head,
                &[row.uuid("customer")?.into()],
            )
            .await?;
            let Some(later) = found.first().map(read_customer).transpose()? else { continue };
            if query.owner.as_ref().is_some_and(|owner| *owner != later.traits.owner) {
                continue;
            }
            if let Some(wanted) = &query.sub_status
                && !stands_in(snapshot, later.id, wanted).await?
            {
                continue;
            }
            let suspects = alike(snapshot, &later, visibility).await?;
            let suspects = suspects.into_iter().filter(|(created, suspect)| {
                *created < later.created_position && suspect.score >= query.least
            });
            let suspects: Vec<SuspectReport> = suspects.map(|(_, suspect)| suspect).collect();
            if !suspects.is_empty() {
                let owner = OwnerReport::of(&later.traits.owner);
                page.items.push(SuspectedReport { customer_id: later.id, name: later.name, owner, suspects });
            }
            if page.items.len() == query.limit && place + 1 < rows.len() {
                page.next_cursor = Some(row.position("created_position")?.to_string());
                return Ok(page);
            }
        }
        if let Some(last) = rows.last().filter(|_| rows.len() == LOOKED_AT as usize) {
            page.next_cursor = Some(last.position("created_position")?.to_string());
        }
        Ok(page)
    }
}

/// Whether a journey of a customer stands in one of some sub-statuses.
async fn stands_in(snapshot: &mut Snapshot, customer: Uuid, wanted: &AnyOf) -> Result<bool> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    for row in fetch_by_keys(&mut snapshot.transaction, CARDS_AMONG, &head, &[customer.into()]).await? {
        let (_, _, card) = read_card(&row)?;
        if card.sub_status.is_some_and(|held| wanted.contains(&held)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who may be the same, the surest first, each with where it was registered.
async fn alike(
    snapshot: &mut Snapshot,
    sought: &Customer,
    visibility: &Visibility,
) -> Result<Vec<(Position, SuspectReport)>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let evidence = sought.evidence();
    let mut marks: Vec<Value> = grams(&evidence).into_iter().map(Value::from).collect();
    let Some(first) = marks.first().cloned() else { return Ok(Vec::new()) };
    marks.resize(MARKS, first);
    let values = [&head[..], &marks, &[COMPARED.into()], &visibility_binds(visibility)].concat();
    let rows = snapshot.transaction.rows(ALIKE, &values).await?;
    let mut ids: Vec<Value> = Vec::with_capacity(rows.len());
    for row in &rows {
        let other = row.uuid("customer")?;
        if other != sought.id {
            ids.push(other.into());
        }
    }
    let mut found = Vec::new();
    for row in fetch_by_keys(&mut snapshot.transaction, &CUSTOMERS_AMONG, &head, &ids).await? {
        let other = read_customer(&row)?;
        if let Some(duplicate_match) = duplicate_match(&evidence, &other.evidence())
            .filter(|found| !sought.is_distinct_from(&other, found))
        {
            let suspect = SuspectReport {
                customer_id: other.id,
                owner: OwnerReport::of(&other.traits.owner),
                name: other.name,
                score: duplicate_match.score,
                reasons: duplicate_match.reasons.into_iter().map(Reason::as_str).map(str::to_owned).collect(),
            };
            found.push((other.created_position, suspect));
        }
    }
    found.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score).then(a.customer_id.cmp(&b.customer_id)));
    Ok(found)
}
