//! Withdrawing a version of a pipeline before it takes force.

use serde_json::{Map, Value};
use waymark_domain::pipeline::PipelineEvent;
use waymark_domain::pipeline::event::VersionWithdrawn;
use waymark_domain::tags;
use waymark_eventstore::{Append, Query};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::StoredOutcome;
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};

/// Withdraws a version.
struct WithdrawVersion<'a> {
    key: &'a str,
    version: u32,
    reason: Option<&'a str>,
}

impl Decision for WithdrawVersion<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let (caller, version) = (request.caller, self.version);
        let read_to = app.store.head(caller.tenant).await?.position;
        app.refresh_definitions(caller.tenant).await?;
        let versions = app.pipelines.versions(caller.tenant, self.key).await?;
        let now = (app.clock)();
        let missing =
            || AppError::NotFound { what: "pipeline version".into(), id: format!("{} {version}", self.key) };
        versions.may_withdraw(version, self.reason, now).ok_or_else(missing)??;
        let event = PipelineEvent::VersionWithdrawn(VersionWithdrawn {
            pipeline: self.key.to_owned(),
            pipeline_version: version,
            reason: self.reason.map(str::to_owned),
        });
        let draft = app.pipeline_draft(caller, self.key, &event, now)?;
        let outcome = StoredOutcome::Done {
            status: 200,
            version: u64::from(version),
            events: vec![(draft.id, event.event_type().to_owned())],
            resource: Map::from_iter([("key".to_owned(), Value::String(self.key.to_owned()))]),
        };
        // A version that is built on this one meanwhile, and another withdrawal, have the tag.
        let append = Append {
            condition: Some(Query::tag(tags::pipeline(self.key)).none_after(read_to)),
            ..Append::new(caller.tenant, vec![draft])
        };
        Ok(Plan { append, read_to, outcomes: vec![outcome], staged: () })
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.pipelines.folds().current(request.caller.tenant).await.map(drop)
    }
}

impl App {
    /// Withdraws a version of a pipeline that is not in force yet.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), there is no such version, or the log cannot take it.
    pub async fn withdraw_version(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        (key, version): (&str, u32),
        reason: Option<&str>,
    ) -> Result<CommandAnswer, AppError> {
        self.run_single(Request { caller, meta }, &WithdrawVersion { key, version, reason }).await
    }
}
