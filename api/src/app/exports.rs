//! What is carried away as files, and by whom.

use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::ExportStarted;
use waymark_eventstore::{Append, Draft};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::{App, AppError, BatchError, Caller, CommandMeta};

impl Decision for ExportStarted {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let Request { caller, meta } = request;
        let event = CompanyEvent::ExportStarted(self.clone());
        let draft = app.company_draft(caller, &event, (app.clock)())?;
        let draft = Draft { correlation_id: meta.correlation_id, ..draft };
        let append = Append::new(caller.tenant, vec![draft]);
        Ok(Plan { append, read_to: 0, outcomes: Vec::new(), staged: () })
    }

    async fn committed(&self, _: &App, _: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        Ok(())
    }
}

impl App {
    /// Records that a file is about to be handed out. Without the record there is no file.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub(crate) async fn record_export(
        &self,
        caller: &Caller,
        request_id: Option<Uuid>,
        export: ExportStarted,
    ) -> Result<(), AppError> {
        let meta = CommandMeta { correlation_id: request_id, ..CommandMeta::default() };
        let recorded = self.run(Request { caller, meta: &meta }, &export).await;
        recorded.map(drop).map_err(|stopped| stopped.error)
    }
}
