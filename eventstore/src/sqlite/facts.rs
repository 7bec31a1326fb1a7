//! Gathers what the database knows that bears on a batch.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Failure, hex, row};
use crate::batch::{Facts, LogHead};
use crate::prepare::Request;
use crate::{Condition, Position, QueryItem, TenantId};

/// The questions of a batch, asked all at once: one way to the database's thread and back. Binds are consumed in the
/// order of the questions.
const FACTS: &str = concat!(
    include_str!("head.sql"),
    include_str!("receipts_known.sql"),
    include_str!("ids_taken.sql"),
    include_str!("keys_known.sql"),
    include_str!("conflicts_by_tag.sql"),
    include_str!("conflicts_by_type.sql"),
);
const HEAD: &str = include_str!("head.sql");

/// Gathers the facts for these requests of one tenant. The caller holds the write lock.
pub(super) async fn gather(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    requests: &[&Request],
) -> Result<Facts, Failure> {
    let conditions = Conditions::of(requests);
    let events = requests.iter().flat_map(|request| &request.events);
    let keys = requests.iter().flat_map(|request| &request.new_keys);
    let tenant = tenant.0.as_bytes().as_slice();
    let rows = sqlx::query(FACTS)
        .bind(tenant)
        .bind(list(requests.iter().filter_map(|request| Some(&request.receipt.as_ref()?.command_id))))
        .bind(tenant)
        .bind(list(events.map(|event| hex(event.id))))
        .bind(tenant)
        .bind(list(keys.map(|key| hex(key.subject))))
        .bind(tenant)
        .bind(tenant)
        .bind(list(&conditions.by_tag))
        .bind(list(&conditions.by_type))
        .bind(tenant)
        .fetch_all(connection)
        .await?;
    let mut facts = Facts::default();
    for found in &rows {
        learn(&mut facts, found)?;
    }
    conditions.learn_unbounded(&mut facts);
    Ok(facts)
}

/// The tenant's head row, or the head of an empty log.
pub(super) async fn head(connection: &mut SqliteConnection, tenant: TenantId) -> Result<LogHead, Failure> {
    let found = sqlx::query(HEAD).bind(tenant.0.as_bytes().as_slice()).fetch_optional(connection).await?;
    found.as_ref().map_or_else(|| Ok(LogHead::default()), |found| Ok(row::head(found)?))
}

/// A list that a statement takes apart with `json_each`.
pub(super) fn list<T: Serialize>(items: impl IntoIterator<Item = T>) -> String {
    // Strings and numbers in sequences always have a JSON form.
    serde_json::to_string(&items.into_iter().collect::<Vec<_>>()).unwrap_or_default()
}

fn learn(facts: &mut Facts, found: &SqliteRow) -> Result<(), Failure> {
    match found.try_get("fact")? {
        "head" => facts.head = row::head(found)?,
        "receipt" => drop(facts.receipts.insert(found.try_get("command_id")?, row::receipt(found)?)),
        "id" => drop(facts.taken_ids.insert(row::uuid(found, "id")?)),
        "key" => {
            let key = row::data_key(found)?;
            facts.keys.insert(key.subject, key);
        }
        _ => {
            let request = usize::try_from(row::natural(found, "request")?).unwrap_or(usize::MAX);
            let position = row::natural(found, "position")?;
            let known = facts.conflicts.entry(request).or_default();
            *known = position.max(*known);
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
            let Some(Condition { query, after }) = &request.condition else { continue };
            for QueryItem { types, tags } in &query.items {
                match (tags.split_first(), types.is_empty()) {
                    (Some((tag, more)), _) => conditions.by_tag.push((index, *after, tag, types, more)),
                    (None, false) => conditions.by_type.push((index, *after, types)),
                    (None, true) => conditions.unbounded.push((index, *after)),
                }
            }
        }
        conditions
    }

    fn learn_unbounded(&self, facts: &mut Facts) {
        let head = facts.head.position();
        for (request, _) in self.unbounded.iter().filter(|(_, after)| *after < head) {
            facts.conflicts.insert(*request, head);
        }
    }
}
