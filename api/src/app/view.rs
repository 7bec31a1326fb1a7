//! A rep looks at a customer of a pool that limits how many may be looked at in a day.
//!
//! A look is a read that appends: the event is what the limit counts by, on whatever node and after whatever restart, and
//! what tells who saw whom.

use uuid::Uuid;
use waymark_domain::customer::{Command, is_counted};
use waymark_eventstore::StoreError;

use super::{App, AppError, Caller, CommandMeta};

/// How often a look is decided again because others changed its boundary.
const ATTEMPTS: u32 = 64;

impl App {
    /// Counts a look at a customer, before it is shown. The same customer counts once on the pool's local date.
    ///
    /// # Errors
    /// When it is refused, since the rep has looked at as many as the pool permits; or the log cannot take it.
    pub async fn count_view(&self, caller: &Caller, customer: Uuid) -> Result<(), AppError> {
        if !is_counted(&caller.actor) {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let boundary = self.load(caller, customer).await?;
            // Who is forgotten or merged is not looked at.
            if boundary.customer.erased || boundary.customer.merged_into.is_some() {
                return Ok(());
            }
            let meta = CommandMeta::default();
            let pending = self.decide(caller, &meta, customer, &boundary, &Command::View, None).await?;
            if pending.append.events.is_empty() {
                return Ok(());
            }
            match self.append(caller, customer, boundary, pending).await {
                Err(AppError::Store(StoreError::Conflict { .. } | StoreError::DeadlinePassed)) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(()),
            }
        }
        Err(AppError::Contention)
    }
}
