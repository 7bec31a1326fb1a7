//! Up to where people have read their inboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Map;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::InboxRead;
use waymark_domain::tags;
use waymark_eventstore::{Append, Entry, Position, Query};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::fold_cache::Fold;
use super::receipts::StoredOutcome;
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};

/// The last position that each actor has read.
#[derive(Clone, Default)]
pub(super) struct InboxMarks(Arc<BTreeMap<String, Position>>);

impl Fold for InboxMarks {
    fn query() -> Query {
        Query::tag(tags::INBOX)
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| unreadable(error.to_string()))?;
        if let Some(CompanyEvent::InboxRead(read)) = event {
            let known = Arc::make_mut(&mut self.0).entry(read.actor).or_default();
            *known = read.up_to.max(*known);
        }
        Ok(())
    }
}

/// Somebody has read their inbox up to a place.
struct MarkRead {
    up_to: Position,
}

impl Decision for MarkRead {
    type Staged = ();

    /// What was read stays so: a place before the last one changes nothing.
    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let (marks, read_to) = app.inbox_marks.current(caller.tenant).await?;
        let actor = caller.actor.name.clone();
        let up_to = self.up_to.min(read_to);
        let known = marks.0.get(&actor).copied().unwrap_or_default();
        let outcome = |events| StoredOutcome::Done {
            status: 200,
            version: up_to.max(known),
            events,
            resource: Map::new(),
        };
        let mut append = Append::new(caller.tenant, Vec::new());
        if up_to <= known {
            return Ok(Plan { append, read_to, outcomes: vec![outcome(Vec::new())], staged: () });
        }
        let event = CompanyEvent::InboxRead(InboxRead { actor, up_to });
        let draft = app.company_draft(caller, &event, (app.clock)())?;
        let outcomes = vec![outcome(vec![(draft.id, event.event_type().to_owned())])];
        append.events.push(draft);
        Ok(Plan { append, read_to, outcomes, staged: () })
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.inbox_marks.current(request.caller.tenant).await.map(drop)
    }
}

impl App {
    /// Up to where the caller has read their inbox; 0 where never.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn inbox_read_to(&self, caller: &Caller) -> Result<Position, AppError> {
        let (marks, _) = self.inbox_marks.current(caller.tenant).await?;
        Ok(marks.0.get(&caller.actor.name).copied().unwrap_or_default())
    }

    /// Notes that the caller has read their inbox up to a position, or to the end of the log where that lies beyond it.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub async fn read_inbox(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        up_to: Position,
    ) -> Result<CommandAnswer, AppError> {
        self.run_single(Request { caller, meta }, &MarkRead { up_to }).await
    }
}
