//! Which open customers have long been left alone: by owner, stage and how long.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_eventstore::Position;

use super::{journeys, known, names, pasts};
use crate::board::OwnerReport;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::versions;
use crate::models::snapshot::Snapshot;
use crate::models::timeline::activities;
use crate::query::{AsOf, CohortFilter, only};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::cycles::cycles;
use crate::stats::{Micros, seconds};

/// Where bands begin, in days.
const BANDS: [u32; 6] = [0, 3, 7, 14, 30, 60];
/// A day.
const DAY: Micros = 86_400_000_000;
/// How many customers a cell names: the longest untouched ones.
const NAMED: usize = 20;

/// What is asked about neglect.
#[derive(Debug, Clone)]
pub struct NeglectQuery {
    /// The two times.
    pub at: AsOf,
    /// Whose customers.
    pub filter: CohortFilter,
}

/// A customer that was left alone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NeglectedCustomer {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, erased, or not for the caller to read.
    pub name: Option<String>,
    /// When anything was last done about it: a move, a conversation, a note, a change of what is known.
    pub touched_at: DateTime<Utc>,
    /// How long ago that was.
    pub untouched_seconds: f64,
}

/// The customers that were left alone for a number of days.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NeglectBand {
    /// From how many days on.
    pub from_days: u32,
    /// Up to how many, not included; null for all that are longer.
    pub to_days: Option<u32>,
    /// How many customers.
    pub count: usize,
    /// The longest untouched of them, twenty at most.
    pub customers: Vec<NeglectedCustomer>,
}

/// One owner's customers in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NeglectRow {
    /// Whose they are.
    pub owner: OwnerReport,
    /// The pipeline of the stage.
    pub pipeline: String,
    /// The stage.
    pub stage: String,
    /// How many.
    pub count: usize,
    /// By how long they have been left alone.
    pub bands: Vec<NeglectBand>,
}

/// The subject of a heat map of who has long been left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeglectSubject {
    /// Always this.
    Neglect,
}

/// Which open customers have long been left alone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NeglectReport {
    /// What the heat map shows, as in the request.
    pub by: NeglectSubject,
    /// The pipeline's key; null for all of them.
    pub pipeline: Option<String>,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// By owner, pipeline and stage: customers in a stage in which deals are worked.
    pub rows: Vec<NeglectRow>,
}

/// A customer with how long it has been left alone.
type Untouched = (Micros, Uuid);

impl ReportSnapshot {
    /// Which open customers of some pipelines have long been left alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn neglect(
        &mut self,
        definitions: &[Definition],
        query: &NeglectQuery,
    ) -> Result<NeglectReport> {
        let snapshot = &mut self.0;
        let known = known(snapshot, &query.at).await?;
        let done = activities::activities(snapshot, known, query.at.micros()).await?;
        let mut cells = Vec::new();
        for definition in definitions {
            cells.extend(untouched(snapshot, definition, query, (&done, known)).await?);
        }
        // Of one owner, in the order of pipelines and of stages.
        cells.sort_by(|(one, ..), (other, ..)| (&one.kind, &one.id).cmp(&(&other.kind, &other.id)));
        let ids: Vec<Uuid> = cells.iter().flat_map(|(.., cell)| shown(cell)).map(|(_, id)| id).collect();
        let names = names(snapshot, &ids, &query.at).await?;
        let at = &query.at;
        let customer = |(untouched, id): Untouched| NeglectedCustomer {
            customer_id: id,
            name: names.get(&id).cloned(),
            touched_at: instant(at.micros() - untouched),
            untouched_seconds: seconds(untouched),
        };
        let row = |(owner, pipeline, stage, cell): Cell| NeglectRow {
            owner,
            pipeline,
            stage,
            count: cell.len(),
            bands: bands(&cell)
                .into_iter()
                .map(|(from_days, to_days, band)| NeglectBand {
                    from_days,
                    to_days,
                    count: band.len(),
                    customers: band.into_iter().take(NAMED).map(customer).collect(),
                })
                .collect(),
        };
        Ok(NeglectReport {
            by: NeglectSubject::Neglect,
            pipeline: only(definitions).map(|one| one.pipeline.key.clone()),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            rows: cells.into_iter().map(row).collect(),
        })
    }
}

/// An owner's customers in a stage of a pipeline.
type Cell = (OwnerReport, String, String, Vec<Untouched>);

/// The open customers of a pipeline by owner and stage.
async fn untouched(
    snapshot: &mut Snapshot,
    definition: &Definition,
    query: &NeglectQuery,
    (done, known): (&HashMap<Uuid, Micros>, Position),
) -> Result<Vec<Cell>> {
    let NeglectQuery { at, filter } = query;
    let pipeline = &definition.pipeline.key;
    let journeys = journeys(snapshot, pipeline, at, known, filter).await?;
    let pasts = pasts(snapshot, known).await?;
    let kinds = definition.kinds(&journeys);
    let mut cells: BTreeMap<(String, String, u32), Vec<Untouched>> = BTreeMap::new();
    for (journey, records) in journeys.journeys(at.micros()) {
        let customer = journeys.customer(journey);
        let Some(last) = cycles(records).last().and_then(|cycle| cycle.last().copied()) else { continue };
        let is_worked = matches!(kinds.get(last.stage as usize), Some(Some(kind)) if kind.is_worked());
        if !is_worked || journeys.ended(journey, at.micros()).is_some() {
            continue;
        }
        let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
        let Some(then) = versions::at(past, at.micros()).or(past.first()) else { continue };
        let moved = records.last().map_or(last.entered, |record| record.at);
        let touched = done.get(&customer).map_or(moved, |done| moved.max(*done));
        let OwnerReport { kind, id } = OwnerReport::of(&then.owner);
        cells.entry((kind, id, last.stage)).or_default().push((at.micros() - touched, customer));
    }
    let cell = |((kind, id, stage), customers): ((String, String, u32), Vec<Untouched>)| {
        (OwnerReport { kind, id }, pipeline.clone(), journeys.stages.text(stage).to_owned(), customers)
    };
    Ok(cells.into_iter().map(cell).collect())
}

/// The customers of a cell by bands, the longest untouched first.
fn bands(cell: &[Untouched]) -> Vec<(u32, Option<u32>, Vec<Untouched>)> {
    let band = |(place, from): (usize, &u32)| {
        let to = BANDS.get(place + 1).copied();
        let is_in = |(untouched, _): &&Untouched| {
            *untouched >= i64::from(*from) * DAY && to.is_none_or(|to| *untouched < i64::from(to) * DAY)
        };
        let mut band: Vec<Untouched> = cell.iter().filter(is_in).copied().collect();
        band.sort_unstable_by_key(|(untouched, id)| (-untouched, *id));
        (*from, to, band)
    };
    BANDS.iter().enumerate().map(band).collect()
}

/// The customers of a cell that are named.
fn shown(cell: &[Untouched]) -> Vec<Untouched> {
    bands(cell).into_iter().flat_map(|(_, _, band)| band.into_iter().take(NAMED)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_begin_with_their_day_and_name_the_longest_untouched_first() {
        let cell: Vec<Untouched> = (0..70).map(|days| (days * DAY, Uuid::from_u128(days as u128))).collect();
        let found = bands(&cell);
        let counts: Vec<usize> = found.iter().map(|(_, _, band)| band.len()).collect();
        assert_eq!(counts, [3, 4, 7, 16, 30, 10]);
        assert_eq!((found[1].2[0].0, found[1].2[3].0), (6 * DAY, 3 * DAY));
        assert_eq!(shown(&cell).len(), 3 + 4 + 7 + 16 + 20 + 10);
    }
}
