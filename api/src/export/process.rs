//! What is recorded as an event log of a process: an event is the entering of a stage. Moves are all of them with repeats and
//! corrections told, stays those that began one, and customers the last one of each of their journeys.

use futures::future::BoxFuture;
use uuid::Uuid;
use waymark_projections::board::CustomerReport;
use waymark_projections::dwell::ExportedMove;

use super::customers::{CUSTOMER, Customers, customer_row};
use super::entered::{Entered, attributes};
use super::exporter::Exporter;
use super::ocel::Ocel;
use super::rows::{Moves, Stay, Stays};
use super::table::Cell;
use super::xes::Xes;
use super::{ExportError, ExportRequest, Kind, PieceWriter};

/// The events of the process, page by page; those of a journey follow one another.
enum Entries<'a> {
    Moves(Moves<'a>),
    Stays(Box<Stays<'a>>),
    Customers(Box<Customers<'a>>),
}

type Page = Vec<(Entered, Option<String>)>;

impl<'a> Entries<'a> {
    async fn new(asked: &'a ExportRequest<'a>) -> Result<Self, ExportError> {
        Ok(match asked.export.kind {
            Kind::Events | Kind::Moves => Self::Moves(Moves::new(asked).await?),
            Kind::Stays => Self::Stays(Box::new(Stays::new(asked).await?)),
            Kind::Customers => Self::Customers(Box::new(Customers::new(asked).await?)),
        })
    }

    /// The next page, each event with what its customer is called elsewhere; none after the last.
    async fn page(&mut self) -> Result<Option<Page>, ExportError> {
        Ok(match self {
            Self::Moves(moves) => moves.page().await?.map(|(page, external_ids)| {
                let named = |made: ExportedMove| {
                    let external_id = external_ids.get(&made.customer).cloned();
                    (of_move(made), external_id)
                };
                page.into_iter().map(named).collect()
            }),
            Self::Stays(stays) => stays.page().await?.map(|page| page.into_iter().map(of_stay).collect()),
            Self::Customers(customers) => {
                let pipeline = customers.pipeline();
                let page = customers.page().await?;
                page.map(|page| page.iter().flat_map(|customer| of_customer(customer, pipeline)).collect())
            }
        })
    }
}

fn of_move(mut made: ExportedMove) -> Entered {
    let cells = vec![
        Cell::text(made.sub_status.take()),
        Cell::Text(std::mem::take(&mut made.kind)),
        Cell::count(made.cycle),
        Cell::Boolean(made.repeats),
        Cell::count(made.position),
        Cell::Instant(made.recorded_at),
    ];
    entered(made, cells)
}

fn of_stay(stay: Stay) -> (Entered, Option<String>) {
    let (seconds, is_open) = (stay.seconds(), stay.is_open());
    let Stay { mut made, external_id, visit, left_at, left_to, censored, .. } = stay;
    let cells = vec![
        Cell::text(made.sub_status.take()),
        Cell::count(made.cycle),
        Cell::Integer(visit),
        left_at.map_or(Cell::Empty, Cell::Instant),
        Cell::Number(seconds),
        Cell::Boolean(is_open),
        Cell::text(left_to),
        Cell::text(censored),
    ];
    (entered(made, cells), external_id)
}

fn entered(made: ExportedMove, cells: Vec<Cell>) -> Entered {
    Entered {
        pipeline: made.journey,
        version: made.version,
        customer: made.customer,
        stage: made.stage,
        at: made.at,
        recorded: Some((made.actor, made.event)),
        cells,
    }
}

/// Where a customer stands: in a pipeline, or in all in which it is.
fn of_customer(customer: &CustomerReport, pipeline: Option<&str>) -> Page {
    let asked = |key: &str| pipeline.is_none_or(|pipeline| pipeline == key);
    let journeys = customer.journeys.iter().filter(|journey| asked(&journey.pipeline));
    let entered = journeys.map(|journey| {
        let entered = Entered {
            pipeline: journey.pipeline.clone(),
            version: journey.pipeline_version,
            customer: customer.id,
            stage: journey.stage.clone(),
            at: journey.entered_at.timestamp_micros(),
            recorded: None,
            cells: vec![Cell::text(journey.sub_status.clone()), Cell::count(journey.cycle)],
        };
        (entered, customer.external_id.clone())
    });
    entered.collect()
}

/// XES: a trace a journey; where customers are exported, a trace a customer, with all that their table says of it.
pub(super) struct XesExporter;

impl Exporter for XesExporter {
    fn write<'a>(
        self: Box<Self>,
        asked: &'a ExportRequest<'a>,
        outlet: &'a mut PieceWriter,
    ) -> BoxFuture<'a, Result<(), ExportError>> {
        Box::pin(xes(asked, outlet))
    }
}

/// OCEL: what there is of each type is said before the first object, so that events are read three times.
pub(super) struct OcelExporter;

impl Exporter for OcelExporter {
    fn write<'a>(
        self: Box<Self>,
        asked: &'a ExportRequest<'a>,
        outlet: &'a mut PieceWriter,
    ) -> BoxFuture<'a, Result<(), ExportError>> {
        Box::pin(ocel(asked, outlet))
    }
}

async fn xes(asked: &ExportRequest<'_>, outlet: &mut PieceWriter) -> Result<(), ExportError> {
    let (mut log, mut text) = (Xes::new(attributes(asked.export.kind)), String::new());
    Xes::begin(&mut text);
    if asked.export.kind == Kind::Customers {
        customers_as_traces(asked, &mut log, &mut text, outlet).await?;
    } else {
        let mut entries = Entries::new(asked).await?;
        while let Some(page) = entries.page().await? {
            for (entered, external_id) in &page {
                log.journey(entered, external_id.as_deref(), &mut text);
                log.event(entered, &mut text);
            }
            give(page.len(), &mut text, outlet).await?;
        }
    }
    log.end(&mut text);
    give(0, &mut text, outlet).await
}

async fn customers_as_traces(
    asked: &ExportRequest<'_>,
    log: &mut Xes,
    text: &mut String,
    outlet: &mut PieceWriter,
) -> Result<(), ExportError> {
    let mut customers = Customers::new(asked).await?;
    let pipeline = customers.pipeline();
    while let Some(page) = customers.page().await? {
        for customer in &page {
            log.trace(&customer.id.to_string(), &CUSTOMER, &customer_row(customer, pipeline), text);
            for (entered, _) in of_customer(customer, pipeline) {
                log.event(&entered, text);
            }
        }
        give(page.len(), text, outlet).await?;
    }
    Ok(())
}

async fn ocel(asked: &ExportRequest<'_>, outlet: &mut PieceWriter) -> Result<(), ExportError> {
    let (mut log, mut text) = (Ocel::new(attributes(asked.export.kind)), String::new());
    let of_customers = asked.export.kind == Kind::Customers;
    let mut entries = Entries::new(asked).await?;
    let mut moved = Moved::default();
    while let Some(page) = entries.page().await? {
        for (entered, _) in &page {
            log.note(entered);
            moved.note(entered.customer);
        }
    }
    moved.all_noted();
    log.begin(&mut text);
    let mut customers = Customers::new(asked).await?;
    while let Some(page) = customers.page().await? {
        for customer in &page {
            if moved.take(customer.id) || of_customers {
                log.customer(customer, &mut text);
            }
        }
        give(if of_customers { page.len() } else { 0 }, &mut text, outlet).await?;
    }
    let mut entries = Entries::new(asked).await?;
    let mut last = None;
    while let Some(page) = entries.page().await? {
        for (entered, _) in &page {
            let journey = (entered.pipeline.clone(), entered.customer);
            if last.as_ref() != Some(&journey) {
                if moved.take(entered.customer) {
                    log.bare_customer(entered.customer, &mut text);
                }
                log.journey(entered, &mut text);
                last = Some(journey);
            }
        }
        give(0, &mut text, outlet).await?;
    }
    log.events(&mut text);
    let mut entries = Entries::new(asked).await?;
    while let Some(page) = entries.page().await? {
        for (entered, _) in &page {
            log.event(entered, &mut text);
        }
        give(if of_customers { 0 } else { page.len() }, &mut text, outlet).await?;
    }
    Ocel::end(&mut text);
    give(0, &mut text, outlet).await
}

/// Customers whose events are exported, and which of them were written: sorted, 17 bytes each, for there may be millions.
#[derive(Default)]
struct Moved {
    customers: Vec<Uuid>,
    is_written: Vec<bool>,
}

impl Moved {
    /// Notes a customer. Events of one journey follow one another.
    fn note(&mut self, customer: Uuid) {
        if self.customers.last() != Some(&customer) {
            self.customers.push(customer);
        }
    }

    fn all_noted(&mut self) {
        self.customers.sort_unstable();
        self.customers.dedup();
        self.is_written = vec![false; self.customers.len()];
    }

    /// Whether a customer was noted and is not written yet. From now on it is.
    fn take(&mut self, customer: Uuid) -> bool {
        let Ok(at) = self.customers.binary_search(&customer) else { return false };
        !std::mem::replace(&mut self.is_written[at], true)
    }
}

async fn give(rows: usize, text: &mut String, outlet: &mut PieceWriter) -> Result<(), ExportError> {
    outlet.rows += rows as u64;
    outlet.waiting.extend_from_slice(text.as_bytes());
    text.clear();
    outlet.pass_on().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_customer_is_written_once_in_however_many_journeys_it_is() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let mut moved = Moved::default();
        for customer in [b, b, c, a, b] {
            moved.note(customer);
        }
        moved.all_noted();
        assert_eq!(moved.customers, [a, b, c]);
        assert_eq!(
            [b, a, b, Uuid::from_u128(4), c, a].map(|customer| moved.take(customer)),
            [true, true, false, false, true, false]
        );
    }
}
