//! Customers as they are now: one, or a list of them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::customer::Customer;
use super::report::{CustomerReport, StageNames, report};
use super::row::{read_card, read_customer};
use super::snapshot::BoardSnapshot;
use super::statements::{CARDS_AMONG, CUSTOMERS_AMONG};
use crate::db::{Value, values};
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::models::work::reclaim::{reclaims_at, remaining_seconds};
use crate::models::work::tables::NAME as WORK;
use crate::storage::table::fetch_by_keys;

/// A page of customers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CustomerList {
    /// The customers, in the order asked for.
    pub items: Vec<CustomerReport>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// The business instant asked about: now when none was named.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about: now when none was named.
    pub known_at: DateTime<Utc>,
}

impl BoardSnapshot {
    /// A customer as it is now, if it is seen. `stage_name(pipeline, stage)` says what a stage is called.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn customer(
        &mut self,
        id: Uuid,
        visibility: &Visibility,
        now: DateTime<Utc>,
        names: StageNames<'_>,
    ) -> Result<(Option<CustomerReport>, Position)> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows = fetch_by_keys(&mut snapshot.transaction, &CUSTOMERS_AMONG, &head, &[id.into()]).await?;
        let mut customers = rows.iter().map(read_customer).collect::<Result<Vec<_>>>()?;
        customers.retain(|customer| {
            visibility.is_visible(customer.profile.texts.region(), &customer.traits.owner)
        });
        let found = with_cards(snapshot, customers).await?.pop().map(|customer| report(customer, now, names));
        let position = snapshot.position;
        let Some(mut customer) = found else { return Ok((None, position)) };
        snapshot.switch_model(WORK).await?;
        let reclaim_at = reclaims_at(snapshot, &[id]).await?.remove(&id);
        customer.remaining_ownership_seconds = reclaim_at.map(|at| remaining_seconds(at, now));
        Ok((Some(customer), position))
    }
}

/// The customers with their cards.
pub(super) async fn with_cards(
    snapshot: &mut Snapshot,
    mut customers: Vec<Customer>,
) -> Result<Vec<Customer>> {
    let head = values![snapshot.tenant.0, snapshot.generation];
    let ids: Vec<Value> = customers.iter().map(|customer| customer.id.into()).collect();
    for row in fetch_by_keys(&mut snapshot.transaction, CARDS_AMONG, &head, &ids).await? {
        let (id, pipeline, card) = read_card(&row)?;
        if let Some(customer) = customers.iter_mut().find(|customer| customer.id == id) {
            customer.cards.insert(pipeline, card);
        }
    }
    Ok(customers)
}
