//! Loads what the database knows that a batch is checked against.

use serde::Serialize;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::failure::Failure;
use super::recent::Log;
use super::row;
use crate::batch::{BatchPrecheck, LogHead};
use crate::ledger::Frontier;
use crate::prepare::Request;
use crate::{Condition, Position, QueryItem, TenantId};

const LOCK_HEAD: &str = include_str!("lock_head.sql");
const FIRST_HEAD: &str = include_str!("first_head.sql");
const PRECHECK: &str = include_str!("precheck.sql");
const DUPLICATES: &str = include_str!("duplicates.sql");

/// Locks the tenant's log to the end of the transaction and says where it ends. Waits for the current holder.
pub(super) async fn lock_head(connection: &mut PgConnection, tenant: TenantId) -> Result<LogHead, Failure> {
    match locked(connection, tenant).await? {
        Some(found) => Ok(row::head(&found)?),
        None => first_head(connection, tenant).await,
    }
}

/// Makes the head of a log that has none, unless somebody else is quicker, and locks it.
async fn first_head(connection: &mut PgConnection, tenant: TenantId) -> Result<LogHead, Failure> {
    let empty = Frontier::default();
    sqlx::query(FIRST_HEAD)
        .bind(tenant.0)
        .bind(empty.to_bytes())
        .bind(empty.root().as_slice())
        .execute(&mut *connection)
        .await?;
    let found = locked(connection, tenant).await?;
    let found = found.ok_or_else(|| Failure::damaged(0, "the head cannot be made"))?;
    Ok(row::head(&found)?)
}

async fn locked(connection: &mut PgConnection, tenant: TenantId) -> Result<Option<PgRow>, Failure> {
    Ok(sqlx::query(LOCK_HEAD).bind(tenant.0).fetch_optional(connection).await?)
}

/// Gathers the facts for these requests of one tenant. The caller has locked the head; where it holds the newest entries of
/// that log, what they can tell is not asked for.
///
/// Which of their commands and events are in the log already is left out: hardly ever one is, and then the batch meets its
/// key. [`load_duplicates`] adds it.
pub(super) async fn load(
    connection: &mut PgConnection,
    tenant: TenantId,
    head: LogHead,
    requests: &[&Request],
    held: Option<&Log>,
) -> Result<BatchPrecheck, Failure> {
    let asked = PrecheckQuery::of(requests, head.position(), held);
    let mut precheck = BatchPrecheck { head, ..BatchPrecheck::default() };
    asked.add_known_conflicts(&mut precheck);
    if asked.nothing() {
        return Ok(precheck);
    }
    let rows = sqlx::query(PRECHECK)
        .bind(tenant.0)
        .bind(&asked.subjects)
        .bind(list(&asked.by_tag))
        .bind(list(&asked.by_type))
        .fetch_all(connection)
        .await?;
    for found in &rows {
        add_row(&mut precheck, found)?;
    }
    Ok(precheck)
}

/// Adds which of the batch's commands and events are in the log already.
pub(super) async fn load_duplicates(
    connection: &mut PgConnection,
    tenant: TenantId,
    requests: &[&Request],
    precheck: &mut BatchPrecheck,
) -> Result<(), Failure> {
    let receipts = requests.iter().filter_map(|request| request.receipt.as_ref());
    let command_ids: Vec<&[u8]> = receipts.map(|receipt| receipt.command_id.as_bytes()).collect();
    let event_ids: Vec<Uuid> =
        requests.iter().flat_map(|request| &request.events).map(|event| event.id).collect();
    if command_ids.is_empty() && event_ids.is_empty() {
        return Ok(());
    }
    let taken = sqlx::query(DUPLICATES).bind(tenant.0).bind(command_ids).bind(event_ids);
    for found in &taken.fetch_all(connection).await? {
        add_row(precheck, found)?;
    }
    Ok(())
}

fn add_row(precheck: &mut BatchPrecheck, found: &PgRow) -> Result<(), Failure> {
    match row::get(found, "fact")? {
        "receipt" => {
            // Of the batch's own ids, which are texts.
            let command_id = String::from_utf8_lossy(row::get(found, "command_id")?).into_owned();
            precheck.receipts.insert(command_id, row::receipt(found)?);
        }
        "id" => drop(precheck.duplicate_ids.insert(row::get(found, "id")?)),
        "key" => {
            let key = row::data_key(found)?;
            precheck.keys.insert(key.subject, key);
        }
        _ => {
            let request = usize::try_from(row::natural(found, "number")?).unwrap_or(usize::MAX);
            let position = row::natural(found, "position")?;
            let known = precheck.conflicts.entry(request).or_default();
            *known = position.max(*known);
        }
    }
    Ok(())
}

/// A list that a statement takes apart with `jsonb_to_recordset`.
pub(super) fn list<T: Serialize>(items: &[T]) -> String {
    // Strings and numbers in sequences always have a JSON form.
    serde_json::to_string(items).unwrap_or_default()
}

/// No event has a tag with a zero byte in it, and the database does not take such a text.
pub(super) fn can_match(item: &QueryItem) -> bool {
    item.tags.iter().all(|tag| !tag.contains('\0'))
}

/// An alternative of a condition, looked up by its first tag.
#[derive(Serialize)]
struct ByTag<'a> {
    request: usize,
    after: Position,
    tag: &'a str,
    types: &'a [String],
    further: &'a [String],
}

/// An alternative of a condition that names no tag, looked up by one of its types.
#[derive(Serialize)]
struct ByType<'a> {
    request: usize,
    after: Position,
    #[serde(rename = "type")]
    event_type: &'a str,
}

/// What a batch asks of the database. Conditions that have seen the whole log ask nothing; those on every event are
/// answered by the head itself.
#[derive(Default)]
struct PrecheckQuery<'a> {
    subjects: Vec<Uuid>,
    by_tag: Vec<ByTag<'a>>,
    by_type: Vec<ByType<'a>>,
    unbounded: Vec<usize>,
    /// By index of the request, what needs no asking.
    told: Vec<(usize, Position)>,
}

impl<'a> PrecheckQuery<'a> {
    fn of(requests: &[&'a Request], head: Position, held: Option<&Log>) -> Self {
        let mut asked = Self::default();
        for (number, request) in requests.iter().enumerate() {
            asked.subjects.extend(request.key_subjects());
            for condition in request.conditions().filter(|condition| condition.after < head) {
                if let Some(held) = held.filter(|held| held.answers(condition)) {
                    asked.told.extend(held.conflict(condition).map(|position| (number, position)));
                    continue;
                }
                let Condition { query, after } = condition;
                let askable = query.items.iter().filter(|item| can_match(item));
                askable.for_each(|item| asked.ask(number, *after, item));
            }
        }
        asked
    }

    fn ask(&mut self, request: usize, after: Position, item: &'a QueryItem) {
        let QueryItem { types, tags } = item;
        match tags.split_first() {
            Some((tag, further)) => self.by_tag.push(ByTag { request, after, tag, types, further }),
            None if types.is_empty() => self.unbounded.push(request),
            None => {
                let by_type = |event_type: &'a String| ByType { request, after, event_type };
                self.by_type.extend(types.iter().map(by_type));
            }
        }
    }

    fn nothing(&self) -> bool {
        self.subjects.is_empty() && self.by_tag.is_empty() && self.by_type.is_empty()
    }

    fn add_known_conflicts(&self, precheck: &mut BatchPrecheck) {
        let head = precheck.head.position();
        let unbounded = self.unbounded.iter().map(|request| (*request, head));
        for (request, position) in unbounded.chain(self.told.iter().copied()) {
            precheck.conflict(request, position);
        }
    }
}
