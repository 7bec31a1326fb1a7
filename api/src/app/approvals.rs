//! Requests for moves and proposals of agents: whose they are, what they say, and their end when nobody settles them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waymark_domain::Actor;
use waymark_domain::customer::command::{Decision, Settle};
use waymark_domain::customer::event::Proposed;
use waymark_domain::customer::{Command, CustomerEvent};
use waymark_domain::tags;
use waymark_eventstore::{Entry, Query, TenantId};
use waymark_projections::board;
use waymark_projections::runtime::Duty;

use super::{App, AppError, Caller, CommandMeta, CustomerCommand};
use crate::automation::clock::ClockWatch;
use crate::rounds::{Rounds, SOON, known_head};

/// When a request that could not be ended is looked at again.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// How many requests are ended at a time.
const BATCH: u32 = 500;

/// A request for approval, as its event tells it.
#[derive(Debug)]
pub struct FoundRequest {
    /// The customer that it is about.
    pub customer: Uuid,
    /// What is proposed, with its personal texts as far as they can be read; none for a request for a move.
    pub proposed: Option<Proposed>,
}

impl App {
    /// A request, if the caller sees the customer that it is about.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or when the log or a key cannot be read.
    pub async fn request(&self, caller: &Caller, request: Uuid) -> Result<FoundRequest, AppError> {
        let found = self.found(caller, tags::approval(request), "approval", request).await?;
        let (customer, entry) = found;
        Ok(FoundRequest { customer, proposed: self.proposed(caller, &entry).await? })
    }

    /// What an entry proposes, with its personal texts opened.
    async fn proposed(&self, caller: &Caller, entry: &Entry) -> Result<Option<Proposed>, AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        if envelope.event_type != "customer.proposed" {
            return Ok(None);
        }
        let document = self.document(caller.tenant, entry, true).await?;
        let data = serde_json::value::to_raw_value(&document["data"]);
        let data = data.map_err(|error| unreadable(error.to_string()))?;
        let event = CustomerEvent::decode(&envelope.event_type, envelope.type_version, &data);
        match event.map_err(|error| unreadable(error.to_string()))? {
            Some(CustomerEvent::Proposed(proposed)) => Ok(Some(proposed)),
            _ => Ok(None),
        }
    }

    /// The customer that a task is about, if the caller sees it.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or when the log cannot be read.
    pub async fn customer_of_task(&self, caller: &Caller, task: Uuid) -> Result<Uuid, AppError> {
        Ok(self.found(caller, tags::task(task), "task", task).await?.0)
    }

    /// What a tag names, and the customer that it is about.
    async fn found(
        &self,
        caller: &Caller,
        tag: String,
        what: &'static str,
        id: Uuid,
    ) -> Result<(Uuid, Entry), AppError> {
        let head = self.store.head(caller.tenant).await?.position;
        let found = self.store.read_matching(caller.tenant, &Query::tag(tag), 0, head, 1).await?;
        let unknown = || AppError::NotFound { what: what.into(), id: id.to_string() };
        let entry = found.into_iter().next().ok_or_else(unknown)?;
        let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
        let customer = envelope.subject.strip_prefix("customer/").and_then(|id| id.parse().ok());
        let customer = customer.ok_or_else(unknown)?;
        // What is about a customer that is not seen is not there either.
        let state = self.load(caller, customer).await?.customer;
        if self.is_visible(caller, &state).await? { Ok((customer, entry)) } else { Err(unknown()) }
    }

    /// Ends the requests of a tenant that nobody settled in time, and returns how many. Each ends at its own
    /// instant, however late it is noticed.
    ///
    /// # Errors
    /// When the log or the read model fails.
    pub async fn expire_requests(&self, tenant: TenantId) -> Result<usize, AppError> {
        let actor = Actor::new("system:approval-expiry", []);
        let caller = Caller { tenant, actor, via: None, origin: Some("rule"), endpoint: None };
        let due = self.projections.board(tenant).await?.approvals_due((self.clock)(), BATCH).await?;
        let mut ended = 0;
        for (request, customer) in due {
            let settle = Settle { request, decision: Decision::Expire, note: None, proposed: None };
            let meta = CommandMeta { causation_id: Some(request), ..CommandMeta::default() };
            let command = CustomerCommand::on(customer, Command::Settle(settle), None);
            match self.execute(&caller, &meta, &command).await {
                Ok(_) => ended += 1,
                // Somebody settled it since the read model saw it, or keeps changing its customer: the next look tells.
                Err(AppError::Refused(_) | AppError::Contention) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    /// As [`Self::expire_requests`], and says when the next one expires.
    async fn expire_requests_and_say_when(
        &self,
        tenant: TenantId,
    ) -> Result<Option<DateTime<Utc>>, AppError> {
        let head = known_head(self, tenant);
        self.expire_requests(tenant).await?;
        let now = (self.clock)();
        let mut board = self.projections.board(tenant).await?;
        let next = board.next_approval_due().await?.map(|next| next.max(now + AGAIN_AFTER));
        // What was not folded yet may expire before.
        let unread = (board.position() < head).then_some(now + SOON);
        Ok(next.into_iter().chain(unread).min())
    }

    /// Ends requests when their time has come and the clock can be believed, until the token is cancelled.
    pub async fn watch_requests(self, clock: Arc<ClockWatch>, stop: CancellationToken) {
        let rounds = Rounds::new(&self, Duty::Upkeep, "requests for approval could not be ended");
        let mut rounds = rounds.and_when_folded(board::NAME).kept_as("approvals");
        while let Some(tenants) = rounds.next_if_believed(&clock, &stop).await {
            for tenant in tenants {
                if stop.is_cancelled() {
                    return;
                }
                rounds.looked(tenant, &self.expire_requests_and_say_when(tenant).await);
            }
        }
    }
}
