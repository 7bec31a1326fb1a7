//! Customers that look alike: who may be the same as one, how surely, and why.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::identity::{Reason, grams, suspicion};
use waymark_domain::people::Sight;
use waymark_eventstore::Position;

use super::customer::Customer;
use super::list::OwnerReport;
use super::{ALIKE, CUSTOMERS_AMONG};
use crate::ask::{View, sight_values};
use crate::bulk::rows_among;
use crate::db::{Value, values};
use crate::error::Result;

/// How many customers that share a mark are compared.
const COMPARED: u32 = 500;
/// How many marks the statement takes.
const MARKS: usize = 24;

/// A customer that may be the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuspectReport {
    /// Who.
    pub customer_id: Uuid,
    /// What it is called.
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

/// Who may be the same as a customer, the surest first. Exact keys are not looked at: nobody is registered twice
/// under one.
pub(crate) async fn suspects(
    view: &mut View,
    id: Uuid,
    limit: usize,
    sight: &Sight,
) -> Result<SuspectsReport> {
    let head = values![view.tenant.0, view.generation];
    let rows = rows_among(&mut view.session, CUSTOMERS_AMONG, &head, &[id.into()]).await?;
    let mut report = SuspectsReport { position: view.position, items: Vec::new() };
    let Some(sought) = rows.first().map(Customer::read).transpose()? else { return Ok(report) };
    let evidence = sought.evidence();
    let mut marks: Vec<Value> = grams(&evidence).into_iter().map(Value::from).collect();
    let Some(first) = marks.first().cloned() else { return Ok(report) };
    marks.resize(MARKS, first);
    let values = [&head[..], &marks, &[COMPARED.into()], &sight_values(sight)].concat();
    let rows = view.session.rows(ALIKE, &values).await?;
    let mut ids: Vec<Value> = Vec::with_capacity(rows.len());
    for row in &rows {
        let other = row.uuid(0)?;
        if other != id {
            ids.push(other.into());
        }
    }
    for row in rows_among(&mut view.session, CUSTOMERS_AMONG, &head, &ids).await? {
        let other = Customer::read(&row)?;
        if let Some(found) = suspicion(&evidence, &other.evidence()) {
            report.items.push(SuspectReport {
                customer_id: other.id,
                owner: OwnerReport::of(&other.traits.owner),
                name: other.name,
                score: found.score,
                reasons: found.reasons.into_iter().map(Reason::as_str).map(str::to_owned).collect(),
            });
        }
    }
    report.items.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.customer_id.cmp(&b.customer_id)));
    report.items.truncate(limit);
    Ok(report)
}
