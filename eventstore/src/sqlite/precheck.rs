//! Loads what the database knows that a batch is checked against.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::deferred_tags::{DeferredTagIndex, KnownBounds};
use super::failure::Failure;
use super::hex::hex;
use super::query::{LogBounds, list};
use super::row;
use crate::batch::BatchPrecheck;
use crate::prepare::Request;
use crate::{Condition, Position, QueryItem, TenantId};

/// The questions of a batch, asked all at once: one round trip to the database's thread. Binds are consumed in the
/// order of the questions.
const PRECHECK: &str = concat!(
    include_str!("head.sql"),
    include_str!("receipts_known.sql"),
    include_str!("duplicate_ids.sql"),
    include_str!("keys_known.sql"),
    include_str!("conflicts_by_tag.sql"),
    include_str!("conflicts_by_type.sql"),
);

/// Gathers the facts for these requests of one tenant, and says where the index of tags ends. The caller holds the write
/// lock.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    deferred_tags: &DeferredTagIndex,
    requests: &[&Request],
) -> Result<(BatchPrecheck, Position), Failure> {
    let conditions = Conditions::of(requests);
    let mut known = deferred_tags.known(tenant);
    loop {
        let (mut precheck, indexed) = ask(connection, tenant, requests, &conditions, known).await?;
        let bounds = LogBounds { position: precheck.head.position(), indexed };
        if known.is_some_and(|known| known.bounds != bounds) {
            // Another process has written meanwhile: everything is asked.
            known = None;
            continue;
        }
        conditions.add_unbounded_conflicts(&mut precheck);
        for (request, position) in deferred_tags.conflicts(connection, tenant, bounds, requests).await? {
            precheck.conflict(request, position);
        }
        return Ok((precheck, indexed));
    }
}

/// Asks the database, but for what is known to be outside of the index of tags.
async fn ask(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
    conditions: &Conditions<'_>,
    known: Option<KnownBounds>,
) -> Result<(BatchPrecheck, Position), Failure> {
    let asked = |by_tag: &&ByTag<'_>| known.is_none_or(|known| by_tag.1 < known.all_after);
    let events = requests.iter().flat_map(|request| &request.events);
    let subjects = requests.iter().flat_map(|request| request.key_subjects());
    let id = tenant.0.as_bytes().as_slice();
    let rows = sqlx::query(PRECHECK)
        .bind(id)
        .bind(list(requests.iter().filter_map(|request| Some(&request.receipt.as_ref()?.command_id))))
        .bind(id)
        .bind(list(events.map(|event| hex(event.id))))
        .bind(id)
        .bind(list(subjects.map(hex)))
        .bind(id)
        .bind(id)
        .bind(list(conditions.by_tag.iter().filter(asked)))
        .bind(list(&conditions.by_type))
        .bind(id)
        .fetch_all(connection)
        .await?;
    let (mut precheck, mut indexed) = (BatchPrecheck::default(), 0);
    for found in &rows {
        add_row(&mut precheck, &mut indexed, found)?;
    }
    Ok((precheck, indexed))
}

fn add_row(precheck: &mut BatchPrecheck, indexed: &mut Position, found: &SqliteRow) -> Result<(), Failure> {
    match found.try_get("fact")? {
        "head" => (precheck.head, *indexed) = (row::head(found)?, row::natural(found, "indexed")?),
        "receipt" => drop(precheck.receipts.insert(found.try_get("command_id")?, row::receipt(found)?)),
        "id" => drop(precheck.duplicate_ids.insert(row::uuid(found, "id")?)),
        "key" => {
            let key = row::data_key(found)?;
            precheck.keys.insert(key.subject, key);
        }
        _ => {
            let request = usize::try_from(row::natural(found, "request")?).unwrap_or(usize::MAX);
            precheck.conflict(request, row::natural(found, "position")?);
        }
    }
    Ok(())
}

/// Request, position after which, tag, types, further tags.
type ByTag<'a> = (usize, Position, &'a String, &'a [String], &'a [String]);

/// The alternatives of all conditions: those with tags are looked up by the tag index, those with types alone by
/// the type index; those with neither match every event, so the head itself answers them.
#[derive(Default)]
struct Conditions<'a> {
    by_tag: Vec<ByTag<'a>>,
    by_type: Vec<(usize, Position, &'a [String])>,
    unbounded: Vec<(usize, Position)>,
}

impl<'a> Conditions<'a> {
    fn of(requests: &[&'a Request]) -> Self {
        let mut conditions = Self::default();
        for (index, request) in requests.iter().enumerate() {
            for Condition { query, after } in request.conditions() {
                for QueryItem { types, tags } in &query.items {
                    match (tags.split_first(), types.is_empty()) {
                        (Some((tag, more)), _) => conditions.by_tag.push((index, *after, tag, types, more)),
                        (None, false) => conditions.by_type.push((index, *after, types)),
                        (None, true) => conditions.unbounded.push((index, *after)),
                    }
                }
            }
        }
        conditions
    }

    fn add_unbounded_conflicts(&self, precheck: &mut BatchPrecheck) {
        let head = precheck.head.position();
        for (request, _) in self.unbounded.iter().filter(|(_, after)| *after < head) {
            precheck.conflicts.insert(*request, head);
        }
    }
}
