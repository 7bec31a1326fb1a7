//! Fold-only replay: read, decode and fold the stays of a whole log in memory, beside a bare sequential read.

use std::collections::HashMap;
use std::time::Instant;

use waymark_api::domain::customer::CustomerEvent;
use waymark_api::domain::customer::event::Recorded;
use waymark_api::domain::customer::timeline::Journeys;
use waymark_api::eventstore::{Entry, EventStore, TenantId};
use waymark_tests::Installation;

use crate::Table;
use crate::durable::Bare;
use crate::engine::Engine;

const PAGE: u32 = 1_000;

pub(crate) async fn measure(engine: Engine, installation: &Installation, table: &mut Table) {
    let (bare_entries, bare_seconds) = bare_read(installation).await;
    let (entries, stays, seconds) = replay(engine, installation).await;
    assert_eq!(entries, bare_entries);
    let (ours, bare) = (entries as f64 / seconds, bare_entries as f64 / bare_seconds);
    table.rate("replay: read, decode, fold the stays", ours, format!("{entries} events, {stays} stays"));
    table.rate("floor: bare sequential read", bare, "the same entries, not looked into");
    table.ratio("replay / bare read", ours, bare, 0.5);
}

/// The entries alone, by the same pages.
async fn bare_read(installation: &Installation) -> (usize, f64) {
    let database = Bare::connect(&installation.database()).await;
    let started = Instant::now();
    let (mut position, mut entries, mut bytes) = (0, 0, 0);
    loop {
        let page = database.entries(position, PAGE).await;
        let Some((last, _)) = page.last() else { break };
        position = *last;
        entries += page.len();
        bytes += page.iter().map(|(_, entry)| entry.len()).sum::<usize>();
    }
    assert!(bytes > entries, "entries are not empty");
    (entries, started.elapsed().as_secs_f64())
}

async fn replay(engine: Engine, installation: &Installation) -> (usize, usize, f64) {
    let store = engine.log(installation).await;
    let tenants = store.tenants().await.expect("the tenants are known");
    let started = Instant::now();
    let (mut entries, mut stays) = (0, 0);
    for tenant in tenants {
        let (folded, journeys) = fold(&*store, tenant).await;
        entries += folded;
        stays += journeys.values().map(count_stays).sum::<usize>();
    }
    let seconds = started.elapsed().as_secs_f64();
    store.close().await;
    (entries, stays, seconds)
}

async fn fold(store: &dyn EventStore, tenant: TenantId) -> (usize, HashMap<String, Journeys>) {
    let (mut position, mut entries) = (0, 0);
    let mut journeys: HashMap<String, Journeys> = HashMap::new();
    loop {
        let page = store.read(tenant, position, PAGE).await.expect("the log can be read");
        let Some(last) = page.last() else { return (entries, journeys) };
        position = last.position;
        entries += page.len();
        for entry in &page {
            if let Some((subject, recorded)) = decode(entry) {
                journeys.entry(subject).or_default().apply(&recorded);
            }
        }
    }
}

fn decode(entry: &Entry) -> Option<(String, Recorded<CustomerEvent>)> {
    let envelope = entry.envelope().expect("an entry is a document");
    let event = CustomerEvent::decode(&envelope.event_type, envelope.type_version, envelope.data);
    let recorded = Recorded {
        position: entry.position,
        id: envelope.id,
        effective_at: envelope.effective_at,
        recorded_at: entry.recorded_at,
        actor: envelope.actor.into_owned(),
        origin: envelope.origin.map(std::borrow::Cow::into_owned),
        event: event.expect("a known event")?,
    };
    Some((envelope.subject.into_owned(), recorded))
}

fn count_stays(journeys: &Journeys) -> usize {
    journeys.keys().map(|key| journeys.stays(key).len()).sum()
}
