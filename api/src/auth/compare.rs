//! The tables of keys, members, receivers and consumers beside what follows from the log, in both directions.
//!
//! The tables of keys and members are a copy of the fold as of a position that stands beside them; they are compared with
//! the fold as of that position, so that what was appended a moment ago, or a crash before the copy was made, is no
//! difference.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use uuid::Uuid;

use super::rights_fold::{apply, query};
use super::store::{AdminStore, KeptKey, KeptMember};
use crate::app::AppError;
use crate::domain::company::CompanyEvent;
use crate::domain::company::rights::Rights as Fold;
use crate::eventstore::{Entry, EventStore, Position, TenantId};
use crate::outbound::endpoint::Endpoint;
use crate::outbound::store::Acknowledged;
use crate::outbound::{OutboundStore, recorded};

/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// A row that is not what the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// The table.
    pub table: &'static str,
    /// The row: a key's id, a member's name, a receiver's id; empty for the table as a whole.
    pub row: String,
    /// The event that says otherwise; none where no event tells of the row.
    pub position: Option<Position>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { table, row, what, .. } = self;
        match self.position {
            Some(position) => write!(f, "{table} {row}: {what} (position {position})"),
            None => write!(f, "{table} {row}: {what}"),
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// How many rows are as the log says.
    pub rows: u64,
    /// The others, those with a position first, by position.
    pub discrepancies: Vec<Discrepancy>,
    /// Whether a program that did not record rights made the database, and this one has not looked after it yet.
    pub unrecorded: bool,
}

/// The rights as of some position, and which event said last of what.
#[derive(Debug, Default)]
struct LogRights {
    fold: Fold,
    by: BTreeMap<String, Position>,
    head: Position,
}

/// The tables, and the log that they are compared with.
pub struct Tables<'a> {
    /// The log.
    pub log: &'a dyn EventStore,
    /// Keys and members.
    pub admin: &'a AdminStore,
    /// Receivers; none where they are not to be compared.
    pub messages: Option<&'a OutboundStore>,
}

impl Tables<'_> {
    /// Compares the tables of a tenant with its log. Changes nothing.
    ///
    /// # Errors
    /// When the log cannot be read. What of the tables cannot be read is a discrepancy.
    pub async fn compare(&self, tenant: TenantId) -> Result<Compared, AppError> {
        // First the copies, then the log: what is appended in between is after the position that the copies name.
        let kept = self.admin.kept(tenant).await;
        let endpoints = match self.messages {
            Some(messages) => messages.endpoints(tenant).await,
            None => Ok(Vec::new()),
        };
        let told = self.told(tenant, None).await?;
        let reached = kept.as_ref().ok().and_then(|kept| kept.reached);
        if reached.is_none() && !told.fold.recorded {
            // A former program's tables lack some of ours, so that they may not be read yet.
            return Ok(Compared { unrecorded: true, ..Compared::default() });
        }
        let mut compared = Compared::default();
        match kept {
            Err(error) => compared.discrepancies.push(unreadable("api_key", &error)),
            Ok(kept) => {
                // After an adoption that a crash cut off from its copies, the tables hold what was adopted.
                let reached = reached.unwrap_or_else(|| told.by.get("rights").copied().unwrap_or(0));
                compared.discrepancies.extend(beyond(reached, told.head));
                let then = self.told(tenant, Some(reached)).await?;
                compared.add(keys(&then, &kept.keys), kept.keys.len());
                compared.add(members(&then, &kept.members), kept.members.len());
            }
        }
        match endpoints {
            Err(error) => compared.discrepancies.push(unreadable("endpoint", &error)),
            Ok(endpoints) => {
                if self.messages.is_some() {
                    compared.add(receivers(&told, &endpoints), endpoints.len());
                }
            }
        }
        if let Some(messages) = self.messages.filter(|_| !told.fold.consumers.is_empty()) {
            match messages.acknowledged(tenant).await {
                Err(error) => compared.discrepancies.push(unreadable("consumer", &error)),
                Ok(rows) => compared.add(consumers(&told, &rows), told.fold.consumers.len()),
            }
        }
        compared.discrepancies.sort_by_key(|one| (one.position.is_none(), one.position));
        Ok(compared)
    }

    /// What the log says up to a position, or all of it.
    async fn told(&self, tenant: TenantId, until: Option<Position>) -> Result<LogRights, AppError> {
        let head = self.log.head(tenant).await?.position;
        let (until, query) = (until.unwrap_or(head).min(head), query());
        let (mut told, mut after) = (LogRights { head, ..LogRights::default() }, 0);
        while after < until {
            let page = self.log.read_matching(tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                told.hear(entry)?;
            }
            match page.last() {
                Some(last) if page.len() == ENTRIES_PER_PAGE as usize => after = last.position,
                _ => break,
            }
        }
        Ok(told)
    }
}

fn unreadable(table: &'static str, error: &dyn std::fmt::Display) -> Discrepancy {
    Discrepancy { table, row: String::new(), position: None, what: format!("cannot be read: {error}") }
}

impl Compared {
    fn add(&mut self, found: Vec<Discrepancy>, rows: usize) {
        let wrong: BTreeSet<&str> = found.iter().map(|one| one.row.as_str()).collect();
        self.rows += (rows.saturating_sub(wrong.len())) as u64;
        self.discrepancies.extend(found);
    }
}

impl LogRights {
    fn hear(&mut self, entry: &Entry) -> Result<(), AppError> {
        let Some(event) = apply(&mut self.fold, entry)? else { return Ok(()) };
        let (named, keys) = match &event {
            CompanyEvent::RolesSet(event) => (Some(format!("member/{}", event.actor)), BTreeSet::new()),
            CompanyEvent::MemberRemoved(event) => {
                (Some(format!("member/{}", event.actor)), event.keys.clone())
            }
            other => (other.subject(), BTreeSet::new()),
        };
        let keys = keys.into_iter().map(|id| format!("key/{id}"));
        self.by.extend(named.into_iter().chain(keys).map(|name| (name, entry.position)));
        Ok(())
    }
}

fn beyond(reached: Position, head: Position) -> Option<Discrepancy> {
    let what = format!("says {reached}, and the log ends at {head}");
    let row = String::new();
    (reached > head).then_some(Discrepancy { table: "rights_reached", row, position: None, what })
}

fn keys(told: &LogRights, rows: &[KeptKey]) -> Vec<Discrepancy> {
    let by = |id: &Uuid| told.by.get(&format!("key/{id}")).copied();
    let wrong = |id: &Uuid, what: String| Discrepancy {
        table: "api_key",
        row: id.to_string(),
        position: by(id),
        what,
    };
    let there: BTreeMap<Uuid, &KeptKey> = rows.iter().map(|row| (row.id, row)).collect();
    let mut found = Vec::new();
    for (id, key) in &told.fold.keys {
        match there.get(id) {
            None => found.push(wrong(id, "the row is missing".to_owned())),
            Some(row) => {
                let differing = row.differing(key);
                if !differing.is_empty() {
                    found.push(wrong(id, format!("{} not as the log says", differing.join(", "))));
                }
            }
        }
    }
    let unknown = there.keys().filter(|id| !told.fold.keys.contains_key(*id));
    found.extend(unknown.map(|id| wrong(id, "no event tells of the row".to_owned())));
    found
}

fn members(told: &LogRights, rows: &[KeptMember]) -> Vec<Discrepancy> {
    let by = |name: &str| told.by.get(&format!("member/{name}")).copied();
    let wrong = |name: &str, what: String| Discrepancy {
        table: "member",
        row: name.to_owned(),
        position: by(name),
        what,
    };
    let there: BTreeMap<&str, &KeptMember> = rows.iter().map(|row| (row.actor.as_str(), row)).collect();
    let mut found = Vec::new();
    for (name, member) in &told.fold.members {
        match there.get(name.as_str()) {
            None => found.push(wrong(name, "the row is missing".to_owned())),
            Some(row) => {
                let differing = row.differing(member);
                if !differing.is_empty() {
                    found.push(wrong(name, format!("{} not as the log says", differing.join(", "))));
                }
            }
        }
    }
    let unknown = there.keys().filter(|name| !told.fold.members.contains_key(**name));
    found.extend(unknown.map(|name| wrong(name, "no event tells of the row".to_owned())));
    found
}

/// How far a consumer has acknowledged is in no event; but it can be no further than the log goes, nor before its beginning, and
/// it has not begun more often than the log says.
fn consumers(told: &LogRights, rows: &HashMap<Uuid, Acknowledged>) -> Vec<Discrepancy> {
    let known = told.fold.consumers.values();
    let wrong = known.filter_map(|known| {
        let (id, row) = (known.consumer.id, rows.get(&known.consumer.id)?);
        let begun_as_told = row.starts <= known.starts;
        let within =
            row.starts < known.starts || (known.consumer.position..=told.head).contains(&row.position);
        let what = match (begun_as_told, within) {
            (true, true) => return None,
            (false, _) => format!("is of beginning {}, and the log tells of {}", row.starts, known.starts),
            (true, false) => {
                format!(
                    "says {}, and the log goes from {} to {}",
                    row.position, known.consumer.position, told.head
                )
            }
        };
        let position = told.by.get(&format!("consumer/{id}")).copied();
        Some(Discrepancy { table: "consumer", row: id.to_string(), position, what })
    });
    wrong.collect()
}

/// Rows of receivers that were deleted are left over of a crash: nothing is sent there, and the serving process removes them. A
/// receiver without a row is one whose secrets are not here, as in a tenant that was copied: nothing is sent there either,
/// and the serving process records that it is gone.
fn receivers(told: &LogRights, rows: &[Endpoint]) -> Vec<Discrepancy> {
    let by = |id: &Uuid| told.by.get(&format!("receiver/{id}")).copied();
    let wrong = |id: &Uuid, what: &str| Discrepancy {
        table: "endpoint",
        row: id.to_string(),
        position: by(id),
        what: what.to_owned(),
    };
    let there: BTreeMap<Uuid, &Endpoint> = rows.iter().map(|row| (row.id, row)).collect();
    let mut found = Vec::new();
    for (id, known) in &told.fold.receivers {
        let Some(row) = there.get(id) else { continue };
        if recorded(row) != known.receiver {
            found.push(wrong(id, "what was set up is not as the log says"));
        } else if row.disabled.is_some() != known.disabled.is_some() {
            found.push(wrong(id, "whether it is disabled is not as the log says"));
        }
    }
    let unknown = there
        .keys()
        .filter(|id| !told.fold.receivers.contains_key(*id) && !told.fold.deleted_receivers.contains(*id));
    found.extend(unknown.map(|id| wrong(id, "no event tells of the row")));
    found
}
