//! What is carried away as files, and by whom.

use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::ExportStarted;
use waymark_eventstore::{Append, Draft, StoreError};

use super::execute::{ATTEMPTS, Freshness};
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
        let mut keys = Freshness::Cached;
        for _ in 0..ATTEMPTS {
            let append = Append::new(caller.tenant, vec![draft.clone()]);
            match self.store.append(self.with_endpoint(caller, append, keys).await?).await {
                Err(StoreError::Conflict { .. }) => keys = Freshness::Current,
                outcome => return outcome.map_err(store_error).map(drop),
            }
        }
        Err(AppError::Contention)
    }
}
