//! Cold entries whose bytes leave the database, and by whom.

use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::SegmentsArchived;
use waymark_eventstore::Append;

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::{App, AppError, BatchError, Caller, CommandMeta};

impl Decision for SegmentsArchived {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let event = CompanyEvent::SegmentsArchived(self.clone());
        let draft = app.company_draft(caller, &event, (app.clock)())?;
        let archived = Some(self.from..=self.to);
        let append = Append { archived, ..Append::new(caller.tenant, vec![draft]) };
        Ok(Plan { append, read_to: 0, outcomes: Vec::new(), staged: () })
    }

    async fn committed(&self, _: &App, _: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        Ok(())
    }
}

impl App {
    /// Records that entries are in files now, and takes their bytes out of the database in the same transaction.
    ///
    /// # Errors
    /// When the log cannot take it: nothing has left the database then.
    pub(crate) async fn record_archived(
        &self,
        caller: &Caller,
        archived: SegmentsArchived,
    ) -> Result<(), AppError> {
        let meta = CommandMeta::default();
        let recorded = self.run(Request { caller, meta: &meta }, &archived).await;
        recorded.map(drop).map_err(|stopped| stopped.error)
    }
}
