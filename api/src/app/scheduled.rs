//! What the calendar sets off, once for a period.

use waymark_domain::Actor;
use waymark_domain::automation::{Rules, scheduled};
use waymark_domain::pipeline::PipelineEvent;
use waymark_eventstore::{Append, Query, StoreError, TenantId};

use super::receipts::store_error;
use super::{App, AppError, Caller};

impl App {
    /// Records what the calendar set off in the present periods and is not recorded yet. Answers how much that was. Any
    /// number of processes may do so: a period is recorded once.
    ///
    /// # Errors
    /// When the log fails.
    pub async fn record_scheduled_triggers(&self, tenant: TenantId) -> Result<usize, AppError> {
        let now = (self.clock)();
        let in_force = self.pipelines.in_force(tenant, None).await?;
        let mut set_off = 0;
        for (key, pipeline) in in_force.pipelines.iter() {
            let rules = Rules { pipeline, versions: in_force.versions.get(key).map(AsRef::as_ref) };
            for (event, begins_at) in scheduled(rules, now) {
                let actor = Actor::new(format!("system:{}", event.rule), []);
                let caller = Caller { tenant, actor, via: None, origin: Some("rule") };
                let event = PipelineEvent::Scheduled(event);
                let once =
                    event.tags().into_iter().fold(Query::default(), |query, tag| query.or(Query::tag(tag)));
                let head = self.store.head(tenant).await?.position;
                if !self.store.read_matching(tenant, &once, 0, head, 1).await?.is_empty() {
                    continue;
                }
                let draft = self.pipeline_draft(&caller, key, &event, begins_at)?;
                let append =
                    Append { condition: Some(once.none_after(0)), ..Append::new(tenant, vec![draft]) };
                match self.store.append(append).await {
                    Ok(_) => set_off += 1,
                    // Another process did it at the same moment.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(store_error(error)),
                }
            }
        }
        Ok(set_off)
    }
}
