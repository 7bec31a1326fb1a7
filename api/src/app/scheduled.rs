//! What the calendar triggers, once for a period.

use chrono::{DateTime, Utc};
use waymark_domain::Actor;
use waymark_domain::automation::{Rules, scheduled};
use waymark_domain::pipeline::PipelineEvent;
use waymark_eventstore::{Append, Query, TenantId};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::StoredOutcome;
use super::{App, AppError, BatchError, Caller, CommandMeta};

/// A trigger of a pipeline's calendar. A period is recorded once, by whichever process comes first.
struct Trigger<'a> {
    pipeline: &'a str,
    event: PipelineEvent,
    begins_at: DateTime<Utc>,
}

impl Decision for Trigger<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let tags = self.event.tags().into_iter();
        let once = tags.fold(Query::default(), |query, tag| query.or(Query::tag(tag)));
        let read_to = app.store.head(caller.tenant).await?.position;
        let is_recorded = !app.store.read_matching(caller.tenant, &once, 0, read_to, 1).await?.is_empty();
        let drafts = match is_recorded {
            true => Vec::new(),
            false => vec![app.pipeline_draft(caller, self.pipeline, &self.event, self.begins_at)?],
        };
        let events = drafts.iter().map(|draft| (draft.id, draft.event_type.to_string())).collect();
        let outcome = StoredOutcome::Done { status: 200, version: 0, events, resource: <_>::default() };
        let append = Append { condition: Some(once.none_after(0)), ..Append::new(caller.tenant, drafts) };
        Ok(Plan { append, read_to, outcomes: vec![outcome], staged: () })
    }

    async fn committed(&self, _: &App, _: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        Ok(())
    }
}

impl App {
    /// Records what the calendar triggered in the present periods and is not recorded yet. Returns how much that was. Any
    /// number of processes may do so: a period is recorded once.
    ///
    /// # Errors
    /// When the log fails.
    pub async fn record_scheduled_triggers(&self, tenant: TenantId) -> Result<usize, AppError> {
        let now = (self.clock)();
        let in_force = self.pipelines.in_force(tenant, None).await?;
        let mut recorded = 0;
        for (key, pipeline) in in_force.pipelines.iter() {
            let versions = in_force.versions.get(key).map(AsRef::as_ref);
            let rules = Rules { pipeline, versions, team: None, at: now };
            for (event, begins_at) in scheduled(rules, now) {
                let actor = Actor::new(format!("system:{}", event.rule), []);
                let caller = Caller { tenant, actor, via: None, origin: Some("rule"), endpoint: None };
                let trigger = Trigger { pipeline: key, event: PipelineEvent::Scheduled(event), begins_at };
                let request = Request { caller: &caller, meta: &CommandMeta::default() };
                let answer = self.run_single(request, &trigger).await?;
                recorded += usize::from(!answer.events.is_empty());
            }
        }
        Ok(recorded)
    }
}
