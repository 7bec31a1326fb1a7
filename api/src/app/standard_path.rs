//! Setting the way that the customers of a pipeline are to go.

use serde_json::Map;
use waymark_domain::pipeline::PipelineEvent;
use waymark_eventstore::Append;

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::StoredOutcome;
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};

/// Another standard path. Of two that are set at once the later one counts: neither depends on the other.
struct SetStandardPath<'a> {
    key: &'a str,
    stages: &'a [String],
}

impl Decision for SetStandardPath<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let read_to = app.store.head(caller.tenant).await?.position;
        app.refresh_definitions(caller.tenant).await?;
        let pipeline = app.pipelines.find(caller.tenant, self.key, None).await?;
        let event = PipelineEvent::StandardPathSet(pipeline.set_standard_path(self.stages)?);
        let draft = app.pipeline_draft(caller, self.key, &event, (app.clock)())?;
        let outcome = StoredOutcome::Done {
            status: 201,
            version: u64::from(pipeline.version),
            events: vec![(draft.id, event.event_type().to_owned())],
            resource: Map::new(),
        };
        let append = Append::new(caller.tenant, vec![draft]);
        Ok(Plan { append, read_to, outcomes: vec![outcome], staged: () })
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.pipelines.folds().current(request.caller.tenant).await.map(drop)
    }
}

impl App {
    /// Says which way the customers of a pipeline are to go.
    ///
    /// # Errors
    /// When it is refused, there is no such pipeline, or the log cannot take it.
    pub async fn set_standard_path(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        key: &str,
        stages: &[String],
    ) -> Result<CommandAnswer, AppError> {
        self.run_single(Request { caller, meta }, &SetStandardPath { key, stages }).await
    }
}
