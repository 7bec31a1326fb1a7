//! What is carried away as files, and by whom.

use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::ExportStarted;
use waymark_eventstore::{Append, Draft};

use super::receipts::store_error;
use super::{App, AppError, Caller};

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
        let draft = self.company_draft(caller, &CompanyEvent::ExportStarted(export), (self.clock)())?;
        let draft = Draft { correlation_id: request_id, ..draft };
        let append = self.with_endpoint(caller, Append::new(caller.tenant, vec![draft])).await?;
        self.store.append(append).await.map_err(store_error).map(drop)
    }
}
