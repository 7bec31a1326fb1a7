//! Moves as event logs of a process.

use std::collections::HashSet;

use super::ocel::Ocel;
use super::rows::{Customers, Moves};
use super::xes::Xes;
use super::{Export, ExportError, Outlet};
use crate::app::{App, Caller};

/// XES.
pub(super) async fn xes(
    app: &App,
    caller: &Caller,
    export: &Export,
    outlet: &mut Outlet,
) -> Result<(), ExportError> {
    let (mut log, mut text) = (Xes::default(), String::new());
    Xes::begin(&mut text);
    let mut moves = Moves::new(app, caller, export).await?;
    while let Some((page, external_ids)) = moves.page().await? {
        for made in &page {
            log.event(made, external_ids.get(&made.customer).map(String::as_str), &mut text);
        }
        give(page.len(), &mut text, outlet).await?;
    }
    log.end(&mut text);
    give(0, &mut text, outlet).await
}

/// OCEL: what there is of each type is told before the first object, so moves are read three times.
pub(super) async fn ocel(
    app: &App,
    caller: &Caller,
    export: &Export,
    outlet: &mut Outlet,
) -> Result<(), ExportError> {
    let (mut log, mut text) = (Ocel::default(), String::new());
    let mut moves = Moves::new(app, caller, export).await?;
    let mut moved = HashSet::new();
    while let Some((page, _)) = moves.page().await? {
        for made in &page {
            log.note(made);
            moved.insert(made.customer);
        }
    }
    log.begin(&mut text);
    let mut customers = Customers::new(app, caller, export).await?;
    while let Some(page) = customers.page().await? {
        for customer in page.iter().filter(|customer| moved.remove(&customer.id)) {
            log.customer(customer, &mut text);
        }
        give(0, &mut text, outlet).await?;
    }
    let mut moves = Moves::new(app, caller, export).await?;
    let mut last = None;
    while let Some((page, _)) = moves.page().await? {
        for made in &page {
            if moved.remove(&made.customer) {
                log.bare_customer(made.customer, &mut text);
            }
            let journey = (made.journey.clone(), made.customer);
            if last.as_ref() != Some(&journey) {
                log.journey(made, &mut text);
                last = Some(journey);
            }
        }
        give(0, &mut text, outlet).await?;
    }
    log.events(&mut text);
    let mut moves = Moves::new(app, caller, export).await?;
    while let Some((page, _)) = moves.page().await? {
        for made in &page {
            log.event(made, &mut text);
        }
        give(page.len(), &mut text, outlet).await?;
    }
    Ocel::end(&mut text);
    give(0, &mut text, outlet).await
}

async fn give(rows: usize, text: &mut String, outlet: &mut Outlet) -> Result<(), ExportError> {
    outlet.rows += rows as u64;
    outlet.waiting.extend_from_slice(text.as_bytes());
    text.clear();
    outlet.pass_on().await
}
