//! What the calendar triggers, once for a period, and alerts of shares, once each.

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use waymark_domain::Actor;
use waymark_domain::automation::{Rules, alerted, is_told, next_period, scheduled};
use waymark_domain::pipeline::automation::{ShareDirection, Trigger as RuleTrigger};
use waymark_domain::pipeline::event::ShareAlert;
use waymark_domain::pipeline::{Pipeline, PipelineEvent};
use waymark_eventstore::{Append, Position, Query, TenantId};
use waymark_projections::reports::Definition;
use waymark_projections::reports::alerts::{AlertsQuery, Direction};
use waymark_projections::{AsOf, CohortFilter};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::StoredOutcome;
use super::{App, AppError, BatchError, Caller, CommandMeta};

/// How many local days back an alert may have begun.
const ALERT_DAYS: u64 = 90;
/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 100;

fn waits_for_shares(pipeline: &Pipeline) -> bool {
    let mut triggers = pipeline.automations.iter().map(|rule| &rule.trigger);
    triggers.any(|one| matches!(one, RuleTrigger::ShareAlert { .. }))
}

/// A trigger of a pipeline as a whole. It is recorded once, by whichever process comes first.
struct Trigger<'a> {
    pipeline: &'a str,
    event: PipelineEvent,
    begins_at: DateTime<Utc>,
}

/// What was recorded of a trigger.
enum Recorded {
    /// The same, or nothing that can be it.
    Same,
    /// Nothing of it up to this position.
    NotAfter(Position),
}

impl Trigger<'_> {
    /// Whether it is recorded already.
    async fn recorded(&self, app: &App, tenant: TenantId, once: &Query) -> Result<Recorded, BatchError> {
        let (read_to, mut after) = (app.store.head(tenant).await?.position, 0);
        loop {
            let page = app.store.read_matching(tenant, once, after, read_to, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                after = entry.position;
                let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
                let before =
                    PipelineEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
                        .map_err(|error| AppError::Unreadable(error.to_string()))?;
                let same = match (&self.event, &before) {
                    (PipelineEvent::Alerted(now), Some(PipelineEvent::Alerted(before))) => {
                        is_told(&before.alert, &now.alert)
                    }
                    _ => true,
                };
                if same {
                    return Ok(Recorded::Same);
                }
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(Recorded::NotAfter(read_to));
            }
        }
    }
}

impl Decision for Trigger<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let tags = self.event.tags().into_iter();
        let once = tags.fold(Query::default(), |query, tag| query.or(Query::tag(tag)));
        let (read_to, drafts) = match self.recorded(app, caller.tenant, &once).await? {
            Recorded::Same => (app.store.head(caller.tenant).await?.position, Vec::new()),
            Recorded::NotAfter(read_to) => {
                (read_to, vec![app.pipeline_draft(caller, self.pipeline, &self.event, self.begins_at)?])
            }
        };
        let events = drafts.iter().map(|draft| (draft.id, draft.event_type.to_string())).collect();
        let outcome = StoredOutcome::Done { status: 200, version: 0, events, resource: <_>::default() };
        let append =
            Append { condition: Some(once.none_after(read_to)), ..Append::new(caller.tenant, drafts) };
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
                let rule = event.rule.clone();
                let trigger = Trigger { pipeline: key, event: PipelineEvent::Scheduled(event), begins_at };
                recorded += self.record_trigger(tenant, &rule, &trigger).await?;
            }
        }
        Ok(recorded)
    }

    /// When the calendar may set something off next, after an instant: at a period's beginning, or once other versions are in
    /// force. Never, where no rule waits for that.
    ///
    /// # Errors
    /// When the log fails.
    pub async fn next_scheduled_trigger(
        &self,
        tenant: TenantId,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, AppError> {
        let in_force = self.pipelines.in_force(tenant, None).await?;
        let periods = in_force.pipelines.values().filter_map(|pipeline| next_period(pipeline, now));
        let changes = in_force.versions.values().filter_map(|versions| versions.next_change(now));
        Ok(periods.chain(changes).min())
    }

    /// Whether a rule waits for alerts of shares.
    ///
    /// # Errors
    /// When the log fails.
    pub async fn waits_for_share_alerts(&self, tenant: TenantId) -> Result<bool, AppError> {
        let in_force = self.pipelines.in_force(tenant, None).await?;
        Ok(in_force.pipelines.values().any(|pipeline| waits_for_shares(pipeline)))
    }

    /// Records what alerts of shares that go on have set off and that is not recorded yet. Returns how much that was.
    ///
    /// # Errors
    /// When the log or the read models fail.
    pub async fn record_share_alerts(&self, tenant: TenantId) -> Result<usize, AppError> {
        let now = (self.clock)();
        let in_force = self.pipelines.in_force(tenant, None).await?;
        let mut recorded = 0;
        for (key, pipeline) in in_force.pipelines.iter() {
            if !waits_for_shares(pipeline) {
                continue;
            }
            let Some(versions) = in_force.versions.get(key) else { continue };
            let zone = pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
            let today = self.zones.local(zone, now).date();
            let query = AlertsQuery {
                at: AsOf::known_now(now),
                filter: CohortFilter::default(),
                from: today.checked_sub_days(Days::new(ALERT_DAYS)),
                to: None,
                zone,
                zones: self.zones.clone(),
            };
            let definition = Definition { pipeline: pipeline.clone(), versions: versions.clone() };
            let report = self.projections.reports(tenant).await?.alerts(&definition, &query).await?;
            let rules = Rules { pipeline, versions: Some(versions.as_ref()), team: None, at: now };
            for alert in report.items.into_iter().filter(|alert| alert.until.is_none()) {
                let direction = match alert.direction {
                    Direction::Up => ShareDirection::Up,
                    Direction::Down => ShareDirection::Down,
                };
                let alert = ShareAlert {
                    stage: alert.stage,
                    day: alert.day,
                    noticed_on: today,
                    direction,
                    share: alert.share,
                    baseline: alert.baseline,
                };
                for event in alerted(rules, &alert) {
                    let rule = event.rule.clone();
                    let event = PipelineEvent::Alerted(event);
                    let trigger = Trigger { pipeline: key, event, begins_at: now };
                    recorded += self.record_trigger(tenant, &rule, &trigger).await?;
                }
            }
        }
        Ok(recorded)
    }

    async fn record_trigger(
        &self,
        tenant: TenantId,
        rule: &str,
        trigger: &Trigger<'_>,
    ) -> Result<usize, AppError> {
        let actor = Actor::new(format!("system:{rule}"), []);
        let caller = Caller { tenant, actor, via: None, origin: Some("rule"), endpoint: None };
        let request = Request { caller: &caller, meta: &CommandMeta::default() };
        Ok(usize::from(!self.run_single(request, trigger).await?.events.is_empty()))
    }
}
